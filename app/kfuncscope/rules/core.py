# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""CO-RE relocation (R-3.1..R-3.8): what each record of a program becomes on a kernel.

Written from the rules of libbpf's relo_core.c (libbpf 1.7). An access like ``0:1:2`` is first spelled out on the
program's own types (root, member, member ...), then looked for by name on every candidate type of the kernel. A record
without a target is no error but a value: poison, which matters only where it can be reached (R-3.11).
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum
from typing import NamedTuple, Protocol

from kfuncscope.bpf.instructions import ALU, ALU64, LD_IMM64, LDX, ST, STX, Insn
from kfuncscope.btf.blob import Blob
from kfuncscope.btf.ext import CoreRelo
from kfuncscope.btf.layout import COMPOSITES, ENUMS, Kind
from kfuncscope.rules.compat import essential, fields_are_compat, kinds_compat, types_are_compat, types_match

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


KIND_NAMES = {
    0: "byte_off", 1: "byte_sz", 2: "field_exists", 3: "signed", 4: "lshift_u64", 5: "rshift_u64",
    6: "local_type_id", 7: "target_type_id", 8: "type_exists", 9: "type_size", 10: "enumval_exists",
    11: "enumval_value", 12: "type_matches",
}  # fmt: skip
TYPE_BASED = frozenset({6, 7, 8, 9, 12})
ENUMVAL_BASED = frozenset({10, 11})
EXISTENCE = frozenset({2, 8, 10, 12})


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


class Value(NamedTuple):
    """What a record asks about on one side. ``size`` and ``type`` are set for byte offsets of plain fields."""

    value: int
    size: int = 0
    type: int = 0
    validate: bool = True


class Reloc(NamedTuple):
    """What a record becomes. ``outcome``: ``patched``, ``absent``, ``poisoned`` or ``error`` (a hard error, R-0.3).

    ``size`` is the new access size in bytes where it changes, else 0.
    """

    outcome: str
    old: int
    new: int
    reason: str = ""
    rule: str = ""
    size: int = 0
    target: Spec | None = None


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
            raise SpecError(f"access string {relo.access!r} names no enumerator", "R-3.2")
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


class Matcher:
    """Looks for local specs on the types of one kernel; remembers what it found for an object's BTF."""

    def __init__(self, local: Blob, targets: Iterable[Blob], modules: Modules) -> None:
        self.local = local
        self.targets = list(targets)
        self.modules = modules
        self._candidates: dict[int, list[tuple[Blob, int]]] = {}
        self._specs: dict[tuple[int, str, int], Spec | SpecError] = {}
        self._found: dict[tuple[int, str, int], Found | SpecError] = {}

    def candidates(self, root: int) -> list[tuple[Blob, int]]:
        """Types of the kernel that may stand for a local one; modules only where vmlinux has none (R-3.1)."""
        known = self._candidates.get(root)
        if known is not None:
            return known
        name, kind = essential(self.local.name(root)), self.local.kind(root)
        found: list[tuple[Blob, int]] = []
        if name:
            for blob in self.targets:
                found += _named(blob, name, kind)
            if not found:
                for blob in self.modules.holding(name):
                    found += _named(blob, name, kind)
        self._candidates[root] = found
        return found

    def find(self, relo: CoreRelo) -> Found:
        """Both values of a record (R-3.5, R-3.7); SpecError for a hard error."""
        key = (relo.type_id, relo.access, relo.kind)
        known = self._found.get(key)
        if known is None:
            try:
                known = self._find(relo)
            except SpecError as error:
                known = error
            self._found[key] = known
        if isinstance(known, SpecError):
            raise known
        return known

    def _find(self, relo: CoreRelo) -> Found:
        spec = parse_spec(self.local, relo)
        if relo.kind == ReloKind.TYPE_ID_LOCAL:
            return Found(Value(spec.root, validate=False), Value(spec.root), spec, spec)
        if not self.local.name(relo.type_id):
            raise SpecError("the record's root type has no name", "R-3.1")
        if relo.kind > max(ReloKind):
            raise SpecError(f"record of unknown kind {relo.kind}", "R-0.3")
        old = value_of(spec, relo.kind)
        assert old is not None
        chosen: tuple[Value | None, Spec] | None = None
        for blob, type_id in self.candidates(relo.type_id):
            target = match_spec(spec, blob, type_id, relo.kind)
            if target is None:
                continue
            value = value_of(target, relo.kind)
            if chosen is None:
                chosen = value, target
            elif target.bit_offset != chosen[1].bit_offset:
                raise SpecError("candidates disagree about the offset", "R-3.7")
            elif (value and value.value) != (chosen[0] and chosen[0].value):
                raise SpecError("candidates disagree about the value", "R-3.7")
        if chosen is None:
            return Found(old, absent_value(relo.kind), spec, None)
        return Found(old, chosen[0], spec, chosen[1])


