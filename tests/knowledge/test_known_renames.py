# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The list of renames written by hand: every row is proven by kernels on both sides, and wins over what is derived."""

from __future__ import annotations

import json
import os
import re
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
        assert set(row) <= {"new", "seen", "since", "why", "do"}, old
        last, first = row["seen"]
        assert key(last) < key(first), old
        if "since" in row:
            assert re.fullmatch(r"\d+\.\d+", str(row["since"])) and key(last) < key(str(row["since"])) <= key(first), (
                old
            )
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
    mine = {"field": {"task_struct.state": {"new": ["mine"], "seen": ["5.10", "6.1"], "since": "5.14", "why": "W."}},
            "function": {"gone_one": {"new": [], "seen": ["6.1", "6.12"], "why": "W.", "do": "D."},
                         "far_one": {"new": ["a->b"], "seen": ["6.1", "6.12"], "since": "6.5"}}}  # fmt: skip
    (own / "known_renames.json").write_text(json.dumps(mine))
    assert names.renamed("field", "task_struct.state") == [("mine", "renamed in Linux 5.14")]
    assert names.gone("field", "task_struct.state") == ""
    assert names.renamed("function", "gone_one") == []
    assert names.gone("function", "gone_one") == "gone_one is gone: it went between Linux 6.1 and 6.12. W. D."
    assert names.gone("function", "far_one") == "far_one is to be found as a->b since Linux 6.5."
    assert names.known("function", "unknown") is None and names.gone("function", "unknown") == ""
    assert names.renamed("field", "rq.lock") == [("__lock", "renamed in Linux 5.14")]  # the packaged rows stay
