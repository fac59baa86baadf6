# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Reads that load on both kernels and find something else on the new one (R-12.4, R-12.5, R-12.6).

A number where an address was, read by a helper; accesses relocated for one struct that meet another: the test that
chose this branch was written for a kernel whose arguments stood in another order; and reads at a fixed offset behind
which another member lies now.
"""

from __future__ import annotations

from kfuncscope.bpf.object import Program
from kfuncscope.btf.blob import Blob
from kfuncscope.btf.declare import members_flat
from kfuncscope.btf.layout import COMPOSITES, Kind
from kfuncscope.model.verdict import Confidence, Finding, NeedKind, Verdict
from kfuncscope.rules.changes.evidence import hook_evidence, site
from kfuncscope.rules.checks.typed_access import typed_uses
from kfuncscope.rules.context import Context
from kfuncscope.rules.flow.ctx_args import type_class
from kfuncscope.rules.flow.typed import Use
from kfuncscope.rules.flow.walk import MAX_STEPS, chain

Place = tuple[str, int, int, str]


def typed_findings(old: Context, new: Context, program: Program) -> list[Finding]:
    """One finding for each argument that is read as what it no longer is."""
    before = {_place(use): use for use in typed_uses(old, program)}
    found: dict[tuple[str, str], Finding] = {}
    for use in typed_uses(new, program):
        then = before.get(_place(use))
        if use.kind == "read" and then is None:
            text = f"{use.origin} is now `{use.detail}`; the program reads memory at its value"
            rule = "R-12.4"
        elif use.kind == "root" and _strange(new, use) and (then is None or not _strange(old, then)):
            met = _name(new, use)
            text = f"{use.origin} is now a struct {met}; the program reads it as struct {use.detail}"
            rule = "R-12.5"
        elif use.kind == "member" and then is not None and (moved := _moved(old, new, then, use)):
            text, rule = moved, "R-12.6"
        else:
            continue
        name = program.section.target or program.section.kind
        evidence = hook_evidence(old.kernel, new.kernel, program)
        found.setdefault(
            (use.kind, f"{use.origin} {use.detail if use.kind == 'member' else ''}"),
            Finding(NeedKind.HOOK, name, Verdict.SILENT, f"{name}: {text}", (rule,), confidence=Confidence.MEDIUM,
                    evidence=evidence, sites=(site(use.function, use.at, True),)),
        )  # fmt: skip
    return list(found.values())


def _place(use: Use) -> Place:
    return use.function.section, use.function.start, use.at, use.kind


def _moved(old: Context, new: Context, then: Use, now: Use) -> str:
    """What a read at a fixed offset finds in place of its member; empty where that is the same by another name."""
    was, here = then.held, now.held
    before, after = _blob(old, then), _blob(new, now)
    if was is None or here is None or before is None or after is None or not was.type:
        return ""
    if was.offset != here.offset or then.origin != now.origin or then.detail == now.detail:
        return ""
    name = before.name(then.struct)
    place = f"the program reads `{then.detail}` of struct {name} at fixed offset {was.offset} behind {now.origin}"
    goes_on = _has(after, now.struct, then.detail)
    if not here.type:
        return f"{place}, where no member of {was.size} bytes lies now" if goes_on else ""
    alike = type_class(before, was.type), before.size(was.type)
    if not goes_on and alike == (type_class(after, here.type), after.size(here.type)):
        return ""  # renamed, as far as the types tell
    return f"{place}, where `{now.detail}` lies now"


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
    """Whether the struct that is met is neither the one that the access names nor can be cast to or from it."""
    blob = _blob(ctx, use)
    if blob is None or use.detail in chain(blob, use.struct) or not blob.name(use.struct):
        return False
    met = blob.name(use.struct)
    return not any(met in chain(blob, struct) for struct in blob.find(use.detail))


def _name(ctx: Context, use: Use) -> str:
    blob = _blob(ctx, use)
    return blob.name(use.struct) if blob is not None else ""
