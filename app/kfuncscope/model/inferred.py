# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Architectures that were only inferred, folded into one line for table, reports and window."""

from __future__ import annotations

from kfuncscope.model.analysis import Analysis
from kfuncscope.model.verdict import Verdict

_SAID = {
    Verdict.BREAKS: "break", Verdict.ALREADY_BROKEN: "refused by both kernels", Verdict.FIXED: "begin to load",
}  # fmt: skip


def inferred_line(analysis: Analysis) -> str:
    """What their JITs say of the programs, marked as inferred; empty where no such architecture was asked for."""
    said = []
    for result in analysis.arches:
        if result.inferred:
            counts = result.counts()
            parts = [f"{counts[v]} {word}" for v, word in _SAID.items() if counts[v]]
            said.append(f"{result.arch} {', '.join(parts) or 'none refused'}")
    return f"Inferred from JIT capabilities alone, not part of the decision: {'; '.join(said)}" if said else ""
