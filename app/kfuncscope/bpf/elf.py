# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The ELF side of a BPF object: sections, symbols and relocations as small records (spec of objects: ELF container)."""

from __future__ import annotations

import io
import struct
from typing import NamedTuple

from elftools.elf.elffile import ELFFile

from kfuncscope.errors import ObjectError

EM_BPF = 247
SHF_ALLOC, SHF_EXECINSTR = 2, 4
SHT_PROGBITS, SHT_NOBITS = 1, 8
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


class Elf(NamedTuple):
    """What the object reader needs; relocations by section index: (offset, symbol index, type)."""

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
        return _read(data, source)
    except ObjectError:
        raise
    except Exception as error:  # the ELF library promises no error class for damaged files
        raise ObjectError(source, f"damaged ELF object: {type(error).__name__}: {error}") from error


def _read(data: bytes, source: str) -> Elf:
    elf = ELFFile(io.BytesIO(data))
    endian = "<" if elf.little_endian else ">"
    if elf.elfclass != 64:
        raise ObjectError(source, "a 32-bit ELF object; BPF objects have 64 bits", 4)
    machine = elf.header["e_machine"]
    if machine not in ("EM_BPF", EM_BPF):
        raise ObjectError(source, f"not a BPF object: ELF for machine {machine}", 18)
    if elf.num_sections() > MAX_SECTIONS:
        raise ObjectError(source, f"{elf.num_sections()} sections are more than {MAX_SECTIONS}")
    sections = []
    links: list[tuple[int, int, int, int]] = []
    for index, raw in enumerate(elf.iter_sections()):
        header = raw.header
        kind = header["sh_type"]
        offset, size = header["sh_offset"], header["sh_size"]
        content = b""
        if kind not in ("SHT_NOBITS", "SHT_NULL"):
            if offset + size > len(data):
                raise ObjectError(source, f"truncated: section {raw.name} ends at {offset + size}", offset)
            if not raw.name.startswith((".debug", ".rel.debug")):
                content = data[offset : offset + size]
        number = {"SHT_PROGBITS": SHT_PROGBITS, "SHT_NOBITS": SHT_NOBITS}.get(kind, -1)
        sections.append(ElfSection(index, raw.name, number, header["sh_flags"], size, content))
        if kind in ("SHT_SYMTAB", "SHT_REL", "SHT_RELA"):
            links.append(
                ({"SHT_SYMTAB": 2, "SHT_REL": 9, "SHT_RELA": 4}[kind], index, header["sh_link"], header["sh_info"])
            )
    symbols: list[Symbol] = []
    relocations: dict[int, list[tuple[int, int, int]]] = {}
    for table, index, link, info in links:
        if table == 2 and not symbols:
            symbols = _symbols(sections[index].data, sections[link].data, endian)
        elif table == 4 and sections[index].data:
            raise ObjectError(source, f"{sections[index].name}: relocations with addends do not occur in BPF objects")
        elif table == 9 and sections[index].data:
            body = sections[index].data
            rows = struct.iter_unpack(f"{endian}QQ", body[: len(body) // 16 * 16])
            relocations.setdefault(info, []).extend((off, r_info >> 32, r_info & 0xFFFFFFFF) for off, r_info in rows)
    for rows_of in relocations.values():
        if any(symbol >= len(symbols) for _, symbol, _ in rows_of):
            raise ObjectError(source, "a relocation names a symbol that does not exist")
    return Elf(endian, elf.header["e_flags"], sections, symbols, relocations)


def _symbols(table: bytes, strings: bytes, endian: str) -> list[Symbol]:
    found = []
    for name, info, other, shndx, value, size in struct.iter_unpack(f"{endian}IBBHQQ", table[: len(table) // 24 * 24]):
        end = strings.find(b"\0", name)
        text = strings[name : end if end >= 0 else None].decode("utf-8", "backslashreplace")
        found.append(Symbol(text, value, size, info & 15, info >> 4, shndx, (other & 3) in (1, 2)))
    return found
