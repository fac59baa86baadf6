# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Arguments that a program uses and that mean something else on the new kernel (R-7.5..R-7.13, R-7.3).

The dangerous changes are those that load all the same: what moved, swapped or shrank is SILENT.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import NamedTuple

from kfuncscope.arch import arch_record
from kfuncscope.bpf.object import CtxLoad, Program
from kfuncscope.btf.blob import Blob
from kfuncscope.btf.declare import members_flat, type_text
from kfuncscope.btf.layout import COMPOSITES, Kind
from kfuncscope.kernel.kernel import Kernel
from kfuncscope.model.verdict import Confidence, Evidence, Finding, NeedKind, Verdict
from kfuncscope.rules.changes.evidence import hook_evidence, site, struct_ops_evidence
from kfuncscope.rules.context import Context
from kfuncscope.rules.flow.ctx_args import Slot, ctx_loads, slots, type_class
from kfuncscope.rules.hooks.attach import KPROBE, KPROBE_MULTI, RAW_TP, TRACEPOINT
from kfuncscope.rules.hooks.ctx_access import RETURN_SLOT
from kfuncscope.rules.hooks.hook import find_hook, tracepoint_slots
from kfuncscope.rules.hooks.records import Field, record_of, relocated_loads
from kfuncscope.rules.hooks.struct_ops import kernel_type, uses


class Side(NamedTuple):
    """A hook's arguments on one kernel."""

    blob: Blob
    slots: list[Slot]


