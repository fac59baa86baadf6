# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Tail calls: owners of maps of programs, filled slots, and builds that mix them with subprograms (R-12.1, R-12.2)."""

from __future__ import annotations

import pytest

from kfuncscope.bpf.object import read_object
from kfuncscope.kernel.kernel import Kernel
from kfuncscope.model.verdict import Reach, Tri
from kfuncscope.rules.checks.tail_calls import compared_members
from support.bpfwriter import ObjectBuilder, call, exit_, ld_sym, mov, subprog
from support.kernels import CONFIG, KernelBuilder, classes, judged, only, rules

PROG_ARRAY, DEVMAP, CGROUP_STORAGE = 3, 14, 19
OLD = ("type", "jited", "xdp_has_frags", "storage_cookie", "attach_func_proto")
MEMBERS = (*OLD, "expected_attach_type")
NEWEST = (*MEMBERS, "sleepable")
END = [mov(0, 0), exit_()]


def kernel(
    *members: str, struct: str = "bpf_map_owner", inside: str = "", release: str = "7.3", arch: str = "x86_64"
) -> Kernel:
    """A kernel whose struct for the owner of a map has these members; ``inside`` another struct's member ``owner``."""
    kb = KernelBuilder(release, arch)
    rows = [(name, kb.u32) for name in members]
    if inside:
        kb.btf.struct(inside, [("spinlock", kb.u32), ("owner", kb.btf.struct("", rows))])
    elif members:
        kb.btf.struct(struct, rows)
    page = kb.btf.ptr(kb.btf.struct("page", [("flags", kb.u64)]))
    one = kb.btf.proto(kb.s32, [("a", page)])
    for name in ("do_one", "do_same"):  # functions of one prototype share it, as deduplicated BTF has it
        kb.btf.func(name, proto=one)
    kb.hook("do_other", [("a", page), ("b", kb.s32)])
    for name in ("one", "other"):
        kb.tracepoint(name, [("a", page)] * (1 + (name == "other")))
    return kb.kernel(symbols=["do_one", "do_same", "do_other"], config={**CONFIG, "MMU": "y"})


def sharing(first: str, second: str, *, type: int = PROG_ARRAY) -> ObjectBuilder:
    """Two programs that load the address of one map."""
    ob = ObjectBuilder().map("jumps", type=type, key_size=4, value_size=4, max_entries=2)
    for name, section in (("one", first), ("two", second)):
        ob.program(section, name, [ld_sym(2, "jumps"), *END])
    return ob


def holding(caller: str, target: str, *, slot: int = 0, entries: int = 2) -> ObjectBuilder:
    """A program that uses a prog array, and one in a slot of it."""
    ob = ObjectBuilder()
    ob.prog_array("jumps", {slot: "target"}, max_entries=entries)
    return ob.program(caller, "caller", [ld_sym(2, "jumps"), *END]).program(target, "target", END)


@pytest.mark.parametrize(
    ("first", "second", "members", "told"),
    [
        ("kprobe/do_one", "kprobe/do_other", NEWEST, ""),
        ("kprobe/do_one", "kprobe.multi/do_one", MEMBERS, "attach type (none and TRACE_KPROBE_MULTI)"),
        ("kprobe/do_one", "kprobe.multi/do_one", OLD, ""),
        ("kprobe/do_one", "tracepoint/sched/x", OLD, "program type (KPROBE and TRACEPOINT)"),
        ("kprobe/do_one", "tracepoint/sched/x", (), "program type (KPROBE and TRACEPOINT)"),
        ("xdp", "xdp.frags", OLD, "XDP fragments"),
        ("xdp.frags", "xdp.frags", OLD, ""),
        ("xdp", "xdp.frags", (), ""),
        ("fentry/do_one", "fentry/do_same", MEMBERS, ""),
        ("fentry/do_one", "fentry/do_other", MEMBERS, "prototype of the attach target"),
        ("fentry/do_one", "fentry/do_other", ("type", "jited"), ""),
        ("fentry/do_one", "fexit/do_one", MEMBERS, "attach type (TRACE_FENTRY and TRACE_FEXIT)"),
        ("fentry/do_one", "fexit/do_one", OLD, ""),
        ("tp_btf/one", "tp_btf/other", MEMBERS, "prototype of the attach target"),
        ("tp_btf/one", "tp_btf/one", MEMBERS, ""),
        ("uprobe", "uprobe.s", NEWEST, "sleepable"),
        ("uprobe.s", "uprobe.s", NEWEST, ""),
    ],
)  # fmt: skip
def test_r_12_1_users_of_one_map(first: str, second: str, members: tuple[str, ...], told: str) -> None:
    """What the kernel's own struct remembers of the owner decides, and nothing else; each program alone loads."""
    found = judged(sharing(first, second), kernel(*members))
    assert [p.loads for p in found.programs] == [Tri.YES, Tri.YES]
    assert found.loads == (Tri.NO if told else Tri.YES)
    assert [p.reach for p in found.problems] == [Reach.OBJECT] * bool(told)
    if told:
        refused = "two uses map jumps, whose owner is one: this kernel rejects it, as they differ in"
        assert found.problems[0].message == f"{refused} {told}"
        assert found.problems[0].rules == ("R-12.1",)


