# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""struct_ops maps: the operation tables that an object fills in (R-7.1..R-7.3)."""

from __future__ import annotations

from typing import NamedTuple

from kfuncscope.bpf.elf import STT_FUNC, STT_SECTION, Elf
from kfuncscope.btf.blob import Blob, Member, essential_name


class OpsMember(NamedTuple):
    """A member of the local table: the BTF member, its bytes, and the program whose address it holds (or none)."""

    member: Member
    data: bytes
    program: str

    @property
    def zero(self) -> bool:
        """No program, and all bytes zero: libbpf skips such a member when the kernel lacks it (R-7.2)."""
        return not self.program and not any(self.data)


class StructOps(NamedTuple):
    """One struct_ops map. ``kernel_type`` is the essential name of the local type; ``optional`` for ``?`` sections,
    ``link`` for those whose table is attached by a link (``.struct_ops.link``)."""

    name: str
    type: int
    kernel_type: str
    optional: bool
    link: bool
    members: tuple[OpsMember, ...]


def read_struct_ops(elf: Elf, btf: Blob) -> list[StructOps]:
    """Every VAR of the ``.struct_ops*`` data sections."""
    found = []
    for name in (".struct_ops", ".struct_ops.link", "?.struct_ops", "?.struct_ops.link"):
        section = elf.section(name)
        if section is None:
            continue
        programs = {}
        for offset, symbol_index, _ in elf.relocations.get(section.number, []):
            symbol = elf.symbols[symbol_index]
            if symbol.type == STT_FUNC:
                programs[offset] = symbol.name
        # Compilers leave the offsets of a DATASEC 0; libbpf takes them from the symbols.
        places = {s.name: s.value for s in elf.symbols if s.shndx == section.number and s.type != STT_SECTION}
        for datasec in btf.sections(name):
            for entry in btf.secvars(datasec):
                offset = places.get(btf.name(entry.type), entry.offset)
                found.append(_table(btf, entry.type, offset, section.data, programs, name))
    return found


def _table(btf: Blob, var: int, offset: int, data: bytes, programs: dict[int, str], section: str) -> StructOps:
    type_id = btf.skip(btf.ref(var))
    members = []
    for member in btf.members(type_id):
        start = offset + member.bit_offset // 8
        size = btf.size(member.type)
        members.append(OpsMember(member, data[start : start + size], programs.get(start, "")))
    optional, link = section.startswith("?"), section.endswith(".link")
    return StructOps(btf.name(var), type_id, essential_name(btf.name(type_id)), optional, link, tuple(members))
