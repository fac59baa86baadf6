# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Write 64-bit relocatable ELF files of either byte order, for tests.

elf = ElfWriter("<")                                   # machine=EM_BPF, file type=ET_REL
text = elf.section("fentry/foo", code, flags=EXEC)     # gives the section's index
elf.symbol("prog", text, value=0, size=len(code), bind=GLOBAL, kind=FUNC)
elf.symbol("bpf_bar", UNDEF, bind=WEAK)
elf.rel(text, offset=8, symbol="bpf_bar", kind=R_BPF_64_32)
data = elf.build()
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

EM_BPF = 247
ET_REL = 1
SHT_PROGBITS, SHT_SYMTAB, SHT_STRTAB, SHT_NOBITS, SHT_REL = 1, 2, 3, 8, 9
WRITE, ALLOC, EXEC_ONLY = 1, 2, 4
EXEC = ALLOC | EXEC_ONLY
DATA = ALLOC | WRITE
LOCAL, GLOBAL, WEAK = 0, 1, 2
NOTYPE, OBJECT, FUNC, SECTION = 0, 1, 2, 3
DEFAULT, INTERNAL, HIDDEN = 0, 1, 2
UNDEF, ABS = 0, 0xFFF1
R_BPF_64_64, R_BPF_64_ABS64, R_BPF_64_ABS32, R_BPF_64_NODYLD32, R_BPF_64_32 = 1, 2, 3, 4, 10


@dataclass
class Section:
    """One section; ``size`` differs from the data only for SHT_NOBITS."""

    name: str
    data: bytes
    kind: int = SHT_PROGBITS
    flags: int = 0
    link: int = 0
    info: int = 0
    align: int = 8
    entsize: int = 0
    size: int = 0
    relocations: list[tuple[int, str, int]] = field(default_factory=list)


@dataclass
class Symbol:
    """One symbol; a section symbol has an empty name."""

    name: str
    section: int
    value: int = 0
    size: int = 0
    bind: int = LOCAL
    kind: int = NOTYPE
    visibility: int = DEFAULT


class ElfWriter:
    """An ELF64 file in the making."""

    def __init__(self, endian: str = "<", *, machine: int = EM_BPF, file_type: int = ET_REL, flags: int = 0) -> None:
        self.endian = endian
        self.machine = machine
        self.file_type = file_type
        self.flags = flags
        self.sections: list[Section] = [Section("", b"", kind=0, align=0)]
        self.symbols: list[Symbol] = [Symbol("", 0)]

    def section(
        self, name: str, data: bytes = b"", *, kind: int = SHT_PROGBITS, flags: int = 0, align: int = 8, size: int = 0
    ) -> int:
        """Add a section; its index."""
        self.sections.append(Section(name, data, kind, flags, align=align, size=size or len(data)))
        return len(self.sections) - 1

    def symbol(
        self, name: str, section: int, value: int = 0, size: int = 0, *, bind: int = GLOBAL, kind: int = NOTYPE,
        visibility: int = DEFAULT,
    ) -> None:  # fmt: skip
        """Add a symbol."""
        self.symbols.append(Symbol(name, section, value, size, bind, kind, visibility))

    def rel(self, section: int, offset: int, symbol: str | int, kind: int) -> None:
        """Add a relocation against a symbol's name, or against the symbol of a section (its index)."""
        if isinstance(symbol, int) and not any(s.kind == SECTION and s.section == symbol for s in self.symbols):
            self.symbols.append(Symbol("", symbol, kind=SECTION))
        name = f"\0{symbol}" if isinstance(symbol, int) else symbol
        self.sections[section].relocations.append((offset, name, kind))

    def build(self) -> bytes:
        """The bytes: sections in order, then relocations, symbols, strings, section headers."""
        endian, strings = self.endian, bytearray(b"\0")
        symbols = sorted(self.symbols, key=lambda s: s.bind != LOCAL)
        locals_ = sum(s.bind == LOCAL for s in symbols)
        index = {(f"\0{s.section}" if s.kind == SECTION else s.name): i for i, s in enumerate(symbols)}
        sections = list(self.sections)
        symtab = len(sections) + sum(bool(s.relocations) for s in sections)
        for number, section in enumerate(self.sections):
            if section.relocations:
                data = b"".join(
                    struct.pack(f"{endian}QQ", at, index[name] << 32 | kind) for at, name, kind in section.relocations
                )
                sections.append(Section(f".rel{section.name}", data, SHT_REL, 0, symtab, number, 8, 16, len(data)))

        def text(name: str) -> int:
            at = strings.find(b"\0" + name.encode() + b"\0") + 1
            if at == 0 and name:
                at = len(strings)
                strings.extend(name.encode() + b"\0")
            return at

        table = b"".join(
            struct.pack(f"{endian}IBBHQQ", text(s.name), s.bind << 4 | s.kind, s.visibility, s.section, s.value, s.size)
            for s in symbols
        )
        strtab = len(sections) + 1
        sections.append(Section(".symtab", table, SHT_SYMTAB, 0, strtab, locals_, 8, 24, len(table)))
        names = [text(s.name) for s in sections] + [text(".strtab")]
        sections.append(Section(".strtab", bytes(strings), SHT_STRTAB, align=1, size=len(strings)))
        return self._lay_out(sections, names, strtab)

    def _lay_out(self, sections: list[Section], names: list[int], strtab: int) -> bytes:
        endian, out, headers = self.endian, bytearray(64), b""
        for section, name in zip(sections, names, strict=True):
            out += bytes(-len(out) % max(section.align, 1))
            headers += struct.pack(
                f"{endian}IIQQQQIIQQ", name, section.kind, section.flags, 0, len(out) if section.kind else 0,
                section.size or len(section.data), section.link, section.info, section.align, section.entsize,
            )  # fmt: skip
            out += section.data
        out += bytes(-len(out) % 8)
        ident = b"\x7fELF" + bytes([2, 1 if endian == "<" else 2, 1]) + bytes(9)
        out[:64] = ident + struct.pack(
            f"{endian}HHIQQQIHHHHHH", self.file_type, self.machine, 1, 0, 0, len(out), self.flags, 64, 0, 0, 64,
            len(sections), strtab,
        )  # fmt: skip
        return bytes(out) + headers
