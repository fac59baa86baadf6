# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Old kernel against new: verdicts of programs and objects, silence, twins, faults (R-0, R-3.13, R-7, §9)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest

from kfuncscope.bpf.object import read_object
from kfuncscope.kernel.kernel import Kernel
from kfuncscope.model.verdict import Confidence, Finding, ObjectVerdict, ProgramVerdict, Reach, Tri, Verdict
from kfuncscope.rules.changes.alternatives import Alternatives
from kfuncscope.rules.changes.semantics import flag_changes
from kfuncscope.rules.checks.faults import kernel_faults
from kfuncscope.upgrade.analyse import weigh_variants
from support.bpfwriter import (
    FIELD_BYTE_OFFSET,
    FIELD_EXISTS,
    TYPE_SIZE,
    ObjectBuilder,
    alu,
    core,
    exit_,
    jmp,
    kfunc,
    ld_sym,
    ldx,
    line,
    mov,
)
from support.btfwriter import BtfWriter
from support.kernels import CONFIG, KernelBuilder, compared

END = [mov(0, 0), exit_()]
Setup = Callable[[KernelBuilder], Any]


def nothing(kb: KernelBuilder) -> None:
    """An empty kernel."""


def make(setup: Setup, release: str = "7.3", **given: Any) -> Kernel:
    kb = KernelBuilder(release)
    setup(kb)
    return kb.kernel(**given)


def upgrade(ob: ObjectBuilder, old: Setup, new: Setup, releases: tuple[str, str] = ("7.3", "7.3")) -> ObjectVerdict:
    return compared(ob, make(old, releases[0]), make(new, releases[1]))


def one(verdict: ObjectVerdict) -> ProgramVerdict:
    (program,) = verdict.programs
    return program


def worst_of(program: ProgramVerdict) -> Finding:
    return program.findings[0]


def prog(section: str, code: Any = ()) -> ObjectBuilder:
    return ObjectBuilder().program(section, "prog", [*code, *END])


def hook(name: str, params: Sequence[str] = (), kind: str = "hook") -> Setup:
    """A hook whose parameters are words: ``pid`` an int, ``len:8`` a number of bytes, ``p*task`` a struct pointer."""

    def setup(kb: KernelBuilder) -> None:
        rows = []
        for word in params:
            if "*" in word:
                text, _, struct = word.partition("*")
                target = kb.btf.once("struct", struct, [(f"{struct}_x", kb.s32)])
                rows.append((text, kb.btf.ptr(target)))
            else:
                text, _, size = word.partition(":")
                rows.append((text, kb.btf.once("int_", f"u{size}", int(size)) if size else kb.s32))
        getattr(kb, kind)(name, rows)

    return setup


# -- the scale


def test_breaks_already_broken_fixed_ok() -> None:
    """R-2.5: the four ways in which a hook can be there or not."""
    f = hook("f")
    seen = {
        (a, b): one(upgrade(prog("fentry/f"), f if a else nothing, f if b else nothing)).verdict
        for a in (0, 1)
        for b in (0, 1)
    }
    assert seen == {
        (1, 0): Verdict.BREAKS, (0, 0): Verdict.ALREADY_BROKEN, (0, 1): Verdict.FIXED, (1, 1): Verdict.OK,
    }  # fmt: skip


def test_breaking_is_followed_to_the_source_line() -> None:
    """Evidence: instruction, line, rule, both declarations, remedy."""
    ob = ObjectBuilder()
    ob.extern_func("bpf_thing", ob.btf.proto(ob.s32, [("x", ob.s32)]))
    ob.program("xdp", "prog", [mov(1, 0), line(kfunc("bpf_thing"), 42, "\tbpf_thing(0);"), *END])
    verdict = upgrade(ob, lambda kb: kb.btf.kfunc("bpf_thing", kb.s32, [("x", kb.s32)]), nothing)
    finding = worst_of(one(verdict))
    assert (verdict.verdict, one(verdict).reach) == (Verdict.BREAKS, Reach.OBJECT)
    assert (finding.failure, finding.evidence.old, finding.evidence.new) == (
        "kfunc_not_found",
        "int bpf_thing(int x)",
        "",
    )
    assert [(s.file, s.line, s.text, s.insn) for s in finding.sites] == [("test.bpf.c", 42, "bpf_thing(0);", 1)]
    assert finding.remedy is not None
    assert "whole object" in verdict.reason


