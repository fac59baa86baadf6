# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The options of ``prove`` and of everything else that boots; apart, so that the parser does not load the engine."""

from __future__ import annotations

import argparse

from kfuncscope.cli.formats import add_format


def add_prove_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """The command and its options."""
    parser = commands.add_parser(
        "prove",
        help="load the programs into the kernel in a virtual machine and compare with the prediction",
        description="Boot the kernel of a package in QEMU, load every program of the objects through libbpf, attach it "
        "for a moment where that harms nothing, and put what the kernel did beside what its files predict.",
    )
    parser.add_argument(
        "--kernel", nargs="+", action="extend", required=True, metavar="PKG",
        help="packages of kernels: image, modules and config; packages of one release make one kernel",
    )  # fmt: skip
    parser.add_argument("objects", nargs="*", metavar="OBJECT_OR_DIR", help="objects, folders, packages, programs")
    parser.add_argument("--section-type", action="append", default=[], metavar="SECTION=TYPE",
                        help="program type of a section name that libbpf does not know")  # fmt: skip
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--only", metavar="WORDS", help="only objects predicted so, of breaks,unknown")
    which.add_argument("--all", action="store_true", help="all objects, and list programs that agree too")
    add_boot_options(parser)
    parser.add_argument("--plan", action="store_true", help="print what would be packed and run; boot nothing")
    add_format(parser)
    parser.add_argument("--fail-on", choices=("disagree", "never"), default="never",
                        help="what makes the exit status 1 (default: never)")  # fmt: skip
    parser.set_defaults(run="commands.prove:run", arch=None, release=None)


def add_boot_options(parser: argparse.ArgumentParser) -> None:
    """The options of everything that boots a kernel."""
    group = parser.add_argument_group("booting")
    group.add_argument("--no-attach", action="store_true", help="load the programs, do not attach them")
    group.add_argument("--accel", choices=("auto", "kvm", "tcg"), default="auto",
                       help="KVM, emulation (tcg), or KVM where it works (default: auto)")  # fmt: skip
    group.add_argument("--timeout", type=int, default=60, metavar="S", help="seconds for one object (default: 60)")
    group.add_argument("--guest", nargs="+", action="extend", default=[], metavar="PKG",
                       help="packages with the guest's Python, libbpf and libc, if not this machine's")  # fmt: skip
    group.add_argument("--modules", default="auto", metavar="NAMES",
                       help="kernel modules to insert, separated by commas, none, or auto: those in which the objects' "
                       "needs are declared (default)")  # fmt: skip
    group.add_argument("--setup", metavar="FILE", help="what the products' loaders set before loading, in TOML")
