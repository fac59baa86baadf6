# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Options that every command has: how much it says, colour, and lists of files."""

from __future__ import annotations

import argparse
import atexit
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator

from kfuncscope.cli import output
from kfuncscope.cli.examples import add_examples
from kfuncscope.cli.options import with_catalogues
from kfuncscope.errors import InputError, UsageError
from kfuncscope.storage.read import read_bounded, stand_for, too_large

LISTS = ("objects", "files", "inputs", "parts")
"""Positional arguments that ``--files-from`` adds to."""
_INPUTS = (*LISTS, "old", "new", "kernel", "against", "baseline", "policy", "promise_file")
"""Where ``-`` is a file on standard input; options with many values take objects too, see ``given.split``."""
STDIN = "-"
_MOST = 64 << 20  # bytes of a list of files
_MOST_STDIN = 4 << 30  # bytes of an input, as packages of kernels may have
_MOST_NAMES = 1_000_000


def commands(parser: argparse.ArgumentParser, name: str = "") -> Iterator[tuple[str, argparse.ArgumentParser]]:
    """Every command of a parser with its full name: ``check``, ``promise make``; the parser itself has none."""
    if name:
        yield name, parser
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for word, child in action.choices.items():
                yield from commands(child, f"{name} {word}".strip())


def add_manners(top: argparse.ArgumentParser) -> None:
    """Give every command the common options and its examples."""
    for name, parser in commands(top):
        add_examples(name, parser)
        if any(isinstance(action, argparse._SubParsersAction) for action in parser._actions):
            continue
        group = parser.add_argument_group("common options")
        how = group.add_mutually_exclusive_group()
        how.add_argument("-q", "--quiet", action="store_true", help="print only decisions and problems, no progress")
        how.add_argument("-v", "--verbose", action="store_true", help="report progress, also where nobody watches")
        group.add_argument("--color", choices=("auto", "always", "never"), default="auto",
                           help="colour in tables (default: auto, on a terminal without NO_COLOR)")  # fmt: skip
        for action in parser._actions:
            if action.dest in LISTS and not action.option_strings:
                _add_files_from(group, action)


def _add_files_from(group: argparse._ArgumentGroup, action: argparse.Action) -> None:
    group.add_argument("--files-from", metavar="FILE", action="append", default=[],
                       help=f"read more {action.dest} from a file, one on each line or each ended by a NUL byte; - is "
                       "standard input. As one of the inputs themselves, - is a file on standard input")  # fmt: skip
    if action.nargs == "+":
        action.nargs, action.required = "*", False
        group.set_defaults(needs=action.dest)


def apply(arguments: argparse.Namespace) -> None:
    """Carry out the common options. Raises UsageError where a command is left without what it works on."""
    output.MANNERS.quiet = getattr(arguments, "quiet", False)
    output.MANNERS.verbose = getattr(arguments, "verbose", False)
    output.MANNERS.color = getattr(arguments, "color", "auto")
    for path in getattr(arguments, "files_from", []):
        dest = next(name for name in LISTS if hasattr(arguments, name))
        setattr(arguments, dest, [*(getattr(arguments, dest) or []), *_listed(path)])
    _from_stdin(arguments)
    with_catalogues(arguments)
    needs = getattr(arguments, "needs", "")
    if needs and not getattr(arguments, needs):
        raise UsageError(arguments.command, f"none of its {needs} was given")


def _from_stdin(arguments: argparse.Namespace) -> None:
    """Let ``-`` among the inputs, as a policy or report, or as the object to explain, be the file on standard input."""
    given = {name: getattr(arguments, name, None) for name in _INPUTS}
    lists = {name: value for name, value in given.items() if isinstance(value, list)}
    files = [name for name, value in given.items() if value == STDIN]
    target = getattr(arguments, "target", "") or ""
    explained = target == STDIN or target.startswith(f"{STDIN}:")
    listed = STDIN in getattr(arguments, "files_from", [])
    if sum(words.count(STDIN) for words in lists.values()) + len(files) + explained + listed > 1:
        raise UsageError(STDIN, "standard input can be read only once")
    for name, words in lists.items():
        if STDIN in words:
            setattr(arguments, name, [_spooled() if word == STDIN else word for word in words])
    for name in files:
        setattr(arguments, name, _spooled())
    if explained:
        arguments.target = _spooled() + target[len(STDIN) :]


def _spooled() -> str:
    """Standard input as a file, in a folder that goes when the process ends; readers need its size and seek in it."""
    folder = tempfile.mkdtemp(prefix="kfuncscope-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    path = os.path.join(folder, "stdin")
    stand_for(path, "stdin")
    with open(path, "wb") as file:
        while block := sys.stdin.buffer.read(1 << 20):
            if file.tell() + len(block) > _MOST_STDIN:
                raise too_large(STDIN, _MOST_STDIN)
            file.write(block)
    return path


def _listed(path: str) -> list[str]:
    """The names in a list of files, in its order; empty lines are left out."""
    data = sys.stdin.buffer.read(_MOST + 1) if path == "-" else read_bounded(path, _MOST)
    if len(data) > _MOST:
        raise too_large(path, _MOST)
    if max(data.count(end) for end in (b"\0", b"\n", b"\r")) > _MOST_NAMES:
        raise InputError(path, f"more than the limit of {_MOST_NAMES} names")
    names = data.split(b"\0") if b"\0" in data else data.splitlines()
    return [os.fsdecode(name) for name in names if name]
