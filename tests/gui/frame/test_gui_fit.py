# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What a person sees fits its place, reads right, and is of what is loaded now; and the keyboard reaches all of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QAccessible, QIcon, QPalette
from PySide6.QtWidgets import QApplication, QDialog, QLabel, QPushButton, QWidget
from pytestqt.qtbot import QtBot

from kfuncscope.gui import theme
from kfuncscope.gui.app import settle
from kfuncscope.gui.controllers.exports import LEGIBLE, ExportDialog
from kfuncscope.gui.controllers.hypotheses import WhatIfDialog
from kfuncscope.gui.filters import Token
from kfuncscope.gui.graph.export import HEAD, LARGEST
from kfuncscope.gui.mainwindow import MainWindow
from kfuncscope.gui.models.matrix import MatrixModel
from kfuncscope.gui.pages import TABS
from kfuncscope.gui.store import NEED, Node
from kfuncscope.gui.views.kfuncs import KfuncsView
from kfuncscope.gui.widgets.story import Link
from kfuncscope.gui.widgets.words import counted
from kfuncscope.model.analysis import Analysis
from kfuncscope.model.verdict import NeedKind, Verdict
from kfuncscope.session.session import KernelRef, Session
from kfuncscope.study.lifecycle import OfferRow
from support import analyses, windows

FOLDER = "srv/build/area/with/a/rather/long/name/debian-arm64/libbpf-tools/"


@pytest.fixture
def win(qapp: object) -> Iterator[MainWindow]:
    with windows.window(analyses.demo()) as made:
        yield made


def _in_folders(analysis: Analysis) -> Analysis:
    """The same result with objects told apart by their folders."""
    return replace(
        analysis,
        arches=tuple(
            replace(a, objects=tuple(replace(o, object=FOLDER + o.object) for o in a.objects)) for a in analysis.arches
        ),
    )


def _texts(inside: QWidget) -> str:
    return "\n".join(label.text().replace("\u200b", "") for label in inside.findChildren(QLabel))


# --- it fits ---
def test_a_long_name_does_not_make_the_detail_wider_than_its_panel(qapp: object) -> None:
    with windows.window(_in_folders(analyses.demo())) as window:
        window.navigation.lane("")
        number = window.store.index.need_id(NeedKind.HOOK, "xdp_redirect_map")
        window.store.select(Node(NEED, number))
        settle()
        story, panel = window.detail.widget(), window.detail.viewport()
        assert story.minimumSizeHint().width() <= panel.width() and story.width() == panel.width()
        links = story.findChildren(Link)
        assert links and all(link.geometry().right() < story.width() for link in links)
        users = [link for link in links if not link.toolTip().startswith("R-")]
        assert users and len(users) < len(links), "programs and rules"
        for link in users:
            assert FOLDER in link.toolTip() and "…" in link.text()
            assert link.text().endswith(link.toolTip()[-6:])  # the end of a path is what tells it from others


@pytest.mark.parametrize("size", [(1024, 700), (1920, 1080)])
def test_the_window_takes_the_size_it_is_given(qapp: object, size: tuple[int, int]) -> None:
    with windows.window(analyses.demo(), size=size) as window:
        window.context.say("Written: " + "/a/long/way/down" * 30)
        for page in TABS:
            window.show_page(page.id)
            settle()
            assert (window.width(), window.height()) == size
        assert all(
            link.isVisible() for link in (window.toolbar.search, window.toolbar.export, window.detail, window.inputs)
        )
        assert window.detail.width() >= 200


def test_objects_of_one_folder_can_be_told_apart(qapp: object) -> None:
    with windows.window(_in_folders(analyses.demo())) as window:
        window.show_page("matrix")
        settle()
        model = window.matrix.model
        heads = [i for i, row in enumerate(model.rows) if row.program < 0]
        assert all(model.index(i, 0).data(Qt.ItemDataRole.ToolTipRole) == model.rows[i].group for i in heads)
        delegate, letters = window.matrix.table.itemDelegate(), window.matrix.table.fontMetrics()
        texts = [str(model.index(i, 0).data()) for i in heads]
        room = min(map(letters.horizontalAdvance, texts)) - 20
        shown = [delegate.fitted(text, True, 0, letters, room) for text in texts]  # type: ignore[attr-defined]
        assert len(set(shown)) == len(texts) > 1 and all("…" in text for text in shown)


