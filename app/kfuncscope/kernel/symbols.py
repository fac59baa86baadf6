# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Kernel symbols (kallsyms, System.map, or plain "type name" lines): what can really be attached to (R-7.9, R-11.8)."""

from __future__ import annotations

import re
from functools import cached_property
from typing import Any

import numpy as np

from kfuncscope.btf.names import NameIndex, Strings
from kfuncscope.errors import KernelError

TEXT = frozenset("tTwW")
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

    def __init__(self, data: bytes, source: str = "symbols", text: bytes = b"") -> None:
        """``text`` is what ``derived`` gave of ``data`` at another time; then ``data`` is not looked at."""
        if not text:
            if b"\0" in data[:4096] or not re.search(rb"(?m)^(?:[0-9a-fA-F]+ )?[A-Za-z?] \S+", data[:65536]):
                raise KernelError(source, 'not a symbol list: no line is "type name" or "address type name"')
            text = (b"\n" + data + b"\n").translate(_BLANKS)
        self._text = text
        self._known: dict[str, frozenset[str]] = {}
        self._prefixes: dict[str, bool] = {}
        self._index: tuple[np.ndarray[Any, np.dtype[np.uint32]], NameIndex] | None = None
        self._clones: dict[bytes, list[str]] = {}

    def derived(self) -> bytes:
        """The text that is searched, for the next opening of the same list."""
        return self._text

    @cached_property
    def has_data(self) -> bool:
        """Whether variables are listed: Debian's own lists and kallsyms without CONFIG_KALLSYMS_ALL hold functions
        only (R-11.10)."""
        return re.search(rb"\0[dDbB]\0[^\0]", self._text) is not None

    def prepare(self) -> None:
        """Make the indexes, some 80 ms for a kernel; done as well once enough names were asked for."""
        if self._index is not None:
            return
        strings = Strings(self._text, 0)
        nuls = strings.nuls()
        names = (nuls[1:-1][np.diff(nuls)[:-1] == 2] + 1).astype(np.uint32)
        self._index = names, NameIndex(names, [strings])
        for word in set(re.findall(rb"\0[tTwW]\0([^\0.]+\.[^\0]+)", self._text)):
            for dot in re.finditer(rb"\.(?=[A-Za-z])", word):
                self._clones.setdefault(word[: dot.start()], []).append(word.decode("utf-8", "replace"))

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
            places: list[int] = offsets[index.find(name)].tolist()
            return places
        found: list[int] = []
        needle, at = b"\0" + name + b"\0", 0
        while name and (at := self._text.find(needle, at)) >= 0:
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
            known = self._prefixes[prefix] = b"\0" + prefix.encode() in self._text
        return known

    def clones(self, name: str) -> list[str]:
        """Compiler's clones of a function: ``name.isra.0``, ``name.constprop.0``, ``name.cold`` ..."""
        if self._index is not None:
            return sorted(self._clones.get(name.encode(), ()))
        found, at, text = set(), 0, self._text
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
