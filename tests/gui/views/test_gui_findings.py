# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The finding table: groups, whole rows on the clipboard, and a source line in the person's own editor."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QSettings, Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QAbstractItemModelTester
from pytestqt.qtbot import QtBot

from kfuncscope.gui.app import settle
from kfuncscope.gui.filters import Token
from kfuncscope.gui.flows.ribbon import build
from kfuncscope.gui.index import Index
from kfuncscope.gui.mainwindow import MainWindow
from kfuncscope.gui.models import findings as fm
from kfuncscope.gui.models.findings import GroupBy
from kfuncscope.gui.store import NEED
from kfuncscope.gui.widgets import editor
from support import analyses

FATAL = QAbstractItemModelTester.FailureReportingMode.Fatal
START = (Token("affected"), Token("arch", "x86_64"))


@pytest.fixture
def win(shared: MainWindow) -> MainWindow:
    shared.store.select(None)
    shared.store.change(START, "start")
    shared.findings.group_by(GroupBy.NOTHING)
    shared.show_page("findings")
    settle()
    return shared


@pytest.mark.parametrize("by", list(GroupBy))
def test_groups_hold_every_row_once(qapp: object, by: GroupBy) -> None:
    model = fm.FindingsModel()
    tester = QAbstractItemModelTester(model, FATAL)
    model.set_index(Index(analyses.demo()))
    model.set_filters((Token("affected"),))
    model.group(by)
    for order in (Qt.SortOrder.AscendingOrder, Qt.SortOrder.DescendingOrder):
        model.sort(fm.OBJECT, order)
        found = [int(n) for n in model.lines if n >= 0]
        assert sorted(found) == sorted(model.rows.tolist())
        heads = [model.group_at(i) for i in range(model.rowCount())]
        assert sum(h is not None for h in heads) == len(model.groups)
        worst = [g.verdict for g in model.groups]
        assert worst == sorted(worst, reverse=True)
    for group in list(model.groups):
        line = next(i for i in range(model.rowCount()) if model.group_at(i) == group)
        before = model.rowCount()
        model.fold(line)
        assert model.rowCount() < before and not model.is_open(group)
    assert model.rowCount() == len(model.groups) or by is GroupBy.NOTHING
    model.sort(fm.VERDICT, Qt.SortOrder.DescendingOrder)
    if by is not GroupBy.NOTHING:
        row = int(model.rows[0])
        assert model.row_of(row) == -1
        model.open_for(row)
        assert model.index(model.row_of(row), 0).data(Qt.ItemDataRole.UserRole) == row
    model.set_index(None)
    assert model.rowCount() == 0 and tester is not None


def test_many_groups_start_folded(qapp: object) -> None:
    model = fm.FindingsModel()
    model.set_index(Index(analyses.many_findings(4000)))
    model.set_filters(())
    model.group(GroupBy.CAUSE)
    assert model.rowCount() == len(model.groups) < len(model.rows)


def test_a_cause_is_counted_as_in_the_overview(win: MainWindow) -> None:
    for arch in ("x86_64", "arm64"):
        win.store.change((Token("affected"), Token("arch", arch)), "arch")
        win.findings.group_by(GroupBy.CAUSE)
        ribbon = build(win.store.index, win.store.filters, (99, 99))
        told = {g.title: g.more for g in win.findings.model.groups}
        for band in ribbon.right:
            title = win.store.index.hits.causes[band.id].title
            assert told[title].startswith(f"{band.programs} program"), (title, told[title])


def test_the_head_of_a_cause_selects_it_and_folds(win: MainWindow, qtbot: QtBot) -> None:
    view = win.findings
    view.group_by(GroupBy.CAUSE)
    line = next(i for i in range(view.model.rowCount()) if "scx_bpf_dispatch" in str(view.model.index(i, 0).data()))
    place = view.model.index(line, 0)
    said = place.data(Qt.ItemDataRole.AccessibleTextRole)
    assert said.startswith("Breaks, kfunc scx_bpf_dispatch removed, 2 programs")
    before = view.model.rowCount()
    view.table.scrollTo(place)
    qtbot.mouseClick(view.table.viewport(), Qt.MouseButton.LeftButton, pos=view.table.visualRect(place).center())
    assert view.model.rowCount() < before and win.store.name_of(win.store.selected) == "need:kfunc:scx_bpf_dispatch"
    assert view.model.group_at(view.table.currentIndex().row()).title == "kfunc scx_bpf_dispatch removed"
    qtbot.keyClick(view.table, Qt.Key.Key_Return)
    assert view.model.rowCount() == before and win.store.selected.column == NEED
    row = int(view.model.rows[0])
    view.model.fold(0)
    win.store.select_finding(row)  # from elsewhere: the group that holds it opens
    assert int(view.model.lines[view.table.currentIndex().row()]) == row