def test_what_is_dimmed_can_still_be_read(win: MainWindow) -> None:
    assert win.toolbar.search.palette().color(QPalette.ColorRole.PlaceholderText).name() == theme.look().muted
    icon = theme.icon(Verdict.BREAKS)
    plain, chosen = (icon.pixmap(16, mode).toImage() for mode in (QIcon.Mode.Normal, QIcon.Mode.Selected))
    assert plain == chosen


# --- it reads right ---
def test_numbers_have_their_noun() -> None:
    assert counted(1, "program", "programs") == "1 program"
    assert counted(0, "program", "programs") == "0 programs"
    assert counted(1200, "program", "programs") == "1,200 programs"


def test_one_of_each_is_no_plural(qapp: object) -> None:
    demo = analyses.demo()
    arch = demo.arches[0]
    lone = replace(arch.objects[0], programs=arch.objects[0].programs[:1])
    with windows.window(replace(demo, arches=(replace(arch, objects=(lone,)),))) as window:
        assert window.state_text.text().startswith("1 program · 1 object · 1 architecture")
        window.store.clear()
        window.show_page("matrix")
        assert window.matrix.count.text() == "1 program"
        window.exports.dialog()
        dialog = window.findChild(ExportDialog)
        assert dialog.scope.itemText(0) == "everything (1 program)"
        dialog.close()


def test_names_keep_their_case_in_headings(win: MainWindow) -> None:
    win.graph.step(True)
    headings = [label.text() for label in win.detail.widget().findChildren(QLabel, "heading")]
    assert headings[0].startswith("DETAIL · x86_64 · ")


def test_where_to_begin_counts_programs_not_findings(qapp: object) -> None:
    """A finding of the whole object hits its programs once each, whatever else is found at one of them; a program that
    works when it alone is switched on is not counted, as in the strip, the matrix and the overview."""
    demo = analyses.demo()
    arch = demo.arches[0]
    found = next(o for o in arch.objects if o.object == "scx_simple")
    gone = found.programs[0].findings[0]
    whole = replace(found, findings=(gone,))
    with windows.window(replace(demo, arches=(replace(arch, objects=(whole,)),))) as window:
        links = [link.toolTip() for link in window.detail.widget().findChildren(Link)]
        assert [p.verdict for p in found.programs] == [Verdict.BREAKS, Verdict.BREAKS, Verdict.OK]
        assert links[0] == f"{gone.name}   {gone.kind.value} removed · 2 programs"
        assert window.overview.canvas.name_of((1, 0)) == gone.name


def test_all_users_of_a_need_are_told_when_all_architectures_are_shown(win: MainWindow) -> None:
    win.navigation.lane("")
    index = win.store.index
    edges = index.edges_of(-1)
    for need in range(len(index.needs)):
        win.store.select(Node(NEED, need))
        users = int((edges.need == need).sum())
        assert f"USED BY  {users}" in _texts(win.detail.widget())


def test_no_program_in_view_is_not_called_clear(win: MainWindow) -> None:
    win.store.change((Token("text", "there is no such name"),), "search")
    win.show_page("matrix")
    model = win.matrix.model
    heads = [model.headerData(i, Qt.Orientation.Horizontal) for i in range(1, 1 + len(win.store.index.lanes))]
    assert heads and all(head.endswith("\n–") for head in heads)
    assert win.matrix.empty.isVisible() and not win.matrix.table.isVisible()
    win.store.undo.undo()
    assert win.matrix.table.isVisible() and not win.matrix.empty.isVisible()
    clear = MatrixModel()
    clear.show(win.store.index, (Token("verdict", "OK"),))
    assert "● clear" in clear.headerData(1, Qt.Orientation.Horizontal)


def test_lists_without_a_line_say_why(qapp: object) -> None:
    with windows.window() as window:
        for view in (window.notes, window.jobs_view, window.problems):
            assert view.empty.text() and view.empty.isVisibleTo(view) and not view.table.isVisibleTo(view)
        window.jobs.quick(lambda _stop: None, lambda _: None, key="x", title="A job")
        settle()
        assert window.jobs_view.table.isVisibleTo(window.jobs_view)
        assert window.jobs_view.model.rows[0][1:3] == ("done", "")
        window.notes.show_notes({"k": "text"}, {})
        assert window.notes.table.isVisibleTo(window.notes) and not window.notes.empty.isVisibleTo(window.notes)


