# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A member of a struct by its name."""

from __future__ import annotations

from kfuncscope.btf.blob import Blob, Member
from kfuncscope.btf.layout import COMPOSITES

DEEPEST = 16  # unnamed structs in each other


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
