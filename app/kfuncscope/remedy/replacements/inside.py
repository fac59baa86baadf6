# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Members that moved into a struct within their struct: ``file_lock.fl_owner`` to ``file_lock.c.flc_owner``."""

from __future__ import annotations

from collections.abc import Iterator

from kfuncscope.btf.blob import Blob, Member
from kfuncscope.btf.declare import members_flat, type_text
from kfuncscope.btf.layout import COMPOSITES, Kind
from kfuncscope.errors import BtfError
from kfuncscope.remedy.replacements.likeness import alike, form, words

NAME_INSIDE = 0.8  # likeness of the names, where the struct around them is new
LONG = 5  # letters of a name that tells without the type: `next` is everywhere
SMALLEST = 3  # letters of a name that may be the end of the old one


def moved(old: Blob, outer: int, new: Blob, holder: int, gone: Member) -> tuple[Member, Member, str] | None:
    """(member, member in it, reason) of the one place in a struct where a member that is gone is now; None for none.

    The inner member has the name of the old one; or its type, and the name without the words of the struct around it or
    a name like it. It was not there before. Two such places are none.
    """
    before = {m.name: m for m in members_flat(old, outer)}
    want, found = form(old, gone.type), []
    if any(words(m.name) == words(gone.name) for m in members_flat(new, holder)):
        return None  # it is there under its name, but for underscores
    for member, inner in _inner(new, holder):
        if inner.name in _names(old, before.get(member.name)) or _was_there(old, new, member, inner.name):
            continue
        if form(new, inner.type) != want or bool(inner.bit_size) != bool(gone.bit_size):
            likeness = 1.5 if inner.name == gone.name and len(gone.name) >= LONG else 0.0
        else:
            likeness = _like(gone.name, member, inner, member.name not in before)
        if likeness > 0:
            found.append((likeness, member, inner))
    found.sort(key=lambda f: -f[0])
    if not found or (len(found) > 1 and found[0][0] == found[1][0]):
        return None
    _, member, inner = found[0]
    text = "same type" if form(new, inner.type) == want else f"now `{type_text(new, inner.type)}`"
    return member, inner, f"{text}, moved into `{member.name}`"


def _inner(blob: Blob, holder: int) -> Iterator[tuple[Member, Member]]:
    for member in members_flat(blob, holder):
        below = blob.skip(member.type)
        if blob.kind(below) in COMPOSITES and member.name:
            try:
                yield from ((member, inner) for inner in members_flat(blob, below))
            except BtfError:
                continue


def _was_there(old: Blob, new: Blob, member: Member, inner: str) -> bool:
    """Whether the struct of a member had the inner one before too: then nothing moved into it."""
    below = new.skip(member.type)
    name, spelled = new.name(below), new.name(member.type)
    found = list(old.find(name, Kind.STRUCT)) if name else []
    if not name and spelled:  # a struct with the name of its typedef alone, as atomic_t
        found = [i for i in map(old.skip, old.find(spelled, Kind.TYPEDEF)) if old.kind(i) in COMPOSITES]
    try:
        return any(m.name == inner for struct in found for m in members_flat(old, struct))
    except BtfError:
        return False


def _names(blob: Blob, member: Member | None) -> frozenset[str]:
    """Names in the struct that a member had on the old side; empty for a new one."""
    if member is None or blob.kind(blob.skip(member.type)) not in COMPOSITES:
        return frozenset()
    try:
        return frozenset(m.name for m in members_flat(blob, blob.skip(member.type)))
    except BtfError:
        return frozenset()


def _like(gone: str, member: Member, inner: Member, fresh: bool) -> float:
    """How sure a move is by the names; 0 where it is not."""
    if inner.name == gone:
        return 3.0
    mine, theirs = words(gone), words(inner.name)
    if len(inner.name) >= SMALLEST and mine == [*words(member.name), *theirs]:
        return 2.0
    likeness = alike(gone, inner.name)
    return likeness if fresh and likeness >= NAME_INSIDE else 0.0
