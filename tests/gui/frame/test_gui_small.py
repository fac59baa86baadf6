# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Small screens: 1024×700, and 1440×900 at 144 dpi, which is 960×600 in the pixels of a window."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QFontMetrics
from PySide6.QtWidgets import QScrollArea, QToolButton
from pytestqt.qtbot import QtBot

from kfuncscope.gui import theme
from kfuncscope.gui.app import settle
from kfuncscope.gui.dialogs.manual import ManualDialog
from kfuncscope.gui.mainwindow import MainWindow
from kfuncscope.gui.views.summary import InferredCard
from kfuncscope.model.verdict import Verdict
from support import analyses, windows

SIZES = [(1022, 676), (958, 576)]


@pytest.fixture(params=[(size, many) for size in SIZES for many in (False, True)], ids=str)
def small(request: pytest.FixtureRequest, qtbot: QtBot) -> Iterator[MainWindow]:
    """A small window with the demo, or with many objects on five architectures."""
    size, many = request.param
    with windows.window(analyses.big(120, 5) if many else analyses.demo(), size=size, page="overview") as window:
        yield window


def test_every_tab_and_every_button_is_on_screen(small: MainWindow) -> None:
    bar = small.tabs.tabBar()
    for number in range(bar.count()):
        small.tabs.setCurrentIndex(number)
        settle()
        assert not [b for b in bar.findChildren(QToolButton) if b.isVisible()], "tabs scroll"
        assert bar.tabRect(bar.count() - 1).right() < bar.width()
    tools = small.toolbar
    for button in (tools.open_kernels, tools.add_objects, tools.analyse, tools.whatif, tools.export):
        assert button.isVisible() and button.width() >= button.sizeHint().width()
    assert tools.open_kernels.accessibleName() == "Open kernels…"


def test_filters_are_added_and_removed_where_one_button_has_room(small: MainWindow) -> None:
    """The button that adds filters is on screen, or its menu is below that of the folded filters."""
    chips = small.chips
    assert len(small.store.filters) == 2
    for number in range(small.tabs.count()):
        before = chips._more.isHidden(), chips.fold.text()
        small.tabs.setCurrentIndex(number)
        settle()
        assert (chips._more.isHidden(), chips.fold.text()) == before, "buttons come and go with the tab"
    texts = [action.text() for action in chips.folded().actions()]
    assert sum(text.startswith("Remove the filter") for text in texts) == 2
    assert ("Verdict" in texts) is chips._more.isHidden()


def test_the_strip_neither_scrolls_nor_cuts(small: MainWindow) -> None:
    scrolled = small.summary.findChild(QScrollArea)
    assert scrolled is not None and scrolled.horizontalScrollBar().maximum() == 0
    metrics, card = QFontMetrics(theme.ui_font(-0.5)), small.summary.decision
    for line in card._lines:
        assert metrics.horizontalAdvance(line) <= card.width() - 24, line
    for inferred in small.summary.findChildren(InferredCard):
        wide = inferred.contentsRect().width()
        own = QFontMetrics(inferred.font())
        assert all(own.horizontalAdvance(line) <= wide for line in inferred.text().split("\n"))
        assert len(inferred.lines()) * own.lineSpacing() <= inferred.contentsRect().height()


def test_a_line_that_finds_no_room_ends_with_a_mark(qtbot: QtBot) -> None:
    card = InferredCard("Inferred from JIT capabilities alone: " + "riscv64 none refused, " * 12)
    qtbot.addWidget(card)
    card.resize(150, 78)
    card.show()
    assert card.lines()[-1].endswith("…") and "…" not in card.lines()[0]
    assert card.toolTip().count("riscv64") == 12


def test_headers_of_the_matrix_show_whole_counts(small: MainWindow) -> None:
    small.show_page("matrix")
    settle()
    table, model = small.matrix.table, small.matrix.model
    bold = QFontMetrics(theme.ui_font(bold=True))
    for column in range(1, model.columnCount() - 1):
        for line in str(model.headerData(column, Qt.Orientation.Horizontal)).split("\n"):
            assert bold.horizontalAdvance(line) + 8 <= table.columnWidth(column), line
    assert table.columnWidth(0) >= 84


