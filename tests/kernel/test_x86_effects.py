# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Which registers and flags an instruction changes: ``Step`` against iced-x86, for every opcode of general code."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest
from test_x86 import OPCODES, REX, theirs

from kfuncscope.kernel.binary.x86 import RSP, Insn, Step, decode

iced_x86 = pytest.importorskip("iced_x86", reason="iced-x86 has wheels for x86-64 alone")

START = tuple(0x1000001 + number * 0x11100005 for number in range(16))  # all differ, above 32 bits and below
MODRM = (*range(0xC1, 0x100, 8), *range(0x01, 0x40, 8))  # every register with RCX, and with memory at RCX
PREFIXES = frozenset((0x26, 0x2E, 0x36, 0x3E, *range(0x40, 0x50), 0x64, 0x65, 0x66, 0x67, 0xF0, 0xF2, 0xF3))
# Nothing but what the instruction changes is forgotten: with any operand, with memory, with a register.
EXACT = frozenset(
    {*range(0x38, 0x3E), *range(0x50, 0x60), 0x81, 0x83, 0x84, 0x85, 0x87, 0x8F, 0xA8, 0xA9, *range(0xB0, 0xB4)}
    | {*range(0xB8, 0xC0), 0xC0, 0xC1, 0xC6, 0xC7, *range(0xD0, 0xD4), 0xFE, 0x0F0D, 0x0F18, 0x0F1E, 0x0F1F}
    | {0x0F90, 0x0FC1, *range(0x0FC8, 0x0FD0)}
) - {0x3C, 0x3D}
EXACT_WITH_MEMORY = frozenset(
    {0x03, 0x0B, 0x13, 0x1B, 0x23, 0x2B, 0x33, 0x63, 0x69, 0x6B, 0x80, 0x88, 0x89, 0x8B, 0xFF, 0x0F00, 0x0F02, 0x0F03}
    | {*range(0x0F40, 0x0F50), 0x0FAF, 0x0FB2, 0x0FB4, 0x0FB5, 0x0FB6, 0x0FB7, 0x0FBA, 0x0FBC, 0x0FBD, 0x0FBE, 0x0FBF}
)


def numbers() -> dict[int, int]:
    """Numbers of the general registers, by their names in iced."""
    low = ["RAX", "RCX", "RDX", "RBX", "RSP", "RBP", "RSI", "RDI"]
    names = low + [f"R{number}" for number in range(8, 16)]
    return {getattr(iced_x86.Register, name): number for number, name in enumerate(names)}


def cases() -> Iterator[tuple[Insn, Any]]:
    """Instructions that both decode and that go on to the next one, ours and iced's."""
    for rex in (REX[0], REX[1], REX[2], REX[5], REX[9], REX[14]):
        for opcode in OPCODES:
            for modrm in MODRM if opcode[0] not in PREFIXES else ():
                code = (rex + opcode + bytes([modrm, 1, 2, 3, 4, 5, 6, 7, 8])).ljust(24, b"\0")
                mine, other = decode(code, 0), theirs(code)
                if mine is None or other is None or other.encoding != iced_x86.EncodingKind.LEGACY:
                    continue
                if other.flow_control == iced_x86.FlowControl.NEXT:
                    yield mine, other


@cache
def effects() -> list[tuple[Insn, str, set[int], set[int], bool, bool]]:
    """Of each case: ours, iced's text, registers changed here, registers written by iced's word, flags forgotten here,
    flags changed by iced's word. The stack pointer is not followed."""
    factory, names = iced_x86.InstructionInfoFactory(), numbers()
    access = iced_x86.OpAccess
    writes = (access.WRITE, access.READ_WRITE, access.COND_WRITE, access.READ_COND_WRITE)
    found = []
    for mine, other in cases():
        step = Step(START, (1, 2, 64), lambda address, size: None)
        step.run(mine, 0x5000)
        changed = {i for i in range(16) if step.registers[i] is None or step.registers[i] != START[i]}
        used = [u for u in factory.info(other).used_registers() if u.access in writes]
        written = {names.get(iced_x86.RegisterExt.full_register(u.register), RSP) for u in used}
        forgets = step.compared != (1, 2, 64)
        found.append((mine, str(other), changed - {RSP}, written - {RSP}, forgets, bool(other.rflags_modified)))
    return found


def test_what_an_instruction_writes_is_not_believed_any_more() -> None:
    """Registers that iced says are written hold another value or none, and flags decide no jump."""
    same = ("mov", "lea")  # of a register to itself
    for mine, text, changed, written, forgets, flags in effects():
        assert written <= changed or (text.startswith(same) and mine.reg in (mine.rm, 1, 9)), text
        assert forgets or not flags, text
    assert len(effects()) > 25_000


def test_what_an_instruction_leaves_alone_is_still_known() -> None:
    """For the instructions that init functions are made of, no register is forgotten without need."""
    seen, wide = set(), {0xF6, 0xF7, 0x0F01, 0x0FAE, 0x0FC7}  # of these the four first registers may go as well
    for mine, text, changed, written, _, _ in effects():
        if mine.op in wide:
            assert changed - {0, 1, 2, 3, mine.rm} <= written, text
        elif mine.op in EXACT or (mine.op in EXACT_WITH_MEMORY and mine.rm is None):
            seen.add(mine.op)
            assert changed <= written, text
    assert seen >= EXACT | EXACT_WITH_MEMORY - {0x0FB2}


def test_moves_pushes_and_prefetches_keep_the_flags() -> None:
    """What was compared is still known after instructions that change no flags."""
    kept = {
        0x88,
        0xC6,
        0xC7,
        0x90,
        0x0F0B,
        0x0F0D,
        0x0F18,
        0x0F1E,
        0x0F1F,
        *range(0x50, 0x58),
        *range(0xB8, 0xC0),
        0x8D,
    }
    seen = set()
    for mine, text, _, _, forgets, flags in effects():
        if mine.op in kept and not (mine.op == 0x90 and mine.reg):
            seen.add(mine.op)
            assert (forgets, flags) == (False, False), text
    assert seen >= kept - {0x0F0B}


def test_the_bytes_above_the_lowest_are_parts_of_the_first_four() -> None:
    """mov ah, imm and add ah, cl change RAX; with a REX prefix the same numbers are SPL to DIL."""
    step = Step(START, None, lambda address, size: None)
    for code, register in (("b401", 0), ("b501", 1), ("02f1", 2), ("b701", 3)):
        insn = decode(bytes.fromhex(code), 0)
        assert insn is not None
        step.run(insn, 0)
        assert step.registers[register] is None


def test_neg_and_not_leave_the_register_alone_whose_number_is_their_group() -> None:
    """neg rsi (f7 /3) says nothing of RBX; mul rsi (f7 /4) changes RAX and RDX."""
    for code, gone in (("48f7de", {6}), ("48f7e6", {0, 2, 6})):
        step, insn = Step(START, None, lambda address, size: None), decode(bytes.fromhex(code), 0)
        assert insn is not None
        step.run(insn, 0)
        assert {i for i in (1, 3, 5, 6, 7, 8) if step.registers[i] is None} == gone - {0, 2}
        assert gone <= {i for i in range(16) if step.registers[i] is None} <= gone | {0, 2}
