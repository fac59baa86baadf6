# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Findings as proofs: the steps in their order, both kernels in two columns, the life of the thing in a sentence."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from pathlib import Path

import pytest

from kfuncscope.cli.main import main
from kfuncscope.model.analysis import ArchResult, KernelInfo
from kfuncscope.model.failure import Failure
from kfuncscope.model.verdict import (
    Evidence,
    Finding,
    NeedKind,
    ObjectVerdict,
    Outcome,
    ProgramVerdict,
    Reach,
    Site,
    Tri,
    Verdict,
)
from kfuncscope.report.chain import chain, columns, lines
from kfuncscope.report.formats.proofs import HEAD, proof_document
from kfuncscope.resources import sample as sample_data
from kfuncscope.study.life import helper_life, kfunc_life, life_of, lsm_life, tracepoint_life

KERNEL = KernelInfo("new", "x86_64", "7.3.4", 0)
SIDES = (
    "--old",
    str(sample_data() / "kernels" / "6.12-x86_64"),
    "--new",
    str(sample_data() / "kernels" / "7.3-x86_64"),
)
FOUND = Finding(
    NeedKind.HOOK, "f", Verdict.BREAKS, "it changed", ("R-7.10",), Failure.NONE,
    evidence=Evidence("int f(int order, long flags)", "int f(long flags, int order, void *more)", (("in", "a", "a"),)),
    sites=(Site("p", 3, "x.c", 7, "order + 1", False, "x.c:6 if (old)"),),
)  # fmt: skip


def test_the_steps_stand_in_the_order_of_a_proof() -> None:
    said = list(lines(chain(FOUND, "fentry/f", KERNEL), ("6.12", "7.3")))
    heads = [line.split(" ", 1)[0] for line in said if not line.startswith((" ", "~", "+", "-"))]
    assert heads == ["need:", "at", "rule", "verdict:", "life:"]
    assert "at x.c:7 (insn 3 of p, not reachable)  order + 1" in said
    assert "  guarded at x.c:6 if (old)" in said


def test_parameters_are_aligned_added_moved_and_equal_ones_told_apart() -> None:
    made = list(columns(chain(FOUND, "fentry/f", KERNEL)))
    assert ("+", "3", "", "void *more") in made
    moved = [row for row in made if row[0] == "~"]
    assert any("→" in place for _, place, _, _ in moved)
    assert ("", "in", "a", "a") in made
    removed = Finding(
        NeedKind.HOOK, "f", Verdict.BREAKS, "", (), evidence=Evidence("int f(int a, int b)", "int f(int b)")
    )
    assert ("-", "1", "int a", "") in list(columns(chain(removed, "", KERNEL)))


def test_where_declarations_are_equal_the_fact_that_differs_comes_first() -> None:
    text = "void f(struct pid *pid)"
    facts = (("flags", "-", "-"), ("argument 1 may be NULL", "no, according to x", "yes, according to y"))
    same = Finding(NeedKind.HOOK, "f", Verdict.BREAKS, "", ("R-7.7",), evidence=Evidence(text, text, facts))
    one = chain(same, "tp_btf/f", KERNEL)
    assert [row[:2] for row in columns(one)] == [("~", "argument 1 may be NULL"), ("", "flags")]
    said = list(lines(one, ("a", "b")))
    assert said.count(f"  {text}") == 1 and "declaration, the same on both kernels:" in said


def test_the_sample_shows_which_argument_became_nullable(capsys: pytest.CaptureFixture[str]) -> None:
    """R-7.7: both prototypes are equal; the columns show the mark."""
    target = f"{sample_data() / 'objects' / 'wait_depth.bpf.o'}:wait_level"
    assert main(["explain", target, *SIDES, "--format", "json"]) == 1
    (record,) = json.loads(capsys.readouterr().out)
    (proof,) = [p for p in record["proofs"] if "R-7.7" in [r["id"] for r in p["rules"]]]
    (fact,) = [f for f in proof["facts"] if f["old"] != f["new"]]
    assert fact["label"] == "argument 1 may be NULL"
    assert fact["old"].startswith("no, according to") and fact["new"].startswith("yes, according to")
    assert proof["rules"][0]["statement"] and proof["remedy"]["code"]


@pytest.mark.parametrize("place", [0, 1])
def test_the_object_may_stand_after_the_kernels(place: int, capsys: pytest.CaptureFixture[str]) -> None:
    """An option that takes several kernels swallows what stands after it; the object is found all the same."""
    target = f"{sample_data() / 'objects' / 'reclaim_order.bpf.o'}:reclaim_by_order"
    assert main(["explain", *(SIDES if place else (*SIDES[2:], *SIDES[:2])), target]) == 1
    assert "+ 3" in capsys.readouterr().out


