# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What a finding of an upgrade says beside its verdict: sites, declarations, reasons of objects, one-sided symbols."""

from __future__ import annotations

import pytest
from test_change import hook, kfunc_of, make, one, prog, upgrade

from kfuncscope.model.verdict import Confidence, NeedKind, Verdict
from support.bpfwriter import (
    FIELD_BYTE_OFFSET,
    FIELD_EXISTS,
    ObjectBuilder,
    alu,
    core,
    exit_,
    jmp,
    kfunc,
    ldx,
    line,
    mov,
)
from support.kernels import KernelBuilder, compared

END = [mov(0, 0), exit_()]


def test_an_argument_that_moved_says_where_it_is_now() -> None:
    """R-7.3: places are counted from 1, in the text of both sides."""
    ob = prog("fentry/f", [ldx(8, 2, 1, 0)])
    found = one(upgrade(ob, hook("f", ["flags:4", "size:8", "order:2"]), hook("f", ["order:2", "size:8", "flags:4"])))
    assert found.findings[0].message.endswith(
        "argument 1 changed from `u4 flags` to `u2 order`; `flags` is now argument 3"
    )
    found = one(upgrade(ob, hook("f", ["flags:4", "size:8"]), hook("f", ["size:8", "flags:4"])))
    assert "`flags` is now argument 2" in found.findings[0].message


@pytest.mark.parametrize(
    ("old", "new", "verdict"),
    [
        ("n:4", "n:4", Verdict.OK), ("n:4", "n:8", Verdict.OK), ("n:8", "n:4", Verdict.RISK),
        ("n:4", "m:8", Verdict.RISK), ("n:4", "m:4", Verdict.OK),
    ],
)  # fmt: skip
def test_numbers_of_another_size(old: str, new: str, verdict: Verdict) -> None:
    """R-7.3: a number that grew under its own name is no change, one that shrank or changed its name is a risk."""
    ob = prog("fentry/f", [ldx(8, 2, 1, 0)])
    assert one(upgrade(ob, hook("f", [old]), hook("f", [new]))).verdict == verdict


@pytest.mark.parametrize("swap", [False, True])
def test_r_11_8_symbols_of_one_kernel_alone_are_no_change(swap: bool) -> None:
    """A function that both BTFs have and that the only list of symbols lacks: UNKNOWN, with what is missing."""
    with_list, without = make(hook("f"), symbols=["g"]), make(hook("f"))
    ob = prog("fentry/f")
    found = one(compared(ob, with_list, without) if swap else compared(ob, without, with_list))
    if swap:
        assert found.verdict in (Verdict.OK, Verdict.UNKNOWN)
    else:
        assert found.verdict == Verdict.UNKNOWN
        assert "no symbols were given for the other kernel" in found.findings[0].message
        assert found.findings[0].confidence == Confidence.LOW
    assert one(compared(ob, with_list, with_list)).verdict == Verdict.ALREADY_BROKEN
    listed = make(hook("f"), symbols=["f"])
    assert one(compared(ob, listed, with_list)).verdict == Verdict.BREAKS
    assert one(compared(ob, without, make(hook("g"), symbols=["g"]))).verdict == Verdict.BREAKS


def test_a_finding_shows_the_places_that_count() -> None:
    """A call that is reached and one behind a test: only the first is a site of the failure."""
    ob = ObjectBuilder()
    ob.extern_func("bpf_rcu_read_lock", ob.btf.proto(ob.s32), weak=True)
    reached, kept = (
        line(kfunc("bpf_rcu_read_lock"), 5, "lock();"),
        line(kfunc("bpf_rcu_read_lock"), 9, "if (0) lock();"),
    )
    ob.program("tc", "prog", [reached, mov(2, 0), jmp("==", 2, 0, "out"), kept, "out:", *END])
    found = one(upgrade(ob, kfunc_of("bpf_rcu_read_lock"), hook("other")))
    (finding,) = [f for f in found.findings if f.verdict == Verdict.BREAKS]
    assert [(s.line, s.text, s.reachable) for s in finding.sites] == [(5, "lock();", True)]
    assert finding.kind == NeedKind.KFUNC


def test_a_strong_kfunc_that_is_gone_shows_every_call() -> None:
    """libbpf refuses the object, whatever is reached: all its places are sites."""
    ob = ObjectBuilder()
    ob.extern_func("bpf_rcu_read_lock", ob.btf.proto(ob.s32))
    ob.program(
        "tc", "prog", [line(kfunc("bpf_rcu_read_lock"), 5, "a();"), line(kfunc("bpf_rcu_read_lock"), 9, "b();"), *END]
    )
    found = one(upgrade(ob, kfunc_of("bpf_rcu_read_lock"), hook("other")))
    assert {s.line for f in found.findings for s in f.sites} == {5, 9}


def test_evidence_of_struct_ops_is_the_member_on_both_kernels() -> None:
    """R-7.3: a callback that is gone is shown as the old kernel has it."""

    def ops(*members: str) -> KernelBuilder:
        kb = KernelBuilder("7.3")
        callback = kb.callback([("sk", kb.u64)])
        kb.ops("my_ops", [(name, callback) for name in members])
        return kb

    ob = ObjectBuilder()
    pointer = ob.btf.ptr(ob.btf.proto(ob.s32, [("sk", ob.u64)]))
    table = ob.btf.struct("my_ops", [("first", pointer), ("second", pointer)])
    ob.program("struct_ops/second", "prog", END)
    ob.struct_ops("table", table, 16, {8: "prog"})
    result = compared(ob, ops("first", "second").kernel(), ops("first").kernel())
    assert result.verdict == Verdict.BREAKS
    shown = [f.evidence for p in result.programs for f in p.findings] + [f.evidence for f in result.findings]
    assert any("second" in e.old and "struct my_ops" in e.old and not e.new for e in shown)


