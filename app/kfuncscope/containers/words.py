# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Look for rare words in large data: where their first two bytes stand is told for all words in one pass.

``bytes.find`` goes through memory once for each word, at 1.2 to 1.6 GB/s; comparing pairs of bytes with numpy tells
where three words may begin at 3 GB/s, and only there it is asked.
"""

from __future__ import annotations

import importlib
import sys
from bisect import bisect_right
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
else:
    from kfuncscope.deferred import numpy as np

Find = Callable[[bytes, int], int]
"""Offset of the first place of a word from an offset on, -1 where there is none: ``bytes.find``."""

_LARGE = 1 << 18  # numpy is loaded only for larger data; where it is there already it serves smaller, too
_LARGE_ENOUGH = 1 << 15
_WINDOW = 1 << 18  # stays in a core's own cache for all comparisons
_MOST = 32  # places of a pair in a window, eight times as many as random data has; beyond it is searched as a whole


def finder(data: bytes, words: tuple[bytes, ...]) -> Find:
    """``data.find``, made faster for ``words``; their first two bytes must be different pairs."""
    least = _LARGE_ENOUGH if "numpy" in sys.modules else _LARGE
    return data.find if len(data) < least else _Places(data, words).find


def load() -> None:
    """Load numpy now: once before processes are forked, and not in each of them."""
    importlib.import_module("numpy")


class _Places:
    """Ranges of ``data`` in which a pair of bytes may begin, in order, for each pair."""

    def __init__(self, data: bytes, words: tuple[bytes, ...]) -> None:
        self._data = data
        self._ranges: dict[bytes, list[tuple[int, int]]] = {word[:2]: [] for word in words}
        # One byte more than a window is compared, for the pair across its end.
        for at in range(0, len(data), _WINDOW):
            self._compare(at, data[at : at + _WINDOW], 0)
            self._compare(at, data[at + 1 : at + 1 + _WINDOW], 1)
        self._ranges = {pair: _apart(ranges) for pair, ranges in self._ranges.items()}

    def _compare(self, window: int, data: bytes, odd: int) -> None:
        pairs = np.frombuffer(data, "<u2", len(data) >> 1)
        for pair, ranges in self._ranges.items():
            same = pairs == int.from_bytes(pair, "little")
            if same.any():
                places = np.flatnonzero(same)
                if len(places) > _MOST:
                    ranges.append((window, window + _WINDOW + odd))
                else:
                    ranges += [(at, at + 1) for at in (2 * places + (window + odd)).tolist()]

    def find(self, word: bytes, at: int) -> int:
        """As ``data.find(word, at)``."""
        ranges = self._ranges.get(word[:2])
        if ranges is None or at < 0:
            return self._data.find(word, at)
        first = bisect_right(ranges, (at, len(self._data)))
        if first and ranges[first - 1][1] > at:
            first -= 1
        for number in range(first, len(ranges)):
            start, end = ranges[number]
            found = self._data.find(word, max(start, at), end - 1 + len(word))
            if found >= 0:
                return found
        return -1


def _apart(ranges: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Ranges in order, none of which reaches into the next."""
    made: list[tuple[int, int]] = []
    for start, end in sorted(ranges):
        if made and start < made[-1][1]:
            made[-1] = made[-1][0], max(made[-1][1], end)
        else:
            made.append((start, end))
    return made