def test_copy_takes_whole_rows(win: MainWindow, qtbot: QtBot) -> None:
    view = win.findings
    view.table.setFocus()
    view.table.selectRow(1)
    qtbot.keyClick(view.table, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    lines = QGuiApplication.clipboard().text().splitlines()
    shown = [head for at, head in enumerate(view.model.headers) if at != fm.HOSTS]  # no census was loaded
    assert lines[0].split("\t") == shown and len(lines) == 2
    row = int(view.model.lines[1])
    assert lines[1].split("\t")[fm.OBJECT] == view.model.text(row, fm.OBJECT)
    assert all(len(line.split("\t")) == len(shown) for line in lines)
    view.table.selectAll()
    view.copy_text()
    said = QGuiApplication.clipboard().text()
    assert said.count("Confidence ") == len(view.model.rows)
    view.table.clearSelection()
    qtbot.mouseClick(view.copy_button, Qt.MouseButton.LeftButton)
    assert len(QGuiApplication.clipboard().text().splitlines()) == 1 + len(view.model.rows)


@pytest.mark.parametrize(("given", "kept"), [
    ("a\tb\nc", "a b c"), ("=1+1", "'=1+1"), ("@x", "'@x"), ("-1", "'-1"), ("-", "-"), ("plain", "plain"),
])  # fmt: skip
def test_cells_end_no_line_and_are_no_formula(given: str, kept: str) -> None:
    assert fm._cell(given) == kept


def test_several_rows_are_selected_and_the_first_is_studied(win: MainWindow, qtbot: QtBot) -> None:
    view = win.findings
    rect = [view.table.visualRect(view.model.index(i, fm.OBJECT)).center() for i in (0, 3)]
    qtbot.mouseClick(view.table.viewport(), Qt.MouseButton.LeftButton, pos=rect[0])
    qtbot.mouseClick(view.table.viewport(), Qt.MouseButton.LeftButton, Qt.KeyboardModifier.ShiftModifier, pos=rect[1])
    assert view.chosen_rows() == [int(n) for n in view.model.lines[:4]]


def test_names_and_places_have_the_whole_of_them_in_tooltips(win: MainWindow) -> None:
    model = win.findings.model
    tip = Qt.ItemDataRole.ToolTipRole
    row = next(i for i in range(model.rowCount()) if model.index_.findings.refs[int(model.lines[i])].sites)
    assert model.index(row, fm.OBJECT).data(tip) == model.index(row, fm.OBJECT).data()
    assert str(model.index_.findings.refs[int(model.lines[row])].sites[0].line) in model.index(row, fm.WHERE).data(tip)
    rules = model.index_.findings.refs[int(model.lines[row])].rules
    assert all(rule in model.index(row, fm.RULES).data(tip) for rule in rules)


# --- the editor ---
def test_sources_are_found_near_the_objects(tmp_path: Path) -> None:
    objects = tmp_path / "objects" / "a.bpf.o"
    source = tmp_path / "programs" / "a.bpf.c"
    deep = tmp_path / "objects" / "src" / "b.c"
    for file in (objects, source, deep):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("x")
    assert editor.find_source("./a.bpf.c", [str(objects)]) == source
    assert editor.find_source("/build/pkg-1/src/b.c", [str(objects.parent)]) == deep
    assert editor.find_source(str(source), []) == source
    assert editor.find_source("../../nothing.c", [str(objects)]) is None
    assert editor.find_source("/", [str(objects)]) is None


@pytest.mark.parametrize(("command", "words"), [
    ("code --goto {file}:{line}", ["code", "--goto", "/x/a b.c:7"]), ("vi +{line}", ["vi", "+7", "/x/a b.c"]),
    ("'my editor' {file}", ["my editor", "/x/a b.c"]),
])  # fmt: skip
def test_the_command_takes_file_and_line(command: str, words: list[str]) -> None:
    assert editor.arguments(command, "/x/a b.c", 7) == words
    with pytest.raises(ValueError, match="quotation"):
        editor.arguments("vi '", "/x", 1)


def test_a_source_line_opens_in_the_chosen_editor(win: MainWindow, qtbot: QtBot, tmp_path: Path) -> None:
    index = win.store.index
    row = next(r for r in range(len(index.findings)) if any(s.file for s in index.findings.refs[r].sites)
               and index.findings.lane[r] == 0)  # fmt: skip
    site = next(s for s in index.findings.refs[row].sites if s.file)
    told = tmp_path / "told"
    script = tmp_path / "edit"
    script.write_text(f'#!/bin/sh\necho "$@" > {told}.part && mv {told}.part {told}\n')
    os.chmod(script, 0o755)
    settings = QSettings(str(tmp_path / "s.ini"), QSettings.Format.IniFormat)
    settings.setValue(editor.SETTING, f"{script} --line {{line}} {{file}}")
    win.context.settings, before = settings, win.context.session.objects
    win.context.session.objects = [str(tmp_path / "a.o")]
    try:
        win.store.select_finding(row)
        win.commands.run("source.open")
        assert "Source not found" in win.state_text.text() and win.state_text.failed
        source = tmp_path / Path(site.file).name
        source.write_text("x")
        win.commands.run("source.open")
        qtbot.waitUntil(told.is_file, timeout=5000)
        assert told.read_text().split() == ["--line", str(site.line), str(source)]
        settings.setValue(editor.SETTING, str(tmp_path / "no-such-editor"))
        win.commands.run("source.open")
        assert "cannot be started" in win.state_text.text()
    finally:
        win.context.settings, win.context.session.objects = None, before


def test_without_a_place_it_says_so(win: MainWindow) -> None:
    index = win.store.index
    bare = np.array([not any(s.file for s in f.sites) for f in index.findings.refs])
    row = int(np.flatnonzero(bare)[0])
    win.store.select_finding(row)
    win.commands.run("source.open")
    assert "names a source line" in win.state_text.text() or "Source not found" in win.state_text.text()