def test_evidence_of_hooks_by_their_kind() -> None:
    """A kprobe shows the function, tp_btf the tracepoint without its first argument, a trace event its record."""

    def setup(kb: KernelBuilder) -> None:
        kb.hook("f", [("pid", kb.s32)])
        kb.tracepoint("t", [("pid", kb.s32)])
        ent = kb.btf.struct("trace_entry", [("type", kb.u32)])
        kb.btf.struct("trace_event_raw_t", [("ent", ent), ("pid", kb.s32)])

    for section, text in (
        ("kprobe/f", "f(int pid)"), ("fentry/f", "f(int pid)"), ("tp_btf/t", "void t("), ("raw_tp/t", "void t("),
        ("tracepoint/sched/t", "struct trace_event_raw_t"),
    ):  # fmt: skip
        found = upgrade(prog(section), setup, hook("other"))
        evidence = [f.evidence for p in found.programs for f in p.findings if f.kind == NeedKind.HOOK]
        assert evidence and text in evidence[0].old and evidence[0].new == "", section
        assert "__data" not in evidence[0].old


def test_an_object_names_the_first_loss_and_counts_the_others() -> None:
    """R-0.2: one program that breaks is named, others are counted."""
    for count, more in ((1, ""), (2, " (and 1 other program breaks)"), (3, " (and 2 other programs break)")):
        ob = ObjectBuilder()
        for number in range(count):
            ob.program("fentry/f", f"p{number}", END)
        result = upgrade(ob, hook("f"), hook("g"))
        assert result.verdict == Verdict.BREAKS and result.reason.startswith("p0 no longer loads: ")
        assert result.reason.endswith(more) and ("(and" in result.reason) == bool(more)


def test_an_object_of_which_nothing_changed_says_so() -> None:
    result = upgrade(prog("fentry/f"), hook("f"), hook("f"))
    assert (result.verdict, result.reason) == (Verdict.OK, "nothing that the object needs has changed")


@pytest.mark.parametrize(
    ("before", "after", "verdict", "became"),
    [(8, 4, Verdict.SILENT, "shrank from 8 to 4"), (4, 8, Verdict.RISK, "grew from 4 to 8"), (4, 4, Verdict.OK, "")],
)
def test_r_3_13_an_address_of_a_field_of_another_size(before: int, after: int, verdict: Verdict, became: str) -> None:
    """bpf_core_read() copies as many bytes as the program's own type has."""
    ob = ObjectBuilder()
    local = ob.btf.struct("here", [("x", ob.u64 if before == 8 else ob.u32)])
    ob.program("socket", "prog", [mov(3, 0), core(alu("+", 3, 0), local, "0:0", FIELD_BYTE_OFFSET), *END])

    def setup(size: int):  # type: ignore[no-untyped-def]
        return lambda kb: kb.btf.struct("here", [("x", kb.u64 if size == 8 else kb.u32)])

    found = one(upgrade(ob, setup(before), setup(after)))
    assert found.verdict == verdict
    assert not became or became in found.findings[0].message


def test_a_field_that_goes_while_a_test_asks_for_it_is_lost() -> None:
    """R-3.11: DEGRADES, at the guarded place, with the guard."""
    ob = ObjectBuilder()
    local = ob.btf.struct("here", [("x", ob.u32)])
    guard = line(jmp("==", 2, 0, "out"), 12, "if (bpf_core_field_exists(h->x))")
    read = line(core(ldx(4, 3, 6, 0), local, "0:0", FIELD_BYTE_OFFSET), 13, "x = h->x;")
    code = [ldx(8, 6, 1, 0), core(mov(2, 1), local, "0:0", FIELD_EXISTS), guard, read, "out:", *END]
    ob.program("fentry/f", "prog", code)

    def setup(name: str):  # type: ignore[no-untyped-def]
        def made(kb: KernelBuilder) -> None:
            struct = kb.btf.struct("here", [(name, kb.u32)])
            kb.hook("f", [("h", kb.btf.ptr(struct))])

        return made

    found = one(upgrade(ob, setup("x"), setup("y")))
    assert found.verdict == Verdict.DEGRADES
    (site,) = found.findings[0].sites
    assert (site.line, site.reachable, site.guard) == (13, False, "test.bpf.c:12 if (bpf_core_field_exists(h->x))")
    assert one(upgrade(ob, setup("y"), setup("y"))).verdict == Verdict.OK


def test_r_3_13_addresses_of_fields_that_appear_and_of_elements() -> None:
    """Nothing is said of a size where the old kernel lacks the field, nor of an element of an array."""

    def setup(name: str):  # type: ignore[no-untyped-def]
        return lambda kb: kb.btf.struct("here", [(name, kb.u64), ("list", kb.btf.array(kb.u32, 4))])

    ob = ObjectBuilder()
    local = ob.btf.struct("here", [("x", ob.u32), ("list", ob.btf.array(ob.u32, 4))])
    read = core(alu("+", 3, 0), local, "0:0", FIELD_BYTE_OFFSET)
    ob.program("socket", "prog", [mov(3, 0), read, *END])
    found = one(upgrade(ob, setup("y"), setup("x")))
    assert found.verdict in (Verdict.OK, Verdict.FIXED) and not any("R-3.13" in f.rules for f in found.findings)
    ob = ObjectBuilder()
    local = ob.btf.struct("here", [("x", ob.u32), ("list", ob.btf.array(ob.u32, 4))])
    element = core(alu("+", 3, 8), local, "0:1:1", FIELD_BYTE_OFFSET)
    ob.program("socket", "prog", [mov(3, 0), element, *END])
    assert one(upgrade(ob, setup("x"), setup("y"))).verdict == Verdict.OK
