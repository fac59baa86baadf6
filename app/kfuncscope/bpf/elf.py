# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The ELF side of a BPF object: sections, symbols and relocations as small records (spec of objects: ELF container)."""

from __future__ import annotations

import struct
from typing import NamedTuple

from kfuncscope.arch import arch_of_elf
from kfuncscope.elf import tables
from kfuncscope.elf.tables import (
    EM_BPF,
    SHF_ALLOC,
    SHF_EXECINSTR,
    SHT_NOBITS,
    SHT_NULL,
    SHT_PROGBITS,
    SHT_REL,
    SHT_RELA,
    SHT_SYMTAB,
)
from kfuncscope.errors import InputError, ObjectError

STT_NOTYPE, STT_OBJECT, STT_FUNC, STT_SECTION = 0, 1, 2, 3
STB_LOCAL, STB_GLOBAL, STB_WEAK = 0, 1, 2
MAX_SECTIONS = 20_000


class ElfSection(NamedTuple):
    """A section: number, name, type, flags, size and content (empty for NOBITS)."""

    number: int
    name: str
    type: int
    flags: int
    size: int
    data: bytes

    @property
    def executable(self) -> bool:
        """Holds instructions."""
        return self.type == SHT_PROGBITS and bool(self.flags & SHF_EXECINSTR)


class Symbol(NamedTuple):
    """A symbol; ``shndx`` 0 means undefined, ``hidden`` covers internal visibility too."""

    name: str
    value: int
    size: int
    type: int
    bind: int
    shndx: int
    hidden: bool

    @property
    def extern(self) -> bool:
        """Undefined here, and for libbpf something of the kernel (R-2.7)."""
        return self.shndx == 0 and self.type == STT_NOTYPE and self.bind != STB_LOCAL and bool(self.name)


class Elf(NamedTuple):
    """What the object reader needs; relocations by index of the section, if it is loaded: (offset, symbol, type).

    Those of ``.BTF`` and ``.BTF.ext``, which only a linker follows, are many and left out.
    """

    endian: str
    flags: int
    sections: list[ElfSection]
    symbols: list[Symbol]
    relocations: dict[int, list[tuple[int, int, int]]]

    def section(self, name: str) -> ElfSection | None:
        """The first section with this name."""
        return next((s for s in self.sections if s.name == name), None)


def read_elf(data: bytes, source: str) -> Elf:
    """Read a BPF ELF object; ObjectError for anything else."""
    if data[:4] != b"\x7fELF":
        raise ObjectError(source, "not an ELF object", 0)
    try:
        return _read(tables.read_elf(data, source), source)
    except ObjectError:
        raise
    except InputError as error:
        raise ObjectError(source, error.reason, error.offset) from error
    except (struct.error, IndexError) as error:
        raise ObjectError(source, "damaged ELF object: a section refers past the end of a table or the file") from error


def _read(file: tables.Elf, source: str) -> Elf:
    endian = "<" if file.little else ">"
    if file.bits != 64:
        raise ObjectError(source, "a 32-bit ELF object; BPF objects have 64 bits", 4)
    if file.machine != EM_BPF:
        machine = arch_of_elf(file.machine, file.bits, file.little) or f"machine {file.machine}"
        raise ObjectError(source, f"not a BPF object: ELF for {machine}", 18)
    if len(file.sections) > MAX_SECTIONS:
        raise ObjectError(source, f"{len(file.sections)} sections are more than {MAX_SECTIONS}")
    sections = []
    for number, raw in enumerate(file.sections):
        unread = raw.type in (SHT_NULL, SHT_NOBITS) or raw.name.startswith((".debug", ".rel.debug"))
        content = b"" if unread else file.data[raw.offset : raw.offset + raw.size]
        sections.append(ElfSection(number, raw.name, raw.type, raw.flags, raw.size, content))
    symbols: list[Symbol] = []
    relocations: dict[int, list[tuple[int, int, int]]] = {}
    for raw, section in zip(file.sections, sections, strict=True):
        if raw.type == SHT_SYMTAB and not symbols:
            symbols = _symbols(section.data, sections[raw.link].data, endian)
        elif raw.type == SHT_RELA and section.data:
            raise ObjectError(source, f"{raw.name}: relocations with addends do not occur in BPF objects")
        elif raw.type == SHT_REL and section.data and sections[raw.info].flags & (SHF_ALLOC | SHF_EXECINSTR):
            rows = struct.iter_unpack(f"{endian}QQ", section.data[: len(section.data) // 16 * 16])
            relocations.setdefault(raw.info, []).extend((off, info >> 32, info & 0xFFFFFFFF) for off, info in rows)
    for rows_of in relocations.values():
        if any(symbol >= len(symbols) for _, symbol, _ in rows_of):
            raise ObjectError(source, "a relocation names a symbol that does not exist")
    return Elf(endian, file.flags, sections, symbols, relocations)


def _symbols(table: bytes, strings: bytes, endian: str) -> list[Symbol]:
    found = []
    for name, info, other, shndx, value, size in struct.iter_unpack(f"{endian}IBBHQQ", table[: len(table) // 24 * 24]):
        end = strings.find(b"\0", name)
        text = strings[name : end if end >= 0 else None].decode("utf-8", "backslashreplace")
        found.append(Symbol(text, value, size, info & 15, info >> 4, shndx, (other & 3) in (1, 2)))
    return found
