# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""``census`` and what takes a census on the command line: ``check``, ``usage``, ``promise make``."""

from __future__ import annotations

import json
from pathlib import Path

import html5lib
import pytest
from markdown_it import MarkdownIt

from kfuncscope.census import collector
from kfuncscope.cli.main import main
from kfuncscope.resources import sample
from support.census import CensusFile

OLD, NEW = (str(sample("kernels", release)) for release in ("6.12-x86_64", "7.3-x86_64"))
OBJECTS, RAN = str(sample("objects")), str(sample("census", "6.12-x86_64.jsonl"))
HOSTILE = "<script>alert(1)</script>\u202e|`\x1b[31m=1+1"


def test_the_script_is_the_collector_itself(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["census", "script"]) == 0
    source = Path(collector.__file__).read_text(encoding="utf-8")
    assert capsys.readouterr().out == source
    assert main(["census", "script", "-o", str(tmp_path / "collect.py")]) == 0
    assert (tmp_path / "collect.py").read_text(encoding="utf-8") == source


def test_run_prints_what_the_collector_gives(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(collector, "collect", lambda host, lines: iter([{"host": host}, {"lines": lines}]))
    assert main(["census", "run", "--host", "web-1"]) == 0
    assert capsys.readouterr().out == '{"host":"web-1"}\n{"lines":false}\n'

    def refused(host: str, lines: bool) -> object:
        raise collector.RefusedError("needs root")

    monkeypatch.setattr(collector, "collect", refused)
    assert main(["census", "run"]) == 3
    assert "needs root" in capsys.readouterr().err


def test_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    for words in (["census", "script", RAN], ["census", RAN, "--host", "x"], ["usage"],
                  ["usage", OBJECTS, "--page", "x"], ["usage", "--running", RAN, "--page", "x.pdf"],
                  ["check", "--running", RAN, "--new", NEW, "--shard", "1/2"]):  # fmt: skip
        assert main(words) == 2, words
    capsys.readouterr()


def test_the_list_as_table_csv_and_json(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["census", RAN, "--objects", OBJECTS, "--kernel", OLD]
    assert main(words) == 0
    out = capsys.readouterr().out.splitlines()
    assert out[-1] == "1 host, 27 running programs: 27 exact; kernels 6.12.107+deb13-amd64"
    assert sum(line.startswith("exact ") for line in out) == 27
    assert main([*words, "--format", "csv"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 28
    assert main([*words, "--format", "json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["joins"] == {"exact": 27}
    one = next(p for p in found["programs"] if p["name"] == "rstat_always")
    assert (one["object"], one["kfuncs"]) == ("rstat_bare.bpf.o/rstat_always", ["cgroup_rstat_updated"])


def test_what_cannot_be_read_is_said_and_the_rest_goes_on(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "bad.jsonl").write_text("{}\n")
    assert main(["census", RAN, str(tmp_path / "bad.jsonl")]) == 3
    told = capsys.readouterr()
    assert "27 kernel only" in told.out and "bad.jsonl" in told.err
    assert main(["census", str(tmp_path / "bad.jsonl")]) == 3


def test_check_of_what_runs(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    report = tmp_path / "r.json"
    words = ["check", "--running", RAN, "--old", OLD, "--new", NEW, OBJECTS, "--report", str(report)]
    assert main(words) == 1
    told = capsys.readouterr().out
    assert "census: 1 host, 27 running programs: 27 exact, 0 likely, 0 kernel only" in told
    assert json.loads(report.read_text())["analysis"]["census"]["exact"] == 27
    assert main(["check", "--running", RAN, "--new", NEW]) == 1
    told = capsys.readouterr().out
    assert "0 exact, 0 likely, 27 kernel only" in told
    assert "the kernel of its hosts was not given" in told


def test_check_of_everything_with_a_census_beside(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    report = tmp_path / "r.json"
    words = ["check", "--census", RAN, "--old", OLD, "--new", NEW, OBJECTS, "--report", str(report)]
    assert main(words) == 1
    assert "27 running programs" in capsys.readouterr().out
    found = json.loads(report.read_text())
    programs = {p["program"] for o in found["analysis"]["arches"][0]["objects"] for p in o["programs"]}
    assert "scx_rota_init" in programs or len(programs) > 27  # those that do not run are judged too
    said = [f["said"] for p in found["summary"]["risk"]["programs"] for f in p["factors"] if f["name"] == "usage"]
    assert any("hosts of the census" in text for text in said)


def test_usage_on_hosts_and_the_page_to_publish(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    page = tmp_path / "evidence.html"
    words = ["usage", "--running", RAN, "--kernel", OLD, OBJECTS, "--format", "json", "--page", str(page)]
    assert main(words) == 0
    rows = {r["name"]: r for r in json.loads(capsys.readouterr().out)["rows"]}
    one = rows["cgroup_rstat_updated"]
    assert (one["hosts"], one["running"], one["exact"], one["kernel only"]) == (1, 2, 2, 0)
    assert one["used by"] == "rstat_bare.bpf.o/rstat_always rstat_guarded.bpf.o/rstat_if_there"
    text = page.read_text()
    html5lib.HTMLParser(strict=True).parse(text)
    assert "cgroup_rstat_updated" in text and "6.12.107+deb13-amd64 x86_64 on 1" in text


@pytest.mark.parametrize("ending", ["html", "md"])
def test_hostile_names_are_harmless(capsys: pytest.CaptureFixture[str], tmp_path: Path, ending: str) -> None:
    file = CensusFile().program(HOSTILE, type=3, kfuncs={HOSTILE: 1}, owners=[HOSTILE],
                                attach=[{"link": 1, "target": HOSTILE}])  # fmt: skip
    file.head |= {"host": HOSTILE, "release": HOSTILE, "distribution": HOSTILE}
    given = str(file.write(tmp_path / "a.jsonl"))
    page = tmp_path / f"p.{ending}"
    for words in (["census", given], ["census", given, "--format", "csv"],
                  ["usage", "--running", given, "--page", str(page)],
                  ["check", "--running", given, "--new", NEW]):  # fmt: skip
        main(words)
        told = capsys.readouterr()
        assert "\x1b" not in told.out + told.err and "\u202e" not in told.out + told.err
    text = page.read_text()
    assert "\u202e" not in text and "\x1b" not in text
    assert "<script>" not in (text if ending == "html" else MarkdownIt("gfm-like", {"linkify": False}).render(text))


def test_a_promise_of_what_runs(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    some = tmp_path / "some.jsonl"
    lines = Path(RAN).read_text().splitlines()
    kept = [line for line in lines[1:-1] if '"rstat_always"' in line]
    some.write_text("\n".join([lines[0], *kept, '{"line":"end","programs":1,"links":0,"gone":0}']) + "\n")
    out = tmp_path / "p.toml"
    assert main(["promise", "make", "--running", str(some), "--kernel", OLD, OBJECTS, "-o", str(out)]) == 0
    assert "rstat_bare.bpf.o/rstat_always" in out.read_text()
    assert "rstat_if_there" not in out.read_text()
    assert main(["promise", "check", "--kernel", NEW, str(out)]) == 1
    capsys.readouterr()
    # What runs and has no object is named: nothing is promised to it.
    main(["promise", "make", "--running", RAN, "--kernel", OLD, f"{OBJECTS}/rstat_bare.bpf.o", "-o", str(out)])
    said = capsys.readouterr().err
    assert "python3.13/age_of_next" in said and "none of the given objects matches it" in said


def test_reports_say_what_the_census_says(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    out = [str(tmp_path / name) for name in ("r.html", "r.md")]
    main(["check", "--running", RAN, "--new", NEW, *(word for path in out for word in ("--report", path))])
    capsys.readouterr()
    for path in out:
        text = Path(path).read_text()
        assert "1 host, 27 running programs: 0 exact, 0 likely, 27 kernel only" in text
        assert "the kernel of its hosts was not given" in text
