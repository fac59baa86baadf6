# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Seals of proof as they are painted and said: shape and word, not colour alone."""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPainterPath

from kfuncscope.gui import theme
from kfuncscope.gui.graph.proofs import ORDER
from kfuncscope.model.proof import Agreement
from kfuncscope.model.verdict import Verdict

GLYPHS = {Agreement.AGREE: "✓", Agreement.DISAGREE: "≠", Agreement.BEYOND: "~", Agreement.NOT_SEEN: ""}
SIZE = 13.0


def glyph(code: int) -> str:
    """The sign of a seal in a cell of a table."""
    return GLYPHS[ORDER[code]]


def word(code: int) -> str:
    """A seal in words, empty where there is none."""
    return f"the kernel: {ORDER[code].value}" if code else ""


def paint_seal(painter: QPainter, code: int, x: float, y: float) -> None:
    """A seal around a point: a ring with a tick, a full disc with ≠, a broken ring with ~."""
    if not code:
        return
    c, agreement = theme.look(), ORDER[code]
    colour = QColor({
        Agreement.AGREE: c.verdicts[Verdict.OK], Agreement.DISAGREE: c.verdicts[Verdict.BREAKS],
    }.get(agreement, c.muted))  # fmt: skip
    disc = QRectF(x - SIZE / 2, y - SIZE / 2, SIZE, SIZE)
    painter.save()
    pen = theme.pen(colour.name(), 1.4)
    if agreement is Agreement.BEYOND:
        pen.setStyle(Qt.PenStyle.DotLine)
    painter.setPen(pen)
    painter.setBrush(colour if agreement is Agreement.DISAGREE else QColor(c.panel))
    painter.drawEllipse(disc)
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.setPen(theme.pen(c.panel if agreement is Agreement.DISAGREE else colour.name(), 1.6))
    painter.drawPath(_sign(agreement, x, y))
    painter.restore()


def _sign(agreement: Agreement, x: float, y: float) -> QPainterPath:
    path = QPainterPath()
    if agreement is Agreement.AGREE:
        path.moveTo(QPointF(x - 3.2, y + 0.2))
        path.lineTo(QPointF(x - 0.8, y + 2.6))
        path.lineTo(QPointF(x + 3.4, y - 2.6))
    elif agreement is Agreement.DISAGREE:
        for dy in (-1.5, 1.5):
            path.moveTo(QPointF(x - 3, y + dy))
            path.lineTo(QPointF(x + 3, y + dy))
        path.moveTo(QPointF(x - 1.8, y + 3.6))
        path.lineTo(QPointF(x + 1.8, y - 3.6))
    else:
        path.moveTo(QPointF(x - 3.2, y + 0.8))
        path.cubicTo(x - 1.4, y - 2.6, x + 1.4, y + 2.8, x + 3.2, y - 0.8)
    return path
