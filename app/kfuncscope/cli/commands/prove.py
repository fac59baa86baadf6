# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""``kfuncscope prove``: load the programs into the kernel in a virtual machine and compare with the prediction."""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Callable, Sequence

from kfuncscope.cli.formats import emit
from kfuncscope.cli.given import objects_of, split, tell
from kfuncscope.cli.output import clean
from kfuncscope.cli.proving import options_of, print_proof, proved
from kfuncscope.decision.exits import Exit, status
from kfuncscope.errors import InputError, UsageError
from kfuncscope.intake.kernels import named_kernels
from kfuncscope.kernel.kernel import open_kernel
from kfuncscope.model.proof import Proof
from kfuncscope.model.verdict import Tri
from kfuncscope.prove import prove
from kfuncscope.prove.session import packages_of
from kfuncscope.report.proof import proof_rows
from kfuncscope.rules.judge import ObjectJudgement
from kfuncscope.storage.files import InputProblem
from kfuncscope.upgrade.jsonform import plain

_ONLY = {"breaks": Tri.NO, "unknown": Tri.UNKNOWN}


HEAD = ("arch", "release", "agreement", "object", "program", "predicted", "seen", "line")


def run(arguments: argparse.Namespace) -> Exit:
    """Prove on every kernel given; FAILED where ``--fail-on disagree`` finds one, INCOMPLETE without an answer."""
    given, objects = split(arguments.kernel, arguments.objects)
    options, wanted = options_of(arguments), _wanted(arguments.only)
    files, problems = objects_of(objects, arguments)
    found, bad = named_kernels(given)
    problems += bad
    proofs = []
    for _, parts in found:
        try:
            kernel = open_kernel(parts)
            subject = prove.prepare(kernel, packages_of(kernel, given), files, options, wanted)
        except InputError as error:
            problems.append(InputProblem(error.source, error.reason, error.offset))
            continue
        problems += subject.problems
        if arguments.plan:
            print("\n".join(map(clean, prove.plan_lines(subject))))
            continue
        try:
            proofs.append(proved(subject))
        except prove.Stopped as stop:
            _print([*proofs, stop.proof], arguments)
            tell(problems, False)
            raise stop.by from None
    if not arguments.plan:
        _print(proofs, arguments)
    failed = arguments.fail_on == "disagree" and any(p.disagreements for p in proofs)
    told = tell(problems, failed)
    unseen = any(one.seen == Tri.UNKNOWN for proof in proofs for one in proof.objects)
    return status(failed, unseen or told is Exit.INCOMPLETE)


def _wanted(only: str | None) -> Callable[[ObjectJudgement], bool]:
    words = only.split(",") if only else []
    for word in words:
        if word not in _ONLY:
            raise UsageError("--only", f"{word!r} is neither breaks nor unknown")
    answers = {_ONLY[word] for word in words}

    def wanted(judged: ObjectJudgement) -> bool:
        return not answers or bool(answers & {judged.loads, *(p.attaches for p in judged.programs)})

    return wanted


def _print(proofs: Sequence[Proof], arguments: argparse.Namespace) -> None:
    if arguments.format != "table":
        told = [plain(p) for p in proofs]
        whole: object = {"format": "kfuncscope-proof", "format_version": 1, "proof": told}
        rows = [(p.arch, p.release, *dataclasses.astuple(row)) for p in proofs for row in proof_rows(p, arguments.all)]
        emit(arguments.format, "Proof by booting", HEAD, rows, whole if arguments.format == "json" else told)
        return
    for proof in proofs:
        print_proof(proof, arguments.all)
