# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Calls that may sleep, and where programs may not (R-4.5, R-6.2); releases between two that have tables."""

from __future__ import annotations

import pytest

from kfuncscope.knowledge.knowledge import for_release
from kfuncscope.model.verdict import Tri
from kfuncscope.rules.problem import Stage
from support.bpfwriter import Code, ObjectBuilder, call, exit_, jmp, kfunc, ld_sym, mov, subprog
from support.kernels import CONFIG, KernelBuilder, only

END = [mov(0, 0), exit_()]
COPY_FROM_USER, LOOP, GET_FUNC_ARG, TCP_SEND_ACK, SETSOCKOPT, GET_NETNS_COOKIE = 148, 181, 183, 116, 49, 122
SLEEPS, AWAKE = "bpf_copy_from_user_str", "bpf_rcu_read_lock"
SYSCALL = "fentry.s/__x64_sys_open"


def builder(release: str = "7.3") -> KernelBuilder:
    """A kernel with a system call and two kfuncs, one of which may sleep."""
    kb = KernelBuilder(release)
    kb.hook("__x64_sys_open")
    for name in (SLEEPS, AWAKE):
        kb.btf.kfunc(name, 0, [])
    return kb


def loads(section: str, code: Code, release: str = "7.3", **subprograms: Code) -> Tri:
    """Whether a program loads that calls both kfuncs' names as ``void f(void)``."""
    ob = ObjectBuilder()
    for name in (SLEEPS, AWAKE):
        ob.extern_func(name, ob.btf.proto(0, []))
    for name, body in subprograms.items():
        ob.subprogram(name, [body, *END])
    ob.program(section, "prog", [code, *END])
    return only(ob, builder(release).kernel(symbols=["__x64_sys_open", SLEEPS, AWAKE])).loads


@pytest.mark.parametrize("section", ["syscall", SYSCALL])
def test_programs_that_may_sleep(section: str) -> None:
    """They may call what may sleep."""
    assert loads(section, [kfunc(SLEEPS)]) == Tri.YES
    assert loads(section, [call(COPY_FROM_USER)]) == Tri.YES


@pytest.mark.parametrize("section", ["fentry/__x64_sys_open", "xdp", "tc", "cgroup_skb/egress"])
def test_programs_that_may_not(section: str) -> None:
    """The verifier refuses the call, whatever its arguments."""
    assert loads(section, [kfunc(SLEEPS)]) == Tri.NO
    assert loads(section, [call(COPY_FROM_USER)]) == Tri.NO
    assert loads(section, [kfunc(AWAKE)]) == Tri.YES


def test_calls_that_are_not_reached() -> None:
    """Dead code may call what it likes."""
    dead = [mov(6, 0), jmp("==", 6, 0, "out"), kfunc(SLEEPS), call(COPY_FROM_USER), "out:"]
    assert loads("xdp", dead) == Tri.YES


def test_subprograms_run_where_their_caller_does() -> None:
    """A callback may run elsewhere: a work queue's may sleep, so nothing is said of callbacks."""
    assert loads("xdp", [subprog("sub")], sub=[kfunc(SLEEPS)]) == Tri.NO
    assert loads("xdp", [subprog("sub")], sub=[call(COPY_FROM_USER)]) == Tri.NO
    callback = [mov(1, 1), ld_sym(2, "sub", static=True), mov(3, 0), mov(4, 0), call(LOOP)]
    assert loads("xdp", callback, sub=[kfunc(SLEEPS)]) == Tri.YES
    assert loads("xdp", callback, sub=[call(COPY_FROM_USER)]) == Tri.YES


# -- releases between the tables


def test_between_two_releases_with_tables_there_is_an_older_one() -> None:
    """7.0 lies between 6.19 and 7.1; what has tables of its own, or none on one side, has no others."""
    between = for_release("7.0.13")
    assert ([other.release for other in between.others], between.release) == (["6.19.11"], "7.1.3")
    assert for_release("7.3.4").others == ()
    assert for_release("4.19").others == ()
    assert for_release("9.0").others == ()


