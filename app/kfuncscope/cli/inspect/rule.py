# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""``kfuncscope rule``: what a rule id or a failure code means."""

from __future__ import annotations

import argparse
import difflib
import textwrap
from collections.abc import Iterable

from kfuncscope.cli.formats import emit
from kfuncscope.cli.output import patient
from kfuncscope.errors import UsageError
from kfuncscope.model import catalogue
from kfuncscope.model.failure import meanings
from kfuncscope.report import rulebook

_WIDTH = 100


def run(arguments: argparse.Namespace) -> int:
    """Print the text of each id, or the list of all."""
    if arguments.every and not arguments.ids:
        emit(arguments.format, "Rules and failure codes", ("ID", "TITLE"), _listed())
        return 0
    if not arguments.ids:
        raise UsageError("rule", "name a rule (R-7.10) or a failure code, or pass --list")
    if arguments.format != "table":
        raise UsageError("--format", "belongs to --list; the text of a rule has one form")
    texts = [_text(one) for one in arguments.ids]
    with patient():
        print("\n\n".join(texts))
    return 0


def _listed() -> list[tuple[str, str]]:
    rules = [(r.id, r.title) for r in catalogue.rules()]
    return rules + [(code.code.value, code.title) for code in catalogue.codes().values()]


def _text(wanted: str) -> str:
    rule = catalogue.rule(wanted if wanted[:2] == "R-" else f"R-{wanted.removeprefix('r-')}")
    if rule is not None:
        return _wrapped(rulebook.text(rule))
    codes = [code for one in meanings(wanted) if (code := catalogue.code(one)) is not None]
    if not codes:
        known = [name for name, _ in _listed()]
        near = difflib.get_close_matches(wanted, known, 3)
        hint = f"did you mean {', '.join(near)}?" if near else "`kfuncscope rule --list` shows all"
        raise UsageError(wanted, f"not a rule id or failure code; {hint}")
    return "\n\n".join(_wrapped(rulebook.code_text(code)) for code in codes)


def _wrapped(lines: Iterable[str]) -> str:
    made = []
    for line in lines:
        indent = " " * (len(line) - len(line.lstrip()))
        if len(indent) >= 4:  # an example stays as it is
            made.append(line)
        else:
            made.append(textwrap.fill(line, _WIDTH, subsequent_indent=indent) if line else "")
    return "\n".join(made)
