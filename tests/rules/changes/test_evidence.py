# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What is shown beside a finding: declarations and facts of both kernels."""

from __future__ import annotations

from kfuncscope.rules.changes.evidence import event_declaration, kfunc_evidence
from support.kernels import KernelBuilder


def test_facts_of_a_kfunc_on_both_kernels() -> None:
    """Where it is, what it is, its flags and its program types; absent on one side, the other still tells."""
    kb, bare, empty = KernelBuilder("7.3"), KernelBuilder("7.3"), KernelBuilder("7.3")
    kb.btf.kfunc("bpf_rcu_read_lock", 0)
    bare.hook("ordinary")
    old, function, none = kb.kernel(), bare.kernel(), empty.kernel()
    facts = {label: (one, other) for label, one, other in kfunc_evidence(old, none, "bpf_rcu_read_lock").facts}
    assert facts["in"][0].startswith("vmlinux, according to ") and facts["in"][1] == ""
    assert facts["as"] == ("registered", "absent")
    assert facts["program types"][0] and facts["program types"][1] == ""
    assert list(facts) == ["in", "as", "flags", "program types"]
    facts = {label: (one, other) for label, one, other in kfunc_evidence(none, function, "ordinary").facts}
    assert facts["as"] == ("absent", "a function, not registered as a kfunc") and facts["in"] == ("", "vmlinux")


def test_records_of_events_and_of_system_calls() -> None:
    """``syscalls/*`` share two records, one for each side of a call; other events have their own."""
    kb = KernelBuilder("7.3")
    for name, member in (("syscall_trace_enter", "args"), ("syscall_trace_exit", "ret"),
                         ("trace_event_raw_wakeup", "pid")):  # fmt: skip
        kb.btf.struct(name, [("ent", kb.u64), (member, kb.u64)])
    kernel = kb.kernel()
    assert "args" in event_declaration(kernel, "syscalls/sys_enter_openat")
    assert "ret" in event_declaration(kernel, "syscalls/sys_exit_openat")
    assert "pid" in event_declaration(kernel, "sched/wakeup")
    assert event_declaration(kernel, "sched/nothing") == ""
