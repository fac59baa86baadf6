# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Timelines: programs over the loaded kernels, needs over all levels, one source a line, no contradictions."""

from __future__ import annotations

from dataclasses import replace

import pytest

from kfuncscope.model.analysis import ArchResult, KernelInfo
from kfuncscope.model.failure import Failure
from kfuncscope.model.verdict import (
    Evidence,
    Finding,
    NeedKind,
    NeedUse,
    ObjectVerdict,
    Outcome,
    ProgramVerdict,
    Reach,
    Tri,
    Verdict,
)
from kfuncscope.study.lifecycle import OfferRow, Seen, State, release_key
from kfuncscope.study.timeline import TABLES, Line, need_lines, program_lines, releases

V, T = Verdict, Tri
FINE = Outcome(T.YES, T.YES, T.YES)
FAILS = Outcome(T.NO, T.NO, T.NO, Failure.KFUNC_NOT_FOUND, "gone")


def step(old: str, new: str, verdict: Verdict, arch: str = "x86_64", before: Outcome | None = FINE) -> ArchResult:
    """One step of an upgrade with one program that calls one kfunc."""
    found = ()
    if verdict is not V.OK:
        evidence = Evidence("int f(int)", "")
        found = (Finding(NeedKind.KFUNC, "f", verdict, f"f: {verdict}", ("R-2.8",), evidence=evidence),)
    program = ProgramVerdict("p", "tc", "SCHED_CLS", True, verdict, Reach.NONE, before, FINE, found,
                             (NeedUse(NeedKind.KFUNC, "f", verdict),))  # fmt: skip
    obj = ObjectVerdict("o", "pkg", "0" * 64, verdict, "", (program,))
    return ArchResult(arch, *(KernelInfo(f"Debian {r}", arch, r, 0) for r in (old, new)), (obj,))


def cells(line: Line) -> list[tuple[str, str, bool]]:
    return [(r, line.cells[r].word, line.cells[r].first_bad) for r in releases([line])]


def test_a_program_over_all_steps_with_the_first_bad_one_marked() -> None:
    steps = [step("6.1.1", "6.12.1", V.OK), step("6.12.1", "7.2.1", V.BREAKS),
             step("7.2.1", "7.3.1", V.ALREADY_BROKEN, before=FAILS)]  # fmt: skip
    (line,) = program_lines([step("6.1.1", "7.3.1", V.BREAKS)], steps)
    assert (line.object, line.name, line.source, line.verdict) == ("o", "p", "x86_64", V.BREAKS)
    assert cells(line) == [("6.1.1", "works", False), ("6.12.1", "works", False), ("7.2.1", "breaks", True),
                           ("7.3.1", "still fails", False)]  # fmt: skip


@pytest.mark.parametrize(("outcome", "word"), [
    (FINE, "works"), (FAILS, "fails"), (None, "not judged"), (Outcome(T.UNKNOWN, T.UNKNOWN, T.UNKNOWN), "unknown"),
    (Outcome(T.YES, T.NO, T.YES), "fails"),
])  # fmt: skip
def test_the_first_kernel_says_whether_the_program_works_there(outcome: Outcome | None, word: str) -> None:
    (line,) = program_lines([step("6.12.1", "7.3.1", V.OK, before=outcome)])
    assert cells(line)[0] == ("6.12.1", word, False)


def test_architectures_have_lines_of_their_own_and_inferred_ones_none() -> None:
    given = [step("6.12.1", "7.3.1", V.OK), step("6.12.1", "7.3.1", V.BREAKS, "arm64"),
             replace(step("6.12.1", "7.3.1", V.OK, "riscv64"), inferred=True)]  # fmt: skip
    assert [(line.source, line.verdict) for line in program_lines(given)] == [("x86_64", V.OK), ("arm64", V.BREAKS)]
    # steps of one architecture leave the other its whole upgrade
    lines = program_lines(given, [step("6.12.1", "7.2.1", V.OK), step("7.2.1", "7.3.1", V.OK)])
    assert {line.source: len(line.cells) for line in lines} == {"x86_64": 3, "arm64": 2}


def _offer() -> OfferRow:
    def kernel(release: str, arch: str, state: State, proto: str = "") -> Seen:
        return Seen(f"{arch} {release}", release, state, proto, loaded=True, arch=arch)

    seen = (
        Seen("6.9", "6.9", State.PRESENT, "int f(int)"), Seen("6.12", "6.12", State.PRESENT, "int f(long)"),
        Seen("7.3", "7.3", State.ABSENT), kernel("6.12.1", "x86_64", State.PRESENT, "int f(int)"),
        kernel("7.3.1", "x86_64", State.UNREGISTERED), kernel("6.12.1", "arm64", State.PRESENT, "int f(short)"),
    )  # fmt: skip
    return OfferRow(NeedKind.KFUNC, "f", seen=seen)


