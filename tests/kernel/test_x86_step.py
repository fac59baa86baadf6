# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What instructions do to registers and flags, one at a time: how the reader of x86-64 code follows program types."""

from __future__ import annotations

import pytest

from kfuncscope.kernel.binary.x86 import CLOBBERED_BY_CALL, Loaded, Step, decode

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


@pytest.mark.parametrize(
    ("code", "address"),
    [
        ("488d05f0ffffff", 0x1000 - 16),  # lea rax, [rip-16]: from the instruction after it
        ("488d4610", 0x2010),  # [rsi+16]
        ("488d4604", 0x2004),
        ("488d047e", 0x2600),  # [rsi+rdi*2]
        ("488d04be", 0x2C00),  # [rsi+rdi*4]
        ("488d447e08", 0x2608),  # [rsi+rdi*2+8]
        ("488d04fd00010000", 0x1900),  # [rdi*8+0x100]: no base
        ("488d042500010000", 0x100),  # neither
        ("488d0436", 0x4000),  # [rsi+rsi*1]
        ("678d46f0", 0x1FF0),  # lea eax, [esi-16]
    ],
)
def test_lea_adds_base_index_and_displacement(code: str, address: int) -> None:
    """lea names the address; mov from there asks for it, with the width of the operand."""
    assert step(code, RSI=0x2000, RDI=0x300).registers[RAX] == address
    asked: list[tuple[int, int]] = []
    made = Step((None,) * 6 + (0x2000, 0x300, *[None] * 8), None, lambda where, size: asked.append((where, size)) or 9)
    insn = decode(bytes.fromhex(code.replace("8d", "8b", 1)), 0)
    assert insn is not None
    made.run(insn, 0x1000)
    assert asked == [(address, 8 if insn.wide else 4)] and made.registers[RAX] == 9
    assert isinstance(made.registers[RAX], Loaded)


def test_an_address_with_an_unknown_part_is_unknown() -> None:
    """[rsi+rdi*2] needs both; what a load cannot find is not known."""
    assert step("488d047e", RSI=0x2000, RAX=1).registers[RAX] is None
    assert step("488d047e", RDI=0x300, RAX=1).registers[RAX] is None
    assert step("488b047e", RSI=0x2000, RAX=1).registers[RAX] is None
    assert step("488b047e", RSI=0x2000, RDI=1, RAX=1).registers[RAX] is None  # the image holds nothing there


def test_operands_of_16_bits_are_not_followed() -> None:
    """mov ax, 5 and mov ax, bx keep the upper bits of RAX; cmp ax, bx decides no jump."""
    assert step("66b80500", RAX=1).registers[RAX] is None
    assert step("6689d8", RAX=1, RBX=2).registers[RAX] is None
    assert step("6639d8", RAX=1, RBX=1).jumps(EQUAL) is None


def test_copies_of_32_bits_are_cut() -> None:
    """mov eax, ebx clears the upper half; a number read from the image stays one."""
    assert step("89d8", RBX=(5 << 32) + 7).registers[RAX] == 7
    assert step("4889d8", RBX=(5 << 32) + 7).registers[RAX] == (5 << 32) + 7
    assert isinstance(step("89d8", RBX=Loaded(7)).registers[RAX], Loaded)
    assert not isinstance(step("89d8", RBX=7).registers[RAX], Loaded)


@pytest.mark.parametrize("bits", [32, 64])
def test_comparisons_see_every_bit(bits: int) -> None:
    """Numbers that differ in the lowest or in the highest bit alone differ; signs count by the width."""
    code, top = "4839f7" if bits == 64 else "39f7", 1 << (bits - 1)
    for one, other in ((2, 3), (3, 2), (top, 0), (0, top), (top + 1, top)):
        after = step(code, RDI=one, RSI=other)
        assert after.jumps(EQUAL) is False
        assert after.jumps(BELOW) is (one < other)
        assert after.jumps(LESS) is ((one ^ top) < (other ^ top))


def test_a_call_may_change_what_the_abi_lets_it_change() -> None:
    """System V: RAX, RCX, RDX, RSI, RDI and R8 to R11 belong to the callee; RBX, RBP, RSP and R12 to R15 are kept."""
    assert set(CLOBBERED_BY_CALL) == {0, 1, 2, 6, 7, 8, 9, 10, 11}


def test_xor_and_sub_with_itself_give_0() -> None:
    """xor edi, edi and sub rdi, rdi; with another register the result is not followed."""
    for code in ("31ff", "33ff", "29ff", "2bff", "4831ff"):
        after = step(code)
        assert after.registers[RDI] == 0 and after.jumps(EQUAL) is True and after.jumps(LESS) is False
    for code in ("31f7", "29f7"):
        assert step(code, RDI=5, RSI=5).registers[RDI] is None
        assert step(code, RDI=5, RSI=5).jumps(EQUAL) is None


def test_immediates_of_other_groups_are_forgotten() -> None:
    """or rdi, imm (83 /1) and and (83 /4) are not followed; cmp with memory (83 /7) decides nothing."""
    assert step("4883cf05", RDI=2).registers[RDI] is None
    assert step("4883e705", RDI=2).registers[RDI] is None
    assert step("4883ff05", RDI=5).registers[RDI] == 5
    assert step("48833e05", RSI=5).jumps(EQUAL) is None
    assert step("4883ff05", RDI=5).jumps(EQUAL) is True
    assert step("4883ff05", RDI=4).jumps(BELOW) is True


def test_call_and_push_of_group_ff_change_no_operand() -> None:
    """inc is ff /0, dec ff /1, push ff /6: the last is not followed."""
    assert step("ffc7", RDI=0xFFFFFFFF).registers[RDI] == 0
    assert step("fff7", RDI=5).registers[RDI] is None
    assert step("48ff07", RDI=5).registers[RDI] == 5  # inc qword [rdi]


def test_opcodes_of_three_bytes() -> None:
    """movbe (0f 38 f0) and palignr (0f 3a 0f, with an immediate of one byte)."""
    for code, op, length in (("0f38f007", 0x0F38F0, 4), ("660f3a0fc108", 0x0F3A0F, 6), ("0faf07", 0x0FAF, 3)):
        insn = decode(bytes.fromhex(code), 0)
        assert insn is not None and (insn.op, insn.length) == (op, length)
