# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Findings grouped by what changed in the kernel."""

from __future__ import annotations

from dataclasses import replace

import pytest

from kfuncscope.model.analysis import Analysis, ArchResult, KernelInfo
from kfuncscope.model.causes import Change, cause_lines, causes, hits
from kfuncscope.model.failure import Failure
from kfuncscope.model.rows import Row, rows
from kfuncscope.model.verdict import (
    Evidence,
    Finding,
    NeedKind,
    ObjectVerdict,
    Outcome,
    ProgramVerdict,
    Reach,
    Tri,
    Verdict,
)


def row(finding: Finding, program: str = "p", section: str = "tp_btf/x", **more: str) -> Row:
    place = {"arch": "x86_64", "object": "o", "package": "k 1", **more}
    key = f"{place['arch']}{place['object']}{program}{finding.name}"
    return Row(key, place["arch"], "1", "2", place["object"], place["package"], program, section, finding)


GONE = Finding(NeedKind.HOOK, "xdp_redirect_map", Verdict.BREAKS, "gone", ("R-2.5",), Failure.ATTACH_BTF_NOT_FOUND,
               evidence=Evidence("void xdp_redirect_map(int a)", ""))  # fmt: skip


def test_one_cause_over_programs_packages_and_architectures() -> None:
    listed = [
        row(GONE, "a"), row(GONE, "b"), row(GONE, "a", arch="arm64"), row(GONE, "c", object="other", package="l 2"),
        row(replace(GONE, verdict=Verdict.SILENT), "d", object="third", package="l 2"),
    ]  # fmt: skip
    (one,) = causes(listed)
    assert one.title == "tracepoint xdp_redirect_map removed"
    assert one.extent == "4 programs in 2 packages on 2 architectures"
    assert one.verdict is Verdict.BREAKS
    (line,) = cause_lines(causes(listed))
    assert (line.programs, line.packages, line.arches, len(line.findings)) == (4, 2, ("x86_64", "arm64"), 5)


def test_an_object_counts_by_itself_only_without_programs() -> None:
    both = [row(GONE, ""), row(GONE, "a")]
    assert causes(both)[0].extent == "1 program in 1 package on 1 architecture"
    assert causes([row(GONE, "", package="")])[0].extent == "1 program on 1 architecture"


@pytest.mark.parametrize(
    ("section", "kind"),
    [("raw_tp/x", "tracepoint"), ("?tp/y/x", "tracepoint"), ("lsm.s/x", "LSM hook"), ("kprobe/x", "function"),
     ("fexit.s/x", "function")],
)  # fmt: skip
def test_hooks_are_named_by_what_they_are(section: str, kind: str) -> None:
    assert causes([row(GONE, section=section)])[0].key.kind == kind


def test_what_happened_is_part_of_the_cause() -> None:
    changed = replace(GONE, evidence=Evidence("int f(int a)", "int f(long a)"), failure=Failure.KFUNC_NOT_FOUND)
    refused = replace(changed, evidence=Evidence("int f(int a)", "int f(int a)"))
    assert [c.key.change for c in causes([row(GONE), row(changed), row(refused)])] == [
        Change.CHANGED, Change.REFUSED, Change.REMOVED,
    ]  # fmt: skip


@pytest.mark.parametrize(("rule", "change"), [("R-6.1", Change.REMOVED), ("R-6.2", Change.REFUSED)])
def test_a_helper_that_the_kernel_has_but_not_for_this_call_is_refused(rule: str, change: Change) -> None:
    one = Finding(NeedKind.HELPER, "bpf_get_stack", Verdict.BREAKS, "no", (rule,), Failure.HELPER_NOT_AVAILABLE)
    assert causes([row(one)])[0].key.change is change


def test_a_finding_may_say_itself_what_changed() -> None:
    moved = replace(GONE, name="tcp_init_sock", failure=Failure.NONE, changed="struct proto")
    one, other = replace(moved, evidence=Evidence("a", "a")), replace(moved, name="tcp_sndbuf_expand")
    assert [c.title for c in causes([row(one), row(other, "q")])] == ["struct proto changed"]


