# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What the oldest kernels refuse: pointers of global functions, structs by value, maps of programs that sleep (R-12.23,
R-7.10, R-12.25)."""

from __future__ import annotations

import pytest

from kfuncscope.bpf.object import read_object
from kfuncscope.model.verdict import Tri
from kfuncscope.rules.judge import judge
from support.bpfwriter import ObjectBuilder, exit_, jmp, ld_sym, mov, subprog
from support.btfwriter import STATIC
from support.kernels import KernelBuilder, classes, only, rules

END = [mov(0, 0), exit_()]


def calling(argument: str, **options: int) -> ObjectBuilder:
    """An XDP program that calls a global function with a number, the context, or another pointer."""
    ob = ObjectBuilder()
    types = {
        "number": ob.s32, "context": ob.btf.ptr(ob.btf.struct("xdp_md", [("data", ob.u32)])),
        "pointer": ob.btf.ptr(ob.btf.struct("mine", [("data", ob.u32)])),
    }  # fmt: skip
    proto = ob.btf.proto(ob.s32, [("given", types[argument])])
    ob.program("xdp", "p", [subprog("helper"), *END])
    return ob.subprogram("helper", END, proto=proto, **options)


@pytest.mark.parametrize(
    ("release", "argument", "loads"),
    [
        ("5.10", "pointer", Tri.NO), ("5.10", "context", Tri.YES), ("5.10", "number", Tri.YES),
        ("5.12", "pointer", Tri.YES), ("6.1", "pointer", Tri.YES), ("5.11", "pointer", Tri.YES),
    ],
)  # fmt: skip
def test_pointers_of_global_functions_came_with_5_12(release: str, argument: str, loads: Tri) -> None:
    """5.11 is between what is known to refuse and what is known to take them: nothing is said."""
    found = only(calling(argument), KernelBuilder(release).kernel())
    assert found.loads == loads
    if loads == Tri.NO:
        assert classes(found) == ["typed_access_rejected"] and rules(found) == {"R-12.23"}


def test_a_static_function_takes_any_pointer() -> None:
    ob = ObjectBuilder().program("xdp", "p", [subprog("helper", static=True), *END])
    proto = ob.btf.proto(ob.s32, [("given", ob.btf.ptr(ob.btf.struct("mine", [("data", ob.u32)])))])
    ob.subprogram("helper", END, proto=proto, linkage=STATIC)
    assert only(ob, KernelBuilder("5.10").kernel()).loads == Tri.YES


@pytest.mark.parametrize("section", ["fentry/change_owner", "lsm/path_chown"])
@pytest.mark.parametrize(("release", "loads"), [("5.10", Tri.NO), ("5.15", Tri.YES), ("6.1", Tri.YES)])
def test_structs_by_value_came_with_6_1(section: str, release: str, loads: Tri) -> None:
    kb = KernelBuilder(release)
    owner = kb.btf.struct("kuid_t", [("val", kb.u32)])
    kb.hook("change_owner", [("uid", owner)])
    kb.lsm("path_chown", [("uid", owner)])
    found = only(ObjectBuilder().program(section, "p", END), kb.kernel())
    assert found.loads == loads
    assert ("by value" in str(found.first and found.first.message)) == (loads == Tri.NO)


def test_a_number_in_the_place_of_the_struct_is_passed_by_5_10() -> None:
    kb = KernelBuilder("5.10")
    kb.lsm("path_chown", [("uid", kb.u32)])
    assert only(ObjectBuilder().program("lsm/path_chown", "p", END), kb.kernel()).loads == Tri.YES


# -- maps of programs that sleep

HASH, ARRAY, PERF, PERCPU_HASH, QUEUE, LPM_TRIE, RINGBUF = 1, 2, 4, 5, 22, 11, 27
LAZY = 1  # BPF_F_NO_PREALLOC


@pytest.mark.parametrize(
    ("release", "kind", "flags", "loads"),
    [
        ("5.10", HASH, 0, True), ("5.10", ARRAY, 0, True), ("5.10", HASH, LAZY, False), ("6.1", HASH, LAZY, True),
        ("5.10", PERCPU_HASH, 0, False), ("5.10", RINGBUF, 0, False), ("6.1", RINGBUF, 0, True),
        ("5.15", RINGBUF, 0, True),  # between what is known to refuse and what is known to take it
        ("6.1", QUEUE, 0, False), ("6.12", QUEUE, 0, True), ("6.12", LPM_TRIE, LAZY, False),
        ("7.3", LPM_TRIE, LAZY, True), ("6.1", PERF, 0, False), ("7.3", PERF, 0, False),
    ],
)  # fmt: skip
@pytest.mark.parametrize("section", ["lsm.s/file_open", "lsm/file_open"])
def test_r_12_25_maps_of_programs_that_sleep(section: str, release: str, kind: int, flags: int, loads: bool) -> None:
    """check_map_prog_compatibility() lists few types; programs that do not sleep use any."""
    kb, ob = KernelBuilder(release), ObjectBuilder()
    kb.lsm("file_open")
    sizes = {} if kind == RINGBUF else {"key_size": 4, "value_size": 4}
    ob.map("m", type=kind, max_entries=1, map_flags=flags, **sizes)
    found = only(ob.program(section, "p", [*ld_sym(1, "m"), *END]), kb.kernel())
    told = [p.failure for p in found.problems if p.rules == ("R-12.25",)]
    assert told == ["map_not_for_program"] * (not loads and section == "lsm.s/file_open")
    if told:
        assert found.loads == Tri.NO


@pytest.mark.parametrize(("section", "refused"), [("lsm.s/file_open", True), ("lsm/file_open", False)])
def test_r_12_25_a_map_counts_in_code_that_never_runs(section: str, refused: bool) -> None:
    """The verifier looks at all maps of a program before it follows any path; one that is not loaded does not count."""
    kb, ob = KernelBuilder("6.1"), ObjectBuilder()
    kb.lsm("file_open")
    ob.map("m", type=PERF, key_size=4, value_size=4, max_entries=1)
    code = [mov(6, 0), jmp("==", 6, 0, "out"), *ld_sym(1, "m"), *ld_sym(2, "m"), "out:", *END]
    ob.program(section, "p", code).program(section, "q", END)
    judged_on = judge(read_object(ob.build(), "x"), kb.kernel()).programs
    told = {p.program.name: [q.failure for q in p.problems if q.rules == ("R-12.25",)] for p in judged_on}
    assert told == {"p": ["map_not_for_program"] * refused, "q": []}
