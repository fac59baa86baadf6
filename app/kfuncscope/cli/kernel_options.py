# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The parser of ``kernel``; apart, so that the parser does not load the engine."""

from __future__ import annotations

import argparse
from collections.abc import Callable

from kfuncscope.cli.formats import add_format
from kfuncscope.cli.options import add_report_options


def add_kernel_parser(
    commands: argparse._SubParsersAction[argparse.ArgumentParser], words: Callable[[argparse.ArgumentParser], None]
) -> None:
    """The parser of ``kernel``; ``words`` adds the options that name an architecture and a release."""
    parser = commands.add_parser(
        "kernel",
        help="what a kernel provides; with --gate, whether its build is fit to ship; with the word pack, into one file",
        description="What a kernel provides to BPF programs. With --gate the kernel is judged without any object: "
        "faults of its BTF and of its modules' BTF, options that are off, and with --against what it lost since an "
        "older kernel. Reports, policy, waivers, baseline and exit statuses are those of check. 'kernel pack F... -o "
        "K.kpack' packs one kernel into a file that opens in milliseconds and gives the same answers as its packages.",
    )
    parser.add_argument("files", nargs="+", metavar="F", help="files, folders, packages or named parts of kernels")
    parser.add_argument("-o", "--output", metavar="K.kpack", help="with the word pack: output file for the kernel")
    words(parser)
    add_format(parser)
    gate = parser.add_argument_group("gate")
    gate.add_argument("--gate", action="store_true", help="judge the build; the exit status is the decision")
    gate.add_argument(
        "--against", metavar="OLD", nargs="+", action="extend", default=[],
        help="with --gate: the kernel that is shipped now; what programs find on it and not on the new one is reported",
    )  # fmt: skip
    gate.add_argument(
        "--all", action="store_true", help="with --gate: list every finding, not the first few of a check"
    )
    gate.add_argument("--redact", action="store_true", help="with --gate: leave out the folders of all inputs")
    add_report_options(parser)
    parser.set_defaults(run="inspect.files:run_kernel")