def test_what_the_kernel_no_longer_allows_is_a_rule_that_changed() -> None:
    """The name of such a finding is that of a part of the object."""
    one = Finding(NeedKind.OBJECT, "main", Verdict.BREAKS, "no", ("R-12.30",), Failure.TYPED_ACCESS_REJECTED)
    listed = [row(one), row(replace(one, name="other"), "q"), row(replace(one, verdict=Verdict.UNKNOWN))]
    assert [c.title for c in causes(listed)] == ["rule R-12.30 changed"]


def test_what_nobody_needs_to_mend_is_no_cause() -> None:
    listed = [row(replace(GONE, verdict=v)) for v in Verdict]
    (one,) = causes(listed)
    assert {r.verdict for r in one.rows} == {Verdict.BREAKS, Verdict.SILENT, Verdict.RISK, Verdict.DEGRADES}


def test_worst_first_then_by_how_many() -> None:
    risk = replace(GONE, name="aa", verdict=Verdict.RISK)
    one, many = replace(GONE, name="bb"), replace(GONE, name="cc")
    order = [c.key.name for c in causes([row(risk), row(risk, "q"), row(one), row(many, "a"), row(many, "b")])]
    assert order == ["cc", "bb", "aa"]


# -- what a cause hits


STRONG = Finding(NeedKind.KFUNC, "bpf_gone", Verdict.BREAKS, "gone", ("R-2.8",), Failure.KFUNC_NOT_FOUND, Reach.OBJECT)


def lost(*programs: tuple[str, Verdict, tuple[Finding, ...]], own: tuple[Finding, ...] = (STRONG,)) -> ArchResult:
    made = tuple(
        ProgramVerdict(name, "tp_btf/x", "TRACING", True, verdict, Reach.PROGRAM, None, NOTHING, findings)
        for name, verdict, findings in programs
    )
    obj = ObjectVerdict("o", "k 1", "", Verdict.BREAKS, "", made, own)
    kernels = (KernelInfo(r, "x86_64", r, 0) for r in ("1", "2"))
    return ArchResult("x86_64", *kernels, (obj,))


NOTHING = Outcome(Tri.NO, Tri.NO, Tri.NO)


def analysis(arches: tuple[ArchResult, ...]) -> Analysis:
    return Analysis("1", arches, ())


def test_programs_that_go_down_with_their_object_are_hit_by_its_cause() -> None:
    """R-0.1: a missing strong extern takes down the programs that do not use it, too."""
    result = lost(("a", Verdict.BREAKS, (STRONG,)), ("b", Verdict.BREAKS, ()), ("c", Verdict.ALREADY_BROKEN, ()))
    assert [(h.program, h.key.title) for h in hits(result)] == [
        ("a", "kfunc bpf_gone removed"), ("b", "kfunc bpf_gone removed"),
    ]  # fmt: skip
    (one,) = causes(rows(analysis((result,))), hits(result))
    assert one.extent == "2 programs in 1 package on 1 architecture"


def test_an_object_without_a_program_of_its_verdict_is_hit_itself() -> None:
    assert [h.program for h in hits(lost(("c", Verdict.ALREADY_BROKEN, ())))] == [""]


def test_a_finding_of_object_and_program_is_one() -> None:
    same = rows(analysis((lost(("a", Verdict.BREAKS, (STRONG,)), ("b", Verdict.BREAKS, ())),)))
    assert [(r.program, r.finding.name) for r in same] == [("a", "bpf_gone")]
    milder = replace(STRONG, verdict=Verdict.DEGRADES)
    both = rows(analysis((lost(("a", Verdict.BREAKS, (milder,))),)))
    assert [(r.program, r.verdict) for r in both][:2] == [("", Verdict.BREAKS), ("a", Verdict.DEGRADES)]
    other = replace(STRONG, name="bpf_other")
    assert len(list(rows(analysis((lost(("a", Verdict.BREAKS, (other,))),))))) == 2
