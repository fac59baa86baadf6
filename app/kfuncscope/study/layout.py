# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A layered layout for the graph: three columns, few crossings, objects kept together. numpy only, no Qt.

Ordering is by barycentre sweeps (each node moves to the mean place of its neighbours in the next column); programs of
one object stay together and groups stand in the order they are given a rank (the worst first). Heights are then placed
by isotonic regression: every node as close as possible to the mean of its neighbours without overlapping.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class Placed:
    """Heights of the nodes of each column, in units of one row; row 0 is the top."""

    objects: Floats
    programs: Floats
    needs: Floats

    @property
    def height(self) -> float:
        """Rows from the top of the highest to the bottom of the lowest node."""
        return 1.0 + max((float(c.max()) for c in (self.objects, self.programs, self.needs) if len(c)), default=0.0)


class CancelledError(Exception):
    """The layout was asked to stop between two sweeps."""


def layered(
    owner: Ints,
    edge_program: Ints,
    edge_need: Ints,
    counts: tuple[int, int],
    rank: Ints | None = None,
    sweeps: int = 12,
    cancelled: Callable[[], bool] | None = None,
) -> Placed:
    """Place ``counts`` = (objects, needs) and the programs, whose object is ``owner[program]``.

    ``rank`` orders the objects in bands (lower first), whatever their crossings. Deterministic: ties keep the given
    order. ``cancelled`` is asked before every sweep; CancelledError is raised when it says yes.
    """
    objects, needs = counts
    programs = len(owner)
    bands = np.zeros(objects, dtype=np.int32) if rank is None else rank
    place_o = _positions(np.lexsort((np.arange(objects), bands)))
    place_p = _positions(np.lexsort((np.arange(programs), place_o[owner])) if programs else np.empty(0, np.int64))
    place_n = np.zeros(needs)
    degree_n = np.bincount(edge_need, minlength=needs)
    best: tuple[float, Floats, Floats, Floats] | None = None
    for _ in range(sweeps):
        if cancelled is not None and cancelled():
            raise CancelledError
        mean_n = _mean(edge_need, place_p[edge_program], needs, degree_n, np.full(needs, float(programs)))
        place_n = _positions(np.lexsort((np.arange(needs), mean_n)))
        mean_p = _mean(edge_program, place_n[edge_need], programs, None, place_p * (needs / max(programs, 1)))
        mean_o = _mean(owner, mean_p, objects, None, np.zeros(objects))
        place_o = _positions(np.lexsort((mean_o, bands)))
        place_p = _positions(np.lexsort((mean_p, place_o[owner]))) if programs else place_p
        length = float(np.abs(place_p[edge_program] / max(programs, 1) - place_n[edge_need] / max(needs, 1)).sum())
        if best is None or length < best[0] - 1e-9:
            best = (length, place_o, place_p, place_n)
    if best is not None:
        _, place_o, place_p, place_n = best
    return _heights(owner, edge_program, edge_need, place_o, place_p, place_n)


def crossings(left: Ints, right: Ints) -> int:
    """How many pairs of edges cross, given the places of their ends in the two columns (merge count, O(e log e))."""
    order = np.lexsort((right, left))
    sequence = right[order]
    total = 0
    tree = np.zeros(int(sequence.max()) + 2 if len(sequence) else 1, dtype=np.int64)
    size = len(tree)
    for seen, value in enumerate(sequence.tolist()):
        i, below = value + 1, 0
        while i:
            below += int(tree[i])
            i &= i - 1
        total += seen - below
        i = value + 1
        while i < size:
            tree[i] += 1
            i += i & -i
    return total


def _positions(order: NDArray[np.int64]) -> Floats:
    place = np.empty(len(order))
    place[order] = np.arange(len(order))
    return place


def _mean(keys: Ints, values: Floats, size: int, degree: NDArray[np.int64] | None, default: Floats) -> Floats:
    """Mean value per key; ``default`` where a key has none."""
    total = np.bincount(keys, weights=values, minlength=size)
    n = np.bincount(keys, minlength=size) if degree is None else degree
    return np.where(n > 0, total / np.maximum(n, 1), default)


def _heights(owner: Ints, ep: Ints, en: Ints, place_o: Floats, place_p: Floats, place_n: Floats) -> Placed:
    programs, needs, objects = len(place_p), len(place_n), len(place_o)
    order_p, order_n, order_o = (np.argsort(p, kind="stable") for p in (place_p, place_n, place_o))
    gaps = np.ones(programs)
    if programs:
        first = np.flatnonzero(np.diff(owner[order_p], prepend=-1))
        gaps[first[1:]] = 1.35
    y_p = np.empty(programs)
    y_p[order_p] = np.cumsum(gaps) - 1.0
    y_n = np.arange(needs, dtype=float)
    for _ in range(2):
        target = _mean(en, y_p[ep], needs, None, np.full(needs, float(programs)))
        y_n = np.empty(needs)
        y_n[order_n] = spread(target[order_n], np.ones(needs))
        back = _mean(ep, y_n[en], programs, None, y_p)
        y_p[order_p] = spread(back[order_p], gaps)
    centre = _mean(owner, y_p, objects, None, place_o)
    y_o = np.empty(objects)
    y_o[order_o] = spread(centre[order_o], np.ones(objects))
    top = min((float(c.min()) for c in (y_o, y_p, y_n) if len(c)), default=0.0)
    return Placed(y_o - top, y_p - top, y_n - top)


def spread(targets: Floats, gaps: Floats) -> Floats:
    """Heights nearest to ``targets`` with node i at least ``gaps[i]`` below node i-1: pool adjacent violators."""
    if not len(targets):
        return targets.copy()
    offset = np.cumsum(gaps) - gaps[0]
    wanted = (targets - offset).tolist()
    means: list[float] = []
    sizes: list[int] = []
    for value in wanted:
        means.append(value)
        sizes.append(1)
        while len(means) > 1 and means[-2] > means[-1]:
            mean, size = means.pop(), sizes.pop()
            means[-1] = (means[-1] * sizes[-1] + mean * size) / (sizes[-1] + size)
            sizes[-1] += size
    return np.asarray(np.repeat(means, sizes) + offset)
