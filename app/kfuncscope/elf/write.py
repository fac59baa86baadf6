# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Write small little-endian ELF objects for BPF, and give sections of one other names."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence

from kfuncscope.errors import InputError

_HEADER = struct.Struct("<16sHHIQQQIHHHHHH")
_SECTION = struct.Struct("<IIQQQQIIQQ")
_SYMBOL = struct.Struct("<IBBHQQ")
_IDENT = b"\x7fELF\x02\x01\x01" + bytes(9)
_PROGBITS, _SYMTAB, _STRTAB = 1, 2, 3
_ALLOC, _EXECINSTR = 2, 4
_GLOBAL_FUNC = 1 << 4 | 2
EM_BPF = 247
NOTE = ".kfuncscope.note"
"""Section whose text the reader of objects shows as a note."""


def bpf_object(programs: Sequence[tuple[str, str, bytes]], data: Mapping[str, bytes]) -> bytes:
    """An object with programs (section, function, code), each in a section of its own, and sections of data."""
    strings, symbols, body = bytearray(b"\0"), bytearray(_SYMBOL.size), bytearray()
    rows: list[tuple[int, int, int, bytes]] = []
    for section, function, code in programs:
        rows.append((_add(strings, section), _PROGBITS, _ALLOC | _EXECINSTR, code))
        symbols += _SYMBOL.pack(_add(strings, function), _GLOBAL_FUNC, 0, len(rows), 0, len(code))
    rows += [(_add(strings, name), _PROGBITS, _ALLOC, content) for name, content in data.items()]
    table = len(rows) + 2
    rows.append((_add(strings, ".symtab"), _SYMTAB, 0, bytes(symbols)))
    names = _add(strings, ".strtab")
    rows.append((names, _STRTAB, 0, bytes(strings)))
    headers = bytearray(_SECTION.size)
    for name, kind, flags, content in rows:
        body += bytes(-len(body) % 8)
        link, info, size = (table, 1, _SYMBOL.size) if kind == _SYMTAB else (0, 0, 0)
        headers += _SECTION.pack(name, kind, flags, 0, _HEADER.size + len(body), len(content), link, info, 8, size)
        body += content
    body += bytes(-len(body) % 8)
    count = len(rows) + 1
    return _head(_HEADER.size + len(body), count, count - 1) + bytes(body) + bytes(headers)


def _add(strings: bytearray, text: str) -> int:
    at = len(strings)
    strings += text.encode() + b"\0"
    return at


def _head(sections_at: int, count: int, names: int) -> bytes:
    return _HEADER.pack(_IDENT, 1, EM_BPF, 1, 0, 0, sections_at, 0, _HEADER.size, 0, 0, _SECTION.size, count, names)


def renamed(data: bytes, names: Mapping[str, str], added: Mapping[str, bytes], source: str) -> bytes:
    """An object with other names for some sections, and sections added that it lacks; everything else as it is."""
    try:
        return _renamed(data, names, added)
    except (struct.error, IndexError, ValueError) as error:
        raise InputError(source, f"damaged ELF object: {error}") from error


def _renamed(data: bytes, names: Mapping[str, str], added: Mapping[str, bytes]) -> bytes:
    *front, _, at, flags, own, _, _, _, count, place = _HEADER.unpack_from(data)
    rows = [list(_SECTION.unpack_from(data, at + _SECTION.size * i)) for i in range(count)]
    old = rows[place]
    strings = bytearray(data[old[4] : old[4] + old[5]])
    known = set()
    for row in rows:
        name = strings[row[0] : strings.index(b"\0", row[0])].decode()
        known.add(name)
        if name in names:
            row[0] = _add(strings, names[name])
    made = bytearray(data) + bytes(-len(data) % 8)
    for name, content in added.items():
        if name not in known:
            rows.append([_add(strings, name), _PROGBITS, _ALLOC, 0, len(made), len(content), 0, 0, 1, 0])
            made += content + bytes(-len(content) % 8)
    rows[place][4:6] = [len(made), len(strings)]
    # Symbols keep the old table where both shared one: its text is the beginning of the new one.
    made += strings + bytes(-len(strings) % 8)
    table = len(made)
    made += b"".join(_SECTION.pack(*row) for row in rows)
    made[: _HEADER.size] = _HEADER.pack(*front, 0, table, flags, own, 0, 0, _SECTION.size, len(rows), place)
    return bytes(made)
