# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""How commands end: problems on standard error, reports written, and the exit status that the decision has."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence

from kfuncscope.cli.options import annotation, fail_on, policy_of
from kfuncscope.cli.output import clean, out, say
from kfuncscope.decision import compare
from kfuncscope.decision.exits import Exit, status
from kfuncscope.decision.gate import Decision, decide
from kfuncscope.errors import InputError, kept
from kfuncscope.model.analysis import Analysis
from kfuncscope.model.unchecked import Unchecked
from kfuncscope.report import Report, annotate, make, render, stdout_format, write
from kfuncscope.report.safe import visible
from kfuncscope.storage.writing import write_file
from kfuncscope.upgrade import jsonform


def tell_missing(missing: Iterable[Unchecked]) -> None:
    """Name on standard error what a decision misses: what could not be read, judged or compared."""
    for one in dict.fromkeys((m.place, m.why) for m in missing):
        say(f"kfuncscope: {clean(': '.join(one))}")


def decided(analysis: Analysis, args: argparse.Namespace) -> tuple[Decision, compare.Comparison | None]:
    """The decision by policy, ``--fail-on`` and baseline, with the comparison where a baseline was given."""
    found = compare.compare(jsonform.load(args.baseline)[0], analysis) if args.baseline else None
    return decide(analysis, policy_of(args), fail_on=fail_on(args), comparison=found), found


def conclude(
    analysis: Analysis,
    decision: Decision,
    args: argparse.Namespace,
    found: compare.Comparison | None = None,
    shard: jsonform.Shard | None = None,
) -> Exit:
    """Write the reports that were asked for and say why the run fails; the exit status is the decision's.

    A report that cannot be written keeps no other from being written, and counts as something that was not checked.
    """
    failed: list[InputError] = []
    if args.report or args.annotate:
        made = make(analysis, decision, found, shard=shard)
        failed = _write(made, args)
    tell_missing(decision.missing)
    for line in [*_stale(decision), *_why(decision)]:
        say(line)
    for error in failed:
        say(f"kfuncscope: {clean(str(error))}")
    return status(decision.exit is Exit.FAILED, bool(failed) or decision.exit is Exit.INCOMPLETE)


def _write(made: Report, args: argparse.Namespace) -> list[InputError]:
    failed: list[InputError] = []
    for path in args.report:
        try:
            if (kind := stdout_format(path)) is not None:
                out(render(made, kind))
            else:
                write(made, path)
        except InputError as error:
            failed.append(kept(error))
    if args.annotate:
        kind, path = annotation(args.annotate)
        try:
            out(annotate.github(made)) if kind == "github" else write_file(path, annotate.gitlab(made))
        except InputError as error:
            failed.append(kept(error))
    return failed


def _why(decision: Decision) -> Sequence[str]:
    """The reasons of the decision, each on a line."""
    return [visible(reason) for reason in decision.reasons]


def _stale(decision: Decision) -> list[str]:
    lines = [f"waiver expired on {w.expires}: {w.scope.words()} ({w.owner})" for w in decision.expired]
    lines += [f"waiver matches nothing: {w.scope.words()} ({w.owner})" for w in decision.unused]
    if decision.tolerated:
        lines.append(f"tolerated by waivers: {len(decision.tolerated)}")
    return [visible(line) for line in lines]
