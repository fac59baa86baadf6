# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Assumptions as a blast radius: before and after; what breaks newly lights up; each can be taken back."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QSettings, Qt
from PySide6.QtGui import QAccessible
from PySide6.QtWidgets import QMenu
from pytestqt.qtbot import QtBot

from kfuncscope.gui.app import settle
from kfuncscope.gui.controllers.hypotheses import WhatIfDialog
from kfuncscope.gui.filters import Token
from kfuncscope.gui.flows import blast
from kfuncscope.gui.index import AFFECTED, Index
from kfuncscope.gui.mainwindow import MainWindow
from kfuncscope.gui.store import NEED
from kfuncscope.gui.widgets import motion
from kfuncscope.model.verdict import NeedKind, Verdict
from kfuncscope.upgrade.whatif import Action, Change, apply
from support import analyses, windows

START = (Token("affected"), Token("arch", "x86_64"))
HELPER = (NeedKind.HELPER, "bpf_map_lookup_elem")


@pytest.fixture
def win(shared: MainWindow) -> MainWindow:
    shared.hypotheses.clear()
    settle()
    shared.store.select(None)
    shared.store.change(START, "start")
    shared.show_page("graph")
    settle()
    return shared


def _two(*changes: Change) -> tuple[Index, Index]:
    real = Index(analyses.demo())
    index = Index(apply(real.analysis, changes))
    index.before = real
    return real, index


def test_what_is_touched_before_and_after(qapp: object) -> None:
    real, index = _two(Change(*HELPER, Action.REMOVED))
    made = blast.build(real, index, [HELPER], 0, 50)
    assert made.groups == "program" and made.touched == sum(r.programs for r in made.rows)
    assert made.fresh == index.counts(0)[Verdict.BREAKS] - real.counts(0)[Verdict.BREAKS] > 0
    for row in made.rows:
        (pid,) = row.ids
        assert row.before == real.prog_verdict[pid, 0] and row.after == index.prog_verdict[pid, 0]
        assert row.fresh == (row.after == blast.BREAKS != row.before)
    assert [r.fresh > 0 for r in made.rows] == sorted((r.fresh > 0 for r in made.rows), reverse=True)
    real, index = _two(Change(NeedKind.KFUNC, "scx_bpf_dispatch", Action.KEPT),
                       Change(NeedKind.KFUNC, "scx_bpf_consume", Action.KEPT))  # fmt: skip
    made = blast.build(real, index, [(NeedKind.KFUNC, "scx_bpf_dispatch"), (NeedKind.KFUNC, "scx_bpf_consume")], 0, 50)
    assert made.fresh == 0 and made.mended == real.counts(0)[Verdict.BREAKS] - index.counts(0)[Verdict.BREAKS] > 0


@pytest.mark.parametrize(("most", "groups"), [(50, "program"), (4, "object"), (3, "package"), (1, "all")])
def test_the_blast_folds_until_it_fits(qapp: object, most: int, groups: str) -> None:
    real, index = _two(Change(*HELPER, Action.REMOVED))
    whole = blast.build(real, index, [HELPER], -1, 1000)
    made = blast.build(real, index, [HELPER], -1, most)
    assert len(made.rows) <= most or made.groups == "all"
    assert sum(r.programs for r in made.rows) == whole.touched and sum(r.fresh for r in made.rows) == whole.fresh
    if most in (50, 1):
        assert made.groups == groups


def test_a_type_takes_its_members_along(qapp: object) -> None:
    index = Index(analyses.demo())
    field = next(n for k, n in index.needs if k is NeedKind.FIELD)
    users = blast.users(index, [(NeedKind.TYPE, field.rpartition(".")[0])], -1)
    assert set(users.tolist()) >= set(blast.users(index, [(NeedKind.FIELD, field)], -1).tolist()) and len(users)


def test_only_edges_that_are_worse_light_up(win: MainWindow) -> None:
    win.hypotheses.assume(*HELPER, Action.REMOVED)
    settle()
    scene, index, real = win.graph.canvas.scene, win.store.index, win.context.real
    lit = np.flatnonzero(scene.fresh)
    need = scene.node_at[NEED, index.need_id(*HELPER)]
    assert len(lit) and set(scene.dst[lit].tolist()) == {need} and (scene.edge_verdict[lit] >= AFFECTED).all()
    newly = [i for i in range(len(scene)) if scene.subs[i].startswith("breaks newly")]
    assert newly and all(real.prog_verdict[scene.ids[i], 0] != blast.BREAKS for i in newly)
    assert win.store.name_of(win.store.selected) == "need:helper:bpf_map_lookup_elem"  # and it is in view
    win.graph.canvas.grab()
    win.hypotheses.clear()
    settle()
    assert not win.graph.canvas.scene.fresh.any() and win.store.index is win.context.real


