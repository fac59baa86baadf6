# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Every way through a piece of machine code that stays near where it begins; the decoders say what can follow."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

MOST_STEPS = 4000
"""Steps from one entry."""

State = TypeVar("State", bound=tuple[Any, ...])


def places(start: State, following: Callable[[State], Iterable[State]], near: int, left: int) -> set[int]:
    """The places seen from ``start``; each state has its place first.

    ``following`` gives what can follow a state. States more than ``near`` bytes away are left out. ``left`` bounds the
    steps, as MOST_STEPS does.
    """
    known, waiting = {start}, deque([start])
    seen: set[int] = set()
    for _ in range(min(MOST_STEPS, left)):
        if not waiting:
            break
        state = waiting.pop()
        seen.add(state[0])
        for one in following(state):
            if abs(one[0] - start[0]) <= near and one not in known:
                known.add(one)
                waiting.append(one)
    return seen
