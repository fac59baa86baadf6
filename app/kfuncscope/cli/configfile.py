# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What is always the same on the command line, from files: the user's own, then ``.kfuncscope.toml`` of a project.

    color = "never"            # for every command that has the option
    [check]                    # for one command; a command of two words is ["promise make"]
    policy = "policy.toml"     # a path is taken from the folder of the file
    report = ["upgrade.html"]

The command line wins; options that may be repeated are added to. What a file says on more than how things are shown
is named on standard error, and a project's file has nothing written outside its folder: it may come with a clone.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from kfuncscope.cli.manners import commands
from kfuncscope.cli.options import usage
from kfuncscope.errors import SessionError
from kfuncscope.resources import user_folder
from kfuncscope.storage.read import read_bounded
from kfuncscope.storage.text import read_toml

PROJECT = ".kfuncscope.toml"
VARIABLE = "KFUNCSCOPE_CONFIG"
_LIMIT = 1 << 20
_WRITTEN = frozenset({"report", "output", "out"})
_PATHS = _WRITTEN | {
    "policy", "baseline", "setup", "old", "new", "kernel", "against", "census", "running", "guest", "files_from",
    "history", "catalogue", "pool",
}  # fmt: skip
_SHOWN = frozenset({"color", "quiet", "verbose", "format", "all", "group", "workers", "dark"})
"""Options that change neither what is decided nor what is written."""

_TRUSTED = frozenset({"cluster"})
"""Options by which others may run code here: a project's file, which may come with a clone, cannot set them."""

Set = tuple[Path, argparse.Action]


def config_files() -> list[Path]:
    """The files to read, the strongest last; ``KFUNCSCOPE_CONFIG`` names the only one, or none where it is empty."""
    if (named := os.environ.get(VARIABLE)) is not None:
        return [Path(named)] if named else []
    own = user_folder("XDG_CONFIG_HOME", ".config") / "kfuncscope" / "config.toml"
    return [path for path in (own, _of_project()) if path is not None and os.path.isfile(path)]


def _of_project() -> Path | None:
    """The nearest ``.kfuncscope.toml`` in this folder or above that belongs to the user or to root."""
    try:
        here = Path.cwd()
    except OSError:
        return None
    for folder in (here, *here.parents):
        path = folder / PROJECT
        if os.path.isfile(path):  # unlike Path.is_file, false where a folder cannot be searched
            return path if _trusted(path) else None
    return None


def _trusted(path: Path) -> bool:
    """Whether a file, and the link to it if it is one, belong to the user or to root."""
    try:
        return all(state.st_uid in (os.geteuid(), 0) for state in (path.lstat(), path.stat()))
    except OSError:
        return False


def apply_config(top: argparse.ArgumentParser) -> None:
    """Make the values of the files the defaults of the options.

    Raises InputError on a file that cannot be read, and UsageError on an entry that would be wrong on the command line.
    """
    parsers = dict(commands(top))
    for path in config_files():
        table = read_toml(read_bounded(path, _LIMIT), str(path))
        with usage():
            _apply(table, parsers, path)


def _apply(table: Mapping[str, Any], parsers: Mapping[str, argparse.ArgumentParser], path: Path) -> None:
    for word, value in table.items():
        if isinstance(value, Mapping):
            if word not in parsers:
                raise SessionError(str(path), f"[{word}] is not a command; known are {', '.join(parsers)}")
            for name, one in value.items():
                if not _set(parsers[word], name, one, path):
                    raise SessionError(str(path), f"[{word}] has no option {name!r}")
        elif not sum(_set(parser, word, value, path) for parser in parsers.values()):
            raise SessionError(str(path), f"no command has an option {word!r}")


def _set(parser: argparse.ArgumentParser, name: str, value: Any, path: Path) -> bool:
    for action in _options(parser):
        if f"--{name.replace('_', '-')}" in action.option_strings:
            if action.dest in _TRUSTED and path.name == PROJECT:
                raise SessionError(str(path), f"{name}: cannot be set for a project; set it in your own config.toml")
            action.default = _value(action, name, value, path)
            action.required = False
            if action.dest not in _SHOWN:
                parser.set_defaults(configured=[*(parser.get_default("configured") or []), (path, action)])
            return True
    return False


def configured(arguments: argparse.Namespace) -> Iterator[str]:
    """One sentence for each file whose values are in use, with the options that are not only about how things look."""
    last: dict[str, Set] = {action.dest: (path, action) for path, action in getattr(arguments, "configured", [])}
    used: dict[Path, list[str]] = {}
    for path, action in last.values():
        value = getattr(arguments, action.dest)
        if value == action.default or (isinstance(value, list) and value[: len(action.default)] == action.default):
            used.setdefault(path, []).append(action.option_strings[-1])
    return (f"{path} sets {', '.join(names)}" for path, names in used.items())


def _options(parser: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    return (action for action in parser._actions if action.option_strings and action.dest != "help")


def _value(action: argparse.Action, name: str, value: Any, path: Path) -> Any:
    """A value as the option would have it from the command line. Raises SessionError where it does not fit."""
    if action.nargs == 0:
        if not isinstance(value, bool):
            raise SessionError(str(path), f"{name} must be true or false")
        return value
    many = isinstance(action.default, list) or action.nargs in ("+", "*")
    many = many or isinstance(action, argparse._AppendAction | argparse._ExtendAction)
    listed = value if isinstance(value, list) else [value]
    if not many and isinstance(value, list):
        raise SessionError(str(path), f"{name} takes one value")
    if not all(isinstance(one, str | int) and not isinstance(one, bool) for one in listed):
        raise SessionError(str(path), f"{name} must be a text or a number")
    if any("\0" in str(one) for one in listed):
        raise SessionError(str(path), f"{name} must not have a NUL character in it")
    made = [_checked(action, name, _placed(name, str(one), path), path) for one in listed]
    return made if many else made[0]


def _placed(name: str, text: str, path: Path) -> str:
    """A path as seen from the folder of the file; ``-`` and other words stay as they are.

    Raises SessionError where the file of a project has something written outside its folder.
    """
    option = name.replace("-", "_")
    if option not in _PATHS or text == "-" or (text.endswith("=-") if option in _WRITTEN else "=" in text):
        return text
    placed = os.path.join(path.parent, text)
    if option in _WRITTEN and path.name == PROJECT:
        folder = os.path.realpath(path.parent)
        if os.path.commonpath([folder, os.path.realpath(placed)]) != folder:
            raise SessionError(
                str(path), f"{name}: {text!r} is outside the folder of this file; nothing is written there"
            )
    return placed


def _checked(action: argparse.Action, name: str, text: str, path: Path) -> Any:
    try:
        made = action.type(text) if callable(action.type) else text
    except (argparse.ArgumentTypeError, ValueError, TypeError) as error:
        raise SessionError(str(path), f"{name}: {error}") from error
    if action.choices is not None and made not in action.choices:
        raise SessionError(str(path), f"{name}: {text!r} is none of {', '.join(map(str, action.choices))}")
    return made
