# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The test writers write what compilers do: read back by pyelftools, by libbpf (in bpftool), and by the readers."""

from __future__ import annotations

import io
import json
import shutil
import subprocess
from pathlib import Path

import pytest
from elftools.elf.elffile import ELFFile
from elftools.elf.relocation import RelocationSection

from kfuncscope.btf.blob import Blob
from kfuncscope.btf.declare import prototype
from kfuncscope.btf.ext import CoreRelo, FuncInfo, LineInfo, read_ext
from kfuncscope.btf.layout import Kind
from support import bpfwriter as b
from support.btfwriter import STATIC


def sample(endian: str) -> bytes:
    ob = b.ObjectBuilder(endian)
    task = ob.btf.struct("task_struct", [("pid", ob.s32)])
    ob.extern_func("bpf_bar", ob.btf.proto(ob.s32, [("p", ob.btf.ptr(task))]), weak=True)
    ob.extern_var("init_net").extern_kconfig("CONFIG_HZ", weak=True)
    ob.map("counts", type=1, key=ob.s32, value=ob.u64, max_entries=16)
    ob.variable(".rodata", "flag", b"\1\0\0\0").variable(".bss", "zero", bytes(8), ob.u64)
    ob.subprogram("other", [b.mov(0, 0), b.exit_()])
    ob.subprogram("sub", [b.mov(0, b.Reg(1)), b.exit_()], linkage=STATIC)
    ob.program("?fentry/foo", "first", [b.mov(0, 0), b.exit_()])
    ob.program(
        "?fentry/foo",
        "second",
        [
            b.ld_sym(2, "bpf_bar"),
            b.jmp("==", 2, 0, "out"),
            b.line(b.kfunc("bpf_bar"), 12, "x = bpf_bar(p);"),
            b.core(b.ldx(4, 1, 1, 0), task, "0:0", b.FIELD_BYTE_OFFSET),
            b.subprog("sub", static=True),
            [b.ld_sym(3, "counts"), b.ld_sym(1, "init_net"), b.ld_sym(1, "CONFIG_HZ"), b.ld_sym(4, "flag")],
            b.ld_sym(2, "sub", static=True),
            "out:",
            b.alu32("s>>", 0, 3),
            b.stx(8, 10, -8, 1),
            b.ld_imm64(1, -2),
            b.exit_(),
        ],
    )
    return ob.build()


@pytest.mark.parametrize(
    ("insn", "little", "big"),
    [
        (b.alu("+", 1, 8), "0701000008000000", "0710000000000008"),
        (b.alu("=", 1, b.Reg(6)), "bf61000000000000", "bf16000000000000"),
        (b.alu32("&", 2, -1), "54020000ffffffff", "54200000ffffffff"),
        (b.alu32("=", 3, b.Reg(4), off=8), "bc43080000000000", "bc34000800000000"),
        (b.jmp("==", 1, 0, 3), "1501030000000000", "1510000300000000"),
        (b.jmp("!=", 1, b.Reg(2), -1), "5d21ffff00000000", "5d12ffff00000000"),
        (b.jmp32("==", 1, 0, 3), "1601030000000000", "1610000300000000"),
        (b.jmp32("s<", 1, b.Reg(2), 3), "ce21030000000000", "ce12000300000000"),
        (b.ja(2), "0500020000000000", "0500000200000000"),
        (b.ldx(1, 1, 2, 4), "7121040000000000", "7112000400000000"),
        (b.ldx(2, 1, 2), "6921000000000000", "6912000000000000"),
        (b.ldx(4, 1, 2), "6121000000000000", "6112000000000000"),
        (b.ldx(8, 1, 2), "7921000000000000", "7912000000000000"),
        (b.ldsx(4, 1, 2), "8121000000000000", "8112000000000000"),
        (b.stx(8, 10, -8, 1), "7b1af8ff00000000", "7ba1fff800000000"),
        (b.st(4, 10, -4, 7), "620afcff07000000", "62a0fffc00000007"),
        (b.atomic(8, 1, 0, 2, 1), "db21000001000000", "db12000000000001"),
        (b.call(1), "8500000001000000", "8500000000000001"),
        (b.kfunc("f"), "85100000ffffffff", "85010000ffffffff"),
        (b.call_rel(5), "8510000005000000", "8501000000000005"),
        (b.callx(2), "8d02000000000000", "8d20000000000000"),
        (b.exit_(), "9500000000000000", "9500000000000000"),
    ],
)
def test_instructions_are_encoded_as_the_kernel_reads_them(insn: b.Insn, little: str, big: str) -> None:
    assert b.encode([insn]).hex() == little
    assert b.encode([insn], ">").hex() == big


def section(elf: ELFFile, name: str) -> bytes:
    found = elf.get_section_by_name(name)
    assert found is not None
    data: bytes = found.data()
    return data


