# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What came in parts from another process, put together off the GUI thread."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from kfuncscope.gui.index import Index
from kfuncscope.gui.processes.targets import with_policy
from kfuncscope.model.analysis import Analysis
from kfuncscope.model.verdict import NeedUse, Outcome, ProgramVerdict
from kfuncscope.session.session import Session


class Shared:
    """Keeps one of many equal things of an analysis: messages share none, and 900 objects on five architectures hold
    150,000 needs of which a few hundred differ. That is a third of what a result takes."""

    def __init__(self) -> None:
        self._needs: dict[NeedUse, NeedUse] = {}
        self._outcomes: dict[Outcome | None, Outcome | None] = {}

    def take(self, part: Any) -> Any:
        """A part of an analysis as it came in, with what it has in common with earlier ones."""
        lane, some = part
        if isinstance(lane, int) and some is not None:
            return lane, tuple(replace(one, programs=tuple(map(self._program, one.programs))) for one in some)
        return part

    def _program(self, one: ProgramVerdict) -> ProgramVerdict:
        needs = tuple([self._needs.setdefault(need, need) for need in one.needs])
        old, new = self._outcomes.setdefault(one.old, one.old), self._outcomes.setdefault(one.new, one.new)
        return replace(one, needs=needs, old=old, new=new or one.new)


def known(session: Session, tell: Callable[[int, int, str], None]) -> Index | None:
    """The index of a result that is kept whole, read in this process, off the GUI thread; None where it takes work.

    Another process would load Python, the engine and the result once more, which takes longer than reading it.
    """
    import numpy.ma  # noqa: F401  as below

    if session.running:
        return None
    from kfuncscope.commits.recorded import with_recorded
    from kfuncscope.upgrade.at_hand import at_hand

    found = at_hand(with_policy(session), tell)
    return Index(with_recorded(found)) if found is not None else None


def flat(parts: list[Any]) -> list[Any]:
    """The rows of all parts."""
    return [row for part in parts for row in part]


def put_together(parts: list[Any]) -> Index:
    """The index of an analysis from the parts that were sent; of several frames the last one counts."""
    import numpy.ma  # noqa: F401  numpy.unique wants it at its first call, which shall not be in the GUI thread

    frame, steps = next(part for part in reversed(parts) if isinstance(part[0], Analysis))
    objects: dict[int, list[Any]] = {}
    for lane, some in parts:
        if isinstance(lane, int):
            if some is None:
                objects[lane] = []
            else:
                objects[lane].extend(some)
    bare = (*frame.arches, *steps)
    every = tuple(replace(a, objects=tuple(objects.get(lane, ()))) for lane, a in enumerate(bare))
    whole = len(frame.arches)
    return Index(replace(frame, arches=every[:whole]), every[whole:])
