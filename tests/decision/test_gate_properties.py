# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""One decision: whatever was found, given and asked for, the exit status, every report and the JSON say the same."""

from __future__ import annotations

import csv
import io
import json
import re
import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kfuncscope.cli.commands.check import print_analysis
from kfuncscope.cli.main import main
from kfuncscope.decision import policy
from kfuncscope.decision.compare import compare
from kfuncscope.decision.exits import Exit, status
from kfuncscope.decision.gate import FAIL_WORDS, HEADLINES, Decision, State, decide
from kfuncscope.gui.index import Index
from kfuncscope.model.analysis import Analysis, ArchResult, ObjectInfo
from kfuncscope.model.rows import Row, rows
from kfuncscope.model.verdict import Confidence, Finding, ObjectVerdict, Verdict
from kfuncscope.report import make
from kfuncscope.report.formats import pdf
from kfuncscope.storage.files import InputProblem, Place
from kfuncscope.upgrade import jsonform
from support import reportcases as cases

V = Verdict
ARCHES = ("x86_64", "arm64", "s390x")
POLICIES = (
    "",
    '[[block]]\nverdict = ["BREAKS"]\n[[review]]\nverdict = ["SILENT"]\n',
    '[[block]]\narch = "arm64"\n[[review]]\nconfidence = "low"\n',
    '[[waiver]]\nowner = "o"\nreason = "r"\nexpires = 2999-01-01\nobject = "object_0"\n',
    '[[waiver]]\nowner = "o"\nreason = "r"\nexpires = 2001-01-01\nobject = "object_*"\n',
)
"""Policy files: the built-in one, narrower ones, one that tolerates an object, one whose waiver is out of date."""

findings = st.builds(
    lambda verdict, sure: replace(cases.FIELD, verdict=verdict, confidence=sure, name=f"f.{verdict.lower()}"),
    st.sampled_from(list(Verdict)), st.sampled_from(list(Confidence)),
)  # fmt: skip
objects = st.lists(st.lists(findings, max_size=2), max_size=3)


def _object(number: int, found: list[Finding]) -> ObjectVerdict:
    program = cases.program(f"program_{number}", "xdp", *found)
    unsure = ("no symbols",) if program.verdict is V.UNKNOWN else ()
    return cases.obj(f"object_{number}", "pkg", replace(program, unchecked=unsure))


@st.composite
def analyses(draw: st.DrawFn) -> Analysis:
    """One to three architectures, perhaps one of them inferred; inputs unread, empty, elsewhere, in several places."""
    base = cases.analysis(("x86_64",)).arches[0]
    count = draw(st.integers(1, 3))
    results = []
    for number, arch in enumerate(ARCHES[:count]):
        listed = tuple(_object(i, found) for i, found in enumerate(draw(objects)))
        inferred = number == 2 and draw(st.booleans())
        results.append(ArchResult(arch, replace(base.old, arch=arch), replace(base.new, arch=arch), listed, inferred))
    names = sorted({o.object for result in results for o in result.objects})
    infos = [_info(draw, name, results) for name in names]
    empty = draw(st.integers(0, 2))
    infos += [ObjectInfo(f"empty_{i}", "0" * 64, 1, (Place("", f"empty_{i}"),), 0, ("no code",)) for i in range(empty)]
    unread = draw(st.lists(st.sampled_from(("a.o", "b.deb", "c")), max_size=2, unique=True))
    problems = tuple(InputProblem(path, "truncated", draw(st.sampled_from((None, 64)))) for path in unread)
    return Analysis("0.1.0", tuple(results), tuple(infos), problems)


def _info(draw: st.DrawFn, name: str, results: list[ArchResult]) -> ObjectInfo:
    places = tuple(Place("", f"{folder}/{name}") for folder in draw(st.sampled_from(("a", "ab"))))
    judged_on = tuple(r.arch for r in results if any(o.object == name for o in r.objects))
    return ObjectInfo(name, "1" * 64, 100, places, 1, draw(st.sampled_from(((), ("fixed offsets",)))), judged_on)


words = st.lists(st.sampled_from([w for w in FAIL_WORDS if w != "new"]), max_size=3, unique=True)


