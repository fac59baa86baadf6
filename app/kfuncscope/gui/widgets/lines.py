# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Cells of the finding table: names lose what all of their kind have, then their middle; heads are one line."""

from __future__ import annotations

from collections.abc import Mapping

from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QColor, QPainter
from PySide6.QtWidgets import QStyle, QStyledItemDelegate, QStyleOptionViewItem, QTableView

from kfuncscope.gui import theme
from kfuncscope.gui.index import SCALE
from kfuncscope.gui.models.findings import GROUP_ROLE, FindingsModel, Group
from kfuncscope.gui.models.table import Cell
from kfuncscope.gui.widgets.words import without_common


class Line(QStyledItemDelegate):
    """Paints a cell; each cell of a head paints its own part of the line, so that nothing has to be spanned."""

    def __init__(self, view: QTableView, model: FindingsModel, middle: tuple[int, ...]) -> None:
        super().__init__(view)
        self._view, self._model, self._middle = view, model, frozenset(middle)
        self.natural: Mapping[int, int] = {}  # what the widest name of a column takes in pixels

    def cut(self, column: int) -> bool:
        """Whether some name of a column has no room."""
        return self.natural.get(column, 0) > self._view.columnWidth(column)

    def initStyleOption(self, option: QStyleOptionViewItem, index: Cell) -> None:
        super().initStyleOption(option, index)
        if index.column() in self._middle:
            option.textElideMode = Qt.TextElideMode.ElideMiddle
            if self.cut(index.column()):  # all names of a column alike
                option.text = without_common(option.text)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Cell) -> None:
        group = index.data(GROUP_ROLE)
        if not isinstance(group, Group):
            super().paint(painter, option, index)
            return
        c, box = theme.look(), QRectF(option.rect)
        chosen = bool(option.state & QStyle.StateFlag.State_Selected)
        painter.save()
        painter.setClipRect(box)
        painter.fillRect(box, QColor(c.selection if chosen else c.window))
        painter.fillRect(QRectF(box.left(), box.bottom() - 0.5, box.width(), 1), QColor(c.line))
        header = self._view.horizontalHeader()
        left = box.left() - header.sectionViewportPosition(index.column()) + header.sectionViewportPosition(0)
        self._head(painter, group, QRectF(left, box.top(), float(header.length()), box.height()))
        painter.restore()

    def _head(self, painter: QPainter, group: Group, line: QRectF) -> None:
        c, middle = theme.look(), Qt.AlignmentFlag.AlignVCenter
        painter.setPen(QColor(c.muted))
        painter.drawText(line.adjusted(8, 0, 0, 0), middle, "▾" if self._model.is_open(group) else "▸")
        theme.draw_glyph(painter, SCALE[group.verdict], line.left() + 30, line.center().y(), 10)
        painter.setFont(theme.ui_font(bold=True))
        painter.setPen(QColor(c.text))
        words = line.adjusted(44, 0, 0, 0)
        painter.drawText(words, middle, group.title)
        wide = painter.fontMetrics().horizontalAdvance(group.title) + 14
        painter.setFont(theme.ui_font(-0.5))
        painter.setPen(QColor(c.muted))
        painter.drawText(words.adjusted(wide, 0, 0, 0), middle, group.more)