def test_degrades_names_the_guard() -> None:
    """R-3.11: a guarded feature that the new kernel lacks."""
    ob = ObjectBuilder()
    ob.extern_func("bpf_thing", ob.btf.proto(0), weak=True)
    guard = line(jmp("==", 2, 0, "out"), 7, "if (bpf_ksym_exists(bpf_thing))")
    ob.program("xdp", "prog", [ld_sym(2, "bpf_thing"), guard, kfunc("bpf_thing"), "out:", *END])
    has: Setup = lambda kb: kb.btf.kfunc("bpf_thing", 0)  # noqa: E731
    verdict = one(upgrade(ob, has, nothing))
    assert verdict.verdict == Verdict.DEGRADES
    assert "test.bpf.c:7 if (bpf_ksym_exists(bpf_thing))" in worst_of(verdict).message
    assert [s.guard for s in worst_of(verdict).sites] == ["test.bpf.c:7 if (bpf_ksym_exists(bpf_thing))"]
    assert one(upgrade(ob, nothing, nothing)).verdict == Verdict.OK
    assert one(upgrade(ob, nothing, has)).verdict == Verdict.OK


def test_a_kfunc_that_appears_can_break() -> None:
    """R-11.1: absent it was guarded; present it is not allowed for this program type."""
    ob = ObjectBuilder()
    ob.extern_func("bpf_get_task_exe_file", ob.btf.proto(0), weak=True)
    ob.program("tp_btf/t", "prog", [ld_sym(2, "bpf_get_task_exe_file"), jmp("==", 2, 0, "out"),
                                    kfunc("bpf_get_task_exe_file"), "out:", *END])  # fmt: skip

    def new(kb: KernelBuilder) -> None:
        kb.tracepoint("t")
        kb.btf.kfunc("bpf_get_task_exe_file", 0)

    verdict = one(upgrade(ob, hook("t", kind="tracepoint"), new, ("6.1", "6.12")))
    assert (verdict.verdict, worst_of(verdict).failure) == (Verdict.BREAKS, "kfunc_not_allowed")


def test_unknown_is_said() -> None:
    """A target set at run time."""
    verdict = one(upgrade(prog("fentry"), nothing, nothing))
    assert verdict.verdict == Verdict.UNKNOWN
    assert verdict.unchecked == ("the attach target is set at run time",)


# -- arguments (R-7.3, R-7.5..R-7.13)

READ = {i: [ldx(8, 2, 1, 8 * i)] for i in range(6)}
CHANGES: list[tuple[str, str, list[str], list[str], int, Verdict]] = [
    ("fexit/f", "hook", ["a", "b"], ["a", "b", "c"], 2, Verdict.SILENT),  # the return value's slot
    ("fexit/f", "hook", ["a", "b"], ["a"], 2, Verdict.BREAKS),
    ("fexit/f", "hook", ["a", "b"], ["a", "b", "c"], 0, Verdict.OK),
    ("lsm/f", "lsm", ["a"], ["a", "kernel"], 1, Verdict.SILENT),
    ("lsm/f", "lsm", ["a"], ["a", "kernel"], 0, Verdict.OK),
    ("tp_btf/f", "tracepoint", ["order", "gfp"], ["gfp", "order", "memcg"], 0, Verdict.SILENT),
    ("tp_btf/f", "tracepoint", ["order", "gfp"], ["order", "gfp", "memcg"], 1, Verdict.OK),
    ("raw_tp/f", "tracepoint", ["order", "gfp"], ["gfp", "order"], 1, Verdict.SILENT),
    ("raw_tp/f", "tracepoint", ["a", "b", "c"], ["a"], 2, Verdict.BREAKS),
    ("fentry/f", "hook", ["p*task"], ["p*other"], 0, Verdict.RISK),
    ("fentry/f", "hook", ["p*task"], ["p:8"], 0, Verdict.RISK),
    ("fentry/f", "hook", ["len:8"], ["len:4"], 0, Verdict.RISK),
    ("fentry/f", "hook", ["len:4"], ["len:8"], 0, Verdict.OK),
    ("fentry/f", "hook", ["len:4"], ["size:8"], 0, Verdict.RISK),  # wider, and of another name: another thing
    ("fentry/f", "hook", ["len:4"], ["size:4"], 0, Verdict.OK),
    ("fentry/f", "hook", ["p*task", "q"], ["q", "p*task"], 1, Verdict.RISK),
    ("fentry/f", "hook", ["p*task"], ["p*task"], 0, Verdict.OK),
    ("fentry/f", "hook", ["a"], [], 0, Verdict.BREAKS),
    ("fentry/f", "hook", ["a", "b"], ["b"], 1, Verdict.BREAKS),
]