def test_the_menu_asks_and_the_picture_answers(win: MainWindow, qtbot: QtBot) -> None:
    scene = win.graph.canvas.scene
    menu: QMenu = win.graph.menu_for(scene.labels.index("bpf_map_lookup_elem"))
    asked = [a.text() for a in menu.actions() if a.text().startswith("What if")]
    assert asked == ["What if it were removed?", "What if it changed?", "What if it stayed as it was?"]
    next(a for a in menu.actions() if a.text() == asked[0]).trigger()
    settle()
    canvas = win.pages["whatif"].canvas
    assert win.tabs.currentWidget() is win.hypotheses._view
    assert canvas.needs == [("bpf_map_lookup_elem", "helper · removed")]
    number, words = canvas.counter()
    assert number == f"+{canvas.blast.fresh}" and "programs break newly on x86_64 · " in words
    assert "over all architectures" in win.banner.text.text(), "the banner counts another thing, and says so"
    boxes = [canvas._row_box(i, right) for i in range(len(canvas.blast.rows)) for right in (False, True)]
    boxes.append(canvas._need_box(0))
    assert all(canvas.rect().toRectF().contains(b) for b in boxes)
    assert not any(a.intersects(b) for i, a in enumerate(boxes) for b in boxes[i + 1 :])
    canvas.setFocus()
    qtbot.keyClick(canvas, Qt.Key.Key_Down)
    assert canvas.current == 0 and "before: " in canvas.accessibleDescription()
    qtbot.keyClick(canvas, Qt.Key.Key_Return)
    assert win.store.selected is not None
    root = QAccessible.queryAccessibleInterface(canvas)
    assert root.childCount() == len(canvas.blast.rows) and "after: Breaks" in root.child(0).text(QAccessible.Text.Name)
    changed = win.graph.menu_for(win.graph.canvas.scene.labels.index("bpf_map_lookup_elem"))
    next(a for a in changed.actions() if a.text() == asked[1]).trigger()
    settle()
    assert [c.action for c in win.hypotheses.changes] == [Action.CHANGED] and canvas.blast.fresh == 0


def test_each_assumption_can_be_taken_back(win: MainWindow, qtbot: QtBot) -> None:
    win.hypotheses.assume(*HELPER, Action.REMOVED)
    win.hypotheses.assume(NeedKind.KFUNC, "scx_bpf_dispatch", Action.KEPT)
    settle()
    banner = win.banner
    assert [c.text() for c in banner.chips] == [
        "helper bpf_map_lookup_elem removed  ✕", "kfunc scx_bpf_dispatch kept as it was  ✕"
    ]  # fmt: skip
    assert "2 assumptions hold" in banner.text.text()
    qtbot.mouseClick(banner.chips[0], Qt.MouseButton.LeftButton)
    settle()
    assert [c.name for c in win.hypotheses.changes] == ["scx_bpf_dispatch"] and len(banner.chips) == 1
    qtbot.mouseClick(banner.chips[0], Qt.MouseButton.LeftButton)
    settle()
    assert not win.hypotheses.changes and not banner.isVisibleTo(win)
    assert not win.hypotheses._view.canvas.needs


def test_assumptions_stand_below_the_sentence_and_none_is_cut(win: MainWindow) -> None:
    win.resize(1022, 700)
    names = [f"struct a_rather_long_type_{i}.with_a_member" for i in range(6)]
    win.banner.tell("What if: six assumptions hold. This is not a real result.", [(n, lambda: None) for n in names])
    settle()
    banner = win.banner
    assert len(banner.chips) == 4 and "2 more" in banner._rest.text() and banner._rest.isVisible()
    assert banner.text.height() <= 3 * banner.text.fontMetrics().lineSpacing()
    boxes = [chip.geometry() for chip in banner.chips]
    for number, box in enumerate(boxes):
        assert banner.rect().contains(box) and not box.intersects(banner.text.geometry())
        assert box.width() >= banner.chips[number].sizeHint().width()
        assert not any(box.intersects(other) for other in boxes[number + 1 :])
    assert len({box.top() for box in boxes}) > 1  # in rows
    banner.tell("", ())
    banner.tell("What if: one", [("x removed", lambda: None)])
    settle()
    assert not banner._rest.isVisible() and len(banner.chips) == 1


def test_the_dialog_says_when_nothing_here_is_called_so(win: MainWindow, qtbot: QtBot) -> None:
    win.hypotheses.dialog()
    dialog = win.findChild(WhatIfDialog)
    for typed, said in (("helper bpf_nowhere", True), ("helper bpf_map_lookup_elem", False)):
        dialog.name.setText(typed)
        dialog._add()
        settle()
        assert ("nothing changes" in dialog.said.text()) == said and not dialog.name.text()
    dialog.close()


def test_the_dialog_begins_in_the_name_and_takes_no_empty_one(win: MainWindow, qtbot: QtBot) -> None:
    win.activateWindow()
    win.hypotheses.dialog()
    dialog = win.findChild(WhatIfDialog)
    assert dialog.focusWidget() is dialog.name
    qtbot.keyClick(dialog.name, Qt.Key.Key_Return)
    assert "Type a name first" in dialog.said.text() and not win.hypotheses.changes
    qtbot.keyClicks(dialog.name, "scx_bpf_consume")
    assert dialog.name.text() == "scx_bpf_consume"
    dialog.close()


def test_things_move_only_where_they_may(qapp: object, qtbot: QtBot, tmp_path: Path) -> None:
    settings = QSettings(str(tmp_path / "s.ini"), QSettings.Format.IniFormat)
    assert not motion.wanted(None) and motion.wanted(settings)
    seen: list[float] = []
    with windows.window() as window:
        one = motion.Motion(window, seen.append, lambda: motion.wanted(settings))
        one.start()
        qtbot.waitUntil(lambda: not one.running(), timeout=5000)
        assert len(seen) > 2 and seen[-1] == 1.0 and seen == sorted(seen)
        settings.setValue(motion.SETTING, "false")
        seen.clear()
        one.start()
        assert seen == [1.0] and not one.running()
