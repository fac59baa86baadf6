# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The status bar: what was said last, and counts by verdict with shapes; a click on one filters by it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QSizePolicy, QWidget

from kfuncscope.gui import theme
from kfuncscope.model.verdict import Verdict

if TYPE_CHECKING:
    from kfuncscope.gui.store import Store


class Told(QLabel):
    """One line of text in the room there is: a long one never makes the window wider, its tooltip has it all."""

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("muted")
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.failed = False

    def tell(self, text: str, failed: bool = False) -> None:
        """Show a text; what ``failed`` stands out, by glyph and weight."""
        self.failed = failed
        self.setText(text)
        self.setToolTip(text)
        self.update()

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter = QPainter(self)
        room = self.rect()
        painter.setPen(self.palette().color(self.foregroundRole()))
        if self.failed:
            theme.draw_glyph(painter, Verdict.BREAKS, room.left() + 6, room.center().y() + 0.5, 9)
            room.setLeft(room.left() + 18)
            painter.setPen(QColor(theme.look().text))
            painter.setFont(theme.ui_font(bold=True))
        text = painter.fontMetrics().elidedText(self.text(), Qt.TextElideMode.ElideRight, room.width())
        painter.drawText(room, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, text)
        painter.end()


class StatusCounts(QWidget):
    """One flat button per verdict that occurs in the architecture under study."""

    def __init__(self, store: Store) -> None:
        super().__init__()
        self._store = store
        self._row = QHBoxLayout(self)
        self._row.setContentsMargins(4, 0, 8, 0)
        self._row.setSpacing(2)
        self.buttons: dict[Verdict, QPushButton] = {}
        for verdict in theme.SHOWN:
            button = QPushButton()
            button.setFlat(True)
            button.setObjectName("count")
            button.clicked.connect(lambda _=False, v=verdict: store.toggle("verdict", v.value))
            self._row.addWidget(button)
            self.buttons[verdict] = button
        store.analysis_changed.connect(self.refresh)
        store.filters_changed.connect(self.refresh)
        self.refresh()

    def refresh(self) -> None:
        """Count again."""
        index = self._store.index
        counts = index.counts(self._store.lane) if index is not None else {}
        for verdict, button in self.buttons.items():
            number = counts.get(verdict, 0)
            button.setVisible(bool(number))
            button.setIcon(theme.icon(verdict))
            button.setText(f"{number:,}")
            button.setToolTip(f"{theme.WORDS[verdict]}: {theme.MEANING[verdict]}")
            button.setAccessibleName(f"{theme.WORDS[verdict]}: {number}")
