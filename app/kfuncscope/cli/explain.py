# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""``kfuncscope explain``: the chain from a program's verdict to rule, instruction, source line and declarations."""

from __future__ import annotations

import argparse

from kfuncscope.cli.given import first_problem, session
from kfuncscope.cli.output import clean, verdict_word
from kfuncscope.errors import UsageError
from kfuncscope.rules.verdict import Finding, ObjectVerdict, Outcome, ProgramVerdict, Verdict
from kfuncscope.upgrade.analyse import analyse


def run(arguments: argparse.Namespace) -> int:
    """Explain one program on every architecture given; exit 1 where it breaks."""
    path, colon, wanted = arguments.target.rpartition(":")
    if not colon:
        path, wanted = arguments.target, ""
    analysis = analyse(session(arguments, [path]))
    if not analysis.objects and analysis.problems:
        raise first_problem(analysis.problems)
    shown, broken = 0, False
    for arch in analysis.arches:
        if arch.inferred:
            continue
        for obj in arch.objects:
            for program in obj.programs:
                if wanted in ("", program.program):
                    print(f"== {arch.arch} {arch.old.release} → {arch.new.release}")
                    _explain(obj, program)
                    shown += 1
                    broken |= program.verdict == Verdict.BREAKS
    if not shown:
        names = ", ".join(p.program for o in analysis.arches[0].objects for p in o.programs)
        raise UsageError(arguments.target, f"no program {wanted!r} in this object; it has {names or 'none'}")
    return int(broken)


def _explain(obj: ObjectVerdict, program: ProgramVerdict) -> None:
    print(f'{clean(obj.object)} › {clean(program.program)}  SEC("{clean(program.section)}")  {program.prog_type}')
    print(f"{verdict_word(program.verdict)}   reaches: {program.reach.value}")
    if program.old:
        print(f"  old kernel: {_outcome(program.old)}")
    print(f"  new kernel: {_outcome(program.new)}")
    print(f"  object: {verdict_word(obj.verdict)}: {clean(obj.reason)}")
    for finding in (*program.findings, *obj.findings):
        _finding(finding)
    for text in program.unchecked:
        print(f"  could not check: {clean(text)}")
    print()


def _outcome(outcome: Outcome) -> str:
    reason = f"; {outcome.cls}: {clean(outcome.reason)}" if outcome.reason else ""
    return f"loads {outcome.loads.value}, attaches {outcome.attaches.value}{reason}"


def _finding(finding: Finding) -> None:
    print(f"  - {verdict_word(finding.verdict)} {finding.kind.value} {clean(finding.name)}: {clean(finding.message)}")
    print(
        f"    rules {', '.join(finding.rules)} · confidence {finding.confidence.value} · reaches {finding.reach.value}"
    )
    for site in finding.sites[:8]:
        where = f"{site.file}:{site.line} " if site.file else ""
        state = "" if site.reachable is None else ", reachable" if site.reachable else f", kept away by {site.guard}"
        print(f"    at {clean(where)}(insn {site.insn} of {clean(site.function)}{clean(state)})  {clean(site.text)}")
    for label, text in (("old", finding.evidence.old), ("new", finding.evidence.new)):
        if text or finding.evidence.old or finding.evidence.new:
            indented = clean(text or "(absent)").replace("\n", "\n         ")
            print(f"    {label}: {indented}")
    for name, old, new in finding.evidence.facts:
        print(f"    {name}: {clean(old) or '-'} → {clean(new) or '-'}")
    if finding.remedy:
        print(f"    remedy: {clean(finding.remedy.text)}")
        for line in finding.remedy.code.splitlines():
            print(f"      {clean(line)}")
