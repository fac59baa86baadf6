# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Slips of daily use: files of one kernel, names that fit, the legend, progress, and the comparison of two kernels."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QFontMetrics, QPainter, QPixmap
from PySide6.QtWidgets import QStyle, QStyleOptionComboBox

from kfuncscope.gui import theme
from kfuncscope.gui.app import settle
from kfuncscope.gui.dialogs.compare import DifferencesModel
from kfuncscope.gui.graph.minimap import Legend
from kfuncscope.gui.jobs import Job
from kfuncscope.gui.mainwindow import MainWindow
from kfuncscope.gui.views.timeline import CLOSE, FIXED, around, fitting
from kfuncscope.gui.widgets.statebar import Progress
from kfuncscope.model import aligned
from kfuncscope.model.verdict import Verdict
from kfuncscope.resources import sample
from kfuncscope.session.session import KernelRef, Session
from kfuncscope.session.sources import sources
from kfuncscope.study.timeline import Cell, Line
from support import analyses, windows


@pytest.fixture
def win(qapp: object, monkeypatch: pytest.MonkeyPatch) -> Iterator[MainWindow]:
    with windows.window() as made:
        monkeypatch.setattr(made.listing, "describe", lambda: None)
        yield made


def test_three_files_of_one_kernel_picked_at_once_are_one_kernel(win: MainWindow) -> None:
    folder = sample("kernels", "6.12-x86_64")
    given = sorted(
        str(path) for path in folder.iterdir() if path.name.split(".")[0] in ("vmlinux", "config", "symbols")
    )
    assert len(given) > 1
    win.sources.add_inputs(given, "old")
    listed = sources(win.context.session)
    assert len(listed) == 1 and sorted(listed[0].files) == given
    assert win.welcome.areas["old"].state.text() == "1 kernel"


@pytest.mark.parametrize("width", [1024, 1366])
def test_the_pair_is_written_in_full(win: MainWindow, width: int) -> None:
    win.context.session = Session(old=[KernelRef(["/a"], "Debian 6.12.107")], new=[KernelRef(["/b"], "Debian 7.3.4")])
    win.resize(width, 700)
    win.results.show_analysis(analyses.demo())
    win.listing.refresh()
    windows.settle()
    for box in (win.toolbar.old_box, win.toolbar.new_box):
        option = QStyleOptionComboBox()
        box.initStyleOption(option)
        room = box.style().subControlRect(
            QStyle.ComplexControl.CC_ComboBox, option, QStyle.SubControl.SC_ComboBoxEditField, box
        )
        assert box.fontMetrics().horizontalAdvance(box.currentText()) <= room.width(), (box.currentText(), width)


def test_the_legend_counts_what_it_has_no_room_for(qapp: object) -> None:
    legend = Legend()
    metrics = QFontMetrics(theme.ui_font(-0.5))
    seen = set()
    for width in range(60, 1200, 7):
        legend.resize(width, 24)
        shown = legend.fitting(metrics)
        seen.add(shown)
        used = sum(16 + metrics.horizontalAdvance(theme.WORDS[v]) + 12 for v in theme.SHOWN[:shown])
        rest = len(theme.SHOWN) - shown
        assert not shown or used + (metrics.horizontalAdvance(f"+{rest} …") if rest else 0) <= width
    assert len(theme.SHOWN) in seen and len(seen) > 4
    assert all(theme.WORDS[v] in legend.toolTip() for v in theme.SHOWN)


def test_progress_is_a_bar_only_where_it_is_known(qapp: object) -> None:
    bar, job = Progress(), Job(1, "Analyse", "analyse")
    job.tell(0, 1, "opening kernels")
    bar.show_job(job)
    assert (bar.minimum(), bar.maximum()) == (0, 0)  # busy, and no "0 %"
    job.tell(30, 120, "judging")
    bar.show_job(job)
    assert bar.value() / bar.maximum() == 0.25


def test_no_button_says_ok_needs(win: MainWindow) -> None:
    assert win.graph.ok_needs.text() == "Unaffected"


