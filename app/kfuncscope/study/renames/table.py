# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The table of renames: for each name that is gone, by pair of levels, what took its place and what shows it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from kfuncscope.knowledge.names import ELSEWHERE
from kfuncscope.study.renames.decide import Candidate, Gone, points, successor
from kfuncscope.study.renames.elsewhere import Moved

Rows = dict[str, dict[str, list[list[Any]]]]
"""Kind → name, with its struct or enum → rows: new name, both levels, uses that became it, uses that changed or went,
hundredths of the body that are the same, and 1 where the old name is a macro or inline function that calls it."""


def rows(found: Iterable[tuple[str, Gone]], old_level: str, new_level: str) -> Rows:
    """The rows of one pair of levels.

    Where two members or enumerators have one successor, only the surer has it; three and more were put together.
    """
    named = [(full, gone, name) for full, gone in found if (name := successor(gone)) is not None]
    claims: dict[tuple[str, str, str], list[float]] = defaultdict(list)
    for full, gone, name in named:
        claims[gone.kind, full.removesuffix(gone.name), name].append(points(gone, gone.candidates[name]))
    made: Rows = {}
    for full, gone, name in named:
        claimed = claims[gone.kind, full.removesuffix(gone.name), name]
        lesser = len(claimed) == 2 and points(gone, gone.candidates[name]) < max(claimed)
        if not (lesser and gone.kind in ("field", "enumerator")):
            row = [name, old_level, new_level, *_shown(gone, gone.candidates[name])]
            made.setdefault(gone.kind, {})[full] = [row]
    return made


def with_moved(made: Rows, found: Mapping[str, Moved], old_level: str, new_level: str) -> Rows:
    """The rows with those of members that moved to another struct, where nothing in their own took their place."""
    fields = dict(made.get("field", {}))
    for full, one in found.items():
        row = [f"{ELSEWHERE}{one.struct}.{one.member}", old_level, new_level, one.kept, one.of, 0, 0]
        fields.setdefault(full, [row])
    return {**made, "field": fields} if fields else made


def _shown(gone: Gone, one: Candidate) -> list[int]:
    body = one.body is not None and one.body.mutual
    uses = min(one.uses, gone.went)
    return [
        uses,
        gone.went,
        round(50 * (one.body.words + one.body.order)) if body and one.body else 0,
        int(one.wrapped),
    ]


def merged(tables: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Tables of pairs of levels as one: what a later one says of the same levels counts."""
    made: dict[str, Any] = {}
    for table in tables:
        for kind, names in table.items():
            known = made.setdefault(kind, {})
            for name, theirs in names.items():
                if kind in ("instead", "provenance"):
                    known[name] = theirs
                    continue
                levels = {tuple(row[1:3]) for row in theirs}
                kept = [row for row in known.get(name, []) if tuple(row[1:3]) not in levels]
                known[name] = sorted([*kept, *theirs], key=lambda row: (_order(row[1]), _order(row[2])))
    return made


def _order(level: str) -> tuple[int, ...]:
    return tuple(int(part) for part in level.split(".") if part.isdigit())
