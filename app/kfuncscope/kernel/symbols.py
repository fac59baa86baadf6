# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Kernel symbols (kallsyms, System.map, or plain "type name" lines): what can really be attached to (R-7.9, R-11.8)."""

from __future__ import annotations

import re
from array import array
from collections.abc import Iterator, Mapping
from functools import cached_property

from kfuncscope.btf.names import Buffer, NameIndex, Strings, index_bounded, index_fits
from kfuncscope.errors import KernelError

TEXT = frozenset("tTwW")
_FEW_BYTES = 1 << 16  # of text, up to which an index is made without numpy
FEW = 16  # names that are searched in the text, a millisecond or two each, before an index is made
_BLANKS = bytes.maketrans(b"\n\r\t ", bytes(4))


def glob_expression(pattern: str) -> bytes:
    """A pattern with ``*`` and ``?`` as an expression over bytes in which each name ends with NUL.

    What stands between two stars is taken where it first occurs, once and for all: no pattern takes long.
    """
    first, *rest = (re.escape(p.encode()).replace(rb"\?", rb"[^\0]") for p in re.split(r"\*+", pattern))
    if not rest:
        return first
    return first + b"".join(rb"(?>[^\0]*?" + part + b")" for part in rest[:-1]) + rb"[^\0]*" + rest[-1]


class Symbols:
    """The list as one text of words with a NUL between; a name is a word behind a word of one character, its type."""

    def __init__(self, data: bytes, source: str = "symbols", known: Mapping[str, Buffer] | None = None) -> None:
        """``known`` is what ``derived`` gave of ``data`` at another time; then ``data`` is not looked at."""
        text: Buffer
        if known is None:
            if b"\0" in data[:4096] or not re.search(rb"(?m)^(?:[0-9a-fA-F]+ )?[A-Za-z?] \S+", data[:65536]):
                raise KernelError(source, 'not a symbol list: no line is "type name" or "address type name"')
            text = (b"\n" + data + b"\n").translate(_BLANKS)
        else:
            text = known["text"]
        self._text = text
        self._known: dict[str, frozenset[str]] = {}
        self._prefixes: dict[str, bool] = {}
        self._index: tuple[memoryview, NameIndex] | None = None
        self._clones: bytes = b""
        if known is not None:
            names = memoryview(known["names"]).cast("B").cast("I")
            self._index = names, NameIndex(names, [Strings(text, 0)], known)
            self._clones = bytes(known["clones"])

    def derived(self) -> dict[str, bytes]:
        """The text that is searched and its index, for the next opening of the same list."""
        self.prepare()
        assert self._index is not None
        names, index = self._index
        return {"text": bytes(self._text), "names": names.tobytes(), "clones": self._clones, **index.parts()}

    @staticmethod
    def fits(known: Mapping[str, Buffer]) -> bool:
        """Whether what somebody kept is what ``derived`` gives of a text, as far as any search relies on it."""
        if not {"text", "names", "clones"} <= known.keys():
            return False
        text = bytes(known["text"])
        names = memoryview(known["names"]).cast("B").cast("I")
        if bytes(known["clones"][-1:]) != b"\0":
            return False
        inside = not len(names) or (min(names) > 2 and max(names) < len(text) and text[-1:] == b"\0")
        return inside and index_fits(known, len(names), len(text))

    @staticmethod
    def bounded(known: Mapping[str, Buffer]) -> bool:
        """Whether what somebody else made can be used without ``fits``, which takes numpy: see ``Blob.holds``."""
        if not {"text", "names", "clones"} <= known.keys() or len(known["names"]) % 4:
            return False
        ends = all(bytes(known[part][-1:]) == b"\0" for part in ("text", "clones"))
        return ends and index_bounded(known)

    @cached_property
    def has_data(self) -> bool:
        """Whether variables are listed: Debian's own lists and kallsyms without CONFIG_KALLSYMS_ALL hold functions
        only (R-11.10)."""
        return re.search(rb"\0[dDbB]\0[^\0]", self._text) is not None

    def prepare(self) -> None:
        """Make the indexes, some 80 ms for a kernel; done as well once enough names were asked for."""
        if self._index is not None:
            return
        text, strings = self._text, Strings(self._text, 0)
        if len(text) < _FEW_BYTES:
            places = [found.start(1) for found in re.finditer(rb"(?<=\0)[^\0]\0(?=([^\0]*)\0)", text)]
            names = memoryview(array("I", places))
        else:
            import numpy as np

            nuls = strings.nuls()
            names = (nuls[1:-1][np.diff(nuls)[:-1] == 2] + 1).astype(np.uint32).data
        self._index = names, NameIndex(names, [strings])
        dotted: set[tuple[bytes, bytes]] = set()
        for word in set(re.findall(rb"\0[tTwW]\0([^\0.]+\.[^\0]+)", text)):
            dotted.update((word[: dot.start()], word) for dot in re.finditer(rb"\.(?=[A-Za-z])", word))
        # Rows of one text, so that nothing is parsed when it comes from the cache.
        self._clones = b"\0" + b"".join(b"\0%b\0%b\0" % row for row in sorted(dotted))

    def types(self, name: str) -> frozenset[str]:
        """The types (letters) under which a symbol is listed; empty when it is not."""
        known = self._known.get(name)
        if known is None:
            text = self._text
            known = frozenset(chr(text[at - 2]) for at in self._places(name.encode()) if at > 2 and not text[at - 3])
            self._known[name] = known
        return known

    def _places(self, name: bytes) -> list[int]:
        """Where the text has this word."""
        if len(self._known) >= FEW:
            self.prepare()
        if self._index is not None:
            offsets, index = self._index
            return [offsets[i] for i in index.find(name)]
        found: list[int] = []
        needle, at, text = b"\0" + name + b"\0", 0, bytes(self._text)
        while name and (at := text.find(needle, at)) >= 0:
            found.append(at + 1)
            at += len(name) + 1
        return found

    def is_function(self, name: str) -> bool:
        """Listed as code (T, t, W, w)."""
        return bool(self.types(name) & TEXT)

    def has_function_like(self, pattern: str) -> bool:
        """Whether any function's name fits a pattern with ``*`` and ``?``."""
        return re.search(rb"\0[tTwW]\0" + glob_expression(pattern) + rb"\0", self._text) is not None

    def has_prefix(self, prefix: str) -> bool:
        """Whether any name begins so."""
        known = self._prefixes.get(prefix)
        if known is None:
            known = self._prefixes[prefix] = re.search(re.escape(b"\0" + prefix.encode()), self._text) is not None
        return known

    def clones(self, name: str) -> list[str]:
        """Compiler's clones of a function: ``name.isra.0``, ``name.constprop.0``, ``name.cold`` ..."""
        if self._index is not None:
            return sorted(self._indexed_clones(name.encode()))
        found, at, text = set(), 0, bytes(self._text)
        needle = b"\0" + name.encode() + b"."
        while (at := text.find(needle, at)) >= 0:
            end = text.index(b"\0", at + 1)
            if (
                chr(text[at - 1]) in TEXT
                and not text[at - 2]
                and text[at + len(needle) : at + len(needle) + 1].isalpha()
            ):
                found.add(text[at + 1 : end].decode("utf-8", "replace"))
            at = end
        return sorted(found)

    def _indexed_clones(self, name: bytes) -> Iterator[str]:
        rows, needle = self._clones, b"\0\0" + name + b"\0"
        at = rows.find(needle) if name else -1
        while at >= 0 and rows.startswith(needle, at):
            begin = at + len(needle)
            at = rows.index(b"\0", begin)
            yield rows[begin:at].decode("utf-8", "replace")