# --- two kernels ---
def test_the_comparison_begins_when_it_is_opened(win: MainWindow, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[int, int, bool]] = []
    view = win.kfuncs.compare
    monkeypatch.setattr(win.explorer, "compare", lambda *given: asked.append(given))
    view.wanted.disconnect()
    view.wanted.connect(lambda *given: asked.append(given))
    win.commands.run("compare")
    assert asked == []  # nothing to compare
    view.show_session(Session(old=[KernelRef(["/a"], "Debian 6.12")], new=[KernelRef(["/b"], "Debian 7.3")]))
    win.commands.run("compare")
    assert asked == [(0, 1, False)] and view.count.text() == "comparing…"
    win.commands.run("compare")
    assert len(asked) == 1


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("int f(void)", "int f(void *ctx)", "argument 1: + void *ctx"),
        ("int f(int a, long b)", "int f(long b)", "argument 1: − int a; argument 2 → 1: long b moved"),
        ("int f(int a)", "long f(u64 a)", "int f → long f; argument 1: int a → u64 a"),
        ("struct s {\n\tint a;\n};", "struct s {\n\tint a;\n\tint b;\n};", "+ int b;"),
        ("int", "long", ""),
    ],
)
def test_what_differs_in_one_line(old: str, new: str, said: str) -> None:
    assert aligned.said(old, new) == said


def test_rows_that_changed_say_how(qapp: object) -> None:
    model = DifferencesModel()
    rows = [
        ("kfunc", "f", "changed", "int f(void)", "int f(void *ctx)", ""),
        ("kfunc", "g", "removed", "int g(void)", "", ""),
    ]
    model.show(rows, "", "", "")
    notes = {model.data(model.index(r, 1)): model.data(model.index(r, 3)) for r in range(2)}
    assert notes == {"f": "argument 1: + void *ctx", "g": ""}


def test_filters_fold_when_a_panel_takes_the_room_of_the_tabs(qapp: object) -> None:
    """No tab goes behind arrows for the sake of a chip, whether the window or a panel beside the tabs was resized."""
    with windows.window(analyses.demo(), size=(1500, 768)) as window:
        assert not window.chips.fold.isVisible()
        window.resizeDocks([window.docks["inputs"]], [400], Qt.Orientation.Horizontal)
        settle()
        bar = window.tabs.tabBar()
        assert window.chips.fold.isVisible()
        assert sum(bar.tabRect(i).width() for i in range(bar.count())) + window.chips.width() <= window.tabs.width()


@pytest.mark.parametrize("width", [1024, 1100, 1440])
def test_every_tab_is_in_view(win: MainWindow, width: int) -> None:
    """No tab hides behind arrows; the chips beside them take what is left."""
    win.results.show_analysis(analyses.demo())
    win.resize(width, 700)
    for page in ("graph", "findings", "timeline"):
        win.show_page(page)
        settle()
        bar = win.tabs.tabBar()
        last = bar.tabRect(bar.count() - 1)
        assert last.right() <= bar.width()
        assert last.right() <= win.chips.mapTo(win.tabs, win.chips.rect().topLeft()).x() + 4
    assert (win.tabs.tabBar().property("tight") == "true") is (width < 1200)


