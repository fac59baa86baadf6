# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""``--history LINUX_GIT``: the commits behind the causes, from a clone of the kernel's repository."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from kfuncscope.cli.output import ProgressLine, clean

if TYPE_CHECKING:
    from kfuncscope.model.analysis import Analysis

_HELP = (
    "a whole clone of the kernel's repository: name the commit behind each cause, found by git between the tags of "
    "both releases; it reads only, fetches nothing, and ends after ten minutes at the latest"
)


def add_history_option(parser: argparse.ArgumentParser) -> None:
    """``--history`` of the commands that show causes."""
    parser.add_argument("--history", metavar="LINUX_GIT", help=_HELP)


def check_repository(arguments: argparse.Namespace) -> None:
    """Refuse what is not a whole repository before the analysis begins. Raises GitError."""
    if arguments.history:
        from kfuncscope.commits.git import Git

        Git(arguments.history).check()


def searched(analysis: Analysis, arguments: argparse.Namespace) -> Analysis:
    """The analysis with the commits behind its causes: those that are searched for, else those that tables name."""
    from kfuncscope.commits.recorded import with_recorded

    if not arguments.history:
        return with_recorded(analysis)
    from kfuncscope.commits.git import Git
    from kfuncscope.commits.search import with_origins

    progress = ProgressLine()
    try:
        return with_recorded(with_origins(analysis, Git(arguments.history), progress))
    finally:
        progress.end()


def print_origins(analysis: Analysis) -> None:
    """A line for each cause that was searched for, below the tags between which it was."""
    between: str | None = None
    for one in sorted(analysis.origins, key=lambda o: o.between):
        if one.between != between:
            between = one.between
            print(f"commits behind the causes, {clean(between or 'not searched')}:")
        print(f"  {clean(f'{one.kind} {one.name} {one.change}')}: {clean(one.words)}")
    if analysis.origins:
        print()
