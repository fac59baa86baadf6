# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What instructions do to registers and flags, one at a time: how the reader of x86-64 code follows program types."""

from __future__ import annotations

import pytest

from kfuncscope.kernel.binary.x86 import Loaded, Step, decode

RAX, RCX, RDX, RBX, RSI, RDI, R8 = 0, 1, 2, 3, 6, 7, 8
BELOW, EQUAL, BELOW_EQUAL, LESS, LESS_EQUAL = 2, 4, 6, 0xC, 0xE
MINUS_ONE = (1 << 64) - 1


def step(code: str, **known: int | None) -> Step:
    """State after one instruction; ``known`` gives registers by name, the others are not known."""
    registers: list[int | None] = [None] * 16
    for name, value in known.items():
        registers[globals()[name]] = value
    made = Step(tuple(registers), None, lambda address, size: None)
    insn = decode(bytes.fromhex(code), 0)
    assert insn is not None and insn.length == len(bytes.fromhex(code))
    made.run(insn, 0x1000)
    return made


@pytest.mark.parametrize(
    ("one", "other", "taken"),
    [
        (1, 2, {BELOW, BELOW_EQUAL, LESS, LESS_EQUAL}),
        (2, 2, {EQUAL, BELOW_EQUAL, LESS_EQUAL}),
        (3, 2, set()),
        (MINUS_ONE, 2, {LESS, LESS_EQUAL}),
        (2, MINUS_ONE, {BELOW, BELOW_EQUAL}),
    ],
)
def test_conditions_after_a_comparison(one: int, other: int, taken: set[int]) -> None:
    """cmp rdi, rsi (39 /r) and the jumps that follow; the odd code is the opposite."""
    after = step("4839f7", RDI=one, RSI=other)
    for condition in (BELOW, EQUAL, BELOW_EQUAL, LESS, LESS_EQUAL):
        assert after.jumps(condition) is (condition in taken), hex(condition)
        assert after.jumps(condition | 1) is (condition not in taken), hex(condition)
    assert after.jumps(0) is None  # overflow is not followed


def test_both_forms_of_a_comparison_have_their_order() -> None:
    """cmp rdi, rsi is 39 /r with rdi in r/m, 3b /r with rdi in reg; the forms of a byte settle nothing."""
    assert step("4839f7", RDI=1, RSI=2).jumps(BELOW) is True
    assert step("483bfe", RDI=1, RSI=2).jumps(BELOW) is True
    assert step("4038f7", RDI=1, RSI=2).jumps(BELOW) is None
    assert step("403afe", RDI=1, RSI=2).jumps(BELOW) is None


def test_comparison_of_32_bits_cuts_both() -> None:
    """cmp edi, esi sees the low halves."""
    assert step("39f7", RDI=1 << 32, RSI=0).jumps(EQUAL) is True
    assert step("4839f7", RDI=1 << 32, RSI=0).jumps(EQUAL) is False


def test_test_of_a_register_with_itself_is_a_comparison_with_0() -> None:
    """test edi, edi; of two registers the result is their common bits, which are not followed."""
    assert step("85ff", RDI=0).jumps(EQUAL) is True
    assert step("85ff", RDI=5).jumps(EQUAL) is False
    assert step("85f7", RDI=0, RSI=0).jumps(EQUAL) is None
    assert step("85f7", RDI=5, RSI=2).jumps(EQUAL) is None


def test_sums_and_differences() -> None:
    """add, sub, inc, dec; flags of a sum decide no jump."""
    assert step("4883c705", RDI=10).registers[RDI] == 15
    assert step("4883ef05", RDI=10).registers[RDI] == 5
    assert step("48ffc7", RDI=10).registers[RDI] == 11
    assert step("48ffcf", RDI=10).registers[RDI] == 9
    assert step("4883ef05", RDI=5).jumps(EQUAL) is None
    assert step("83ef01", RDI=0).registers[RDI] == 0xFFFFFFFF


@pytest.mark.parametrize(
    ("code", "register"),
    [("bf07000000", RDI), ("41b807000000", R8), ("c7c707000000", RDI), ("48c7c707000000", RDI), ("49c7c007000000", R8)],
)
def test_constants_reach_the_register_that_is_named(code: str, register: int) -> None:
    """mov r, imm with and without REX; other registers keep what they had."""
    after = step(code, RAX=1, RBX=2)
    assert after.registers[register] == 7
    assert [after.registers[r] for r in (RAX, RBX)] == [1, 2]


def test_moves_take_the_numbers_of_rex() -> None:
    """mov r8, rax; mov rax, r8; mov rdi, rsi: REX.R extends one operand, REX.B the other."""
    assert step("4989c0", RAX=3).registers[R8] == 3
    assert step("4c89c0", R8=4).registers[RAX] == 4
    assert step("498bc0", R8=5).registers[RAX] == 5
    assert step("4c8bc0", RAX=6).registers[R8] == 6


def test_control_registers_are_read_by_rex_r_and_rex_b_apart() -> None:
    """mov rax, cr8 (44 0f 20 c0) and mov r8, cr0 (41 0f 20 c0)."""
    first, second = decode(bytes.fromhex("440f20c0"), 0), decode(bytes.fromhex("410f20c0"), 0)
    assert first is not None and (first.reg, first.rm) == (8, 0)
    assert second is not None and (second.reg, second.rm) == (0, 8)


def test_what_comes_from_memory_decides_no_jump() -> None:
    """A number read from a table is a program type, and nothing to compare: the table may change."""
    after = Step((Loaded(5), *[None] * 15), None, lambda address, size: None)
    insn = decode(bytes.fromhex("83f805"), 0)
    assert insn is not None
    after.run(insn, 0x1000)
    assert after.jumps(EQUAL) is None