def argument_findings(old: Context, new: Context, program: Program) -> list[Finding]:
    """Every used argument of the program's hook that changed its meaning."""
    kind = program.section.kind
    if kind in TRACEPOINT:
        return _event_findings(old, new, program)
    if program.section.prog_type == "STRUCT_OPS":
        return _callback_findings(old, new, program)
    sides = _sides(old.kernel, new.kernel, program)
    if sides is None:
        return []
    loads = _used(new, program)
    if kind in KPROBE | KPROBE_MULTI:
        if kind.startswith("kret"):
            return []
        registers = arch_record(new.kernel.arch).argument_offsets
        used = [(registers.index(x.offset), x) for x in loads if x.offset in registers]
    else:
        used = [(x.offset // 8, x) for x in loads if x.offset >= 0]
    evidence = partial(hook_evidence, old.kernel, new.kernel, program)
    rules = ("R-7.9",) if kind in KPROBE | KPROBE_MULTI else ("R-7.6",) if kind in RAW_TP else ("R-7.10",)
    confidence = Confidence.MEDIUM if kind in KPROBE | KPROBE_MULTI else Confidence.HIGH
    return _compare(program, program.section.target, sides, used, evidence, rules, confidence)


def _used(new: Context, program: Program) -> list[CtxLoad]:
    """Loads of the context that can run on the new kernel and are not relocated there."""
    loads = ctx_loads(new.obj, program)
    if not loads:
        return []
    flow = new.reachable(program)
    return [x for x in loads if flow.is_reached(x.function, x.at)]


def _sides(old: Kernel, new: Kernel, program: Program) -> tuple[Side, Side] | None:
    section = program.section
    found = []
    for kernel in (old, new):
        side = None
        if section.attach_btf and section.target and section.prog_type != "EXT":
            hook = find_hook(kernel, program)
            side = Side(hook.blob, hook.slots) if hook else None
        elif section.kind in RAW_TP:
            for _, blob, typedef in kernel.types(f"btf_trace_{section.target}", Kind.TYPEDEF):
                proto = blob.skip(blob.ref(blob.skip(blob.ref(typedef))))
                side = Side(blob, tracepoint_slots(blob, section.target, proto))
        elif section.kind in KPROBE | KPROBE_MULTI:
            for _, blob, func in kernel.functions(section.target.partition("+")[0]):
                side = Side(blob, slots(blob, blob.ref(func)))
                break
        if side is None:
            return None
        found.append(side)
    return found[0], found[1]


def _compare(
    program: Program,
    name: str,
    sides: tuple[Side, Side],
    used: list[tuple[int, CtxLoad]],
    evidence: Callable[[], Evidence],
    rules: tuple[str, ...],
    confidence: Confidence,
) -> list[Finding]:
    """One finding for each used slot that is not what it was; ``evidence`` is asked for only where there is one."""
    old, new = sides
    found = []
    has_return = program.section.attach_type in RETURN_SLOT
    lsm = ("R-7.12",) if program.section.prog_type == "LSM" else ()
    for index in sorted({i for i, _ in used}):
        places = [x for i, x in used if i == index]
        if has_return and index == len(old.slots) and len(new.slots) != len(old.slots):
            verdict = Verdict.SILENT if index < len(new.slots) else Verdict.RISK
            instead = f"argument `{new.slots[index].name}`" if index < len(new.slots) else "nothing"
            text = f"{name}: the program reads slot {index} for the return value, but that slot now holds {instead}"
            found.append(_finding(name, verdict, text, (*rules, *lsm), confidence, evidence(), places))
            continue
        if index >= len(old.slots) or index >= len(new.slots):
            continue
        change = _slot_change(old, new, index)
        if change is not None:
            verdict, text = change
            weaker = Confidence.MEDIUM if verdict == Verdict.RISK else confidence
            found.append(_finding(name, verdict, f"{name}: {text}", rules, weaker, evidence(), places))
    return found


def _finding(
    name: str, verdict: Verdict, text: str, rules: tuple[str, ...], confidence: Confidence, evidence: Evidence,
    places: list[CtxLoad],
) -> Finding:  # fmt: skip
    sites = tuple(site(x.function, x.at, True) for x in places)
    return Finding(NeedKind.HOOK, name, verdict, text, rules, confidence=confidence, evidence=evidence, sites=sites)


def _text(side: Side, slot: Slot) -> str:
    return type_text(side.blob, slot.type, slot.name)


def _slot_change(old: Side, new: Side, index: int) -> tuple[Verdict, str] | None:
    """What became of one argument: None where it is the same for the program."""
    was, now = old.slots[index], new.slots[index]
    one, other = type_class(old.blob, was.type), type_class(new.blob, now.type)
    same_type = _bare(old, was) == _bare(new, now)
    ordinal = f"argument {index + 1}"
    moved = [i for i, s in enumerate(new.slots) if s.name == was.name and was.name and s.part == was.part]
    if was.name != now.name and moved and index not in moved:
        change = f"{ordinal} changed from `{_text(old, was)}` to `{_text(new, now)}`"
        text = f"{change}; `{was.name}` is now argument {moved[0] + 1}"
        return (Verdict.SILENT if _passes_for(one, other, same_type) else Verdict.RISK), text
    if same_type:
        return None
    text = f"{ordinal} changed from `{_text(old, was)}` to `{_text(new, now)}`"
    if one == other == "scalar":
        size, then = new.blob.size(now.type), old.blob.size(was.type)
        return None if size == then or (was.name == now.name and size > then) else (Verdict.RISK, text)
    if one == other and one not in ("struct*", "struct"):
        return None
    if (
        _drops_prefix(was.name) == _drops_prefix(now.name)
        and one == other == "struct*"
        and _renamed(old, new, was, now)
    ):
        return None
    return Verdict.RISK, text


def _passes_for(one: str, other: str, same_type: bool) -> bool:
    """Whether the verifier takes the one for the other without a word: two scalars, or the same type."""
    return same_type or (one == other and one != "struct*")


def _drops_prefix(name: str) -> str:
    return name.strip("_")


def _bare(side: Side, slot: Slot) -> tuple[str, str, int]:
    """A type as the program sees it: class, name of the struct pointed to, size of a scalar."""
    blob = side.blob
    bare = blob.skip(slot.type)
    kind = type_class(blob, slot.type)
    if kind in ("struct*", "int*", "pointer*"):
        target = blob.skip(blob.ref(bare))
        return kind, blob.name(target) if blob.kind(target) in COMPOSITES else "", 0
    if kind == "scalar":
        return kind, "", blob.size(bare)
    return kind, blob.name(bare), blob.size(bare)


def _renamed(old: Side, new: Side, was: Slot, now: Slot) -> bool:
    """The new struct holds all members of the old one, or has none but these where they were: a rename."""
    target = new.blob.skip(new.blob.ref(new.blob.skip(now.type)))
    before = old.blob.skip(old.blob.ref(old.blob.skip(was.type)))
    theirs = {m.name: m.bit_offset for m in members_flat(new.blob, target)}
    mine = {m.name: m.bit_offset for m in members_flat(old.blob, before)}
    if not mine or not theirs:
        return False
    same_start = theirs.items() <= mine.items() and set(theirs.values()) == set(mine.values())
    return mine.keys() <= theirs.keys() or same_start


def _event_findings(old: Context, new: Context, program: Program) -> list[Finding]:
    """R-7.8, R-12.9: reads of the record of a trace event that find another member on the new kernel.

    Relocated reads look after themselves where the program names the record's own struct; on ``syscalls/*`` many name
    another. What lies past the end of the new record is refused when the program is attached (R-12.8).
    """
    before, after = record_of(old.kernel, program), record_of(new.kernel, program)
    if before is None or after is None:
        return []
    event = program.section.target.rpartition("/")[2]
    was_read = {(x.function.section, x.function.start, x.at): x for x in relocated_loads(old, program)}
    found: dict[str, Finding] = {}
    for load in relocated_loads(new, program):
        then = was_read.get((load.function.section, load.function.start, load.at))
        if then is None or (after.end and load.offset + load.size > after.end):
            continue
        was, now = before.at(then.offset), after.at(load.offset)
        if was is None or was.name == "ent" or _same_place(was, then, now, load) or was.name in found:
            continue
        shown = f"`{now.name}` ({now.size} bytes)" if now else "padding"
        how = "at fixed offset" if load.at not in load.function.core else "by a CO-RE record, at offset"
        text = f"{event}: the program reads `{was.name}` {how} {load.offset}, which now holds {shown}"
        rules = ("R-12.9", "R-7.8") if program.section.target.startswith("syscalls/") else ("R-7.8",)
        evidence = hook_evidence(old.kernel, new.kernel, program)
        found[was.name] = _finding(event, Verdict.SILENT, text, rules, Confidence.MEDIUM, evidence, [load])
    return list(found.values())


def _same_place(was: Field, then: CtxLoad, now: Field | None, load: CtxLoad) -> bool:
    """Whether two reads take the same part of the same member."""
    if now is None or was.name.lstrip("_") != now.name.lstrip("_") or was.size != now.size:
        return False
    return then.offset - was.offset == load.offset - now.offset


def _callback_findings(old: Context, new: Context, program: Program) -> list[Finding]:
    """R-7.3: libbpf does not compare callback prototypes; the kernel's own says what the context holds."""
    found: list[Finding] = []
    for ops, member in uses(new, program):
        name = f"{ops.kernel_type}.{member.member.name}"
        sides = [_callback(ctx, ops.kernel_type, member.member.name) for ctx in (old, new)]
        if sides[0] is None or sides[1] is None:
            continue
        used = [(x.offset // 8, x) for x in _used(new, program) if x.offset >= 0]
        evidence = partial(struct_ops_evidence, old, new, name)
        made = _compare(program, name, (sides[0], sides[1]), used, evidence, ("R-7.3", "R-7.10"), Confidence.HIGH)
        found += [replace(f, kind=NeedKind.STRUCT_OPS) for f in made]
    return found


def _callback(ctx: Context, type_name: str, member: str) -> Side | None:
    found = kernel_type(ctx, type_name)
    if found is None:
        return None
    for m in found.blob.members(found.type):
        if m.name == member:
            pointer = found.blob.skip(m.type)
            if found.blob.kind(pointer) == Kind.PTR:
                return Side(found.blob, slots(found.blob, found.blob.skip(found.blob.ref(pointer))))
    return None
