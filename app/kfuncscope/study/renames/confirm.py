# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What BTF of both levels says to a candidate: that the new name is there and new, and whether its type is the same."""

from __future__ import annotations

from collections import defaultdict
from functools import cached_property

from kfuncscope.btf.blob import Blob, Member
from kfuncscope.btf.declare import members_flat
from kfuncscope.btf.layout import COMPOSITES, ENUMS, Kind
from kfuncscope.errors import BtfError
from kfuncscope.remedy.replacements.functions import shape_in
from kfuncscope.remedy.replacements.likeness import form
from kfuncscope.remedy.replacements.members import led_to
from kfuncscope.study.renames.things import things
from kfuncscope.study.renames.uses import EVENT


class Side:
    """The BTF of one level, looked at by name."""

    def __init__(self, blob: Blob) -> None:
        self.blob = blob
        self.things = things(blob)
        self._members: dict[str, dict[str, Member]] = {}
        self._values: dict[str, dict[str, int]] = {}

    def members(self, owner: str) -> dict[str, Member]:
        """Members of a struct or union by name; empty for none."""
        if owner not in self._members:
            found = [i for kind in (Kind.STRUCT, Kind.UNION) for i in self.blob.find(owner, kind)]
            self._members[owner] = self.within(found[0]) if found else {}
        return self._members[owner]

    def within(self, type_id: int) -> dict[str, Member]:
        """Members of the struct that a type is, by name; empty where it is none."""
        below = self.blob.skip(type_id)
        if self.blob.kind(below) not in COMPOSITES:
            return {}
        try:
            return {m.name: m for m in members_flat(self.blob, below)}
        except BtfError:
            return {}

    def values(self, owner: str) -> dict[str, int]:
        """Enumerators of an enum by name."""
        if owner not in self._values:
            found = (i for kind in ENUMS for i in self.blob.find(owner, Kind(kind)))
            self._values[owner] = {e.name: e.value for i in found for e in self.blob.enumerators(i)}
        return self._values[owner]

    @cached_property
    def structs_with(self) -> dict[str, list[str]]:
        """Name of a member → structs that have one of it, but for the records of tracepoints."""
        made: dict[str, list[str]] = defaultdict(list)
        for owner, names in self.things["field"].items():
            for name in names if not owner.startswith(EVENT) else ():
                made[name].append(owner)
        return made


def confirmed(kind: str, owner: str, gone: str, fresh: str, old: Side, new: Side) -> float | None:
    """Whether a new name has the type, prototype or value of the old one: 1, or 0.

    A half where the prototype differs in one place; None where it cannot be its successor.
    """
    if kind == "field":
        return _member(owner, gone, fresh, old, new)
    if kind == "enumerator":
        before, after = old.values(owner), new.values(owner)
        return None if fresh not in after or fresh in before else float(before.get(gone) == after[fresh])
    if fresh not in new.things[kind][""] or fresh in old.things[kind][""]:
        return None
    return same_shape(kind, gone, fresh, old, new)


def same_shape(kind: str, gone: str, fresh: str, old: Side, new: Side) -> float | None:
    """The same of a prototype; None where the new side has none of that name."""
    mine, theirs = shape_in(kind, old.blob, gone), shape_in(kind, new.blob, fresh)
    if theirs is None or mine is None:
        return None if theirs is None else 0.0
    return 1.0 if mine == theirs else 0.5 if _one_place(mine, theirs) else 0.0


def _one_place(mine: tuple[str, ...], theirs: tuple[str, ...]) -> bool:
    """Whether one parameter or the value has another type, or one parameter came or went."""
    if len(mine) == len(theirs):
        return len(mine) > 2 and sum(a != b for a, b in zip(mine, theirs, strict=True)) == 1
    short, long = sorted((mine, theirs), key=len)
    return len(long) - len(short) == 1 and any(long[:i] + long[i + 1 :] == short for i in range(len(long) - 1))


def _member(owner: str, gone: str, fresh: str, old: Side, new: Side) -> float | None:
    before, after = old.members(owner), new.members(owner)
    name, _, inner = fresh.partition(".")
    mine, member = before.get(gone), after.get(name)
    if mine is None or member is None:
        return None
    if inner:
        there = new.within(member.type)
        if inner not in there or (name in before and inner in old.within(before[name].type)):
            return None
        member = there[inner]
    elif name in before or (new.within(member.type) and not old.within(mine.type)):
        return None  # a struct where none was: uses only pass through it
    elif led_to(old.blob, mine.type) is not None and led_to(new.blob, member.type) is None:
        return None  # none where one was: uses passed through it
    return float(form(old.blob, mine.type) == form(new.blob, member.type))
