# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""``kfuncscope check``: judge an upgrade."""

from __future__ import annotations

import argparse
import sys

from kfuncscope.cli import report_commands
from kfuncscope.cli.given import session
from kfuncscope.cli.output import ProgressLine, clean, patient, table, verdict_word
from kfuncscope.decision.policy import Decision
from kfuncscope.model.analysis import Analysis, ArchResult
from kfuncscope.model.verdict import SEVERITY, Finding, NeedKind, ProgramVerdict, Verdict
from kfuncscope.upgrade import jsonform
from kfuncscope.upgrade.analyse import analyse

EXIT_INPUT = 3


def run(arguments: argparse.Namespace) -> int:
    """Analyse, print, write reports; the exit code follows ``--fail-on`` (by default: something breaks)."""
    report_commands.check_report_options(arguments)
    shard = report_commands.shard_of(arguments)
    progress = ProgressLine()
    try:
        analysis = analyse(session(arguments), progress, arguments.workers, shard)
    finally:
        progress.end()
    decision = report_commands.decided(analysis, arguments)
    with patient():
        _print(analysis, decision, arguments, shard)
    code = report_commands.conclude(analysis, decision, arguments, shard)
    return EXIT_INPUT if not analysis.objects and analysis.problems else code


def _print(analysis: Analysis, decision: Decision, arguments: argparse.Namespace, shard: jsonform.Shard | None) -> None:
    if arguments.format == "json":
        sys.stdout.buffer.write(jsonform.dumps(analysis, decision, shard))
    else:
        print_analysis(analysis, everything=arguments.all)


def print_analysis(analysis: Analysis, everything: bool = False) -> None:
    """The analysis as text: a table for each architecture, reasons, what could not be checked."""
    for arch in analysis.arches if analysis.objects else ():
        _print_arch(arch, everything)
    if analysis.problems:
        print("could not check:")
        for problem in analysis.problems:
            where = f" at offset {problem.offset:#x}" if problem.offset is not None else ""
            print(f"  {clean(problem.path)}{where}: {clean(problem.reason)}")


def _print_arch(arch: ArchResult, everything: bool) -> None:
    counts = arch.counts()
    told = "  ".join(f"{verdict_word(v)} {counts[v]}" for v in Verdict if counts[v])
    told = told or "no object is meant for it: none has its byte order"
    inferred = " (inferred)" if arch.inferred else ""
    print(f"{arch.arch}{inferred}: {clean(arch.old.release)} → {clean(arch.new.release)}   {told}")
    rows = [
        (program, obj.object)
        for obj in arch.objects
        for program in obj.programs
        if everything or SEVERITY[program.verdict] or program.verdict == Verdict.FIXED
    ]
    rows.sort(key=lambda r: (-SEVERITY[r[0].verdict], r[1], r[0].program))
    if arch.inferred and not everything:
        # They repeat the judged architecture; only what their JITs add is news.
        rows = [r for r in rows if any(f.kind == NeedKind.JIT and f.verdict == Verdict.BREAKS for f in r[0].findings)]
    if rows:
        table(
            ("verdict", "object", "program", "why"),
            [(verdict_word(p.verdict), o, p.program, why(p)) for p, o in rows],
        )
    broken = [o for o in arch.objects if not arch.inferred and o.findings and o.findings[0].verdict == Verdict.BREAKS]
    for obj in broken:
        print(f"  whole object: {clean(obj.object)}: {clean(obj.findings[0].message)}")
    print()


def why(program: ProgramVerdict) -> str:
    """One line that tells the reason of a program's verdict, with rules and the first place."""
    finding = next((f for f in program.findings if f.verdict == program.verdict), None)
    if finding is None:
        return program.unchecked[0] if program.unchecked else program.new.reason
    return f"{finding.message} [{', '.join(finding.rules)}]{_place(finding)}"


def _place(finding: Finding) -> str:
    for one in finding.sites:
        if one.file:
            return f" at {one.file.rsplit('/', 1)[-1]}:{one.line}"
    return ""
