# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Calls that no lock and no section without preemption allows (R-4.5, R-12.3)."""

from __future__ import annotations

from typing import Any

import pytest

from kfuncscope.bpf.object import read_object
from kfuncscope.kernel.kernel import Kernel
from kfuncscope.model.failure import Failure
from kfuncscope.model.verdict import Tri
from kfuncscope.promise.restored import restore
from kfuncscope.promise.skeleton import reduce_object
from kfuncscope.rules.context import Context
from kfuncscope.rules.judge import ProgramJudgement, judge
from support.bpfwriter import ObjectBuilder, Reg, alu, call, exit_, jmp, kfunc, ldx, mov, st, subprog
from support.btfwriter import GLOBAL, STATIC
from support.kernels import CONFIG, KernelBuilder, only

COPY_FROM_USER, SPIN_LOCK, SPIN_UNLOCK = 148, 93, 94
NAMES = ("bpf_rcu_read_lock", "bpf_rcu_read_unlock", "bpf_preempt_disable", "bpf_preempt_enable", "bpf_throw")
COPY: list[Any] = [mov(1, Reg(10)), alu("+", 1, -8), mov(2, 8), mov(3, 0), call(COPY_FROM_USER)]
END: list[Any] = ["out:", mov(0, 0), exit_()]
IN, OUT = [kfunc("bpf_rcu_read_lock")], [kfunc("bpf_rcu_read_unlock")]
QUIET, LOUD = [kfunc("bpf_preempt_disable")], [kfunc("bpf_preempt_enable")]
MAYBE: list[Any] = [ldx(8, 6, 1, 0)]


def kernel(release: str = "6.12") -> Kernel:
    kb = KernelBuilder(release)
    for name in NAMES:
        kb.btf.kfunc(name, 0, [("cookie", kb.u64)] if name == "bpf_throw" else [])
    return kb.kernel(config={**CONFIG, "UNWINDER_ORC": "y"}, symbols=NAMES)


def built(section: str, *code: Any) -> ObjectBuilder:
    ob = ObjectBuilder()
    for name in NAMES:
        ob.extern_func(name, ob.btf.proto(0, [("cookie", ob.u64)] if name == "bpf_throw" else []))
    return ob.program(section, "prog", [MAYBE, st(8, 10, -8, 0), *code, *END])


def judged(section: str, *code: Any) -> ProgramJudgement:
    return only(built(section, *code), kernel())


@pytest.mark.parametrize(
    ("code", "region"),
    [
        ([COPY], ""),
        ([IN, COPY, OUT], "an RCU read section"),
        ([QUIET, COPY, LOUD], "a section without preemption"),
        ([IN, OUT, COPY], ""),
        ([COPY, IN, OUT], ""),
        ([jmp("==", 6, 0, "join"), IN, "join:", COPY], ""),  # on one of two paths alone
        ([jmp("==", 6, 0, "other"), IN, jmp("==", 0, 0, "join"), "other:", IN, "join:", COPY], "an RCU read section"),
        ([mov(7, 0), IN, jmp("==", 7, 0, "skip"), COPY, "skip:", OUT], ""),  # never runs
        ([IN, QUIET, OUT, COPY, LOUD], "a section without preemption"),
    ],
)
def test_r_4_5_helpers_that_may_sleep(code: list[Any], region: str) -> None:
    """In a program that may sleep, at a place where it may not; a program that never may is refused for that."""
    found = judged("syscall", *code)
    told = [p.message for p in found.problems if "but the program calls it in" in p.message]
    assert {p.failure for p in found.problems if p.message in told} <= {Failure.HELPER_NOT_AVAILABLE}
    assert told == [f"bpf_copy_from_user may sleep, but the program calls it in {region}"] * bool(region)
    assert found.loads == (Tri.NO if region else Tri.YES)
    # what a promise keeps of the program has no paths; what each call stands in is kept beside it
    ctx = Context(read_object(built("syscall", *code).build(), "o"), kernel())
    kept = judge(restore(reduce_object(ctx.obj, ctx, ctx.obj.programs), ctx.kernel), ctx.kernel).programs[0]
    assert [p.message for p in kept.problems if "but the program calls it in" in p.message] == told


