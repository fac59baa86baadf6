# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Every format is read back by somebody else's reader, and says what the analysis says."""

from __future__ import annotations

import csv
import datetime
import io
import json
import warnings
import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path

import html5lib
import jsonschema
import junitparser
import networkx
import pydot
import pytest

from kfuncscope import report
from kfuncscope.decision import compare, gate, policy
from kfuncscope.errors import SessionError
from kfuncscope.model.causes import causes_of
from kfuncscope.model.origin import Found, Origin
from kfuncscope.model.rows import rows
from kfuncscope.model.verdict import SEVERITY, Verdict
from kfuncscope.report import annotate, summary
from kfuncscope.report.formats import sarif
from kfuncscope.storage.files import Place
from kfuncscope.study import frame, graph
from support import reportcases as cases
from support.schemas import official

DAY = datetime.date(2026, 11, 22)
WAIVER = b'[[waiver]]\nowner="o"\nreason="r"\nexpires=2027-01-01\nobject="scx_*"\narch="arm64"\n'


@pytest.fixture(autouse=True)
def _epoch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1795305600")


@pytest.fixture(scope="module")
def made() -> summary.Report:
    analysis = cases.analysis()
    return summary.make(analysis, gate.decide(analysis, policy.parse(WAIVER), DAY))


@pytest.fixture(scope="module")
def hostile() -> summary.Report:
    return summary.make(cases.hostile(), gate.decide(cases.hostile(), day=DAY))


@pytest.mark.parametrize("which", ["made", "hostile"])
def test_sarif_follows_the_official_schema(which: str, request: pytest.FixtureRequest) -> None:
    one: summary.Report = request.getfixturevalue(which)
    log = json.loads(report.render(one, "sarif"))
    jsonschema.Draft7Validator(official("sarif-schema-2.1.0.json")).validate(log)
    run = log["runs"][0]
    named = {r.key for r in (*one.decision.blocking, *one.decision.review)} | set(one.waived)
    matter = [r.key for r in rows(one.analysis) if SEVERITY[r.verdict] or r.key in named]
    assert sorted(r["partialFingerprints"]["kfuncscopeKey/v1"] for r in run["results"]) == sorted(matter)
    for result in run["results"]:
        assert run["tool"]["driver"]["rules"][result["ruleIndex"]]["id"] == result["ruleId"]


def test_sarif_has_what_matters_and_the_worst_first(made: summary.Report) -> None:
    """Nothing that needs no look; how much is left out is said, with numbers that the analysis has."""
    run = json.loads(report.render(made, "sarif"))["runs"][0]
    verdicts = [Verdict(r["properties"]["verdict"]) for r in run["results"]]
    assert [SEVERITY[v] for v in verdicts] == sorted((SEVERITY[v] for v in verdicts), reverse=True)
    assert {r["level"] for r in run["results"]} <= {"error", "warning", "note"}
    assert {r["kind"] for r in run["results"]} == {"fail"}
    calm = [r for r in rows(made.analysis) if r.verdict in (Verdict.FIXED, Verdict.ALREADY_BROKEN)]
    notes = run["invocations"][0]["toolExecutionNotifications"]
    (left,) = [n["message"]["text"] for n in notes if n["descriptor"]["id"] == "left-out"]
    assert calm and f"{len(calm)} findings about which the upgrade changes nothing for the worse" in left


@pytest.mark.parametrize("most", [3, 10_000])
def test_sarif_says_what_is_over_its_limit(most: int, made: summary.Report, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sarif, "MOST", most)
    run = json.loads(report.render(made, "sarif"))["runs"][0]
    whole = sum(SEVERITY[r.verdict] > 0 for r in rows(made.analysis))
    text = json.dumps(run["invocations"])
    assert len(run["results"]) == min(most, whole)
    assert (f"{whole - most} of {whole} results are left out, the least severe ones" in text) == (whole > most)
    assert {r["properties"]["verdict"] for r in run["results"][:3]} == {"BREAKS"}


