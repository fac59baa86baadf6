# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The section table and symbol names of an ELF file, of either word size and byte order.

Only what intake needs, because thousands of modules are opened at a time; bpf.object reads BPF objects in full.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from kfuncscope.errors import InputError

_NOBITS = 8
_MOST_SECTIONS = 0xFF00
_MOST_SYMBOLS = 1 << 20


@dataclass(frozen=True, slots=True)
class Section:
    """One section: its name, ``sh_type``, place in the file (offset, size), address, linked section and entry size."""

    name: str
    type: int
    offset: int
    size: int
    address: int
    link: int


@dataclass(frozen=True, slots=True)
class Symbol:
    """One symbol by name: section index, value (an offset into the section in a relocatable file) and size."""

    name: str
    section: int
    value: int
    size: int


@dataclass(frozen=True, slots=True)
class Elf:
    """An ELF file's header fields and sections over its untouched bytes."""

    source: str
    data: bytes
    bits: int
    little: bool
    type: int
    machine: int
    sections: tuple[Section, ...]

    def section(self, name: str) -> bytes:
        """Bytes of the first section of that name, empty when there is none."""
        for section in self.sections:
            if section.name == name and section.type != _NOBITS:
                return self.data[section.offset : section.offset + section.size]
        return b""

    def symbols(self, prefix: bytes) -> list[Symbol]:
        """Symbols of .symtab whose name begins with ``prefix``, in file order."""
        table = next((s for s in self.sections if s.type == 2), None)
        if table is None or table.link >= len(self.sections):
            return []
        names = self.sections[table.link]
        text = self.data[names.offset : names.offset + names.size]
        # Most files have none of the asked names; looking for the text first saves walking the table.
        if prefix not in text:
            return []
        order = "<" if self.little else ">"
        fields = struct.Struct(order + ("IBBHQQ" if self.bits == 64 else "IIIBBH"))
        found: list[Symbol] = []
        end = table.offset + min(table.size, _MOST_SYMBOLS * fields.size)
        for at in range(table.offset, end - fields.size + 1, fields.size):
            if self.bits == 64:
                name, _, _, section, value, size = fields.unpack_from(self.data, at)
            else:
                name, value, size, _, _, section = fields.unpack_from(self.data, at)
            if text.startswith(prefix, name):
                found.append(Symbol(_text(text, name), section, value, size))
        return found


def _text(strings: bytes, at: int) -> str:
    end = strings.find(b"\0", at)
    return strings[at : end if end >= 0 else len(strings)].decode("utf-8", "replace")


def read_elf(data: bytes, source: str) -> Elf:
    """Parse the header and the section table. Raises InputError when they are damaged or reach out of the file."""
    try:
        return _read(data, source)
    except (struct.error, IndexError) as error:
        raise InputError(source, f"damaged ELF file: {error}") from error


def _read(data: bytes, source: str) -> Elf:
    if data[:4] != b"\x7fELF" or data[4] not in (1, 2) or data[5] not in (1, 2):
        raise InputError(source, "no ELF file", 0)
    bits, little = 32 * data[4], data[5] == 1
    order = "<" if little else ">"
    kind, machine = struct.unpack_from(order + "HH", data, 16)
    if bits == 64:
        (table,) = struct.unpack_from(order + "Q", data, 0x28)
        entry, count, names_at = struct.unpack_from(order + "HHH", data, 0x3A)
        fields = struct.Struct(order + "IIQQQQII")
    else:
        (table,) = struct.unpack_from(order + "I", data, 0x20)
        entry, count, names_at = struct.unpack_from(order + "HHH", data, 0x2E)
        fields = struct.Struct(order + "IIIIIIII")
    if table == 0 or count == 0:
        return Elf(source, data, bits, little, kind, machine, ())
    if entry < fields.size or count > _MOST_SECTIONS or table + entry * count > len(data):
        raise InputError(source, "section table reaches out of the file", table)
    rows = [fields.unpack_from(data, table + entry * index) for index in range(count)]
    for index, row in enumerate(rows):
        if row[1] not in (0, _NOBITS) and row[4] + row[5] > len(data):
            raise InputError(source, f"section {index} reaches out of the file", row[4])
    names = b""
    if names_at < count:
        names = data[rows[names_at][4] : rows[names_at][4] + rows[names_at][5]]
    sections = tuple(Section(_text(names, r[0]), r[1], r[4], r[5], r[3], r[6]) for r in rows)
    return Elf(source, data, bits, little, kind, machine, sections)