@pytest.mark.parametrize(("section", "kind", "old", "new", "slot", "expect"), CHANGES)
def test_arguments(section: str, kind: str, old: list[str], new: list[str], slot: int, expect: Verdict) -> None:
    """R-7.5..R-7.12: only what the program reads matters; what loads and lies is SILENT."""
    found = one(upgrade(prog(section, READ[slot]), hook("f", old, kind), hook("f", new, kind)))
    assert found.verdict == expect, found.findings
    if expect == Verdict.SILENT:
        assert worst_of(found).sites
        assert worst_of(found).evidence.old != worst_of(found).evidence.new


def test_arguments_that_no_code_reads_any_more() -> None:
    """R-3.11: a read in dead code is no use."""
    dead = [mov(3, 0), jmp("==", 3, 0, "out"), ldx(8, 2, 1, 0), "out:"]
    old, new = hook("f", ["order", "gfp"], "tracepoint"), hook("f", ["gfp", "order"], "tracepoint")
    assert one(upgrade(prog("tp_btf/f", dead), old, new)).verdict == Verdict.OK


def test_r_7_9_kprobe_parameters() -> None:
    """Registers of the architecture, by what the function took: a swap is silent, an unused one no matter."""
    old, new = hook("f", ["order", "gfp"]), hook("f", ["gfp", "order"])
    first = one(upgrade(prog("kprobe/f", [ldx(8, 2, 1, 112)]), old, new))
    assert (first.verdict, worst_of(first).rules) == (Verdict.SILENT, ("R-7.9",))
    assert one(upgrade(prog("kprobe/f", [ldx(8, 2, 1, 80)]), old, new)).verdict == Verdict.OK
    assert one(upgrade(prog("kretprobe/f", [ldx(8, 2, 1, 112)]), old, new)).verdict == Verdict.OK
    assert one(upgrade(prog("kprobe/f"), old, nothing)).verdict == Verdict.BREAKS


def event(*members: str) -> Setup:
    """A tracepoint t with its record."""

    def setup(kb: KernelBuilder) -> None:
        kb.tracepoint("t")
        kb.btf.struct("trace_event_raw_t", [("ent", kb.u64), *((m, kb.s32) for m in members)])

    return setup


def test_r_7_8_fixed_offsets_of_trace_events() -> None:
    """A field that moved under a fixed offset is silent; a relocated access looks after itself."""
    old, new = event("pid", "prio"), event("extra", "pid", "prio")
    found = one(upgrade(prog("tp/group/t", [ldx(4, 2, 1, 8)]), old, new))
    assert found.verdict == Verdict.SILENT
    assert "pid" in worst_of(found).message and "extra" in worst_of(found).message
    assert one(upgrade(prog("tp/group/t", [ldx(4, 2, 1, 8)]), old, event("pid", "other"))).verdict == Verdict.OK
    ob = ObjectBuilder()
    record = ob.btf.struct("trace_event_raw_t", [("ent", ob.u64), ("pid", ob.s32)])
    ob.program("tp/group/t", "prog", [core(ldx(4, 2, 1, 8), record, "0:1", FIELD_BYTE_OFFSET), *END])
    assert one(upgrade(ob, old, new)).verdict == Verdict.OK


def test_r_7_3_callbacks_of_struct_ops() -> None:
    """libbpf does not compare callback prototypes: an argument put in front moves the others."""

    def ops(*names: str) -> Setup:
        return lambda kb: kb.ops("my_ops", [("cb", kb.callback([(n, kb.s32) for n in names]))])

    ob = ObjectBuilder()
    table = ob.btf.struct("my_ops", [("cb", ob.btf.ptr(ob.btf.proto(ob.s32)))])
    ob.struct_ops("table", table, 8, {0: "prog"}).program("struct_ops/cb", "prog", [*READ[1], *END])
    found = one(upgrade(ob, ops("sk", "rs"), ops("sk", "ack", "rs")))
    assert (found.verdict, worst_of(found).name) == (Verdict.SILENT, "my_ops.cb")
    assert one(upgrade(ob, ops("sk", "rs"), ops("sk", "rs", "flag"))).verdict == Verdict.OK
    gone = upgrade(ob, ops("sk", "rs"), nothing)
    assert (gone.verdict, one(gone).reach) == (Verdict.BREAKS, Reach.OBJECT)


