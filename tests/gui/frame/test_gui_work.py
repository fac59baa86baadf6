# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What a person does with a result: what-if, notes, waivers, export, sessions, palette, tour, theme."""

from __future__ import annotations

import datetime
import json
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest
from PySide6.QtCore import QCoreApplication, QMimeData, QPointF, QSettings, Qt, QTranslator, QUrl
from PySide6.QtGui import QDropEvent, QGuiApplication, QImage
from PySide6.QtWidgets import QLabel, QPushButton
from pytestqt.qtbot import QtBot

from kfuncscope.decision import gate
from kfuncscope.gui import theme
from kfuncscope.gui.app import application, dress, settle
from kfuncscope.gui.commands import Palette, rank
from kfuncscope.gui.controllers.exports import FILTERED, ExportDialog
from kfuncscope.gui.controllers.hypotheses import WhatIfDialog
from kfuncscope.gui.controllers.tour import Tour
from kfuncscope.gui.dialogs.help import HelpDialog, help_html
from kfuncscope.gui.dialogs.manual import ManualDialog, page_names, page_text, page_title
from kfuncscope.gui.filters import Token
from kfuncscope.gui.mainwindow import MainWindow
from kfuncscope.gui.store import NEED, PROGRAM, Node
from kfuncscope.model.formats import FORMATS, Format
from kfuncscope.model.verdict import NeedKind, Verdict
from kfuncscope.resources import resource
from kfuncscope.session.session import KernelRef, Session
from kfuncscope.study.scope import redact
from kfuncscope.upgrade.whatif import Action
from support import analyses, windows


@pytest.fixture
def win(shared: MainWindow) -> MainWindow:
    """The window with the demo and nothing done to it."""
    shared.context.session = Session()
    shared.hypotheses.clear()
    settle()
    shared.store.change((Token("affected"), Token("arch", "x86_64")), "start")
    shared.store.select(None)
    shared.show_page("graph")
    settle()
    return shared


def test_what_if_from_the_graph_and_back(win: MainWindow, qtbot: QtBot) -> None:
    real = win.context.real
    node = Node(NEED, real.need_id(NeedKind.HELPER, "bpf_map_lookup_elem"))
    win.graph.assume_wanted.emit(node, Action.REMOVED.value)
    qtbot.waitUntil(lambda: win.store.index is not real, timeout=3000)
    settle()
    assert win.banner.isVisible() and "not a real result" in win.banner.text.text()
    assert win.store.index.counts(0)[Verdict.BREAKS] > real.counts(0)[Verdict.BREAKS]
    assert "+" in win.summary.cards[0].toolTip().split("since the last run")[1]
    assert "WHAT-IF" in win.summary.decision.accessibleName()
    qtbot.mouseClick(win.banner.button, Qt.MouseButton.LeftButton)
    assert win.store.index is real and not win.banner.isVisible()


def test_what_if_dialog(win: MainWindow, qtbot: QtBot) -> None:
    win.commands.run("whatif")
    dialog = win.findChild(WhatIfDialog)
    qtbot.keyClicks(dialog.name, "no_such_thing")
    qtbot.mouseClick(dialog.add, Qt.MouseButton.LeftButton)
    assert "Unknown name" in dialog.said.text()
    dialog.name.setText("xdp_redirect_map")
    dialog.action.setCurrentIndex(2)
    qtbot.mouseClick(dialog.add, Qt.MouseButton.LeftButton)
    assert [c.action for c in win.hypotheses.changes] == [Action.KEPT]
    dialog.name.setText("type task_struct")
    dialog.action.setCurrentIndex(0)
    qtbot.mouseClick(dialog.add, Qt.MouseButton.LeftButton)
    assert win.hypotheses.changes[-1].kind is NeedKind.TYPE
    for _ in range(2):
        qtbot.mouseClick(dialog.remove, Qt.MouseButton.LeftButton)
    assert win.hypotheses.changes == [] and dialog.list.count() == 0
    dialog.close()
    settle()


def test_an_exported_what_if_says_so(win: MainWindow, qtbot: QtBot, tmp_path: Path) -> None:
    win.hypotheses.assume(NeedKind.HELPER, "bpf_map_lookup_elem", Action.REMOVED)
    settle()
    path = tmp_path / "out.json"
    win.exports.write(str(path), ".json")
    qtbot.waitUntil(path.exists, timeout=5000)
    assert "helper bpf_map_lookup_elem removed" in path.read_text()
    win.exports.write(str(tmp_path / "v.svg"), "view.svg")
    assert "WHAT IF" in (tmp_path / "v.svg").read_text()


