# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Members that are in another struct now, by the table of renames, and how that struct is reached from the old one."""

from __future__ import annotations

from collections.abc import Iterator

from kfuncscope.btf.blob import Blob, Member
from kfuncscope.btf.declare import members_flat
from kfuncscope.btf.layout import COMPOSITES, Kind
from kfuncscope.errors import BtfError
from kfuncscope.knowledge.names import ELSEWHERE, renamed

MOST_STEPS = 8  # pointers and arrays on the way to a struct


def elsewhere(full: str, blob: Blob) -> tuple[int, str, str] | None:
    """(type of the other struct, member of it, reason) of STRUCT.MEMBER that is gone; None where the table has none, or
    the kernel has not what it names."""
    owner = full.partition(".")[0]
    for name, why in renamed("field", full):
        struct, _, member = name.removeprefix(ELSEWHERE).partition(".")
        if not name.startswith(ELSEWHERE):
            continue
        for kind in (Kind.STRUCT, Kind.UNION):
            for there in blob.find(struct, kind):
                if any(m.name == member for m in _members(blob, there)):
                    return there, member, f"{_way(blob, owner, struct)}, {why}"
    return None


def _way(blob: Blob, owner: str, struct: str) -> str:
    """How the one struct is reached from the other, in words."""
    for first, second, text in ((owner, struct, "`{first}.{name}` {leads} it"), (struct, owner, "its `{name}` {leads} "
                                 "`struct {second}`")):  # fmt: skip
        for member in (m for kind in (Kind.STRUCT, Kind.UNION) for i in blob.find(first, kind)
                       for m in _members(blob, i)):  # fmt: skip
            leads = _leads(blob, member.type, second)
            if leads:
                return text.format(first=first, second=second, name=member.name, leads=leads)
    return f"no member of `struct {owner}` leads to it"


def _leads(blob: Blob, type_id: int, struct: str) -> str:
    """``is`` for a struct of that name, ``points at`` for a pointer to one; empty for neither."""
    below, verb = blob.skip(type_id), "is"
    for _ in range(MOST_STEPS):
        kind = blob.kind(below)
        if kind == Kind.PTR:
            below, verb = blob.skip(blob.ref(below)), "points at"
        elif kind == Kind.ARRAY:
            below = blob.skip(blob.array(below).type)
        else:
            break
    named = blob.kind(below) in (*COMPOSITES, Kind.FWD) and blob.name(below) == struct
    return verb if named else ""


def _members(blob: Blob, struct: int) -> Iterator[Member]:
    try:
        yield from members_flat(blob, struct)
    except BtfError:
        return