def expected(analysis: Analysis, text: str, fail_on: list[str]) -> Exit:
    """The exit status by the words of the documentation, worked out in another way than the program does."""
    rules = policy.parse(text.encode()) if text else policy.DEFAULT
    inferred = {a.arch for a in analysis.arches if a.inferred}
    unread = bool(analysis.problems) or any(not info.programs for info in analysis.objects)

    def tolerated(row: Row) -> bool:
        return any(w.scope.matches(row) and w.expires >= policy.today() for w in rules.waivers)

    mine = [row for row in rows(analysis) if row.arch not in inferred and not tolerated(row)]
    blocked = [row for row in mine if any(s.matches(row) for s in rules.block)]
    minded = [row for row in mine if any(s.matches(row) for s in rules.block + rules.review)]
    failing: dict[str, object] = {"blocked": blocked, "needs-work": minded, "unread": unread}
    if "never" in fail_on:
        failed = False
    elif fail_on:
        failed = any(failing.get(w, [r for r in mine if r.verdict.lower() == w]) for w in fail_on)
    else:
        failed = bool(minded)
    return Exit.FAILED if failed else Exit.INCOMPLETE if unread else Exit.CLEAR


@settings(max_examples=120, deadline=None)
@given(analyses(), st.sampled_from(POLICIES), words)
def test_the_decision_is_what_the_documentation_says(analysis: Analysis, text: str, fail_on: list[str]) -> None:
    rules = policy.parse(text.encode()) if text else policy.DEFAULT
    decision = decide(analysis, rules, fail_on=fail_on)
    assert decision.exit is expected(analysis, text, fail_on)
    assert (decision.exit is Exit.CLEAR) == (decision.state is State.CLEAR)
    assert decision.exit is not Exit.CLEAR or not decision.missing
    assert bool(decision.reasons) == (decision.state is not State.CLEAR or (bool(decision.missing)))
    inferred = {a.arch for a in analysis.arches if a.inferred}
    counted = (*decision.blocking, *decision.review, *(row for row, _ in decision.tolerated))
    assert not inferred & {row.arch for row in counted} and not inferred & {a.arch for a in decision.arches}
    order = list(State)
    assert all(order.index(a.state) <= order.index(decision.state) for a in decision.arches)


@settings(max_examples=25, deadline=None)
@given(analyses(), st.sampled_from(POLICIES), words)
def test_every_front_end_and_report_says_the_same(
    tmp_path_factory: pytest.TempPathFactory, analysis: Analysis, text: str, fail_on: list[str]
) -> None:
    """Through the command line: one shard of one is merged, and all reports are written."""
    folder = tmp_path_factory.mktemp("gate")
    (folder / "part.json").write_bytes(jsonform.dumps(analysis, None, jsonform.Shard(1, 1)))
    (folder / "gate.toml").write_text(text)
    command = ["merge", str(folder / "part.json")]
    command += ["--policy", str(folder / "gate.toml")] if text else []
    command += ["--fail-on", ",".join(fail_on)] if fail_on else []
    for kind in ("json", "html", "md", "sarif", "xml", "csv"):
        command += ["--report", str(folder / f"r.{kind}")]
    code = main(command)
    rules = policy.parse(text.encode(), "gate.toml") if text else policy.DEFAULT
    decision = decide(analysis, rules, fail_on=fail_on)
    assert code == decision.exit == expected(analysis, text, fail_on)
    _same_decision(folder, decision)
    _same_counts(folder, analysis, decision)


