# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A part of a result, a hypothetical one, or one without folders: the options that change what is printed and reported.

They are applied before the decision, so that table, reports and exit status always speak of the same result.
"""

from __future__ import annotations

import argparse
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from kfuncscope.errors import UsageError

if TYPE_CHECKING:
    from kfuncscope.model.analysis import Analysis
    from kfuncscope.model.verdict import Verdict
    from kfuncscope.upgrade.whatif import Change


def add_part_options(parser: argparse.ArgumentParser) -> None:
    """``--what-if``, ``--only``, ``--object``, ``--program`` and ``--redact``."""
    group = parser.add_argument_group("part of the result")
    group.add_argument(
        "--what-if", metavar="ASSUMPTION", action="append", default=[],
        help="assume a change: 'KIND NAME removed', 'KIND NAME changed' or 'KIND NAME kept', for example "
        "'kfunc bpf_dynptr_slice removed'; repeatable; the result says that it is hypothetical",
    )  # fmt: skip
    group.add_argument(
        "--only", metavar="VERDICTS",
        help="keep only programs with these verdicts, separated by commas (breaks,silent,...); a part is never clear",
    )  # fmt: skip
    group.add_argument("--object", metavar="GLOB", action="append", default=[], help="keep only these objects")
    group.add_argument("--program", metavar="GLOB", action="append", default=[], help="keep only these programs")
    group.add_argument("--redact", action="store_true", help="leave out the folders of all inputs")


def check_part_options(args: argparse.Namespace) -> None:
    """Refuse words that mean nothing before the analysis runs."""
    _verdicts(args.only)
    _changes(args.what_if)


def part_of(analysis: Analysis, args: argparse.Namespace) -> Analysis:
    """The result under the assumptions, narrowed and redacted as the options say."""
    from kfuncscope.study import scope
    from kfuncscope.upgrade import whatif

    changes = _changes(args.what_if)
    if changes:
        analysis = whatif.apply(analysis, changes)
    verdicts = _verdicts(args.only)
    if verdicts or args.object or args.program:
        analysis = scope.narrow(
            analysis,
            lambda _arch, obj, program: (
                (not verdicts or program.verdict in verdicts)
                and _fits(obj.object, args.object)
                and _fits(program.program, args.program)
            ),
        )
    return scope.redact(analysis) if args.redact else analysis


def _fits(name: str, globs: list[str]) -> bool:
    return not globs or any(fnmatchcase(name, glob) for glob in globs)


def _verdicts(text: str | None) -> frozenset[Verdict]:
    from kfuncscope.study.scope import verdicts_named

    try:
        return frozenset(verdicts_named(text or ""))
    except ValueError as wrong:
        raise UsageError("--only", str(wrong)) from None


def _changes(texts: list[str]) -> tuple[Change, ...]:
    from kfuncscope.upgrade.whatif import parse

    try:
        return tuple(map(parse, texts))
    except ValueError as wrong:
        raise UsageError("--what-if", str(wrong)) from None