@pytest.mark.parametrize("endian", ["<", ">"])
def test_objects_are_read_back(endian: str) -> None:
    elf = ELFFile(io.BytesIO(sample(endian)))
    assert (elf.little_endian, elf["e_machine"], elf["e_type"]) == (endian == "<", "EM_BPF", "ET_REL")
    symbols = {s.name: s for s in elf.get_section_by_name(".symtab").iter_symbols() if s.name}
    shown = {n: (s["st_info"]["bind"], s["st_info"]["type"], s["st_value"], s["st_size"]) for n, s in symbols.items()}
    assert shown == {
        "other": ("STB_GLOBAL", "STT_FUNC", 0, 16),
        "sub": ("STB_LOCAL", "STT_FUNC", 16, 16),
        "first": ("STB_GLOBAL", "STT_FUNC", 0, 16),
        "second": ("STB_GLOBAL", "STT_FUNC", 16, 168),
        "_license": ("STB_GLOBAL", "STT_OBJECT", 0, 4),
        "counts": ("STB_GLOBAL", "STT_OBJECT", 0, 32),
        "flag": ("STB_GLOBAL", "STT_OBJECT", 0, 4),
        "zero": ("STB_GLOBAL", "STT_OBJECT", 0, 8),
        "bpf_bar": ("STB_WEAK", "STT_NOTYPE", 0, 0),
        "init_net": ("STB_GLOBAL", "STT_NOTYPE", 0, 0),
        "CONFIG_HZ": ("STB_WEAK", "STT_NOTYPE", 0, 0),
    }
    relocations = elf.get_section_by_name(".rel?fentry/foo")
    assert isinstance(relocations, RelocationSection)
    symtab = elf.get_section_by_name(".symtab")
    rows = [(r["r_offset"], symtab.get_symbol(r["r_info_sym"]).name, r["r_info_type"]) for r in
            relocations.iter_relocations()]  # fmt: skip
    assert rows == [
        (16, "bpf_bar", 1), (40, "bpf_bar", 10), (56, "", 10), (64, "counts", 1), (80, "init_net", 1),
        (96, "CONFIG_HZ", 1), (112, "flag", 1), (128, "", 1),
    ]  # fmt: skip
    code = section(elf, "?fentry/foo")
    order = "little" if endian == "<" else "big"
    assert code[32] == 0x15  # the guard jumps over the rest to the label
    assert int.from_bytes(code[34:36], order) == 13
    assert int.from_bytes(code[60:64], order, signed=True) == 1  # sub is at instruction 2 of .text: imm is one less
    assert int.from_bytes(code[132:136], order) == 16  # a callback: its byte offset


@pytest.mark.parametrize("endian", ["<", ">"])
def test_btf_of_objects_is_read_back(endian: str) -> None:
    elf = ELFFile(io.BytesIO(sample(endian)))
    blob = Blob(section(elf, ".BTF"), "object")
    ext = read_ext(section(elf, ".BTF.ext"), "object", blob)
    found = blob.first("bpf_bar", Kind.FUNC)
    assert prototype(blob, found) == "int bpf_bar(struct task_struct *p)"
    assert blob.linkage(found) == 2
    assert blob.secvars(blob.first(".ksyms", Kind.DATASEC))[0].type == found
    second = blob.first("second", Kind.FUNC)
    assert ext.func_info["?fentry/foo"][1] == FuncInfo(16, second)
    assert ext.line_info == {"?fentry/foo": [LineInfo(40, "test.bpf.c", "x = bpf_bar(p);", 12, 1)]}
    assert ext.core_relo == {"?fentry/foo": [CoreRelo(48, blob.first("task_struct", Kind.STRUCT), "0:0", 0)]}


def test_libbpf_links_and_opens_them(tmp_path: Path) -> None:
    """``bpftool gen object`` checks the whole object as libbpf's linker does, ``gen skeleton`` opens it."""
    tool = shutil.which("bpftool") or shutil.which("bpftool", path="/usr/sbin:/sbin")
    assert tool is not None, "bpftool is not installed (Debian package bpftool)"
    path, linked = tmp_path / "a.bpf.o", tmp_path / "linked.bpf.o"
    path.write_bytes(sample("<"))
    subprocess.run([tool, "gen", "object", str(linked), str(path)], check=True, capture_output=True)
    skeleton = subprocess.run([tool, "gen", "skeleton", str(linked)], check=True, capture_output=True, text=True)
    for name in ("counts", "first", "second", "flag", "zero"):
        assert name in skeleton.stdout
    big = tmp_path / "big.bpf.o"
    big.write_bytes(sample(">"))
    dumps = [
        json.loads(subprocess.run([tool, "-j", "btf", "dump", "file", str(p)], check=True, capture_output=True).stdout)
        for p in (path, big)
    ]
    assert dumps[0] == dumps[1]
