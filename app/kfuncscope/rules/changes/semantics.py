# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What resolves on both kernels but is not the same: kfunc prototypes and flags, fields, tests that flip.

R-3.5, R-3.13, R-4.4..R-4.7.
"""

from __future__ import annotations

from typing import NamedTuple

from kfuncscope.bpf.instructions import ALU, ALU64, CALL
from kfuncscope.bpf.object import Function, Program
from kfuncscope.btf.blob import Blob
from kfuncscope.btf.declare import type_text
from kfuncscope.btf.layout import Kind
from kfuncscope.kernel.kernel import Kernel
from kfuncscope.kernel.kfuncs import Kfunc
from kfuncscope.knowledge.flags import SLEEPABLE, flag_names, risky_flags
from kfuncscope.model.verdict import About, Confidence, Finding, NeedKind, Verdict
from kfuncscope.rules.changes.evidence import field_evidence, kfunc_evidence, site
from kfuncscope.rules.context import Context, Resolved
from kfuncscope.rules.core.relocate import Reloc
from kfuncscope.rules.core.spec import EXISTENCE, ReloKind, Spec, need_kind, parse_spec, spec_text
from kfuncscope.rules.flow.ctx_args import type_class

_LOOSER = ("__nullable", "__opt", "__ign")
_FILLED_IN = "__prog"  # the verifier passes its own pointer, whatever the caller passes


def kfunc_findings(old: Context, new: Context, program: Program) -> list[Finding]:
    """kfuncs that the program calls and that changed without becoming unusable."""
    found = []
    places: dict[str, list[tuple[Function, int]]] = {}
    for function in program.functions:
        for index, ref in function.refs.items():
            if (
                ref.kind == "kfunc"
                and function.insns[index].op == CALL
                and new.reachable(program).is_reached(function, index)
            ):
                places.setdefault(ref.name, []).append((function, index))
    for name, at in sorted(places.items()):
        before, after = old.extern(name), new.extern(name)
        if before is None or after is None or before.status != "found" or after.status != "found":
            continue
        for verdict, text, rules, confidence, about in kfunc_changes(old.kernel, new.kernel, before, after, program):
            sites = tuple(site(f, i, True) for f, i in at)
            evidence = kfunc_evidence(old.kernel, new.kernel, before.extern.lookup)
            found.append(Finding(NeedKind.KFUNC, before.extern.lookup, verdict, text, rules, confidence=confidence,
                                 evidence=evidence, sites=sites, about=about))  # fmt: skip
    return found


class Change(NamedTuple):
    """What changed of a kfunc, as a finding will say it."""

    verdict: Verdict
    text: str
    rules: tuple[str, ...]
    confidence: Confidence
    about: About = About()


def kfunc_changes(old: Kernel, new: Kernel, before: Resolved, after: Resolved, program: Program) -> list[Change]:
    """Changes of a kfunc between two kernels that a caller may notice (R-4.5..R-4.7)."""
    assert before.blob is not None and after.blob is not None
    name = before.extern.lookup
    changes = proto_changes(name, before.blob, before.type, after.blob, after.type)
    if not before.module and after.module:
        text = f"{name} moved from vmlinux to module {after.module}, which must be loaded before the program"
        changes.append(Change(Verdict.DEGRADES, text, ("R-4.7",), Confidence.MEDIUM))
    if before.kfunc is not None and after.kfunc is not None:
        changes += flag_changes((before.kfunc, old), (after.kfunc, new), program.section.sleepable)
    return changes


def flag_changes(was: tuple[Kfunc, Kernel], now: tuple[Kfunc, Kernel], sleepable: bool = False) -> list[Change]:
    """Flags of a kfunc that were gained or lost (R-4.5), for a caller that may sleep or not."""
    (before, old), (after, new) = was, now
    name = after.name
    if before.flags is None or after.flags is None:
        return []
    high = before.flags_source == after.flags_source == "binary"
    confidence = Confidence.HIGH if high else Confidence.MEDIUM
    changes: list[Change] = []
    for flag in flag_names(after.flags & ~before.flags, new.knowledge):
        if flag in risky_flags("gained") and not (flag == SLEEPABLE and sleepable):
            text = f"{name} gained {flag}: the verifier may reject a caller that was not written for it"
            changes.append(Change(Verdict.RISK, text, ("R-4.5",), confidence, About(gained=flag)))
    for flag in flag_names(before.flags & ~after.flags, old.knowledge):
        if flag in risky_flags("lost"):
            text = f"{name} lost {flag}: the verifier may reject a caller that relies on it"
            changes.append(Change(Verdict.RISK, text, ("R-4.5",), confidence, About(lost=flag)))
    return changes


def proto_changes(name: str, old: Blob, old_func: int, new: Blob, new_func: int) -> list[Change]:
    """Changes of a prototype that libbpf lets pass (R-4.6, R-4.7)."""
    changes: list[Change] = []
    mine, theirs = old.params(old_func), new.params(new_func)
    pairs = [*zip(mine, theirs, strict=False)]
    for position, (one, other) in enumerate(pairs, 1):
        doubt = _type_change(old, one.type, new, other.type)
        lost = [s for s in _LOOSER if s in one.name and s not in other.name]
        stricter = bool(lost) and not any(s in other.name for s in (*_LOOSER, _FILLED_IN))
        if doubt is None and not stricter:
            continue
        was, now = type_text(old, one.type, one.name), type_text(new, other.type, other.name)
        text = f"argument {position} of {name} changed from `{was}` to `{now}`"
        if doubt is not None:
            changes.append(Change(Verdict.RISK, text, ("R-4.7",), doubt))
        if stricter:
            changes.append(Change(Verdict.RISK, f"{text}: NULL may now be rejected", ("R-4.6",), Confidence.MEDIUM))
    first, last = old.ref(old.ref(old_func)), new.ref(new.ref(new_func))
    doubt = _type_change(old, first, new, last)
    if doubt is not None:
        text = f"{name} returned `{type_text(old, first)}` and now returns `{type_text(new, last)}`"
        changes.append(Change(Verdict.RISK, text, ("R-4.7",), doubt))
    return changes


def _type_change(old: Blob, one: int, new: Blob, other: int) -> Confidence | None:
    """R-4.7: integers of another width are a risk to meaning, another struct one of refusal; None for no change."""
    mine, theirs = type_class(old, one), type_class(new, other)
    if mine == theirs == "scalar" and old.size(one) != new.size(other):
        return None if _only_wider(old, one, new, other) else Confidence.LOW
    if mine == theirs == "struct*":
        was = old.name(old.skip(old.ref(old.skip(one))))
        now = new.name(new.skip(new.ref(new.skip(other))))
        # The verifier takes every struct bpf_dynptr* and bpf_dynptr_kern* for a dynptr, whatever the name.
        if was != now and not (was.startswith("bpf_dynptr") and now.startswith("bpf_dynptr")):
            return Confidence.MEDIUM
    return None


def _only_wider(old: Blob, one: int, new: Blob, other: int) -> bool:
    """R-12.19: compilers zero-extend an unsigned number, so a wider one means the same; a signed one may not."""
    bare = old.skip(one)
    unsigned = old.kind(bare) != Kind.INT or not old.int_(bare).signed
    return unsigned and new.size(other) > old.size(bare)


def core_findings(old: Context, new: Context, program: Program) -> list[Finding]:
    """CO-RE records that find something on both kernels, or flip, and thereby change what the program does."""
    found: dict[tuple[str, str], Finding] = {}
    appeared: list[tuple[Function, int]] = []
    gone: list[tuple[Function, int]] = []
    btf = new.obj.btf
    if btf is None:
        return []
    sized = _sized_specs(program)
    for function in program.functions:
        before, after = old.relocs(function), new.relocs(function)
        for index, now in after.items():
            was = before.get(index)
            if was is None or "error" in (was.outcome, now.outcome):
                continue
            relo = function.relos[function.core[index]][1]
            asked = relo.kind in EXISTENCE and was.new != now.new
            vanished = relo.kind == ReloKind.TYPE_SIZE and bool(was.new) and not now.new
            made = None
            if relo.kind == ReloKind.BYTE_OFF and (relo.type_id, relo.access) not in sized:
                made = _width(old, new, function, index, was, now)
            if not (asked or vanished or made) or not new.reachable(program).is_reached(function, index):
                continue
            if asked:
                (gone if was.new and not now.new else appeared).append((function, index))
            elif made is not None:
                found[made.name, "width"] = made
            else:
                name = spec_text(parse_spec(btf, relo))
                text = f"{name} no longer exists, so its size is 0"
                found[name, "size"] = _field_finding(old, new, function, index, name, Verdict.RISK, text, ("R-3.5",))
    if not appeared:
        for function, index in gone:
            relo = function.relos[function.core[index]][1]
            name = spec_text(parse_spec(btf, relo))
            text = f"{name} no longer exists; the program takes the other branch"
            made = _field_finding(old, new, function, index, name, Verdict.DEGRADES, text, ("R-3.5", "R-3.11"))
            found.setdefault((name, "exists"), made)
    return list(found.values())


def _sized_specs(program: Program) -> set[tuple[int, str]]:
    """Fields whose size the program asks for by a record of its own."""
    return {
        (r.type_id, r.access) for f in program.functions for _, r in f.relos if r.kind == ReloKind.BYTE_SZ
    }  # fmt: skip


def _field_finding(
    old: Context,
    new: Context,
    function: Function,
    index: int,
    name: str,
    verdict: Verdict,
    text: str,
    rules: tuple[str, ...],
) -> Finding:
    relo = function.relos[function.core[index]][1]
    kind = need_kind(relo.kind)
    return Finding(kind, name, verdict, text, rules, confidence=Confidence.MEDIUM,
                   evidence=field_evidence(old, new, function, index),
                   sites=(site(function, index, True),))  # fmt: skip


def _width(old: Context, new: Context, function: Function, index: int, was: Reloc, now: Reloc) -> Finding | None:
    """R-3.13: an address computed for a read of the local size, while the field has another size on the new kernel."""
    btf = new.obj.btf
    if function.insns[index].op & 7 not in (ALU, ALU64) or btf is None or was.target is None or now.target is None:
        return None
    before, theirs = _final_size(was.target), _final_size(now.target)
    if before is None or theirs is None or before == theirs:
        return None
    local = parse_spec(btf, function.relos[function.core[index]][1])
    mine = _final_size(local)
    if mine is None or mine != before:
        return None
    wrong = theirs < mine or new.obj.endian == ">"
    verdict = Verdict.SILENT if wrong else Verdict.RISK
    name = spec_text(local)
    became = "grew" if theirs > mine else "shrank"
    text = f"{name} {became} from {mine} to {theirs} bytes; the program still reads {mine}"
    return _field_finding(old, new, function, index, name, verdict, text, ("R-3.13",))


def _final_size(spec: Spec) -> int | None:
    """Size in bytes of an integer or enum member at the end of a spec; None for anything else."""
    step = spec.steps[-1] if spec.steps else None
    if step is None or not step.name:
        return None
    member = spec.blob.members(step.type)[step.place]
    bare = spec.blob.skip(member.type)
    if member.bit_size or spec.blob.kind(bare) not in (Kind.INT, Kind.ENUM, Kind.ENUM64):
        return None
    return spec.blob.size(bare)
