# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Reads that load on both kernels and find something of another type on the new one (R-12.4, R-12.5).

A number where an address was, read by a helper; and accesses relocated for one struct that meet another: the test that
chose this branch was written for a kernel whose arguments stood in another order.
"""

from __future__ import annotations

from kfuncscope.bpf.object import Program
from kfuncscope.model.verdict import Confidence, Finding, NeedKind, Verdict
from kfuncscope.rules.changes.evidence import hook_evidence, site
from kfuncscope.rules.checks.typed_access import typed_uses
from kfuncscope.rules.context import Context
from kfuncscope.rules.flow.typed import Use
from kfuncscope.rules.flow.walk import chain

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
        else:
            continue
        name = program.section.target or program.section.kind
        evidence = hook_evidence(old.kernel, new.kernel, program)
        found.setdefault(
            (use.kind, use.origin),
            Finding(NeedKind.HOOK, name, Verdict.SILENT, f"{name}: {text}", (rule,), confidence=Confidence.MEDIUM,
                    evidence=evidence, sites=(site(use.function, use.at, True),)),
        )  # fmt: skip
    return list(found.values())


def _place(use: Use) -> Place:
    return use.function.section, use.function.start, use.at, use.kind


def _strange(ctx: Context, use: Use) -> bool:
    """Whether the struct that is met is neither the one that the access names nor can be cast to or from it."""
    blob = ctx.kernel.modules.blob(use.module) if use.module else ctx.kernel.vmlinux
    if blob is None or use.detail in chain(blob, use.struct) or not blob.name(use.struct):
        return False
    met = blob.name(use.struct)
    return not any(met in chain(blob, struct) for struct in blob.find(use.detail))


def _name(ctx: Context, use: Use) -> str:
    blob = ctx.kernel.modules.blob(use.module) if use.module else ctx.kernel.vmlinux
    return blob.name(use.struct) if blob is not None else ""