def test_without_an_object_it_says_what_to_give(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", *SIDES]) == 2
    assert "OBJECT:PROGRAM: required" in capsys.readouterr().err


def test_markdown_of_a_proof(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    target = f"{sample_data() / 'objects' / 'reclaim_order.bpf.o'}:reclaim_by_order"
    assert main(["explain", target, *SIDES, "--format", "md"]) == 1
    said = capsys.readouterr().out
    assert "| + | 3 | – | `struct mem_cgroup *memcg` |" in said and "| ~ | 1 → 2 | `int order` | `int order` |" in said


def test_json_lines_and_csv_of_a_proof(capsys: pytest.CaptureFixture[str]) -> None:
    """A program a line, a finding a row; a program without findings has a line and no row."""
    target = str(sample_data() / "objects" / "xdp_redirects.bpf.o")
    assert main(["explain", target, *SIDES, "--format", "jsonl"]) == 1
    records = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert main(["explain", target, *SIDES, "--format", "json"]) == 1
    assert json.loads(capsys.readouterr().out) == records and len(records) == 2
    assert main(["explain", target, *SIDES, "--format", "csv"]) == 1
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert tuple(rows[0]) == HEAD
    assert [(r["program"], r["verdict"], r["need"]) for r in rows] == [
        (one["program"], proof["verdict"], proof["need"]) for one in records for proof in one["proofs"]
    ]
    (row,) = rows
    assert (row["arch"], row["old"], row["new"], row["rules"]) == ("x86_64", "6.12.107", "7.3.4", "R-2.5 R-2.6 R-7.5")
    assert row["old fact"].startswith("void xdp_redirect_map(") and row["new fact"] == "absent" and row["remedy"]


def test_csv_has_what_differs_and_no_formula() -> None:
    """Equal facts are left out; texts of inputs that a spreadsheet would run are plain text."""
    hostile = replace(FOUND, message="=cmd|'/C calc'!A0", evidence=Evidence("+f", "@f", (("in", "a", "a"),)))
    facts = replace(FOUND, evidence=Evidence("int f(int a)", "int f(int a, int b)", (("in", "a", "a"),)))
    program = ProgramVerdict(
        "=p", "fentry/f", "TRACING", True, Verdict.BREAKS, Reach.PROGRAM, Outcome(Tri.YES, Tri.YES, Tri.YES),
        Outcome(Tri.NO, Tri.NO, Tri.NO), (hostile, facts), unchecked=("-1+1",),
    )  # fmt: skip
    obj = ObjectVerdict("@o", "", "", Verdict.BREAKS, "", (program,))
    arch = ArchResult("x86_64", KERNEL, KERNEL, (obj,))
    rows = list(csv.DictReader(io.StringIO(proof_document("csv", [(arch, obj, program)]).decode())))
    assert [r["message"] for r in rows] == ["'=cmd|'/C calc'!A0", "it changed", "'-1+1"]
    assert {r["object"] for r in rows} == {"'@o"} and {r["program"] for r in rows} == {"'=p"}
    assert (rows[0]["old fact"], rows[0]["new fact"]) == ("'+f", "'@f")
    assert (rows[1]["old fact"], rows[1]["new fact"]) == ("2: –", "2: int b")
    assert [r["verdict"] for r in rows] == ["BREAKS", "BREAKS", "not checked"]


# -- the life of a thing


@pytest.mark.parametrize(
    ("said", "parts"),
    [
        (kfunc_life("bpf_session_cookie"), ["since 6.10", "prototype changed once (by 7.1", "no stability promise"]),
        (kfunc_life("cgroup_rstat_updated"), ["gone by 6.17", "replaced by css_rstat_updated"]),
        (kfunc_life("bpf_rdonly_cast"), ["since 6.2", "flags changed 2 times (by 6.17.8", "KF_FASTCALL"]),
        (helper_life("bpf_get_func_ret"), ["since 5.17", "stable interface"]),
        (tracepoint_life("mm_vmscan_direct_reclaim_begin"), ["arguments changed once (by 7.1", "no stability promise"]),
        (tracepoint_life("xdp_redirect_map"), ["gone by 6.17"]),
        (lsm_life("current_getsecid_subj"), ["gone by 6.17", "replaced by current_getlsmprop_subj"]),
    ],
)
def test_lives(said: str, parts: list[str]) -> None:
    assert all(part in said for part in parts), said


def test_what_no_table_knows_has_no_life() -> None:
    assert kfunc_life("bpf_no_such_kfunc") == tracepoint_life("no_such") == lsm_life("no_such") == ""
    assert helper_life("bpf_no_such_helper") == ""
    assert life_of(Finding(NeedKind.KCONFIG, "CONFIG_X", Verdict.BREAKS, "", ())) == ""
    assert "never" not in kfunc_life("hid_bpf_get_data")
    field = Finding(NeedKind.FIELD, "struct inode.i_ctime", Verdict.BREAKS, "", ())
    assert life_of(field).startswith("field inode.i_ctime: ") and "no stability promise" in life_of(field)
