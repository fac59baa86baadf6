# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Callbacks of struct_ops whose arguments may be NULL, and tables that leave out what the kernel needs (R-7.3)."""

from __future__ import annotations

import pytest

from kfuncscope.kernel.fact_sources import fact_sources, source_lines, source_of
from kfuncscope.kernel.kernel import Kernel
from kfuncscope.knowledge.probed import Probed
from kfuncscope.model.failure import Failure
from kfuncscope.model.verdict import NeedKind, Tri
from support.bpfwriter import Insn, ObjectBuilder, call, exit_, jmp, kfunc, ldx, mov
from support.kernels import KernelBuilder, classes, compared, only, rules

END = [mov(0, 0), exit_()]


def reading(slot: int, *, checked: bool = False) -> list[Insn | str]:
    """Reads through an argument, after a comparison with NULL or without."""
    guard = [jmp("==", 1, 0, "out")] if checked else []
    return [ldx(8, 1, 1, 8 * slot), *guard, ldx(4, 2, 1, 0), "out", *END]


def callback(
    code: list[Insn | str], names: tuple[str, str] = ("cpu", "task"), probed: Probed | None = None, type_: str = "task"
) -> tuple[ObjectBuilder, Kernel]:
    """A program on ``my_ops.run(int, struct task *)``, and a kernel whose stub names its arguments so."""
    kb = KernelBuilder("7.3")
    struct = kb.btf.ptr(kb.btf.struct("task", [("pid", kb.u32)]))
    second = struct if type_ == "task" else kb.u64
    kb.ops("my_ops", [("run", kb.callback([("a", kb.s32), ("b", second)]))])
    kb.hook("my_ops__run", [(names[0], kb.s32), (names[1], second)])
    made = kb.kernel()
    if probed is not None:
        made.__dict__["probed"] = probed
    ob = ObjectBuilder()
    mine = ob.btf.ptr(ob.btf.struct("task", [("pid", ob.u32)])) if type_ == "task" else ob.u64
    table = ob.btf.struct("my_ops", [("run", ob.btf.ptr(ob.btf.proto(ob.s32, [("a", ob.s32), ("b", mine)])))])
    ob.struct_ops("table", table, 8, {0: "prog"}).program("struct_ops/run", "prog", code)
    return ob, made


def answered(**facts: object) -> Probed:
    """What a booted kernel answered."""
    return Probed("0" * 64, "0" * 64, "7.3", "x86_64", **facts)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("names", "checked", "loads"),
    [
        (("cpu", "task__nullable"), False, False), (("cpu", "task__nullable"), True, True),
        (("cpu", "task"), False, True), (("cpu__nullable", "task"), False, True),
        (("cpu", "task__arena__nullable"), False, True),
    ],
)  # fmt: skip
def test_r_7_3_arguments_that_may_be_null(names: tuple[str, str], checked: bool, loads: bool) -> None:
    """The kernel's stub tells by the argument's name."""
    found = only(*callback(reading(1, checked=checked), names))
    assert (found.loads == Tri.YES) == loads
    assert (classes(found) == [Failure.NULL_CHECK_MISSING]) == (not loads)
    assert loads or {"R-7.3", "R-7.7"} <= rules(found)


@pytest.mark.parametrize(
    ("told", "names", "loads"),
    [
        ({"my_ops.run": [1]}, ("cpu", "task"), False), ({"my_ops.run": [0]}, ("cpu", "task"), True),
        ({"my_ops.go": [1]}, ("cpu", "task__nullable"), True), ({}, ("cpu", "task__nullable"), False),
    ],
)  # fmt: skip
def test_what_the_booted_kernel_answered_stands_above(
    told: dict[str, list[int]], names: tuple[str, str], loads: bool
) -> None:
    """Its answers count in place of the stub's names, where it gave any."""
    found = only(*callback(reading(1), names, answered(struct_ops_null=told)))
    assert (found.loads == Tri.YES) == loads