# --- it is of what is loaded now ---
def test_another_session_shows_nothing_of_the_one_before(win: MainWindow) -> None:
    win.context.session.notes["k"] = "text"
    win.annotations.show_notes()
    assert "blocked" in win.summary.decision.accessibleName() and win.problems.model.rows
    win.context.open_session(Session(), ())
    assert "Not judged yet" in win.summary.decision.accessibleName() and not win.summary.cards
    assert not win.problems.model.rows and win.docks["problems"].windowTitle() == "Problems"
    assert win.tabs.tabText(win.tabs.indexOf(win.findings)) == "Findings"
    assert not win.notes.model.rows and not win.state_text.text()


def test_a_new_session_begins_with_nothing(win: MainWindow, qtbot: QtBot) -> None:
    win.context.session = Session(old=[KernelRef(["/k/old"])], objects=["/o/a.o"])
    win.listing.refresh()
    assert win.welcome.areas["old"].state.text() == "1 kernel"
    assert win.welcome.areas["objects"].state.toolTip() == "/o/a.o"
    win.explorer.offers = [OfferRow(NeedKind.KFUNC, "bpf_x")]
    win.explorer._show(win.explorer.offers)
    win.commands.run("session.new")
    assert win.on_welcome and win.context.session == Session(filters=win.context.session.filters)
    assert not win.kfuncs.rows and not win.explorer.offers and win.store.index is None
    assert not win.welcome.again.isVisible() and not win.welcome.analyse.isEnabled()


def test_kfuncs_keep_order_and_choice_over_search_and_news(win: MainWindow) -> None:
    rows = [OfferRow(NeedKind.KFUNC, f"bpf_{name}", users=("o/p",) * number) for number, name in enumerate("dacb")]
    view: KfuncsView = win.kfuncs
    view.show_rows(rows)
    view.table.sortByColumn(0, Qt.SortOrder.DescendingOrder)
    names = ["bpf_d", "bpf_c", "bpf_b", "bpf_a"]
    assert [r.name for r in view.model.rows] == names
    view.table.selectRow(2)
    view.table.sortByColumn(0, Qt.SortOrder.AscendingOrder)
    assert view.current.name == "bpf_b" and view.table.currentIndex().row() == 1
    view.table.sortByColumn(0, Qt.SortOrder.DescendingOrder)
    view.search.setText("bpf_")
    view.show_rows(list(rows))
    assert [r.name for r in view.model.rows] == names and view.current.name == "bpf_b"
    assert view.table.currentIndex().row() == 2
    view.search.setText("bpf_a")
    assert view.current.name == "bpf_a"
    assert view.go_to("kfunc", "bpf_c") and view.current.name == "bpf_c" and not view.search.text()
    assert not view.go_to("kfunc", "bpf_z")


def test_an_export_tells_that_a_file_would_be_replaced(win: MainWindow, tmp_path: Path) -> None:
    win.exports.dialog()
    dialog = win.findChild(ExportDialog)
    dialog.path.setText(str(tmp_path / "new.html"))
    assert not dialog.warning.text() and dialog.go.isEnabled()
    (tmp_path / "old.html").write_text("x")
    dialog.path.setText(str(tmp_path / "old.html"))
    assert "will be replaced" in dialog.warning.text()
    dialog.path.setText(" ")
    assert not dialog.go.isEnabled()
    dialog.close()


def test_an_export_tells_that_a_graph_is_too_tall_for_a_picture(win: MainWindow) -> None:
    scene = win.graph.canvas.scene
    assert scene is not None
    kept = scene.height
    win.exports.dialog()
    dialog = win.findChild(ExportDialog)
    words = [dialog.format.itemText(i) for i in range(dialog.format.count())]
    for tall, told in ((LARGEST / LEGIBLE - HEAD, False), (LARGEST / LEGIBLE - HEAD + 1, True)):
        scene.height = tall
        dialog.format.setCurrentIndex(words.index("Whole graph, PNG"))
        assert ("too tall" in dialog.warning.text()) is told
        dialog.format.setCurrentIndex(words.index("Whole graph, SVG"))
        assert "too tall" not in dialog.warning.text()
    scene.height = kept
    dialog.close()


