# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""``kfuncscope usage``: which packages, objects and programs use each kfunc, helper and hook."""

from __future__ import annotations

import argparse
from pathlib import Path

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
    if args.running:
        return _running(args, [NeedKind(k) for k in args.kind])
    if args.page or args.kernel:
        raise UsageError("--page" if args.page else "--kernel", "belongs to --running")
    if not args.objects:
        raise UsageError("usage", "no object was given")
    files, problems = object_files(args.objects)
    uses, more = collect(files, [NeedKind(k) for k in args.kind] or USUAL)
    out(tables.usage(uses, args.format), args.output)
    return tell([*problems, *more])


def _running(args: argparse.Namespace, kinds: list[NeedKind]) -> int:
    """Hosts and running programs, as a table and as a page of evidence."""
    from kfuncscope.census import count
    from kfuncscope.cli.commands.census import kernels_of, opened
    from kfuncscope.report import evidence
    from kfuncscope.storage.writing import write_file

    ending = Path(args.page).suffix.lower().lstrip(".") if args.page else ""
    if args.page and ending not in ("html", "md"):
        raise UsageError("--page", f"{args.page!r} must end in .html or .md")
    kernels, bad = kernels_of(args.kernel)
    census, _, joiner, listed, problems = opened(args.running, args.objects, kernels)
    found = count.uses(listed, joiner, kinds or count.USUAL)
    out(evidence.table(found, args.format), args.output)
    if args.page:
        write_file(args.page, evidence.page(census, listed, found, ending))
    return tell([*bad, *problems])
