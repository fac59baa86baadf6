# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""CO-RE relocation (R-3.1..R-3.8): what each record of a program becomes on a kernel.

Written from the rules of libbpf's relo_core.c (libbpf 1.7). An access like ``0:1:2`` is first spelled out on the
program's own types (root, member, member ...), then looked for by name on every candidate type of the kernel. A record
without a target is not an error but a value: poison, which matters only where it can be reached (R-3.11).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, NamedTuple, Protocol

from kfuncscope.bpf.instructions import ALU, ALU64, LD_IMM64, LDX, ST, STX, Insn
from kfuncscope.btf.blob import Blob
from kfuncscope.btf.ext import CoreRelo
from kfuncscope.btf.layout import ENUMS, Kind
from kfuncscope.rules.core.compat import essential, kinds_compat
from kfuncscope.rules.core.spec import (
    EXISTENCE,
    MAX_SPEC,
    TYPE_BASED,
    ReloKind,
    Spec,
    SpecError,
    match_spec,
    parse_spec,
)  # fmt: skip

LAST_KIND = max(ReloKind)


class Value(NamedTuple):
    """What a record asks about on one side. ``size`` and ``type`` are set for byte offsets of plain fields."""

    value: int
    size: int = 0
    type: int = 0
    validate: bool = True


PLAIN_SIGNED = 1  # encoding of an integer: signed, and neither char nor bool
RelocOutcome = Literal["patched", "absent", "poisoned", "error"]


class Reloc(NamedTuple):
    """What a record becomes. ``outcome``: ``patched``, ``absent``, ``poisoned`` or ``error`` (a hard error, R-0.3).

    ``size`` is the new access size in bytes where it changes, else 0.
    """

    outcome: RelocOutcome
    old: int
    new: int
    reason: str = ""
    rule: str = ""
    size: int = 0
    target: Spec | None = None


class Matcher:
    """Looks for local specs on the types of one kernel; remembers what it found for an object's BTF."""

    def __init__(self, local: Blob, targets: Iterable[Blob], modules: Modules, narrow: bool = False) -> None:
        self.local = local
        # libbpf keeps of the candidates of a type those that a record matched, for the records that follow.
        self.narrow = narrow
        self.targets = list(targets)
        self.modules = modules
        self._candidates: dict[int, list[tuple[Blob, int]]] = {}
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
        if relo.kind > LAST_KIND:
            raise SpecError(f"record of unknown kind {relo.kind}", "R-0.3")
        old = value_of(spec, relo.kind)
        assert old is not None
        chosen: tuple[Value | None, Spec] | None = None
        matched = []
        for blob, type_id in self.candidates(relo.type_id):
            target = match_spec(spec, blob, type_id, relo.kind)
            if target is None:
                continue
            matched.append((blob, type_id))
            value = value_of(target, relo.kind)
            if chosen is None:
                chosen = value, target
            elif target.bit_offset != chosen[1].bit_offset:
                raise SpecError("candidates disagree about the offset", "R-3.7")
            elif (value and value.value) != (chosen[0] and chosen[0].value):
                raise SpecError("candidates disagree about the value", "R-3.7")
        if chosen is None:
            return Found(old, absent_value(relo.kind), spec, None)
        if self.narrow:
            self._candidates[relo.type_id] = matched
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
        value = blob.enumerators(step.type)[step.place].value
        # libbpf reads the 32 bits of an ENUM as signed, whatever its kind_flag says.
        return Value(_signed32(value) if blob.kind(step.type) == Kind.ENUM else value)
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
    outcome: RelocOutcome = "patched" if found.target is not None else "absent"
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
    if kinds != (Kind.INT, Kind.INT):
        return False
    return local.int_(old).encoding != PLAIN_SIGNED and target.int_(new).encoding != PLAIN_SIGNED
