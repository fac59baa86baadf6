# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A window that fits its screen, with its frame and title, at the first start and when it comes back to another one."""

from __future__ import annotations

from PySide6.QtCore import QRect
from PySide6.QtWidgets import QWidget

FRAME = (8, 40)  # room for borders and title, where the window manager has not told it yet


def fit(window: QWidget) -> None:
    """Keep a window inside the part of its screen that is free; one that would fill it is maximised."""
    screen = window.screen()
    if screen is None or window.isMaximized() or window.isFullScreen():
        return
    free = screen.availableGeometry()
    outer, inner = window.frameGeometry(), window.geometry()
    extra = (max(outer.width() - inner.width(), FRAME[0]), max(outer.height() - inner.height(), FRAME[1]))
    width, height = min(inner.width(), free.width() - extra[0]), min(inner.height(), free.height() - extra[1])
    if (width, height) != (inner.width(), inner.height()) and width >= 0.9 * free.width() - extra[0]:
        window.resize(width, height)
        window.showMaximized()
        return
    window.resize(width, height)
    window.move(placed(QRect(outer.topLeft(), outer.topLeft()), free, width + extra[0], height + extra[1]).topLeft())


def within(dialog: QWidget, width: int, height: int) -> None:
    """Give a dialog a size, less where its screen has no room for that and the frame around it."""
    free = dialog.screen().availableGeometry()
    dialog.resize(min(width, free.width() - FRAME[0]), min(height, free.height() - FRAME[1]))


def placed(at: QRect, free: QRect, width: int, height: int) -> QRect:
    """A frame of a size, as near to where it is as the free part of the screen allows."""
    left = min(max(at.left(), free.left()), max(free.left(), free.right() + 1 - width))
    top = min(max(at.top(), free.top()), max(free.top(), free.bottom() + 1 - height))
    return QRect(left, top, width, height)
