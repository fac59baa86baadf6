# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""From arguments to sessions and kernels."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from kfuncscope.bpf.object import BpfObject
from kfuncscope.bpf.sections import program_type, program_types
from kfuncscope.cli.output import clean, say
from kfuncscope.decision import policy
from kfuncscope.decision.exits import Exit, status
from kfuncscope.errors import InputError, UsageError, all_of
from kfuncscope.intake.loaders import chosen, with_choices
from kfuncscope.intake.objects import object_files
from kfuncscope.session.purpose import sorted_apart
from kfuncscope.session.session import KernelRef, Session
from kfuncscope.storage.files import InputProblem, ObjectFile


def split(given: Sequence[str], objects: Sequence[str], needed: bool = True) -> tuple[list[str], list[str]]:
    """Kernels and objects: as written where objects were told apart, else sorted by what each file is.

    ``needed``: UsageError where there is no object.
    """
    kernels, rest = sorted_apart(given, objects)
    if needed and not rest:
        raise UsageError("command line", "no object was given")
    return kernels, rest


def session(arguments: argparse.Namespace, objects: Sequence[str] | None = None) -> Session:
    """The session that ``--old``, ``--new`` and the objects make; files of a side are taken together."""
    if objects is not None:
        new, given = list(arguments.new), list(objects)
    else:
        new, given = split(arguments.new, arguments.objects)
        if not arguments.objects:
            new = _without(new, arguments.old)
    return Session(
        old=[KernelRef(list(arguments.old), arch=arguments.arch, release=arguments.release)],
        new=[KernelRef(new, arch=arguments.arch, release=arguments.release)],
        objects=given,
        section_types=section_types(arguments),
        loaders=loaders(arguments),
        infer=getattr(arguments, "infer", False),
    )


def _without(new: list[str], old: Sequence[str]) -> list[str]:
    """New kernels without the files of the old one: ``--new NEW.deb *.deb`` has that of the folder, too.

    Only where kernels and objects were sorted apart: where they were given apart, a kernel may be compared with itself.
    """
    known = {os.path.realpath(path) for path in old}
    return [*new[:1], *(path for path in new[1:] if os.path.realpath(path) not in known)]


def shown_paths(file: ObjectFile, objects: Sequence[str]) -> list[str]:
    """Every path of an object: below the folder that was given, else as it was given; in packages its short name."""
    found = []
    for place in file.places:
        below = [o for o in objects if os.path.isdir(o) and Path(place.path).is_relative_to(o)]
        loose = not place.package and not place.offset
        path = Path(place.path).relative_to(below[0]).as_posix() if below else place.path
        found.append(path if loose else file.name)
    return list(dict.fromkeys(found))


def section_types(arguments: argparse.Namespace) -> dict[str, str]:
    """``--section-type SECTION=TYPE`` as a table."""
    found = {}
    for text in getattr(arguments, "section_type", []):
        section, equals, kind = text.rpartition("=")
        if not equals:
            raise UsageError("--section-type", f"{text!r} is not SECTION=TYPE")
        chosen = program_type(kind)
        if chosen is None:
            raise UsageError("--section-type", f"unknown program type {kind!r}; expected one of {_types()}")
        found[section] = chosen
    return found


def loaders(arguments: argparse.Namespace) -> dict[str, str]:
    """Loaders of the policy; then ``--loader LOADER`` and ``--loader PATTERN=LOADER``, patterns after that of all."""
    try:
        found = chosen(getattr(arguments, "loader", []))
    except ValueError as wrong:
        raise UsageError("--loader", str(wrong)) from None
    path = getattr(arguments, "policy", None)
    return {**policy.load(path).loaders, **found} if path else found


def _types() -> str:
    return ", ".join(program_types())


def objects_of(
    given: Sequence[str], arguments: argparse.Namespace | None = None
) -> tuple[list[ObjectFile], list[InputProblem]]:
    """The objects in ``given`` and what could not be read. Raises where nothing was given, or nothing can be read.

    ``arguments`` may choose their loaders.
    """
    if not given:
        raise UsageError("command line", "no object was given")
    files, problems = object_files(given)
    if not files and problems:
        raise as_error(problems)
    return with_choices(files, loaders(arguments)) if arguments is not None else files, problems


def without_program(obj: BpfObject, paths: Sequence[str]) -> list[InputProblem]:
    """That an object holds no program, under each of its paths: nothing of it was judged."""
    return [InputProblem(path, obj.no_program) for path in paths if obj.no_program]


def as_error(problems: Sequence[InputProblem]) -> InputError:
    """Problems as the errors they were, where nothing is left to go on with."""
    return all_of([InputError(one.path, one.reason, one.offset) for one in dict.fromkeys(problems)])


def tell(problems: Iterable[InputProblem], failed: bool = False) -> Exit:
    """Name on standard error what could not be read, judged or compared; the exit status of a command without more.

    ``failed`` says that what the command looked for is blocked or needs work.
    """
    listed = list(dict.fromkeys(problems))
    for problem in listed:
        say(f"kfuncscope: {clean(str(as_error([problem])))}")
    return status(failed, bool(listed))
