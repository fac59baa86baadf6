# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The command line of the window: what makes a session, in the words of ``kfuncscope check``."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, field

from kfuncscope import __version__
from kfuncscope.session.session import Session


@dataclass(frozen=True, slots=True)
class Asked:
    """What the command line asks for: the demo, a session made of options, or paths (one may be a session file)."""

    demo: bool = False
    session: Session | None = None
    paths: list[str] = field(default_factory=list)


def parser() -> argparse.ArgumentParser:
    """The arguments, for --help and for the tests."""
    made = argparse.ArgumentParser(
        prog="kfuncscope-gui",
        description="Open the window. Kernels and objects that are given are analysed at once; kernels without --old "
        "and --new are sorted by release.",
    )
    made.add_argument("--version", action="version", version=f"kfuncscope {__version__}")
    made.add_argument("--demo", action="store_true", help="open the sample data")
    made.add_argument("--old", nargs="+", action="extend", default=[], metavar="F", help="files of old kernels")
    made.add_argument("--new", nargs="+", action="extend", default=[], metavar="F", help="files of new kernels")
    made.add_argument("--arch", help="architecture of the kernels, if it cannot be detected")
    made.add_argument("--release", help="release of the kernels, if it cannot be detected")
    made.add_argument("--census", nargs="+", action="extend", default=[], metavar="F", help="census files of hosts")
    made.add_argument(
        "--section-type", action="append", default=[], metavar="SECTION=TYPE",
        help="program type of a section that libbpf does not know",
    )  # fmt: skip
    made.add_argument(
        "--loader", action="append", default=[], metavar="[PATTERN=]LOADER",
        help="what loads the objects, or those whose object, package or path fits a pattern",
    )  # fmt: skip
    made.add_argument("--infer", action="store_true", help="infer architectures without kernels of their own")
    made.add_argument("--policy", default="", metavar="FILE", help="policy in TOML: what blocks, waivers")
    made.add_argument("files", nargs="*", metavar="F", help="a session file, or kernels, objects, packages, folders")
    return made


def asked(words: Sequence[str]) -> Asked:
    """What the words of a command line ask for. Ends the program at --help and --version, and on wrong usage (2)."""
    made = parser()
    given = made.parse_args(list(words))
    options = (
        given.old,
        given.new,
        given.census,
        given.section_type,
        given.loader,
        given.arch,
        given.release,
        given.policy,
    )
    if given.demo and (given.files or any(options)):
        made.error("--demo takes no other inputs")
    if given.demo:
        return Asked(demo=True)
    if any(word == "" for word in (*given.old, *given.new, *given.census, *given.files)):
        made.error("empty argument; is a shell variable unset?")
    if not any(options) and not given.infer:
        return Asked(paths=given.files)
    return Asked(session=_session(made, given))


def _session(made: argparse.ArgumentParser, given: argparse.Namespace) -> Session:
    from kfuncscope.arch import arch_named, known_arches
    from kfuncscope.bpf.sections import program_type, program_types
    from kfuncscope.intake.loaders import chosen as loaders_chosen
    from kfuncscope.session.grouping import add
    from kfuncscope.session.purpose import sorted_apart

    session = Session(infer=given.infer, policy=given.policy)
    new, objects = sorted_apart(given.new, given.files) if given.new else ([], list(given.files))
    for side, paths in (("old", given.old), ("new", new)):
        add(session, paths, side)
    add(session, [*objects, *given.census])
    arch = arch_named(given.arch) if given.arch else None
    if given.arch and arch is None:
        made.error(f"--arch: unknown architecture {given.arch!r}; expected one of {', '.join(known_arches())}")
    for ref in (*session.old, *session.new):
        ref.arch, ref.release = arch, given.release
    try:
        session.loaders = loaders_chosen(given.loader)
    except ValueError as wrong:
        made.error(f"--loader: {wrong}")
    for text in given.section_type:
        section, equals, kind = text.rpartition("=")
        chosen = program_type(kind) if equals else None
        if chosen is None:
            known = ", ".join(program_types())
            made.error(f"--section-type: {text!r} is not SECTION=TYPE, with TYPE one of {known}")
        session.section_types[section] = chosen
    return session
