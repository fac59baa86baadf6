# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""State along paths (R-3.11): what joins, calls and atomics leave of registers and stack."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from kfuncscope.bpf.object import BpfObject, read_object
from kfuncscope.kernel.kernel import Kernel
from kfuncscope.rules.context import Context
from kfuncscope.rules.flow.guard import successors
from kfuncscope.rules.flow.reachability import Reachable, State
from kfuncscope.rules.flow.shared import reachability
from support.bpfwriter import (
    Insn,
    ObjectBuilder,
    Reg,
    alu,
    alu32,
    atomic,
    call,
    callx,
    exit_,
    ja,
    jmp,
    jmp32,
    ld_imm64,
    ldsx,
    ldx,
    mov,
    st,
    stx,
    subprog,
)
from support.kernels import KernelBuilder

END = [mov(0, 0), exit_()]
MARK = call(7)  # the instruction that is reached or not: a helper of every kernel


@pytest.fixture(scope="module")
def kernel() -> Kernel:
    return KernelBuilder("7.3").kernel()


def read(*code: Any) -> BpfObject:
    return read_object(ObjectBuilder().program("socket", "prog", [*code, *END]).build(), "t")


def flow(kernel: Kernel, *code: Any) -> Reachable:
    obj = read(*code)
    return reachability(Context(obj, kernel), obj.programs[0])


def runs(kernel: Kernel, *code: Any) -> bool:
    """Whether ``MARK``, which stands once in the code, is reached."""
    obj = read(*code)
    function = obj.programs[0].function
    (at,) = [i for i, insn in enumerate(function.insns) if (insn.op, insn.imm) == (0x85, 7)]
    return reachability(Context(obj, kernel), obj.programs[0]).is_reached(function, at)


def holds(kernel: Kernel, register: int, value: int, *code: Any) -> bool:
    """Whether a register is known to have a value after the code."""
    return not runs(kernel, *code, jmp("==", register, value, "same"), MARK, "same:")


UNKNOWN = [ldx(4, 9, 1, 0)]  # r9: from the context
EITHER = [*UNKNOWN, jmp("==", 9, 0, "other")]


def test_a_join_keeps_the_slots_that_agree(kernel: Kernel) -> None:
    """Of two slots the one that differs is forgotten, the other is not, whichever path comes first."""
    for one, other in ((-16, -24), (-24, -16)):
        code = [st(8, 10, -16, 1), st(8, 10, -24, 1), *EITHER, st(8, 10, one, 2), "other:"]
        assert holds(kernel, 2, 1, *code, ldx(8, 2, 10, other))
        assert not holds(kernel, 2, 1, *code, ldx(8, 2, 10, one))
        assert not holds(kernel, 2, 2, *code, ldx(8, 2, 10, one))


def test_join_tells_whether_something_was_lost() -> None:
    """A state that loses nothing is not followed again."""
    mine = State([1, 2, None], {(-8, 8): 7, (-16, 8): 9})
    assert not mine.join(State([1, 2, 5], {(-8, 8): 7, (-16, 8): 9, (-24, 8): 1}))
    assert (mine.regs, mine.stack) == ([1, 2, None], {(-8, 8): 7, (-16, 8): 9})
    assert mine.join(State([1, 3, None], {(-8, 8): 7, (-16, 8): 9}))
    assert (mine.regs, len(mine.stack)) == ([1, None, None], 2)
    assert mine.join(State([1, None, None], {(-8, 8): 7, (-16, 8): 8}))
    assert mine.stack == {(-8, 8): 7}
    copied = mine.copy()
    copied.regs[0], copied.stack[-8, 8] = 4, 4
    assert (mine.regs[0], mine.stack) == (1, {(-8, 8): 7})


@pytest.mark.parametrize(
    ("imm", "lost"),
    [
        (0x00, set()), (0x40, set()), (0x50, set()), (0xA0, set()),  # add, or, and, xor
        (0x01, {3}), (0x41, {3}), (0x51, {3}), (0xA1, {3}), (0xE1, {3}),  # with the old value, and xchg
        (0xF1, {0}), (0x110, set()),  # cmpxchg, store release
    ],
)  # fmt: skip
def test_registers_that_atomics_load(imm: int, lost: set[int], kernel: Kernel) -> None:
    """RFC 9669: the old value goes to the source register, for cmpxchg to R0; the memory is not known after it."""
    code = [st(8, 10, -8, 7), mov(3, 1), mov(0, 1), mov(4, 1), atomic(8, 10, -8, 3, imm)]
    assert {r for r in (0, 3, 4) if not holds(kernel, r, 1, *code)} == lost
    assert not holds(kernel, 2, 7, *code, ldx(8, 2, 10, -8))
    assert holds(kernel, 2, 7, st(8, 10, -16, 7), *code, ldx(8, 2, 10, -16))


