# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Booting from the command line: options, progress, the table of answers; for ``prove``, ``check``, ``knowledge``."""

from __future__ import annotations

import argparse
import dataclasses
import signal
from itertools import chain

from kfuncscope.cli.given import section_types
from kfuncscope.cli.output import Painted, ProgressLine, clean, coloured, patient, say, table
from kfuncscope.errors import InputError, UsageError
from kfuncscope.intake.objects import object_files
from kfuncscope.model.analysis import Analysis
from kfuncscope.model.proof import Agreement, ObjectProof, Proof
from kfuncscope.prove import prove
from kfuncscope.prove.kernels import wanted_names
from kfuncscope.prove.session import not_booted, subjects, unanswered
from kfuncscope.prove.setup import Setup, read_setup
from kfuncscope.report.proof import facts, proof_rows, totals
from kfuncscope.session.session import Session
from kfuncscope.storage.files import InputProblem

HEAD = ("agreement", "object", "program", "predicted", "seen", "line")
_COLOURS = {Agreement.AGREE: "32", Agreement.DISAGREE: "31", Agreement.BEYOND: "33", Agreement.NOT_SEEN: "90"}


def options_of(arguments: argparse.Namespace) -> prove.Options:
    """The options as the engine takes them. Raises InputError for a set-up file that cannot be read."""
    if not 1 <= arguments.timeout <= 3600:
        raise UsageError("--timeout", "expected a number of seconds from 1 to 3600")
    modules = None if arguments.modules == "auto" else tuple(wanted_names(arguments.modules.replace("none", "")))
    return prove.Options(
        accel=arguments.accel, seconds=arguments.timeout, guest=tuple(arguments.guest), modules=modules,
        setup=read_setup(arguments.setup) if arguments.setup else Setup(), attach=not arguments.no_attach,
        section_types=section_types(arguments),
    )  # fmt: skip


def proved(subject: prove.Subject) -> Proof:
    """Boot with a line of progress. Ctrl+C and SIGTERM end the guest: raises prove.Stopped with what was seen."""
    progress = ProgressLine()
    count = 0

    def on_object(one: ObjectProof) -> None:
        nonlocal count
        count += 1
        progress(count, len(subject.tasks), one.object)

    before = signal.signal(signal.SIGTERM, _ended)
    try:
        progress(0, len(subject.tasks), f"booting {subject.kernel.release}")
        return prove.run(subject, on_object)
    finally:
        signal.signal(signal.SIGTERM, before)
        progress.end()


def _ended(number: int, frame: object) -> None:
    """SIGTERM unwinds as Ctrl+C does, so that neither the guest nor its files stay behind."""
    raise SystemExit(128 + number)


def proved_analysis(
    analysis: Analysis, session: Session, arguments: argparse.Namespace
) -> tuple[Analysis, BaseException | None]:
    """The analysis with what both kernels of each architecture answered; one that cannot be booted is a problem.

    Also Ctrl+C or SIGTERM where they ended it early, for the caller to raise when the analysis is printed.
    """
    options = options_of(arguments)
    files, _ = object_files(session.objects)
    wanted = {info.sha256 for info in analysis.objects}
    files = [file for file in files if file.sha256 in wanted]
    proofs: list[Proof] = []
    problems = list(analysis.problems)
    stopped: BaseException | None = None
    for subject in chain.from_iterable(subjects(refs, files, options) for refs in (session.old, session.new)):
        if isinstance(subject, InputProblem):
            problems.append(subject)
            continue
        try:
            proofs.append(proved(subject))
        except prove.Stopped as stop:
            proofs.append(stop.proof)
            stopped = stop.by
        except InputError as error:
            problems.append(not_booted(error))
            continue
        problems += unanswered(proofs[-1])
        if stopped is not None:
            break
    return dataclasses.replace(analysis, proof=tuple(proofs), problems=tuple(problems)), stopped


def print_proof(proof: Proof, everything: bool = False) -> None:
    """One kernel's proof as a table: what disagrees first; what agrees only where everything is asked for."""
    with patient():
        print(f"{proof.arch}: {clean(proof.release)}   {totals(proof)}")
        print(f"  {clean(facts(proof))}")
    rows = [
        (_word(row.agreement), row.object, row.program or "(whole object)", row.predicted, row.seen, row.line)
        for row in proof_rows(proof, everything)
    ]
    if rows:
        table(HEAD, rows)
    for note in proof.notes:
        say(f"kfuncscope: {clean(note)}")


def _word(agreement: Agreement) -> str:
    return Painted(agreement.value, _COLOURS[agreement]) if coloured() else agreement.value
