# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What global functions may take and return, and the tags of their arguments (R-12.26)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from kfuncscope.model.verdict import Tri
from kfuncscope.rules.judge import ProgramJudgement
from support.bpfwriter import ObjectBuilder, Reg, alu, exit_, jmp, ldx, mov, st, subprog
from support.btfwriter import STATIC, VOID
from support.kernels import KernelBuilder, only, rules

END: list[Any] = [mov(0, 0), exit_()]
READ: list[Any] = [ldx(4, 0, 1, 0), exit_()]
Types = Callable[[ObjectBuilder], int]


def number(ob: ObjectBuilder) -> int:
    return ob.s32


def mine(ob: ObjectBuilder) -> int:
    return ob.btf.ptr(ob.btf.struct("mine", [("data", ob.u32)]))


def nothing(ob: ObjectBuilder) -> int:
    return ob.btf.ptr(VOID)


def declared(ob: ObjectBuilder) -> int:
    return ob.btf.ptr(ob.btf.fwd("elsewhere"))


def task(ob: ObjectBuilder) -> int:
    return ob.btf.ptr(ob.btf.struct("task_struct", [("pid", ob.s32)]))


def rows(ob: ObjectBuilder) -> int:
    return ob.btf.ptr(ob.btf.array(ob.btf.array(ob.u32, 4, ob.s32), 2, ob.s32))


def function(ob: ObjectBuilder) -> int:
    return ob.btf.ptr(ob.btf.proto(VOID))


def value(ob: ObjectBuilder) -> int:
    return ob.btf.struct("pair", [("left", ob.u64), ("right", ob.u64)])


def built(
    argument: Types, *tags: str, code: Any = END, section: str = "tc", returns: Types = number, **options: int
) -> ObjectBuilder:
    ob = ObjectBuilder()
    proto = ob.btf.proto(returns(ob), [("given", argument(ob))])
    ob.program(section, "p", [mov(1, 0), subprog("helper", static=bool(options)), *END])
    ob.subprogram("helper", code, proto=proto, **options)
    helper = ob._functions[-1].type_id
    for tag in tags:
        ob.btf.decl_tag(tag, helper, 0)
    return ob


def judged(release: str, *given: Any, tasks: int = 1, **options: Any) -> ProgramJudgement:
    kb = KernelBuilder(release)
    for count in range(tasks):
        kb.btf.struct("task_struct", [("pid", kb.u32)] * (count + 1))
    return only(built(*given, **options), kb.kernel())


@pytest.mark.parametrize(
    ("argument", "loads"),
    [(number, Tri.YES), (mine, Tri.YES), (rows, Tri.YES), (nothing, Tri.NO), (declared, Tri.NO), (value, Tri.NO),
     (function, Tri.NO)],
)  # fmt: skip
@pytest.mark.parametrize("release", ["6.1", "6.12"])
def test_a_pointer_needs_a_type_with_a_size(release: str, argument: Types, loads: Tri) -> None:
    found = judged(release, argument)
    assert found.loads == loads
    assert ("R-12.26" in rules(found)) == (loads == Tri.NO)


def test_a_static_function_takes_anything() -> None:
    assert judged("6.12", value, linkage=STATIC).loads == Tri.YES


def test_5_10_takes_no_pointer_at_all_and_says_so_once() -> None:
    assert rules(judged("5.10", nothing)) == {"R-12.23"}
    assert judged("5.10", nothing, "arg:ctx").loads == Tri.YES  # which libbpf gives the type of the context
    assert judged("5.10", nothing, "arg:nonnull").loads == Tri.NO


@pytest.mark.parametrize(
    ("argument", "returns", "loads"),
    [(number, number, Tri.YES), (value, number, Tri.NO), (number, value, Tri.NO), (number, lambda ob: VOID, Tri.NO)],
)  # fmt: skip
def test_5_10_takes_and_returns_numbers(argument: Types, returns: Types, loads: Tri) -> None:
    """Seen on 5.10.262."""
    found = judged("5.10", argument, returns=returns)
    assert found.loads == loads
    assert rules(found) == ({"R-12.26"} if loads == Tri.NO else set())


@pytest.mark.parametrize(
    ("release", "argument", "tags", "loads"),
    [
        ("6.1", nothing, ["ctx"], Tri.YES),  # libbpf writes the type of the context
        ("6.7", nothing, ["ctx"], Tri.YES), ("6.8", nothing, ["ctx"], Tri.YES),
        ("6.8", number, ["ctx"], Tri.NO), ("6.7", number, ["ctx"], Tri.YES),
        ("6.8", mine, ["nonnull"], Tri.YES), ("6.8", mine, ["trusted"], Tri.NO), ("6.9", task, ["trusted"], Tri.YES),
        ("6.9", mine, ["trusted"], Tri.NO), ("6.7", mine, ["trusted"], Tri.YES),
        ("6.9", task, ["trusted", "nullable"], Tri.YES), ("6.9", task, ["trusted", "nonnull"], Tri.NO),
        ("6.9", mine, ["nullable"], Tri.NO), ("6.9", nothing, ["arena"], Tri.YES),
        ("6.9", mine, ["arena", "ctx"], Tri.NO),
        ("6.12", nothing, ["untrusted"], Tri.NO), ("6.17", nothing, ["untrusted"], Tri.YES),
        ("6.15", nothing, ["untrusted"], Tri.YES),  # not known; a note
        ("6.17", mine, ["untrusted"], Tri.NO), ("6.17", task, ["untrusted"], Tri.YES),
        ("7.2", mine, ["no_such_tag"], Tri.NO), ("6.1", mine, ["no_such_tag"], Tri.YES),
    ],
)  # fmt: skip
def test_tags(release: str, argument: Types, tags: list[str], loads: Tri) -> None:
    found = judged(release, argument, *(f"arg:{tag}" for tag in tags))
    assert {Tri.YES: {Tri.YES, Tri.UNKNOWN}}.get(loads, {loads}) >= {found.loads}
    if (release, tags) == ("6.15", ["untrusted"]):
        assert [(p.certain, p.stage) for p in found.problems] == [(False, "note")]
    elif loads == Tri.YES:
        assert not found.problems


