# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""``--history`` of check and explain: what is printed and reported, off by default, refused early."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from kfuncscope.cli.main import main
from kfuncscope.decision.exits import Exit
from kfuncscope.decision.gate import decide
from kfuncscope.model.origin import Found, Origin
from kfuncscope.report import make, render
from kfuncscope.resources import sample
from kfuncscope.upgrade import jsonform
from kfuncscope.upgrade.merge import merge, parse_shard
from support.kernelhistory import ASKED, analysis
from support.kernelrepo import KernelRepo

KERNELS = ("--old", str(sample("kernels", "6.12-x86_64")), "--new", str(sample("kernels", "7.3-x86_64")))
TIMER = str(sample("objects", "hrtimer_watch.bpf.o"))
WORDS = 'commit {} ("hrtimer: Remove hrtimer_init()"), A. Author, '
SECRET = "</td><script>alert(1)</script>"


@pytest.fixture(scope="module")
def removed(tmp_path_factory: pytest.TempPathFactory) -> tuple[KernelRepo, str]:
    """A repository in which hrtimer_init() goes between the releases of the sample kernels."""
    repo = KernelRepo(tmp_path_factory.mktemp("linux"))
    repo.put("kernel/time/hrtimer.c", "void hrtimer_init(int a)\n{\n\ta = 1;\n}\nint b(void)\n{\n\treturn 0;\n}\n")
    repo.commit("Linux 6.12")
    repo.tag("v6.12")
    repo.put("kernel/time/hrtimer.c", "int b(void)\n{\n\treturn 0;\n}\n")
    commit = repo.commit("hrtimer: Remove hrtimer_init()", "Link: https://lore.kernel.org/r/1@example.org")
    repo.tag("v7.3")
    return repo, commit


def test_check(removed: tuple[KernelRepo, str], capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    repo, commit = removed
    reports = [tmp_path / f"r.{kind}" for kind in ("json", "md", "html")]
    words = [part for path in reports for part in ("--report", str(path))]
    assert main(["check", *KERNELS, TIMER, "--history", str(repo.root), *words]) == Exit.FAILED
    out = capsys.readouterr().out
    assert "commits behind the causes, v6.12 (for 6.12.107) .. v7.3 (for 7.3.4):" in out
    assert f"  function hrtimer_init removed: {WORDS.format(commit[:12])}" in out
    assert "first in v7.3, https://lore.kernel.org/r/1@example.org" in out
    read = json.loads(reports[0].read_text())["analysis"]["origins"]
    (told,) = [one for one in read if one["commit"]]
    assert (told["commit"], told["found"], told["name"]) == (commit, "commit", "hrtimer_init")
    assert commit[:12] in reports[1].read_text() and commit[:12] in reports[2].read_text()
    assert jsonform.load(reports[0])[0].origins[0].kind == read[0]["kind"]


def test_off_by_default(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Without the option nothing of git is started."""
    mark = tmp_path / "started"
    (tmp_path / "git").write_text(f"#!/bin/sh\ntouch {mark}\n")
    (tmp_path / "git").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    assert main(["check", *KERNELS, TIMER]) == Exit.FAILED
    assert "commits behind" not in capsys.readouterr().out
    assert not mark.exists()


def test_explain(removed: tuple[KernelRepo, str], capsys: pytest.CaptureFixture[str]) -> None:
    repo, commit = removed
    assert main(["explain", f"{TIMER}:on_hrtimer_init", *KERNELS, "--history", str(repo.root)]) == Exit.FAILED
    line = f"  history of function hrtimer_init removed: {WORDS.format(commit[:12])}"
    assert line in capsys.readouterr().out


def test_explain_in_another_form_is_refused(
    removed: tuple[KernelRepo, str], capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["explain", TIMER, *KERNELS, "--format", "json", "--history", str(removed[0].root)]
    assert main(words) == Exit.USAGE
    assert "--format table" in capsys.readouterr().err


def test_what_is_not_a_repository_is_refused_before_the_analysis(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["check", *KERNELS, TIMER, "--history", str(tmp_path)]) == Exit.INCOMPLETE
    said = capsys.readouterr()
    assert "not a git repository" in said.err and said.out == ""


def test_subject_of_a_commit_is_harmless_in_reports() -> None:
    origin = Origin(
        "kfunc", "scx_consume", "removed", Found.COMMIT, "v1 .. v2", "ab" * 20, SECRET, "2025-01-01", SECRET
    )
    result = replace(analysis(ASKED[:1]), origins=(origin,))
    made = make(result, decide(result))
    page = render(made, "html").decode()
    assert SECRET not in page and "&lt;script&gt;alert(1)" in page
    assert "<script>" not in render(made, "md").decode()


def test_shards_keep_their_commits() -> None:
    """The origins of both shards, a cause of both of them once."""
    one = Origin("kfunc", "scx_consume", "removed", Found.COMMIT)
    parts = [
        (replace(analysis(()), origins=given, arches=()), parse_shard(f"{i}/2"))
        for i, given in ((1, (one,)), (2, (one, replace(one, name="other"))))
    ]
    assert [o.name for o in merge(parts).origins] == ["scx_consume", "other"]
