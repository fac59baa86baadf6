# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The smaller views driven as a person does: inputs, chips, status, problems, jobs, kfuncs, timeline, comparison."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import QModelIndex, QPoint, QStringListModel, Qt, QUrl
from PySide6.QtWidgets import QAbstractItemView, QLabel, QMenu, QProxyStyle, QPushButton, QStyle, QTableView
from pytestqt.qtbot import QtBot

from kfuncscope.gui.app import settle
from kfuncscope.gui.dialogs.rules import RuleDialog
from kfuncscope.gui.filters import Token
from kfuncscope.gui.mainwindow import MainWindow
from kfuncscope.gui.store import PROGRAM, Node
from kfuncscope.gui.widgets.choice import on_choice
from kfuncscope.gui.widgets.story import Link
from kfuncscope.knowledge.flags import flag_meaning
from kfuncscope.model.verdict import NeedKind, Verdict
from kfuncscope.resources import sample
from kfuncscope.session.session import KernelRef, Session
from kfuncscope.study.lifecycle import OfferRow, Seen, State
from support import windows
from support.bpfwriter import ObjectBuilder, exit_, mov

SOURCES = "kfuncscope.gui.controllers.sources"


@pytest.fixture
def win(shared: MainWindow) -> MainWindow:
    shared.context.session = Session()
    shared.hypotheses.clear()
    shared.store.change((Token("affected"), Token("arch", "x86_64")), "start")
    shared.store.select(None)
    shared.show_page("graph")
    settle()
    return shared


def click(qtbot: QtBot, view: QAbstractItemView, place: QModelIndex) -> None:
    """Click in the middle of a cell."""
    view.scrollTo(place)
    qtbot.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, pos=view.visualRect(place).center())


def find(view: QAbstractItemView, text: str, parent: QModelIndex | None = None) -> QModelIndex:
    """The first line of a tree whose text begins so."""
    model, parent = view.model(), parent or QModelIndex()
    for row in range(model.rowCount(parent)):
        place = model.index(row, 0, parent)
        if str(place.data()).startswith(text):
            return place
        below = find(view, text, place) if model.rowCount(place) else QModelIndex()
        if below.isValid():
            return below
    return QModelIndex()


def choose(menu: QMenu, *path: str) -> None:
    """Trigger an action of a menu by its words."""
    for word in path[:-1]:
        menu = next(a for a in menu.actions() if a.text() == word).menu()
    next(a for a in menu.actions() if a.text() == path[-1]).trigger()


def test_inputs_narrow_and_select(win: MainWindow, qtbot: QtBot) -> None:
    tree = win.inputs
    click(qtbot, tree, find(tree, "xdp-tools"))
    assert Token("package", "xdp-tools 1.5.4") in win.store.filters
    click(qtbot, tree, find(tree, "xdp-tools"))
    assert Token("package", "xdp-tools 1.5.4") not in win.store.filters
    click(qtbot, tree, find(tree, "runqlen"))
    assert win.store.index.objects[win.store.selected.id] == "runqlen"
    click(qtbot, tree, find(tree, "s390x"))
    assert win.store.lane == 3


def test_chip_menu_and_status_counts_filter(win: MainWindow, qtbot: QtBot) -> None:
    menu = win.chips.menu()
    choose(menu, "Verdict", "Risk")
    assert Token("verdict", "RISK") in win.store.filters and win.graph.canvas.scene.counts[1] == 1
    choose(menu, "Remove all filters")
    assert win.store.filters == ()
    choose(menu, "Kind of need", "field")
    choose(menu, "Package", "libbpf-tools 0.37.0")
    choose(menu, "Only affected")
    assert len(win.chips.chips) == 3
    win.store.change((Token("arch", "x86_64"),), "start")
    qtbot.mouseClick(win.counts.buttons[Verdict.SILENT], Qt.MouseButton.LeftButton)
    assert Token("verdict", "SILENT") in win.store.filters


