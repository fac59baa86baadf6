# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Beside the graph: the whole of it as a narrow strip, and the legend of its shapes."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import QEvent, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QFontMetrics, QHelpEvent, QImage, QMouseEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QToolTip, QWidget

from kfuncscope.gui import theme
from kfuncscope.gui.graph.canvas import GraphCanvas
from kfuncscope.gui.graph.marks import Marks
from kfuncscope.gui.graph.paint import NodePainter
from kfuncscope.gui.index import AFFECTED, SCALE
from kfuncscope.gui.widgets.words import counted

SHAPES = 11  # pixels: one shape for the worst in each such piece of the strip


class Minimap(QWidget):
    """The whole graph as a narrow strip; the part in view is framed, press or drag to go there."""

    moved = Signal(float)

    def __init__(self, canvas: GraphCanvas) -> None:
        super().__init__()
        self._canvas = canvas
        self._picture: QImage | None = None
        self._painter = NodePainter()
        self.setFixedWidth(66)
        self.setAccessibleName(self.tr("Overview of the graph"))
        canvas.view_changed.connect(self.update)

    def forget(self) -> None:
        """Repaint the strip for another scene."""
        self._picture = None
        self.update()

    def _scale(self) -> float:
        scene = self._canvas.scene
        return self.height() / scene.height if scene is not None and scene.height else 1.0

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter = QPainter(self)
        c = theme.look()
        painter.fillRect(self.rect(), QColor(c.window))
        scene = self._canvas.scene
        if scene is None or not len(scene):
            painter.end()
            return
        ratio = self.devicePixelRatioF()
        size = self.size() * ratio
        if self._picture is None or self._picture.size() != size:
            self._picture = QImage(size, QImage.Format.Format_ARGB32_Premultiplied)
            self._picture.fill(QColor(c.window))
            inner = QPainter(self._picture)
            inner.scale((size.width() - SHAPES * ratio) / scene.width, min(size.height() / scene.height, 0.2 * ratio))
            self._painter.forget()
            self._painter.paint(inner, scene, QRectF(0, 0, scene.width, scene.height), 0.01, Marks())
            inner.end()
            self._picture.setDevicePixelRatio(ratio)
        painter.drawImage(0, 0, self._picture)
        self._paint_shapes(painter)
        painter.setPen(theme.pen(c.accent, 1.4))
        fill = QColor(c.accent)
        fill.setAlpha(28)
        painter.setBrush(fill)
        painter.drawRect(self._frame().adjusted(0.5, 0.5, -1.5, -1.5))
        painter.end()

    def _pieces(self) -> dict[int, np.ndarray]:
        """The affected nodes in each piece of the strip, by its number from the top."""
        scene = self._canvas.scene
        if scene is None:
            return {}
        nodes = np.flatnonzero(scene.verdict >= AFFECTED)
        piece = (scene.home[nodes] * min(self._scale(), 0.2) // SHAPES).astype(np.int64)
        order = np.argsort(piece, kind="stable")
        numbers, first = np.unique(piece[order], return_index=True)
        return dict(zip(numbers.tolist(), np.split(nodes[order], first[1:]), strict=True))

    def _paint_shapes(self, painter: QPainter) -> None:
        """The shape of the worst beside each piece: colour is not the only sign."""
        scene = self._canvas.scene
        assert scene is not None
        for number, nodes in self._pieces().items():
            worst = SCALE[int(scene.verdict[nodes].max())]
            theme.draw_glyph(painter, worst, self.width() - SHAPES / 2, (number + 0.5) * SHAPES, 7)

    def told_at(self, y: float) -> str:
        """What is affected at a height of the strip, in words."""
        scene, nodes = self._canvas.scene, self._pieces().get(int(y // SHAPES))
        if scene is None or nodes is None:
            return self.tr("Overview: click or drag to move the view")
        codes, times = np.unique(scene.verdict[nodes], return_counts=True)
        node, more = self.tr("node"), self.tr("nodes")
        return "\n".join(
            f"{theme.GLYPHS[SCALE[c]]} {theme.WORDS[SCALE[c]]}: {counted(n, node, more)}"
            for c, n in sorted(zip(codes.tolist(), times.tolist(), strict=True), reverse=True)
        )

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.ToolTip and isinstance(event, QHelpEvent):
            QToolTip.showText(event.globalPos(), self.told_at(event.pos().y()), self)
            return True
        return super().event(event)

    def _frame(self) -> QRectF:
        rect, scale = self._canvas.view_rect(), min(self._scale(), 0.2)
        height = min(rect.height() * scale, float(self.height()))
        return QRectF(0, rect.top() * scale, self.width(), max(height, 8.0))

    def _go(self, event: QMouseEvent) -> None:
        self.moved.emit(event.position().y() / min(self._scale(), 0.2))

    def mousePressEvent(self, event: QMouseEvent) -> None:
        self._go(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if event.buttons() & Qt.MouseButton.LeftButton:
            self._go(event)


class Legend(QWidget):
    """Shape, colour and word of every verdict that can occur."""

    def __init__(self) -> None:
        super().__init__()
        self._gap = 12
        self.setAccessibleName(self.tr("Legend"))
        self.setToolTip("\n".join(f"{theme.GLYPHS[v]} {theme.WORDS[v]}: {theme.MEANING[v]}" for v in theme.SHOWN))
        self.setMinimumHeight(self.fontMetrics().height() + 8)

    def sizeHint(self) -> QSize:
        metrics = self.fontMetrics()
        width = sum(metrics.horizontalAdvance(theme.WORDS[v]) + 16 + self._gap for v in theme.SHOWN)
        return QSize(width, metrics.height() + 8)

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setFont(theme.ui_font(-0.5))
        x, middle = 0, self.height() / 2
        shown = self.fitting(painter.fontMetrics())
        for verdict in theme.SHOWN[:shown]:
            width = painter.fontMetrics().horizontalAdvance(theme.WORDS[verdict])
            theme.draw_glyph(painter, verdict, x + 6, middle, 10)
            painter.setPen(QColor(theme.look().muted))
            painter.drawText(
                QRectF(x + 16, 0, width + 4, self.height()), Qt.AlignmentFlag.AlignVCenter, theme.WORDS[verdict]
            )
            x += 16 + width + self._gap
        if rest := len(theme.SHOWN) - shown:
            painter.setPen(QColor(theme.look().muted))
            painter.drawText(QRectF(x, 0, 60, self.height()), Qt.AlignmentFlag.AlignVCenter, f"+{rest} …")
        painter.end()

    def fitting(self, metrics: QFontMetrics) -> int:
        """How many verdicts have room, with that for the number of the others, which the tooltip names."""
        room, x = self.width(), 0
        for place, verdict in enumerate(theme.SHOWN):
            rest = len(theme.SHOWN) - place - 1
            x += 16 + metrics.horizontalAdvance(theme.WORDS[verdict]) + self._gap
            if x + (metrics.horizontalAdvance(f"+{rest} …") if rest else 0) > room:
                return place
        return len(theme.SHOWN)