def test_tables_and_kernels_stand_in_lines_of_their_own() -> None:
    lines = need_lines([_offer()], [step("6.12.1", "7.3.1", V.BREAKS), step("6.12.1", "7.3.1", V.OK, "arm64")])
    by_source = {line.source: line for line in lines}
    assert list(by_source) == ["arm64", "x86_64", TABLES] and all(line.name == "f" for line in lines)
    tables = by_source[TABLES]
    assert [(r, c.word, c.changed, c.first_bad) for r, c in tables.cells.items()] == [
        ("6.9", "present", False, False), ("6.12", "present", True, False), ("7.3", "absent", False, True),
    ]  # fmt: skip
    # a kernel's own word goes before what the analysis tells of it, and a change is none between two sources
    mine = by_source["x86_64"].cells
    assert [(r, c.word, c.changed, c.first_bad) for r, c in mine.items()] == [
        ("6.12.1", "present", False, False), ("7.3.1", "no longer registered", False, True),
    ]  # fmt: skip
    assert [c.word for c in by_source["arm64"].cells.values()] == ["present", "present"]


def test_needs_of_every_kind_have_a_line_from_the_analysis() -> None:
    one = step("6.12.1", "7.3.1", V.OK)
    program = replace(one.objects[0].programs[0], needs=(NeedUse(NeedKind.FIELD, "struct s.m", V.OK),))
    one = replace(one, objects=(replace(one.objects[0], programs=(program,)),))
    (line,) = need_lines([], [one])
    assert (line.kind, line.name, line.source) == ("field", "struct s.m", "x86_64")
    assert [c.word for c in line.cells.values()] == ["present", "present"]


@pytest.mark.parametrize(("verdict", "word", "first"), [
    (V.BREAKS, "changed", True), (V.SILENT, "changed", True), (V.RISK, "changed", False),
    (V.DEGRADES, "present", False), (V.OK, "present", False),
])  # fmt: skip
def test_what_is_there_and_does_harm_has_changed(verdict: Verdict, word: str, first: bool) -> None:
    """Present on both kernels with another prototype: the cell does not say that all is well."""
    seen = [Seen(f"x86_64 {r}", r, State.PRESENT, p, loaded=True, arch="x86_64")
            for r, p in (("6.12.1", "int f(int)"), ("7.3.1", "int f(long)"))]  # fmt: skip
    (line,) = need_lines([OfferRow(NeedKind.KFUNC, "f", seen=tuple(seen))], [step("6.12.1", "7.3.1", verdict)])
    assert cells(line) == [("6.12.1", "present", False), ("7.3.1", word, first)]
    assert line.cells["7.3.1"].look is (verdict if word == "changed" else V.OK)


@pytest.mark.parametrize(("verdict", "look"), [
    (V.BREAKS, V.BREAKS), (V.SILENT, None), (V.RISK, V.RISK), (V.DEGRADES, V.DEGRADES),
])  # fmt: skip
@pytest.mark.parametrize(("lost", "usual"), [(State.ABSENT, V.BREAKS), (State.UNREGISTERED, V.RISK)])
def test_what_went_away_looks_as_bad_as_it_is(
    verdict: Verdict, look: Verdict | None, lost: State, usual: Verdict
) -> None:
    """A program that asks first only loses a feature: red, and the mark of the first bad step, are for what breaks."""
    seen = [Seen(f"x86_64 {r}", r, state, "", loaded=True, arch="x86_64")
            for r, state in (("6.12.1", State.PRESENT), ("7.3.1", lost))]  # fmt: skip
    seen += [Seen("6.12", "6.12", State.PRESENT), Seen("7.3", "7.3", lost)]
    lines = need_lines([OfferRow(NeedKind.KFUNC, "f", seen=tuple(seen))], [step("6.12.1", "7.3.1", verdict)])
    assert [line.source for line in lines] == ["x86_64", TABLES]
    for line in lines:
        assert [(c.word, c.look, c.first_bad) for c in line.cells.values()] == [
            ("present", V.OK, False), (lost.value, look or usual, look is not V.DEGRADES),
        ]  # fmt: skip


def test_a_kernel_between_two_others_is_not_blank() -> None:
    steps = [step("6.1.1", "6.12.1", V.OK), step("6.12.1", "7.3.1", V.BREAKS)]
    (line,) = need_lines([], [step("6.1.1", "7.3.1", V.BREAKS)], steps)
    assert [(r, c.word) for r, c in sorted(line.cells.items())] == [
        ("6.1.1", "present"), ("6.12.1", "present"), ("7.3.1", "absent"),
    ]  # fmt: skip


@pytest.mark.parametrize(("release", "key"), [
    ("6.12.107+deb13-amd64", (6, 12, 107, 13)), ("²", ()), ("6.x", (6,)), ("9" * 5000, (999_999_999,)),
])  # fmt: skip
def test_any_release_has_a_key(release: str, key: tuple[int, ...]) -> None:
    assert release_key(release) == key


def test_releases_are_in_order_of_age() -> None:
    lines = [Line(True, "p", "program", "x", V.OK, dict.fromkeys(["6.12", "6.9", "7.0", "6.12.107"]))]  # type: ignore[arg-type]
    assert releases(lines) == ["6.9", "6.12", "6.12.107", "7.0"]
