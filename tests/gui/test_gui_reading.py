# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What a screen reader says of the whole window, and the way of the Tab key through it, beside what was agreed.

``KFUNCSCOPE_GOLDEN=write pytest tests/gui/test_gui_reading.py`` writes both files again; read what changed.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QAccessible, QAccessibleInterface
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from kfuncscope.gui.app import settle
from kfuncscope.gui.frame import reading
from kfuncscope.gui.mainwindow import MainWindow
from support import analyses, windows

GOLDEN = Path(__file__).parent / "golden"
MOST = 400  # children of one thing that are listed


@pytest.fixture(scope="module")
def shown(qapp: QApplication) -> Iterator[MainWindow]:
    with windows.window(analyses.demo(), size=(1920, 1080)) as made:
        made.graph.step(True)
        settle()
        yield made


def agreed(name: str, lines: list[str]) -> None:
    """Hold lines against a golden file, or write it."""
    path, text = GOLDEN / name, "\n".join(lines) + "\n"
    if os.environ.get("KFUNCSCOPE_GOLDEN") == "write":
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8"), f"{path.name} says otherwise; see the head of this file"


def said(one: QAccessibleInterface) -> str:
    """The name of a thing, without what depends on the width of a column."""
    text = re.sub(r"^\d+%$", "zoom", one.text(QAccessible.Text.Name))
    return re.sub(r"\s+", " ", text).strip()


def walk(one: QAccessibleInterface, depth: int = 0) -> Iterator[tuple[int, QAccessibleInterface]]:
    """A thing and all that is in it, what is hidden left out."""
    if depth and one.state().invisible:
        return
    yield depth, one
    for number in range(min(one.childCount(), MOST)):
        child = one.child(number)
        if child is not None and child.isValid():
            yield from walk(child, depth + 1)


def lines_of(window: QWidget) -> list[str]:
    """A line for each thing that has a name or takes the keyboard, its depth counted by such things alone."""
    found: list[str] = []
    above: list[int] = []
    for depth, one in walk(QAccessible.queryAccessibleInterface(window)):
        name, focusable = said(one), bool(one.state().focusable)
        if name or focusable:
            while above and above[-1] >= depth:
                above.pop()
            found.append(f"{'  ' * len(above)}{one.role().name}{' (focus)' if focusable else ''}: {name}")
            above.append(depth)
    return found


def test_the_window_as_a_screen_reader_has_it(shown: MainWindow) -> None:
    lines = lines_of(shown)
    print("\n".join(lines))
    assert any("ListItem (focus): program simple_enqueue, Breaks" in line for line in lines)
    agreed("accessible-names.txt", lines)


def test_nothing_takes_the_keyboard_without_a_name(shown: MainWindow) -> None:
    cells = {QAccessible.Role.Cell, QAccessible.Role.TreeItem}  # those that hold a button, or nothing
    pages = [shown.pages[name] for name in ("overview", "matrix", "findings", "kfuncs", "timeline", "whatif", "graph")]
    nameless = []
    for page in pages:
        shown.tabs.setCurrentWidget(page)
        settle()
        found = walk(QAccessible.queryAccessibleInterface(shown))
        nameless += [one.role().name for _, one in found if one.state().focusable and not said(one)
                     and one.role() not in cells]  # fmt: skip
    assert nameless == []


def name_of(widget: QWidget | None) -> str:
    one = QAccessible.queryAccessibleInterface(widget) if widget is not None else None
    return f"{type(widget).__name__}: {said(one)}" if one is not None else "nothing"


def test_tab_goes_as_one_reads(shown: MainWindow, qtbot: QtBot) -> None:
    """From the first button of the tool bar once round the window, by the key itself."""
    shown.activateWindow()
    shown.toolbar.open_kernels.setFocus()
    seen: list[str] = []
    while not seen or QApplication.focusWidget() is not shown.toolbar.open_kernels:
        seen.append(name_of(QApplication.focusWidget()))
        assert len(seen) < 200
        qtbot.keyClick(QApplication.focusWidget(), Qt.Key.Key_Tab)
    qtbot.keyClick(QApplication.focusWidget(), Qt.Key.Key_Backtab)
    assert name_of(QApplication.focusWidget()) == seen[-1]
    agreed("tab-order.txt", seen)


def test_rows_are_read_from_left_to_right(qapp: QApplication) -> None:
    holder = QWidget()
    places = [(200, 0, 50, 20), (0, 5, 50, 40), (60, 60, 10, 10), (0, 61, 10, 10), (100, 26, 5, 5)]
    made = []
    for place in places:
        one = QWidget(holder)
        one.setGeometry(*place)
        made.append(one)
    assert [made.index(w) for w in reading.rows(made)] == [1, 0, 4, 3, 2]