def test_r_7_7_newly_nullable_arguments() -> None:
    """tp_btf arguments that the tables of the new release list: a read through one without a test is refused."""
    old = new = hook("sched_process_wait", ["pid*pid"], "tracepoint")

    def found(*code: Any) -> ProgramVerdict:
        return one(upgrade(prog("tp_btf/sched_process_wait", code), old, new, ("6.1", "7.3")))

    unchecked = found(*READ[0], ldx(4, 3, 2, 0))
    assert (unchecked.verdict, worst_of(unchecked).rules) == (Verdict.BREAKS, ("R-7.7",))
    assert found(*READ[0], jmp("==", 2, 0, "out"), ldx(4, 3, 2, 0), "out:").verdict == Verdict.OK
    assert found(*READ[0]).verdict == Verdict.OK
    assert found().verdict == Verdict.OK


def test_r_7_7_arithmetic_on_an_argument() -> None:
    """afs_flock_ev: argument 2 may be NULL, argument 1 may not; sums are never taken for another argument."""
    both = hook("afs_flock_ev", ["a*vnode", "b*lock"], "tracepoint")

    def verdict(slot: int, *between: Any) -> Verdict:
        code = [*READ[slot], *between, ldx(4, 3, 2, 0)]
        return one(upgrade(prog("tp_btf/afs_flock_ev", code), both, both, ("6.1", "7.3"))).verdict

    assert verdict(0) == Verdict.OK
    assert verdict(1) == Verdict.BREAKS
    assert verdict(0, alu("+", 2, 1), alu("-", 2, 1)) == Verdict.OK


# -- meaning (R-3.13, R-4.4..4.7)


def calls(name: str, *params: str) -> ObjectBuilder:
    ob = ObjectBuilder()
    rows = [(p, ob.btf.ptr(ob.btf.once("struct", p[1:], [("x", ob.s32)])) if p[0] == "*" else ob.s32) for p in params]
    ob.extern_func(name, ob.btf.proto(ob.s32, rows))
    return ob.program("xdp", "prog", [kfunc(name), *END])


def kfunc_of(name: str, *params: tuple[str, str]) -> Setup:
    """A kfunc with (name, type) parameters; types ``4``, ``8`` or ``*struct``."""

    def setup(kb: KernelBuilder) -> None:
        rows = [
            (n, kb.btf.ptr(kb.btf.once("struct", t[1:], [("x", kb.s32)])) if t[0] == "*" else
             kb.btf.once("int_", t, int(t[-1]), signed=t[0] == "s"))
            for n, t in params
        ]  # fmt: skip
        kb.btf.kfunc(name, kb.s32, rows)

    return setup


@pytest.mark.parametrize(
    ("old", "new", "word"),
    [
        (("n", "8"), ("n", "4"), "R-4.7"),
        (("n", "s4"), ("n", "s8"), "R-4.7"),
        (("p", "*task"), ("p", "*other"), "R-4.7"),
        (("p__nullable", "*task"), ("p", "*task"), "R-4.6"),
        (("p__opt", "*task"), ("p", "*task"), "R-4.6"),
        (("p__ign", "*task"), ("p", "*task"), "R-4.6"),
    ],
)
def test_r_4_7_kfuncs_that_still_resolve(old: tuple[str, str], new: tuple[str, str], word: str) -> None:
    """Width of an integer, another struct, a suffix lost: RISK."""
    ob = calls("bpf_thing", "*task" if old[1][0] == "*" else "n")
    found = one(upgrade(ob, kfunc_of("bpf_thing", old), kfunc_of("bpf_thing", new)))
    assert found.verdict == Verdict.RISK
    assert word in {r for f in found.findings for r in f.rules}


