# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Maps that some programs may not use for what they hold, and timers under PREEMPT_RT (R-12.27, R-12.28)."""

from __future__ import annotations

from typing import Any

import pytest

from kfuncscope.model.verdict import Tri
from kfuncscope.rules.judge import ProgramJudgement
from support.bpfwriter import ObjectBuilder, call, exit_, jmp, ld_sym, mov
from support.kernels import CONFIG, KernelBuilder, only, rules

END: list[Any] = [mov(0, 0), exit_()]
HASH, ARRAY, PERCPU_HASH, LRU_HASH, LAZY = 1, 2, 5, 9, 1


def using(section: str, held: str, *, type: int = HASH, flags: int = 0, dead: bool = False) -> ObjectBuilder:
    ob = ObjectBuilder()
    inner = ob.btf.struct(held, [("__opaque", ob.u64), ("more", ob.u64)])
    value = ob.btf.struct("value", [("count", ob.u64), ("held", inner)])
    ob.map("kept", type=type, key=ob.u32, value=value, max_entries=1, map_flags=flags)
    skip: list[Any] = [mov(2, 0), jmp("==", 2, 0, "out")] if dead else []
    return ob.program(section, "p", [skip, ld_sym(1, "kept"), "out:", *END])


def judged(release: str, section: str, held: str, **options: Any) -> ProgramJudgement:
    real_time, knows = options.pop("real_time", False), options.pop("knows", True)
    config = {**CONFIG, "PREEMPT_RT": "y"} if real_time else CONFIG
    kb = KernelBuilder(release)
    kb.hook("do_one", [("number", kb.u64)])
    if knows:
        kb.btf.struct(held, [("__opaque", kb.u64)])
    return only(using(section, held, **options), kb.kernel(config=config))


@pytest.mark.parametrize(
    ("release", "section", "held", "loads"),
    [
        ("6.12", "kprobe/do_one", "bpf_spin_lock", Tri.NO), ("7.2", "kprobe/do_one", "bpf_spin_lock", Tri.NO),
        ("6.12", "tc", "bpf_spin_lock", Tri.YES), ("6.12", "socket", "bpf_spin_lock", Tri.NO),
        ("6.12", "socket", "bpf_timer", Tri.YES), ("6.12", "perf_event", "bpf_timer", Tri.NO),
        ("6.19", "raw_tp/x", "bpf_timer", Tri.NO), ("7.1", "raw_tp/x", "bpf_timer", Tri.YES),
        ("7.0", "raw_tp/x", "bpf_timer", Tri.YES),  # not known: nothing is said
        ("6.12", "tp/a/b", "bpf_wq", Tri.NO), ("7.1", "tp/a/b", "bpf_wq", Tri.YES),
        ("6.12", "kprobe/do_one", "bpf_rb_root", Tri.NO), ("6.12", "kprobe/do_one", "bpf_refcount", Tri.YES),
        ("6.12", "fentry/do_one", "bpf_spin_lock", Tri.YES),
    ],
)  # fmt: skip
@pytest.mark.parametrize("dead", [False, True])
def test_what_values_hold(release: str, section: str, held: str, loads: Tri, dead: bool) -> None:
    found = judged(release, section, held, dead=dead)
    assert found.loads == loads
    assert ("R-12.27" in rules(found)) == (loads == Tri.NO)


@pytest.mark.parametrize("knows", [True, False])
def test_a_kernel_manages_the_structs_that_it_knows(knows: bool) -> None:
    """Seen on 6.1.192: a kprobe uses a map with a ``struct bpf_wq``, which came later."""
    assert judged("6.1", "kprobe/do_one", "bpf_wq", knows=knows).loads == (Tri.NO if knows else Tri.YES)


def test_maps_that_never_hold_a_lock_are_created_without_types() -> None:
    assert judged("6.12", "kprobe/do_one", "bpf_spin_lock", type=PERCPU_HASH).loads == Tri.YES


@pytest.mark.parametrize(
    ("release", "section", "loads"),
    [("6.12", "kprobe/do_one", Tri.NO), ("6.12", "tc", Tri.YES), ("5.10", "kprobe/do_one", Tri.YES)],
)  # fmt: skip
def test_locks_among_static_variables(release: str, section: str, loads: Tri) -> None:
    """Of variables that are not static libbpf maps the section into its process, which no kernel lets it do here."""
    kb, ob = KernelBuilder(release), ObjectBuilder()
    kb.btf.struct("bpf_spin_lock", [("val", kb.u32)])
    lock = ob.btf.struct("bpf_spin_lock", [("val", ob.u32)])
    ob.variable(".bss.lock", "guard", bytes(4), lock, static=True)
    ob.program(section, "p", [ld_sym(1, "guard", static=True), *END])
    assert only(ob, kb.kernel()).loads == loads


@pytest.mark.parametrize(
    ("release", "section", "real_time", "flags", "loads"),
    [
        ("5.10", "perf_event", False, LAZY, Tri.NO), ("5.10", "perf_event", False, 0, Tri.YES),
        ("6.1", "perf_event", True, LAZY, Tri.YES), ("5.10", "kprobe/do_one", False, LAZY, Tri.YES),
        ("5.10", "kprobe/do_one", True, LAZY, Tri.NO), ("5.10", "tc", True, LAZY, Tri.YES),
        ("5.15", "perf_event", False, LAZY, Tri.YES),  # not known: nothing is said
    ],
)  # fmt: skip
def test_hash_maps_that_allocate_late(release: str, section: str, real_time: bool, flags: int, loads: Tri) -> None:
    assert judged(release, section, "plain", flags=flags, real_time=real_time).loads == loads


@pytest.mark.parametrize("option", ["y", "n", None])
@pytest.mark.parametrize("helper", [168, 169, 170, 171, 172])
def test_no_timers_under_preempt_rt(helper: int, option: str | None) -> None:
    config = {k: v for k, v in CONFIG.items() if k != "PREEMPT_RT"} | ({"PREEMPT_RT": option} if option else {})
    refused = option == "y" and helper != 168
    for dead in (False, True):
        skip: list[Any] = [mov(2, 0), jmp("==", 2, 0, "out")] if dead else []
        found = only(ObjectBuilder().program("tc", "p", [skip, call(helper), "out:", *END]),
                     KernelBuilder("7.2").kernel(config=config))  # fmt: skip
        assert ("R-12.28" in rules(found)) == (refused and not dead)
        assert ("R-12.28" in {r for p in found.guarded for r in p.rules}) == (refused and dead)