def test_graph_menus(win: MainWindow) -> None:
    scene = win.graph.canvas.scene
    number = scene.labels.index("xdp_redirect_map")
    choose(win.graph.menu_for(number), "Only this need")
    assert Token("need", "hook:xdp_redirect_map") in win.store.filters
    assert [a.text() for a in win.graph.menu_for(-1).actions()] == ["Whole graph in view", "Export this view…"]
    row = win.findings.model.index(0, 0)
    choose(win.findings.menu_for(row), "Who else uses xdp_redirect_map")
    assert win.graph.canvas.scene.counts == (2, 2, 1)


def test_graph_by_mouse_drag_wheel_and_zoom_keys(win: MainWindow, qtbot: QtBot) -> None:
    canvas = win.graph.canvas
    canvas.fit_width()
    zoom = canvas.zoom
    qtbot.keyClick(win, Qt.Key.Key_Plus, Qt.KeyboardModifier.ControlModifier)
    assert canvas.zoom > zoom
    before = canvas.origin.y()
    qtbot.mousePress(canvas, Qt.MouseButton.LeftButton, pos=QPoint(300, 300))
    qtbot.mouseMove(canvas, QPoint(300, 260))
    qtbot.mouseMove(canvas, QPoint(300, 200))
    qtbot.mouseRelease(canvas, Qt.MouseButton.LeftButton, pos=QPoint(300, 200))
    assert canvas.origin.y() > before and win.store.selected is None
    qtbot.keyClick(win, Qt.Key.Key_F)
    assert canvas.view_rect().height() >= canvas.scene.height - 1
    qtbot.keyClick(win, Qt.Key.Key_0, Qt.KeyboardModifier.ControlModifier)
    qtbot.mouseClick(win.graph.overview, Qt.MouseButton.LeftButton, pos=QPoint(20, win.graph.overview.height() - 40))
    assert canvas.origin.y() > 0


def test_ok_needs_button_hides_and_shows_context(win: MainWindow, qtbot: QtBot) -> None:
    assert "bpf_map_lookup_elem" in win.graph.canvas.scene.labels and win.graph.ok_needs.isChecked()
    qtbot.mouseClick(win.graph.ok_needs, Qt.MouseButton.LeftButton)
    assert "bpf_map_lookup_elem" not in win.graph.canvas.scene.labels
    qtbot.mouseClick(win.graph.ok_needs, Qt.MouseButton.LeftButton)
    assert "bpf_map_lookup_elem" in win.graph.canvas.scene.labels


