# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Contexts of hooks (R-7.7, R-7.10, R-11.15): slots of arguments, which of them code reads, and through which."""

from __future__ import annotations

from typing import Any

import pytest

from kfuncscope.bpf.object import read_object
from kfuncscope.rules.flow.ctx_args import MOST_PARTS, ctx_loads, slots, type_class, unchecked_derefs
from support.bpfwriter import Code, ObjectBuilder, Reg, alu, call, exit_, jmp, jmp32, ldx, mov, stx, subprog
from support.btfwriter import BtfWriter

END = [mov(0, 0), exit_()]


def test_slots_of_a_prototype() -> None:
    """One a parameter, one for each eight bytes of a struct by value; the end of a variable list has none."""
    w = BtfWriter()
    word = w.int_("int", 4, signed=True)

    def record(size: int) -> int:
        return w.struct(f"s{size}", [("x", w.array(w.once("int_", "char", 1), size))])

    params = [
        ("a", word), ("one", record(1)), ("eight", record(8)), ("nine", record(9)), ("none", w.struct("empty", [])),
        ("p", w.ptr(record(40))), ("either", w.union("u", [("x", w.int_("u128", 16))])),
    ]  # fmt: skip
    proto = w.proto(word, params, variadic=True)
    huge = w.proto(word, [("x", record(8 * MOST_PARTS + 8))])
    blob = w.blob()
    names = ["a", "one", "eight", "nine", "nine", "none", "p", "either", "either"]
    assert [(s.name, s.part) for s in slots(blob, proto)] == list(zip(names, [0, 0, 0, 0, 1, 0, 0, 0, 1], strict=True))
    assert [s.name for s in slots(blob, proto, skip_first=True)] == names[1:]
    assert len(slots(blob, huge)) == MOST_PARTS


@pytest.mark.parametrize(
    ("make", "word"),
    [
        (lambda w: w.int_("int", 4), "scalar"), (lambda w: w.enum("e", {"A": 1}), "scalar"),
        (lambda w: w.enum64("e", {"A": 1}), "scalar"), (lambda w: w.typedef("t", w.int_("int", 4)), "scalar"),
        (lambda w: w.struct("s", []), "struct"), (lambda w: w.union("s", []), "struct"),
        (lambda w: w.float_("f", 8), "float"), (lambda w: w.array(w.int_("int", 4), 2), "other"),
        (lambda w: w.fwd("s"), "other"), (lambda w: w.ptr(0), "void*"), (lambda w: w.ptr(w.const(0)), "const void*"),
        (lambda w: w.ptr(w.struct("s", [])), "struct*"), (lambda w: w.ptr(w.const(w.union("s", []))), "struct*"),
        (lambda w: w.ptr(w.int_("int", 4)), "int*"), (lambda w: w.ptr(w.ptr(0)), "pointer*"),
        (lambda w: w.ptr(w.enum("e", {"A": 1})), "pointer*"), (lambda w: w.ptr(w.fwd("s")), "pointer*"),
    ],
)  # fmt: skip
def test_classes_of_arguments(make: Any, word: str) -> None:
    """As the verifier tells them apart."""
    w = BtfWriter()
    made = make(w)
    assert type_class(w.blob(), made) == word


def uses(*code: Any, **subprograms: Code) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    """(offset, size) of each read of the context, and (argument, instruction) of each read through one."""
    ob = ObjectBuilder()
    for name, body in subprograms.items():
        ob.subprogram(name, body, linkage=0)
    obj = read_object(ob.program("fentry/f", "prog", [*code, *END]).build(), "t")
    program = obj.programs[0]
    return (
        [(x.offset, x.size) for x in ctx_loads(obj, program)],
        [(x.slot, x.at) for x in unchecked_derefs(obj, program)],
    )