@pytest.mark.parametrize("which", ["made", "hostile"])
def test_sarif_uris_are_relative_to_what_the_log_says(which: str, request: pytest.FixtureRequest) -> None:
    run = json.loads(report.render(request.getfixturevalue(which), "sarif"))["runs"][0]
    locations = [a["location"] for a in run["artifacts"]]
    locations += [p["physicalLocation"]["artifactLocation"] for r in run["results"] for p in r["locations"]]
    assert locations
    for one in locations:
        assert not one["uri"].startswith(("/", "file:")) and ":" not in one["uri"] and one["uri"]
        assert one["uriBaseId"] in run["originalUriBaseIds"]


@pytest.mark.parametrize(
    ("path", "uri", "base"),
    [("/build/a b/x.bpf.c", "build/a%20b/x.bpf.c", "ROOT"), ("./x/../y.o", "y.o", "WORKDIR"),
     ("a:b", "a%3Ab", "WORKDIR"), ("//x", "x", "ROOT"), ("/", "unknown", "ROOT"), ("../y.o", "../y.o", "WORKDIR")],
)  # fmt: skip
def test_sarif_locations(path: str, uri: str, base: str) -> None:
    assert sarif._file(path) == {"uri": uri, "uriBaseId": base}


def test_sarif_paths_below_the_working_folder_are_relative_to_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Code scanning looks for them in the checkout, however the job names it."""
    (tmp_path / "work").mkdir()
    (tmp_path / "link").symlink_to("work")
    monkeypatch.chdir(tmp_path / "link")
    monkeypatch.setenv("PWD", str(tmp_path / "link"))
    inside = {"uri": "a/x.o", "uriBaseId": "WORKDIR"}
    for folder in ("work", "link"):
        assert sarif._file(f"{tmp_path}/{folder}/a/x.o") == inside
        assert sarif._file(f"{tmp_path}/{folder}/../{folder}//a/x.o") == inside
    outside = f"{tmp_path}/working/x.o"
    assert sarif._file(outside) == {"uri": outside[1:], "uriBaseId": "ROOT"}
    monkeypatch.setenv("PWD", "/nowhere")
    assert sarif._file(f"{tmp_path}/work/a/x.o") == inside
    assert sarif._file(f"{tmp_path}/link/a/x.o")["uriBaseId"] == "ROOT"
    assert sarif._place(Place("", f"{tmp_path}/work/a/x.o")) == inside
    monkeypatch.chdir("/")
    assert sarif._file("/a/x.o")["uriBaseId"] == "ROOT"


def test_sarif_objects_of_packages_are_relative_to_their_package() -> None:
    assert sarif._place(Place("xdp-tools 1.4", "usr/lib/x.bpf.o")) == {"uri": "usr/lib/x.bpf.o", "uriBaseId": "PACKAGE"}


def test_sarif_says_where_what_and_that_it_is_tolerated(made: summary.Report) -> None:
    results = json.loads(report.render(made, "sarif"))["runs"][0]["results"]
    dispatch = [r for r in results if "scx_bpf_dispatch" in r["message"]["text"]]
    assert {(r["properties"]["arch"], bool(r.get("suppressions"))) for r in dispatch} == {
        ("x86_64", False), ("arm64", True), ("ppc64le", False), ("s390x", False)
    }  # fmt: skip
    dispatch = [r for r in dispatch if "region" in r["locations"][0]["physicalLocation"]]
    place = dispatch[0]["locations"][0]["physicalLocation"]
    assert place["artifactLocation"]["uri"] == "scx_simple.bpf.c" and place["region"]["startLine"] == 58
    assert dispatch[0]["level"] == "error" and dispatch[0]["properties"]["rules"] == ["R-2.8", "R-2.11"]


def test_sarif_baseline_states() -> None:
    analysis = cases.analysis(("x86_64",))
    found = compare.compare(cases.analysis(("arm64",)), analysis)
    results = json.loads(report.render(summary.make(analysis, comparison=found), "sarif"))["runs"][0]["results"]
    assert {r["baselineState"] for r in results if r["kind"] == "fail"} == {"new"}


@pytest.mark.parametrize("which", ["made", "hostile"])
def test_junit_is_read_by_a_public_parser(which: str, request: pytest.FixtureRequest) -> None:
    one: summary.Report = request.getfixturevalue(which)
    read = junitparser.JUnitXml.fromstring(report.render(one, "junit"))
    programs = sum(len(o.programs) for a in one.analysis.arches for o in a.objects)
    assert read.tests == 1 + programs + len(one.unchecked)  # the first case is the decision
    assert read.errors == len(one.analysis.problems)
    failed = [case for suite in read for case in suite if any(isinstance(r, junitparser.Failure) for r in case.result)]
    assert read.failures == len(failed)


def test_junit_fails_what_blocks_and_skips_what_is_unknown(made: summary.Report) -> None:
    read = junitparser.JUnitXml.fromstring(report.render(made, "junit"))
    suites = {suite.name.split(":")[0]: suite for suite in read}
    by_name = {case.name: case for case in suites["arm64"]}
    assert isinstance(by_name["do_sample"].result[0], junitparser.Failure)
    assert not any(isinstance(r, junitparser.Failure) for r in by_name["simple_enqueue"].result), "waived on arm64"
    assert isinstance(by_name["blk_account"].result[0], junitparser.Skipped)
    assert "rule R-3.3 Finding a member by name" in by_name["do_sample"].result[0].text


@pytest.mark.parametrize("which", ["made", "hostile"])
def test_html_parses_without_an_error_and_holds_everything(which: str, request: pytest.FixtureRequest) -> None:
    one: summary.Report = request.getfixturevalue(which)
    page = report.render(one, "html").decode()
    parser = html5lib.HTMLParser(strict=True, namespaceHTMLElements=False)
    tree = parser.parse(page)
    findings = [e for e in tree.iter("details") if "finding" in e.get("class", "").split()]
    assert len(findings) == len(one.findings)
    ids = [e.get("id") for e in tree.iter() if isinstance(e.tag, str) and e.get("id")]
    assert len(ids) == len(set(ids))
    for name in ("src", "href", "action", "formaction", "data"):
        links = [e.get(name) for e in tree.iter() if isinstance(e.tag, str) and e.get(name)]
        assert all(link.startswith("#") for link in links), "a report must not point anywhere"
    assert [e.tag for e in tree.iter("script")] == ["script"]
    assert not any(k.startswith("on") for e in tree.iter() if isinstance(e.tag, str) for k in e.attrib)
    text = "".join(tree.itertext())
    for item in one.inputs:
        assert item.sha256 in text


def test_html_shows_evidence_remedy_waivers_and_what_was_not_checked(made: summary.Report) -> None:
    page = report.render(made, "html").decode()
    for said in (
        "Upgrade blocked", "scx_bpf_dsq_insert", "scx_simple.bpf.c:58", "R-2.8", "KF_RCU", "never reached",
        "Tolerated on arm64 until 2027-01-01", cases.upgrade.damaged().reason, "offset 0x2f8", cases.KPROBE.message,
        "Inferred from JIT capabilities", "<td>2 → 3<td>int error", '<a href="#R-2.8"',
        "How libbpf finds a kfunc",
        "data-stand=\"blocks waived\"",
    ):  # fmt: skip
        assert said in page, said


def test_html_style_and_script_match_the_content_policy(made: summary.Report) -> None:
    import base64
    import hashlib

    tree = html5lib.parse(report.render(made, "html").decode(), namespaceHTMLElements=False)
    allowed = next(e.get("content") for e in tree.iter("meta") if e.get("http-equiv"))
    assert allowed.startswith("default-src 'none'") and "unsafe" not in allowed
    for tag in ("style", "script"):
        text = next(e.text for e in tree.iter(tag))
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in allowed


def test_csv_has_one_row_a_finding(made: summary.Report) -> None:
    read = list(csv.DictReader(io.StringIO(report.render(made, "csv").decode(), newline="")))
    found = [r for r in read if r["key"]]
    assert len(found) == len(list(rows(made.analysis)))
    assert {r["decision"] for r in found} == {"blocks", "review", "tolerated", ""}
    others = [r["kind"] for r in read if not r["key"]]
    assert others == [*["not checked"] * len(made.unchecked), "decision"]
    first = next(r for r in read if r["name"] == "struct cfs_rq.nr_running")
    assert first["file"] == "runqlen.bpf.c" and first["line"] == "31" and first["reachable"] == "yes"


def test_frames_agree_with_the_rows(made: summary.Report) -> None:
    table = frame.findings(made.analysis)
    assert list(table.columns) == list(frame.COLUMNS) and len(table) == len(list(rows(made.analysis)))
    assert set(table.loc[table.severity == 5, "verdict"]) == {"BREAKS"}
    matrix = frame.matrix(made.analysis)
    assert list(matrix.columns) == [arch for arch in cases.ARCHES if arch != "riscv64"]
    assert matrix.loc[("scx_simple", "simple_enqueue"), "s390x"] == "BREAKS"
    assert matrix.loc[("scx_simple", "simple_init"), "x86_64"] == "OK"


@pytest.mark.parametrize("which", ["made", "hostile"])
def test_graphml_and_dot_read_back(which: str, request: pytest.FixtureRequest) -> None:
    one: summary.Report = request.getfixturevalue(which)
    read = networkx.parse_graphml(report.render(one, "graphml").decode())
    built = [graph.build(one.analysis, a.arch) for a in one.analysis.arches]
    assert len(read) == sum(len(g) for g in built)
    assert read.number_of_edges() == sum(g.number_of_edges() for g in built)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # pydot calls pyparsing by its former names
        drawn = pydot.graph_from_dot_data(report.render(one, "dot").decode())[0]
    clusters = drawn.get_subgraphs()
    assert sum(len(c.get_edges()) for c in clusters) == read.number_of_edges()
    assert sum(len(c.get_nodes()) for c in clusters) == len(read)


@pytest.mark.parametrize("which", ["made", "hostile"])
def test_svg_is_well_formed_and_cannot_run_anything(which: str, request: pytest.FixtureRequest) -> None:
    one: summary.Report = request.getfixturevalue(which)
    tree = ET.fromstring(report.render(one, "svg"))
    tags = {e.tag.rsplit("}")[-1] for e in tree.iter()}
    assert tags <= {"svg", "style", "rect", "text", "path", "g", "title", "circle"}
    assert not any(k.startswith("on") or k.endswith("href") for e in tree.iter() for k in e.attrib)


def test_svg_draws_each_affected_program_once(made: summary.Report) -> None:
    tree = ET.fromstring(report.render(made, "svg"))
    titles = [e.text or "" for e in tree.iter() if e.tag.endswith("title")]
    assert sum("simple_enqueue (struct_ops/" in t for t in titles) == 1
    assert not any("ksnoop" in t for t in titles), "nothing happens to it"


@pytest.mark.parametrize("which", ["made", "hostile"])
def test_pdf_and_png_are_drawn_without_a_display(which: str, request: pytest.FixtureRequest) -> None:
    one: summary.Report = request.getfixturevalue(which)
    page = report.render(one, "pdf")
    assert page.startswith(b"%PDF-") and page.rstrip().endswith(b"%%EOF")
    assert b"D:20261122000000Z" in page
    assert report.render(one, "png").startswith(b"\x89PNG")


@pytest.mark.parametrize("kind", sorted(report.FORMATS))
def test_two_runs_give_the_same_bytes(kind: str) -> None:
    def run() -> bytes:
        analysis = cases.analysis()
        return report.render(summary.make(analysis, gate.decide(analysis)), kind)

    assert run() == run()


def test_empty_analysis_in_every_format() -> None:
    empty = cases.Analysis("0.1.0", (), ())
    one = summary.make(empty)
    for kind in report.FORMATS:
        assert report.render(one, kind)


def test_github_annotations(made: summary.Report, hostile: summary.Report) -> None:
    text = annotate.github(made).decode()
    line = next(line for line in text.splitlines() if "scx_bpf_dispatch" in line and "line=" in line)
    assert line.startswith("::error file=scx_simple.bpf.c,line=58,title=BREAKS kfunc scx_bpf_dispatch::scx_simple")
    for line in annotate.github(hostile).decode().splitlines():
        assert line.startswith(("::error file=", "::warning file=", "::notice file=")), line


def test_gitlab_code_quality(made: summary.Report) -> None:
    listed = json.loads(annotate.gitlab(made))
    assert len({e["fingerprint"] for e in listed}) == len(listed)
    assert {e["severity"] for e in listed} <= {"info", "minor", "major", "critical", "blocker"}
    assert any(e["location"] == {"path": "runqlen.bpf.c", "lines": {"begin": 31}} for e in listed)


def test_write_chooses_by_extension_and_refuses_others(made: summary.Report, tmp_path: Path) -> None:
    for name, start in (("r.html", b"<!DOCTYPE html>"), ("r.sarif.json", b'{\n "$schema"'), ("r.xml", b"<?xml")):
        report.write(made, tmp_path / name)
        assert (tmp_path / name).read_bytes().startswith(start)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["r.html", "r.sarif.json", "r.xml"]
    with pytest.raises(SessionError, match=r"\.docx"):
        report.write(made, tmp_path / "r.docx")
    with pytest.raises(SessionError, match="cannot be written"):
        report.write(made, tmp_path / "absent" / "r.html")


def test_the_report_opens_on_the_causes(made: summary.Report) -> None:
    """They are those of ``check --group cause``, counted alike."""
    listed = [c for c in causes_of(made.analysis) if c.verdict is not Verdict.DEGRADES]
    assert [r.cause for r in made.reasons] == listed
    assert f"({made.reasons[0].detail})" in report.render(made, "md").decode()
    page = report.render(made, "html").decode()
    assert f"<h2>{len(listed)} causes</h2>" in page and page.index('id="first"') < page.index('id="matrix"')


def test_each_member_of_a_struct_is_a_cause() -> None:
    analysis = cases.analysis(("x86_64",))
    second = cases.replace(cases.FIELD, name="struct cfs_rq.h_nr_running")
    objects = (cases.obj("o", "p", cases.program("x", "kprobe/x", cases.FIELD, second)),)
    one = summary.make(cases.replace(analysis, arches=(cases.replace(analysis.arches[0], objects=objects),)))
    assert sorted(r.name for r in one.reasons) == ["cfs_rq.h_nr_running", "cfs_rq.nr_running"]
    assert one.reasons[0].programs == (("o", "x"),)


def test_an_object_is_not_counted_beside_its_programs() -> None:
    analysis = cases.analysis(("x86_64",))
    both = cases.obj("o", "p", cases.program("x", "kprobe/x", cases.DISPATCH), findings=(cases.DISPATCH,))
    alone = cases.obj("q", "p", cases.program("y", "kprobe/y"), findings=(cases.DISPATCH,))
    one = summary.make(cases.replace(analysis, arches=(cases.replace(analysis.arches[0], objects=(both, alone)),)))
    assert one.reasons[0].programs == (("o", "x"), ("q", ""))


def test_sarif_json_markdown_and_html_have_the_commit_behind_a_cause() -> None:
    analysis = cases.analysis()
    key = summary.make(analysis, gate.decide(analysis, day=DAY)).reasons[0].cause.key
    origin = Origin(*key[:2], key.change.value, Found.COMMIT, commit="0123456789abcdef", subject="bpf: Drop it")
    analysis = replace(analysis, origins=(origin,))
    one = summary.make(analysis, gate.decide(analysis, day=DAY))
    results = json.loads(report.render(one, "sarif"))["runs"][0]["results"]
    with_commit = [r["properties"] for r in results if "commit" in r["properties"]]
    assert 0 < len(with_commit) < len(results)
    assert {(p["commit"], p["origin"]) for p in with_commit} == {(origin.commit, origin.words)}
    assert origin.commit in str(report.render(one, "json"))
    assert "bpf: Drop it" in str(report.render(one, "md"))
    assert "bpf: Drop it" in report.render(one, "html").decode()
