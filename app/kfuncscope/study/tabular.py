# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Usage, comparisons and paths as tables: one head and one body, from which reports and pandas frames are both made."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from kfuncscope.decision.compare import Comparison
from kfuncscope.model.rows import Row
from kfuncscope.study.path import Journey, worst_first
from kfuncscope.study.usage import Use

Cell = str | int | float


@dataclass(frozen=True, slots=True)
class Table:
    """A title, the names of the columns, and the rows. ``names`` are the columns that hold names as code has them."""

    title: str
    head: tuple[str, ...]
    body: tuple[tuple[Cell, ...], ...]
    names: frozenset[int] = frozenset()


def usage(uses: Sequence[Use], most: int | None = None) -> Table:
    """Who uses what, one row a kfunc, helper or hook; at most ``most`` programs are named in each, all for None."""
    head = ("kind", "name", "since", "packages", "objects", "programs", "call sites", "strong", "used by")
    body: list[tuple[Cell, ...]] = []
    for use in uses:
        listed = [f"{object_}/{program}" for object_, program in use.programs]
        shown = listed if most is None or len(listed) <= most else [*listed[:most], "…"]
        strong: Cell = "" if use.strong is None else use.strong
        counts = (len(use.packages), len(use.objects), len(use.programs), use.places)
        body.append((use.kind.value, use.name, use.since, *counts, strong, " ".join(shown)))
    return Table("Who uses what", head, tuple(body), frozenset({1}))


def comparison(found: Comparison, with_unchanged: bool = True) -> Table:
    """What is new, worse, better and gone between two analyses, and what is unchanged if that is wanted.

    Rows with the change "proof" are answers of booted kernels; before and verdict are their agreement there.
    """
    head = ("change", "before", "verdict", "arch", "object", "program", "kind", "name", "message", "key")
    listed: list[tuple[str, str, Row]] = [("new", "", row) for row in found.new]
    listed += [("worse", before.verdict.value, row) for before, row in found.worse]
    listed += [("better", before.verdict.value, row) for before, row in found.better]
    listed += [("gone", row.verdict.value, row) for row in found.gone]
    if with_unchanged:
        listed += [("unchanged", row.verdict.value, row) for row in found.unchanged]
    body: list[tuple[Cell, ...]] = []
    for change, before, row in listed:
        f = row.finding
        after = "" if change == "gone" else f.verdict.value
        place = (row.arch, row.object, row.program)
        body.append((change, before, after, *place, f.kind.value, f.name, f.message, row.key))
    for one in found.proof:
        where = (one.arch, one.object, one.program)
        body.append(("proof", one.before, one.after, *where, "booted kernel", one.release, one.line, ""))
    counts = (
        f"{len(found.new)} new, {len(found.worse)} worse, {len(found.better)} better, {len(found.gone)} gone, "
        f"{len(found.unchanged)} unchanged"
    )
    return Table(counts, head, tuple(body), frozenset({4, 5, 7, 9}))


def path(journeys: Sequence[Journey]) -> Table:
    """The step at which each program breaks first; programs that never break come last. ``steps`` holds a verdict a
    step.
    """
    head = ("arch", "object", "program", "breaks at", "because of", "steps")
    body: list[tuple[Cell, ...]] = []
    for one in worst_first(journeys):
        step = one.breaking
        at = f"{step.old} → {step.new}" if step else ""
        why = "; ".join(dict.fromkeys(f"{f.kind.value} {f.name}" for f in one.findings))
        body.append((one.arch, one.object, one.program, at, why, " ".join(s.verdict.value for s in one.steps)))
    return Table("Where each program breaks first", head, tuple(body), frozenset({1, 2}))