def helper_by_release(section: str, helper: int, *releases: str) -> list[Tri]:
    """Whether a program that calls a helper loads, release by release."""
    found = []
    for release in releases:
        kb = KernelBuilder(release)
        kb.tracepoint("t")
        ob = ObjectBuilder().program(section, "prog", [call(helper), *END])
        found.append(only(ob, kb.kernel()).loads)
    return found


def test_helpers_between_the_tables() -> None:
    """get_netns_cookie of tc programs is in one table of two: doubt is no reason to call a program broken."""
    outcomes = helper_by_release("tc", GET_NETNS_COOKIE, "6.12", "6.18", "7.2")
    assert outcomes == [Tri.NO, Tri.YES, Tri.YES]


def test_helpers_that_are_known_to_have_come_between_the_tables() -> None:
    """Kernels on both sides of the change were tried."""
    tried = ("6.16", "6.18", "6.19", "7.0", "7.1")
    no, yes = Tri.NO, Tri.YES
    assert helper_by_release("tp_btf/t", GET_FUNC_ARG, *tried) == [no, no, no, yes, yes]
    assert helper_by_release("cgroup/sock_create", SETSOCKOPT, *tried) == [no, no, yes, yes, yes]
    assert helper_by_release("cgroup/sock_release", SETSOCKOPT, *tried) == [no] * 5


def test_kfuncs_of_raw_tracepoints_came_between_the_tables() -> None:
    """They share those of tracing programs from 7.0 on."""
    outcomes = []
    for release in ("6.12", "6.16", "6.19", "7.0", "7.1", "7.2"):
        kb = KernelBuilder(release)
        kb.btf.kfunc("bpf_cpumask_create", 0, [])
        ob = ObjectBuilder()
        ob.extern_func("bpf_cpumask_create", ob.btf.proto(0, []))
        ob.program("raw_tp/t", "prog", [kfunc("bpf_cpumask_create"), *END])
        outcomes.append(only(ob, kb.kernel()).loads)
    assert outcomes == [Tri.NO] * 3 + [Tri.YES] * 3


def test_what_the_older_tables_do_not_know_is_no_doubt() -> None:
    """Qdisc_ops came after 6.12: the newer table alone tells what its programs may call."""
    kb = KernelBuilder("6.18")
    kb.ops("Qdisc_ops", [("enqueue", kb.callback())])
    ob = ObjectBuilder()
    table = ob.btf.struct("Qdisc_ops", [("enqueue", ob.btf.ptr(ob.btf.proto(ob.s32)))])
    ob.struct_ops("table", table, 8, {0: "prog"}).program("struct_ops/prog", "prog", [call(TCP_SEND_ACK), *END])
    assert only(ob, kb.kernel()).loads == Tri.NO


def test_kfuncs_between_the_tables() -> None:
    """A filter that came with the newer table alone is told as a doubt, and stands in no one's way."""
    name = "scx_bpf_cpuperf_cap"
    judged = {}
    for release in ("7.0", "7.2"):
        kb = KernelBuilder(release)
        kb.btf.kfunc(name, 0, [])
        kb.ops("tcp_congestion_ops", [("init", kb.callback())])
        ob = ObjectBuilder()
        table = ob.btf.struct("tcp_congestion_ops", [("init", ob.btf.ptr(ob.btf.proto(ob.s32)))])
        ob.extern_func(name, ob.btf.proto(0, [])).struct_ops("table", table, 8, {0: "prog"})
        judged[release] = only(ob.program("struct_ops/prog", "prog", [kfunc(name), *END]), kb.kernel())
    assert judged["7.2"].loads == Tri.NO
    assert judged["7.0"].loads == Tri.YES
    assert [p.stage for p in judged["7.0"].problems if p.name == name] == [Stage.NOTE]


