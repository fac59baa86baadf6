# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Commits in the tables: written by ``knowledge build --history`` from a repository, read where there is none."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from kfuncscope.cli.main import main
from kfuncscope.commits.git import Git
from kfuncscope.commits.record import differing, record
from kfuncscope.commits.recorded import with_recorded
from kfuncscope.decision.exits import Exit
from kfuncscope.knowledge import knowledge, tables
from kfuncscope.knowledge.common import common_table
from kfuncscope.model.analysis import Analysis
from kfuncscope.model.causes import CauseKey, Change
from kfuncscope.model.origin import Found, Origin
from kfuncscope.model.verdict import NeedKind
from support.kernelhistory import Told, analysis
from support.kernelrepo import KernelRepo
from support.linuxtree import write_tree

HOOK = "xdp_redirect_map"
ASKED = (Told(NeedKind.HOOK, HOOK, True, "xdp: Remove the map tracepoints", section=f"tp_btf/{HOOK}"),)
EVENT = "TRACE_EVENT({},\n\tTP_PROTO(int act),\n\tTP_ARGS(act)\n);\n"


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder of a user's own tables, empty."""
    folder = tmp_path / "share" / "kfuncscope" / "knowledge"
    folder.mkdir(parents=True)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "share"))
    common_table.cache_clear()
    yield folder
    common_table.cache_clear()


@pytest.fixture(scope="module")
def removed(tmp_path_factory: pytest.TempPathFactory) -> tuple[KernelRepo, str]:
    """A repository in which a tracepoint that the shipped tables have at 6.12, and not at 6.17, goes."""
    repo = KernelRepo(tmp_path_factory.mktemp("linux"))
    repo.put("include/trace/events/xdp.h", EVENT.format(HOOK) + EVENT.format("xdp_other"))
    repo.commit("Linux 6.12")
    repo.tag("v6.12")
    repo.put("include/trace/events/xdp.h", EVENT.format("xdp_other"))
    commit = repo.commit("xdp: Remove the map tracepoints", "Link: https://lore.kernel.org/r/1@example.org")
    repo.tag("v6.14")
    repo.put("a.c", "int a;\n")
    repo.commit("Linux 6.17")
    repo.tag("v6.17")
    return repo, commit


def test_what_went_or_changed_between_two_levels() -> None:
    keys = differing(knowledge.for_release("6.12.118"), knowledge.for_release("6.17.8"))
    assert CauseKey("tracepoint", HOOK, Change.REMOVED) in keys
    assert CauseKey("LSM hook", "current_getsecid_subj", Change.REMOVED) in keys
    assert CauseKey("kfunc", "cgroup_rstat_updated", Change.REMOVED) in keys
    assert not any(key.name == "sched_switch" for key in keys)
    assert differing(knowledge.for_release("6.17.8"), knowledge.for_release("6.17.8")) == []


def test_the_table_names_the_commit_to_who_has_no_repository(
    removed: tuple[KernelRepo, str], own: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repo, commit = removed
    wanted = [CauseKey("tracepoint", HOOK, Change.REMOVED)]
    monkeypatch.setattr("kfuncscope.commits.record.differing", lambda old, new: wanted)
    old, new = knowledge.for_release("6.12.118"), knowledge.for_release("6.17.8")
    assert record(Git(str(repo.root)), old, new, own) == (1, 1, ())
    once = (own / "commits.json").read_text()
    record(Git(str(repo.root)), old, new, own)
    assert (own / "commits.json").read_text() == once  # the same rows are not added twice
    monkeypatch.setenv("PATH", "")  # no git from here on
    (origin,) = with_recorded(analysis(ASKED, old="6.12.107", new="7.3.4")).origins
    assert (origin.commit, origin.found, origin.release) == (commit, Found.COMMIT, "v6.14")
    assert origin.link.startswith("https://lore") and "table of commits" in origin.words


def _with(own: Path, **row: str) -> None:
    rows = {HOOK: {f"removed {row.get('commit', 'a' * 40)[:12]}": {"found": "commit", "commit": "a" * 40, **row}}}
    tables.write(own, "commits", {"provenance": {}, "tracepoint": rows})
    common_table.cache_clear()


@pytest.mark.parametrize(
    ("release", "old", "new", "told"),
    [
        ("v6.13", "6.12.107", "6.13.1", True),
        ("v6.12", "6.12.107", "6.13.1", False),  # the old kernel has it already
        ("v6.13", "6.12.107", "6.12.118", False),  # the new one does not have it yet
        ("v6.12.110", "6.12.107", "6.12.118", True),
        ("v6.12.110", "6.12.107", "7.3.4", False),  # a commit of the stable series is not in mainline
        ("v6.12.107", "6.12.107", "6.12.118", False),
        ("", "6.12.107", "7.3.4", False),
    ],
)  # fmt: skip
def test_a_row_counts_for_upgrades_over_its_release(own: Path, release: str, old: str, new: str, told: bool) -> None:
    _with(own, release=release)
    assert bool(with_recorded(analysis(ASKED, old=old, new=new)).origins) is told


def test_a_search_goes_before_the_table_and_a_damaged_row_says_nothing(own: Path) -> None:
    _with(own, release="v6.14")
    asked = analysis(ASKED, old="6.12.107", new="7.3.4")
    known = Origin("tracepoint", HOOK, "removed", Found.NOT_FOUND)
    assert with_recorded(replace(asked, origins=(known,))).origins == (known,)
    _with(own, release="v6.14", found="surely")
    assert with_recorded(asked).origins == ()
    tables.write(own, "commits", {"tracepoint": {HOOK: ["removed"]}})
    common_table.cache_clear()
    assert with_recorded(asked).origins == ()


def test_without_a_table_the_analysis_is_the_same(own: Path) -> None:
    asked: Analysis = analysis(ASKED, old="6.12.107", new="7.3.4")
    assert with_recorded(asked) is asked


def test_build_with_history(
    removed: tuple[KernelRepo, str], own: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """The command: tables of a tree, then the commits since the level before it."""
    repo, commit = removed
    tree = write_tree(tmp_path / "tree", {"Makefile": "VERSION = 6\nPATCHLEVEL = 17\nSUBLEVEL = 3\n"})
    wanted = [CauseKey("tracepoint", HOOK, Change.REMOVED), CauseKey("kfunc", "no_such", Change.REMOVED)]
    monkeypatch.setattr("kfuncscope.commits.record.differing", lambda old, new: wanted)
    assert main(["knowledge", "build", str(tree), "--out", str(own), "--history", str(repo.root)]) == Exit.CLEAR
    out = capsys.readouterr().out
    assert "commits since 6.12.118: 1 of 2 things that went or changed" in out
    assert "  1 without: not found: no declaration is recognised in v6.12" in out
    (row,) = json.loads((own / "commits.json").read_text())["tracepoint"][HOOK].values()
    assert row["commit"] == commit
    assert main(["knowledge", "build", str(tree), "--out", str(own), "--history", str(tmp_path)]) == Exit.INCOMPLETE
