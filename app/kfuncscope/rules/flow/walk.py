# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What lies at an offset of a kernel struct, as the verifier walks it (kernel/bpf/btf.c, btf_struct_walk; R-12.6)."""

from __future__ import annotations

from typing import NamedTuple

from kfuncscope.btf.blob import Blob, Member
from kfuncscope.btf.layout import COMPOSITES, ENUMS, Kind

MAX_STEPS = 64  # structs within structs
MAX_CHAIN = 16  # first members of first members


class Walked(NamedTuple):
    """``fault`` says why the verifier refuses the access; ``pointer`` is the struct that a loaded pointer leads to,
    ``enum`` the type of a member that holds an enumerator, ``path`` the member with those that it lies in
    (``tasks.next``), and ``type`` its type."""

    fault: str = ""
    member: str = ""
    pointer: int = 0
    enum: int = 0
    path: str = ""
    type: int = 0


def walk(blob: Blob, struct: int, offset: int, size: int, *, free_unions: bool = False) -> Walked:
    """An access of ``size`` bytes at ``offset`` of a struct.

    ``free_unions``: a number within a union of several members may be read past its end.
    """
    free, path = False, ""
    for _ in range(MAX_STEPS):
        free = free or (free_unions and blob.kind(struct) == Kind.UNION and len(blob.members(struct)) != 1)
        name, total = blob.name(struct), blob.size(struct)
        if offset + size > total or offset < 0:
            inner = _flexible(blob, struct, offset)
            if inner is None:
                return Walked(f"access beyond struct {name} at offset {offset}, size {size}")
            struct, offset = inner
            if blob.kind(struct) not in COMPOSITES:
                return Walked()
            continue
        step = _step(blob, struct, offset, size, free)
        if isinstance(step, Walked):
            return step._replace(path=path + step.member) if step.member else step
        struct, offset, within = step
        path += f"{within}." if within else ""
    return Walked()


def _flexible(blob: Blob, struct: int, offset: int) -> tuple[int, int] | None:
    """The element of a last member of no length that an offset past the struct falls into."""
    members = blob.members(struct)
    last = blob.skip(members[-1].type) if members else 0
    if not members or blob.kind(last) != Kind.ARRAY or blob.array(last).nelems:
        return None
    start, element = members[-1].bit_offset // 8, blob.skip(blob.array(last).type)
    if offset < start or (blob.kind(element) in COMPOSITES and not blob.size(element)):
        return None
    if blob.kind(element) not in COMPOSITES and blob.kind(element) != Kind.INT:
        return None
    return element, (offset - start) % blob.size(element) if blob.size(element) else 0


def ends_in_array(blob: Blob, struct: int, offset: int) -> bool:
    """Whether an offset past a struct falls into its last member, an array of no length."""
    return blob.kind(struct) in COMPOSITES and _flexible(blob, struct, offset) is not None


def _step(blob: Blob, struct: int, offset: int, size: int, free: bool) -> Walked | tuple[int, int, str]:
    """The member of a struct that an access finds; (inner struct, offset there, its name) where it lies deeper."""
    for member in blob.members(struct):
        start = member.bit_offset // 8
        if offset + size <= start:
            break
        if member.bit_size:
            end = (member.bit_offset + member.bit_size + 7) // 8
            if offset <= start and end <= offset + size:
                return Walked(member=member.name, type=member.type)
            continue
        if offset < start:
            break
        found = _in_member(blob, struct, member, offset, size, free)
        if found is not None:
            return found
    return Walked(f"struct {blob.name(struct)} has no field at offset {offset}")


def _in_member(
    blob: Blob, struct: int, member: Member, offset: int, size: int, free: bool
) -> Walked | tuple[int, int, str] | None:
    start, bare = member.bit_offset // 8, blob.skip(member.type)
    end = start + blob.size(member.type)
    if offset >= end:
        return None
    for _ in range(MAX_STEPS):
        if blob.kind(bare) != Kind.ARRAY:
            break
        bare = blob.skip(blob.array(bare).type)
    one = blob.size(bare)
    if one and one < end - start:
        start += (offset - start) // one * one
    if blob.kind(bare) in COMPOSITES:
        return bare, offset - start, member.name
    if blob.kind(bare) == Kind.PTR:
        if size != one or offset != start:
            inside = f"pointer {member.name} of struct {blob.name(struct)}"
            return Walked(f"cannot read {size} bytes at offset {offset}, in {inside}")
        return Walked(member=member.name, pointer=struct_behind(blob, bare), type=member.type)
    if offset + size > end and not free:
        return Walked(f"access beyond the end of {member.name} in struct {blob.name(struct)}")
    whole = blob.kind(bare) in ENUMS and offset == start and size == one
    return Walked(member=member.name, enum=bare if whole else 0, type=member.type)


def struct_behind(blob: Blob, pointer: int) -> int:
    """The struct or union that a pointer type leads to without type tags; 0 for anything else."""
    target = blob.ref(pointer)
    for _ in range(MAX_STEPS):
        kind = blob.kind(target)
        if kind == Kind.TYPE_TAG:
            return 0  # per CPU, of user space, ...: handed out under other rules
        if kind not in (Kind.CONST, Kind.VOLATILE, Kind.TYPEDEF, Kind.RESTRICT):
            return target if kind in COMPOSITES else 0
        target = blob.ref(target)
    return 0


def chain(blob: Blob, struct: int) -> list[str]:
    """Names of a struct and of those that lie at its start: to which a pointer to it may be cast."""
    found = []
    for _ in range(MAX_CHAIN):
        if blob.kind(struct) not in COMPOSITES:
            break
        if blob.name(struct):
            found.append(blob.name(struct))
        members = blob.members(struct)
        if not members or members[0].bit_offset:
            break
        struct = blob.skip(members[0].type)
    return found
