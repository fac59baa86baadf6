# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Members that are in another struct now, by the tables of renames, and how that struct is reached from the old one."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from kfuncscope.btf.blob import Blob, Member
from kfuncscope.btf.declare import members_flat
from kfuncscope.btf.layout import COMPOSITES, Kind
from kfuncscope.errors import BtfError
from kfuncscope.knowledge.names import ELSEWHERE, THROUGH, renamed
from kfuncscope.remedy.replacements.members import find, led_to


class Elsewhere(NamedTuple):
    """A member of another struct: the type of that, the member, why, and the path from the old struct, as far as only
    the table knows it: ``bio.bi_bdev->bd_disk``, else empty."""

    struct: int
    member: str
    reason: str
    path: str = ""


def elsewhere(full: str, blob: Blob) -> Elsewhere | None:
    """Where STRUCT.MEMBER that is gone is now; None where the tables have nothing, or the kernel has not what they
    name."""
    owner = full.partition(".")[0]
    for name, why in renamed("field", full):
        if name.startswith(ELSEWHERE):
            struct, _, member = name.removeprefix(ELSEWHERE).partition(".")
            for there in _structs(blob, struct):
                if any(m.name == member for m in _members(blob, there)):
                    return Elsewhere(there, member, f"{_way(blob, owner, struct)}, {why}")
        elif THROUGH in name:
            for start in _structs(blob, owner):
                if (end := reached(blob, start, name)) is not None:
                    return Elsewhere(*end, why, f"{owner}.{name}")
    return None


def reached(blob: Blob, struct: int, path: str) -> tuple[int, str] | None:
    """(struct, member) at the end of a path such as ``a->b.c``, each step through a pointer where the path says so, and
    only there; None where the kernel has no such path."""
    names = re.split(r"(->|\.)", path)
    for at in range(0, len(names), 2):
        found = find(blob, struct, names[at])
        if found is None:
            return None
        if at + 1 == len(names):
            return struct, names[at]
        below = blob.skip(found[2].type)
        if (names[at + 1] == THROUGH) != (blob.kind(below) == Kind.PTR):
            return None
        struct = blob.skip(blob.ref(below)) if names[at + 1] == THROUGH else below
        if blob.kind(struct) not in COMPOSITES:
            return None
    return None


def _structs(blob: Blob, name: str) -> Iterator[int]:
    for kind in (Kind.STRUCT, Kind.UNION):
        yield from blob.find(name, kind)


def _way(blob: Blob, owner: str, struct: str) -> str:
    """How the one struct is reached from the other, in words."""
    for first, second, text in ((owner, struct, "`{first}.{name}` {leads} it"), (struct, owner, "its `{name}` {leads} "
                                 "`struct {second}`")):  # fmt: skip
        for member in (m for i in _structs(blob, first) for m in _members(blob, i)):
            leads = _leads(blob, member.type, second)
            if leads:
                return text.format(first=first, second=second, name=member.name, leads=leads)
    return f"no member of `struct {owner}` leads to it"


def _leads(blob: Blob, type_id: int, struct: str) -> str:
    """``is`` for a struct of that name, ``points at`` for a pointer to one; empty for neither."""
    found = led_to(blob, type_id)
    if found is None or blob.name(found[0]) != struct:
        return ""
    return "points at" if found[1] else "is"


def _members(blob: Blob, struct: int) -> Iterator[Member]:
    try:
        yield from members_flat(blob, struct)
    except BtfError:
        return
