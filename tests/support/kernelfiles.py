# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A small kernel's files in tests: vmlinux, config, symbols and modules with split BTF."""

from __future__ import annotations

import struct

from support.btfwriter import BtfWriter
from support.elfwriter import ElfWriter

RELEASE = "6.12.107+test-amd64"
SYMBOLS = b"".join(b"ffffffff81%06x T function_%d\n" % (n * 16, n) for n in range(200))


def base(endian: str = "<") -> BtfWriter:
    """The kernel's own types: functions, and a struct that modules use."""
    made = BtfWriter(endian)
    whole = made.int_("int", 4, signed=True)
    proto = made.proto(whole, [("flags", whole)])
    made.struct("shared", [("module_probe", whole)], 4)
    for number in range(30):
        made.func(f"function_{number}", proto)
    return made


def split(functions: list[str], kernel: BtfWriter | None = None) -> bytes:
    """A module's BTF with functions of these names."""
    made = BtfWriter(base=kernel or base())
    for name in functions:
        made.func(name, made.proto(1))
    return made.build()


def vmlinux(release: str = RELEASE, *, btf: bool = True, machine: int = 62, endian: str = "<") -> bytes:
    """A vmlinux ELF."""
    elf = ElfWriter(endian, machine=machine, file_type=2)
    elf.section(".text", bytes(range(256)) * 300)
    elf.section(".rodata", f"Linux version {release} (builder@host) (gcc) #1 SMP\n\0".encode())
    elf.section("__ksymtab", b"x" * 12)
    if btf:
        elf.section(".BTF", base(endian).build())
    return elf.build()


def module(functions: list[str], sets: dict[str, int] | None = None) -> bytes:
    """A .ko: split BTF and kfunc sets, by name with the number of their entries."""
    elf = ElfWriter(machine=62, file_type=1)
    elf.section(".text", b"\xcc" * 64)
    elf.section(".BTF", split(functions))
    ids, symbols = b"", []
    for name, count in (sets or {}).items():
        data = struct.pack("<II", count, 1) + bytes(8 * count)
        symbols.append((name, len(ids), len(data)))
        ids += data
    if ids:
        number = elf.section(".BTF_ids", ids)
        elf.symbol("__BTF_ID__func__other__1", number, 0, 4)
        for name, at, size in symbols:
            elf.symbol(f"__BTF_ID__set8__{name}", number, at, size)
    return elf.build()


def config(version: str = "6.12.107", arch: str = "x86", *options: str) -> bytes:
    """A kernel config."""
    lines = ["#", "# Automatically generated file; DO NOT EDIT.", f"# Linux/{arch} {version} Kernel Configuration", "#"]
    lines += [f"CONFIG_{option}=y" for option in (options or ("X86_64", "64BIT"))]
    return "\n".join(lines).encode() + b"\n"
