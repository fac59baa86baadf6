# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Maps of an object: ``.maps`` definitions in BTF, legacy ``maps`` sections, and data sections (R-2.15)."""

from __future__ import annotations

import struct
from typing import NamedTuple

from kfuncscope.bpf.elf import STT_FUNC, STT_SECTION, Elf, ElfSection
from kfuncscope.btf.blob import Blob
from kfuncscope.btf.layout import Kind
from kfuncscope.elf.tables import SHF_ALLOC, SHT_NOBITS, SHT_PROGBITS

MAP_TYPE_ARRAY = 2
MAP_TYPE_PROG_ARRAY = 3
MAP_TYPE_ARENA = 33
FLAG_NO_PREALLOC = 1 << 0  # BPF_F_NO_PREALLOC
FLAG_LINK = 1 << 13  # BPF_F_LINK, which libbpf sets for the tables of ``.struct_ops.link``
OLDEST_FLAGS = FLAG_LINK - 1  # the flags that every kernel from 6.1 on knows
ARENA_SECTION = ".addr_space.1"
MANAGED = frozenset({"bpf_spin_lock", "bpf_res_spin_lock", "bpf_timer", "bpf_wq", "bpf_list_head", "bpf_rb_root"})
POINTER = 8  # bytes of a slot of ``values``, whatever the machine


class Map(NamedTuple):
    """One map. ``type`` is the number of enum bpf_map_type; ``named`` False for maps that stand for a data section.

    ``section`` and ``offset`` are where the definition (or the data) lies in the ELF. ``values`` are the slots that
    the definition fills in, each with the symbol whose address it holds: a program, or a map of a map of maps.
    """

    name: str
    type: int
    key_size: int
    value_size: int
    max_entries: int
    flags: int
    section: str
    offset: int
    named: bool
    values: tuple[tuple[int, str], ...] = ()
    fields: frozenset[str] = frozenset()  # structs of its values that the kernel manages itself, as bpf_timer


def read_maps(elf: Elf, btf: Blob | None) -> dict[str, Map]:
    """Maps by name, in the order of the file."""
    maps: dict[str, Map] = {}
    for one in [*_btf_maps(elf, btf), *_legacy_maps(elf), *_data_maps(elf, btf)]:
        maps.setdefault(one.name, one)
    return maps


def _btf_maps(elf: Elf, btf: Blob | None) -> list[Map]:
    if btf is None:
        return []
    section = elf.section(".maps")
    places = {s.name: s.value for s in elf.symbols if section and s.shndx == section.number and s.type != STT_SECTION}
    found = []
    for datasec in btf.sections(".maps"):
        for entry in btf.secvars(datasec):
            name = btf.name(entry.type)
            definition, offset = btf.skip(btf.ref(entry.type)), places.get(name, entry.offset)
            fields = _fields(btf, definition)
            found.append(
                Map(name, fields.get("type", 0), fields.get("key_size", 0), fields.get("value_size", 0),
                    fields.get("max_entries", 0), fields.get("map_flags", 0), ".maps", offset, True,
                    _values(elf, section, btf, definition, (offset, entry.size)), _managed(btf, definition))
            )  # fmt: skip
    return found


def _values(
    elf: Elf, section: ElfSection | None, btf: Blob, definition: int, place: tuple[int, int]
) -> tuple[tuple[int, str], ...]:
    """Slots of ``values``, the last member of a definition, that relocations fill in (bpf_object__collect_map_relos).

    ``place`` is the definition's offset and size in ``.maps``.
    """
    relocations = elf.relocations.get(section.number, []) if section is not None else []
    members = btf.members(definition) if relocations else []
    if not members or members[-1].name != "values":
        return ()
    start = place[0] + members[-1].bit_offset // 8
    found = [
        ((offset - start) // POINTER, elf.symbols[symbol].name)
        for offset, symbol, _ in relocations
        if start <= offset < place[0] + place[1] and not (offset - start) % POINTER
    ]
    return tuple(sorted(found))


def _fields(btf: Blob, struct_id: int) -> dict[str, int]:
    """Numbers of a map definition: ``__uint(x, n)`` is a pointer to an array of n, ``__type(x, t)`` one to t."""
    fields: dict[str, int] = {}
    for member in btf.members(struct_id):
        pointer = btf.skip(member.type)
        if btf.kind(pointer) != Kind.PTR:
            continue
        target = btf.ref(pointer)
        if member.name in ("key", "value"):
            fields[member.name + "_size"] = btf.size(target)
        elif btf.kind(btf.skip(target)) == Kind.ARRAY:
            fields[member.name] = btf.array(btf.skip(target)).nelems
    return fields


def _managed(btf: Blob, definition: int) -> frozenset[str]:
    """Structs of MANAGED among the members of a map's value; only there does every release look for them."""
    value = next((btf.skip(m.type) for m in btf.members(definition) if m.name == "value"), 0)
    target = btf.skip(btf.ref(value)) if value and btf.kind(value) == Kind.PTR else 0
    members = btf.members(target) if target and btf.kind(target) == Kind.STRUCT else ()
    return frozenset(btf.name(btf.skip(m.type)) for m in members) & MANAGED


def legacy_sections(elf: Elf) -> list[ElfSection]:
    """Sections of map definitions of the old style, which libbpf 1.0 and later refuses."""
    return [
        s
        for s in elf.sections
        if (s.name == "maps" or s.name.startswith("maps/") or s.name.endswith("/maps")) and not s.executable
    ]


def _legacy_maps(elf: Elf) -> list[Map]:
    """``struct bpf_map_def`` in ``maps``, ``maps/NAME`` or ``*/maps``."""
    sections = {s.number: s for s in legacy_sections(elf)}
    found = []
    for symbol in elf.symbols:
        section = sections.get(symbol.shndx)
        if section is None or symbol.type in (STT_SECTION, STT_FUNC) or not symbol.name:
            continue
        raw = section.data[symbol.value : symbol.value + 20]
        if len(raw) == 20:
            kind, key, value, entries, flags = struct.unpack(f"{elf.endian}5I", raw)
            found.append(Map(symbol.name, kind, key, value, entries, flags, section.name, symbol.value, True))
    return found


def _data_maps(elf: Elf, btf: Blob | None) -> list[Map]:
    found = []
    for section in elf.sections:
        name = section.name
        data = name in (".data", ".rodata", ".bss") or name.startswith((".data.", ".rodata.", ".bss."))
        if data and section.type in (SHT_PROGBITS, SHT_NOBITS) and section.flags & SHF_ALLOC and section.size:
            types = [btf.ref(v.type) for s in btf.sections(name) for v in btf.secvars(s)] if btf is not None else []
            held = frozenset(btf.name(btf.skip(t)) for t in types) & MANAGED if btf is not None else frozenset()
            found.append(Map(name, MAP_TYPE_ARRAY, 4, section.size, 1, 0, name, 0, False, (), held))
    return found