# --- the keyboard reaches it ---
def test_enter_in_the_what_if_dialog_assumes_and_stays(win: MainWindow, qtbot: QtBot) -> None:
    win.hypotheses.dialog()
    dialog = win.findChild(WhatIfDialog)
    qtbot.keyClicks(dialog.name, "scx_bpf_consume")
    qtbot.keyClick(dialog.name, Qt.Key.Key_Return)
    settle()
    assert dialog.isVisible() and [c.name for c in win.hypotheses.changes] == ["scx_bpf_consume"]
    assert dialog.list.count() == 1
    win.results.show_analysis(analyses.demo())  # a new real result: nothing is assumed any more, and the list says so
    settle()
    assert dialog.list.count() == 0 and not dialog.remove.isEnabled()
    dialog.close()


def test_enter_assumes_although_names_are_offered_below_the_field(win: MainWindow, qtbot: QtBot) -> None:
    """The list of names that fit has the keyboard: one Enter is enough; one chosen in the list is taken first."""
    win.hypotheses.dialog()
    dialog = win.findChild(WhatIfDialog)
    offered = dialog.name.completer().popup()
    qtbot.keyClicks(dialog.name, "scx_bpf_consume")
    qtbot.waitUntil(offered.isVisible)
    qtbot.keyClick(offered, Qt.Key.Key_Return)
    settle()
    assert not offered.isVisible() and [c.name for c in win.hypotheses.changes] == ["scx_bpf_consume"]
    qtbot.keyClicks(dialog.name, "no_such_name")
    qtbot.keyClick(dialog.name, Qt.Key.Key_Return)
    assert "no_such_name" in dialog.said.text() and dialog.said.wordWrap()
    dialog.name.clear()
    qtbot.keyClicks(dialog.name, "scx_bpf_disp")
    assert dialog.said.text() == "", "it was said of another name"
    qtbot.waitUntil(offered.isVisible)
    qtbot.keyClick(offered, Qt.Key.Key_Down)
    qtbot.keyClick(offered, Qt.Key.Key_Return)
    assert dialog.name.text().startswith("kfunc scx_bpf_disp") and len(win.hypotheses.changes) == 1
    dialog.close()


def test_escape_and_enter_give_the_keyboard_back_to_the_view(win: MainWindow, qtbot: QtBot) -> None:
    for key in (Qt.Key.Key_Return, Qt.Key.Key_Escape):
        win.activateWindow()
        win.commands.run("search")
        qtbot.keyClicks(win.toolbar.search, "xdp")
        qtbot.keyClick(win.toolbar.search, key)
        assert win.focusWidget() is win.graph.canvas
    assert not win.toolbar.search.text()


def test_folding_a_group_keeps_the_place(win: MainWindow) -> None:
    win.show_page("matrix")
    view = win.matrix
    row = [i for i, r in enumerate(view.model.rows) if r.program < 0][2]
    group = view.model.rows[row].group
    view.table.setCurrentIndex(view.model.index(row, 0))
    view._clicked(view.table.currentIndex())
    assert group in view.model.folded
    assert view.model.rows[view.table.currentIndex().row()].group == group
    view._clicked(view.table.currentIndex())
    assert group not in view.model.folded and view.table.currentIndex().row() == row


def test_everything_that_takes_the_keyboard_has_a_name(win: MainWindow) -> None:
    for page in TABS:
        win.show_page(page.id)
        settle()
        assert _nameless(win) == []
    win.kfuncs.show_mode(1)
    win.show_page("kfuncs")
    assert _nameless(win) == []
    win.exports.dialog()
    win.hypotheses.dialog()
    win.annotations.ask_waiver(Node(0, 0), 0)
    dialogs = win.findChildren(QDialog)
    assert len(dialogs) == 3
    for dialog in dialogs:
        assert _nameless(dialog) == []
        shown = [b for b in dialog.findChildren(QPushButton) if b.isVisible()]
        assert shown and all(b.icon().isNull() for b in shown)
        dialog.close()


def _nameless(window: QWidget) -> list[str]:
    """Widgets in view that take the focus and that a screen reader has no word for."""
    QApplication.processEvents()
    return [
        f"{type(w).__name__} in {type(w.parent()).__name__}"
        for w in window.findChildren(QWidget)
        if w.isVisible()
        and w.focusPolicy() is not Qt.FocusPolicy.NoFocus
        and not isinstance(w, QLabel)
        and not QAccessible.queryAccessibleInterface(w).text(QAccessible.Text.Name).strip()
    ]