def test_headers_of_the_matrix_have_two_counts_where_there_is_room(qtbot: QtBot) -> None:
    with windows.window(analyses.big(120, 5), size=(1800, 900), page="matrix") as window:
        model = window.matrix.model
        assert not model.brief and not any("…" in head for head in model.headers)
        window.resize(958, 576)
        settle()
        assert model.brief and any("…" in head for head in model.headers)


def test_the_first_columns_are_whole(small: MainWindow) -> None:
    """What breaks can be read without scrolling: findings up to what it is, names with what the upgrade does."""
    small.show_page("findings")
    settle()
    table = small.findings.table
    from kfuncscope.gui.models import findings as fm

    assert sum(table.columnWidth(c) for c in (fm.VERDICT, fm.OBJECT, fm.PROGRAM, fm.NEED)) <= table.viewport().width()
    small.show_page("kfuncs")
    settle()
    table = small.kfuncs.table
    assert table.columnWidth(0) + table.columnWidth(1) <= table.viewport().width()
    widest = max(QFontMetrics(table.font()).horizontalAdvance(theme.WORDS[verdict]) for verdict in Verdict)
    assert table.columnWidth(1) >= min(widest, 60) + 30


def test_widths_that_a_person_set_stay(qtbot: QtBot) -> None:
    from kfuncscope.gui.models import findings as fm

    with windows.window(analyses.demo(), size=(1440, 900), page="findings") as window:
        window.findings.table.setColumnWidth(fm.OBJECT, 205)
        window.resize(1500, 900)
        settle()
        assert window.findings.table.columnWidth(fm.OBJECT) == 205


def test_a_list_of_problems_takes_no_more_than_an_empty_one(qtbot: QtBot) -> None:
    """The panel at the bottom must not grow when a result arrives."""
    with windows.window(analyses.demo(), size=(1022, 676)) as window:
        filled = window.docks["problems"].minimumSizeHint().height()
        window.problems.show_problems([], [])
        settle()
        assert abs(window.docks["problems"].minimumSizeHint().height() - filled) <= 6


def test_the_contents_of_the_manual_do_not_scroll_sideways(qtbot: QtBot) -> None:
    with windows.window(analyses.demo(), size=(1022, 676)) as window:
        dialog = ManualDialog(window)
        dialog.show()
        settle()
        assert not dialog.list.horizontalScrollBar().isVisible()
        assert dialog.list.sizeHintForColumn(0) <= dialog.list.viewport().width() or dialog.list.width() == 300
        dialog.close()


@pytest.mark.parametrize("wanted", [(920, 700), (560, 620), (10_000, 10_000)])
def test_a_dialog_fits_its_screen(qtbot: QtBot, wanted: tuple[int, int]) -> None:
    from PySide6.QtWidgets import QDialog

    from kfuncscope.gui.frame.geometry import FRAME, within

    dialog = QDialog()
    qtbot.addWidget(dialog)
    within(dialog, *wanted)
    free = dialog.screen().availableGeometry()
    assert dialog.width() == min(wanted[0], free.width() - FRAME[0])
    assert dialog.height() == min(wanted[1], free.height() - FRAME[1])


def test_a_failure_is_forgotten_with_the_inputs_that_it_was_of(qtbot: QtBot) -> None:
    with windows.window(analyses.demo(), size=(1022, 676)) as window:
        window.results._failed("no architecture has both an old and a new kernel")
        assert "failed" in window.state_text.text()
        window.context.inputs_changed.emit()
        assert "failed" not in window.state_text.text() and "programs" in window.state_text.text()


def test_the_sentence_about_the_result_is_worth_more_than_the_bar(qtbot: QtBot) -> None:
    from kfuncscope.gui.widgets.statebar import StateBar

    bar = StateBar()
    qtbot.addWidget(bar)
    bar.show()
    for width, wanted in ((480, 60), (800, 100), (2000, 170)):
        bar.resize(width, 40)
        settle()
        assert bar.progress.width() == wanted
