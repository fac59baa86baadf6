# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The graph from far away: columns as bars of pixels, and the names that matter in letters of constant size.

Where nodes are lower than a few pixels, each row of pixels stands for all nodes in it: coloured as far across as the
share of them that is affected, in the colour of the worst. Shapes and names stand beside, as many as find room: what is
selected or pointed at first, then its chain and what a search finds, then what breaks.
"""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QPainter

from kfuncscope.gui import theme
from kfuncscope.gui.graph.marks import Marks
from kfuncscope.gui.graph.scene import NODE_H, Scene
from kfuncscope.gui.index import AFFECTED, CODE, SCALE, Ints
from kfuncscope.model.verdict import Verdict

LOW = 3.0  # pixels: nodes lower than this are painted together
THINNEST = 0.22
PALE = 0.5
NUDGES = 9  # half lines up and down that a name may be moved
NAMED = CODE[Verdict.SILENT]  # this verdict and worse have their names told from far away


def paint_bars(painter: QPainter, scene: Scene, scale: float) -> None:
    """Paint all columns; the painter is in scene units, ``scale`` pixels each."""
    c = theme.look()
    painter.setPen(Qt.PenStyle.NoPen)
    for column in range(3):
        nodes = np.flatnonzero(scene.column == column)
        if not len(nodes):
            continue
        rows = np.floor(scene.home[nodes] * scale).astype(np.int64)
        size = int(rows.max()) + 1
        many = np.bincount(rows, minlength=size)
        hurt = scene.verdict[nodes] >= AFFECTED
        bad = np.bincount(rows[hurt], minlength=size)
        worst = np.full(size, -1, dtype=np.int8)
        np.maximum.at(worst, rows, scene.verdict[nodes])
        x, wide = float(scene.x[nodes[0]]), float(scene.w[nodes[0]])
        tall = max(1.0, NODE_H * scale * 0.9) / scale
        filled = np.flatnonzero(many)
        painter.setBrush(QColor(c.line))
        painter.drawRects([QRectF(x, r / scale, wide, tall) for r in filled.tolist()])
        for code in sorted(set(worst[bad > 0].tolist())):
            fill = QColor(c.verdicts[SCALE[code]])
            fill.setAlphaF(PALE)
            painter.setBrush(fill)
            here = np.flatnonzero((worst == code) & (bad > 0))
            share = np.maximum(bad[here] / many[here], THINNEST)
            painter.drawRects([
                QRectF(x, r / scale, wide * s, tall) for r, s in zip(here.tolist(), share.tolist(), strict=True)
            ])  # fmt: skip


def wanted(scene: Scene, marks: Marks, column: int) -> list[int]:
    """The nodes of a column whose names matter from far away, the most wanted first."""
    nodes = np.flatnonzero(scene.column == column)
    rank = np.full(len(nodes), 9, dtype=np.int64)
    rank[scene.verdict[nodes] >= NAMED] = 4
    rank[scene.verdict[nodes] == CODE[Verdict.BREAKS]] = 3
    rank[np.isin(nodes, list(marks.nodes))] = 2
    rank[scene.hit[nodes]] = 1
    rank[np.isin(nodes, [marks.selected, marks.hover])] = 0
    if column == 0:
        rank[rank == 9] = 8  # objects tell where one is, wherever there is room
    kept = nodes[rank < 9]
    order = np.lexsort((scene.home[kept], -scene.verdict[kept], rank[rank < 9]))
    return [int(n) for n in kept[order]]


def paint_labels(painter: QPainter, scene: Scene, rect: QRectF, zoom: float, marks: Marks) -> None:
    """Write the names that matter on their columns; one that would cover another stands beside, with a line to it."""
    painter.setFont(theme.ui_font(-1))
    line = painter.fontMetrics().height() + 1.0
    tall = rect.height() * zoom
    for column in range(3):
        taken: set[int] = set()
        for node in wanted(scene, marks, column):
            y = (float(scene.y[node]) + NODE_H / 2 - rect.top()) * zoom
            if not -1.0 <= y <= tall + 1.0:
                continue
            slot = free_slot(y, taken, line, tall, NUDGES if scene.verdict[node] >= NAMED else 1)
            if slot is not None:
                taken.add(slot)
                _label(painter, scene, node, (rect, zoom, y, slot * line / 2, line), marks)
            if (len(taken) + 1) * line > tall:
                break


def free_slot(y: float, taken: set[int], line: float, tall: float, tries: int) -> int | None:
    """A place near ``y``, counted in half lines, where a line of words covers no other; None where there is none."""
    half = line / 2
    last = int(tall / half) - 1
    wish = min(max(round(y / half), 1), last)
    for step in range(tries):
        for slot in (wish + step, wish - step) if step else (wish,):
            if 1 <= slot <= last and not taken & {slot - 1, slot, slot + 1}:
                return slot
    return None


def _label(
    painter: QPainter, scene: Scene, node: int, at: tuple[QRectF, float, float, float, float], marks: Marks
) -> None:
    c, metrics = theme.look(), painter.fontMetrics()
    rect, zoom, node_y, y, line = at
    x, width = (float(scene.x[node]) - rect.left()) * zoom, float(scene.w[node]) * zoom
    tail = _tail(scene, node)
    inset = 10.0
    room = int(width - metrics.horizontalAdvance(tail) - line - 6 - inset)
    text = metrics.elidedText(scene.labels[node], Qt.TextElideMode.ElideMiddle, max(room, 24)) + tail
    box = QRectF(x + inset, y - line / 2, line + metrics.horizontalAdvance(text) + 6, line)
    chosen = node in (marks.selected, marks.hover)
    if abs(node_y - y) > 1.0:
        painter.setPen(theme.pen(c.verdicts[SCALE[int(scene.verdict[node])]], 1.2))
        painter.drawLine(QPointF(x, node_y), QPointF(x + inset, y))
    painter.fillRect(box, QColor(c.selection if chosen else c.panel))
    if chosen:
        painter.setPen(theme.pen(c.accent, 1.4))
        painter.drawRect(box)
    theme.draw_glyph(painter, SCALE[int(scene.verdict[node])], box.left() + line / 2, y, 9)
    painter.setPen(QColor(c.text))
    painter.drawText(box.adjusted(line, 0, 0, 0), Qt.AlignmentFlag.AlignVCenter, text)


def _tail(scene: Scene, node: int) -> str:
    """Of an object, how many of its programs are affected."""
    if scene.column[node] != 0:
        return ""
    programs: Ints = scene.dst[scene.edges_from(node)]
    return f"  {int((scene.verdict[programs] >= AFFECTED).sum())}/{len(programs)}"
