# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Options that several commands share: reports and gates, shards, tables, policies; and what they refuse early.

Nothing of the engine is imported before an option is used, as this module is loaded for ``--help`` too.
"""

from __future__ import annotations

import argparse
import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from kfuncscope.cli.formats import add_format
from kfuncscope.errors import SessionError, UsageError
from kfuncscope.extras import need
from kfuncscope.model.formats import FORMATS

if TYPE_CHECKING:
    from kfuncscope.decision.policy import Policy
    from kfuncscope.upgrade.jsonform import Shard

KERNEL_HELP = "a file, folder or named parts of one kernel; repeat for more files of the same kernel"
FAIL_HELP = (
    "what makes the exit status 1 instead of what the policy blocks and wants reviewed, separated by commas: breaks, "
    "silent, risk, degrades, unknown, unread (inputs), blocked, needs-work (by the policy), new (not in the baseline, "
    "or worse), disagree (a booted kernel with the prediction), never"
)


def _extensions() -> str:
    """The extensions of all reports; with the format's own word where that is another."""
    known = ((word, one.extension.removeprefix(".")) for word, one in FORMATS.items())
    return ", ".join(extension if word == extension else f"{extension} (JUnit)" for word, extension in known)


def add_report_options(parser: argparse.ArgumentParser) -> None:
    """The options of every command that ends in an analysis: reports, policy, baseline, what fails, annotations."""
    group = parser.add_argument_group("reports and gates")
    group.add_argument(
        "--report", metavar="FILE", action="append", default=[],
        help=f"write a report; the extension chooses {_extensions()}; - or FORMAT=- writes to standard output, in "
        "place of the table; repeatable",
    )  # fmt: skip
    group.add_argument("--policy", metavar="FILE", help="policy in TOML: what blocks, waivers, weights of risk")
    group.add_argument("--baseline", metavar="OLD.json", help="an earlier JSON report to compare with")
    group.add_argument("--fail-on", metavar="WORDS", help=FAIL_HELP)
    group.add_argument(
        "--annotate", metavar="github|gitlab[=FILE]",
        help="annotations for a merge request: github prints workflow commands, gitlab writes a code quality report "
        "(gl-code-quality-report.json)",
    )  # fmt: skip


def add_shard_option(parser: argparse.ArgumentParser) -> None:
    """``--shard i/n`` for the command that runs an analysis."""
    parser.add_argument(
        "--shard", metavar="I/N", help="judge only part I of N of the objects; combine the JSON reports with merge"
    )


def add_catalogue_option(parser: argparse.ArgumentParser) -> None:
    """``--catalogue``: the packages of a catalogue among the objects."""
    parser.add_argument(
        "--catalogue", metavar="C", action="append", default=[],
        help="a catalogue that scan made: the objects of all its packages, without reading these; repeatable",
    )  # fmt: skip


def with_catalogues(args: argparse.Namespace) -> None:
    """Put the catalogues among the objects. Raises CatalogueError where one is none."""
    for path in getattr(args, "catalogue", []) if hasattr(args, "objects") else ():
        from kfuncscope.storage.catalogue.form import check_catalogue

        check_catalogue(path)
        args.objects = [*(args.objects or []), path]


def add_table_options(parser: argparse.ArgumentParser) -> None:
    """``--format`` and ``-o`` of the commands that print one table."""
    add_format(parser, "md")
    parser.add_argument("-o", "--output", metavar="FILE", help="output file (default: standard output)")


def shard_of(args: argparse.Namespace) -> Shard | None:
    """The shard asked for; UsageError where the words make none."""
    from kfuncscope.upgrade.merge import parse_shard

    with usage():
        return parse_shard(args.shard) if args.shard else None


@contextlib.contextmanager
def usage() -> Iterator[None]:
    """What is wrong with a word of the command line is wrong usage, not a bad input."""
    try:
        yield
    except SessionError as error:
        raise UsageError(error.source, error.reason) from error


def policy_of(args: argparse.Namespace) -> Policy:
    """The policy that was given, or the built-in one."""
    from kfuncscope.decision import policy

    return policy.load(args.policy) if args.policy else policy.DEFAULT


def fail_on(args: argparse.Namespace, default: tuple[str, ...] = ()) -> tuple[str, ...]:
    """The words of ``--fail-on``; empty where the policy decides. UsageError on a word that is not known."""
    from kfuncscope.decision.gate import fail_words

    with usage():
        return fail_words(args.fail_on) if args.fail_on is not None else default


def check_report_options(args: argparse.Namespace) -> None:
    """Refuse what cannot work before hours of analysis: extensions, words and folders of reports, which are wrong
    usage; and policies and baselines that cannot be read, which are not."""
    from kfuncscope import report

    with usage():
        for path in args.report:
            if FORMATS[report.format_of(path)].qt:
                need("gui", path)
            if report.stdout_format(path) is None and not os.path.isdir(Path(path).parent):
                raise SessionError(path, "its folder does not exist")
        if "new" in fail_on(args) and not args.baseline:
            raise SessionError("--fail-on", "new needs a --baseline to compare with")
        if args.annotate:
            annotation(args.annotate)
    policy_of(args)
    if args.baseline and not os.path.isfile(args.baseline):
        raise SessionError(args.baseline, "no such file")


def annotation(text: str) -> tuple[str, str]:
    """Kind and file of ``--annotate``. Raises SessionError on anything but github and gitlab[=FILE]."""
    kind, _, path = text.partition("=")
    if kind not in ("github", "gitlab") or (kind == "github" and path):
        raise SessionError("--annotate", f"{text[:80]!r} is not github or gitlab[=FILE]")
    return kind, path or "gl-code-quality-report.json"
