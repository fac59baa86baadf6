# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The proof in every report, kept by shards and baselines, and as a gate."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace

import jsonschema
import pytest
from junitparser import JUnitXml

from kfuncscope import report
from kfuncscope.decision.compare import compare
from kfuncscope.decision.exits import Exit
from kfuncscope.decision.gate import decide, fail_words
from kfuncscope.errors import SessionError
from kfuncscope.model.analysis import Analysis
from kfuncscope.model.proof import Agreement, ObjectProof, ProgramProof, Proof
from kfuncscope.model.verdict import Tri, Verdict
from kfuncscope.resources import resource
from kfuncscope.study.scope import narrow
from kfuncscope.study.tabular import comparison
from kfuncscope.upgrade import jsonform
from kfuncscope.upgrade.jsonform import Shard
from kfuncscope.upgrade.merge import merge
from support import reportcases

YES, NO, UNKNOWN = Tri.YES, Tri.NO, Tri.UNKNOWN


def proof(
    objects: tuple[str, ...] = ("runqlen", "biolatency"), release: str = "7.3.4", line: str = "x is gone"
) -> Proof:
    made = tuple(
        ObjectProof(
            name, "ab" * 32, Agreement.DISAGREE, YES, NO,
            (ProgramProof("do_sample", "perf_event", Agreement.DISAGREE, YES, NO, YES, NO, "kfunc_not_found", line),
             ProgramProof("fine", "kprobe", Agreement.AGREE, YES, YES, YES, YES),
             ProgramProof("hard", "xdp", Agreement.BEYOND, YES, NO, failure="verifier_refused", line="R1 !read_ok"),
             ProgramProof("lost", "xdp", Agreement.NOT_SEEN, YES, UNKNOWN)),
            "kfunc_not_found", line,
        )
        for name in objects
    )  # fmt: skip
    return Proof("x86_64", release, "cd" * 32, "Linux 7.3.4 x86_64", "v1.7", "tcg", 12, made, ("module x was missing",))


def analysis(*proofs: Proof) -> Analysis:
    return replace(reportcases.analysis(), proof=proofs or (proof(),))


def test_json_carries_it_by_the_published_schema() -> None:
    data = jsonform.dumps(analysis())
    jsonschema.validate(json.loads(data), json.loads(resource("schema", jsonform.SCHEMA_FILE).read_text()))
    assert jsonform.loads(data, "x")[0] == analysis()


def test_a_report_without_proof_is_read_as_before() -> None:
    form = json.loads(jsonform.dumps(reportcases.analysis()))
    del form["analysis"]["proof"]
    assert jsonform.loads(json.dumps(form).encode(), "x")[0].proof == ()


def test_shards_are_put_together_by_kernel() -> None:
    parts = [
        (replace(analysis(proof(("runqlen",))), objects=()), Shard(1, 2)),
        (replace(analysis(proof(("biolatency",))), objects=()), Shard(2, 2)),
    ]
    (merged,) = merge(parts).proof
    assert [o.object for o in merged.objects] == ["biolatency", "runqlen"]
    assert merged.seconds == 24 and merged.notes == ("module x was missing",)


def test_proofs_of_different_images_stay_apart() -> None:
    other = replace(proof(), image_sha256="ee" * 32)
    parts = [(replace(analysis(proof()), objects=()), Shard(1, 2)), (replace(analysis(other), objects=()), Shard(2, 2))]
    assert len(merge(parts).proof) == 2


def test_a_comparison_lists_answers_that_changed() -> None:
    better = proof(("runqlen",))
    fixed = replace(better.objects[0].programs[0], agreement=Agreement.AGREE)
    after = replace(better, objects=(replace(better.objects[0], programs=(fixed, *better.objects[0].programs[1:])),))
    found = compare(analysis(better), analysis(after))
    assert [(c.release, c.object, c.program, c.before, c.after) for c in found.proof] == [
        ("7.3.4", "runqlen", "do_sample", "DISAGREE", "agree")
    ]
    (row,) = [row for row in comparison(found).body if row[0] == "proof"]
    assert row[1:6] == ("DISAGREE", "agree", "x86_64", "runqlen", "do_sample")
    assert compare(reportcases.analysis(), analysis()).proof == ()


def test_a_part_of_a_result_holds_the_proof_of_that_part() -> None:
    part = narrow(analysis(), lambda arch, obj, program: program.program == "do_sample")
    assert [(o.object, [p.program for p in o.programs]) for o in part.proof[0].objects] == [("runqlen", ["do_sample"])]


def test_the_gate_counts_objects_and_programs() -> None:
    whole = replace(analysis(), problems=())
    decision = decide(whole, fail_on=fail_words("disagree"))
    assert decision.exit is Exit.FAILED and decision.reasons == ("4 answers of booted kernels disagree",)
    assert decide(replace(whole, proof=()), fail_on=fail_words("disagree")).exit is Exit.CLEAR
    assert decide(whole, fail_on=fail_words("never")).exit is Exit.CLEAR
    clear = replace(whole, arches=tuple(replace(arch, objects=()) for arch in whole.arches))
    assert decide(replace(clear, proof=())).exit is Exit.CLEAR
    told = decide(clear)  # by the policy, a kernel that refuses what was predicted to load is not clear either
    assert told.exit is Exit.FAILED and told.reasons == ("4 answers of booted kernels disagree",)
    with pytest.raises(SessionError, match="disagree"):
        fail_words("disagrees")


