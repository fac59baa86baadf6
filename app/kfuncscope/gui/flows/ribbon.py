# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Packages → causes, placed so that they always fit: what does not get a line of its own is counted in one. No Qt.

What a cause is and which programs it hits is said by ``model.causes`` alone.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from kfuncscope.gui import filters as flt
from kfuncscope.gui.filters import Filters
from kfuncscope.gui.flows.hits import Hits
from kfuncscope.gui.index import CODE, Codes, Index, Ints, Mask
from kfuncscope.model.verdict import Verdict

REST = -1
PER_PROGRAM = 96.0  # pixels of height that one program may take at most: few fill a page, one alone does not
GAP = 6.0
WIDER = 28.0  # the most between two bands, where they leave room
MIDDLE = 110.0  # of the width, kept for the flows
Floats = NDArray[np.float64]


@dataclass(slots=True)
class Band:
    """One package (or object, or program) at the left, one cause at the right; ``id`` is REST for all that are left.

    ``need`` is the need that stands for a cause in the graph. ``programs`` are counted once, ``size`` is the width of
    the ribbons in programs, ``folded`` what a REST holds.
    """

    id: int
    label: str
    more: str
    verdict: int
    programs: int
    size: int
    total: int = 0
    arches: int = 0
    folded: int = 0
    y: float = 0.0
    h: float = 0.0
    need: int = REST


@dataclass(slots=True)
class Flow:
    """The programs that one band at the left (a place in ``Ribbon.left``) loses to one cause at the right."""

    left: int
    right: int
    size: int
    verdict: int
    y0: float = 0.0
    h0: float = 0.0
    y1: float = 0.0
    h1: float = 0.0


@dataclass(slots=True)
class Ribbon:
    """What the overview draws. ``groups`` says what stands at the left: package, object or program."""

    groups: str = "package"
    left: list[Band] = field(default_factory=list)
    right: list[Band] = field(default_factory=list)
    flows: list[Flow] = field(default_factory=list)
    affected: int = 0
    programs: int = 0
    quiet_groups: int = 0
    causes: int = 0
    breaking: tuple[int, int] = (0, 0)  # programs, causes


def pairs(index: Index, filters: Filters) -> tuple[Hits, Mask]:
    """Programs and the causes that hit them as the filters leave them, and the mask of the programs."""
    mask = flt.program_mask(index, filters)
    hit = index.hits_of(flt.lane_of(index, filters))
    keep = mask[hit.program] if len(hit.program) else np.zeros(0, dtype=bool)
    wanted = flt.values(filters, "need") + [
        v.partition(":")[2] for v in flt.values(filters, "isolate") if v.startswith("need:")
    ]
    if wanted:
        keep &= np.isin(hit.need, flt.need_ids(index, wanted))
    return Hits(hit.program[keep], hit.cause[keep], hit.need[keep], hit.verdict[keep]), mask


def programs_hit(index: Index, filters: Filters) -> Counter[int]:
    """How many programs each cause hits, counted as the overview does, whatever else narrows the views."""
    hit, _ = pairs(index, tuple(t for t in filters if t.kind == "arch"))
    return Counter(hit.cause.tolist())


def build(index: Index, filters: Filters, rows: tuple[int, int]) -> Ribbon:
    """The ribbon that the filters leave, with at most that many bands at the left and at the right."""
    lane = flt.lane_of(index, filters)
    hit, _ = pairs(index, filters)
    word, group_of, names = _groups(index, hit)
    ribbon = Ribbon(word, programs=int((index.worst(index.prog_verdict, lane) >= 0).sum()))
    ribbon.affected = len(np.unique(hit.program))
    bad = hit.verdict == CODE[Verdict.BREAKS]
    ribbon.breaking = len(np.unique(hit.program[bad])), len(np.unique(hit.cause[bad]))
    ribbon.causes = len(np.unique(hit.cause))
    group = group_of[hit.program]
    everywhere = np.bincount(group_of[_all_of(index, lane)], minlength=len(names))
    ribbon.left, left_of = _bands(group, hit, names, rows[0])
    ribbon.right, right_of = _bands(hit.cause, hit, [c.name for c in index.hits.causes], rows[1])
    ribbon.quiet_groups = int((everywhere > 0).sum()) - len(np.unique(group))
    for band in ribbon.left:
        if band.id != REST:
            band.total = int(everywhere[band.id])
            band.more = _owner(index, word, band.id)
    _tell_causes(index, ribbon.right)
    ribbon.flows = _flows(left_of[group], right_of[hit.cause], hit.verdict)
    return ribbon


def _all_of(index: Index, lane: int) -> NDArray[np.int64]:
    return np.flatnonzero(index.worst(index.prog_verdict, lane) >= 0)


def _groups(index: Index, hit: Hits) -> tuple[str, Ints, list[str]]:
    """What stands at the left: packages, objects where all are of one package, programs where all are of one object."""
    owner = index.prog_object
    objects = np.unique(owner[hit.program])
    if len({index.packages[o] for o in objects.tolist()}) > 1:
        names = list(dict.fromkeys(index.packages))
        place = {name: i for i, name in enumerate(names)}
        of_object = np.array([place[p] for p in index.packages], dtype=np.int32)
        return "package", of_object[owner], names
    if len(objects) > 1:
        return "object", owner, list(index.objects)
    return "program", np.arange(len(index.programs), dtype=np.int32), [p.name for p in index.programs]