def test_r_12_1_attach_types_are_compared_for_prog_arrays_alone() -> None:
    """Maps of devices and processors hold programs too, which have attach types of their own."""
    assert judged(sharing("xdp", "xdp/devmap", type=DEVMAP), kernel(*MEMBERS)).loads == Tri.YES
    assert judged(sharing("xdp", "xdp/devmap"), kernel(*MEMBERS)).loads == Tri.NO
    assert judged(sharing("xdp", "xdp.frags", type=DEVMAP), kernel(*MEMBERS)).loads == Tri.NO
    assert judged(sharing("xdp", "tc", type=1), kernel(*MEMBERS)).loads == Tri.YES


def test_r_12_1_a_program_that_is_off_owns_nothing() -> None:
    """libbpf does not load it, so it cannot be in the way."""
    assert judged(sharing("kprobe/do_one", "?tc"), kernel(*MEMBERS)).loads == Tri.YES
    assert judged(sharing("kprobe/do_one", "tc"), kernel(*MEMBERS)).loads == Tri.NO


@pytest.mark.parametrize(
    ("build", "told"),
    [
        (holding("kprobe/do_one", "kprobe/do_other"), ""),
        (holding("kprobe.multi/do_one", "kprobe/do_one"), "they differ in attach type (TRACE_KPROBE_MULTI and none)"),
        (holding("kprobe/do_one", "?kprobe/do_one"), "target, whose autoload is off"),
        (holding("kprobe/do_one", "kprobe/do_one", slot=1), ""),
        (holding("kprobe/do_one", "kprobe/do_one", slot=2), "beyond its 2 entries"),
        (holding("kprobe/do_one", "kprobe/do_one", slot=3), "beyond its 2 entries"),
        (holding("kprobe/do_one", "kprobe/do_one", slot=2, entries=3), ""),
    ],
)  # fmt: skip
def test_r_12_1_slots_that_the_object_fills(build: ObjectBuilder, told: str) -> None:
    """libbpf fills slots after the load of the programs; what is refused fails the object, and all at the map."""
    found = judged(build, kernel(*MEMBERS))
    assert found.loads == (Tri.NO if told else Tri.YES)
    assert [classes(p) for p in found.programs] == [["prog_array_owner"] * bool(told)] * 2
    assert told in (found.problems[0].message if found.problems else "")


def test_r_12_1_slots_of_a_map_that_nothing_uses() -> None:
    """The first program that is put in becomes the owner."""
    for second, loads in (("kprobe/do_other", Tri.YES), ("tc", Tri.NO)):
        ob = ObjectBuilder()
        ob.prog_array("jumps", {0: "one", 1: "two"}, max_entries=2)
        ob.program("kprobe/do_one", "one", END).program(second, "two", END)
        assert judged(ob, kernel(*MEMBERS)).loads == loads


def test_r_12_1_override_return_shuts_a_program_out() -> None:
    """A program that changes what a function returns is compatible with no owner, its own map included."""
    for helper, loads in ((58, Tri.NO), (14, Tri.YES)):
        ob = ObjectBuilder().map("jumps", type=PROG_ARRAY, key_size=4, value_size=4, max_entries=2)
        ob.program("kprobe/do_one", "one", [ld_sym(2, "jumps"), call(helper), *END])
        assert judged(ob, kernel(*MEMBERS)).loads == loads


@pytest.mark.parametrize("in_slot", [True, False])
def test_r_12_1_whom_a_refused_program_takes_along(in_slot: bool) -> None:
    """In a slot the load of the object fails when libbpf fills it, so alone neither program loads; one that only uses
    the map is refused itself, and the object with it."""
    ob, shut = ObjectBuilder(), [call(58), *END]
    if in_slot:
        ob.prog_array("jumps", {0: "target"}, max_entries=2)
        ob.program("kprobe/do_one", "caller", [ld_sym(2, "jumps"), *END]).program("kprobe/do_one", "target", shut)
    else:
        ob.map("jumps", type=PROG_ARRAY, key_size=4, value_size=4, max_entries=2)
        ob.program("kprobe/do_one", "caller", [ld_sym(2, "jumps"), *shut]).program("kprobe/do_one", "target", END)
    found = judged(ob, kernel(*MEMBERS))
    assert found.loads == Tri.NO
    assert ["prog_array_owner" in classes(p) for p in found.programs] == [in_slot] * 2


