# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Access specs of CO-RE records: spelled out on the program's own types, and matched on a kernel's (R-3.2..R-3.4)."""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple

from kfuncscope.btf.blob import Blob
from kfuncscope.btf.ext import CoreRelo
from kfuncscope.btf.layout import COMPOSITES, Kind
from kfuncscope.model.verdict import NeedKind
from kfuncscope.rules.core.compat import essential, fields_are_compat, types_are_compat, types_match

MAX_SPEC = 64  # BPF_CORE_SPEC_MAX_LEN
MAX_MEMBER_STEPS = 200_000  # members looked at for one accessor, anonymous ones included


class ReloKind(IntEnum):
    """enum bpf_core_relo_kind."""

    BYTE_OFF = 0
    BYTE_SZ = 1
    FIELD_EXISTS = 2
    SIGNED = 3
    LSHIFT = 4
    RSHIFT = 5
    TYPE_ID_LOCAL = 6
    TYPE_ID_TARGET = 7
    TYPE_EXISTS = 8
    TYPE_SIZE = 9
    ENUMVAL_EXISTS = 10
    ENUMVAL_VALUE = 11
    TYPE_MATCHES = 12


# libbpf's words for them (core_relo_kind_str).
KIND_NAMES: dict[int, str] = {
    ReloKind.BYTE_OFF: "byte_off", ReloKind.BYTE_SZ: "byte_sz", ReloKind.FIELD_EXISTS: "field_exists",
    ReloKind.SIGNED: "signed", ReloKind.LSHIFT: "lshift_u64", ReloKind.RSHIFT: "rshift_u64",
    ReloKind.TYPE_ID_LOCAL: "local_type_id", ReloKind.TYPE_ID_TARGET: "target_type_id",
    ReloKind.TYPE_EXISTS: "type_exists", ReloKind.TYPE_SIZE: "type_size", ReloKind.ENUMVAL_EXISTS: "enumval_exists",
    ReloKind.ENUMVAL_VALUE: "enumval_value", ReloKind.TYPE_MATCHES: "type_matches",
}  # fmt: skip
TYPE_BASED = frozenset(
    {ReloKind.TYPE_ID_LOCAL, ReloKind.TYPE_ID_TARGET, ReloKind.TYPE_EXISTS, ReloKind.TYPE_SIZE, ReloKind.TYPE_MATCHES}
)
ENUMVAL_BASED = frozenset({ReloKind.ENUMVAL_EXISTS, ReloKind.ENUMVAL_VALUE})
FIELD_BASED = frozenset(
    {ReloKind.BYTE_OFF, ReloKind.BYTE_SZ, ReloKind.FIELD_EXISTS, ReloKind.SIGNED, ReloKind.LSHIFT, ReloKind.RSHIFT}
)
EXISTENCE = frozenset({ReloKind.FIELD_EXISTS, ReloKind.TYPE_EXISTS, ReloKind.ENUMVAL_EXISTS, ReloKind.TYPE_MATCHES})


def need_kind(kind: int) -> NeedKind:
    """What a record of a kind asks a kernel for: a type, an enumerator or a field."""
    return NeedKind.ENUMVAL if kind in ENUMVAL_BASED else NeedKind.TYPE if kind in TYPE_BASED else NeedKind.FIELD


class Accessor(NamedTuple):
    """One step of a spec: the type stepped into, the place there, and the member's name ('' for array steps)."""

    type: int
    place: int
    name: str


class Spec(NamedTuple):
    """An access spelled out on one BTF."""

    blob: Blob
    root: int
    steps: tuple[Accessor, ...]
    bit_offset: int


class SpecError(Exception):
    """A hard error in the sense of R-0.3: libbpf refuses the object."""

    def __init__(self, reason: str, rule: str) -> None:
        super().__init__(reason)
        self.reason, self.rule = reason, rule


def parse_spec(blob: Blob, relo: CoreRelo) -> Spec:
    """Spell out an access string on the program's own types (R-3.2)."""
    try:
        raw = [int(part) for part in relo.access.split(":")]
    except ValueError:
        raise SpecError(f"access string {relo.access!r} is not a list of numbers", "R-3.2") from None
    if not raw or len(raw) > MAX_SPEC or min(raw) < 0:
        raise SpecError(f"access string {relo.access!r} is empty or too long", "R-3.2")
    if relo.kind in TYPE_BASED:
        if relo.access != "0":
            raise SpecError(f"access string {relo.access!r} of a type record", "R-3.2")
        return Spec(blob, relo.type_id, (), 0)
    type_id = blob.skip(relo.type_id)
    if relo.kind in ENUMVAL_BASED:
        enumerators = blob.enumerators(type_id)
        if len(raw) > 1 or raw[0] >= len(enumerators):
            raise SpecError(f"access string {relo.access!r} is not the index of an enumerator", "R-3.2")
        return Spec(blob, relo.type_id, (Accessor(type_id, raw[0], enumerators[raw[0]].name),), 0)
    steps = [Accessor(type_id, raw[0], "")]
    bits = raw[0] * blob.size(type_id) * 8
    for index in raw[1:]:
        type_id = blob.skip(type_id)
        kind = blob.kind(type_id)
        if kind in COMPOSITES:
            members = blob.members(type_id)
            if index >= len(members):
                raise SpecError(f"member {index} of {blob.name(type_id)} does not exist", "R-3.2")
            member = members[index]
            bits += member.bit_offset
            if member.name:
                steps.append(Accessor(type_id, index, member.name))
            type_id = member.type
        elif kind == Kind.ARRAY:
            array = blob.array(type_id)
            if index >= array.nelems and not _flexible(blob, steps[-1], array.nelems):
                raise SpecError(f"array index {index} is out of bounds", "R-3.3")
            type_id = blob.skip(array.type)
            steps.append(Accessor(type_id, index, ""))
            bits += index * blob.size(type_id) * 8
        else:
            raise SpecError(f"access string {relo.access!r} goes into something that has no members", "R-3.2")
    return Spec(blob, relo.type_id, tuple(steps), bits)


