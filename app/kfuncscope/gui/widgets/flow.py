# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A layout that puts widgets side by side, in as many rows as the width asks for."""

from __future__ import annotations

from PySide6.QtCore import QPoint, QRect, QSize, Qt
from PySide6.QtWidgets import QLayout, QLayoutItem


class Flow(QLayout):
    """Rows from the left; an item that is wider than the layout gets what there is."""

    def __init__(self, space: int) -> None:
        super().__init__()
        self._space = space
        self._items: list[QLayoutItem] = []

    def addItem(self, item: QLayoutItem) -> None:
        self._items.append(item)

    def count(self) -> int:
        return len(self._items)

    def itemAt(self, index: int) -> QLayoutItem | None:
        return self._items[index] if 0 <= index < len(self._items) else None

    def takeAt(self, index: int) -> QLayoutItem | None:
        return self._items.pop(index) if 0 <= index < len(self._items) else None

    def expandingDirections(self) -> Qt.Orientation:
        return Qt.Orientation(0)

    def hasHeightForWidth(self) -> bool:
        return True

    def heightForWidth(self, width: int) -> int:
        return self._place(QRect(0, 0, width, 0), moving=False)

    def setGeometry(self, rect: QRect) -> None:
        super().setGeometry(rect)
        self._place(rect, moving=True)

    def sizeHint(self) -> QSize:
        hints = [item.sizeHint() for item in self._items]
        wide = sum(h.width() for h in hints) + self._space * max(len(hints) - 1, 0)
        return QSize(wide, max((h.height() for h in hints), default=0))

    def minimumSize(self) -> QSize:
        return QSize(0, max((item.minimumSize().height() for item in self._items), default=0))

    def _place(self, rect: QRect, moving: bool) -> int:
        """Lay the items out; the height that they take."""
        x, y, high = 0, 0, 0
        for item in self._items:
            hint = item.sizeHint()
            wide = min(hint.width(), max(rect.width(), 1))
            if x and x + wide > rect.width():
                x, y, high = 0, y + high + self._space, 0
            if moving:
                item.setGeometry(QRect(rect.topLeft() + QPoint(x, y), QSize(wide, hint.height())))
            x, high = x + wide + self._space, max(high, hint.height())
        return y + high