@pytest.mark.parametrize(
    ("second", "calls", "members", "loads"),
    [
        ("other", False, MEMBERS, Tri.NO), ("own", False, MEMBERS, Tri.YES), ("", False, MEMBERS, Tri.YES),
        ("", True, MEMBERS, Tri.NO), ("other", False, ("type", "jited"), Tri.YES),
    ],
)  # fmt: skip
def test_r_12_1_cgroup_storage(second: str, calls: bool, members: tuple[str, ...], loads: Tri) -> None:
    """One storage map for all, or none in a program that calls no further."""
    ob = ObjectBuilder().map("jumps", type=PROG_ARRAY, key_size=4, value_size=4, max_entries=2)
    for name in ("own", "other"):
        ob.map(name, type=CGROUP_STORAGE, key_size=8, value_size=8, max_entries=0)
    ob.program("cgroup_skb/egress", "one", [ld_sym(2, "jumps"), ld_sym(1, "own"), *END])
    more = [ld_sym(1, second)] if second else []
    ob.program("cgroup_skb/egress", "two", [ld_sym(2, "jumps"), more, [call(12)] if calls else [], *END])
    assert judged(ob, kernel(*members)).loads == loads


@pytest.mark.parametrize(
    ("section", "type", "members", "loads"),
    [("uprobe.s", PROG_ARRAY, MEMBERS, Tri.NO), ("uprobe.s", PROG_ARRAY, NEWEST, Tri.YES),
     ("uprobe", PROG_ARRAY, MEMBERS, Tri.YES), ("uprobe.s", 1, MEMBERS, Tri.YES)],
)  # fmt: skip
def test_r_12_1_sleepable_programs_and_prog_arrays(
    section: str, type: int, members: tuple[str, ...], loads: Tri
) -> None:
    """Kernels that remember whether the owner sleeps let sleepable programs use prog arrays; older ones do not."""
    ob = ObjectBuilder().map("jumps", type=type, key_size=4, value_size=4, max_entries=2)
    assert only(ob.program(section, "one", [ld_sym(2, "jumps"), *END]), kernel(*members)).loads == loads


@pytest.mark.parametrize("inside", ["bpf_map", "bpf_array_aux"])
def test_r_12_1_older_structs_tell_too(inside: str) -> None:
    """The owner was part of the map, and before that of its auxiliary data."""
    assert compared_members(kernel(*OLD, inside=inside)) == frozenset(OLD)
    assert compared_members(kernel()) == {"type", "jited"}
    assert compared_members(kernel(*MEMBERS)) == frozenset(MEMBERS)


# -- tail calls and subprograms


def mixed(*, tail: bool = True, sub: bool = True, endian: str = "<") -> ObjectBuilder:
    """A program that calls a subprogram, and then another program by tail call."""
    ob = ObjectBuilder(endian).map("jumps", type=PROG_ARRAY, key_size=4, value_size=4, max_entries=2)
    if sub:
        ob.subprogram("helper", END)
    code = [*([subprog("helper")] if sub else []), *([ld_sym(2, "jumps"), call(12)] if tail else []), *END]
    return ob.program("tc", "prog", code)


@pytest.mark.parametrize(
    ("arch", "release", "loads"),
    [
        ("x86_64", "6.1", Tri.YES), ("arm64", "6.1", Tri.YES), ("arm", "6.12", Tri.NO), ("ppc64le", "6.12", Tri.NO),
        ("ppc64le", "7.2", Tri.YES), ("riscv64", "7.2", Tri.NO), ("riscv64", "7.3", Tri.YES), ("s390x", "6.1", Tri.NO),
        ("s390x", "6.12", Tri.YES),
    ],
)  # fmt: skip
def test_r_12_2_tail_calls_in_programs_with_subprograms(arch: str, release: str, loads: Tri) -> None:
    """Each architecture from its release on; either of the two alone is no matter."""
    kernel = KernelBuilder(release, arch).kernel()
    endian = kernel.endian
    found = only(mixed(endian=endian), kernel)
    assert found.loads == loads
    if loads == Tri.NO:
        assert classes(found) == ["tail_call_in_subprogs"] and "R-12.2" in rules(found)
    assert only(mixed(tail=False, endian=endian), kernel).loads == Tri.YES
    assert only(mixed(sub=False, endian=endian), kernel).loads == Tri.YES


def test_r_12_2_never_by_the_interpreter() -> None:
    """Without a JIT the capability is none, whatever the architecture."""
    kernel = KernelBuilder("7.3").kernel(config={k: v for k, v in CONFIG.items() if k != "BPF_JIT"})
    assert only(mixed(), kernel).loads == Tri.NO
    assert only(mixed(sub=False), kernel).loads == Tri.YES


def test_slots_are_read_of_each_map() -> None:
    """Slots belong to the map whose definition holds them."""
    ob = ObjectBuilder()
    ob.prog_array("first", {0: "one"}, max_entries=4)
    ob.map("plain", type=1, key=ob.s32, value=ob.s32, max_entries=1)
    ob.prog_array("second", {3: "one", 1: "two"}, max_entries=4)
    ob.program("tc", "one", END).program("tc", "two", END)
    maps = read_object(ob.build(), "test").maps
    assert maps["first"].values == ((0, "one"),)
    assert maps["plain"].values == ()
    assert maps["second"].values == ((1, "two"), (3, "one"))
