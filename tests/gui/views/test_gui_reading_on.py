# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The detail while results of more architectures come in: it neither flickers nor loses the reader's place."""

from __future__ import annotations

from PySide6.QtWidgets import QLabel
from pytestqt.qtbot import QtBot

from kfuncscope.gui.widgets.story import Link, Story
from support import analyses, windows


def test_who_reads_on_keeps_the_story_and_the_place(qtbot: QtBot) -> None:
    analysis = analyses.demo()
    with windows.window(analysis, size=(1200, 700)) as win:
        win.graph.step(True)
        qtbot.waitUntil(lambda: not win.detail._stale, timeout=5_000)
        bar = win.detail.verticalScrollBar()
        qtbot.waitUntil(lambda: bar.maximum() > 60, timeout=5_000)
        bar.setValue(60)
        before, said = win.detail._story, _said(win.detail._story)
        win.store.set_index(type(win.store.index)(analysis))
        assert win.detail.widget() is before and _said(before) == said  # not blank for as much as a frame
        qtbot.waitUntil(lambda: win.detail._story is not before and not win.detail._stale, timeout=5_000)
        assert _said(win.detail._story) == said
        qtbot.waitUntil(lambda: bar.value() == 60, timeout=2_000)
        win.graph.step(True)  # something else is read from its beginning
        qtbot.waitUntil(lambda: not win.detail._stale, timeout=5_000)
        assert _said(win.detail._story) != said and bar.value() == 0


def _said(story: Story) -> list[str]:
    return [label.text() for label in story.findChildren(QLabel)]


def test_a_story_that_is_over_leads_nowhere(qtbot: QtBot) -> None:
    story, went = Story(300), []
    qtbot.addWidget(story)
    story.link("a", "b", lambda: went.append("link"))
    (button,) = story.buttons([("Copy", lambda: went.append("copy"))])
    story.findChildren(Link)[0].click()
    button.click()
    assert went == ["link", "copy"]
    story.retire()
    story.findChildren(Link)[0].click()
    button.click()
    assert went == ["link", "copy"]
