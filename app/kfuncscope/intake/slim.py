# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Leave out of a kernel or module what no reader asks for, before it is kept: mostly DWARF, ten times the rest."""

from __future__ import annotations

import io
import struct

from kfuncscope.elf.tables import SHF_ALLOC, SHT_NOBITS, Elf, Section, read_elf
from kfuncscope.errors import InputError
from kfuncscope.intake.modules import module_sections

_DWARF = (".debug_", ".zdebug_", ".rel.debug_", ".rela.debug_")
_WORTH = 1 << 20
_ALIGN = 16


def slim_module(data: bytes, source: str) -> bytes:
    """The BTF alone of an uncompressed module that has nothing else to tell; else the module as it is."""
    try:
        sections = module_sections(data, source)
    except InputError:
        return data
    return data if sections.btf_ids or sections.btf_base or not sections.btf else sections.btf


def slim_vmlinux(data: bytes, source: str) -> bytes:
    """A vmlinux ELF whose DWARF sections have become empty, or ``data`` itself where that saves less than 1 MiB.

    What is loaded must end before the first of them, as linkers place it: so program headers and addresses stay true.
    """
    try:
        elf = read_elf(data, source)
    except InputError:
        return data
    start = min((s.offset for s in elf.sections if _is_dwarf(s)), default=len(data))
    kept = [s for s in elf.sections if s.type not in (0, SHT_NOBITS) and not _is_dwarf(s)]
    if any(s.offset + s.size > start and (s.offset < start or s.flags & SHF_ALLOC) for s in kept):
        return data
    # Also a table whose sections share bytes, which would be copied once for each, saves nothing.
    if len(data) - start - sum(s.size + _ALIGN for s in kept if s.offset >= start) < _WORTH:
        return data
    return _without_dwarf(elf, start)


def _is_dwarf(section: Section) -> bool:
    return section.name.startswith(_DWARF) and section.type != SHT_NOBITS and not section.flags & SHF_ALLOC


def _without_dwarf(elf: Elf, start: int) -> bytes:
    """The file up to ``start``, then the other sections and a table that tells their new places."""
    order = "<" if elf.little else ">"
    # Where the header has the table's offset and the size of an entry, and an entry the section's offset.
    word, header, entry_at, offset_at = ("Q", 0x28, 0x3A, 24) if elf.bits == 64 else ("I", 0x20, 0x2E, 16)
    table = struct.unpack_from(order + word, elf.data, header)[0]
    entry = struct.unpack_from(order + "H", elf.data, entry_at)[0]
    rows = bytearray(elf.data[table : table + entry * len(elf.sections)])
    out = io.BytesIO()
    out.write(memoryview(elf.data)[:start])
    for index, section in enumerate(elf.sections):
        place = entry * index + offset_at
        if _is_dwarf(section):
            struct.pack_into(order + word * 2, rows, place, start, 0)
        elif section.offset >= start and section.type not in (0, SHT_NOBITS):
            out.write(bytes(-out.tell() % _ALIGN))
            struct.pack_into(order + word, rows, place, out.tell())
            out.write(memoryview(elf.data)[section.offset : section.offset + section.size])
    out.write(bytes(-out.tell() % _ALIGN))
    struct.pack_into(order + word, out.getbuffer(), header, out.tell())
    out.write(rows)
    return out.getvalue()
