# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What is always the same on the command line, from files: the user's own, then ``.kfuncscope.toml`` of a project.

    color = "never"            # for every command that has the option
    [check]                    # for one command; a command of two words is ["promise make"]
    policy = "policy.toml"     # a path is taken from the folder of the file
    report = ["upgrade.html"]

The command line wins; options that may be repeated are added to.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from kfuncscope.cli.manners import commands
from kfuncscope.errors import SessionError
from kfuncscope.resources import user_folder
from kfuncscope.storage.read import read_bounded
from kfuncscope.storage.text import read_toml

PROJECT = ".kfuncscope.toml"
VARIABLE = "KFUNCSCOPE_CONFIG"
_LIMIT = 1 << 20
_PATHS = frozenset({"policy", "baseline", "report", "output", "setup", "old", "new", "kernel", "against", "census"})


def config_files() -> list[Path]:
    """The files to read, the strongest last; ``KFUNCSCOPE_CONFIG`` names the only one, or none where it is empty."""
    if (named := os.environ.get(VARIABLE)) is not None:
        return [Path(named)] if named else []
    own = user_folder("XDG_CONFIG_HOME", ".config") / "kfuncscope" / "config.toml"
    return [path for path in (own, _of_project()) if path is not None and path.is_file()]


def _of_project() -> Path | None:
    """The nearest ``.kfuncscope.toml`` in this folder or above that belongs to the user or to root."""
    try:
        here = Path.cwd()
    except OSError:
        return None
    for folder in (here, *here.parents):
        path = folder / PROJECT
        if path.is_file():
            return path if path.stat().st_uid in (os.geteuid(), 0) else None
    return None


def apply_config(top: argparse.ArgumentParser) -> None:
    """Make the values of the files the defaults of the options. Raises SessionError on an entry that is not known."""
    parsers = dict(commands(top))
    for path in config_files():
        table = read_toml(read_bounded(path, _LIMIT), str(path))
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
            action.default = _value(action, name, value, path)
            action.required = False
            return True
    return False


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
    made = [_checked(action, name, _placed(name, str(one), path), path) for one in listed]
    return made if many else made[0]


def _placed(name: str, text: str, path: Path) -> str:
    """A path as seen from the folder of the file; ``-`` and other words stay as they are."""
    if name.replace("-", "_") not in _PATHS or text == "-" or "=" in text:
        return text
    return os.path.join(path.parent, text)


def _checked(action: argparse.Action, name: str, text: str, path: Path) -> Any:
    try:
        made = action.type(text) if callable(action.type) else text
    except (argparse.ArgumentTypeError, ValueError, TypeError) as error:
        raise SessionError(str(path), f"{name}: {error}") from error
    if action.choices is not None and made not in action.choices:
        raise SessionError(str(path), f"{name}: {text!r} is none of {', '.join(map(str, action.choices))}")
    return made
