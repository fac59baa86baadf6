# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Kernel symbols (kallsyms, System.map, or plain "type name" lines): what can really be attached to (R-7.9, R-11.8)."""

from __future__ import annotations

import re
from functools import cached_property

from kfuncscope.errors import KernelError

TEXT = frozenset("tTwW")
MANY = 400  # names after which an index is quicker than searching the text for each


class Symbols:
    """Answers by searching the text, as only few names are ever asked for."""

    def __init__(self, data: bytes, source: str = "symbols") -> None:
        if b"\0" in data[:4096] or not re.search(rb"(?m)^(?:[0-9a-fA-F]+ )?[A-Za-z?] \S+", data[:65536]):
            raise KernelError(source, 'not a symbol list: no line is "type name" or "address type name"')
        self._data = b"\n" + data
        self._known: dict[str, frozenset[str]] = {}
        # Debian's own lists and kallsyms without CONFIG_KALLSYMS_ALL hold functions only.
        self.has_data = bool(re.search(rb"\n(?:[0-9a-fA-F]+ )?[dDbB] ", self._data))

    def types(self, name: str) -> frozenset[str]:
        """The types (letters) under which a symbol is listed; empty when it is not."""
        known = self._known.get(name)
        if known is None:
            known = frozenset(self._search(name.encode()))
            self._known[name] = known
        return known

    def _search(self, name: bytes) -> list[str]:
        if len(self._known) >= MANY:
            return self._index.get(name, [])
        found, at = [], 0
        needle = b" " + name
        data = self._data
        while (at := data.find(needle, at)) >= 0:
            end = at + len(needle)
            if data[end : end + 1] in (b"\n", b"", b"\t", b" ", b"\r"):
                found.append(chr(data[at - 1]))
            at = end
        return found

    @cached_property
    def _index(self) -> dict[bytes, list[str]]:
        """Every symbol with its types: worth making once many names are asked for."""
        index: dict[bytes, list[str]] = {}
        for line in self._data.split(b"\n"):
            words = line.split(None, 3)
            place = 1 if len(words) > 2 or (len(words) == 2 and len(words[0]) > 1) else 0
            if len(words) > place + 1:
                index.setdefault(words[place + 1], []).append(chr(words[place][0]))
        return index

    def is_function(self, name: str) -> bool:
        """Listed as code (T, t, W, w)."""
        return bool(self.types(name) & TEXT)

    def has_prefix(self, prefix: str) -> bool:
        """Whether any name begins so."""
        return b" " + prefix.encode() in self._data

    def clones(self, name: str) -> list[str]:
        """Compiler's clones of a function: ``name.isra.0``, ``name.constprop.0``, ``name.cold`` ..."""
        found, at = set(), 0
        needle = b" " + name.encode() + b"."
        data = self._data
        while (at := data.find(needle, at)) >= 0:
            end = data.find(b"\n", at)
            text = data[at + 1 : end if end >= 0 else None].split(b"\t")[0].strip()
            if chr(data[at - 1]) in TEXT and data[at + len(needle) : at + len(needle) + 1].isalpha():
                found.add(text.decode("utf-8", "replace"))
            at += len(needle)
        return sorted(found)