def test_reads_of_the_context() -> None:
    """By size and offset, also through a moved and a copied pointer, in a subprogram, and from the stack."""
    assert uses(ldx(8, 2, 1, 8), ldx(4, 2, 1, 16)) == ([(8, 8), (16, 4)], [])
    assert uses(mov(6, 0), alu("=", 6, Reg(1)), alu("+", 6, 8), ldx(8, 2, 6, 8)) == ([(16, 8)], [])
    assert uses(stx(8, 10, -8, 1), ldx(8, 7, 10, -8), ldx(8, 2, 7, 0)) == ([(0, 8)], [])
    assert uses(subprog("sub", static=True), sub=[ldx(8, 2, 1, 24), *END]) == ([(24, 8)], [])
    assert uses(ldx(8, 2, 3, 8)) == ([], []) and uses(ldx(8, 1, 1, 0), ldx(8, 1, 1, 8))[0] == [(0, 8)]


def test_reads_through_arguments() -> None:
    """Of whole slots alone: a part of a pointer is none."""
    assert uses(ldx(8, 2, 1, 8), ldx(4, 3, 2, 0))[1] == [(1, 1)]
    assert uses(ldx(8, 2, 1, 0), ldx(4, 3, 2, 0))[1] == [(0, 1)]
    assert uses(ldx(4, 2, 1, 8), ldx(4, 3, 2, 0))[1] == []
    assert uses(ldx(8, 2, 1, -8), ldx(4, 3, 2, 0)) == ([(-8, 8)], [])
    assert uses(ldx(8, 2, 1, 8), alu("+", 2, 8), ldx(4, 3, 2, 0))[1] == []


@pytest.mark.parametrize("jump", [jmp, jmp32])
def test_a_comparison_with_null_settles_an_argument_on_both_sides(jump: Any) -> None:
    """In each register and slot that holds it, and no other argument; NULL is a constant where it is."""
    two = [ldx(8, 2, 1, 0), ldx(8, 3, 1, 8), alu("=", 6, Reg(2)), stx(8, 10, -8, 2), stx(8, 10, -16, 3)]
    reads = [ldx(4, 4, 6, 0), ldx(8, 7, 10, -8), ldx(4, 4, 7, 0), ldx(4, 4, 3, 0), ldx(8, 7, 10, -16), ldx(4, 4, 7, 0)]
    assert [slot for slot, _ in uses(*two, *reads)[1]] == [0, 0, 1, 1]
    assert [slot for slot, _ in uses(*two, jump("==", 2, 0, "out"), *reads, "out:")[1]] == [1, 1]
    assert [slot for slot, _ in uses(*two, jump("!=", 2, 0, "on"), *END, "on:", *reads)[1]] == [1, 1]
    assert [slot for slot, _ in uses(*two, jump("==", 2, 1, "out"), *reads, "out:")[1]] == [0, 0, 1, 1]
    assert [slot for slot, _ in uses(*two, jump(">", 2, 0, "out"), *reads, "out:")[1]] == [0, 0, 1, 1]
    zero = [mov(8, 0), jump("==", 2, Reg(8), "out")]
    assert [slot for slot, _ in uses(*two, *zero, *reads, "out:")[1]] == [1, 1]
    unknown = [ldx(8, 8, 1, 16), jump("==", 2, Reg(8), "out")]
    assert [slot for slot, _ in uses(*two, *unknown, *reads, "out:")[1]] == [0, 0, 1, 1]


@pytest.mark.parametrize(("op", "reached"), [("==", "null"), ("!=", "other")])
def test_null_is_known_on_its_own_side(op: str, reached: str) -> None:
    """Where the argument is NULL it is 0, where it is not nothing is known of it: a second test folds on one side."""
    first = [ldx(8, 2, 1, 0), jmp(op, 2, 0, "jumped")]
    again = [jmp("==", 2, 0, "null"), ldx(8, 5, 1, 64), *END, "null:", ldx(8, 5, 1, 72), *END]
    fallen = {offset for offset, _ in uses(*first, *again, "jumped:")[0]}
    jumped = {offset for offset, _ in uses(*first, *END, "jumped:", *again)[0]}
    null, other = {0, 72}, {0, 64, 72}
    assert (jumped, fallen) == ((null, other) if reached == "null" else (other, null))


def test_a_call_forgets_the_context_pointer_that_it_got() -> None:
    """R1 to R5 are lost; a callee-saved register keeps it."""
    assert uses(alu("=", 6, Reg(1)), call(7), ldx(8, 2, 6, 8))[0] == [(8, 8)]
    assert uses(call(7), ldx(8, 2, 1, 8))[0] == []