def thrown(release: str, main: Any, inner: Any, *, static: bool = True) -> list[tuple[str, bool]]:
    """(message, certain) of what is said of bpf_throw() in a program with one subprogram, ``inner``."""
    ob = ObjectBuilder()
    for name in NAMES:
        ob.extern_func(name, ob.btf.proto(0, [("cookie", ob.u64)] if name == "bpf_throw" else []))
    ob.program("tc", "prog", [*main, *END]).subprogram("inner", [*inner, *END], linkage=STATIC if static else GLOBAL)
    found = judge(read_object(ob.build(), "x"), kernel(release)).programs[0]
    told = [(p.message, p.certain) for p in found.problems if p.name == "bpf_throw"]
    refused = any(certain for _, certain in told)
    assert {p.failure for p in found.problems if p.name == "bpf_throw" and p.certain} <= {Failure.KFUNC_NOT_ALLOWED}
    assert (found.loads == Tri.NO) == refused
    ctx = Context(read_object(ob.build(), "o"), kernel(release))
    kept = judge(restore(reduce_object(ctx.obj, ctx, ctx.obj.programs), ctx.kernel), ctx.kernel).programs[0]
    assert [(p.message, p.certain) for p in kept.problems if p.name == "bpf_throw"] == told
    return told


INNER = "bpf_throw ends the program, but the program calls it in {}, outside of its main function"
RCU, PREEMPT = INNER.format("an RCU read section"), INNER.format("a section without preemption")
CALL_IT: Any = subprog("inner")


@pytest.mark.parametrize(
    ("release", "refuses"),
    [("6.12.107", False), ("6.12.117", True), ("6.18.15", False), ("6.19.11", True), ("7.3", True)],
)
def test_r_12_3_bpf_throw_in_a_subprogram(release: str, refuses: bool) -> None:
    """Seen: 6.12.107, 6.16.12 and 6.17.13 take it there; 6.12.117, 6.19.14, 7.0.13, 7.1.13 and 7.2.12 refuse it."""
    assert thrown(release, [CALL_IT], [IN, kfunc("bpf_throw")]) == [(RCU, True)] * refuses
    assert thrown(release, [IN, CALL_IT, OUT], [kfunc("bpf_throw")]) == [(RCU, True)] * refuses


@pytest.mark.parametrize(
    ("main", "inner", "told"),
    [
        ([QUIET, CALL_IT, LOUD], [kfunc("bpf_throw")], [PREEMPT]),
        ([IN, OUT, CALL_IT], [kfunc("bpf_throw")], []),
        ([CALL_IT, IN, OUT], [kfunc("bpf_throw")], []),
        ([IN, CALL_IT, OUT, CALL_IT], [kfunc("bpf_throw")], [RCU]),  # one of its calls is enough
        ([IN, CALL_IT], [OUT, kfunc("bpf_throw")], []),  # ended before
        ([IN, CALL_IT, kfunc("bpf_throw")], [OUT], []),  # ended when it returns
    ],
)
def test_r_12_3_what_is_held_at_a_call_is_held_in_the_subprogram(main: Any, inner: Any, told: list[str]) -> None:
    assert [message for message, _ in thrown("7.3", main, inner)] == told


@pytest.mark.parametrize("release", ["6.12.107", "6.12.117", "7.3"])
def test_r_12_3_bpf_throw_under_a_lock_of_the_caller(release: str) -> None:
    """Seen on 6.12.107 to 7.2.12: no level takes a kfunc there, wherever it stands."""
    locked = [call(SPIN_LOCK), CALL_IT, call(SPIN_UNLOCK)]
    assert thrown(release, locked, [kfunc("bpf_throw")]) == [(INNER.format("a lock"), True)]


def test_r_12_3_a_global_subprogram_is_judged_by_itself() -> None:
    assert thrown("7.3", [IN, CALL_IT, OUT], [kfunc("bpf_throw")], static=False) == []


def test_r_12_22_bpf_throw_between_levels() -> None:
    """The level below takes it, the one above refuses it."""
    told = thrown("6.18.20", [CALL_IT], [IN, kfunc("bpf_throw")])
    assert told == [(f"{RCU}, which some of Linux 6.18.15 and 6.19.11 refuse", False)]


