# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Names by their place in a file: of tracepoints, hooks and functions, what stands between the same neighbours."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from difflib import SequenceMatcher
from typing import NamedTuple

from kfuncscope.remedy.replacements.likeness import alike
from kfuncscope.study.renames.chunks import Chunk

PIECES = {"event": "tracepoint", "hook": "lsm", "function": "function"}
"""Kind of a piece → kind of the thing that it declares."""
LEAST = 0.5  # likeness of two names of a place where several went or came
AHEAD = 0.1  # by which it must be nearer than any other of the place
MOST = 12  # names of one place, on each side


class Placed(NamedTuple):
    """What stands in the place of a name, and whether it alone went there and it alone came."""

    kind: str
    gone: str
    fresh: str
    alone: bool


def placed(
    old: Iterable[Chunk], new: Iterable[Chunk], gone: Iterable[tuple[str, str]], fresh: Iterable[tuple[str, str]]
) -> Iterator[Placed]:
    """What one file shows; gone and fresh as (kind of thing, name)."""
    went, came = frozenset(gone), frozenset(fresh)
    before, after = list(old), list(new)
    for piece, kind in PIECES.items():
        mine, theirs = ([c.name for c in of if c.kind == piece] for of in (before, after))
        if mine == theirs or not any((kind, name) in went for name in mine):
            continue
        for tag, a, b, c, d in SequenceMatcher(None, mine, theirs, autojunk=False).get_opcodes():
            if tag == "replace":
                lost = [name for name in mine[a:b] if (kind, name) in went]
                won = [name for name in theirs[c:d] if (kind, name) in came]
                if max(len(lost), len(won)) <= MOST:
                    alone = len(lost) == len(won) == 1
                    yield from (Placed(kind, one, other, alone) for one, other in _pairs(lost, won))


def _pairs(lost: Sequence[str], won: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Pairs of one place: the only two, else the nearest by name, one after the other."""
    if len(lost) == len(won) == 1:
        yield lost[0], won[0]
        return
    left, right = list(lost), list(won)
    ranked = sorted(((alike(one, other), one, other) for one in lost for other in won), reverse=True)
    for likeness, one, other in ranked:
        if likeness < LEAST or one not in left or other not in right:
            continue
        rivals = [n for n, a, b in ranked if (a == one) != (b == other) and a in left and b in right]
        left.remove(one)
        right.remove(other)
        if not rivals or likeness - max(rivals) >= AHEAD:
            yield one, other
