# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The section table and symbol names of an ELF file, of either word size and byte order.

Only the tables, because thousands of modules are opened at a time; bpf.elf reads BPF objects in full on top of it.
Written by hand for that alone: pyelftools takes many times as long for the same (``tests/bench/test_bench_elf.py``
measures it), which for the 4,000 modules of a distribution's kernel would be ten seconds in place of a third of one.
What is read of one file at a time goes by pyelftools (``elf.segments``, ``kfuncscope object --elf``), and tests hold
the two readers against each other.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import NamedTuple

from kfuncscope.errors import InputError

EM_BPF = 247
SHF_ALLOC, SHF_EXECINSTR = 2, 4
SHT_NULL, SHT_PROGBITS, SHT_SYMTAB, SHT_RELA, SHT_NOBITS, SHT_REL = 0, 1, 2, 4, 8, 9
_HEADER_64 = 64
_MOST_SECTIONS = 0xFF00
_MOST_SYMBOLS = 1 << 20


class Section(NamedTuple):
    """One section as its header has it; ``offset`` and ``size`` are its place in the file, ``link`` and ``info`` say
    which other sections it refers to."""

    name: str
    type: int
    flags: int
    address: int
    offset: int
    size: int
    link: int
    info: int


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
    flags: int
    sections: tuple[Section, ...]

    def section(self, name: str) -> bytes:
        """Bytes of the first section of that name, empty when there is none."""
        for section in self.sections:
            if section.name == name and section.type != SHT_NOBITS:
                return self.data[section.offset : section.offset + section.size]
        return b""

    def symbols(self, prefix: bytes) -> list[Symbol]:
        """Symbols of .symtab whose name begins with ``prefix``, in file order."""
        table = next((s for s in self.sections if s.type == SHT_SYMTAB), None)
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
                found.append(Symbol(string_at(text, name), section, value, size))
        return found


def string_at(strings: bytes, at: int) -> str:
    """The NUL-terminated string at an offset of a string table; empty behind its end."""
    end = strings.find(b"\0", at)
    return strings[at : end if end >= 0 else len(strings)].decode("utf-8", "replace")


def elf_machine(data: bytes) -> int | None:
    """The e_machine of a 64-bit ELF file, for which 64 bytes of it are enough; None for anything else."""
    if data[:5] != b"\x7fELF\x02" or data[5:6] not in (b"\1", b"\2") or len(data) < _HEADER_64:
        return None
    return int.from_bytes(data[18:20], "little" if data[5] == 1 else "big")


def read_elf(data: bytes, source: str) -> Elf:
    """Parse the header and the section table. Raises InputError when they are damaged or reach out of the file."""
    try:
        return _read(data, source)
    except (struct.error, IndexError) as error:
        raise InputError(source, f"damaged ELF file: {error}") from error


def _read(data: bytes, source: str) -> Elf:
    if data[:4] != b"\x7fELF" or data[4] not in (1, 2) or data[5] not in (1, 2):
        raise InputError(source, "not an ELF file", 0)
    bits, little = 32 * data[4], data[5] == 1
    order = "<" if little else ">"
    kind, machine = struct.unpack_from(order + "HH", data, 16)
    if bits == 64:
        table, flags = struct.unpack_from(order + "QI", data, 0x28)
        entry, count, names_at = struct.unpack_from(order + "HHH", data, 0x3A)
        fields = struct.Struct(order + "IIQQQQII")
    else:
        table, flags = struct.unpack_from(order + "II", data, 0x20)
        entry, count, names_at = struct.unpack_from(order + "HHH", data, 0x2E)
        fields = struct.Struct(order + "IIIIIIII")
    if table == 0 or count == 0:
        return Elf(source, data, bits, little, kind, machine, flags, ())
    if entry < fields.size or count > _MOST_SECTIONS or table + entry * count > len(data):
        raise InputError(source, "section table extends past the end of the file", table)
    rows = [fields.unpack_from(data, table + entry * index) for index in range(count)]
    for index, row in enumerate(rows):
        if row[1] not in (SHT_NULL, SHT_NOBITS) and row[4] + row[5] > len(data):
            raise InputError(source, f"section {index} extends past the end of the file", row[4])
    names = b""
    if names_at < count:
        names = data[rows[names_at][4] : rows[names_at][4] + rows[names_at][5]]
    # sh_name, sh_type, sh_flags, sh_addr, sh_offset, sh_size, sh_link, sh_info, and two more that nobody asks for.
    sections = tuple(Section(string_at(names, row[0]), *row[1:8]) for row in rows)
    return Elf(source, data, bits, little, kind, machine, flags, sections)
