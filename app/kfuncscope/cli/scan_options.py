# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The words of ``kfuncscope scan``."""

from __future__ import annotations

import argparse
from collections.abc import Callable

from kfuncscope.cli.formats import add_format


def add_scan_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser], count: Callable[[str], int]) -> None:
    """``scan``; ``count`` reads a positive number."""
    scan = commands.add_parser(
        "scan", help="keep a catalogue of which packages of an archive hold BPF objects",
        description="Read the packages of an archive once and keep their BPF objects in a catalogue. A later scan "
        "reads only what is new or changed; the commands that take --catalogue read no package at all. The catalogue "
        "holds what the last scan was given.",
    )  # fmt: skip
    scan.add_argument(
        "inputs", metavar="FOLDER_OR_INDEX", nargs="*",
        help="folders of packages, packages, Debian's Packages files (.gz, .xz), rpm's primary.xml(.gz, .zst)",
    )  # fmt: skip
    scan.add_argument("--catalogue", metavar="C", required=True, help="the catalogue, made if it is not there (.kcat)")
    scan.add_argument(
        "--pool", metavar="FOLDER",
        help="where the files of the indexes are (default: beside the folder dists or repodata above each, or with it)",
    )  # fmt: skip
    scan.add_argument("--list", action="store_true", dest="listing", help="list what is in the catalogue; scan nothing")
    scan.add_argument("--workers", type=count, metavar="N", help="processes to work with")
    add_format(scan)
    scan.set_defaults(run="commands.scan:run")
