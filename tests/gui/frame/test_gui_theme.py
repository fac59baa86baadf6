# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Colours can be read, and no verdict is told by colour alone."""

from __future__ import annotations

import pytest

from kfuncscope.gui import theme
from kfuncscope.model.verdict import Verdict


def test_contrast_is_that_of_wcag() -> None:
    assert theme.contrast("#000000", "#ffffff") == pytest.approx(21)
    assert theme.contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize("look", [theme.LIGHT, theme.DARK], ids=lambda p: p.name)
def test_every_text_has_enough_contrast(look: theme.Palette) -> None:
    grounds = (look.window, look.panel, look.toolbar, look.code)
    pairs = [(ink, ground) for ink in (look.text, look.muted) for ground in grounds]
    pairs += [(look.text, look.selection), (look.on_accent, look.accent), (look.accent, look.panel)]
    pairs += [(look.text, look.removed), (look.text, look.added)]
    for verdict in Verdict:
        pairs += [(look.verdicts[verdict], look.panel), (look.verdicts[verdict], look.tints[verdict])]
        pairs += [(look.text, look.tints[verdict]), (look.muted, look.tints[verdict])]
    poor = [(a, b, round(theme.contrast(a, b), 2)) for a, b in pairs if theme.contrast(a, b) < 4.5]
    assert not poor


def test_every_verdict_has_its_own_word_and_shape(qapp: object) -> None:
    assert len(set(theme.WORDS.values())) == len(Verdict) == len(set(theme.GLYPHS.values()))
    shapes = {tuple(round(p, 2) for p in _outline(v)) for v in Verdict}
    assert len(shapes) == len(Verdict)


def _outline(verdict: Verdict) -> list[float]:
    path = theme.glyph_path(verdict, 20)
    assert not path.isEmpty()
    return [value for i in range(min(path.elementCount(), 40)) for value in (path.elementAt(i).x, path.elementAt(i).y)]
