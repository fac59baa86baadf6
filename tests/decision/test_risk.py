# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Risk: more of any factor never lowers a score, and every factor is shown."""

from __future__ import annotations

from dataclasses import replace

import pytest

from kfuncscope.decision import risk
from kfuncscope.model.analysis import Analysis
from kfuncscope.model.verdict import Confidence, Evidence, Finding, Remedy, Verdict
from support import reportcases as cases


def one(finding: Finding) -> Analysis:
    """An analysis with one finding."""
    analysis = cases.analysis(("x86_64",))
    objects = (cases.obj("o", "pkg", cases.program("p", "x", finding)), cases.obj("o2", "pkg", cases.program("q", "x")))
    return replace(analysis, arches=(replace(analysis.arches[0], objects=objects),))


def score(finding: Finding, since: str | None = None, weights: dict[str, float] | None = None) -> risk.Score:
    """The score of one finding alone."""
    found = risk.assess(one(finding), weights, lambda kind, name: since)
    return next(iter(found.findings.values()))


def test_each_factor_moves_the_score_the_right_way() -> None:
    base = replace(cases.DISPATCH, remedy=None)
    assert score(base).score > score(replace(base, remedy=Remedy("do"))).score > score(cases.DISPATCH).score
    assert score(base).score > score(replace(base, confidence=Confidence.MEDIUM)).score
    assert score(base).score > score(replace(base, verdict=Verdict.RISK)).score
    assert score(base, "7.1").score > score(base, "4.20").score
    narrow = replace(base, evidence=Evidence(old="int f(int x);"))
    assert score(base).score > score(narrow).score
    assert 0 <= score(narrow, "3.1").score <= 100


def test_factors_are_shown_also_those_that_are_not_known() -> None:
    made = {f.name: f for f in score(replace(cases.KPROBE, evidence=Evidence())).factors}
    assert set(made) == {"severity", "usage", "age", "alternative", "support"}
    assert made["age"].value is None and made["support"].value is None
    assert "1 object in 1 package of 2 objects" in made["usage"].said
    known = {f.name: f for f in score(cases.DISPATCH, "6.12").factors}
    assert known["age"].said == "in the kernel since 6.12, 11 mainline releases"
    assert "task_struct" in known["support"].said and "scx_bpf_dsq_insert" in known["alternative"].said


def test_weights_switch_factors_off() -> None:
    off = {"usage": 0.0, "age": 0.0, "alternative": 0.0, "support": 0.0}
    assert score(cases.DISPATCH, weights=off).score == 100
    assert score(cases.DISPATCH, weights={**off, "alternative": 1.0}).score == 50


def test_roll_up_covers_programs_objects_packages_architectures() -> None:
    found = risk.assess(cases.analysis())
    assert found.programs[0].score >= found.programs[-1].score > 0
    assert {s.subject for s in found.arches} == {(a,) for a in cases.ARCHES}
    assert ("scx-schedulers 1.0",) in {s.subject for s in found.packages}
    top = next(s for s in found.objects if s.subject == ("x86_64", "scx_simple"))
    worst = max(s.score for s in found.programs if s.subject[:2] == top.subject)
    breadth = next(f for f in top.factors if f.name == "breadth")
    assert breadth.said == "2 of 3 programs hit" and top.score <= worst <= 100
    assert ("legacy 0.1",) not in {s.subject for s in found.packages}


@pytest.mark.parametrize(
    ("text", "number"),
    [("3.0", 0), ("3.19", 19), ("4.0", 20), ("5.0", 41), ("6.12.107", 73), ("Debian 7.3.4", 84), ("2.6", None),
     ("next", None), ("", None), ("2026.11", None)],
)  # fmt: skip
def test_release_numbers_count_mainline_releases(text: str, number: int | None) -> None:
    assert risk.release_number(text) == number