class Found(NamedTuple):
    """A record's value in the program's own types and on the kernel; None there means poison."""

    old: Value
    new: Value | None
    local: Spec
    target: Spec | None


class Modules(Protocol):
    """Where module types come from; the kernel package's collection of modules fits this shape."""

    def holding(self, name: str) -> list[Blob]:
        """Module blobs that may hold a type of this essential name."""


def _named(blob: Blob, name: str, kind: int) -> list[tuple[Blob, int]]:
    ids = sorted(i for text in blob.essential(name) for i in blob.own(text) if kinds_compat(blob.kind(i), kind))
    return [(blob, i) for i in ids]


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


def absent_value(kind: int) -> Value | None:
    """The value of a record that found nothing: 0 for questions of existence and type size, else poison (R-3.5)."""
    return Value(0, validate=True) if kind in EXISTENCE or kind in TYPE_BASED else None


def value_of(spec: Spec, kind: int) -> Value | None:
    """What a record asks about a spec (R-3.5)."""
    blob = spec.blob
    if kind in EXISTENCE:
        return Value(1)
    if kind == ReloKind.TYPE_ID_TARGET:
        return Value(spec.root, validate=False)
    if kind == ReloKind.TYPE_SIZE:
        return Value(blob.size(spec.root))
    if kind == ReloKind.ENUMVAL_VALUE:
        step = spec.steps[0]
        return Value(blob.enumerators(step.type)[step.place].value)
    return _field_value(spec, kind)


