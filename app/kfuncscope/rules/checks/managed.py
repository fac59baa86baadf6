# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Maps with locks, timers, queues of work and lists in their values, and hash maps that allocate late: which programs
may use them (R-12.27). Timers on kernels with CONFIG_PREEMPT_RT (R-12.28)."""

from __future__ import annotations

from kfuncscope.bpf.maps import FLAG_NO_PREALLOC, Map
from kfuncscope.bpf.object import Program
from kfuncscope.btf.layout import Kind
from kfuncscope.kernel.kernel import Kernel
from kfuncscope.knowledge.versions import Fact, since
from kfuncscope.model.failure import Failure
from kfuncscope.model.verdict import NeedKind
from kfuncscope.rules.context import Context
from kfuncscope.rules.problem import Problem, say

TRACING = frozenset({"KPROBE", "TRACEPOINT", "PERF_EVENT", "RAW_TRACEPOINT", "RAW_TRACEPOINT_WRITABLE"})
LOCKS = frozenset({"bpf_spin_lock", "bpf_res_spin_lock"})
GRAPHS = frozenset({"bpf_list_head", "bpf_rb_root"})
LATER = frozenset({"bpf_timer", "bpf_wq"})  # which tracing programs may use in later releases
# Maps whose values may hold such structs; libbpf creates others without the types of their values.
HOLDERS = frozenset({"HASH", "ARRAY", "LRU_HASH", "CGROUP_STORAGE", "SK_STORAGE", "INODE_STORAGE", "TASK_STORAGE",
                     "CGRP_STORAGE"})  # fmt: skip
TIMERS = {169: "bpf_timer_init", 170: "bpf_timer_set_callback", 171: "bpf_timer_start", 172: "bpf_timer_cancel"}


def managed_problems(ctx: Context, program: Program) -> list[Problem]:
    """Maps that a program may not use for what their values hold, and timers that its kernel has not.

    A map counts wherever its address is loaded, also in code that never runs (check_map_prog_compatibility).
    """
    kernel, found = ctx.kernel, []
    used = {ref.name for f in program.functions for ref in f.refs.values() if ref.kind in ("map", "data")}
    for name in sorted(used):
        one = ctx.obj.maps.get(name)
        kind = kernel.map_types.get(one.type, "").removeprefix("BPF_MAP_TYPE_") if one is not None else ""
        if one is None or not kind:
            continue
        what = _refused(kernel, program, one, kind)
        if what:
            text = "{kernel} does not let programs of type {type} use map {map}, {what}"
            message = say(text, type=program.section.prog_type, map=name, what=what)
            found.append(Problem(NeedKind.MAP_TYPE, kernel.map_types[one.type], Failure.MAP_NOT_FOR_PROGRAM,
                                 ("R-12.27",), message))  # fmt: skip
    return found + _timers(ctx, program)


def _refused(kernel: Kernel, program: Program, one: Map, kind: str) -> str:
    """What of a map keeps a program of this type from using it; empty where nothing does."""
    prog_type, tracing = program.section.prog_type, program.section.prog_type in TRACING
    late = (
        kind.endswith("HASH") and one.flags & FLAG_NO_PREALLOC and since(Fact.LATE_ALLOCATION, kernel.version) is False
    )
    if late and (prog_type == "PERF_EVENT" or (tracing and kernel.option("PREEMPT_RT") == "y")):
        return "which is not allocated beforehand"
    if kind not in HOLDERS:
        return ""
    closed = set(LOCKS | GRAPHS) if tracing else set(LOCKS) if prog_type == "SOCKET_FILTER" else set()
    if tracing and since(Fact.TRACING_TIMERS, kernel.version) is False:
        closed |= LATER
    if not one.named and since(Fact.DATA_FIELDS, kernel.version) is False:
        return ""
    held = sorted(name for name in one.fields & closed if _knows(kernel, name))
    return f"whose values hold a struct {held[0]}" if held else ""


def _knows(kernel: Kernel, name: str) -> bool:
    """Whether a kernel manages such a struct: to one that does not, it is memory as any other."""
    return kernel.vmlinux is None or bool(kernel.vmlinux.find(name, Kind.STRUCT))


def _timers(ctx: Context, program: Program) -> list[Problem]:
    """R-12.28: no timers where hard interrupts run in threads; each call counts where it is reached."""
    if ctx.kernel.option("PREEMPT_RT") != "y":
        return []
    found = []
    for number in sorted(program.helper_calls.keys() & TIMERS.keys()):
        message = say("{name} cannot be used: {kernel} is built with {option}", name=TIMERS[number],
                      option="CONFIG_PREEMPT_RT")  # fmt: skip
        found += [
            Problem(NeedKind.HELPER, TIMERS[number], Failure.HELPER_NOT_AVAILABLE, ("R-12.28",), message,
                    place=(program.functions[position], index))
            for position, index in program.helper_calls[number]
        ]  # fmt: skip
    return found