def test_the_first_bad_release_and_the_names_are_in_view(win: MainWindow) -> None:
    """However many releases there are: the names stay, the table is scrolled to the first that breaks."""
    win.results.show_analysis(analyses.demo())
    win.resize(1024, 700)
    win.show_page("timeline")
    settle()
    view = win.timeline
    cells = {f"6.{i}": Cell("works", Verdict.OK) for i in range(8)}
    cells["6.8"] = Cell("breaks", Verdict.BREAKS, first_bad=True)
    cells |= {f"6.{i}": Cell("breaks", Verdict.BREAKS) for i in range(9, 20)}
    below = {"6.0": Cell("absent", Verdict.BREAKS, first_bad=True), "6.19": Cell("works", Verdict.OK)}
    view._take([Line(True, "prog", "program", "x86_64", Verdict.BREAKS, cells, "a.o"),
                Line(False, "need", "kfunc", "x86_64", Verdict.BREAKS, below)])  # fmt: skip
    settle()
    room, bad = view.table.viewport().rect(), FIXED + view.model.columns.index("6.8")
    assert view.table.horizontalScrollBar().maximum() > 0
    assert room.contains(view.table.visualRect(view.model.index(0, bad)))
    names = view.names
    assert names.isVisible() and names.pos().x() <= 1 and names.indexAt(QPoint(20, 10)).data() == "prog"
    view.table.scrollTo(view.model.index(0, FIXED))
    assert view.table.visualRect(view.model.index(0, FIXED)).left() >= names.width() - 2
    before = view.table.horizontalScrollBar().value()
    view.table.scrollTo(view.model.index(0, 0))
    assert view.table.horizontalScrollBar().value() == before


@pytest.mark.parametrize(("between", "both"), [(0, True), (1, True), (6, True), (20, False)])
def test_the_last_good_release_is_in_view_beside_the_first_bad_one(win: MainWindow, between: int, both: bool) -> None:
    """Releases of which the row says nothing lie between them: the columns become narrower, but never too narrow."""
    win.results.show_analysis(analyses.demo())
    win.resize(1024, 700)
    win.show_page("timeline")
    settle()
    view = win.timeline
    bad = f"6.{between + 5}"
    cells = {f"6.{i}": Cell("works", Verdict.OK) for i in range(5)} | {
        bad: Cell("breaks", Verdict.BREAKS, first_bad=True)
    }
    levels = {f"6.{i}": Cell("present", Verdict.OK) for i in range(30)}
    view._take([Line(True, "prog", "program", "x86_64", Verdict.BREAKS, cells, "a.o"),
                Line(False, "need", "kfunc", "tables", Verdict.BREAKS, levels)])  # fmt: skip
    settle()
    room, names = view.table.viewport().rect(), view.names.width()
    places = [view.table.visualRect(view.model.index(0, column)) for column in view.model.turn() or ()]
    assert room.contains(places[1]) and places[1].left() >= names - 2
    assert (places[0].left() >= names - 2) is both
    assert places[1].width() >= CLOSE
    assert view.model.index(0, 1).data() == "x86_64" and view.model.index(1, 1).data() == "tables"
    win.resize(1600, 900)
    settle()
    assert view.model.index(0, 1).data() == "kernels x86_64"


@pytest.mark.parametrize(
    ("room", "steps", "widths"),
    [(276, 2, (92, 92)), (275, 2, (92, 91)), (202, 2, (92, 18)), (201, 2, (91, 18)), (106, 2, (44, 18)),
     (105, 2, (92, 92)), (183, 1, (91, 92)), (87, 1, (92, 92)), (60, 0, (92, 92))],
)  # fmt: skip
def test_releases_between_good_and_bad_give_their_room_first(room: int, steps: int, widths: tuple[int, int]) -> None:
    assert around(room, steps, 92) == widths


def test_a_word_of_the_timeline_is_never_cut(qapp: object) -> None:
    """A shorter word takes its place, or the shape alone, which says the same."""
    picture = QPixmap(10, 10)
    painter = QPainter(picture)
    painter.setFont(theme.ui_font(-1))
    wide = painter.fontMetrics().horizontalAdvance
    lost = Cell("no longer registered", Verdict.BREAKS)
    silent = Cell("silently different", Verdict.SILENT)
    for cell, program, words in (
        (lost, False, ["no longer registered", "unregistered", "dropped", ""]),
        (silent, True, ["silently different", "silent", ""]),
        (Cell("absent", Verdict.BREAKS), False, ["absent", ""]),
    ):
        for word, shorter in pairwise(words):
            assert fitting(cell, program, wide(word), painter) == word
            assert fitting(cell, program, wide(word) - 1, painter) == shorter
    painter.end()
