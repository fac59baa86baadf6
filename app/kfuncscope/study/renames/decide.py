# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Whether what the sources show is enough to say that one name took the place of another.

Each signal that points at a new name counts for it: bodies, uses, declarations, a macro of the old name around it,
the same type or prototype, a name like it. A name is given where enough of them agree, and no other comes near; else
none is, as a wrong successor is worse than none.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from kfuncscope.study.renames.bodies import Like

ENOUGH = {"function": 3.0, "tracepoint": 3.0, "lsm": 2.5, "enumerator": 3.0, "field": 3.0}
AGREED = 2.5  # for a function with a name like it and nearly the same prototype
SHOWN = 0.5  # of these points that sources must give: a name and a prototype alone are a guess
MARGIN = 1.0  # by which the first must be ahead of the second
SHARE = 0.75  # of the uses that something stands in the place of
COVER = 0.2  # of all uses that changed or went: what was removed has many of these, and few with something in the place
MOST = 0.75  # of all uses: more than what was removed ever has
MANY = 3  # uses
SHORT, TINY = 25, 12  # tokens of a body that says little, and of one that says nothing
AHEAD = 0.15  # by which a body must be nearer than the second
NEARLY, MOSTLY, PARTLY = 0.8, 0.6, 0.45  # likeness of bodies
LIKE, SOMEWHAT_LIKE = 0.6, 0.35  # likeness of names
WRAPPED = 2.0
PLACED = {"function": (0.5, 1.0), "tracepoint": (1.0, 2.0), "lsm": (2.0, 2.5)}
"""Points of a place between the same neighbours, and where nothing else went or came there."""
UNLIKE = 0.5  # points of it, where the names are unlike
PLAIN = 2  # other structs that have a member of this name: of more, a use does not tell whose it is; of some, half


class Candidate(NamedTuple):
    """What points at a new name; see ``uses.Uses`` and ``bodies.Like``.

    ``wrapped`` says that the old name is a macro or an inline function now, which calls this one. ``same`` is 1 where
    type, prototype or value is the same, and a half where the prototype differs in one place. ``like`` is the likeness
    of the names, ``turned`` says that they have the same words. ``others`` counts structs with a member of the old
    name, of which a use may be as well. ``custom`` says that many other names changed the same words, ``twin`` that a
    new name differs from this one in underscores alone, and is more like the old one in these; ``before`` that the old
    sources had the new name too, inline. ``placed`` is 1 for what stands between the same neighbours in a file, 2 where
    nothing else went or came there; ``inner`` is 1 for the only function that the old one called, 2 where the old one
    made folios of its pages and called it; ``strange`` says that the words in which the names differ are spelled
    unlike.
    """

    exact: int = 0
    near: int = 0
    weak: int = 0
    declared: int = 0
    body: Like | None = None
    wrapped: bool = False
    same: float = 0.0
    like: float = 0.0
    turned: bool = False
    others: int = 0
    custom: bool = False
    twin: bool = False
    before: bool = False
    placed: int = 0
    inner: int = 0
    strange: bool = False

    @property
    def uses(self) -> int:
        """Uses that became it."""
        return self.exact + self.near


class Gone(NamedTuple):
    """A name that is gone, with all candidates; see ``uses.Uses`` for the counts.

    ``defined`` says that the sources still have a macro or a function of that name.
    """

    kind: str
    name: str
    went: int
    known: int
    defined: bool
    candidates: Mapping[str, Candidate]


def points(gone: Gone, one: Candidate) -> float:
    """How much points at a candidate."""
    total = shown(gone, one)
    total += one.same
    total += 1.0 if one.turned else 0.0
    total += 1.0 if one.custom else 0.0
    total -= 1.0 if not one.uses and merged(gone) and not one.inner else 0.0
    total -= 1.0 if one.before else 0.0
    return total + (1.0 if one.like >= LIKE else 0.5 if one.like >= SOMEWHAT_LIKE else 0.0)


def merged(gone: Gone) -> bool:
    """Whether more uses became what was there before than became something new."""
    return gone.known > sum(c.uses for c in gone.candidates.values())


