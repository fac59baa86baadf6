# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Write the shell completions from the parser: ``python tests/support/completions.py``."""

from __future__ import annotations

import argparse
from pathlib import Path

import shtab

from kfuncscope.cli.main import parser

SHARE = Path(__file__).resolve().parents[2] / "resources" / "share"
FILES = {
    "bash": SHARE / "bash-completion" / "completions" / "kfuncscope",
    "zsh": SHARE / "zsh" / "site-functions" / "_kfuncscope",
    "fish": SHARE / "fish" / "vendor_completions.d" / "kfuncscope.fish",
}
NOT_FILES = {
    "ADDRESS",
    "ARCH",
    "ASSUMPTION",
    "GLOB",
    "I/N",
    "ID",
    "KIND",
    "N",
    "NAME",
    "NAMES",
    "OBJECT:PROGRAM",
    "RELEASE",
    "S",
    "SECTION=TYPE",
    "VERDICTS",
    "WORDS",
}


def parsers(top: argparse.ArgumentParser) -> list[argparse.ArgumentParser]:
    """A parser and those of its commands, once each."""
    found = [top]
    for action in top._actions:
        if isinstance(action, argparse._SubParsersAction):
            for child in dict.fromkeys(action.choices.values()):
                found += parsers(child)
    return found


def commands(top: argparse.ArgumentParser) -> list[str]:
    """The names of the commands of a parser."""
    return [
        name for action in top._actions if isinstance(action, argparse._SubParsersAction) for name in action.choices
    ]


def completion(shell: str) -> str:
    """The completion script for a shell; whatever takes a file is completed with files."""
    top = parser()
    top.prog = "kfuncscope"
    for each in parsers(top):
        for action in each._actions:
            value = action.metavar or action.dest.upper()
            plain = action.nargs != 0 and not action.choices and value not in NOT_FILES
            if plain and not isinstance(action, argparse._SubParsersAction):
                action.complete = shtab.FILE  # type: ignore[attr-defined]
    return shtab.complete(top, shell=shell)


if __name__ == "__main__":
    for name, path in FILES.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(completion(name).rstrip() + "\n")
