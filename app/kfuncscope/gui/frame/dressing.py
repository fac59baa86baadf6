# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The style sheet part by part. One sheet for the whole window has Qt work through every widget of it in one go.

A part is a direct child of the window: a bar, a panel, a page of the centre, a dialog, a menu. Each has the sheet for
itself, so that a change of colours goes on in short turns.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Generator
from typing import ClassVar

from PySide6.QtCore import QObject, Qt, QTimer
from PySide6.QtGui import QIcon
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QLabel,
    QMainWindow,
    QPushButton,
    QStackedWidget,
    QTabBar,
    QTabWidget,
    QWidget,
)

from kfuncscope.gui import theme
from kfuncscope.gui.stylesheet import stylesheet, toolbar_style

FRAME = "QMainWindow::separator { background: transparent; width: 7px; height: 7px; }"
"""What is said of the window itself: the same light and dark, so that it never changes."""


def _caption() -> str:
    c = theme.look()
    return f"QFrame#caption {{ background: {c.toolbar}; border: 2px solid {c.accent}; border-radius: 8px; }}"


_OWN: dict[str, Callable[[], str]] = {
    "main": toolbar_style,
    "summary": lambda: "QToolBar { border: 0; padding: 8px 7px 0px 7px; }",
    "caption": _caption,
    "docktabs": lambda: "QTabBar::tab:first { margin-left: 9px; }",
}
"""What parts have beside the common sheet, by their object names."""


def dress(part: QWidget) -> None:
    """Give a part the colours of the palette."""
    look = theme.look()
    own = _OWN.get(part.objectName())
    sheet = stylesheet(look) + (own() if own is not None else "")
    if part.styleSheet() != sheet:
        part.setStyleSheet(sheet)


def plain(dialog: QDialog) -> None:
    """Take the icons from the buttons of a dialog: some desktops give them, and no other button here has one."""
    for box in dialog.findChildren(QDialogButtonBox):
        for button in box.buttons():
            button.setIcon(QIcon())


def parts(window: QMainWindow, stack: QStackedWidget) -> list[QWidget]:
    """The parts of a window, those in view first."""
    direct = window.findChildren(QWidget, options=Qt.FindChildOption.FindDirectChildrenOnly)
    found = [part for part in direct if part is not stack]
    found += [page for i in range(stack.count()) if (page := stack.widget(i)) is not None]
    return sorted(found, key=lambda part: not part.isVisible())


def lettered(bar: QWidget) -> list[QWidget]:
    """The buttons and lines of a bar, which keep their letters when it gets others; tabs have views of their own."""
    if isinstance(bar, QTabWidget | QTabBar):
        return []
    return [*bar.findChildren(QPushButton), *bar.findChildren(QLabel)]


class Turns(QObject):
    """Takes the steps of some work one a turn of the event loop; other work takes the place of what goes on.

    A step that yields a number has the next one wait for so many milliseconds, for what it changed to be painted.
    """

    alive: ClassVar[weakref.WeakSet[Turns]] = weakref.WeakSet()  # for those who wait until all is done

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self.alive.add(self)
        self._steps: Generator[int | None, None, None] | None = None
        self._timer = QTimer(self, interval=0)
        self._timer.timeout.connect(self._turn)

    def busy(self) -> bool:
        """Whether steps are left."""
        return self._steps is not None

    def begin(self, steps: Generator[int | None, None, None]) -> None:
        """Take the first step now, the others in turns of their own."""
        if self._steps is not None:
            self._steps.close()
        self._steps = steps
        self._timer.start()
        self._turn()

    def finish(self) -> None:
        """Take all that is left now."""
        while self.busy():
            self._turn()

    def end(self) -> None:
        """Leave the rest."""
        self._timer.stop()
        if self._steps is not None:
            self._steps.close()
        self._steps = None

    def _turn(self) -> None:
        wait = next(self._steps, self) if self._steps is not None else self
        if isinstance(wait, Turns):
            self._steps = None
            self._timer.stop()
        else:
            self._timer.setInterval(wait or 0)
