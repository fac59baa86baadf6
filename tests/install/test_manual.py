# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Every command has a man page with all its options, and every variable of the environment is in it."""

from __future__ import annotations

import argparse
import re

import pytest
from test_packaging import ROOT

from support.manpages import ENVIRONMENT, FOLDER, escape, leaves, pages

NOT_OURS = {"PATH", "PWD", "DISPLAY", "WAYLAND_DISPLAY"}


def test_a_page_for_each_command_and_no_other() -> None:
    assert {p.name for p in FOLDER.glob("kfuncscope-*.1")} == set(pages()), "run python -m support.manpages in tests/"


@pytest.mark.parametrize(("name", "command"), list(leaves()), ids=[n for n, _ in leaves()])
def test_a_page_has_every_option(name: str, command: argparse.ArgumentParser) -> None:
    """Python's releases lay out usage lines otherwise; what can be typed is the same."""
    text = (FOLDER / f"kfuncscope-{name.replace(' ', '-')}.1").read_text()
    for action in command._actions:
        for option in action.option_strings:
            assert re.search(rf"^\.B .*{re.escape(escape(option))}\b", text, re.MULTILINE), option
    for heading in ("NAME", "SYNOPSIS", "DESCRIPTION", "EXAMPLES", "EXIT STATUS", "ENVIRONMENT", "FILES", "SEE ALSO"):
        assert f"\n.SH {heading}\n" in text
    assert not re.search(r"(?<!\\)-(?=-)", text.split(".SH", 1)[1]), "an option must not be broken at its hyphens"


def test_every_variable_that_the_program_reads_is_in_the_manual() -> None:
    read = set()
    for path in (ROOT / "app").rglob("*.py"):
        text = path.read_text()
        read |= set(re.findall(r'environ(?:\.get\(|\[)"([A-Z_]+)"', text))
        read |= {a or b for a, b in re.findall(r'user_folder\("([A-Z_]+)"|"([A-Z_]+)" (?:not )?in os\.environ', text)}
    assert read - NOT_OURS | {"KFUNCSCOPE_CONFIG"} == set(ENVIRONMENT)
