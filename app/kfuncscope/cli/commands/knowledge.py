# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""``kfuncscope knowledge``: make and list the tables about kernel releases."""

from __future__ import annotations

import argparse
from pathlib import Path

from kfuncscope.cli.output import clean, clean_lines
from kfuncscope.knowledge import knowledge
from kfuncscope.knowledge.tables import user_tables


def run_build(arguments: argparse.Namespace) -> int:
    """Build the tables of one release from its source tree."""
    from kfuncscope.knowledge.build.build import build

    out = Path(arguments.out) if arguments.out else user_tables()
    report = build(Path(arguments.tree), out, arguments.release)
    print(clean_lines(str(report)))
    return 0


def run_list(arguments: argparse.Namespace) -> int:
    """Print the releases that have tables, with their provenance."""
    for release in knowledge.releases():
        provenance = knowledge.for_release(release).provenance
        print(f"{release}: {clean(provenance.source)} ({clean(provenance.made)})")
    return 0