@pytest.mark.parametrize(
    ("before", "region"),
    [
        ([], ""), (IN, "an RCU read section"), (QUIET, "a section without preemption"),
        ([call(SPIN_LOCK)], "a lock"), ([call(SPIN_LOCK), call(SPIN_UNLOCK)], ""), ([IN, OUT], ""),
    ],
)  # fmt: skip
def test_r_12_3_bpf_throw_under_a_lock(before: list[Any], region: str) -> None:
    """bpf_throw() leaves the program as it is, so nothing may be held."""
    found = judged("tc", *before, kfunc("bpf_throw"))
    told = [p.message for p in found.problems if p.name == "bpf_throw"]
    assert told == [f"bpf_throw ends the program, but the program calls it in {region}"] * bool(region)


@pytest.mark.parametrize(
    ("before", "after", "release", "static", "loads"),
    [
        (QUIET, LOUD, "6.12", False, False), (QUIET, LOUD, "6.12", True, True), (QUIET, LOUD, "6.17", False, True),
        (IN, OUT, "6.12", False, True), ([*QUIET, *LOUD], [], "6.12", False, True),
        ([call(SPIN_LOCK)], [call(SPIN_UNLOCK)], "6.12", False, False),
        ([call(SPIN_LOCK)], [call(SPIN_UNLOCK)], "7.3", False, False),
        ([call(SPIN_LOCK)], [call(SPIN_UNLOCK)], "7.3", True, True),
        ([call(SPIN_LOCK)], [call(SPIN_UNLOCK)], "6.12", True, True),
        ([call(SPIN_LOCK)], [call(SPIN_UNLOCK)], "6.1", True, False),
        ([call(SPIN_LOCK)], [call(SPIN_UNLOCK)], "6.1", False, False),
        ([call(SPIN_LOCK), call(SPIN_UNLOCK)], [], "6.1", True, True),
        ([call(SPIN_LOCK)], [call(SPIN_UNLOCK)], "6.6", True, True),  # not known: nothing is said
    ],
)  # fmt: skip
def test_r_12_24_functions_under_a_lock(
    before: list[Any], after: list[Any], release: str, static: bool, loads: bool
) -> None:
    """The verifier does not follow a call of a global function, so little may be held there; 6.1 allows no call."""
    kb, ob = KernelBuilder(release), ObjectBuilder()
    for name in NAMES:
        kb.btf.kfunc(name, 0, [("cookie", kb.u64)] if name == "bpf_throw" else [])
        ob.extern_func(name, ob.btf.proto(0, [("cookie", ob.u64)] if name == "bpf_throw" else []))
    ob.subprogram("count", [mov(0, 0), exit_()], linkage=STATIC if static else GLOBAL)
    ob.program("tc", "prog", [*before, subprog("count", static=static), *after, *END])
    found = only(ob, kb.kernel(config=CONFIG, symbols=NAMES))
    assert (found.loads == Tri.YES) == loads
    assert [p.message.partition(",")[0] for p in found.problems if p.name == "count"] == (
        [f"count is a {'static' if static else 'global'} function"] * (not loads)
    )


@pytest.mark.parametrize(
    ("begin", "end", "inside"),
    [
        (QUIET, LOUD, True), ([*QUIET, *LOUD], [], False), ([jmp("==", 1, 0, "out"), QUIET], LOUD, False),
        ([subprog("deeper", static=True)], LOUD, True), (IN, OUT, False),
    ],
)  # fmt: skip
def test_r_12_24_a_region_that_a_static_subprogram_leaves_open(begin: list[Any], end: list[Any], inside: bool) -> None:
    """What it leaves open on every path lasts on in its caller, until another ends it."""
    kb, ob = KernelBuilder("6.12"), ObjectBuilder()
    for name in NAMES:
        kb.btf.kfunc(name, 0, [("cookie", kb.u64)] if name == "bpf_throw" else [])
        ob.extern_func(name, ob.btf.proto(0, [("cookie", ob.u64)] if name == "bpf_throw" else []))
    for name, code in (("deeper", QUIET), ("begin", begin), ("end", end)):
        ob.subprogram(name, [*code, *END], linkage=STATIC)
    for name in ("within", "behind"):
        ob.subprogram(name, [mov(0, 0), exit_()], linkage=GLOBAL)
    calls = [subprog("begin", static=True), subprog("within"), subprog("end", static=True), subprog("behind")]
    found = only(ob.program("tc", "prog", [*calls, *END]), kb.kernel(config=CONFIG, symbols=NAMES))
    assert {p.name for p in found.problems} == ({"within"} if inside else set())
