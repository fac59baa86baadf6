# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What causes hit, as numpy columns: ``model.causes.hits`` for each lane, numbered as the index numbers. No Qt."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kfuncscope.model.analysis import ArchResult
from kfuncscope.model.causes import CauseKey, hits
from kfuncscope.model.verdict import NeedKind, Verdict

Ints = NDArray[np.int32]
Codes = NDArray[np.int8]


@dataclass(slots=True)
class Hits:
    """Which program each cause hits, each pair once with the worst verdict; ``need`` is what the program uses."""

    program: Ints
    cause: Ints
    need: Ints
    verdict: Codes


class HitTable:
    """The hits of all lanes. ``causes`` are numbered over all; ``needs`` holds the need that stands for each in the
    graph."""

    def __init__(self) -> None:
        self.causes: list[CauseKey] = []
        self.needs: list[int] = []
        self._ids: dict[CauseKey, int] = {}
        self._lanes: list[Hits] = []

    def add(
        self,
        arch: ArchResult,
        program: Callable[[str, str], int | None],
        need: Callable[[NeedKind, str], int],
        codes: dict[Verdict, int],
    ) -> None:
        """One more lane. An object without a program that shares its verdict has no node that could be hit."""
        cols: list[tuple[int, int, int, int]] = []
        for hit in hits(arch):
            pid = program(hit.object, hit.program)
            if pid is not None:
                nid = need(*hit.need)
                cols.append((pid, self._cause(hit.key, nid), nid, codes[hit.verdict]))
        table = np.array(cols, dtype=np.int32).reshape(-1, 4)
        programs, causes, needs = (np.ascontiguousarray(table[:, i]) for i in range(3))
        self._lanes.append(Hits(programs, causes, needs, table[:, 3].astype(np.int8)))

    def _cause(self, key: CauseKey, need: int) -> int:
        cid = self._ids.get(key)
        if cid is None:
            cid = self._ids[key] = len(self.causes)
            self.causes.append(key)
            self.needs.append(need)
        return cid

    def cause_id(self, key: CauseKey) -> int:
        """The number of a cause, -1 where none of this analysis is it."""
        return self._ids.get(key, -1)

    def of(self, lanes: Iterable[int]) -> Hits:
        """The hits of some lanes together, each pair once with the worst verdict."""
        listed = [self._lanes[lane] for lane in lanes]
        if len(listed) == 1:
            return listed[0]
        program, cause, need = (
            np.concatenate([getattr(h, name) for h in listed] or [np.empty(0, np.int32)])
            for name in ("program", "cause", "need")
        )
        verdict = np.concatenate([h.verdict for h in listed] or [np.empty(0, np.int8)])
        order = np.lexsort((-verdict, cause, program))
        program, cause = program[order], cause[order]
        first = np.ones(len(program), dtype=bool)
        first[1:] = (program[1:] != program[:-1]) | (cause[1:] != cause[:-1])
        return Hits(program[first], cause[first], need[order][first], verdict[order][first])
