# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Why a field is not found on a kernel that has a member of that name: its type changed kind (R-12.17, R-3.4)."""

from __future__ import annotations

from kfuncscope.btf.blob import Blob
from kfuncscope.btf.declare import type_text
from kfuncscope.btf.layout import COMPOSITES, ENUMS, Kind
from kfuncscope.rules.core.spec import MAX_MEMBER_STEPS, MAX_SPEC, Spec, find_member

_WORDS = {
    Kind.INT: "an integer", Kind.PTR: "a pointer", Kind.ARRAY: "an array", Kind.STRUCT: "a struct",
    Kind.UNION: "a union", Kind.ENUM: "an enum", Kind.ENUM64: "an enum", Kind.FLOAT: "a floating-point number",
    Kind.FWD: "a type without definition", Kind.FUNC_PROTO: "a function",
}  # fmt: skip


def changed_type(local: Spec, target: Blob, target_id: int) -> str:
    """``changed from `short type` to `enum x type```, and what libbpf makes of it; empty where the name is absent."""
    for position, step in enumerate(local.steps):
        target_id = target.skip(target_id)
        if step.name:
            mine = local.blob.members(step.type)[step.place]
            found = find_member(local.blob, step, target, target_id)
            if found is not None:
                target_id = found
                continue
            theirs = _named(target, target_id, step.name)
            return _text(local.blob, mine.type, target, theirs, step.name) if theirs else ""
        if position:
            if target.kind(target_id) != Kind.ARRAY:
                return ""
            target_id = target.array(target_id).type
    return ""


def _named(target: Blob, struct: int, name: str) -> int:
    """Type of the member of this name, also inside anonymous members; 0 where there is none."""
    todo, steps = [(struct, 0)], 0
    while todo:
        owner, depth = todo.pop()
        if target.kind(owner) not in COMPOSITES or depth > MAX_SPEC:
            continue
        for member in target.members(owner):
            steps += 1
            if steps > MAX_MEMBER_STEPS:
                return 0
            if member.name == name:
                return member.type
            if not member.name:
                todo.append((target.skip(member.type), depth + 1))
    return 0


def _text(local: Blob, mine: int, target: Blob, theirs: int, name: str) -> str:
    was, now = type_text(local, mine, name), type_text(target, theirs, name)
    one, other = _word(local, mine), _word(target, theirs)
    if one == other and local.kind(local.skip(mine)) in ENUMS:
        one, other = "one enum", "another"
    return f"changed from `{was}` to `{now}`; CO-RE does not take {other} for {one}"


def _word(blob: Blob, type_id: int) -> str:
    kind = blob.kind(blob.skip(type_id))
    return _WORDS.get(Kind(kind), "another type") if kind <= max(Kind) else "another type"
