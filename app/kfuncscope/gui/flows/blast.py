# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The blast radius of assumptions: whom they touch, before and after, folded until it fits. No Qt."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from kfuncscope.gui.index import AFFECTED, CODE, Index, Ints, Mask
from kfuncscope.model.verdict import NeedKind, Verdict

BREAKS = CODE[Verdict.BREAKS]
Assumed = tuple[NeedKind, str]


@dataclass(slots=True)
class Row:
    """Programs that are told together: their worst verdict before and after, how many break that did not."""

    label: str
    more: str
    before: int
    after: int
    programs: int
    fresh: int
    ids: list[int] = field(default_factory=list)


@dataclass(slots=True)
class Blast:
    """``touched`` programs use something that is assumed or go down with their object; ``fresh`` of them break newly,
    ``mended`` break no more. ``groups`` says what a row is: program, object, package or all."""

    groups: str = "program"
    rows: list[Row] = field(default_factory=list)
    touched: int = 0
    fresh: int = 0
    mended: int = 0


def build(real: Index, index: Index, assumed: Sequence[Assumed], lane: int, most: int) -> Blast:
    """Before is the real result, after the one under the assumptions; both number programs alike."""
    before, after = real.worst(real.prog_verdict, lane), index.worst(index.prog_verdict, lane)
    touched = before != after
    touched[users(real, assumed, lane)] = True
    ids = np.flatnonzero(touched & (after >= 0))
    fresh = ids[(after[ids] == BREAKS) & (before[ids] != BREAKS)]
    mended = ids[(before[ids] == BREAKS) & (after[ids] != BREAKS)]
    blast = Blast(touched=len(ids), fresh=len(fresh), mended=len(mended))
    new: Mask = np.zeros(len(after), dtype=bool)
    new[fresh] = True
    for word, key in _ways(index):
        groups: dict[tuple[str, str], list[int]] = {}
        for number in ids.tolist():
            groups.setdefault(key(number), []).append(number)
        blast.groups = word
        if len(groups) <= most or word == "all":
            break
    for (label, more), inside in groups.items():
        row = Row(label, more, int(before[inside].max()), int(after[inside].max()), len(inside),
                  int(new[inside].sum()), inside)  # fmt: skip
        blast.rows.append(row)
    blast.rows.sort(key=lambda r: (-(r.fresh > 0), -r.after, -r.fresh, r.label))
    return blast


def users(index: Index, assumed: Iterable[Assumed], lane: int) -> Ints:
    """Programs that use something that is assumed; a type takes its members along."""
    edges = index.edges_of(lane)
    names = set(assumed)
    types = tuple(f"{name}." for kind, name in names if kind is NeedKind.TYPE)
    hit = np.array([
        (kind, name) in names or (bool(types) and kind in (NeedKind.FIELD, NeedKind.ENUMVAL) and name.startswith(types))
        for kind, name in index.needs
    ], dtype=bool)  # fmt: skip
    found: Ints = np.unique(edges.program[hit[edges.need]]) if len(edges.need) else edges.program
    return found


def _ways(index: Index) -> list[tuple[str, Callable[[int], tuple[str, str]]]]:
    def program(i: int) -> tuple[str, str]:
        return index.programs[i].name, index.objects[index.programs[i].object]

    def owner(i: int) -> tuple[str, str]:
        return index.objects[index.programs[i].object], index.packages[index.programs[i].object]

    def package(i: int) -> tuple[str, str]:
        return index.packages[index.programs[i].object] or index.objects[index.programs[i].object], ""

    return [("program", program), ("object", owner), ("package", package), ("all", lambda _: ("", ""))]


def fresh_edges(real: Index, index: Index, lane: int, edges: tuple[Ints, Ints, np.ndarray]) -> Mask:
    """Which edges (program, need, verdict) are worse than in the real result, and affected."""
    program, need, verdict = edges
    old = real.edges_of(lane)
    numbers = np.array([real.need_id(*index.needs[n]) if len(index.needs) else None for n in np.unique(need).tolist()])
    of_need = dict(zip(np.unique(need).tolist(), [-1 if n is None else int(n) for n in numbers.tolist()], strict=True))
    size = max(len(real.needs), 1)
    known = dict(zip((old.program.astype(np.int64) * size + old.need).tolist(), old.verdict.tolist(), strict=True))
    was = [known.get(p * size + of_need[n], -1) for p, n in zip(program.tolist(), need.tolist(), strict=True)]
    fresh: Mask = (verdict >= AFFECTED) & (verdict > np.array(was, dtype=np.int64))
    return fresh