def test_csv_has_a_column_for_the_program_of_each_finding() -> None:
    rows = list(csv.DictReader(io.StringIO(report.render(report.make(analysis()), "csv").decode())))
    told = {(r["object"], r["program"], r["arch"]): r["proof"] for r in rows}
    assert told["runqlen", "do_sample", "x86_64"] == "7.3.4: DISAGREE (refused)"
    assert told["runqlen", "do_sample", "arm64"] == ""


def test_sarif_has_a_property() -> None:
    log = json.loads(report.render(report.make(analysis()), "sarif"))
    found = [r["properties"].get("proof") for r in log["runs"][0]["results"] if "do_sample" in json.dumps(r)]
    assert [
        {"kernel": "7.3.4", "agreement": "DISAGREE", "seenLoads": "no", "seenAttaches": "no", "line": "x is gone"}
    ] in found


def bare() -> Analysis:
    """An analysis with an object beside the others that has no finding: all that disagrees is the kernel's word."""
    made = analysis(proof(("calm", "runqlen")))
    first = made.arches[0]
    other = next(o for o in first.objects if o.object == "runqlen")
    fine = tuple(replace(p, verdict=Verdict.OK, findings=()) for p in other.programs)
    calm = replace(other, object="calm", verdict=Verdict.OK, findings=(), programs=fine)
    return replace(made, arches=(replace(first, objects=(*first.objects, calm)), *made.arches[1:]))


def test_csv_has_a_row_for_what_disagrees_without_a_finding() -> None:
    rows = list(csv.DictReader(io.StringIO(report.render(report.make(bare()), "csv").decode())))
    calm = [r for r in rows if r["object"] == "calm"]
    assert [(r["program"], r["section"], r["kind"], r["verdict"], r["proof"]) for r in calm] == [
        ("", "", "proof", "OK", "7.3.4: DISAGREE (refused)"),
        ("do_sample", "perf_event", "proof", "OK", "7.3.4: DISAGREE (refused)"),
    ]
    assert calm[1]["message"] == "7.3.4: predicted loads, attaches, seen refused: x is gone"
    # An object as a whole has the verdict that it was judged with.
    whole = {r["arch"]: r["verdict"] for r in rows if (r["object"], r["kind"]) == ("runqlen", "proof")}
    objects = {a.arch: o.verdict.value for a in bare().arches for o in a.objects if o.object == "runqlen"}
    assert whole and all(objects[arch] == verdict != "OK" for arch, verdict in whole.items())
    sampled = [r for r in rows if (r["object"], r["program"], r["arch"]) == ("runqlen", "do_sample", "x86_64")]
    assert sampled and all(r["kind"] != "proof" for r in sampled)  # the finding carries it


def test_sarif_has_a_result_for_what_disagrees_without_one() -> None:
    log = json.loads(report.render(report.make(bare()), "sarif"))
    (run,) = log["runs"]
    mine = [r for r in run["results"] if r["ruleId"] == "proof/disagree"]
    names = [r["locations"][0]["logicalLocations"][0]["fullyQualifiedName"] for r in mine]
    assert [n for n in names if n.startswith("calm/")] == ["calm/*", "calm/do_sample"]
    assert "runqlen/do_sample" not in names and len(names) == len(set(names))
    assert [r["properties"]["verdict"] for r in mine] == [
        {"calm": "OK", "runqlen": "BREAKS"}[n.partition("/")[0]] for n in names
    ]
    rules = run["tool"]["driver"]["rules"]
    assert all(rules[r["ruleIndex"]]["id"] == r["ruleId"] for r in run["results"])
    assert len({r["partialFingerprints"]["kfuncscopeKey/v1"] for r in mine}) == len(mine)
    plain_log = json.loads(report.render(report.make(reportcases.analysis()), "sarif"))
    assert "proof/disagree" not in json.dumps(plain_log)


def test_junit_fails_what_disagrees_and_skips_what_is_beyond() -> None:
    suites = list(JUnitXml.fromstring(report.render(report.make(analysis(proof(("runqlen",)))), "junit")))
    (mine,) = [s for s in suites if s.name == "proof by booting: x86_64 7.3.4"]
    assert (mine.tests, mine.failures, mine.skipped, mine.errors) == (5, 2, 2, 0)


@pytest.mark.parametrize("kind", ["html", "md"])
def test_pages_show_the_boot_and_what_does_not_agree(kind: str) -> None:
    text = report.render(report.make(analysis()), kind).decode()
    for words in ("Proof by booting", "x is gone", "agree 2, DISAGREE 2, beyond the files 2, not seen 2", "tcg, 12 s"):
        assert words in text
    assert "module x was missing" in text
    assert "Proof by booting" not in report.render(report.make(reportcases.analysis()), kind).decode()


def test_pdf_is_drawn() -> None:
    longer = report.render(report.make(analysis(proof(tuple(f"o{n}" for n in range(300))))), "pdf")
    assert longer[:5] == b"%PDF-" and len(longer) > len(report.render(report.make(reportcases.analysis()), "pdf"))


@pytest.mark.parametrize("line", reportcases.HOSTILE)
def test_what_a_guest_says_stays_text(line: str) -> None:
    made = report.make(analysis(proof(("runqlen",), line=line)))
    page = report.render(made, "html").decode()
    assert "<script>alert" not in page and "<img src=x" not in page
    JUnitXml.fromstring(report.render(made, "junit"))
    json.loads(report.render(made, "sarif"))
    table = [
        row for row in report.render(made, "md").decode().splitlines() if "DISAGREE" in row and row.startswith("|")
    ]
    assert len(table) == 2
