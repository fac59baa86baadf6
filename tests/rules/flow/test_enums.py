# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Enumerators compared as numbers, and renumbered by an upgrade (R-12.10)."""

from __future__ import annotations

from typing import Any

import pytest

from kfuncscope.kernel.kernel import Kernel
from kfuncscope.model.verdict import ProgramVerdict, Verdict
from support.bpfwriter import (
    ENUMVAL_VALUE,
    FIELD_EXISTS,
    ObjectBuilder,
    Reg,
    alu,
    core,
    exit_,
    jmp,
    jmp32,
    ldx,
    mov,
    mov32,
)  # fmt: skip
from support.kernels import KernelBuilder, compared

END = ["out:", mov(0, 0), exit_()]
OLD = {"NONE": 0, "CSUM": 9, "NOMEM": 68, "LOST": 70}


def kernel(values: dict[str, int]) -> Kernel:
    """A kernel whose hooks have an ``enum reason``: the argument of ``drop``, a member of ``msg``, and a record's."""
    kb = KernelBuilder("7.3")
    reason = kb.btf.enum("reason", values)
    message = kb.btf.struct("msg", [("reason", reason), ("len", kb.u32)])
    kb.tracepoint("drop", [("msg", kb.btf.ptr(message)), ("reason", reason), ("len", kb.u32)])
    kb.hook("drop", [("msg", kb.btf.ptr(message)), ("reason", reason), ("len", kb.u32)])
    kb.btf.struct("trace_event_raw_drop", [("ent", kb.u64), ("reason", reason), ("len", kb.u32)])
    return kb.kernel(symbols=["drop"])


def compares(
    *head: Any, value: int = 9, test: Any = jmp32, own: bool = True, section: str = "tp_btf/drop"
) -> ObjectBuilder:
    """A program that compares r2 with a number; its own BTF has the enum, or not."""
    ob = ObjectBuilder()
    if own:
        ob.btf.enum("reason", OLD)
    return ob.program(section, "prog", [*head, test("==", 2, value, "out"), *END])


ARG = [ldx(8, 2, 1, 8)]


def upgrade(ob: ObjectBuilder, new: dict[str, int], old: dict[str, int] = OLD) -> ProgramVerdict:
    return compared(ob, kernel(old), kernel(new)).programs[0]


@pytest.mark.parametrize(
    ("ob", "changed"),
    [
        (compares(*ARG), True),
        (compares(*ARG, test=jmp), True),
        (compares(*ARG, value=0), False),
        (compares(*ARG, value=33), False),
        (compares(ldx(8, 2, 1, 16)), False),
        (compares(*ARG, mov(3, Reg(2)), mov32(2, Reg(3))), True),
        (compares(*ARG, alu("<<", 2, 32), alu(">>", 2, 32), test=jmp), True),
        (compares(*ARG, alu("<<", 2, 3), test=jmp), False),
        (compares(*ARG, alu("+", 2, 1)), False),
        (compares(ldx(8, 3, 1, 0), ldx(4, 2, 3, 0)), True),
        (compares(ldx(8, 3, 1, 0), ldx(4, 2, 3, 4)), False),
        (compares(ldx(4, 2, 1, 8), section="tracepoint/x/drop"), True),
        (compares(ldx(4, 2, 1, 12), section="tracepoint/x/drop"), False),
        (compares(ldx(8, 2, 1, 104), section="kprobe/drop"), True),
        (compares(ldx(8, 2, 1, 96), section="kprobe/drop"), False),
    ],
)  # fmt: skip
def test_r_12_10_a_number_that_stood_for_an_enumerator(ob: ObjectBuilder, changed: bool) -> None:
    """Followed are arguments, members and records of the enum's type, through moves and 32-bit shifts."""
    found = upgrade(ob, {"NONE": 0, "BUSY": 9, "CSUM": 10, "NOMEM": 68, "LOST": 70})
    assert found.verdict == (Verdict.SILENT if changed else Verdict.OK)
    if changed:
        one = next(f for f in found.findings if f.rules == ("R-12.10",))
        assert one.name == "enum reason.CSUM" and one.message.endswith("now means BUSY; CSUM is now 10")


def test_r_12_10_what_is_certain_of_it() -> None:
    """Without the enum in the object's BTF the old kernel's tells; gone counts; what was wrong before does not."""
    new = {"NONE": 0, "CSUM": 10}
    assert upgrade(compares(*ARG, own=False), new).verdict == Verdict.RISK
    found = upgrade(compares(*ARG, value=70), new)
    assert (found.verdict, found.findings[0].message) == (
        Verdict.SILENT,
        "the program compares with 70 for LOST, which no longer means anything; LOST no longer exists",
    )
    assert upgrade(compares(*ARG), OLD).verdict == Verdict.OK
    assert upgrade(compares(*ARG), {"CSUM": 11}, {"CSUM": 10}).verdict == Verdict.OK
    assert upgrade(compares(*ARG), {"CSUM": 11}, {"CSUM": 9}).verdict == Verdict.SILENT


def test_r_12_10_relocated_values_and_code_that_does_not_run() -> None:
    """CO-RE puts the new number in; a comparison that no path reaches means nothing."""
    ob = ObjectBuilder()
    reason = ob.btf.enum("reason", OLD)
    ob.program("tp_btf/drop", "prog", [*ARG, core(jmp32("==", 2, 9, "out"), reason, "1", ENUMVAL_VALUE), *END])
    new = {"NONE": 0, "CSUM": 10}
    assert upgrade(ob, new).verdict in (Verdict.OK, Verdict.ALREADY_BROKEN)
    for member, verdict in (("len", Verdict.SILENT), ("gone", Verdict.OK)):
        ob = ObjectBuilder()
        ob.btf.enum("reason", OLD)
        message = ob.btf.struct("msg", [(member, ob.u32)])
        guard = [core(mov(3, 1), message, "0:0", FIELD_EXISTS), jmp32("==", 3, 0, "out")]
        ob.program("tp_btf/drop", "prog", [*ARG, *guard, jmp32("==", 2, 9, "out"), *END])
        assert upgrade(ob, new).verdict == verdict