def shown(gone: Gone, one: Candidate) -> float:
    """The points that sources give."""
    total = of_body(one.body) + of_declared(gone, one) + of_placed(gone, one)
    total += 1.0 + one.inner if one.inner else 0.0
    if one.wrapped:
        total += WRAPPED + (0.5 if sum(c.wrapped for c in gone.candidates.values()) == 1 else 0.0)
    if one.others <= PLAIN or one.declared:
        total += of_uses(gone, one) / (2 if one.others and not one.declared else 1)
    return total


def of_declared(gone: Gone, one: Candidate) -> float:
    """Points of a declaration: bits that follow each other are declared alike, and tell less."""
    if not one.declared or (one.strange and gone.kind == "enumerator" and not one.uses):
        return 0.0
    return float(min(one.declared, 2)) if one.like >= SOMEWHAT_LIKE or of_uses(gone, one) > 0 else 1.0


def of_placed(gone: Gone, one: Candidate) -> float:
    """Points of a place in a file."""
    if not one.placed or gone.kind not in PLACED:
        return 0.0
    found = PLACED[gone.kind][one.placed - 1]
    return found if one.like >= SOMEWHAT_LIKE else min(found, UNLIKE)


def of_body(body: Like | None) -> float:
    """Points of a body: none where the nearest old one is another."""
    if body is None or not body.mutual or body.tokens < TINY:
        return 0.0
    mean = (body.words + body.order) / 2
    found = 3.0 if mean >= NEARLY else 2.0 if mean >= MOSTLY else 1.0 if mean >= PARTLY else 0.0
    found = found / 2 if body.tokens < SHORT else found
    return max(found - (1.0 if body.ahead < AHEAD else 0.0), 0.0)


def of_uses(gone: Gone, one: Candidate) -> float:
    """Points of uses: none where other names have more than a quarter of them."""
    whole = sum(c.uses for c in gone.candidates.values()) + gone.known
    if not one.uses:
        return 0.5 if one.weak else 0.0
    if one.uses < SHARE * whole or one.uses < COVER * gone.went:
        return 0.0
    found = 3.0 if one.uses >= MANY else float(one.uses)
    found -= 0.5 if not one.exact else 0.0
    return found + (0.5 if one.uses >= MOST * gone.went else 0.0)


def successor(gone: Gone) -> str | None:
    """The name that took the place of one that is gone; None where nothing is sure enough."""
    ranked = sorted(((points(gone, c), name) for name, c in gone.candidates.items()), key=lambda r: (-r[0], r[1]))
    if not ranked:
        return None
    best = ranked[0][1]
    one = gone.candidates[best]
    agreed = gone.kind == "function" and one.like >= LIKE and one.same > 0.0 and not merged(gone)
    if ranked[0][0] < (AGREED if agreed else ENOUGH[gone.kind]):
        return None
    if shown(gone, one) < SHOWN and not (one.turned and one.same == 1.0):
        return None
    if gone.candidates[best].twin or any(_speaks_against(gone, name, best) for _, name in ranked[1:]):
        return None
    return best if len(ranked) == 1 or ranked[0][0] - ranked[1][0] >= MARGIN else None


def _speaks_against(gone: Gone, name: str, best: str) -> bool:
    """Whether one signal points at another name than all of them together: uses, bodies, declarations, the prototype,
    or that it has the very words of the old name."""
    other, one = gone.candidates[name], gone.candidates[best]
    seen = other.uses or other.weak or (other.body is not None and other.body.mutual)
    if other.turned and not one.turned and (seen or other.same == 1.0):
        return True
    if other.same > one.same and other.like >= LIKE and seen:
        return True
    theirs = of_body(other.body)
    bodies = theirs > of_body(one.body) and theirs >= (2.0 if one.uses >= MANY else 1.0)
    uses = other.uses and 2 * other.exact + other.near >= 2 * one.exact + one.near
    declared = other.declared > one.declared and one.uses < MANY
    return bool(bodies or uses or declared)
