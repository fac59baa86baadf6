# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The commands around reports, run as a CI job runs them, on the sample data."""

from __future__ import annotations

import csv
import io
import json
import tomllib
from pathlib import Path

import pytest

from kfuncscope.cli.formats import FORMATS
from kfuncscope.cli.main import main
from kfuncscope.resources import sample
from kfuncscope.upgrade import jsonform
from kfuncscope.upgrade.jsonform import Shard
from support import reportcases as cases

OLD, NEW = str(sample("kernels", "6.12-x86_64")), str(sample("kernels", "7.3-x86_64"))
OBJECTS = [str(sample("objects", f"{n}.bpf.o")) for n in ("rstat_bare", "rstat_guarded", "xdp_count", "lsm_watch")]


@pytest.fixture(autouse=True)
def _epoch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1795305600")


def check(*words: str) -> int:
    """``kfuncscope check`` of the sample upgrade."""
    return main(["check", "--old", OLD, "--new", NEW, *words, "--", *OBJECTS])


def test_check_writes_reports_and_fails_by_default_on_a_break(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names = ("r.html", "r.sarif", "r.json", "r.xml", "r.md", "r.csv", "r.dot", "r.svg")
    words = [word for name in names for word in ("--report", str(tmp_path / name))]
    assert check(*words) == 1
    assert capsys.readouterr().err == "3 findings block by the policy\n"
    first = {name: (tmp_path / name).read_bytes() for name in names}
    assert check(*words) == 1
    assert {name: (tmp_path / name).read_bytes() for name in names} == first
    assert b"cgroup_rstat_updated" in first["r.html"] and b"cgroup_rstat_updated" in first["r.sarif"]


def test_shards_merged_equal_one_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    parts = []
    for shard in ("1/3", "2/3", "3/3"):
        parts.append(str(tmp_path / f"part-{shard[0]}.json"))
        assert check("--shard", shard, "--report", parts[-1], "--fail-on", "never") == 0
    assert check("--report", str(tmp_path / "one.json"), "--fail-on", "never") == 0
    merged = tmp_path / "merged.json"
    whole = ["merge", *reversed(parts), "-o", str(merged)]
    assert main([*whole, "--report", str(tmp_path / "all.html")]) == 1
    assert main([*whole, "--fail-on", "never"]) == 0
    assert merged.read_bytes() == (tmp_path / "one.json").read_bytes()
    assert (tmp_path / "all.html").read_bytes().startswith(b"<!DOCTYPE html>")
    assert main(["merge", *parts[1:], "-o", str(merged)]) == 3
    assert "shard 1 is missing" in capsys.readouterr().err


def test_baseline_passes_until_something_new_breaks(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    base = tmp_path / "base.json"
    assert check("--report", str(base), "--fail-on", "never") == 0
    assert check("--baseline", str(base), "--fail-on", "new") == 0
    analysis, _ = jsonform.load(base)
    result = analysis.arches[0]
    fewer = tuple(o for o in result.objects if "rstat_bare" not in o.object)
    base.write_bytes(jsonform.dumps(cases.replace(analysis, arches=(cases.replace(result, objects=fewer),))))
    capsys.readouterr()
    assert check("--baseline", str(base), "--fail-on", "new") == 1
    assert "new or worse" in capsys.readouterr().err


def test_policy_decides_and_waivers_are_counted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    gate = tmp_path / "gate.toml"
    waiver = '[[waiver]]\nowner = "o"\nreason = "r"\nexpires = 2099-01-01\n'
    gate.write_text(f'{waiver}object = "rstat_bare*"\n{waiver}object = "lsm_watch*"\n{waiver}object = "absent"\n')
    assert check("--policy", str(gate)) == 0
    said = capsys.readouterr().err
    assert "tolerated by waivers:" in said and "waiver matches nothing: object=absent" in said
    gate.write_text("[[blocked]]\n")
    assert check("--policy", str(gate)) == 3
    assert "gate.toml" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--report", "r.docx"], ".docx"),
        (["--report", "/nowhere/at/all/r.html"], "folder"),
        (["--fail-on", "brakes"], "brakes"),
        (["--fail-on", "new"], "baseline"),
        (["--baseline", "absent.json"], "absent.json"),
        (["--annotate", "gitea"], "gitea"),
        (["--shard", "3/2"], "--shard"),
    ],
)
def test_options_that_cannot_work_are_refused_first(
    words: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert check(*words) == (3 if "absent.json" in words else 2)  # wrong usage, unless a file is at fault
    assert says in capsys.readouterr().err


def test_annotations(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    check("--annotate", "github")
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("::")]
    assert any(line.startswith("::error file=") and "cgroup_rstat_updated" in line for line in lines)
    path = tmp_path / "quality.json"
    check("--annotate", f"gitlab={path}")
    assert any("cgroup_rstat_updated" in entry["description"] for entry in json.loads(path.read_text()))


def test_compare_names_what_is_new(tmp_path: Path, capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    old, new = tmp_path / "old.json", tmp_path / "new.json"
    old.write_bytes(jsonform.dumps(cases.analysis(("x86_64",))))
    new.write_bytes(jsonform.dumps(cases.analysis(("x86_64", "arm64"))))
    assert main(["compare", str(old), str(new), "--format", "csv"]) == 1
    rows = list(csv.DictReader(io.StringIO(capsysbinary.readouterr().out.decode())))
    assert {r["arch"] for r in rows if r["change"] == "new"} == {"arm64"}
    assert {r["arch"] for r in rows if r["change"] == "unchanged"} == {"x86_64"}
    assert main(["compare", str(old), str(new), "--fail-on", "new"]) == 1
    assert main(["compare", str(old), str(old), "--fail-on", "new"]) == 3  # both name inputs that were not read
    read = cases.replace(cases.analysis(("x86_64",)), problems=())
    old.write_bytes(jsonform.dumps(read))
    assert main(["compare", str(old), str(old)]) == 0


def test_path_over_reports_of_steps(tmp_path: Path, capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    steps = []
    for i in range(2):
        steps.append(str(tmp_path / f"{i}.json"))
        Path(steps[-1]).write_bytes(jsonform.dumps(cases.analysis(("x86_64",))))
    assert main(["path", *steps, "--format", "csv"]) == 1
    rows = list(csv.DictReader(io.StringIO(capsysbinary.readouterr().out.decode())))
    first = next(r for r in rows if r["program"] == "do_sample")
    assert first["breaks at"] == "6.12.107 → 7.3.4" and first["because of"] == "field struct cfs_rq.nr_running"


def test_path_over_kernels(tmp_path: Path, capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    steps = [word for kernel in (OLD, OLD, NEW) for word in ("--step", kernel)]
    assert main(["path", *steps, "--format", "csv", "--", *OBJECTS]) == 1
    rows = list(csv.DictReader(io.StringIO(capsysbinary.readouterr().out.decode())))
    assert {r["arch"] for r in rows} == {"x86_64"}
    broken = {r["program"]: r for r in rows if r["breaks at"]}
    assert set(broken) == {"rstat_always", "watch_secid"}
    assert len(broken["rstat_always"]["steps"].split()) == 2
    assert main(["path", "--step", OLD, "--", *OBJECTS]) == 2


def test_usage_counts_packages_objects_programs(tmp_path: Path, capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    strong = str(sample("objects", "tcp_cubic_tuned.bpf.o"))
    assert main(["usage", "--format", "csv", *OBJECTS, strong]) == 0
    rows = {r["name"]: r for r in csv.DictReader(io.StringIO(capsysbinary.readouterr().out.decode()))}
    assert rows["cgroup_rstat_updated"]["objects"] == "2" and rows["cgroup_rstat_updated"]["strong"] == "0"
    assert rows["cubictcp_cwnd_event"]["strong"] == "1"
    assert rows["bpf_map_lookup_elem"]["since"] == "3.18"
    for form in ("md", "json"):
        assert main(["usage", "--format", form, "-o", str(tmp_path / f"u.{form}"), *OBJECTS]) == 0
        assert "cgroup_rstat_updated" in (tmp_path / f"u.{form}").read_text()
    (tmp_path / "broken.bpf.o").write_bytes(Path(strong).read_bytes()[:900])
    assert main(["usage", str(tmp_path / "broken.bpf.o")]) == 3
    assert main(["usage", "--kind", "nonsense", *OBJECTS]) == 2


def test_promise_made_and_checked(tmp_path: Path, capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    promised = str(tmp_path / "stable.toml")
    assert main(["promise", "make", "--kernel", OLD, "-o", promised, *OBJECTS]) == 0
    assert main(["promise", "check", "--kernel", OLD, promised]) == 0
    capsysbinary.readouterr()
    assert main(["promise", "check", "--kernel", NEW, promised, "--format", "json"]) == 1
    rows = json.loads(capsysbinary.readouterr().out)["rows"]
    assert {r["name"] for r in rows if r["state"] == "broken"} == {"cgroup_rstat_updated", "current_getsecid_subj"}


def test_what_a_promise_holds_in_every_format(tmp_path: Path, capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    """The file is TOML, as a check reads it; the shared formats list what is relied on."""
    made = {}
    for form in ("toml", *FORMATS):
        words = [] if form == "toml" else ["--format", form]
        assert main(["promise", "make", "--kernel", OLD, *words, *OBJECTS]) == 0
        made[form] = capsysbinary.readouterr().out
    items = tomllib.loads(made["toml"].decode())["item"]
    names = [item["name"] for item in items]
    assert [row["name"] for row in json.loads(made["json"])["rows"]] == names
    assert [json.loads(line)["name"] for line in made["jsonl"].splitlines()] == names
    rows = list(csv.DictReader(io.StringIO(made["csv"].decode())))
    assert [(r["kind"], r["name"], r["used by"].split()) for r in rows] == [
        (item["kind"], item["name"], item["used_by"]) for item in items
    ]
    assert all(name.encode() in made[form] for name in names for form in ("table", "md"))


def test_shard_reports_say_which_part_they_are(tmp_path: Path) -> None:
    part = tmp_path / "p.json"
    check("--shard", "2/3", "--report", str(part))
    assert jsonform.load(part)[1] == Shard(2, 3)
