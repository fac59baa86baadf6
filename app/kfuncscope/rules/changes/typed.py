# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Reads that load on both kernels and find something else on the new one (R-12.4, R-12.5, R-12.6).

A number where an address was, read by a helper; accesses relocated for one struct that meet another: the test that
chose this branch was written for a kernel whose arguments stood in another order; and reads at a fixed offset behind
which another member lies now.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from kfuncscope.bpf.object import BpfObject, Program
from kfuncscope.btf.blob import Blob
from kfuncscope.btf.declare import members_flat
from kfuncscope.btf.layout import COMPOSITES, Kind
from kfuncscope.model.verdict import About, Confidence, Evidence, Finding, NeedKind, Verdict
from kfuncscope.rules.changes.evidence import hook_evidence, place_text, site
from kfuncscope.rules.checks.typed_access import typed_uses
from kfuncscope.rules.context import Context
from kfuncscope.rules.flow.ctx_args import type_class
from kfuncscope.rules.flow.typed import Held, Use
from kfuncscope.rules.flow.walk import MAX_STEPS, chain, walk

Place = tuple[str, int, int, str]


def typed_findings(old: Context, new: Context, program: Program) -> list[Finding]:
    """One finding for each argument that is read as what it no longer is, and one for all reads of moved members."""
    before = {_place(use): use for use in typed_uses(old, program)}
    found: dict[tuple[str, str], Finding] = {}
    moved: list[tuple[Use, Use, str, Confidence]] = []
    for use in typed_uses(new, program):
        then = before.get(_place(use))
        if use.kind == "read" and then is None:
            text = f"{use.origin} is now `{use.detail}`; the program reads memory at its value"
            rule = "R-12.4"
        elif use.kind == "root" and _strange(new, use) and (then is None or not _strange(old, then)):
            met = _name(new, use)
            text = f"{use.origin} is now a struct {met}; the program reads it as struct {use.detail}"
            rule = "R-12.5"
        else:
            if use.kind == "member" and then is not None and (told := _moved(old, new, then, use)) is not None:
                moved.append((then, use, *told))
            continue
        found.setdefault((use.kind, use.origin), _finding(old, new, program, rule, text, [use]))
    if moved:
        found["member", ""] = _moved_finding(old, new, program, moved)
    return list(found.values())


def _moved_finding(
    old: Context, new: Context, program: Program, moved: Sequence[tuple[Use, Use, str, Confidence]]
) -> Finding:
    """One finding for all reads of a program that meet other members: what changed is the struct, not the hook."""
    then, now, text, _ = moved[0]
    more = f", and so with {len(moved) - 1} other reads" if len(moved) > 2 else ""
    more = ", and so with another read" if len(moved) == 2 else more
    confidence = min((sure for *_, sure in moved), key=list(Confidence).index)
    unsure = "; the object's BTF does not say which member it means" if confidence == Confidence.LOW else ""
    made = _finding(old, new, program, "R-12.6", text + more + unsure, [use for _, use, *_ in moved], confidence)
    evidence, name = Evidence(_layout(old, then), _layout(new, now)), _name(new, now)
    return replace(made, evidence=evidence, changed=f"struct {name}", about=About(struct=name))


def _layout(ctx: Context, use: Use) -> str:
    """The struct around the place of a read; empty where it is not known."""
    blob = _blob(ctx, use)
    return "" if blob is None or use.held is None else place_text(blob, use.struct, use.held.offset)


def _finding(
    old: Context,
    new: Context,
    program: Program,
    rule: str,
    text: str,
    uses: Sequence[Use],
    confidence: Confidence = Confidence.MEDIUM,
) -> Finding:
    name = program.section.target or program.section.kind
    evidence = hook_evidence(old.kernel, new.kernel, program)
    sites = tuple(site(use.function, use.at, True) for use in uses)
    # An object that does not say what it means may have been built for a third kernel: then it is wrong on both.
    verdict = Verdict.RISK if confidence == Confidence.LOW else Verdict.SILENT
    return Finding(NeedKind.HOOK, name, verdict, f"{name}: {text}", (rule,), confidence=confidence,
                   evidence=evidence, sites=sites)  # fmt: skip


def _place(use: Use) -> Place:
    return use.function.section, use.function.start, use.at, use.kind


def _moved(old: Context, new: Context, then: Use, now: Use) -> tuple[str, Confidence] | None:
    """What a read at a fixed offset finds in place of its member, and how sure that is; None where that is the same by
    another name, or not what the program was built for either."""
    was, here = then.held, now.held
    before, after = _blob(old, then), _blob(new, now)
    if was is None or here is None or before is None or after is None or not was.type:
        return None
    if was.offset != here.offset or then.origin != now.origin or then.detail == now.detail:
        return None
    name = before.name(then.struct)
    meant = _meant(old.obj, name, was)
    if meant and meant.partition(".")[0] != then.detail.partition(".")[0]:
        return None  # built for another kernel than the old one
    place = f"the program reads `{then.detail}` of struct {name} at fixed offset {was.offset} behind {now.origin}"
    goes_on = _has(after, now.struct, then.detail)
    confidence = Confidence.MEDIUM if meant else Confidence.LOW
    if not here.type:
        return (f"{place}, where no member of {was.size} bytes lies now", confidence) if goes_on else None
    alike = type_class(before, was.type), before.size(was.type)
    if not goes_on and alike == (type_class(after, here.type), after.size(here.type)):
        return None  # renamed, as far as the types tell
    return f"{place}, where `{now.detail}` lies now", confidence


def _meant(obj: BpfObject, name: str, held: Held) -> str:
    """The member that the object itself declares at the place of a read; empty where its BTF does not tell."""
    if obj.btf is None:
        return ""
    for struct in obj.btf.find(name):
        if obj.btf.kind(struct) in COMPOSITES:
            return walk(obj.btf, struct, held.offset, held.size, free_unions=True).path
    return ""


def _has(blob: Blob, struct: int, path: str) -> bool:
    """Whether a struct has a member with the members in it that a path names."""
    for name in path.split("."):
        inside = members_flat(blob, struct) if blob.kind(struct) in COMPOSITES else ()
        found = next((m for m in inside if m.name == name), None)
        if found is None:
            return False
        struct = blob.skip(found.type)
        for _ in range(MAX_STEPS):
            if blob.kind(struct) != Kind.ARRAY:
                break
            struct = blob.skip(blob.array(struct).type)
    return True


def _blob(ctx: Context, use: Use) -> Blob | None:
    return ctx.kernel.modules.blob(use.module) if use.module else ctx.kernel.vmlinux


def _strange(ctx: Context, use: Use) -> bool:
    """Whether the struct that is met is neither the one that the access names, nor a part of it, nor a cast away."""
    blob = _blob(ctx, use)
    if blob is None or use.detail in chain(blob, use.struct) or not blob.name(use.struct):
        return False
    met = blob.name(use.struct)
    return not any(met in chain(blob, one) or _part_of(blob, use.struct, one) for one in blob.find(use.detail))


def _part_of(blob: Blob, part: int, whole: int) -> bool:
    """Whether all members of one struct lie in the other at the same place (``sockaddr_unsized`` and ``sockaddr``)."""
    if blob.kind(part) not in COMPOSITES or blob.kind(whole) not in COMPOSITES:
        return False
    members, known = (
        {(m.name, m.bit_offset, type_class(blob, m.type)) for m in members_flat(blob, one)} for one in (part, whole)
    )
    return bool(members) and members <= known


def _name(ctx: Context, use: Use) -> str:
    blob = _blob(ctx, use)
    return blob.name(use.struct) if blob is not None else ""
