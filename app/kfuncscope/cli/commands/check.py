# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""``kfuncscope check``: judge an upgrade."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Sequence

from kfuncscope.cli.commands import census
from kfuncscope.cli.commits import check_repository, print_origins, searched
from kfuncscope.cli.conclude import conclude, decided
from kfuncscope.cli.formats import formatted, to_stdout
from kfuncscope.cli.given import session
from kfuncscope.cli.options import check_report_options, shard_of
from kfuncscope.cli.output import MANNERS, ProgressLine, clean, out, patient, table, verdict_word
from kfuncscope.cli.part import check_part_options, part_of
from kfuncscope.decision.gate import Decision, all_unchecked, decide
from kfuncscope.errors import UsageError
from kfuncscope.extras import need
from kfuncscope.model.analysis import Analysis, ArchResult
from kfuncscope.model.causes import Cause, causes_of
from kfuncscope.model.inferred import inferred_line
from kfuncscope.model.rows import own_findings
from kfuncscope.model.unchecked import Unchecked, by_arches, by_reason, elsewhere, shared
from kfuncscope.model.verdict import SEVERITY, Finding, ProgramVerdict, Reach, Verdict
from kfuncscope.report import Report, make
from kfuncscope.session.session import Session
from kfuncscope.storage.files import Place
from kfuncscope.upgrade import jsonform
from kfuncscope.upgrade.analyse import analyse

FEW = 4  # places of one reason that are named in the table where no input is at stake


def run(arguments: argparse.Namespace) -> int:
    """Analyse, print, write reports; the exit status is the decision that table and reports print."""
    check_report_options(arguments)
    check_part_options(arguments)
    check_repository(arguments)
    shard = shard_of(arguments)
    progress = ProgressLine()
    try:
        analysis = _analysis(arguments, progress, shard)
    finally:
        progress.end()
    stopped: BaseException | None = None
    if arguments.prove:
        from kfuncscope.cli.proving import proved_analysis

        analysis, stopped = proved_analysis(analysis, session(arguments), arguments)
    analysis = searched(part_of(analysis, arguments), arguments)
    decision, found = decided(analysis, arguments)
    by_cause = arguments.group == "cause"
    show(
        arguments,
        decision,
        lambda: make(analysis, decision, found, shard=shard),
        lambda: print_analysis(analysis, decision, everything=arguments.all, by_cause=by_cause),
    )
    exit_status = conclude(analysis, decision, arguments, found, shard)
    if stopped is not None:
        raise stopped
    return exit_status


def show(
    arguments: argparse.Namespace, decision: Decision, made: Callable[[], Report], tabled: Callable[[], None]
) -> None:
    """A result on standard output, in the form that was asked for; nothing where a report goes there."""
    with patient():
        if to_stdout(arguments):
            return
        if arguments.format != "table":
            out(formatted(made(), arguments.format))
        elif MANNERS.quiet:
            print_decision(decision)
        else:
            tabled()


def _analysis(arguments: argparse.Namespace, progress: ProgressLine, shard: jsonform.Shard | None) -> Analysis:
    """The analysis of what was given: of an upgrade, with a census beside it, or of what runs."""
    if arguments.running:
        if shard is not None or arguments.census or arguments.prove or arguments.cluster:
            raise UsageError("--running", "cannot be combined with --shard, --census, --prove or --cluster")
        return census.check_running(arguments, progress)
    if not arguments.old:
        raise UsageError("--old", "required, unless --running says what runs on the old kernel")
    if arguments.cluster:
        found = _on_cluster(session(arguments), arguments.cluster, progress, shard)
    else:
        found = analyse(session(arguments), progress, arguments.workers, shard)
    return census.with_census(found, arguments, progress) if arguments.census else found


def _on_cluster(given: Session, address: str, progress: ProgressLine, shard: jsonform.Shard | None) -> Analysis:
    """The analysis by the workers of a Dask scheduler. Raises where it cannot be reached."""
    need("cluster", "--cluster")
    from kfuncscope.upgrade.executors.cluster import farm

    progress(0, 1, f"connecting to {address}")
    with farm(address) as workers:
        return analyse(given, progress, shard=shard, farm=workers)


