# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Our small x86-64 decoder against iced-x86, which knows every instruction."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from elftools.elf.elffile import ELFFile
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.random import mtrand

from kfuncscope.kernel.binary.x86 import RSP, decode

iced_x86 = pytest.importorskip("iced_x86", reason="iced-x86 has wheels for x86-64 alone")
REX = [b"", *(bytes([0x40 | bits]) for bits in range(16))]
OPCODES = [bytes([op]) for op in range(256) if op != 0x0F] + [bytes([0x0F, op]) for op in range(256)]


def theirs(code: bytes) -> Any:
    """The first instruction, None where there is none in 64-bit code."""
    found = iced_x86.Decoder(64, code).decode()
    return None if found.is_invalid else found


@pytest.mark.parametrize("prefix", [b"", b"\x66", b"\x67", b"\xf3"], ids=["plain", "66", "67", "f3"])
def test_every_opcode_has_the_length_that_iced_gives(prefix: bytes) -> None:
    """One and two bytes of opcode, every REX prefix, the forms of ModRM: what both decode has one length."""
    compared = 0
    for rex in REX:
        for opcode in OPCODES:
            for modrm in (0x00, 0x04, 0x05, 0x44, 0x85, 0xC1, 0xF0, 0x3C):
                code = (prefix + rex + opcode + bytes([modrm, 0x25, 1, 2, 3, 4, 5, 6, 7, 8])).ljust(24, b"\0")
                mine, other = decode(code, 0), theirs(code)
                if mine is not None and other is not None and not _vector(other):
                    assert mine.length == other.len, code.hex(" ")
                    compared += 1
    assert compared > 10_000


def _vector(found: Any) -> bool:
    """VEX, EVEX and XOP code, which general-purpose code of the kernel does not hold."""
    return found.encoding != iced_x86.EncodingKind.LEGACY


@given(st.binary(min_size=16, max_size=16))
@settings(max_examples=400, deadline=None)
def test_any_bytes(code: bytes) -> None:
    mine, other = decode(code, 0), theirs(code)
    if mine is None or other is None or _vector(other):
        return
    assert mine.length == other.len, code.hex(" ")


@given(st.binary(min_size=9, max_size=9), st.sampled_from(REX))
@settings(max_examples=300, deadline=None)
def test_operands_of_mov(code: bytes, rex: bytes) -> None:
    """``mov r, r/m``: the same base, index, scale and displacement, or the same register."""
    code = rex + b"\x8b" + code
    mine, other = decode(code, 0), theirs(code)
    assert mine is not None and other is not None
    if mine.address is None:
        assert other.op1_kind == iced_x86.OpKind.REGISTER
        return
    base, index, scale, displacement = mine.address
    names = [
        "rax",
        "rcx",
        "rdx",
        "rbx",
        "rsp",
        "rbp",
        "rsi",
        "rdi",
        "r8",
        "r9",
        "r10",
        "r11",
        "r12",
        "r13",
        "r14",
        "r15",
    ]
    wanted = {name: getattr(iced_x86.Register, name.upper()) for name in names}
    assert other.memory_index == (iced_x86.Register.NONE if index is None else wanted[names[index]])
    if base == -1:
        assert other.is_ip_rel_memory_operand
        return
    assert other.memory_base == (iced_x86.Register.NONE if base is None else wanted[names[base]])
    assert index is None or (scale == other.memory_index_scale and index != RSP)
    assert displacement & (1 << 64) - 1 == other.memory_displacement


def test_compiled_code() -> None:
    """A stretch of a library that is at hand, instruction after instruction; on other machines there is none."""
    elf = ELFFile(io.BytesIO(Path(mtrand.__file__).read_bytes()))
    if elf["e_machine"] != "EM_X86_64":
        pytest.skip("numpy is built for another machine here")
    code = elf.get_section_by_name(".text").data()[: 1 << 18]
    decoder, wrong, seen = iced_x86.Decoder(64, code), 0, 0
    for other in decoder:
        if other.is_invalid or _vector(other):
            continue
        mine = decode(code, other.ip)
        seen += 1
        wrong += mine is not None and mine.length != other.len
    assert (wrong, seen > 10_000) == (0, True)