def test_a_load_acquire_changes_its_destination_and_no_memory(kernel: Kernel) -> None:
    """R3 = load_acquire(R10 - 8): an instruction of the store class that loads."""
    code = [st(8, 10, -8, 7), mov(3, 1), Insn(0xDB, 3, 10, -8, 0x100)]
    assert not holds(kernel, 3, 1, *code)
    assert holds(kernel, 2, 7, *code, ldx(8, 2, 10, -8))


@pytest.mark.parametrize(("size", "mask"), [(1, 0xFF), (2, 0xFFFF), (4, 0xFFFFFFFF), (8, (1 << 64) - 1)])
def test_stores_cut_to_their_size(size: int, mask: int, kernel: Kernel) -> None:
    """By register and by immediate; a load of another size or place finds nothing, a sign-extending one neither."""
    value = 0x7FFFFFFF & mask if size > 1 else 0x7F
    store = [ld_imm64(3, 0x1122334400000000 | 0x7FFFFFFF), stx(size, 10, -8, 3), ldx(size, 2, 10, -8)]
    wanted = (0x1122334400000000 | 0x7FFFFFFF) & mask
    assert not runs(kernel, *store, ld_imm64(4, wanted), jmp("==", 2, Reg(4), "same"), MARK, "same:")
    assert holds(kernel, 2, value if size > 1 else 0x7F, st(size, 10, -8, value), ldx(size, 2, 10, -8))
    for other in {1, 2, 4, 8} - {size}:
        assert not holds(kernel, 2, value, st(size, 10, -8, value), ldx(other, 2, 10, -8))
    assert not holds(kernel, 2, value, st(size, 10, -8, value), ldx(size, 2, 10, -16))
    if size < 8:
        assert not holds(kernel, 2, value, st(size, 10, -8, value), ldsx(size, 2, 10, -8))


@pytest.mark.parametrize(
    ("offset", "size", "kept"),
    [(-16, 8, True), (-9, 1, True), (-9, 2, False), (-8, 1, False), (-1, 1, False), (0, 8, True), (-12, 8, False),
     (-12, 4, True), (-4, 4, False)],
)  # fmt: skip
def test_stores_that_overlap(offset: int, size: int, kept: bool, kernel: Kernel) -> None:
    """A slot is forgotten when one of its bytes is written, and not by its neighbours."""
    assert holds(kernel, 2, 7, st(8, 10, -8, 7), st(size, 10, offset, 1), ldx(8, 2, 10, -8)) == kept


def test_pointers_in_the_stack(kernel: Kernel) -> None:
    """Kept as a whole of eight bytes; a part of a pointer is no number."""
    base = [alu("=", 3, Reg(10)), alu("+", 3, -16), st(8, 10, -16, 7)]
    assert holds(kernel, 2, 7, *base, stx(8, 10, -8, 3), ldx(8, 4, 10, -8), ldx(8, 2, 4, 0))
    assert not holds(kernel, 2, 7, *base, stx(4, 10, -8, 3), ldx(4, 4, 10, -8), ldx(8, 2, 4, 0))


def test_a_call_may_write_from_the_pointer_upwards(kernel: Kernel) -> None:
    """What lies below the lowest pointer that is handed over stays known."""
    code = [st(8, 10, -8, 7), st(8, 10, -16, 7), st(8, 10, -24, 7), alu("=", 4, Reg(10)), alu("+", 4, -16), call(16)]
    assert holds(kernel, 2, 7, *code, ldx(8, 2, 10, -24))
    assert not holds(kernel, 2, 7, *code, ldx(8, 2, 10, -16))
    assert not holds(kernel, 2, 7, *code, ldx(8, 2, 10, -8))


def test_a_call_leaves_what_the_callee_has_to_keep(kernel: Kernel) -> None:
    """R0 to R5 are lost, R6 to R9 are not; the same for the old packet loads."""
    for insn in (call(16), Insn(0x20, imm=0)):
        lost = {r for r in range(10) if not holds(kernel, r, 1, *(mov(i, 1) for i in range(10)), insn)}
        assert lost == {0, 1, 2, 3, 4, 5}


def test_equality_tells_the_value_on_its_own_side(kernel: Kernel) -> None:
    """After ``== 5`` it is 5 where the jump leads, after ``!= 5`` where it does not; other conditions tell nothing."""
    assert holds(kernel, 9, 5, *UNKNOWN, jmp("==", 9, 5, "five"), *END, "five:")
    assert not runs(kernel, *UNKNOWN, jmp("!=", 9, 5, "end"), jmp("==", 9, 5, "end"), MARK, "end:")
    assert runs(kernel, *UNKNOWN, jmp("==", 9, 5, "end"), jmp("==", 9, 5, "end"), MARK, "end:")
    assert runs(kernel, *UNKNOWN, jmp(">", 9, 5, "end"), jmp("==", 9, 5, "end"), MARK, "end:")
    assert runs(kernel, *UNKNOWN, jmp32("!=", 9, 5, "end"), jmp("==", 9, 5, "end"), MARK, "end:")  # the low half alone


