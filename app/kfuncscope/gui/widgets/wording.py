# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A finding in words: its headline, its places, all of it as text to copy, and what booted kernels answered."""

from __future__ import annotations

from kfuncscope.gui.frame.spoken import spoken
from kfuncscope.gui.graph.proofs import Answer
from kfuncscope.model import catalogue
from kfuncscope.model.proof import ObjectProof
from kfuncscope.model.verdict import Finding, Reach, Site, Tri, Verdict

_LOADS = {Tri.YES: "loads", Tri.NO: "is refused", Tri.UNKNOWN: "is not known"}


def headline(finding: Finding) -> str:
    """The verdict of a finding in a few words, in the language of the window."""
    if finding.verdict is Verdict.BREAKS:
        return spoken("Breaks at attach" if finding.reach is Reach.ATTACH else "Breaks at load")
    said = {
        Verdict.SILENT: "Silently different",
        Verdict.RISK: "Meaning changed",
        Verdict.DEGRADES: "A feature is lost",
        Verdict.UNKNOWN: "Unknown",
        Verdict.ALREADY_BROKEN: "Already broken",
        Verdict.FIXED: "Fixed by the upgrade",
    }
    return spoken(said.get(finding.verdict, "Works as before"))


def site_line(site: Site) -> str:
    """A call site in one line: place, instruction, whether it can run, what guards it."""
    place = f"{site.file}:{site.line}" if site.file else site.function
    parts = [place, f"insn {site.insn}"]
    if site.reachable is not None:
        parts.append("reachable" if site.reachable else "never runs")
    if site.guard:
        parts.append(f"guarded: {site.guard}")
    return " · ".join(parts)


def as_text(finding: Finding, where: str) -> str:
    """A finding as plain text for the clipboard."""
    lines = [
        f"{headline(finding)}: {where}",
        finding.message,
        *(f"Rule {rule} {catalogue.title(rule)}".rstrip() for rule in finding.rules),
        f"Confidence {finding.confidence}",
    ]
    if finding.evidence.old:
        lines += ["Old kernel:", finding.evidence.old]
    if finding.evidence.new:
        lines += ["New kernel:", finding.evidence.new]
    lines += [f"  {label}: {old or '–'} -> {new or '–'}" for label, old, new in finding.evidence.facts]
    lines += [f"Called from {site_line(s)}" for s in finding.sites]
    if finding.remedy is not None:
        lines += ["Remedy: " + finding.remedy.text, *(c for _, c in finding.remedy.snippets)]
    return "\n".join(x for x in lines if x)


def answered(answer: Answer) -> tuple[str, str, str]:
    """What one kernel answered: which kernel and how it compares, predicted beside seen, and the kernel's own line."""
    one, proof = answer.one, answer.proof
    if isinstance(one, ObjectProof):
        predicted, seen = _LOADS[one.predicted], _LOADS[one.seen]
    else:
        predicted = _both(one.predicted_loads, one.predicted_attaches)
        seen = _both(one.seen_loads, one.seen_attaches)
    how = f"booted with {proof.accelerator}" if proof.accelerator else "kept from an earlier boot"
    head = f"{answer.release}: {one.agreement.value}"
    return head, f"predicted: {predicted}\nseen: {seen}\n{how}, libbpf {proof.libbpf}", one.line


def _both(loads: Tri, attaches: Tri) -> str:
    if loads is not Tri.YES or attaches is Tri.UNKNOWN:
        return _LOADS[loads]
    return "loads and attaches" if attaches is Tri.YES else "loads, does not attach"
