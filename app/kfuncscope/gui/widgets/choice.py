# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Choosing in lists and tables: by a click or with Enter, once each."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QModelIndex, Qt
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import QAbstractItemView


def on_choice(view: QAbstractItemView, chosen: Callable[[QModelIndex], None]) -> None:
    """Call ``chosen`` with the index that is clicked, or is current when Enter is pressed in the view.

    Not by ``activated``: desktops that open with one click send it beside ``clicked``, and all send it for the second
    click of two, so that what a click toggles would be toggled back.
    """

    def enter_pressed() -> None:
        if view.currentIndex().isValid():
            chosen(view.currentIndex())

    view.clicked.connect(chosen)
    for key in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
        enter = QShortcut(QKeySequence(key), view)
        enter.setContext(Qt.ShortcutContext.WidgetShortcut)
        enter.activated.connect(enter_pressed)
