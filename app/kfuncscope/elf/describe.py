# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""An ELF file for the eye: its header and sections in the words of the ELF specification, which pyelftools has."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from elftools.elf.descriptions import describe_sh_flags
from elftools.elf.enums import ENUM_E_MACHINE, ENUM_E_TYPE, ENUM_SH_TYPE_BASE

from kfuncscope.elf.tables import Elf

_RELOCATIONS = {"REL": (8, 16), "RELA": (12, 24)}  # bytes of an entry in files of 32 and of 64 bits


class SectionRow(NamedTuple):
    """A section: its number, name, type (``PROGBITS``), flags as readelf writes them (``AX``), bytes, relocations."""

    number: int
    name: str
    type: str
    flags: str
    size: int
    relocations: int


def describe_header(elf: Elf) -> str:
    """The header on one line: ``ELF64 little endian, REL, BPF``."""
    words = _word(ENUM_E_TYPE, elf.type, "ET_"), _word(ENUM_E_MACHINE, elf.machine, "EM_")
    return f"ELF{elf.bits} {'little' if elf.little else 'big'} endian, {', '.join(words)}"


def section_rows(elf: Elf) -> list[SectionRow]:
    """Every section but the empty first one, in order of the file."""
    types = [_word(ENUM_SH_TYPE_BASE, section.type, "SHT_") for section in elf.sections]
    counts = [0] * len(elf.sections)
    for section, kind in zip(elf.sections, types, strict=True):
        if kind in _RELOCATIONS and section.info < len(counts):
            counts[section.info] += section.size // _RELOCATIONS[kind][elf.bits == 64]
    return [
        SectionRow(number, s.name, types[number], describe_sh_flags(s.flags), s.size, counts[number])
        for number, s in enumerate(elf.sections)
        if number
    ]


def _word(enum: Mapping[str, Any], number: int, prefix: str) -> str:
    found = (name for name, value in enum.items() if value == number and name.startswith(prefix))
    return next(found, f"{prefix}{number:#x}").removeprefix(prefix)
