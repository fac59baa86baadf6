# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""DWARF goes, and everything that is asked for stays where the table says."""

from __future__ import annotations

import random
import struct
from pathlib import Path

import pytest

from kfuncscope.elf.tables import read_elf
from kfuncscope.intake.kernels import kernel_files
from kfuncscope.intake.slim import slim_vmlinux
from kfuncscope.storage.cache import default_cache
from support import archivewriter as write
from support import kernelfiles as make
from support.elfwriter import ElfWriter
from support.mutate import mutated

DWARF = random.Random(3).randbytes(3 << 20)
ALLOC = 2


def with_dwarf(endian: str = "<", *, loaded_behind: bool = False) -> bytes:
    """A vmlinux as linkers lay it out: what is loaded, DWARF, symbols, the table."""
    elf = ElfWriter(endian, machine=62 if endian == "<" else 22, file_type=2)
    text = elf.section(".text", bytes(range(256)) * 300, flags=ALLOC)
    elf.section(".rodata", f"Linux version {make.RELEASE} (builder@host) #1 SMP\n\0".encode(), flags=ALLOC)
    elf.section(".BTF", make.base(endian).build(), flags=ALLOC)
    elf.section(".bss", kind=8, flags=ALLOC, size=1 << 30)
    elf.section(".comment", b"a compiler\0")
    elf.section(".debug_info", DWARF)
    elf.section(".debug_gdb_scripts", b"", flags=0)
    if loaded_behind:
        elf.section(".data", b"late" * 100, flags=ALLOC)
    elf.section(".debug_str", DWARF[:1001])
    elf.section(".note", b"a note", flags=0)
    elf.symbol("__BTF_ID__set8__a", text, 16, 24)
    return elf.build()


@pytest.mark.parametrize("endian", "<>")
def test_all_but_dwarf_is_the_same(endian: str) -> None:
    whole = with_dwarf(endian)
    slim = slim_vmlinux(whole, "f")
    assert len(slim) < len(whole) - len(DWARF)
    before, after = read_elf(whole, "f"), read_elf(slim, "f")
    assert [s.name for s in before.sections] == [s.name for s in after.sections]
    for section in before.sections:
        kept = b"" if section.name.startswith(".debug") else before.section(section.name)
        assert after.section(section.name) == kept
    assert before.symbols(b"__BTF_ID__") == after.symbols(b"__BTF_ID__") != []
    assert slim_vmlinux(slim, "f") is slim


def small_word_elf(parts: list[tuple[str, bytes]]) -> bytes:
    """A 32-bit big-endian ELF with these sections."""
    names = b"\0" + b"".join(name.encode() + b"\0" for name, _ in [*parts, (".shstrtab", b"")])
    body, rows = bytes(52), [bytes(40)]
    for name, data in [*parts, (".shstrtab", names)]:
        at = names.index(name.encode() + b"\0")
        rows.append(struct.pack(">10I", at, 1, 0, 0, len(body), len(data), 0, 0, 1, 0))
        body += data
    head = b"\x7fELF\x01\x02\x01" + bytes(9)
    head += struct.pack(">HHIIIIIHHHHHH", 2, 20, 1, 0, 0, len(body), 0, 52, 0, 0, 40, len(rows), len(rows) - 1)
    return head + body[52:] + b"".join(rows)


def test_words_of_32_bits() -> None:
    whole = small_word_elf([(".text", b"text"), (".debug_info", DWARF), (".symtab", b"s" * 33), (".debug_line", b"l")])
    after = read_elf(slim_vmlinux(whole, "f"), "f")
    assert len(after.data) < 500
    assert [after.section(n) for n in (".text", ".debug_info", ".symtab", ".debug_line")] == [
        b"text",
        b"",
        b"s" * 33,
        b"",
    ]


def test_what_is_loaded_does_not_move() -> None:
    whole = with_dwarf(loaded_behind=True)
    assert slim_vmlinux(whole, "f") is whole


def test_little_to_save_is_left() -> None:
    small = make.vmlinux()
    assert slim_vmlinux(small, "f") is small
    assert slim_vmlinux(b"no ELF" * 99, "f") == b"no ELF" * 99


def test_sections_that_share_bytes_do_not_grow_the_file() -> None:
    """Sixty thousand sections of the same 3 MB would be copied one by one."""
    whole = bytearray(with_dwarf())
    elf = read_elf(bytes(whole), "f")
    note = next(i for i, s in enumerate(elf.sections) if s.name == ".note")
    debug = next(s for s in elf.sections if s.name == ".debug_info")
    table = struct.unpack_from("<Q", whole, 0x28)[0]
    struct.pack_into("<QQ", whole, table + 64 * note + 24, debug.offset + 1, debug.size - 1)
    data = bytes(whole)
    assert slim_vmlinux(data, "f") is data


def test_damaged_tables_still_give_an_elf_or_the_bytes() -> None:
    whole = with_dwarf()
    table = struct.unpack_from("<Q", whole, 0x28)[0]
    chance, changed = random.Random(8), 0
    for _ in range(300):
        bad = whole[:table] + mutated(chance, [whole[table:]])
        slim = slim_vmlinux(bad, "f")
        if slim is not bad:
            changed += 1
            assert len(slim) < len(bad)
            assert len(read_elf(slim, "f").sections) == len(read_elf(bad, "f").sections)
    assert changed


def test_a_package_keeps_no_dwarf(tmp_path: Path, own_cache: Path) -> None:
    path = tmp_path / "a.deb"
    path.write_bytes(write.deb({f"usr/lib/debug/boot/vmlinux-{make.RELEASE}": with_dwarf()}))
    (kernel,) = kernel_files([path])
    assert kernel.image is not None
    assert kernel.btf == make.base().build()
    assert len(kernel.image()) < 1 << 20
    assert sum(entry.size for entry in default_cache().entries()) < 1 << 20
