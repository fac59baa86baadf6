# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The list of renames written by hand: every row is proven by kernels on both sides, and wins over what is derived."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from kfuncscope.btf.blob import Blob
from kfuncscope.intake.kernels import kernel_files
from kfuncscope.kernel.kernel import open_kernel
from kfuncscope.knowledge import common, names
from kfuncscope.knowledge.levels import level_key
from support.kernels import KernelBuilder
from support.known_renames import has, rows, seen, whole

KINDS = {"field", "function", "tracepoint", "lsm", "enumerator", "kfunc"}
ROWS = [(kind, old) for kind, found in rows().items() for old in found]


def key(level: str) -> tuple[int, ...]:
    found = level_key(level)
    assert found is not None, level
    return found[:2]


def test_the_list_is_long_and_every_row_is_well_formed() -> None:
    assert len(ROWS) >= 300 and set(rows()) <= KINDS
    for kind, old in ROWS:
        row = rows()[kind][old]
        assert set(row) <= {"new", "seen", "why", "do"}, old
        last, first = row["seen"]
        assert key(last) < key(first), old
        assert row["why"].endswith("."), old  # type: ignore[attr-defined]
        assert row.get("do", "x.").endswith("."), old  # type: ignore[attr-defined]
        assert ("." in old) == (kind in ("field", "enumerator")), old


@pytest.mark.parametrize("kind", sorted(rows()))
def test_kernels_on_both_sides_prove_each_row(kind: str) -> None:
    """By what was seen in BTF: the old name before and not after, a new one after, each new one at some later level."""
    facts = seen()
    levels = facts["levels", ""]
    for old, row in rows()[kind].items():
        last, first = row["seen"]
        there = facts[kind, old]
        assert last in there and first not in there, old
        assert levels.index(first) == levels.index(last) + 1, old
        new = [facts[kind, whole(kind, old, one)] for one in row["new"]]
        assert not new or any(first in one for one in new), old
        assert all(any(key(level) >= key(first) for level in one) for one in new), old


@pytest.mark.corpus
def test_what_was_seen_is_what_the_kernels_at_hand_have() -> None:
    facts = seen()
    folder = Path(os.environ["KFUNCSCOPE_CORPUS"], "kernels")
    levels = [level for level in facts["levels", ""] if (folder / f"{level}-amd64").is_dir()]
    assert len(levels) >= 4
    for level in levels:
        blob = open_kernel(kernel_files([folder / f"{level}-amd64"])[0]).vmlinux
        assert blob is not None
        wrong = [(kind, name) for (kind, name), at in facts.items() if kind != "levels"
                 and has(blob, kind, name) != (level in at)]  # fmt: skip
        assert wrong == []


def test_a_path_is_there_only_as_it_is_written() -> None:
    kb = KernelBuilder("7.3")
    inner = kb.btf.struct("inner", [("x", kb.u64)])
    kb.btf.struct("outer", [("held", inner), ("near", kb.btf.ptr(inner))])
    blob = kb.kernel().vmlinux
    assert isinstance(blob, Blob)
    for path, there in (("held", 1), ("held.x", 1), ("near->x", 1), ("near.x", 0), ("held->x", 0), ("held.y", 0)):
        assert has(blob, "field", f"outer.{path}") == bool(there), path


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A user's own rows."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    folder = tmp_path / "kfuncscope" / "knowledge"
    folder.mkdir(parents=True)
    common.common_table.cache_clear()
    yield folder
    common.common_table.cache_clear()


def test_a_row_wins_and_says_when(own: Path) -> None:
    mine = {"field": {"task_struct.state": {"new": ["mine"], "seen": ["6.1", "6.2"], "why": "W."},
                      "task_struct.there": {"new": ["struct mine.b", "a->b"], "seen": ["6.1", "6.12"]}},
            "function": {"gone_one": {"new": [], "seen": ["6.1", "6.12"], "why": "W.", "do": "D."}}}  # fmt: skip
    (own / "known_renames.json").write_text(json.dumps(mine))
    assert names.renamed("field", "task_struct.state") == [("mine", "renamed in Linux 6.2")]
    assert names.gone("field", "task_struct.state") == ""
    assert names.renamed("function", "gone_one") == []
    assert names.gone("function", "gone_one") == "gone_one is gone: it went between Linux 6.1 and 6.12. W. D."
    moved = "moved between Linux 6.1 and 6.12"
    assert names.renamed("field", "task_struct.there") == [("struct mine.b", moved), ("a->b", moved)]
    assert names.gone("field", "task_struct.there") == f"task_struct.there is to be found as mine.b: it {moved}."
    assert names.known("function", "unknown") is None and names.gone("function", "unknown") == ""
    assert names.renamed("field", "rq.lock") == [("__lock", "renamed between Linux 5.10 and 6.1")]  # packaged rows stay


def test_a_name_is_followed_through_the_rows_of_later_levels(own: Path) -> None:
    """Step by step, also where a member moved to another struct; a row that names nothing ends the way."""
    row = {"seen": ["6.1", "6.2"]}
    mine = {"field": {"a.x": {"new": ["y", "struct b.z"], **row}, "a.y": {"new": ["w"], **row},
                      "b.z": {"new": ["v"], **row}, "a.w": {"new": [], **row}},
            "function": {"one": {"new": ["two"], **row}, "two": {"new": ["one", "three"], **row}}}  # fmt: skip
    (own / "known_renames.json").write_text(json.dumps(mine))
    assert [list(step) for step in names.successions("field", "a.x")] == [["y", "struct b.z"], ["w", "struct b.v"]]
    assert [new for new, _ in names.renamed("field", "a.x")] == ["y", "struct b.z", "w", "struct b.v"]
    assert [list(step) for step in names.successions("function", "one")] == [["two"], ["three"]]  # not in a circle
    assert list(names.successions("function", "nothing_of_this_name")) == []


@pytest.mark.parametrize(
    ("last", "first", "when"),
    [
        ("6.16", "6.17", "in Linux 6.17"), ("6.19", "7.0", "in Linux 7.0"), ("5.19", "6.0", "in Linux 6.0"),
        ("6.12", "6.16", "between Linux 6.12 and 6.16"), ("6.18", "7.0", "between Linux 6.18 and 7.0"),
        ("6.19", "7.1", "between Linux 6.19 and 7.1"), ("6.17", "6.17", "between Linux 6.17 and 6.17"),
    ],
)  # fmt: skip
def test_a_release_is_said_where_no_other_is_between(last: str, first: str, when: str) -> None:
    assert names.Known((), (last, first), "", "").when == when
