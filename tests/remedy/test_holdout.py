# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Replacements on lists of what was renamed and removed, by halves: what is named was fitted to A, B was held back.

Kernels of the rows of 5.10 are read from ``KFUNCSCOPE_MORE_KERNELS``; without it these rows are left out.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from support import replacements
from support.replacements import Listed, Score, read_list, score, told

LISTS = ("holdout.csv", "fresh.csv", "fresh2.csv")


@cache
def rows() -> tuple[Listed, ...]:
    found = [row for name in LISTS for row in read_list(Path(__file__).with_name(name))]
    return tuple(dict.fromkeys(found))


@cache
def answers() -> Score:
    return score(rows())


def test_the_lists_are_long_and_each_half_has_both() -> None:
    assert len(rows()) == len({(row.kind, row.old) for row in rows()}) > 900
    for half in "AB":
        renamed = [bool(row.right) for row in rows() if row.half == half]
        assert sum(renamed) > 250 and len(renamed) - sum(renamed) > 150


@pytest.mark.corpus
@pytest.mark.parametrize(("half", "least"), [("A", 0.90), ("B", 0.85)])
def test_most_are_named_rightly_and_hardly_any_wrongly(half: str, least: float) -> None:
    part = answers().of({row.kind for row in rows()}, half)
    right, wrong, invented = part.shares()
    assert right >= least and wrong <= 0.004 and invented <= 0.0, list(told(part))


@pytest.mark.corpus
def test_names_of_public_programs_are_named_or_told_in_words() -> None:
    """A member that was there before and does the work now is no successor: sentences tell of it."""
    whole = score(read_list(Path(__file__).with_name("programs.csv")))
    right, wrong, invented = whole.shares()
    assert len(whole.answers) > 170  # rows of 5.10 are left out where there is no such kernel
    assert right >= 0.85 and whole.helped() >= 0.95 and wrong <= 0.0 and invented <= 0.0, list(told(whole))


@pytest.mark.corpus
@pytest.mark.parametrize(("half", "least"), [("A", 0.20), ("B", 0.20)])
def test_by_btf_alone(half: str, least: float, btf_alone: None) -> None:
    """Levels that no table knows: fewer are named, and some are wrong."""
    part = score(row for row in rows() if row.half == half)
    right, wrong, invented = part.shares()
    assert right >= least and wrong <= 0.02 and invented <= 0.02, list(told(part))


@pytest.fixture
def btf_alone(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for module in (replacements.functions, replacements.fields, replacements.enumerators):
        monkeypatch.setattr(module, "renamed", lambda kind, name: [])
        monkeypatch.setattr(module, "known", lambda kind, name: None)
    monkeypatch.setattr(replacements.functions, "successions", lambda kind, name: iter(()))
    monkeypatch.setattr(replacements.functions, "compared", lambda old, new: False)
    yield


def test_a_list_of_another_form(tmp_path: Path) -> None:
    """The owner in a column of its own, the answer as a label."""
    path = tmp_path / "list.csv"
    path.write_text(
        "# words\nkind,owner,old,old level,new level,label\nfield,task,pid,6.1,6.12,task.pids|owner\n"
        "function,,f,6.1,6.12,none\n"
    )
    one, other = read_list(path)
    assert one == Listed("field", "6.1", "6.12", "task.pid", frozenset({"pids", "owner"}))
    assert other == Listed("function", "6.1", "6.12", "f", frozenset())
    both = Score([(one, "pids", "right"), (other, "g", "wrong")], 0)
    assert both.shares() == (1.0, 0.0, 1.0) and list(told(both))[-1] == "invented: function f 6.1 6.12: g"