def _field_value(spec: Spec, kind: int) -> Value:
    blob, step = spec.blob, spec.steps[-1]
    if not step.name:
        size = blob.size(step.type)
        if kind == ReloKind.BYTE_OFF:
            return Value(spec.bit_offset // 8, size, step.type)
        if kind == ReloKind.BYTE_SZ:
            return Value(size)
        raise SpecError("this question cannot be asked about an array element", "R-3.5")
    member = blob.members(step.type)[step.place]
    type_id = blob.skip(member.type)
    bits, bit_off = member.bit_size, spec.bit_offset
    if bits:
        size = blob.ref(type_id)
        if size not in (1, 2, 4, 8, 16):
            raise SpecError(f"bitfield of a type of {size} bytes", "R-3.6")
        byte_off = bit_off // 8 // size * size
        while bit_off + bits - byte_off * 8 > size * 8:
            if size >= 8:
                raise SpecError("bitfield does not fit 8 bytes", "R-3.6")
            size *= 2
            byte_off = bit_off // 8 // size * size
    else:
        size, byte_off = blob.size(type_id), bit_off // 8
        bits = size * 8
    plain = not member.bit_size
    if kind == ReloKind.BYTE_OFF:
        return Value(byte_off, _element_size(blob, type_id) if plain else 0, type_id if plain else 0, plain)
    if kind == ReloKind.BYTE_SZ:
        return Value(size, validate=plain)
    if kind == ReloKind.SIGNED:
        if blob.kind(type_id) in ENUMS:
            return Value(int(blob.kind_flag(type_id)))
        return Value(int(blob.kind(type_id) == Kind.INT and blob.int_(type_id).signed))
    if kind == ReloKind.RSHIFT:
        return Value(64 - bits)
    if blob.endian == "<":
        return Value(64 - (bit_off + bits - byte_off * 8), validate=plain)
    return Value((8 - size) * 8 + (bit_off - byte_off * 8), validate=plain)


def _element_size(blob: Blob, type_id: int) -> int:
    """Size of a field, for arrays that of one element (R-3.8, libbpf of 7.x)."""
    for _ in range(MAX_SPEC):
        if blob.kind(type_id) != Kind.ARRAY:
            break
        type_id = blob.skip(blob.array(type_id).type)
    return blob.size(type_id)


def relocate(matcher: Matcher, relo: CoreRelo, insn: Insn, following: Insn | None) -> Reloc:
    """What one record makes of its instruction on the matcher's kernel (R-3.8)."""
    try:
        found = matcher.find(relo)
    except SpecError as error:
        return Reloc("error", 0, 0, error.reason, error.rule)
    old = found.old
    if found.new is None:
        return Reloc("poisoned", old.value, 0, "", "R-3.5")
    new = found.new
    outcome = "patched" if found.target is not None else "absent"
    shown = Reloc(outcome, old.value, new.value, target=found.target)
    cls = insn.op & 7
    if cls in (ALU, ALU64):
        if insn.op & 8:
            return Reloc("error", old.value, new.value, "record on an instruction without an immediate", "R-3.8")
        if old.validate and insn.imm != _signed32(old.value):
            return Reloc("error", old.value, new.value, f"immediate {insn.imm} is not what the record says", "R-3.8")
        return shown._replace(old=insn.imm)
    if cls in (LDX, ST, STX):
        return _patch_access(matcher, found, new, insn, shown)
    if insn.op == LD_IMM64:
        high = following.imm if following else 0
        imm = (insn.imm & 0xFFFFFFFF) | (high & 0xFFFFFFFF) << 32
        if old.validate and imm != old.value & 0xFFFFFFFFFFFFFFFF:
            return Reloc("error", old.value, new.value, f"immediate {imm:#x} is not what the record says", "R-3.8")
        return shown._replace(old=imm)
    return Reloc("error", old.value, new.value, f"record on an instruction of opcode {insn.op:#x}", "R-3.8")


def _signed32(value: int) -> int:
    value &= 0xFFFFFFFF
    return value - (1 << 32) if value >> 31 else value


def _patch_access(matcher: Matcher, found: Found, new: Value, insn: Insn, shown: Reloc) -> Reloc:
    """A load or store: the offset must fit 15 bits, the access size may change only where that is harmless."""
    old = found.old
    shown = shown._replace(old=insn.off)
    if old.validate and insn.off != old.value:
        return shown._replace(outcome="error", reason=f"offset {insn.off} is not what the record says", rule="R-3.8")
    if new.value > 0x7FFF:
        return shown._replace(outcome="error", reason=f"offset {new.value} does not fit an instruction", rule="R-3.8")
    if old.size == new.size or found.target is None:
        return shown
    if not _resizable(matcher.local, old.type, found.target.blob, new.type):
        return shown._replace(outcome="poisoned", reason=f"field of {old.size} bytes has {new.size} now", rule="R-3.8")
    width = {0x00: 4, 0x08: 2, 0x10: 1, 0x18: 8}[insn.op & 0x18]
    if width != old.size:
        return shown._replace(outcome="error", reason="access size differs from the field's size", rule="R-3.8")
    if new.size not in (1, 2, 4, 8):
        return shown._replace(outcome="error", reason=f"field has {new.size} bytes now", rule="R-3.8")
    return shown._replace(size=new.size)


def _resizable(local: Blob, old: int, target: Blob, new: int) -> bool:
    """Two pointers, or two integers of which neither is plainly signed (R-3.8)."""
    kinds = local.kind(old), target.kind(new)
    if kinds == (Kind.PTR, Kind.PTR):
        return True
    return kinds == (Kind.INT, Kind.INT) and local.int_(old).encoding != 1 != target.int_(new).encoding


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