def test_r_4_6_suffixes_that_do_no_harm() -> None:
    """``__opt`` became ``__nullable``; the verifier replaces what it ignored; a looser suffix was gained; every dynptr
    is a dynptr."""
    for old, new in ((("p__opt", "*task"), ("p__nullable", "*task")), (("p", "*task"), ("p__nullable", "*task")),
                     (("aux__ign", "*task"), ("aux__prog", "*task")),
                     (("p", "*bpf_dynptr_kern"), ("p", "*bpf_dynptr"))):  # fmt: skip
        found = one(upgrade(calls("bpf_thing", "*task"), kfunc_of("bpf_thing", old), kfunc_of("bpf_thing", new)))
        assert found.verdict == Verdict.OK, (old, new)


def test_r_4_5_flags() -> None:
    """A flag gained between the tables of two releases."""
    from kfuncscope.knowledge.knowledge import for_release

    def flags(release: str) -> dict[str, int]:
        return {n: f.flags for n, f in for_release(release).kfuncs.items()}

    old, new = flags("6.12"), flags("7.3")
    gained = [n for n in old if n in new and new[n] & 4 and not old[n] & 4]
    lost = [n for n in old if n in new and old[n] & 3 != new[n] & 3]
    for name in (gained + lost)[:3]:
        found = one(upgrade(calls(name), kfunc_of(name), kfunc_of(name), ("6.12", "7.3")))
        assert "R-4.5" in {r for f in found.findings for r in f.rules} or found.verdict == Verdict.BREAKS


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        (1, 0, ["lost KF_ACQUIRE"]),
        (0, 1, ["gained KF_ACQUIRE"]),
        (2, 0, ["lost KF_RELEASE"]),
        (0, 4, ["gained KF_RET_NULL"]),
        (4, 0, []),  # a result that cannot be NULL any more hurts nobody
        (3, 3, []),
    ],
)
def test_r_4_5_flags_that_the_binaries_have(before: int, after: int, words: list[str]) -> None:
    """What each flag asks of a caller, gained or lost; read from both binaries it is sure, else less so."""
    kfunc_of("bpf_thing")(kb := KernelBuilder("7.3"))
    kernel = kb.kernel()
    _, blob, func = kernel.functions("bpf_thing")[0]
    found = kernel.kfunc("", func)
    assert found is not None and blob is kernel.vmlinux
    for sources, confidence in ((("binary", "binary"), Confidence.HIGH), (("binary", "knowledge"), Confidence.MEDIUM),
                                (("knowledge", "binary"), Confidence.MEDIUM)):  # fmt: skip
        sides = [
            (replace(found, flags=flags, flags_source=source), kernel)
            for flags, source in zip((before, after), sources, strict=True)
        ]
        changes = flag_changes(sides[0], sides[1])
        assert [(v, t.partition(":")[0], c) for v, t, _, c, _ in changes] == [
            (Verdict.RISK, f"bpf_thing {word}", confidence) for word in words
        ]
        assert all(rules == ("R-4.5",) for _, _, rules, *_ in changes)


def field(name: str, size: int, *, signed: bool = False) -> Setup:
    return lambda kb: kb.btf.struct("task", [(name, kb.btf.int_(f"i{size}", size, signed=signed))])


def test_r_3_13_a_field_that_became_narrower() -> None:
    """probe_read of the old size reads too much: silent; wider on a little-endian machine: a risk."""
    ob = ObjectBuilder()
    task = ob.btf.struct("task", [("flags", ob.u64)])
    ob.program("xdp", "prog", [core(alu("+", 1, 0), task, "0:0", FIELD_BYTE_OFFSET), *END])
    found = one(upgrade(ob, field("flags", 8), field("flags", 4)))
    assert (found.verdict, worst_of(found).rules) == (Verdict.SILENT, ("R-3.13",))
    assert one(upgrade(ob, field("flags", 8), field("flags", 8))).verdict == Verdict.OK
    ob = ObjectBuilder()
    task = ob.btf.struct("task", [("flags", ob.u32)])
    ob.program("xdp", "prog", [core(alu("+", 1, 0), task, "0:0", FIELD_BYTE_OFFSET), *END])
    assert one(upgrade(ob, field("flags", 4), field("flags", 8))).verdict == Verdict.RISK
    assert one(upgrade(ob, field("flags", 2), field("flags", 8))).verdict == Verdict.OK


