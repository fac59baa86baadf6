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


def test_opcodes_that_64_bit_code_does_not_have_are_refused() -> None:
    """Opcodes of one byte that iced refuses with any operand; those of VEX and EVEX are refused as well."""
    bad = {
        0x06,
        0x07,
        0x0E,
        0x16,
        0x17,
        0x1E,
        0x1F,
        0x27,
        0x2F,
        0x37,
        0x3F,
        0x60,
        0x61,
        0x82,
        0x9A,
        0xCE,
        0xD4,
        0xD5,
        0xD6,
    }
    vector = {0x62, 0xC4, 0xC5}
    prefixes = {0x26, 0x2E, 0x36, 0x3E, *range(0x40, 0x50), 0x64, 0x65, 0x66, 0x67, 0xF0, 0xF2, 0xF3}
    for op in set(range(256)) - prefixes - {0x0F}:
        tails = [bytes([modrm]) + b"\x25" + bytes(14) for modrm in range(256)]
        refused = [decode(bytes([op]) + tail, 0) is None for tail in tails]
        theirs_refused = [theirs(bytes([op]) + tail) is None for tail in tails]
        assert all(refused) == (op in bad | vector | {0xEA}), hex(op)
        assert any(refused) == all(refused), hex(op)
        assert op in vector or all(theirs_refused) == (op in bad | {0xEA}), hex(op)


def test_control_and_debug_registers_are_named_by_reg() -> None:
    """mov r64, cr and mov cr, r64 for every operand byte: the mode bits do not count, which iced confirms."""
    for op in (0x20, 0x21, 0x22, 0x23):
        for modrm in range(256):
            mine = decode(bytes([0x0F, op, modrm]) + bytes(8), 0)
            assert mine is not None and (mine.length, mine.reg, mine.rm) == (3, modrm >> 3 & 7, modrm & 7)
            assert mine.address is None
            other = theirs(bytes([0x0F, op, modrm]) + bytes(8))
            assert other is None or other.len == 3


def test_code_that_ends_within_an_instruction_is_none() -> None:
    """Every proper beginning of an instruction; the whole one has its length and its number."""
    for text in (
        "48c7c0fcffffff",
        "488b8544332211",
        "66b83412",
        "48b88877665544332211",
        "488d0425f0ffffff",
        "0f84f0ffffff",
    ):
        code = bytes.fromhex(text)
        assert [decode(code[:end], 0) for end in range(len(code))] == [None] * len(code)
        found = decode(b"\x90" + code, 1)
        assert found is not None and found.length == len(code)
    assert decode(bytes.fromhex("48c7c0fcffffff"), 0).imm == -4  # type: ignore[union-attr]
    assert decode(bytes.fromhex("48b8ffffffffffffffff"), 0).imm == (1 << 64) - 1  # type: ignore[union-attr]


def test_prefixes_are_bounded_and_rex_is_the_last() -> None:
    """Fourteen prefixes and no more; a REX prefix before another prefix, or two of them, are no compiler's code."""
    assert decode(b"\x66" * 14 + b"\x90", 0) is not None
    assert decode(b"\x66" * 15 + b"\x90", 0) is None
    for code in (b"\x48\x66\x90", b"\x48\x48\x90", b"\x4f\x40\x90"):
        assert decode(code, 0) is None
    found = decode(b"\x66\x48\x89\xd8", 0)
    assert found is not None and (found.wide, found.narrow, found.reg, found.rm) == (True, True, 3, 0)
