# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Externs: kfuncs, ksym variables and kconfig values that an object expects of the kernel (R-2.7..R-2.13)."""

from __future__ import annotations

from typing import Literal, NamedTuple

from kfuncscope.bpf.elf import STB_WEAK, Elf
from kfuncscope.btf.blob import Blob, essential_name
from kfuncscope.btf.layout import Kind

ExternKind = Literal["kfunc", "ksym", "kconfig"]


class Extern(NamedTuple):
    """One extern. ``kind``: ``kfunc``, ``ksym`` or ``kconfig``; ``type`` its FUNC, or the variable's type.

    ``typed`` is False for a ksym variable of type void, which is looked up in kallsyms and not in BTF. ``lookup`` is
    the name that libbpf searches: the essential name for kfuncs (R-2.8), the full one for variables (R-2.12).
    """

    name: str
    kind: ExternKind
    type: int
    weak: bool
    typed: bool
    lookup: str


def read_externs(elf: Elf, btf: Blob) -> dict[str, Extern]:
    """Externs by name: what the DATASECs ``.ksyms`` and ``.kconfig`` list and the symbol table leaves undefined."""
    undefined = {s.name: s for s in elf.symbols if s.shndx == 0 and s.name}
    externs: dict[str, Extern] = {}
    for section in (".ksyms", ".kconfig"):
        for datasec in btf.sections(section):
            for entry in btf.secvars(datasec):
                name = btf.name(entry.type)
                symbol = undefined.get(name)
                if symbol is None:
                    continue
                weak = symbol.bind == STB_WEAK
                if btf.kind(entry.type) == Kind.FUNC:
                    externs[name] = Extern(name, "kfunc", entry.type, weak, True, essential_name(name))
                else:
                    of = btf.ref(entry.type)
                    typed = btf.kind(btf.skip(of)) != Kind.VOID
                    externs[name] = Extern(name, "ksym" if section == ".ksyms" else "kconfig", of, weak, typed, name)
    return externs
