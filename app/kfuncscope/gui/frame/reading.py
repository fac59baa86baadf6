# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Tab goes through the window as one reads it: row by row, from left to right, by where things are on screen.

Qt's own order is that of construction, and what is made again for every selection comes last in it.
"""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QAbstractSpinBox, QApplication, QComboBox, QWidget

_WHOLE = (QComboBox, QAbstractSpinBox)  # one stop each, whatever they are made of


def rows(widgets: list[QWidget]) -> list[QWidget]:
    """Widgets of one parent in reading order: what begins above the middle of the first of a row belongs to the row."""
    left = sorted(widgets, key=lambda w: (w.y(), w.x()))
    found: list[QWidget] = []
    while left:
        middle = left[0].y() + left[0].height() / 2
        row = [w for w in left if w.y() <= middle]
        left = left[len(row) :]
        found += sorted(row, key=lambda w: w.x())
    return found


def stops(widget: QWidget) -> list[QWidget]:
    """What takes the keyboard by Tab in a widget, itself included, in reading order."""
    takes = widget.isEnabled() and widget.focusProxy() is None and bool(widget.focusPolicy() & Qt.FocusPolicy.TabFocus)
    found = [widget] if takes and not widget.isWindow() else []
    if isinstance(widget, _WHOLE):
        return found
    inner = widget.findChildren(QWidget, options=Qt.FindChildOption.FindDirectChildrenOnly)
    shown = [w for w in inner if w.isVisible() and not w.isWindow() and w.geometry().intersects(widget.rect())]
    for child in rows(shown):  # a panel behind another one stands outside of the window
        found += stops(child)
    return found


def move(window: QWidget, forward: bool) -> bool:
    """Give the keyboard to the next stop, or the one before; False where there is none."""
    order, now = stops(window), QApplication.focusWidget()
    if not order:
        return False
    while now is not None and now not in order:
        now = now.parentWidget()
    if now is None:
        place = 0 if forward else -1
    else:
        place = (order.index(now) + (1 if forward else -1)) % len(order)
    reason = Qt.FocusReason.TabFocusReason if forward else Qt.FocusReason.BacktabFocusReason
    order[place].setFocus(reason)
    return True