def _same_decision(folder: Path, decision: Decision) -> None:
    code, headline = decision.exit.value, decision.headline
    found = json.loads((folder / "r.json").read_text())["summary"]["decision"]
    assert (found["exit"], found["headline"], found["state"]) == (code, headline, decision.state.value)
    page = (folder / "r.html").read_text()
    title = re.search(r'<h1 id="decision">.*?</svg>(.*?)</h1>', page, re.DOTALL)
    assert title and title[1] == headline and f"<dt>Exit status</dt><dd>{code}</dd>" in page
    text = (folder / "r.md").read_text()
    assert f" {headline}: " in text.splitlines()[0] and f"Exit status: {code}." in text
    (run,) = json.loads((folder / "r.sarif").read_text())["runs"]
    (made,) = run["invocations"]
    assert made["exitCode"] == code and made["exitCodeDescription"].startswith(headline)
    suite = ET.parse(folder / "r.xml").getroot()[0]
    kinds = {child.tag for case in suite for child in case}
    assert kinds == {{0: "system-out", 1: "failure", 3: "error"}[code]} and suite.get("name") == "decision"
    (row,) = [r for r in csv.DictReader(io.StringIO((folder / "r.csv").read_text())) if r["kind"] == "decision"]
    assert (row["name"], row["class"], row["decision"]) == (headline, str(code), decision.state.value)
    for other in HEADLINES.values():
        if other != headline:
            assert other not in page and other not in text and other not in row["name"]


def _same_counts(folder: Path, analysis: Analysis, decision: Decision) -> None:
    """What could not be checked, in numbers and by name, in all formats, the table and the window."""
    report = make(analysis, decision)
    number, elsewhere = len(report.unchecked), len(report.elsewhere)
    found = json.loads((folder / "r.json").read_text())["summary"]
    assert (len(found["unchecked"]), len(found["elsewhere"])) == (number, elsewhere)
    assert sum(one["given"] for one in found["unchecked"]) == decision.unread
    page, text = (folder / "r.html").read_text(), (folder / "r.md").read_text()
    assert f"Not checked <b>{number}</b>" in page and f"<h2>Could not check ({number})</h2>" in page
    assert f"## Could not check ({number})" in text
    assert f"<h2>Could not check ({number})</h2>" in pdf._page(report)
    assert (f"{number} thing" in " ".join(report.sentences)) == bool(number)
    (run,) = json.loads((folder / "r.sarif").read_text())["runs"]
    notes = [note["descriptor"]["id"] for note in run["invocations"][0]["toolExecutionNotifications"]]
    assert notes.count("could-not-check") == number and notes.count("of-another-architecture") == elsewhere
    suites = {suite.get("name"): len(suite) for suite in ET.parse(folder / "r.xml").getroot()}
    assert suites.get("could not check", 0) == number and suites.get("of another architecture", 0) == elsewhere
    kinds = [row["kind"] for row in csv.DictReader(io.StringIO((folder / "r.csv").read_text()))]
    assert kinds.count("not checked") == number and kinds.count("other architecture") == elsewhere
    assert len(Index(analysis).unchecked) == number
    for one in report.unchecked:
        assert all(one.where.split(" · ")[0] in said for said in (page, text, json.dumps(run)))


@settings(max_examples=30, deadline=None)
@given(analyses(), analyses())
def test_new_counts_what_the_baseline_had_not(before: Analysis, after: Analysis) -> None:
    """``new`` needs no other word; what only the baseline judged was not compared, so nothing is clear."""
    found = compare(before, after)
    decision = decide(after, fail_on=["new"], comparison=found)
    minded = {row.key for row in (*decide(after).blocking, *decide(after).review)}
    judged = [{a.arch for a in one.arches if not a.inferred} for one in (before, after)]
    unread = bool(decide(after).missing) or bool(judged[0] - judged[1])
    assert decision.exit is status(bool(minded & found.fresh()), unread)
    assert decide(after, comparison=found).exit is status(bool(minded), unread)


@settings(max_examples=25, deadline=None)
@given(analyses())
def test_the_table_ends_with_the_decision(analysis: Analysis) -> None:
    import contextlib

    decision = decide(analysis)
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        print_analysis(analysis, decision)
    lines = said.getvalue().splitlines()
    assert lines[-1].startswith(decision.headline) and f"exit status {decision.exit.value}" in lines[-1]
    number = len(make(analysis, decision).unchecked)
    assert [line for line in lines if line == f"could not check ({number}):"] == [
        f"could not check ({number}):"
    ] * bool(number)
    for one in decision.missing:
        assert any(one.where in line and one.why in line for line in lines)


def test_one_wins_over_three() -> None:
    table = {(False, False): 0, (True, False): 1, (False, True): 3, (True, True): 1}
    assert {given: int(status(*given)) for given in table} == table
    assert [code.value for code in Exit] == [0, 1, 2, 3, 4]