@pytest.mark.parametrize(
    ("release", "passed", "tags", "loads"),
    [
        ("6.12", 0, ["arg:nonnull"], Tri.YES), ("7.2", 0, ["arg:nonnull"], Tri.NO), ("7.3", 0, ["arg:nonnull"], Tri.NO),
        ("7.1", 0, ["arg:nonnull"], Tri.YES),  # not known: nothing is said
        ("7.2", None, ["arg:nonnull"], Tri.YES), ("7.2", 0, [], Tri.YES), ("6.1", 0, ["arg:nonnull"], Tri.YES),
    ],
)  # fmt: skip
@pytest.mark.parametrize("dead", [False, True])
def test_null_for_an_argument_that_is_none(
    release: str, passed: int | None, tags: list[str], loads: Tri, dead: bool
) -> None:
    """Seen: 6.12.117 and 6.18 take a constant NULL there, 7.2.13 and 7.3.4 refuse it where the call is reached."""
    ob = ObjectBuilder()
    proto = ob.btf.proto(ob.s32, [("given", mine(ob))])
    what = [mov(1, 0)] if passed == 0 else [st(8, 10, -8, 0), mov(1, Reg(10)), alu("+", 1, -8)]
    skip: list[Any] = [mov(3, 0), jmp("==", 3, 0, "out")] if dead else []
    ob.program("tc", "p", [skip, *what, subprog("helper"), "out:", *END])
    ob.subprogram("helper", END, proto=proto)
    for tag in tags:
        ob.btf.decl_tag(tag, ob._functions[-1].type_id, 0)
    found = only(ob, KernelBuilder(release).kernel())
    assert found.loads == (Tri.YES if dead else loads)
    assert ("is passed NULL" in str(found.first and found.first.message)) == (loads == Tri.NO and not dead)


def test_tags_of_other_names_mean_nothing() -> None:
    assert judged("6.12", mine, "user", "tag:ctx").loads == Tri.YES


def test_libbpf_knows_no_context_of_tracing_programs() -> None:
    kb = KernelBuilder("6.1")
    kb.tracepoint("switch", [("task", kb.u64)])
    found = only(built(nothing, "arg:ctx", section="tp_btf/switch"), kb.kernel())
    assert found.loads == Tri.NO and "R-12.26" in rules(found)


def test_a_trusted_pointer_needs_a_type_that_vmlinux_has_once() -> None:
    assert judged("6.12", task, "arg:trusted", tasks=0).loads == Tri.NO
    twice = judged("6.12", task, "arg:trusted", tasks=2)
    assert twice.loads == Tri.NO and "has 2" in str(twice.first and twice.first.message)


@pytest.mark.parametrize(
    ("code", "refused"),
    [
        (READ, True), ([st(4, 1, 0, 7), *END], True), ([mov(6, Reg(1)), ldx(4, 0, 6, 0), exit_()], True), (END, False),
        ([jmp("==", 1, 0, "out"), ldx(4, 0, 1, 0), "out:", *END], False),
        ([jmp("!=", 1, 0, "out"), ldx(4, 0, 1, 0), "out:", *END], False),  # NULL is a number there
        ([mov(0, 1), jmp("==", 0, 1, "out"), ldx(4, 0, 1, 0), "out:", *END], False),  # never runs
        ([mov(6, Reg(1)), alu("+", 6, 4), *END], False),
    ],
)  # fmt: skip
@pytest.mark.parametrize(("release", "tag", "tested"), [("6.1", "arg:nonnull", True), ("6.12", "arg:nonnull", False),
                                                        ("6.12", "", True), ("7.2", "", True)])  # fmt: skip
def test_what_may_be_null_is_tested_first(release: str, tag: str, tested: bool, code: Any, refused: bool) -> None:
    found = judged(release, mine, *([tag] if tag else []), code=code)
    assert found.loads == (Tri.NO if refused and tested else Tri.YES)


def test_a_trusted_pointer_that_may_be_null_is_tested_first() -> None:
    assert judged("6.12", task, "arg:trusted", code=READ).loads == Tri.YES
    assert judged("6.12", task, "arg:trusted", "arg:nullable", code=READ).loads == Tri.NO


@pytest.mark.parametrize(
    ("release", "returns", "loads"),
    [("6.12", lambda ob: VOID, Tri.NO), ("6.19", lambda ob: VOID, Tri.NO), ("7.0", lambda ob: VOID, Tri.YES),
     ("7.1", lambda ob: VOID, Tri.YES), ("7.1", value, Tri.NO), ("6.12", number, Tri.YES)],
)  # fmt: skip
def test_what_is_returned(release: str, returns: Types, loads: Tri) -> None:
    assert judged(release, number, returns=returns).loads == loads


def test_five_arguments_and_not_six() -> None:
    for count, loads in ((5, Tri.YES), (6, Tri.NO)):
        ob = ObjectBuilder()
        proto = ob.btf.proto(ob.s32, [(f"a{i}", ob.u32) for i in range(count)])
        ob.program("tc", "p", [subprog("helper"), *END]).subprogram("helper", END, proto=proto)
        for release in ("5.10", "6.12"):
            assert only(ob, KernelBuilder(release).kernel()).loads == loads
