# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The command line of the window: what makes a session, in the words of ``kfuncscope check``."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from kfuncscope import __version__
from kfuncscope.errors import InputError
from kfuncscope.session.options import WINDOW, add_window_options
from kfuncscope.session.session import SUFFIX, Session

if TYPE_CHECKING:
    from kfuncscope.upgrade.whatif import Change


@dataclass(frozen=True, slots=True)
class Asked:
    """What the command line asks for: the demo, a session made of options and what is assumed of its result, or paths
    (one may be a session file)."""

    demo: bool = False
    session: Session | None = None
    paths: list[str] = field(default_factory=list)
    assumed: tuple[Change, ...] = ()


def parser(prog: str = "kfuncscope-gui") -> argparse.ArgumentParser:
    """The arguments, for --help and for the tests, under the name that the program was called by."""
    made = argparse.ArgumentParser(prog=prog, description=WINDOW)
    made.add_argument("--version", action="version", version=f"kfuncscope {__version__}")
    made.add_argument("--demo", action="store_true", help="open the sample data")
    add_window_options(made)
    return made


def asked(words: Sequence[str]) -> Asked:
    """What the words of a command line ask for. Ends the program at --help and --version, and on wrong usage (2)."""
    made = parser()
    given = made.parse_args(list(words))
    if given.demo and (given.files or _options(given) or given.infer):
        made.error("--demo takes no other inputs")
    return Asked(demo=True) if given.demo else asked_of(given, made)


def asked_of(given: argparse.Namespace, made: argparse.ArgumentParser) -> Asked:
    """What parsed options of the window ask for; ``made`` says what is wrong with them, which ends the program."""
    if any(word == "" for word in (*_paths(given), given.policy, given.baseline, given.only)):
        made.error("empty argument; is a shell variable unset?")
    if (_options(given) or given.infer) and any(path.endswith(SUFFIX) for path in given.files):
        made.error("a session file has its own options: it is opened alone")
    if not _options(given) and not given.infer:
        return Asked(paths=given.files)
    from kfuncscope.study.scope import verdicts_named
    from kfuncscope.upgrade import whatif

    session = _session(made, given)
    try:
        session.filters = [f"verdict:{verdict.name}" for verdict in verdicts_named(given.only or "")]
        assumed = tuple(map(whatif.parse, given.what_if))
    except ValueError as wrong:
        made.error(str(wrong))
    if given.only and not session.filters:
        made.error("--only: there is no verdict in the list")
    return Asked(session=session, assumed=assumed)


def _paths(given: argparse.Namespace) -> list[str]:
    return [*given.old, *given.new, *given.census, *given.running, *given.catalogue, *given.files]


def _options(given: argparse.Namespace) -> bool:
    """Whether anything is given that makes a session, other than files."""
    return any(
        (
            given.old, given.new, given.census, given.running, given.catalogue, given.section_type, given.loader,
            given.arch, given.release, given.policy, given.baseline, given.what_if, given.only,
        )
    )  # fmt: skip


def _session(made: argparse.ArgumentParser, given: argparse.Namespace) -> Session:
    from kfuncscope.arch import arch_named, known_arches
    from kfuncscope.bpf.sections import program_type, program_types
    from kfuncscope.intake.loaders import chosen as loaders_chosen
    from kfuncscope.session.grouping import OBJECTS, add
    from kfuncscope.session.purpose import sorted_apart
    from kfuncscope.storage.catalogue.form import check_catalogue

    session = Session(
        infer=given.infer, policy=given.policy or "", baseline=given.baseline or "", running=bool(given.running)
    )
    try:
        for path in given.catalogue:
            check_catalogue(path)
    except InputError as wrong:
        made.error(f"--catalogue: {wrong}")
    new, objects = sorted_apart(given.new, given.files) if given.new else ([], list(given.files))
    for side, paths in (("old", given.old), ("new", new)):
        add(session, paths, side)
    add(session, objects)
    session.census += dict.fromkeys([*given.census, *given.running])  # files of any name, or folders of them
    add(session, given.catalogue, OBJECTS)
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
