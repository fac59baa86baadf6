# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Findings grouped by what changed in the kernel."""

from __future__ import annotations

from dataclasses import replace

import pytest

from kfuncscope.model.causes import Change, cause_lines, causes
from kfuncscope.model.failure import Failure
from kfuncscope.model.rows import Row
from kfuncscope.model.verdict import Evidence, Finding, NeedKind, Verdict


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


def test_what_nobody_needs_to_mend_is_no_cause() -> None:
    listed = [row(replace(GONE, verdict=v)) for v in Verdict]
    (one,) = causes(listed)
    assert {r.verdict for r in one.rows} == {Verdict.BREAKS, Verdict.SILENT, Verdict.RISK, Verdict.DEGRADES}


def test_worst_first_then_by_how_many() -> None:
    risk = replace(GONE, name="aa", verdict=Verdict.RISK)
    one, many = replace(GONE, name="bb"), replace(GONE, name="cc")
    order = [c.key.name for c in causes([row(risk), row(risk, "q"), row(one), row(many, "a"), row(many, "b")])]
    assert order == ["cc", "bb", "aa"]
