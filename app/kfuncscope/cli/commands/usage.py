# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""``kfuncscope usage``: which packages, objects and programs use each kfunc, helper and hook."""

from __future__ import annotations

import argparse

from kfuncscope.cli.given import tell
from kfuncscope.cli.output import out
from kfuncscope.errors import UsageError
from kfuncscope.intake.objects import object_files
from kfuncscope.model.verdict import NeedKind
from kfuncscope.report import tables
from kfuncscope.study.usage import USUAL, collect


def run(args: argparse.Namespace) -> int:
    """The table, and on standard error what could not be read."""
    strange = [k for k in args.kind if k not in {n.value for n in NeedKind}]
    if strange:
        raise UsageError("--kind", f"{strange[0][:80]!r} is none of {', '.join(n.value for n in NeedKind)}")
    files, problems = object_files(args.objects)
    uses, more = collect(files, [NeedKind(k) for k in args.kind] or USUAL)
    out(tables.usage(uses, args.format), args.output)
    return tell([*problems, *more])