def _owner(index: Index, word: str, number: int) -> str:
    """Whose an object or a program is."""
    if word == "object":
        return index.packages[number]
    return index.objects[index.programs[number].object] if word == "program" else ""


def _bands(keys: Ints, hit: Hits, names: list[str], most: int) -> tuple[list[Band], Ints]:
    """One band for each key, the worst and largest first, the last for all that find no place; where each key went."""
    size = np.bincount(keys, minlength=len(names))
    worst = np.zeros(len(names), dtype=np.int8)
    np.maximum.at(worst, keys, hit.verdict)
    order = [k for k in np.lexsort((np.arange(len(names)), -size, -worst)).tolist() if size[k]]
    shown = order if len(order) <= most else order[: max(most - 1, 0)]
    place = np.full(len(names), len(shown), dtype=np.int32)
    place[shown] = np.arange(len(shown))
    programs = _distinct(keys, hit.program, len(names))
    bands = [Band(k, names[k], "", int(worst[k]), int(programs[k]), int(size[k])) for k in shown]
    rest = order[len(shown) :]
    if rest:
        folded = place[keys] == len(shown)
        bands.append(
            Band(REST, "", "", int(worst[rest].max()), len(np.unique(hit.program[folded])), int(folded.sum()),
                 folded=len(rest))
        )  # fmt: skip
    return bands, place


def _distinct(keys: Ints, programs: Ints, size: int) -> Ints:
    """How many programs each key has, each counted once."""
    seen = np.unique(np.stack([keys, programs], axis=1), axis=0) if len(keys) else np.empty((0, 2), np.int32)
    return np.bincount(seen[:, 0], minlength=size).astype(np.int32)


def _tell_causes(index: Index, bands: list[Band]) -> None:
    """What happened to the thing, the need that stands for it in the graph, and on how many architectures it hits."""
    on: Counter[int] = Counter()
    for lane in range(index.overall):
        on.update(np.unique(index.hits_of(lane).cause).tolist())
    for band in bands:
        if band.id != REST:
            band.more, band.need = index.hits.causes[band.id].words, index.hits.needs[band.id]
            band.arches = on[band.id]


def _flows(left: Ints, right: Ints, verdict: Codes) -> list[Flow]:
    key = left.astype(np.int64) * (int(right.max(initial=0)) + 1) + right
    _, first, inverse, count = np.unique(key, return_index=True, return_inverse=True, return_counts=True)
    worst = np.zeros(len(first), dtype=np.int8)
    np.maximum.at(worst, inverse, verdict)
    return [
        Flow(int(left[f]), int(right[f]), int(n), int(v)) for f, n, v in zip(first, count, worst.tolist(), strict=True)
    ]


def place(ribbon: Ribbon, height: float, least: tuple[float, float]) -> None:
    """Set heights so that both sides fit ``height`` and make use of it; ``least`` is what a band needs for its words,
    at each side."""
    for bands, low in ((ribbon.left, least[0]), (ribbon.right, least[1])):
        gaps = max(len(bands) - 1, 0)
        heights = spread([b.size for b in bands], height - GAP * gaps, low)
        gap = min(max(GAP, (height - sum(heights)) / gaps), WIDER) if gaps else 0.0
        y = 0.0
        for band, h in zip(bands, heights, strict=True):
            band.y, band.h = y, h
            y += h + gap
    for ends, bands in (("left", ribbon.left), ("right", ribbon.right)):
        _stack(ribbon, ends, bands)


def columns(wide: float, left: float, right: float) -> tuple[float, float]:
    """Where the words at the left end and those at the right begin: each side has what it needs; where that is too
    much, its share of what the flows leave."""
    left, right = min(max(left, 150.0), 400.0), min(max(right, 170.0), 520.0)
    share = min((wide - max(MIDDLE, wide * 0.2)) / (left + right), 1.0)
    return left * share, wide - right * share


def spread(sizes: list[int], room: float, low: float) -> list[float]:
    """Heights by size, none below ``low`` (less where even that does not fit), and none larger than it deserves."""
    if not sizes:
        return []
    low = min(low, room / len(sizes))
    fixed: set[int] = set()
    scale = 0.0
    while len(fixed) < len(sizes):
        free = room - low * len(fixed)
        scale = min(free / sum(s for i, s in enumerate(sizes) if i not in fixed), max(PER_PROGRAM, low))
        small = {i for i, s in enumerate(sizes) if i not in fixed and s * scale < low}
        if not small:
            break
        fixed |= small
    return [low if i in fixed else s * scale for i, s in enumerate(sizes)]


def _stack(ribbon: Ribbon, ends: str, bands: list[Band]) -> None:
    """Lay the flows of each band one below the other, in the order of the bands at their other ends."""
    taken = [0.0] * len(bands)
    left = ends == "left"
    for flow in sorted(ribbon.flows, key=lambda f: (f.left, f.right) if left else (f.right, f.left)):
        number = flow.left if left else flow.right
        band = bands[number]
        h = band.h * flow.size / band.size if band.size else 0.0
        at = band.y + taken[number]
        taken[number] += h
        if left:
            flow.y0, flow.h0 = at, h
        else:
            flow.y1, flow.h1 = at, h
