# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The banner above a hypothetical result: what is assumed, each to be taken back, and the way back from all of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtCore import QPoint, QRect, QSize, Qt
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QLayout, QLayoutItem, QPushButton, QVBoxLayout

from kfuncscope.gui import theme
from kfuncscope.model.verdict import Verdict

MOST = 4  # assumptions with a button of their own; the dialog lists all


class Flow(QLayout):
    """Items in as many rows as the width asks for; one that is wider than the layout gets what there is."""

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


class Banner(QFrame):
    """Hidden unless something is assumed."""

    def __init__(self) -> None:
        super().__init__()
        self.hide()
        column = QVBoxLayout(self)
        column.setContentsMargins(12, 4, 8, 4)
        column.setSpacing(5)
        row = QHBoxLayout()
        row.setSpacing(6)
        self.text = QLabel()
        self.text.setWordWrap(True)
        self.chips: list[QPushButton] = []
        self._rest = QLabel()
        self._chips = Flow(5)
        self.button = QPushButton(self.tr("Back to the real result"))
        row.addWidget(self.text, 1)
        row.addWidget(self.button)
        column.addLayout(row)
        column.addLayout(self._chips)
        self._rest.hide()

    def tell(self, text: str, assumed: Sequence[tuple[str, Callable[[], None]]] = ()) -> None:
        """Show a text in the colours of a risk, with a button that takes back each assumption; empty hides it all."""
        for chip in self.chips:
            self._chips.removeWidget(chip)
            chip.deleteLater()
        self._chips.removeWidget(self._rest)
        self.chips = []
        self.setVisible(bool(text))
        if not text:
            return
        look = theme.look()
        tint, ink = look.tints[Verdict.RISK], look.verdicts[Verdict.RISK]
        self.setStyleSheet(
            f"QFrame {{ background: {tint}; border: 1px solid {ink}; border-radius: 6px; }} QLabel {{ border: 0; }}"
        )
        self.text.setText(text)
        for name, drop in assumed[:MOST]:
            chip = QPushButton(f"{name if len(name) < 40 else name[:22] + '…' + name[-15:]}  ✕")
            chip.setObjectName("chip")
            chip.setToolTip(self.tr("Take back: {0}").format(name))
            chip.setAccessibleName(chip.toolTip())
            chip.clicked.connect(lambda _=False, d=drop: d())
            self._chips.addWidget(chip)
            self.chips.append(chip)
        more = len(assumed) - len(self.chips)
        self._rest.setVisible(more > 0)
        if more > 0:  # "What if…" lists all of them
            self._rest.setText(self.tr("and {0} more").format(more))
            self._rest.setMinimumHeight(self.chips[0].sizeHint().height())
            self._chips.addWidget(self._rest)