def tables(
    members: dict[str, list[str]], needed: list[str] | None, *, type_: str = "my_ops"
) -> tuple[ObjectBuilder, Kernel]:
    """Tables that hold one program at some members, and a kernel that answered what it needs."""
    kb, ob = KernelBuilder("7.3"), ObjectBuilder()
    names = ["first", "second", "third"]
    kb.ops("my_ops", [(name, kb.callback()) for name in names])
    made = kb.kernel()
    made.__dict__["probed"] = None if needed is None else answered(struct_ops_needed={type_: needed})
    local = ob.btf.struct("my_ops", [(name, ob.btf.ptr(ob.btf.proto(ob.s32))) for name in names])
    for name, filled in members.items():
        ob.struct_ops(name, local, 24, {8 * names.index(one): "prog" for one in filled})
    ob.program("struct_ops/prog", "prog", END)
    return ob, made


@pytest.mark.parametrize(
    ("members", "needed", "attaches"),
    [
        ({"one": ["first"]}, ["first"], True),
        ({"one": ["first"]}, ["first", "second"], False),
        ({"one": ["third"]}, ["first"], False),
        ({"one": ["first"]}, [], True),
        ({"one": ["first"]}, None, True),
    ],
)
def test_r_7_3_tables_without_what_the_kernel_needs(
    members: dict[str, list[str]], needed: list[str] | None, attaches: bool
) -> None:
    """A table loads, and is refused when it is attached; of a kernel that was not asked nothing is said."""
    found = only(*tables(members, needed))
    assert found.loads == Tri.YES and (found.attaches == Tri.YES) == attaches
    if not attaches:
        assert classes(found) == [Failure.ATTACH_FAILED] and "leaves out" in found.problems[-1].message


def test_another_type_asks_for_nothing() -> None:
    assert only(*tables({"one": ["first"]}, ["second"], type_="other_ops")).attaches == Tri.YES


@pytest.mark.parametrize(("members", "loads"), [(["run"], True), (["go"], False), ([], False)])
def test_members_that_the_booted_kernel_lets_be_implemented(members: list[str], loads: bool) -> None:
    """Its answer counts in place of the tables, which do not know the type."""
    found = only(*callback(END, probed=answered(struct_ops={"my_ops": members})))
    assert (found.loads == Tri.YES) == loads
    assert (classes(found) == [Failure.ATTACH_TARGET_REJECTED]) == (not loads)


@pytest.mark.parametrize(("told", "source"), [({"my_ops.run": [1]}, "the booted kernel"), ({}, "BTF")])
def test_a_verdict_says_who_told(told: dict[str, list[int]], source: str) -> None:
    """What a finding rests on: the booted kernel's answer, or the stub in its BTF."""
    ob, made = callback(reading(1), ("cpu", "task__nullable"), answered(struct_ops_null=told))
    verdict = compared(ob, made, made)
    finding = next(f for f in verdict.programs[0].findings if f.failure is Failure.NULL_CHECK_MISSING)
    assert source_of(finding, "struct_ops/run", source_lines(fact_sources(made).items())) == source


@pytest.mark.parametrize("asked", [True, False])
def test_a_verdict_on_a_helper_and_on_a_kfunc_says_who_told(asked: bool) -> None:
    """A booted kernel that refused both to a program type: the finding rests on its answer, else on the tables."""
    kb = KernelBuilder("7.3")
    kb.btf.kfunc("bpf_cpumask_create", kb.btf.ptr(kb.btf.struct("bpf_cpumask", [("bits", kb.u64)])))
    made = kb.kernel()
    if asked:
        told = answered(helpers={"XDP": ["bpf_map_lookup_elem"]}, kfuncs={"XDP": ["bpf_xdp_metadata_rx_hash"]},
                        asked_kfuncs=["bpf_cpumask_create", "bpf_xdp_metadata_rx_hash"])  # fmt: skip
        made.__dict__["probed"] = told
    ob = ObjectBuilder()
    ob.extern_func("bpf_cpumask_create", ob.btf.proto(ob.btf.ptr(ob.btf.struct("bpf_cpumask", [("bits", ob.u64)]))))
    ob.program("xdp", "helped", [call(27), *END]).program("xdp", "called", [kfunc("bpf_cpumask_create"), *END])
    lines = source_lines(fact_sources(made).items())
    found = {}
    for program in compared(ob, made, made).programs:
        finding = next(f for f in program.findings if f.kind in (NeedKind.HELPER, NeedKind.KFUNC))
        found[program.program] = source_of(finding, "xdp", lines)
    assert [source == "the booted kernel" for source in found.values()] == [asked, asked], found