def calls_between(kfunc_name: str, section: str, *functions: str, whole: bool = False) -> tuple[Tri, list[Stage]]:
    """Whether a program of 7.0 loads that calls a kfunc, and what is told about that; the kernel has ``functions``."""
    kb = KernelBuilder("7.0")
    kb.btf.kfunc(kfunc_name, 0, [])
    proto = kb.btf.proto(0)
    for name in (*functions, *(f"f{number}" for number in range(5001 if whole else 0))):
        kb.btf.func(name, proto=proto)
    ob = ObjectBuilder()
    ob.extern_func(kfunc_name, ob.btf.proto(0, []))
    if section.startswith("struct_ops"):
        kb.ops("tcp_congestion_ops", [("init", kb.callback())])
        table = ob.btf.struct("tcp_congestion_ops", [("init", ob.btf.ptr(ob.btf.proto(ob.s32)))])
        ob.struct_ops("table", table, 8, {0: "prog"})
    judged = only(ob.program(section, "prog", [kfunc(kfunc_name), *END]), kb.kernel())
    return judged.loads, [p.stage for p in judged.problems if p.name == kfunc_name]


@pytest.mark.parametrize("name", ["scx_bpf_cpuperf_cap", "scx_bpf_now"])
def test_filters_that_a_kernel_has_or_lacks(name: str) -> None:
    """The filter came after the older release, as one of the kfuncs did: its function in the BTF tells since when."""
    section, own = "struct_ops/prog", "scx_kfunc_context_filter"
    assert calls_between(name, section) == (Tri.YES, [Stage.NOTE])
    assert calls_between(name, section, own) == (Tri.NO, [Stage.LOAD])
    assert calls_between(name, section, whole=True) == (Tri.YES, [])
    assert calls_between(name, section, own, whole=True) == (Tri.NO, [Stage.LOAD])


def test_filters_that_went() -> None:
    """bpf_session_filter took the place of another: which of them a kernel between has, its functions tell."""
    name, old = "bpf_session_cookie", "bpf_kprobe_multi_filter"
    assert calls_between(name, "kprobe/f", old, whole=True) == (Tri.NO, [Stage.LOAD])
    assert calls_between(name, "kprobe/f", "bpf_session_filter", whole=True) == (Tri.NO, [Stage.LOAD])
    assert calls_between(name, "kprobe.session/f", old, whole=True) == (Tri.YES, [])
    assert calls_between(name, "uprobe.session/f", old, whole=True) == (Tri.YES, [])


def test_lsm_hooks_between_the_tables() -> None:
    """Where both say that a hook is closed it is; where one does, nobody knows."""
    closed = [
        {name for name, fact in for_release(release).lsm_hooks.items() if fact.bpf_disabled}
        for release in ("6.18.15", "6.19.11")
    ]
    known = for_release("6.18.15").lsm_hooks.keys()
    both, one = sorted(closed[0] & closed[1]), sorted((closed[0] ^ closed[1]) & known)
    assert both and one
    kb = KernelBuilder("6.18.20")
    for name in (both[0], one[0]):
        kb.lsm(name)
    k = kb.kernel(config={**CONFIG, "BPF_LSM": "y"})
    ob = {name: ObjectBuilder().program(f"lsm/{name}", "prog", END) for name in (both[0], one[0])}
    assert only(ob[both[0]], k).loads == Tri.NO
    assert only(ob[one[0]], k).loads == Tri.UNKNOWN


@pytest.mark.parametrize(("release", "answer"), [("6.19.11", Tri.NO), ("7.3.4", Tri.YES)])
def test_flags_of_the_release_itself_decide(release: str, answer: Tri) -> None:
    """bpf_arena_alloc_pages could sleep in 6.19.11, and cannot in 7.1.3."""
    assert arena_pages(release) == answer


def test_flags_of_another_release_prove_nothing() -> None:
    """Where the tables around a release differ, nobody knows whether a kfunc may sleep, so no call is refused."""
    between = for_release("6.19.12")
    flags = [t.kfuncs["bpf_arena_alloc_pages"].flags & 32 for t in (between, *between.others)]
    assert between.borrowed_for and flags == [32, 0]
    assert arena_pages("6.19.12") != Tri.NO


def arena_pages(release: str) -> Tri:
    """Whether a program that may not sleep can call bpf_arena_alloc_pages."""
    name = "bpf_arena_alloc_pages"
    kb = KernelBuilder(release)
    kb.btf.kfunc(name, 0, [])
    ob = ObjectBuilder()
    ob.extern_func(name, ob.btf.proto(0, []))
    ob.program("xdp", "prog", [kfunc(name), *END])
    return only(ob, kb.kernel(symbols=[name])).loads
