# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Kernel pointers from maps, passed to kfuncs after RCU protects them no more (R-12.31)."""

from __future__ import annotations

from typing import Any

import pytest

from kfuncscope.kernel.kernel import Kernel
from support.bpfwriter import ObjectBuilder, Reg, alu, call, exit_, jmp, kfunc, ld_sym, ldx, mov, st, stx
from support.kernels import CONFIG, KernelBuilder, only

LOOKUP, LOCK, UNLOCK = 1, 93, 94
NAMES = ("bpf_rcu_read_lock", "bpf_rcu_read_unlock", "bpf_preempt_disable", "bpf_preempt_enable")
RCU, RCU_END, QUIET, LOUD = (kfunc(name) for name in NAMES)
END: list[Any] = ["out:", mov(0, 0), exit_()]
LOAD: list[Any] = [ldx(8, 6, 7, 0)]
HELD: list[Any] = [mov(1, Reg(7)), call(LOCK)]
FREE: list[Any] = [mov(1, Reg(7)), call(UNLOCK)]
KEEP: list[Any] = [mov(1, Reg(6)), kfunc("bpf_task_acquire")]  # KF_RCU in every table
GIVE: list[Any] = [mov(1, Reg(6)), kfunc("bpf_task_release")]  # without


def kernel(release: str) -> Kernel:
    """With kfuncs of sections and two that take a task; 7.2 and 7.3 have the function that ends protection."""
    kb = KernelBuilder(release)
    for name in NAMES:
        kb.btf.kfunc(name, 0)
    for name in ("bpf_task_acquire", "bpf_task_release"):
        kb.btf.kfunc(name, kb.btf.once("ptr", 0), [("p", kb.btf.once("ptr", 0))])
    if release in ("7.2", "7.3"):
        kb.hook("invalidate_rcu_protected_refs", [("env", kb.u64)])
    kb.hook("target")
    return kb.kernel(config=CONFIG, symbols=NAMES)


def refused(release: str, *code: Any, section: str = "fentry.s/target") -> bool:
    """Whether a program that has the value of a map in R7 gets the pointer of it refused by R-12.31."""
    ob = ObjectBuilder()
    ob.map("values", type=1, key=ob.s32, value=ob.u64, max_entries=1)
    for name in NAMES:
        ob.extern_func(name, ob.btf.proto(0))
    for name in ("bpf_task_acquire", "bpf_task_release"):
        ob.extern_func(name, ob.btf.proto(ob.btf.once("ptr", 0), [("p", ob.btf.once("ptr", 0))]))
    find = [st(4, 10, -4, 0), mov(2, Reg(10)), alu("+", 2, -4), ld_sym(1, "values"), call(LOOKUP)]
    ob.program(section, "prog", [*find, jmp("==", 0, 0, "out"), mov(7, Reg(0)), *code, *END])
    return "R-12.31" in {rule for p in only(ob, kernel(release)).problems for rule in p.rules}


@pytest.mark.parametrize(
    ("code", "releases"),
    [
        ([RCU, LOAD, KEEP, RCU_END], ""),
        ([RCU, LOAD, RCU_END, KEEP], "6.12 7.1 7.2 7.3"),
        ([RCU, LOAD, RCU_END, GIVE], ""),
        ([LOAD, RCU, KEEP, RCU_END], "6.12 7.1 7.2 7.3"),
        ([QUIET, RCU, LOAD, RCU_END, KEEP, LOUD], "6.12 7.1 7.2"),
        ([QUIET, RCU, LOAD, RCU_END, LOUD, KEEP], "6.12 7.1 7.2 7.3"),
        ([QUIET, LOAD, RCU, LOUD, KEEP, RCU_END], "6.12 7.1 7.2"),
        ([QUIET, HELD, LOAD, FREE, KEEP, LOUD], "7.2"),
        ([HELD, LOAD, FREE, KEEP], "7.2 7.3"),
        ([RCU, HELD, LOAD, FREE, KEEP, RCU_END], ""),
        ([RCU, LOAD, stx(8, 10, -16, 6), RCU_END, ldx(8, 6, 10, -16), KEEP], "6.12 7.1 7.2 7.3"),
        ([RCU, RCU, LOAD, RCU_END, KEEP, RCU_END], ""),  # nested: not followed
        ([RCU, [ldx(4, 6, 7, 0)], RCU_END, KEEP], ""),
        ([RCU, LOAD, jmp("!=", 6, 0, "more"), RCU_END, jmp("==", 0, 1, "out"), "more:", KEEP, RCU_END], ""),
    ],
)  # fmt: skip
def test_r_12_31_where_protection_ends(code: list[Any], releases: str) -> None:
    """In a program that may sleep."""
    assert [r for r in ("6.12", "7.1", "7.2", "7.3") if refused(r, code)] == releases.split()


def test_r_12_31_programs_that_cannot_sleep() -> None:
    """They are within RCU all the time, which unlocking did not ask before 7.3."""
    plain = "fentry/target"
    for release in ("6.12", "7.1", "7.2", "7.3"):
        assert not refused(release, LOAD, KEEP, section=plain)
        assert refused(release, RCU, LOAD, RCU_END, KEEP, section=plain) == (release != "7.3")
        assert not refused(release, HELD, LOAD, FREE, KEEP, section=plain)