def test_xor_of_an_unknown_register_with_itself_is_0(kernel: Kernel) -> None:
    """Of both widths; with another unknown register, or another operation, nothing is known."""
    two = [*UNKNOWN, ldx(4, 8, 1, 4)]
    assert holds(kernel, 9, 0, *two, alu("^", 9, Reg(9))) and holds(kernel, 9, 0, *two, alu32("^", 9, Reg(9)))
    assert not holds(kernel, 9, 0, *two, alu("^", 9, Reg(8)))
    assert not holds(kernel, 9, 0, *two, alu("^", 9, 9))
    assert not holds(kernel, 9, 0, *two, alu("|", 9, Reg(9)))


def test_sums_of_32_bits_make_no_pointer(kernel: Kernel) -> None:
    """A frame pointer moved by 64 bits is one, moved by 32 it is not."""
    store = [st(8, 10, -16, 7), alu("=", 3, Reg(10))]
    assert holds(kernel, 2, 7, *store, alu("+", 3, -16), ldx(8, 2, 3, 0))
    assert holds(kernel, 2, 7, *store, alu("-", 3, 16), ldx(8, 2, 3, 0))
    assert not holds(kernel, 2, 7, *store, alu32("+", 3, -16), ldx(8, 2, 3, 0))
    assert not holds(kernel, 2, 7, *store, alu("*", 3, 1), ldx(8, 2, 3, 0))


def test_both_halves_of_a_load_of_64_bits(kernel: Kernel) -> None:
    """ld_imm64 takes two instructions; each half counts."""
    code = [ld_imm64(2, 0x1234567880000001), ld_imm64(3, 0x1234567880000001)]
    assert not runs(kernel, *code, jmp("==", 2, Reg(3), "on"), MARK, "on:")
    shifted = [*code, alu(">>", 2, 32), jmp("==", 2, 0x12345678, "on"), MARK, "on:"]
    assert not runs(kernel, *shifted)


def test_jumps_of_both_forms(kernel: Kernel) -> None:
    """JA has its distance in the offset, the long form (class JMP32) in the immediate."""
    assert not runs(kernel, ja("on"), MARK, "on:") and not runs(kernel, Insn(0x06, imm=1), MARK)
    assert runs(kernel, ja(0), MARK) and runs(kernel, Insn(0x06, imm=0), MARK)
    assert runs(kernel, Insn(0xE5, off=1), MARK)  # may_goto goes either way


def test_places_that_do_not_exist_are_not_reached(kernel: Kernel) -> None:
    """Past the end of a function, and in a function that nobody entered."""
    found = flow(kernel, mov(2, 0))
    obj = read(mov(2, 0))
    function = obj.programs[0].function
    assert [found.is_reached(function, i) for i in range(6)] == [True, True, True, False, False, False]
    assert not found.is_reached(replace(function, start=9), 0)
    found.gave_up = True
    assert found.is_reached(function, 100)


def test_what_can_follow_an_instruction() -> None:
    """Tests not evaluated: both sides of a conditional jump, the target of a jump, the next one, or nothing."""
    body = [
        mov(2, 0), jmp("==", 2, 0, 2), jmp32("==", 2, 0, -2), ja(3), Insn(0x06, imm=4), *ld_imm64(2, 1), call(7),
        callx(2), exit_(), Insn(0xE5, off=1),
    ]  # fmt: skip
    function = read(*body).programs[0].function
    wanted: list[list[int]] = [[1], [2, 4], [3, 1], [7], [9], [7], [7], [8], [9], [], [11, 12]]
    assert [list(successors(function, at)) for at in range(len(wanted))] == wanted


def test_arguments_of_a_static_subprogram(kernel: Kernel) -> None:
    """Five arguments in their order, constants and the context; the frame pointer of the callee is its own."""
    for register in range(1, 6):
        ob = ObjectBuilder()
        body = [jmp("==", register, register, "same"), MARK, "same:", *END]
        ob.subprogram("sub", body, linkage=0)
        ob.program("socket", "prog", [*(mov(r, r) for r in range(1, 6)), subprog("sub", static=True), *END])
        obj = read_object(ob.build(), "t")
        program = obj.programs[0]
        (callee,) = program.functions[1:]
        assert not reachability(Context(obj, kernel), program).is_reached(callee, 1)