def print_analysis(
    analysis: Analysis, decision: Decision | None = None, everything: bool = False, by_cause: bool = False
) -> None:
    """The analysis as text: a table for each architecture, reasons, what could not be checked, the decision.

    The built-in policy decides where no decision is given.
    """
    decision = decision or decide(analysis)
    judged = [arch for arch in analysis.arches if not arch.inferred]
    for arch in judged:
        if by_cause:
            _print_counts(arch)
        else:
            _print_arch(arch, everything)
    if by_cause:
        _print_causes(analysis)
    print_origins(analysis)
    if line := inferred_line(analysis):
        print(clean(line))
    for info in shared(analysis):
        print(f"equal in {len(info.places)} places: {clean(info.name)}: {clean(', '.join(map(place, info.places)))}")
    if analysis.proof:
        from kfuncscope.cli.proving import print_proof

        for proof in analysis.proof:
            print_proof(proof, everything)
    if analysis.census is not None:
        print(census.on_hosts(analysis.census))
    _print_elsewhere(analysis)
    print_unchecked(all_unchecked(analysis, decision))
    print_decision(decision)


def print_decision(decision: Decision) -> None:
    """The decision in one line, with its reasons, what decided, and the exit status."""
    why = f": {'; '.join(decision.reasons)}" if decision.reasons else ""
    print(f"{decision.headline}{clean(why)} (by {clean(decision.by)}; exit status {decision.exit.value})")


def place(one: Place) -> str:
    """Where an object was found: package, path, offset."""
    at = f"@{one.offset:#x}" if one.offset else ""
    return f"{one.package}: {one.path}{at}" if one.package else f"{one.path}{at}"


def _print_elsewhere(analysis: Analysis) -> None:
    for arches, names in by_arches(elsewhere(analysis)):
        print(f"built for another architecture than {', '.join(arches)} ({len(names)}): {clean(', '.join(names))}")


def print_unchecked(listed: Sequence[Unchecked]) -> None:
    """What could not be checked, equal reasons together."""
    if not listed:
        return
    print(f"could not check ({len(listed)}):")
    for why, members in by_reason(listed):
        named = [one for one in members if one.given]
        for one in named:
            print(f"  {clean(one.place)}: {clean(why)}")
        rest = [one.place for one in members if not one.given]
        if rest:
            more = f" and {len(rest) - FEW} more" if len(rest) > FEW else ""
            print(f"  {clean(', '.join(rest[:FEW]))}{more}: {clean(why)}")


def _print_causes(analysis: Analysis) -> None:
    """One line for each thing that changed in the kernel, whatever the architecture."""
    listed = causes_of(analysis)
    if listed:
        head = ("verdict", "what changed", "extent", "what to do")
        table(head, [(verdict_word(c.verdict), c.title, c.extent, _remedy(c)) for c in listed])
    print()


def _remedy(cause: Cause) -> str:
    return next((r.finding.remedy.text for r in cause.rows if r.finding.remedy is not None), "")


def _print_counts(arch: ArchResult) -> None:
    counts = arch.counts()
    said = "  ".join(f"{verdict_word(v)} {counts[v]}" for v in Verdict if counts[v])
    print(f"{arch.arch}: {clean(arch.old.release)} → {clean(arch.new.release)}   {said or 'no program was judged'}")


def _print_arch(arch: ArchResult, everything: bool) -> None:
    _print_counts(arch)
    listed = [
        (program, obj.object)
        for obj in arch.objects
        for program in obj.programs
        if everything or SEVERITY[program.verdict] or program.verdict == Verdict.FIXED
    ]
    listed.sort(key=lambda r: (-SEVERITY[r[0].verdict], r[1], r[0].program))
    if listed:
        table(
            ("verdict", "object", "program", "why"),
            [(verdict_word(p.verdict), o, p.program, why(p)) for p, o in listed],
        )
    _print_broken(arch)
    print()


def _print_broken(arch: ArchResult) -> None:
    broken: Iterable[tuple[str, Finding]] = (
        (obj.object, finding)
        for obj in arch.objects
        for finding in own_findings(obj)
        if finding.verdict == Verdict.BREAKS
    )
    for name, finding in broken:
        print(f"  whole object: {clean(name)}: {clean(finding.message)}")


def why(program: ProgramVerdict) -> str:
    """One line that tells the reason of a program's verdict, with rules and the first place."""
    finding = next((f for f in program.findings if f.verdict == program.verdict), None)
    if finding is None:
        return program.unchecked[0] if program.unchecked else program.new.reason
    whole = "; libbpf rejects the whole object" if finding.reach is Reach.OBJECT else ""
    whole = "" if whole.strip("; ") in finding.message else whole
    return f"{finding.message}{whole} [{', '.join(finding.rules)}]{_place(finding)}"


def _place(finding: Finding) -> str:
    for one in finding.sites:
        if one.file:
            return f" at {one.file.rsplit('/', 1)[-1]}:{one.line}"
    return ""
