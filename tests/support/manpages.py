# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Write the man page of each command from its parser: ``python -m support.manpages`` in tests/."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator
from pathlib import Path

from kfuncscope import __version__
from kfuncscope.cli.examples import EXAMPLES
from kfuncscope.cli.main import parser
from kfuncscope.cli.manners import commands
from kfuncscope.decision.exits import MEANINGS

FOLDER = Path(__file__).resolve().parents[2] / "resources" / "share" / "man" / "man1"
DATE = "2026-11-28"
ENVIRONMENT = {
    "KFUNCSCOPE_CACHE_MB": "How many megabytes the cache may take.",
    "KFUNCSCOPE_NO_MEMO": "Judge everything again, whatever an earlier run found, where it is set.",
    "KFUNCSCOPE_WATCHDOG": "For developers: print every stall of the window's thread, where it is set.",
    "KFUNCSCOPE_CONFIG": "The only configuration file to read; none where it is empty.",
    "LANGUAGE": "Languages of the window, best first, separated by colons; then LC_ALL, LC_MESSAGES, LANG.",
    "NO_COLOR": "No colour on a terminal, whatever its value.",
    "QT_QPA_PLATFORM": "How Qt reaches the display; offscreen where there is none.",
    "SOURCE_DATE_EPOCH": "The time that reports carry.",
    "XDG_CACHE_HOME": "Where the cache is kept, in the folder kfuncscope (default: ~/.cache).",
    "XDG_CONFIG_HOME": "Where the user's configuration is, kfuncscope/config.toml (default: ~/.config).",
    "XDG_DATA_HOME": "Where tables of knowledge that the user made are kept (default: ~/.local/share).",
}
FILES = {
    ".kfuncscope.toml": "In this folder or the nearest above, owned by the user or root: defaults for options. Entries "
    "at the top are for every command, those in a table for the command of its name.",
    "$XDG_CONFIG_HOME/kfuncscope/config.toml": "The same for all projects of the user; a project's file wins.",
}


def escape(text: str) -> str:
    """Text that roff takes as it is."""
    made = text.replace("\\", "\\e").replace("-", "\\-").replace("…", "...")
    return re.sub(r"^([.'])", r"\\&\1", made, flags=re.MULTILINE)


def pages() -> dict[str, str]:
    """File name → text, of every command that does something."""
    return {f"kfuncscope-{name.replace(' ', '-')}.1": page(name, command) for name, command in leaves()}


def leaves() -> Iterator[tuple[str, argparse.ArgumentParser]]:
    """The commands that do something."""
    for name, command in commands(parser()):
        if not any(isinstance(action, argparse._SubParsersAction) for action in command._actions):
            yield name, command


def helps() -> dict[str, str]:
    """The one line that says what each command does."""
    found = {}
    tops = [("", parser()), *commands(parser())]
    for name, top in tops:
        for action in top._actions:
            if isinstance(action, argparse._SubParsersAction):
                for choice in action._choices_actions:
                    found[f"{name} {choice.dest}".strip()] = choice.help or ""
    return found


def page(name: str, command: argparse.ArgumentParser) -> str:
    """The man page of one command."""
    said = helps()[name]
    title = f"kfuncscope-{name.replace(' ', '-')}"
    lines = [
        '.\\" SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause',
        f'.TH {title.upper()} 1 {DATE} "kfuncscope {__version__}" "User Commands"',
        ".SH NAME", f"{escape(title)} \\- {escape(said)}",
        ".SH SYNOPSIS", *_synopsis(name, command),
        ".SH DESCRIPTION", escape(command.description or said[:1].upper() + said[1:] + "."),
    ]  # fmt: skip
    for group in command._action_groups:
        listed = [action for action in group._group_actions if action.help is not argparse.SUPPRESS]
        if listed:
            heading = {"positional arguments": "ARGUMENTS"}.get(group.title or "", (group.title or "").upper())
            lines.append(f".SH {heading}")
            for action in listed:
                lines += [".TP", _head(command, action), escape(_help(command, action))]
    lines += [".SH EXAMPLES", ".nf", *(escape(f"kfuncscope {line}") for line in EXAMPLES[name]), ".fi"]
    lines += [".SH EXIT STATUS"]
    for code, meaning in MEANINGS.items():
        lines += [".TP", f".B {code.value}", escape(meaning[:1].upper() + meaning[1:] + ".")]
    for heading, table in (("ENVIRONMENT", ENVIRONMENT), ("FILES", FILES)):
        lines.append(f".SH {heading}")
        for word, text in sorted(table.items()):
            lines += [".TP", f".B {escape(word)}", escape(text)]
    lines += [".SH SEE ALSO", ".BR kfuncscope (1)"]
    return "\n".join(lines) + "\n"


def _synopsis(name: str, command: argparse.ArgumentParser) -> list[str]:
    usage = command.format_usage().removeprefix("usage: ")
    shown = " ".join(usage.split())
    shown = shown[shown.index(name) + len(name) :].strip()
    return [f".B kfuncscope {escape(name)}", escape(shown)]


def _head(command: argparse.ArgumentParser, action: argparse.Action) -> str:
    text = command._get_formatter()._format_action_invocation(action)
    return f".B {escape(text)}"


def _help(command: argparse.ArgumentParser, action: argparse.Action) -> str:
    text = command._get_formatter()._expand_help(action) if action.help else ""
    return (text[:1].upper() + text[1:] + ("" if text.endswith(".") else ".")) if text else "See DESCRIPTION."


def write() -> None:
    """All pages; those of commands that are gone are removed."""
    made = pages()
    for path in FOLDER.glob("kfuncscope-*.1"):
        if path.name not in made:
            path.unlink()
    for name, text in made.items():
        (FOLDER / name).write_text(text)


if __name__ == "__main__":
    write()