def test_an_input_that_was_not_read_can_be_removed(
    win: MainWindow, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs: list[int] = []
    monkeypatch.setattr(win.results, "analyse", lambda: runs.append(1))
    win.context.analysis_wanted.connect(lambda: runs.append(1))
    broken = next(p.path for p in win.store.index.analysis.problems if "broken.bpf.o" in p.path)
    win.context.session.objects = [broken, "/x/broken.bpf.o"]  # of one name, in another folder: it stays
    win.results.show_index(win.context.real)
    settle()
    press(win, qtbot, "broken.bpf.o")
    assert win.context.session.objects == ["/x/broken.bpf.o"] and runs


def press(win: MainWindow, qtbot: QtBot, text: str) -> None:
    """The button beside a problem."""
    row = next(i for i, r in enumerate(win.problems.model.rows) if text in r[0])
    holder = win.problems.table.indexWidget(win.problems.model.index(row, 2))
    qtbot.mouseClick(holder.findChild(QPushButton), Qt.MouseButton.LeftButton)


def test_a_program_type_that_is_chosen_has_the_program_judged(
    qtbot: QtBot, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """R-2.2, from the file to the verdict: unknown section, button, type, verdict; checked as on the command line."""
    file = tmp_path / "lb.bpf.o"
    file.write_bytes(ObjectBuilder().program("loadbalancer", "lb_main", [mov(0, 2), exit_()]).build())
    kernels = [[str(sample("kernels", name, "vmlinux.btf.xz"))] for name in ("6.12-x86_64", "7.3-x86_64")]
    with windows.window() as window:
        context = window.context
        context.session = Session(old=[KernelRef(kernels[0])], new=[KernelRef(kernels[1])], objects=[str(file)])
        context.inputs_changed.emit()

        def judged(verdict: Verdict, prog_type: str) -> None:
            window.results.analyse()
            qtbot.waitUntil(lambda: context.real is not None and not context.jobs.running(), timeout=90_000)
            settle()
            assert context.real is not None
            (program,) = context.real.analysis.arches[0].objects[0].programs
            assert (program.verdict, program.prog_type) == (verdict, prog_type)

        judged(Verdict.UNKNOWN, "")
        monkeypatch.setattr(f"{SOURCES}.QInputDialog.getItem", lambda *a: ("no such type", True))
        press(window, qtbot, "lb.bpf.o")
        assert context.session.section_types == {} and "no such type" in window.state_text.text()
        monkeypatch.setattr(f"{SOURCES}.QInputDialog.getItem", lambda *a: ("xdp", True))
        press(window, qtbot, "lb.bpf.o")
        assert context.session.section_types == {"loadbalancer": "XDP"}
        judged(Verdict.OK, "XDP")
        assert not any("loadbalancer" in " ".join(row) for row in window.problems.model.rows)


def test_the_id_of_a_rule_opens_its_text(win: MainWindow, qtbot: QtBot) -> None:
    index = win.store.index
    assert index is not None
    win.store.select(Node(PROGRAM, index.program_id("scx_simple", "simple_enqueue")))
    settle()
    link = next(x for x in win.detail.widget().findChildren(Link) if x.toolTip().startswith("R-2.11"))
    qtbot.mouseClick(link, Qt.MouseButton.LeftButton)
    dialog = win.findChild(RuleDialog)
    assert dialog is not None and dialog.windowTitle() == "R-2.11 Weak externs that are missing"
    assert "bpf_ksym_exists" in dialog.text.toPlainText() and "Leads to" in dialog.text.toPlainText()
    dialog.show_rule("R-3.8b")
    assert '<a href="rule:R-3.5">' in dialog.text.toHtml()
    dialog.text.anchorClicked.emit(QUrl("rule:R-3.5"))
    assert dialog.windowTitle().startswith("R-3.5 ") and win.findChildren(RuleDialog) == [dialog]
    dialog.text.anchorClicked.emit(QUrl("https://example.org"))
    assert dialog.windowTitle().startswith("R-3.5 ")
    dialog.show_rule("R-99.1")
    assert "This version has no rule R-99.1." in dialog.text.toPlainText()
    dialog.close()


def test_jobs_are_listed_and_cancelled(win: MainWindow, qtbot: QtBot) -> None:
    gate = threading.Event()
    win.jobs.quick(lambda stop: gate.wait(5), lambda _: None, key="long", title="A long job")
    view = win.jobs_view
    row = view.model.rowCount() - 1
    assert view.model.rows[row][:2] == ("A long job", "running") and win.job_button.isVisible()
    button = view.table.indexWidget(view.model.index(row, 4))
    win.job_button.click()
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    assert view.model.rows[row][1] == "cancelled" and not win.job_button.isVisible()
    gate.set()
    settle()


def _offer(name: str, **more: object) -> OfferRow:
    seen = (Seen("6.12", "6.12", State.PRESENT, f"int {name}(int)"), Seen("7.3", "7.3", State.ABSENT))
    return OfferRow(NeedKind.KFUNC, name, seen=seen, prototype=f"int {name}(int)", **more)  # type: ignore[arg-type]


def test_kfunc_explorer(win: MainWindow, qtbot: QtBot) -> None:
    rows = [
        _offer("scx_bpf_dispatch", flags=("KF_RCU",), sets=("scx_kfunc_ids",), users=("scx_simple/simple_enqueue",),
               verdict=Verdict.BREAKS, life="since 6.12, replaced by scx_bpf_dsq_insert"),
        _offer("bpf_obj_new_impl", module="vmlinux", flags=("KF_ACQUIRE", "KF_RET_NULL")),
    ]  # fmt: skip
    win.explorer._show(rows)
    win.show_page("kfuncs")
    view = win.kfuncs
    assert view.current.name == "scx_bpf_dispatch"
    said = "\n".join(label.text() for label in view.story.widget().findChildren(QLabel))
    for part in ("KF_RCU: " + flag_meaning("KF_RCU"), "set scx_kfunc_ids", "since 6.12, replaced by scx_bpf_dsq_insert",
                 "scx_simple › simple_enqueue"):  # fmt: skip
        assert part in said
    qtbot.keyClicks(view.search, "obj_new")
    assert [r.name for r in view.model.rows] == ["bpf_obj_new_impl"]
    view.search.clear()
    qtbot.mouseClick(view.used, Qt.MouseButton.LeftButton)
    assert [r.name for r in view.model.rows] == ["scx_bpf_dispatch"]
    qtbot.mouseClick(view.used, Qt.MouseButton.LeftButton)
    buttons = {b.text(): b for b in view.story.widget().findChildren(QPushButton)}
    qtbot.mouseClick(buttons["Show in graph"], Qt.MouseButton.LeftButton)
    assert win.tabs.currentWidget() is win.graph and win.graph.canvas.scene.labels == [
        "scx_simple", "simple_enqueue", "scx_bpf_dispatch"
    ]  # fmt: skip
    win.show_page("timeline")
    row = next(i for i, line in enumerate(win.timeline.model.rows) if line.name == "scx_bpf_dispatch")
    click(qtbot, win.timeline.table, win.timeline.model.index(row, 2))
    assert win.tabs.currentWidget() is view and view.current.name == "scx_bpf_dispatch"


def test_compare_two_real_kernels_without_any_object(qapp: object, qtbot: QtBot) -> None:
    with windows.window() as window:
        window.context.session = Session(
            old=[KernelRef([str(sample("kernels", "6.12-x86_64", "vmlinux.btf.xz"))], "Debian 6.12-x86_64")],
            new=[KernelRef([str(sample("kernels", "7.3-x86_64", "vmlinux.btf.xz"))], "Debian 7.3-x86_64")],
        )
        window.listing.refresh()
        assert window.welcome.analyse.text().startswith("Explore")
        window.commands.run("compare")
        view = window.kfuncs.compare
        assert view.old.currentText() == "Debian 6.12 x86_64" and view.new.currentText() == "Debian 7.3 x86_64"
        qtbot.mouseClick(view.go, Qt.MouseButton.LeftButton)
        qtbot.waitUntil(lambda: view.count.text() != "comparing…", timeout=60_000)
        assert view.all, view.count.text()
        removed = {r[1] for r in view.all if r[0] == "kfunc" and r[2] == "removed"}
        assert len(removed) == 4 and "bpf_wq_set_callback_impl" in removed
        view.kind.setCurrentIndex(view.kind.findData("kfunc"))
        view.change.setCurrentIndex(view.change.findData("changed"))
        assert len(view.model.rows) == 13
        view.search.setText("bpf_dynptr_slice$")
        assert "background-color" in view.text.toHtml() and "buffer" in view.text.toPlainText()
        window.commands.run("analyse")
        qtbot.waitUntil(lambda: bool(window.explorer.offers), timeout=60_000)
        assert any(r.name == "bpf_dynptr_slice" for r in window.kfuncs.model.rows)


class OneClick(QProxyStyle):
    """A desktop that activates with one click."""

    def styleHint(self, hint: QStyle.StyleHint, *rest: Any) -> int:
        return 1 if hint == QStyle.StyleHint.SH_ItemView_ActivateItemOnSingleClick else super().styleHint(hint, *rest)


@pytest.mark.parametrize("how", ["click", "enter"])
def test_a_choice_counts_once(qtbot: QtBot, how: str) -> None:
    """What toggles must not be toggled back by the same click."""
    view, style, seen = QTableView(), OneClick(), []
    qtbot.addWidget(view)
    view.setStyle(style)
    view.setModel(QStringListModel(["a", "b"], view))
    on_choice(view, lambda place: seen.append(place.data()))
    with qtbot.waitExposed(view):
        view.show()
    view.setCurrentIndex(view.model().index(1, 0))
    view.setFocus()
    if how == "click":
        place = view.visualRect(view.model().index(1, 0)).center()
        qtbot.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, pos=place)
    else:
        qtbot.keyClick(view, Qt.Key.Key_Return)
    assert seen == ["b"]
