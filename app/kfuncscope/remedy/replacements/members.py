# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A member of a struct by its name, and the struct that one leads to."""

from __future__ import annotations

from kfuncscope.btf.blob import Blob, Member
from kfuncscope.btf.layout import COMPOSITES, Kind

DEEPEST = 16  # unnamed structs in each other
MOST_STEPS = 8  # pointers and arrays on the way to a struct


def find(blob: Blob, struct: int, name: str, depth: int = 0) -> tuple[int, int, Member] | None:
    """(struct it is in, index there, member) of a member by name, unnamed structs looked through."""
    if depth > DEEPEST:
        return None
    for index, member in enumerate(blob.members(struct)):
        if member.name == name:
            return struct, index, member
        below = blob.skip(member.type)
        if not member.name and blob.kind(below) in COMPOSITES:
            found = find(blob, below, name, depth + 1)
            if found is not None:
                return found
    return None


def led_to(blob: Blob, type_id: int) -> tuple[int, bool] | None:
    """(struct or union, whether through a pointer) that a type is, is an array of, or points at; None for others."""
    below, pointed = blob.skip(type_id), False
    for _ in range(MOST_STEPS):
        if blob.kind(below) == Kind.ARRAY:
            below = blob.skip(blob.array(below).type)
        elif blob.kind(below) == Kind.PTR:
            below, pointed = blob.skip(blob.ref(below)), True
        else:
            break
    return (below, pointed) if blob.kind(below) in (*COMPOSITES, Kind.FWD) else None
