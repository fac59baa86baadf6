# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""``kfuncscope path``: the first step of several upgrades at which each program breaks."""

from __future__ import annotations

import argparse
from itertools import pairwise

from kfuncscope.cli.conclude import tell_missing
from kfuncscope.cli.given import split
from kfuncscope.cli.output import out, say
from kfuncscope.decision.exits import Exit, status
from kfuncscope.decision.gate import decide
from kfuncscope.errors import UsageError
from kfuncscope.model.analysis import Analysis
from kfuncscope.report import tables
from kfuncscope.session.session import KernelRef, Session
from kfuncscope.study.path import journeys
from kfuncscope.upgrade import jsonform
from kfuncscope.upgrade.analyse import analyse


def run(args: argparse.Namespace) -> int:
    """A table of journeys; each step is decided by the built-in policy, and the worst of them is the exit status."""
    steps = _steps(args)
    decisions = [decide(step) for step in steps]
    out(tables.path(journeys(steps), args.format), args.output)
    tell_missing(one for decision in decisions for one in decision.missing)
    for step, decision in zip(steps, decisions, strict=True):
        for line in decision.reasons:
            say(f"{_name(step)}: {line}")
    exits = {decision.exit for decision in decisions}
    return status(Exit.FAILED in exits, Exit.INCOMPLETE in exits)


def _steps(args: argparse.Namespace) -> list[Analysis]:
    if not args.step:
        if len(args.inputs) < 2:
            raise UsageError("path", "pass at least two steps with --step, or at least two JSON reports")
        return [jsonform.load(path)[0] for path in args.inputs]
    if len(args.step) == 1:
        raise UsageError("--step", "a path needs at least two steps")
    last, objects = split(args.step[-1], args.inputs)
    return [
        analyse(Session(old=[KernelRef(old)], new=[KernelRef(new)], objects=objects))
        for old, new in pairwise([*args.step[:-1], last])
    ]


def _name(step: Analysis) -> str:
    pair = next(((a.old, a.new) for a in step.arches if not a.inferred), None)
    return f"{pair[0].release or pair[0].label} → {pair[1].release or pair[1].label}" if pair else "step"
