# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""``kfuncscope diff``: two kernels without any object."""

from __future__ import annotations

import argparse

from kfuncscope.cli.formats import emit
from kfuncscope.cli.given import session, tell
from kfuncscope.errors import SessionError, UsageError
from kfuncscope.study.diff import KINDS, QUICK, differences
from kfuncscope.upgrade.pairs import open_kernels, pair_up, unpaired

HEAD = ("arch", "kind", "name", "change", "old", "new", "note")


def run(arguments: argparse.Namespace) -> int:
    """Print the differences of every pair."""
    kinds = tuple(arguments.kind) or QUICK
    unknown = [k for k in kinds if k not in KINDS]
    if unknown:
        raise UsageError("--kind", f"{unknown[0]!r} is none of {', '.join(KINDS)}")
    kernels, problems = open_kernels(session(arguments, []))
    pairs = pair_up(*kernels)
    if not pairs:
        raise SessionError("diff", "no architecture has both an old and a new kernel")
    problems += unpaired(kernels, pairs)
    for pair in pairs:
        problems += [*pair.old.modules.read_all(), *pair.new.modules.read_all()]
    rows = [(p.new.arch, *d) for p in pairs for d in differences(p.old, p.new, kinds)]
    if arguments.format == "table":
        rows = [(*row[:4], " ".join(row[4].split())[:100], " ".join(row[5].split())[:100], row[6]) for row in rows]
    emit(arguments.format, "Differences of two kernels", HEAD, rows)
    return tell(problems)
