# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The layered layout: no overlaps, few crossings, objects kept together, cancellable."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kfuncscope.study import layout


@given(st.lists(st.floats(-1e3, 1e3), min_size=1, max_size=40))
@settings(max_examples=60, deadline=None)
def test_spread_keeps_order_and_gaps_and_stays_near(targets: list[float]) -> None:
    wanted = np.array(targets)
    got = layout.spread(wanted, np.ones(len(wanted)))
    assert (np.diff(got) >= 1 - 1e-6).all()
    if (np.diff(wanted) >= 1).all():
        assert got == pytest.approx(wanted)


def _random(rng: np.random.Generator, objects: int, programs: int, needs: int, edges: int) -> tuple[np.ndarray, ...]:
    owner = np.sort(rng.integers(0, objects, programs)).astype(np.int32)
    return owner, rng.integers(0, programs, edges).astype(np.int32), rng.integers(0, needs, edges).astype(np.int32)


def test_programs_of_an_object_stay_together_and_nothing_overlaps() -> None:
    owner, ep, en = _random(np.random.default_rng(3), 12, 60, 40, 200)
    placed = layout.layered(owner, ep, en, (12, 40))
    for column in (placed.objects, placed.programs, placed.needs):
        assert (np.diff(np.sort(column)) >= 1 - 1e-6).all()
        assert column.min() >= 0
    in_order = owner[np.argsort(placed.programs)]
    assert (np.diff(in_order) != 0).sum() == len(set(owner.tolist())) - 1


def test_fewer_crossings_than_the_given_order() -> None:
    rng = np.random.default_rng(5)
    owner = np.arange(80, dtype=np.int32)
    shuffled = rng.permutation(80).astype(np.int32)
    ep = np.repeat(np.arange(80, dtype=np.int32), 2)
    en = np.stack([shuffled, (shuffled + 1) % 80], axis=1).ravel().astype(np.int32)
    placed = layout.layered(owner, ep, en, (80, 80), sweeps=24)
    rank = lambda y: np.argsort(np.argsort(y)).astype(np.int32)  # noqa: E731
    before = layout.crossings(ep, en)
    after = layout.crossings(rank(placed.programs)[ep], rank(placed.needs)[en])
    assert after < before / 5


def test_crossings_counts_pairs() -> None:
    assert layout.crossings(np.array([0, 1], np.int32), np.array([1, 0], np.int32)) == 1
    assert layout.crossings(np.array([0, 1], np.int32), np.array([0, 1], np.int32)) == 0
    assert layout.crossings(np.array([0, 0], np.int32), np.array([1, 0], np.int32)) == 0
    rng = np.random.default_rng(1)
    left, right = rng.integers(0, 9, 60).astype(np.int32), rng.integers(0, 9, 60).astype(np.int32)
    pairs = [(i, j) for i in range(60) for j in range(i)]
    slow = sum((left[i] - left[j]) * (right[i] - right[j]) < 0 for i, j in pairs)
    assert layout.crossings(left, right) == slow


def test_bands_come_first() -> None:
    owner, ep, en = _random(np.random.default_rng(7), 10, 30, 20, 60)
    rank = np.array([1, 0] * 5, np.int32)
    placed = layout.layered(owner, ep, en, (10, 20), rank)
    assert placed.objects[rank == 0].max() < placed.objects[rank == 1].min()


def test_same_answer_every_time_and_cancel() -> None:
    owner, ep, en = _random(np.random.default_rng(9), 30, 200, 90, 900)
    one, two = (layout.layered(owner, ep, en, (30, 90)) for _ in range(2))
    assert (one.needs == two.needs).all() and (one.programs == two.programs).all()
    with pytest.raises(layout.CancelledError):
        layout.layered(owner, ep, en, (30, 90), cancelled=lambda: True)


def test_empty_graph() -> None:
    none = np.empty(0, np.int32)
    assert layout.layered(none, none, none, (0, 0)).height == 1.0
