# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Verdicts look the same everywhere: one table of words, glyphs, colours and reach."""

from __future__ import annotations

import io
import re

import pytest

from kfuncscope.cli import output
from kfuncscope.gui import theme
from kfuncscope.model.looks import CONFIDENCES, LOOKS, REACHES, SHORT_REACH
from kfuncscope.model.verdict import Confidence, Reach, Verdict


class Terminal(io.StringIO):
    """Standard output that is a terminal."""

    def isatty(self) -> bool:
        return True


def test_every_value_has_its_row() -> None:
    assert set(LOOKS) == set(Verdict)
    assert set(REACHES) == set(SHORT_REACH) == set(Reach)
    assert set(CONFIDENCES) == set(Confidence)
    assert len({look.word for look in LOOKS.values()}) == len({look.glyph for look in LOOKS.values()}) == len(Verdict)
    colours = [*(look.light for look in LOOKS.values()), *(look.dark for look in LOOKS.values())]
    assert all(re.fullmatch("#[0-9a-f]{6}", colour) for pair in colours for colour in pair)


def test_the_window_and_the_terminal_ask_the_same_table(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setattr("sys.stdout", Terminal())
    for verdict, look in LOOKS.items():
        assert (theme.WORDS[verdict], theme.GLYPHS[verdict], theme.MEANING[verdict]) == (
            look.word, look.glyph, look.meaning,
        )  # fmt: skip
        assert (theme.LIGHT.verdicts[verdict], theme.DARK.verdicts[verdict]) == (look.light[0], look.dark[0])
        assert output.verdict_word(verdict) == f"\x1b[{look.ansi}m{look.glyph} {verdict.value}\x1b[0m"


def test_what_is_not_known_and_what_was_broken_are_told_apart() -> None:
    """Both were grey in reports."""
    unknown, before = LOOKS[Verdict.UNKNOWN], LOOKS[Verdict.ALREADY_BROKEN]
    assert unknown.light != before.light and unknown.dark != before.dark


@pytest.mark.parametrize("colour", ["31", "38;5;208"])
def test_coloured_cells_are_as_wide_as_what_is_seen(colour: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Whatever the length of the colour's code, the next column stands where it does without colours."""
    output.table(("a", "b"), [(output.Painted("xy", colour), "end"), ("longer", "end")])
    lines = [re.sub("\x1b[^m]*m", "", line) for line in capsys.readouterr().out.splitlines()]
    assert [line.find("end") for line in lines[1:]] == [8, 8]
