# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The options of ``census`` and of all that take a census; apart, so that the parser does not load the engine."""

from __future__ import annotations

import argparse

from kfuncscope.cli.formats import add_format

RUNNING_HELP = "a census file, or a folder of them (see census); repeatable"


def add_census_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """The parser of ``census``."""
    parser = commands.add_parser(
        "census",
        help="which BPF programs run on hosts, and which objects they came from",
        description="census script prints the collector: one Python file to copy to hosts, where root runs it. census "
        "run collects here. census HOST.jsonl... lists what runs, joined to the objects that are given.",
    )
    parser.add_argument("inputs", metavar="script|run|HOST.jsonl", nargs="+", help="what to do, or census files")
    parser.add_argument(
        "--objects", metavar="F", nargs="+", action="extend", default=[], help="objects, packages, folders"
    )
    parser.add_argument(
        "--kernel", metavar="K", nargs="+", action="extend", default=[],
        help="kernels of the hosts: needed to recognise programs with CO-RE records or kfuncs exactly",
    )  # fmt: skip
    add_format(parser)
    parser.add_argument("-o", "--output", metavar="FILE", help="with script and run: write there")
    parser.add_argument("--host", metavar="NAME", help="with run: name for this host")
    parser.add_argument("--source-lines", action="store_true", help="with run: add source lines")
    parser.set_defaults(run="commands.census:run")


def add_running_option(parser: argparse.ArgumentParser, kernel: bool = True) -> None:
    """``--running``, and ``--kernel`` where the command has none of its own."""
    parser.add_argument("--running", metavar="CENSUS", nargs="+", action="extend", default=[], help=RUNNING_HELP)
    if kernel:
        parser.add_argument(
            "--kernel", metavar="K", action="append", default=[],
            help="with --running: a kernel of the hosts, for which programs are recognised exactly; repeatable",
        )  # fmt: skip
