# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""``kfuncscope explain``: the chain from a program's verdict to rule, instruction, source line and declarations."""

from __future__ import annotations

import argparse
from dataclasses import replace

from kfuncscope.cli.conclude import tell_missing
from kfuncscope.cli.given import as_error, session
from kfuncscope.cli.output import clean, clean_lines, patient, verdict_word
from kfuncscope.decision.gate import decide
from kfuncscope.errors import InputError, UsageError
from kfuncscope.kernel.fact_sources import source_of
from kfuncscope.model.analysis import Analysis, KernelInfo
from kfuncscope.model.catalogue import title
from kfuncscope.model.looks import REACHES
from kfuncscope.model.unchecked import incomplete
from kfuncscope.model.verdict import Finding, ObjectVerdict, Outcome, ProgramVerdict, Reach
from kfuncscope.upgrade.analyse import analyse


def run(arguments: argparse.Namespace) -> int:
    """Explain one program on every architecture given; the exit status is the built-in policy's decision about it."""
    path, colon, wanted = arguments.target.rpartition(":")
    if not colon:
        path, wanted = arguments.target, ""
    analysis = analyse(session(arguments, [path]))
    if not analysis.objects and analysis.problems:
        raise as_error(analysis.problems)
    judged = [(a, o, p) for a in analysis.arches if not a.inferred for o in a.objects for p in o.programs]
    chosen = [one for one in judged if wanted in ("", one[2].program)]
    missing = incomplete(analysis)
    if not judged and missing:
        raise InputError(missing[0].where, missing[0].why)
    if not chosen:
        names = ", ".join(dict.fromkeys(program.program for _, _, program in judged))
        raise UsageError(arguments.target, f"no program {wanted!r} in this object; it has {names or 'none'}")
    with patient():
        for arch, obj, program in chosen:
            print(f"== {arch.arch} {clean(arch.old.release)} → {clean(arch.new.release)}")
            _explain(obj, program, arch.new)
    decision = decide(_narrowed(analysis, wanted))
    tell_missing(decision.missing)
    return decision.exit


def _narrowed(analysis: Analysis, wanted: str) -> Analysis:
    """The analysis with only the program asked for, all of them where none was named."""
    arches = []
    for arch in analysis.arches:
        objects = [
            replace(obj, programs=tuple(p for p in obj.programs if wanted in ("", p.program))) for obj in arch.objects
        ]
        arches.append(replace(arch, objects=tuple(objects)))
    return replace(analysis, arches=tuple(arches))


def _explain(obj: ObjectVerdict, program: ProgramVerdict, kernel: KernelInfo) -> None:
    print(f'{clean(obj.object)} › {clean(program.program)}  SEC("{clean(program.section)}")  {program.prog_type}')
    print(f"{verdict_word(program.verdict)}{_reach(program.reach)}")
    if program.old:
        print(f"  old kernel: {_outcome(program.old)}")
    print(f"  new kernel: {_outcome(program.new)}")
    print(f"  object: {verdict_word(obj.verdict)}: {clean(obj.reason)}")
    told = {(f.kind, f.name, f.failure) for f in program.findings}
    for finding in (*program.findings, *(f for f in obj.findings if (f.kind, f.name, f.failure) not in told)):
        _finding(finding, source_of(finding, program.section.lstrip("?"), kernel.facts))
    for text in program.unchecked:
        print(f"  could not check: {clean(text)}")
    print()


def _reach(reach: Reach) -> str:
    return f" · {REACHES[reach]}" if reach is not Reach.NONE else ""


def _code(text: str) -> str:
    """C for the terminal: tabs are part of it, other control characters are not."""
    return clean_lines(text.expandtabs(8))


def _outcome(outcome: Outcome) -> str:
    reason = clean(outcome.reason) + (f" [{clean(outcome.failure)}]" if outcome.failure else "")
    return f"loads {outcome.loads.value}, attaches {outcome.attaches.value}{'; ' if reason else ''}{reason}"


def _finding(finding: Finding, source: str) -> None:
    print(f"  - {verdict_word(finding.verdict)} {finding.kind.value} {clean(finding.name)}: {clean(finding.message)}")
    for one in finding.rules:
        print(f"    rule {clean(one)}  {title(one)}".rstrip())
    if source:
        print(f"    fact about the new kernel from {clean(source)}")
    print(f"    confidence {finding.confidence.value}{_reach(finding.reach)}")
    for site in finding.sites[:8]:
        where = f"{site.file}:{site.line} " if site.file else ""
        state = "" if site.reachable is None else ", reachable" if site.reachable else f", guarded at {site.guard}"
        print(f"    at {clean(where)}(insn {site.insn} of {clean(site.function)}{clean(state)})  {clean(site.text)}")
    for label, text in (("old", finding.evidence.old), ("new", finding.evidence.new)):
        if text or finding.evidence.old or finding.evidence.new:
            indented = _code(text or "(absent)").replace("\n", "\n         ")
            print(f"    {label}: {indented}")
    for name, old, new in finding.evidence.facts:
        print(f"    {name}: {clean(old) or '-'} → {clean(new) or '-'}")
    if finding.remedy:
        print(f"    remedy: {clean(finding.remedy.text)}")
        for other in finding.remedy.candidates:
            print(f"    in its place: {clean(other.name)} ({clean(other.reason)})")
        for caption, text in finding.remedy.snippets:
            print(f"    {clean(caption)}:")
            for line in text.splitlines():
                print(f"      {_code(line)}".rstrip())
