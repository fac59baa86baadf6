# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Values of registers as the constant propagation knows them (R-3.11, RFC 9669): every operation, value by value."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest

from kfuncscope.bpf.instructions import Insn
from kfuncscope.rules.flow.arith import (
    M32,
    M64,
    NONZERO,
    STRAY,
    arith,
    as_signed,
    compare,
    divided,
    merged,
    moved,
    pointer_sum,
    swapped,
)

FRAME, DATA, CTX, ARG = ("fp", -8), ("data", ".rodata", 4), ("ctx", 0), ("arg", 1)
NUMBERS = (0, 1, 2, 31, 32, 33, 63, 64, 0x7FFFFFFF, 0x80000000, M32, M32 + 1, 1 << 63, (1 << 63) - 1, M64)


def insn(op: int = 0x07, off: int = 0, imm: int = 0) -> Insn:
    return Insn(op, 1, 2, off, imm)


def signed(value: int, bits: int) -> int:
    return int.from_bytes((value & (1 << bits) - 1).to_bytes(bits // 8, "little"), "little", signed=True)


@pytest.mark.parametrize("bits", [8, 16, 32, 64])
def test_signed_reading_of_the_low_bits(bits: int) -> None:
    """The two's complement, whatever stands above."""
    for value in (0, 1, (1 << bits - 1) - 1, 1 << bits - 1, (1 << bits) - 1, 1 << bits, M64):
        assert as_signed(value, bits) == signed(value, bits)


@pytest.mark.parametrize("bits", [32, 64])
def test_binary_arithmetic(bits: int) -> None:
    """As the instruction set defines it: operands and results are cut, shifts count modulo the width."""
    mask, wide = (1 << bits) - 1, bits == 64
    for a, b in product(NUMBERS, NUMBERS):
        left, right, shift = a & mask, b & mask, b & bits - 1
        wanted = {
            0x00: left + right, 0x10: left - right, 0x20: left * right, 0x40: left | right, 0x50: left & right,
            0x60: left << shift, 0x70: left >> shift, 0x80: -left, 0xA0: left ^ right,
            0xC0: signed(left, bits) >> shift,
        }  # fmt: skip
        for code, value in wanted.items():
            assert arith(code, a, b, insn(), wide) == value & mask, (hex(code), hex(a), hex(b))
        assert arith(0x30, a, b, insn(), wide) == (left // right if right else 0)
        assert arith(0x90, a, b, insn(), wide) == (left % right if right else left)
    assert arith(0xB0, 1, 2, insn(), wide) is None
    assert arith(0xE0, 1, 2, insn(), wide) is None


@pytest.mark.parametrize("bits", [32, 64])
def test_signed_division_cuts_towards_0(bits: int) -> None:
    """sdiv and smod (offset 1) as C does it; the remainder has the sign of the dividend."""
    mask = (1 << bits) - 1
    for one, other in product((-7, -6, -1, 0, 1, 6, 7, -(1 << bits - 1)), (-3, -2, -1, 1, 2, 3)):
        quotient = int(abs(one) // abs(other)) * (-1 if (one < 0) != (other < 0) else 1)
        assert divided(False, one & mask, other & mask, True, bits) == quotient & mask
        assert divided(True, one & mask, other & mask, True, bits) == (one - quotient * other) & mask
        assert arith(0x30, one & mask, other & mask, insn(off=1), bits == 64) == quotient & mask
    assert divided(False, 7, 0, True, bits) == 0 and divided(True, 7, 0, True, bits) == 7


def test_byte_swaps() -> None:
    """bswap of 16, 32 and 64 bits cuts and turns; a swap to a fixed order depends on the machine."""
    value = 0x0102030405060708
    assert swapped(insn(0xD7, imm=16), value) == 0x0807
    assert swapped(insn(0xD7, imm=32), value) == 0x08070605
    assert swapped(insn(0xD7, imm=64), value) == 0x0807060504030201
    assert [swapped(insn(op, imm=32), value) for op in (0xD4, 0xDC)] == [None, None]
    assert [swapped(insn(0xD7, imm=bits), value) for bits in (0, 8, 24, 128)] == [None] * 4
    assert arith(0xD0, value, 0, insn(0xD7, imm=32), True) == 0x08070605


def test_moves() -> None:
    """Sign-extending moves have their width in the offset; one of 32 bits cuts, and makes a pointer unknown."""
    for off in (8, 16, 32):
        for value in (0, 0x7F, 0x80, 0x7FFF, 0x8000, 0x7FFFFFFF, 0x80000000, M64):
            assert moved(value, insn(0xBF, off), True) == signed(value, off) & M64
            assert moved(value, insn(0xBC, off), False) == signed(value, off) & M32
    assert moved(M64, insn(0xBC), False) == M32 and moved(M64, insn(0xBF), True) == M64
    assert moved(M64, insn(0xB7, 8), True) == M64  # an immediate is never extended by the offset
    assert moved(FRAME, insn(0xBF), True) == FRAME
    assert moved(FRAME, insn(0xBF, 8), True) is None and moved(None, insn(0xBF), True) is None
    assert moved(FRAME, insn(0xBC), False) is None and moved(None, insn(0xBC), False) is None
    assert moved(FRAME, insn(0xBF, 1), True) is None  # an address space cast makes another pointer
    assert moved(7, insn(0xBF, 1), True) == 7


@pytest.mark.parametrize(
    ("mine", "operand", "minus", "result"),
    [
        (FRAME, 4, False, ("fp", -4)), (FRAME, 4, True, ("fp", -12)), (4, FRAME, False, ("fp", -4)),
        (4, FRAME, True, None), (FRAME, M64, False, ("fp", -9)), (FRAME, M64, True, ("fp", -7)),
        (DATA, 4, False, ("data", ".rodata", 8)), (DATA, None, False, None), (FRAME, None, False, ("fp", None)),
        (("fp", None), 4, False, ("fp", None)), (FRAME, FRAME, True, ("fp", None)), (FRAME, DATA, False, ("fp", None)),
        (DATA, FRAME, False, None), (NONZERO, 4, False, None), (ARG, 4, False, None), (STRAY, 4, False, STRAY),
        (STRAY, None, True, STRAY), (4, STRAY, False, STRAY), (None, 4, False, None), (4, None, False, None),
        (None, FRAME, False, None), (CTX, 8, False, ("ctx", 8)),
    ],
)  # fmt: skip
def test_sums_with_pointers(mine: Any, operand: Any, minus: bool, result: Any) -> None:
    """A constant moves a pointer; the frame pointer with anything added still points into the stack, nobody knows
    where."""
    assert pointer_sum(mine, operand, minus) == result


@pytest.mark.parametrize(
    ("mine", "theirs", "left"),
    [
        (1, 1, 1), (1, 2, None), (None, 1, None), (FRAME, FRAME, FRAME), (FRAME, ("fp", 0), STRAY), (FRAME, 1, STRAY),
        (1, FRAME, STRAY), (STRAY, 1, STRAY), (None, STRAY, STRAY), (DATA, 1, None), (DATA, NONZERO, None),
    ],
)  # fmt: skip
def test_what_two_paths_leave(mine: Any, theirs: Any, left: Any) -> None:
    """What they agree on; else a value that may still point into the stack, if one of them did."""
    assert merged(mine, theirs) == left


@pytest.mark.parametrize("bits", [32, 64])
def test_conditions_on_numbers(bits: int) -> None:
    """Every condition of jumps on every pair; other codes decide nothing."""
    mask, wide = (1 << bits) - 1, bits == 64
    for a, b in product(NUMBERS, NUMBERS):
        left, right = a & mask, b & mask
        one, other = signed(left, bits), signed(right, bits)
        wanted = {
            0x10: left == right, 0x20: left > right, 0x30: left >= right, 0x40: bool(left & right), 0x50: left != right,
            0xA0: left < right, 0xB0: left <= right, 0x60: one > other, 0x70: one >= other, 0xC0: one < other,
            0xD0: one <= other,
        }  # fmt: skip
        for code, outcome in wanted.items():
            assert compare(code, a, b, wide) is outcome, (hex(code), hex(a), hex(b))
    assert [compare(code, 1, 1, wide) for code in (0x00, 0x80, 0x90, 0xE0, 0xF0)] == [None] * 5


@pytest.mark.parametrize("pointer", [FRAME, DATA, CTX, NONZERO])
def test_a_pointer_is_not_0(pointer: Any) -> None:
    """Of 64 bits, against 0, for equality alone."""
    assert compare(0x10, pointer, 0, True) is False and compare(0x50, pointer, 0, True) is True
    for code in (0x20, 0x30, 0x40, 0x60, 0x70, 0xA0, 0xB0, 0xC0, 0xD0):
        assert compare(code, pointer, 0, True) is None
    for code in (0x10, 0x50):
        assert compare(code, pointer, 0, False) is None
        assert compare(code, pointer, 1, True) is None and compare(code, pointer, None, True) is None
        assert compare(code, 0, pointer, True) is None


@pytest.mark.parametrize("value", [None, ARG, STRAY])
def test_what_may_be_anything_decides_nothing(value: Any) -> None:
    """Unknown values, arguments, and what may be a pointer or not."""
    assert [compare(code, value, 0, True) for code in (0x10, 0x50)] == [None, None]
