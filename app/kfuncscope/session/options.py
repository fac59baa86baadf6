# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The options that the window begins with, for ``kfuncscope-gui`` and ``kfuncscope gui``, in the words of ``check``."""

from __future__ import annotations

import argparse

WINDOW = (
    "Open the window. Kernels and objects that are given are analysed at once; kernels without --old and --new are "
    "sorted by release. Other options of check have no place here: the window exports (--report, --format, --redact, "
    "--annotate) and decides (--fail-on) when asked to, has --prove and --history as commands, --object, --program, "
    "--all and --group as filters and views, and judges all objects by itself (--workers, --cluster, --shard)."
)


def add_window_options(parser: argparse.ArgumentParser) -> None:
    """What is given, what a result is compared with, and how it is looked at."""
    parser.add_argument("--old", nargs="+", action="extend", default=[], metavar="F", help="files of old kernels")
    parser.add_argument("--new", nargs="+", action="extend", default=[], metavar="F", help="files of new kernels")
    parser.add_argument("--arch", help="architecture of the kernels, if it cannot be detected")
    parser.add_argument("--release", help="release of the kernels, if it cannot be detected")
    parser.add_argument(
        "--catalogue", metavar="C", action="append", default=[],
        help="a catalogue that scan made: the objects of all its packages, without reading these; repeatable",
    )  # fmt: skip
    parser.add_argument("--census", nargs="+", action="extend", default=[], metavar="F", help="census files of hosts")
    parser.add_argument(
        "--running", metavar="CENSUS", nargs="+", action="extend", default=[],
        help="census files of hosts: judge only what runs there; --old and objects may be left out",
    )  # fmt: skip
    parser.add_argument(
        "--section-type", action="append", default=[], metavar="SECTION=TYPE",
        help="program type of a section that libbpf does not know",
    )  # fmt: skip
    parser.add_argument(
        "--loader", action="append", default=[], metavar="[PATTERN=]LOADER",
        help="what loads the objects, or those whose object, package or path fits a pattern",
    )  # fmt: skip
    parser.add_argument("--infer", action="store_true", help="infer architectures without kernels of their own")
    parser.add_argument("--policy", metavar="FILE", help="policy in TOML: what blocks, waivers")
    parser.add_argument(
        "--baseline", metavar="OLD.json",
        help="an earlier JSON report: the window lists what is new, worse, better and gone, and exports say it",
    )  # fmt: skip
    parser.add_argument(
        "--what-if", metavar="ASSUMPTION", action="append", default=[],
        help="begin with an assumption: 'KIND NAME removed', 'KIND NAME changed' or 'KIND NAME kept'; repeatable",
    )  # fmt: skip
    parser.add_argument(
        "--only", metavar="VERDICTS",
        help="begin with a filter on programs of these verdicts, separated by commas (breaks,silent,...)",
    )  # fmt: skip
    parser.add_argument("files", nargs="*", metavar="F", help="a session file, or kernels, objects, packages, folders")