def test_r_3_5_tests_that_flip_and_sizes_that_vanish() -> None:
    """FIELD_EXISTS from 1 to 0 degrades; a type size of 0 is a risk; a new field is no matter."""

    def asks(kind: int, access: str, value: int) -> ObjectBuilder:
        ob = ObjectBuilder()
        task = ob.btf.struct("task", [("flags", ob.u64)])
        return ob.program("xdp", "prog", [core(mov(2, value), task, access, kind), *END])

    exists = asks(FIELD_EXISTS, "0:0", 1)
    assert one(upgrade(exists, field("flags", 8), field("other", 8))).verdict == Verdict.DEGRADES
    assert one(upgrade(exists, field("other", 8), field("flags", 8))).verdict == Verdict.OK
    assert one(upgrade(asks(TYPE_SIZE, "0", 8), field("flags", 8), nothing)).verdict == Verdict.RISK


def test_r_3_8_a_signed_field_that_grew() -> None:
    """A direct load of a signed field of another size is poisoned: BREAKS where it was not before."""
    ob = ObjectBuilder()
    task = ob.btf.struct("task", [("x", ob.s32)])
    ob.program("xdp", "prog", [core(ldx(4, 2, 1, 0), task, "0:0", FIELD_BYTE_OFFSET), *END])
    found = one(upgrade(ob, field("x", 4, signed=True), field("x", 8, signed=True)))
    assert (found.verdict, worst_of(found).failure) == (Verdict.BREAKS, "core_reloc_poisoned")
    assert "R-3.8" in worst_of(found).rules


def test_r_0_3_a_hard_error_takes_the_object_along() -> None:
    """Two candidates that disagree."""
    ob = ObjectBuilder()
    task = ob.btf.struct("task", [("x", ob.s32)])
    ob.program("xdp", "prog", [core(mov(2, 0), task, "0:0", FIELD_BYTE_OFFSET), *END]).program("tc", "fine", END)

    def two(kb: KernelBuilder) -> None:
        kb.btf.struct("task", [("x", kb.s32)])
        kb.btf.struct("task", [("pad", kb.u64), ("x", kb.s32)])

    verdict = upgrade(ob, field("x", 4, signed=True), two)
    assert [p.verdict for p in verdict.programs] == [Verdict.BREAKS, Verdict.OK]
    assert verdict.programs[0].reach == Reach.OBJECT
    assert verdict.verdict == Verdict.BREAKS


# -- objects


def test_alternatives_take_each_others_place() -> None:
    """fentry and kprobe of one job, ``_page`` and ``_folio``: DEGRADES, not BREAKS."""
    ob = ObjectBuilder().program("fentry/read_page", "page", END).program("fentry/read_folio", "folio", END)
    verdict = upgrade(ob, hook("read_page"), hook("read_folio"))
    assert [p.verdict for p in verdict.programs] == [Verdict.BREAKS, Verdict.FIXED]
    assert verdict.verdict == Verdict.DEGRADES
    assert verdict.reason == "page no longer works, but folio does the same job"
    strangers = ObjectBuilder().program("fentry/alpha", "a", END).program("fentry/beta", "b", END)
    assert upgrade(strangers, hook("alpha"), hook("beta")).verdict == Verdict.BREAKS


def test_an_alternative_has_to_attach() -> None:
    """The kprobe loads on the new kernel and finds no function: it does nobody's job."""
    ob = ObjectBuilder().program("fentry/read_page", "page", END).program("kprobe/read_folio", "folio", END)
    verdict = upgrade(ob, hook("read_page"), nothing)
    assert [(p.new.loads, p.new.attaches) for p in verdict.programs][1] == (Tri.YES, Tri.NO)
    assert verdict.verdict == Verdict.BREAKS
    assert upgrade(ob, hook("read_page"), hook("read_folio")).verdict == Verdict.DEGRADES
    known = {program.name: program for program in read_object(ob.build(), "o").programs}
    page = verdict.programs[0]
    assert Alternatives(verdict.programs, known).of(page, True) is None
    served = upgrade(ob, hook("read_page"), hook("read_folio"))
    assert Alternatives(served.programs, known).of(served.programs[0], True) == "folio"


def test_programs_that_are_off_by_default() -> None:
    """``?``: the object degrades."""
    ob = ObjectBuilder().program("?fentry/f", "extra", END).program("xdp", "main", END)
    verdict = upgrade(ob, hook("f"), nothing)
    assert (verdict.programs[0].verdict, verdict.verdict) == (Verdict.BREAKS, Verdict.DEGRADES)


