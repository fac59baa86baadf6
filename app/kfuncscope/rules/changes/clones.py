# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Functions of which the compiler made clones beside the plain name: probes miss the calls of these (R-12.16)."""

from __future__ import annotations

import re

from kfuncscope.bpf.object import Program
from kfuncscope.kernel.kernel import Kernel
from kfuncscope.model.verdict import About, Confidence, Finding, NeedKind, Verdict
from kfuncscope.rules.changes.evidence import hook_evidence
from kfuncscope.rules.context import Context
from kfuncscope.rules.hooks.attach import KPROBE, KPROBE_MULTI
from kfuncscope.rules.hooks.hook import TRAMPOLINE
from kfuncscope.rules.hooks.traced import untraced

# Clones that are called in place of the function; the cold part of one is entered from inside only.
CALLED = re.compile(r"\.(isra|constprop|part)\.\d+")
MOST_NAMED = 3


def clone_findings(old: Context, new: Context, program: Program) -> list[Finding]:
    """A function that stays, and beside which the new kernel has clones that the old one had not.

    A function that nothing attaches to has no calls to miss: that is said where the program attaches (R-7.9).
    """
    section = program.section
    if section.kind not in KPROBE | KPROBE_MULTI and section.attach_type not in TRAMPOLINE:
        return []
    name = section.target.partition("+")[0].rpartition(":")[2]
    if old.kernel.symbols is None or set(name) & set("*?"):
        return []
    clones = _called(new.kernel, name)
    if not clones or _called(old.kernel, name) or any(untraced(c.kernel, section.kind, name) for c in (old, new)):
        return []
    text = f"{name}: the compiler made {', '.join(clones[:MOST_NAMED])} beside it: calls of these are not seen"
    return [
        Finding(NeedKind.HOOK, name, Verdict.RISK, text, ("R-12.16",), confidence=Confidence.MEDIUM,
                evidence=hook_evidence(old.kernel, new.kernel, program),
                about=About(symbols=tuple(clones[:MOST_NAMED])))
    ]  # fmt: skip


def _called(kernel: Kernel, name: str) -> list[str]:
    """Clones of a function that is there too under its own name."""
    if kernel.symbols is None or not kernel.symbols.is_function(name):
        return []
    return [clone for clone in kernel.symbols.clones(name) if CALLED.fullmatch(clone.removeprefix(name))]