def _flexible(blob: Blob, step: Accessor, nelems: int) -> bool:
    """An array without elements as the last member may be indexed at will (R-3.3)."""
    return bool(step.name) and nelems == 0 and step.place == len(blob.members(step.type)) - 1


def match_spec(local: Spec, target: Blob, target_id: int, kind: int) -> Spec | None:
    """The same access on a candidate type (R-3.3), None where it does not fit."""
    if kind in TYPE_BASED:
        test = types_match if kind == ReloKind.TYPE_MATCHES else types_are_compat
        return Spec(target, target_id, (), 0) if test(local.blob, local.root, target, target_id) else None
    if kind in ENUMVAL_BASED:
        wanted = essential(local.steps[0].name)
        enum = target.skip(target_id)
        for index, enumerator in enumerate(target.enumerators(enum)):
            if essential(enumerator.name) == wanted:
                return Spec(target, target_id, (Accessor(enum, index, enumerator.name),), 0)
        return None
    return _match_field(local, target, target_id)


def _match_field(local: Spec, target: Blob, target_id: int) -> Spec | None:
    root, bits = target_id, 0
    steps: list[Accessor] = []
    for position, step in enumerate(local.steps):
        target_id = target.skip(target_id)
        if step.name:
            budget = [MAX_MEMBER_STEPS]
            found = _match_member(local.blob, step, target, target_id, budget, 0)
            if found is None:
                return None
            accessor, offset, target_id = found
            bits += offset
            steps.append(accessor)
            continue
        if position:
            if target.kind(target_id) != Kind.ARRAY:
                return None
            array = target.array(target_id)
            if step.place >= array.nelems and not _flexible(target, steps[-1], array.nelems):
                return None
            target_id = target.skip(array.type)
        steps.append(Accessor(target_id, step.place, ""))
        bits += step.place * target.size(target_id) * 8
    return Spec(target, root, tuple(steps), bits)


def find_member(local: Blob, step: Accessor, target: Blob, target_id: int) -> int | None:
    """Type of the member that matches a named step of a local spec; None where none does."""
    found = _match_member(local, step, target, target_id, [MAX_MEMBER_STEPS], 0)
    return found[2] if found is not None else None


def _match_member(
    local: Blob, step: Accessor, target: Blob, target_id: int, budget: list[int], depth: int
) -> tuple[Accessor, int, int] | None:
    """The member of the same name, also inside anonymous members: (accessor, bit offset, member type)."""
    target_id = target.skip(target_id)
    if target.kind(target_id) not in COMPOSITES:
        return None
    if depth >= MAX_SPEC:
        raise SpecError("types are nested too deeply", "R-3.2")
    for index, member in enumerate(target.members(target_id)):
        budget[0] -= 1
        if budget[0] < 0:
            raise SpecError("too many members to search", "R-3.2")
        if not member.name:
            inner = _match_member(local, step, target, member.type, budget, depth + 1)
            if inner is not None:
                return inner[0], inner[1] + member.bit_offset, inner[2]
        elif member.name == step.name:
            mine = local.members(step.type)[step.place]
            if not fields_are_compat(local, mine.type, target, member.type):
                return None
            return Accessor(target_id, index, member.name), member.bit_offset, member.type
    return None


def spec_text(spec: Spec) -> str:
    """An access as a kernel developer would name it: ``struct task_struct.tgid``, ``enum bpf_func_id.BPF_FUNC_x``."""
    blob, kind = spec.blob, spec.blob.kind(spec.root)
    words = {Kind.STRUCT: "struct ", Kind.UNION: "union ", Kind.ENUM: "enum ", Kind.ENUM64: "enum "}
    text = words.get(Kind(kind), "") if kind <= max(Kind) else ""
    text += blob.name(spec.root) or "(anonymous)"
    for position, step in enumerate(spec.steps):
        if step.name:
            text += "." + step.name
        elif position or step.place:
            text += f"[{step.place}]"
    return text