def test_reach_of_a_failed_attachment() -> None:
    """R-0.7: it loads and does not attach."""
    found = one(upgrade(prog("kprobe/f"), hook("f"), nothing))
    assert (found.verdict, found.reach) == (Verdict.BREAKS, Reach.ATTACH)
    assert (found.new.loads, found.new.attaches) == ("yes", "no")


def test_variants_of_one_object() -> None:
    """Three builds of one tuner: what one of them still serves does not break the user."""

    def built(name: str, verdict: Verdict) -> ObjectVerdict:
        base = upgrade(prog("fentry/f"), hook("f"), nothing if verdict == Verdict.BREAKS else hook("f"))
        assert base.verdict == verdict
        return ObjectVerdict(name, base.package, base.sha256, base.verdict, base.reason, base.programs)

    modern, legacy = built("tuner.bpf.o", Verdict.BREAKS), built("tuner.legacy.bpf.o", Verdict.OK)
    weighed = weigh_variants([modern, legacy])
    assert [o.verdict for o in weighed] == [Verdict.DEGRADES, Verdict.OK]
    assert "tuner.legacy.bpf.o" in weighed[0].reason
    other = built("other.bpf.o", Verdict.OK)
    assert weigh_variants([modern, other])[0].verdict == Verdict.BREAKS


@pytest.mark.parametrize(("shared", "verdict"), [(1, Verdict.BREAKS), (2, Verdict.DEGRADES)])
def test_a_variant_has_more_than_half_of_the_programs(shared: int, verdict: Verdict) -> None:
    """Of two programs, one is not the same tool."""

    def built(name: str, names: list[str], new: Setup) -> ObjectVerdict:
        ob = ObjectBuilder()
        for program in names:
            ob.program("fentry/f", program, END)
        base = upgrade(ob, hook("f"), new)
        return ObjectVerdict(name, base.package, base.sha256, base.verdict, base.reason, base.programs)

    broken = built("tuner.bpf.o", ["a", "b"], nothing)
    assert broken.verdict == Verdict.BREAKS
    legacy = built("tuner.legacy.bpf.o", ["a", "b"][:shared], hook("f"))
    assert weigh_variants([broken, legacy])[0].verdict == verdict


# -- faults of the kernel


def test_faults_implicit_argument_left_in_the_btf() -> None:
    """R-1.18: a kfunc with KF_IMPLICIT_ARGS whose BTF still shows them."""
    from kfuncscope.knowledge.knowledge import for_release

    name = next(n for n, f in sorted(for_release("7.3").kfuncs.items()) if f.flags >> 16 & 1)

    def build(with_aux: bool) -> Kernel:
        kb = KernelBuilder("7.3")
        aux = kb.btf.ptr(kb.btf.struct("bpf_prog_aux", [("x", kb.s32)]))
        kb.btf.kfunc(name, kb.s32, [("x", kb.s32), *([("aux", aux)] if with_aux else [])])
        return kb.kernel()

    assert [(f.name, f.rules) for f in kernel_faults(build(True))] == [(name, ("R-1.18",))]
    assert kernel_faults(build(False)) == ()


def test_faults_missing_tags() -> None:
    """R-1.17: registered for all that is known, but without the tag that others have."""
    kb = KernelBuilder("7.3")
    kb.btf.kfunc("bpf_rcu_read_lock", 0)
    kb.btf.func("bpf_rcu_read_unlock", 0)
    faults = kernel_faults(kb.kernel(config={**CONFIG}))
    assert [f.name for f in faults] == ["bpf_rcu_read_unlock"]


def test_faults_empty_module_btf() -> None:
    """R-1.12: a module without BTF is listed once something is looked for in it."""
    kb = KernelBuilder("7.3")
    kernel = kb.kernel(modules={"broken": b"", "fine": _module(kb)})
    assert kernel.functions("of_module") != []
    assert [(f.name, f.verdict) for f in kernel_faults(kernel)] == [("broken", Verdict.RISK)]


def test_faults_of_many_modules_are_one() -> None:
    """A kernel whose modules carry no BTF."""
    kb = KernelBuilder("7.3")
    kernel = kb.kernel(modules={f"m{i}": b"" for i in range(40)})
    kernel.functions("nowhere")
    (fault,) = kernel_faults(kernel)
    assert fault.name == "40 modules (m0 and others)"


def _module(kb: KernelBuilder) -> BtfWriter:
    kb.build()
    module = BtfWriter(base=kb.btf)
    module.func("of_module", 0)
    return module