def test_view_as_svg_and_png(win: MainWindow, tmp_path: Path) -> None:
    win.exports.picture(str(tmp_path / "v.svg"), "view.svg")
    tree = ElementTree.parse(tmp_path / "v.svg")
    text = "".join(tree.getroot().itertext())
    assert all(label.split("_")[0] in text for label in ("scx_simple", "xdp-monitor", "cfs_rq.nr_running", "Breaks"))
    win.exports.picture(str(tmp_path / "v.png"), "view.png")
    image = QImage(str(tmp_path / "v.png"))
    assert image.width() > 1000 and image.height() > 1000


def test_export_dialog_offers_a_format_by_its_row(win: MainWindow, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(FORMATS, "lines", Format(".lines", "A line each", "lines.render"))
    win.commands.run("export")
    dialog = win.findChild(ExportDialog)
    offered = {dialog.format.itemData(at): dialog.format.itemText(at) for at in range(dialog.format.count())}
    assert offered[".lines"] == "A line each"
    assert {f.extension for f in FORMATS.values() if not f.picture} < offered.keys()
    dialog.close()


def test_export_dialog_writes_what_the_filters_leave(win: MainWindow, qtbot: QtBot, tmp_path: Path) -> None:
    win.store.add("object", "runqlen")
    win.commands.run("export")
    dialog = win.findChild(ExportDialog)
    dialog.format.setCurrentIndex(dialog.format.findData(".csv"))
    dialog.scope.setCurrentIndex(dialog.scope.findData(FILTERED))
    dialog.redact.setChecked(True)
    dialog.path.setText(str(tmp_path / "f.csv"))
    qtbot.mouseClick(dialog.go, Qt.MouseButton.LeftButton)
    qtbot.waitUntil((tmp_path / "f.csv").exists, timeout=5000)
    text = (tmp_path / "f.csv").read_text()
    assert "do_sample" in text and "simple_enqueue" not in text and "arm64" not in text
    assert "/usr/lib" not in str(redact(win.store.index.analysis))
    part = win.exports.analysis(FILTERED, redact=False)
    assert "filters or a selection removed the others" in part.problems[0].reason
    assert gate.decide(replace(part, arches=())).state is not gate.State.CLEAR  # never clear, for it is a part
    qtbot.waitUntil(lambda: "f.csv" in win.state_text.text(), timeout=2000)


def test_export_to_a_bad_place_is_told(win: MainWindow, qtbot: QtBot, tmp_path: Path) -> None:
    for what in (".csv", "view.png", "view.svg"):
        win.context.say("")
        win.exports.write(str(tmp_path / "none" / "x"), what if what != ".csv" else ".csv")
        qtbot.waitUntil(lambda: "Export failed" in win.state_text.text(), timeout=3000)


def test_notes_are_kept_edited_and_removed(win: MainWindow) -> None:
    row = int(win.findings.model.rows[0])
    key, about = win.annotations.key(Node(PROGRAM, 0), row)
    win.annotations.set_note(key, "ask upstream")
    win.annotations.show_notes()
    model = win.notes.model
    assert model.rows == [(about, "ask upstream")] and about.startswith("x86_64 › scx_simple")
    assert model.setData(model.index(0, 1), "asked")
    assert win.context.session.notes == {key: "asked"}
    win.annotations.set_note(key, " ")
    assert model.rows == [] and win.context.session.notes == {}


@pytest.mark.parametrize("place", ["detail", "table"])
def test_a_note_on_a_cause_shows_at_all_its_findings(
    place: str, win: MainWindow, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is asked for in the detail panel and in the menu of the table; the panel shows it beside each finding."""
    index, model, asked = win.store.index, win.findings.model, list[tuple[object, ...]]()
    rows = [int(row) for row in model.rows]
    of_cause: dict[str, list[int]] = {}
    for row in range(len(index.findings)):
        of_cause.setdefault(index.cause_of(row).note_key, []).append(row)
    row = next(r for r in rows if len(of_cause[index.cause_of(r).note_key]) > 1)
    cause = index.cause_of(row)
    other = next(r for r in range(len(index.findings)) if r not in of_cause[cause.note_key])

    def answer(*given: object) -> tuple[str, bool]:
        asked.append(given[1:])
        return "ask the maintainers", True

    monkeypatch.setattr("kfuncscope.gui.controllers.annotations.asked_text", answer)
    win.store.select_finding(row)
    settle()
    if place == "detail":
        _button(win, "Note on the cause…").click()
    else:
        lines = (model.index(i, 0) for i in range(model.rowCount()) if model.group_at(i) is None)
        line = next(at for at in lines if at.data(Qt.ItemDataRole.UserRole) == row)
        next(a for a in win.findings.menu_for(line).actions() if a.text() == "Note on the cause…").trigger()
    assert asked == [("Note on the cause", cause.title, "")]
    assert win.context.session.notes == {cause.note_key: "ask the maintainers"}
    assert all(win.annotations.notes_of(r) == ["ask the maintainers"] for r in of_cause[cause.note_key])
    assert win.annotations.notes_of(other) == []
    for each, shown in ((of_cause[cause.note_key][-1], True), (other, False)):
        win.store.select_finding(each)
        settle()
        texts = [label.text() for label in win.detail.widget().findChildren(QLabel)]
        assert ("Note: ask the maintainers" in texts) == shown
    win.annotations.show_notes()
    assert win.notes.model.rows == [(cause.title, "ask the maintainers")]


def _button(win: MainWindow, text: str) -> QPushButton:
    return next(b for b in win.detail.widget().findChildren(QPushButton) if b.text() == text)


def test_the_note_on_a_cause_speaks_german(win: MainWindow) -> None:
    translator = QTranslator()
    assert translator.load(str(resource("translations", "kfuncscope_de.qm")))
    row = int(win.findings.model.rows[0])
    win.context.session.notes[win.store.index.cause_of(row).note_key] = "text"
    QCoreApplication.installTranslator(translator)
    try:
        win.store.select_finding(row)
        win.detail.refresh()
        assert _button(win, "Notiz zur Ursache…")
        assert "Notiz: text" in [label.text() for label in win.detail.widget().findChildren(QLabel)]
    finally:
        QCoreApplication.removeTranslator(translator)


def test_a_waiver_changes_the_decision(win: MainWindow, qtbot: QtBot, tmp_path: Path) -> None:
    win.context.session.policy = str(tmp_path / "policy.toml")
    table = win.store.index.findings
    bad = [r for r in range(len(table)) if table.verdict[r] >= 6]
    for row in bad:
        key, about = win.annotations.key(Node(PROGRAM, int(table.program[row])), row)
        assert win.annotations.waive(key, about, 'Jo "J"', "until 7.4 \\ soon", datetime.date(2100, 1, 1))
    settle()
    assert bad and not any(arch.inferred for arch in win.store.index.arches)  # what was inferred decides nothing
    assert f"tolerated by waivers: {len(bad)}" in win.summary.decision.accessibleName()
    assert "Upgrade blocked" not in win.summary.decision.accessibleName()
    win.context.session.policy = ""
    win.annotations.read_policy()


def test_copy_from_the_detail_panel(win: MainWindow, qtbot: QtBot) -> None:
    win.graph.step(True)
    buttons = {b.text(): b for b in win.detail.widget().findChildren(QPushButton)}
    qtbot.mouseClick(buttons["Copy"], Qt.MouseButton.LeftButton)
    text = QGuiApplication.clipboard().text()
    assert "Rule R-" in text and "Old kernel:" in text


def test_palette_finds_commands_and_names(win: MainWindow, qtbot: QtBot) -> None:
    assert rank("scx", "scx_bpf_dispatch") == 0 and rank("bpf", "scx_bpf") == 1 and rank("xyz", "abc") is None
    win.commands.run("palette")
    palette = win.findChild(Palette)
    qtbot.keyClicks(palette.edit, "runqlen")
    qtbot.keyClick(palette.edit, Qt.Key.Key_Return)
    assert win.store.index.objects[win.store.selected.id] == "runqlen"
    win.commands.run("palette")
    palette = next(p for p in win.findChildren(Palette) if p.isVisible())
    qtbot.keyClicks(palette.edit, "show matrix")
    qtbot.keyClick(palette.edit, Qt.Key.Key_Down)
    qtbot.keyClick(palette.edit, Qt.Key.Key_Up)
    qtbot.keyClick(palette.edit, Qt.Key.Key_Return)
    assert win.tabs.currentWidget() is win.matrix


def test_commands_have_keys_without_doubles_and_a_help_page(win: MainWindow) -> None:
    keys = [k.toString() for a in win.commands.actions.values() for k in a.shortcuts()]
    assert len(keys) == len(set(keys))
    assert {"Ctrl+O", "Ctrl+Shift+O", "Ctrl+F", "Ctrl+K", "F5", "Esc", "F", "N", "Shift+N", "Ctrl+E", "F1"} <= set(keys)
    text = help_html(win.commands)
    assert "Ctrl+Shift+P" in text and theme.MEANING[Verdict.SILENT] in text
    win.commands.run("help")
    win.findChild(HelpDialog).close()


def test_the_manual_opens_with_f1_and_its_links_lead_on(win: MainWindow, qtbot: QtBot) -> None:
    assert [k.toString() for k in win.commands.actions["manual"].shortcuts()] == ["F1"]
    win.commands.run("manual")
    win.commands.run("manual")  # the open one comes to the front
    (manual,) = win.findChildren(ManualDialog)
    shown = resource("docs").glob("*.md")
    assert {page.name for page in shown} == set(page_names()) and manual.list.count() == len(page_names())
    assert "Which of the BPF programs that you ship" in manual.text.toPlainText()
    manual.text.go(QUrl("policy.md#waive-one-cause-until-march"))
    assert manual.list.currentItem().text() == "Policies and waivers"
    assert manual.text.verticalScrollBar().value() > 0 and "<!--" not in manual.text.toPlainText()
    manual.text.go(QUrl("#all-entries"))
    here = manual.text.verticalScrollBar().value()
    for refused in ("file:///etc/passwd", "../../README.md", "x.md"):
        manual.text.go(QUrl(refused))
    assert (manual.text.source().fileName(), manual.text.verticalScrollBar().value()) == ("policy.md", here)
    manual.text.backward()
    manual.text.backward()
    assert manual.text.source().fileName() == "index.md"
    manual.list.setCurrentRow(page_names().index("verdicts.md"))
    manual.field.setText("Confidence")
    manual.search()
    assert manual.text.textCursor().selectedText().lower() == "confidence"
    manual.close()


def test_every_page_of_the_manual_is_drawn(win: MainWindow) -> None:
    manual = ManualDialog(win)
    for name in page_names():
        manual.text.go(QUrl(name))
        assert len(manual.text.toPlainText()) > 500 and page_title(name) in manual.text.toPlainText()[:80]
    manual.close()
    assert page_text("gone.md").startswith("# gone.md")


def test_the_tour_goes_round(win: MainWindow, qtbot: QtBot) -> None:
    win.commands.run("tour")
    tour = win.findChild(Tour)
    titles = []
    while True:
        titles.append(tour.title.text())
        assert tour.rect().contains(tour.bubble.geometry())
        last = tour.next.text() == "Finish"
        qtbot.mouseClick(tour.next, Qt.MouseButton.LeftButton)
        if last:
            break
    assert len(titles) == len(set(titles)) == 7
    settle()
    assert win.findChild(Tour) is None
    win.commands.run("tour")
    qtbot.keyClick(win.findChild(Tour).next, Qt.Key.Key_Escape)
    settle()
    assert win.findChild(Tour) is None


def test_light_and_dark_on_the_fly(win: MainWindow) -> None:
    win.commands.run("theme")
    settle()
    assert theme.look().dark and win.grab().toImage().pixelColor(3, 880).lightness() < 100
    dress(win, False)
    settle()
    assert win.grab().toImage().pixelColor(3, 880).lightness() > 150


def test_drop_on_the_window_sorts_inputs(win: MainWindow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(win.results, "analyse", lambda: None)
    paths = [tmp_path / n for n in ("vmlinux-6.12", "linux-image-7.3_amd64.deb", "x.bpf.o", "notes.txt")]
    for path in paths:
        path.write_bytes(b"x")
    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile(str(p)) for p in paths])
    drop = QDropEvent(
        QPointF(400, 400), Qt.DropAction.CopyAction, mime, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    )
    win.dropEvent(drop)
    session = win.context.session
    assert [len(session.old), len(session.new), len(session.objects)] == [1, 1, 2]
    win.sources.remove_input(str(paths[2]))
    assert session.objects == [str(paths[3])]


def test_sessions_are_saved_opened_and_remembered(
    tmp_path: Path, qapp: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = QSettings(str(tmp_path / "s.ini"), QSettings.Format.IniFormat)
    theme.apply(application(), False)
    window = MainWindow(settings)
    monkeypatch.setattr(window.results, "analyse", lambda: None)
    monkeypatch.setattr(window.documents, "autosave_path", lambda: str(tmp_path / "auto" / "last.kfs"))
    window.context.session = Session(old=[KernelRef([str(tmp_path / "k")], "6.12")], objects=[str(tmp_path / "o")])
    window.store.add("arch", "x86_64")
    assert window.documents.save(str(tmp_path / "a.kfs"))
    assert json.loads((tmp_path / "a.kfs").read_text())["filters"] == ["affected", "arch:x86_64"]
    window.documents.asks = False
    window.context.session = Session()
    assert window.documents.open(str(tmp_path / "a.kfs"))
    assert window.context.session.old[0].label == "6.12" and Token("arch", "x86_64") in window.store.filters
    (tmp_path / "bad.kfs").write_text("{")
    assert not window.documents.open(str(tmp_path / "bad.kfs")) and "Cannot open" in window.state_text.text()
    window.documents.autosave()
    assert window.documents.recent() == [str(tmp_path / "auto" / "last.kfs"), str(tmp_path / "a.kfs")]
    window.close()
    window.deleteLater()
    settle()
    assert settings.contains("window/geometry")


def test_old_and_new_can_be_chosen_by_group(win: MainWindow, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(win.results, "analyse", lambda: None)
    session = win.context.session
    session.old = [KernelRef(["a"], "Debian 6.12-x86_64"), KernelRef(["b"], "Debian 6.12-s390x")]
    session.path = [KernelRef(["c"], "Debian 6.17-amd64")]
    session.new = [KernelRef(["d"], "Debian 7.3-x86_64"), KernelRef(["e"], "Debian 7.2-s390x")]
    win.listing.refresh()
    names = [win.toolbar.old_box.itemText(i) for i in range(win.toolbar.old_box.count())]
    assert names == ["Debian 6.12", "Debian 6.17", "Debian 7.2 / Debian 7.3"]
    assert win.toolbar.old_box.currentIndex() == 0 and win.toolbar.new_box.currentIndex() == 2
    win.toolbar.old_box.setCurrentIndex(1)
    win.toolbar.old_box.activated.emit(1)
    assert [r.files for r in session.old] == [["c"]] and [r.files for r in session.path] == [["a"], ["b"]]


def test_welcome_page_takes_drops_and_says_what_is_missing(qapp: object, qtbot: QtBot, tmp_path: Path) -> None:
    with windows.window() as window:
        assert window.on_welcome and not window.welcome.analyse.isEnabled()
        for what in ("old", "new", "objects"):
            path = tmp_path / what
            path.write_bytes(b"x")
            area = window.welcome.areas[what]
            mime = QMimeData()
            mime.setUrls([QUrl.fromLocalFile(str(path))])
            area.dropEvent(
                QDropEvent(
                    QPointF(9, 9),
                    Qt.DropAction.CopyAction,
                    mime,
                    Qt.MouseButton.LeftButton,
                    Qt.KeyboardModifier.NoModifier,
                )
            )
            assert "1" in area.state.text()
        assert window.welcome.analyse.isEnabled()
        assert len(window.context.session.new) == 1


def test_window_state_is_kept(tmp_path: Path, qapp: object) -> None:
    settings = QSettings(str(tmp_path / "s.ini"), QSettings.Format.IniFormat)
    theme.apply(application(), False)
    for hidden in (False, True):
        window = MainWindow(settings)
        window.documents.autosave_path = lambda: ""  # type: ignore[method-assign]
        window.show()
        window.results.show_analysis(analyses.demo())
        settle()
        assert window.docks["inputs"].isVisible() is not hidden and window.docks["detail"].isVisible()
        if not hidden:
            window.commands.run("dock.inputs")
            assert not window.docks["inputs"].isVisible()
            window.results.show_analysis(analyses.demo())
            assert not window.docks["inputs"].isVisible()
        window.close()
        window.deleteLater()
        settle()
