# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Painting the graph: nodes in one batch, edges as one layer. The same code paints screen, minimap, PNG and SVG.

Edges are the cost, not nodes (20,000 translucent lines take a second). Where a view holds more than LIVE_EDGES they
are bundled: edges whose ends fall into the same few pixels become one curve, so that the work is bounded by pixels.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QLineF, QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QImage, QPainter, QPainterPath, QPen

from kfuncscope.gui import theme
from kfuncscope.gui.graph import far, seals
from kfuncscope.gui.graph.marks import Marks
from kfuncscope.gui.graph.scene import NODE_H, Scene
from kfuncscope.gui.index import AFFECTED, SCALE, Ints
from kfuncscope.model.verdict import Verdict

LIVE_EDGES = 140
BUCKET = 7.0
MAX_CURVES = 700
LOOP = 34.0  # how far a tail call goes out to the right
BLOCKS, NAMES = 0.25, 0.6


def edge_path(scene: Scene, edge: int) -> QPainterPath:
    """One edge as a curve in scene units."""
    s, d = int(scene.src[edge]), int(scene.dst[edge])
    x0, y0 = float(scene.x[s] + scene.w[s]), float(scene.y[s] + NODE_H / 2)
    x1, y1 = float(scene.ends_at(np.array([edge]))[0]), float(scene.y[d] + NODE_H / 2)
    return curve(x0, y0, x1, y1)


def curve(x0: float, y0: float, x1: float, y1: float) -> QPainterPath:
    """The curve of an edge between two points."""
    path = QPainterPath(QPointF(x0, y0))
    if x0 == x1:  # a tail call, within the column of programs
        path.cubicTo(x0 + LOOP, y0, x1 + LOOP, y1, x1, y1)
        return path
    bend = (x1 - x0) * 0.5
    path.cubicTo(x0 + bend, y0, x1 - bend, y1, x1, y1)
    return path


def visible_nodes(scene: Scene, rect: QRectF) -> Ints:
    """Numbers of the nodes that touch a rectangle of the scene."""
    inside = (scene.y + NODE_H >= rect.top()) & (scene.y <= rect.bottom())
    inside &= (scene.x + scene.w >= rect.left()) & (scene.x <= rect.right())
    return np.flatnonzero(inside).astype(np.int32)


def edges_of_view(scene: Scene, rect: QRectF, most: int) -> Ints:
    """Edges of the programs that touch a rectangle of the scene, the worst of them where there are too many."""
    seen = np.zeros(len(scene), dtype=bool)
    nodes = visible_nodes(scene, rect)
    seen[nodes[scene.column[nodes] == 1]] = True
    edges = np.flatnonzero(seen[scene.src] | seen[scene.dst]).astype(np.int32)
    if len(edges) > most:
        edges = edges[np.argsort(-scene.edge_verdict[edges], kind="stable")[:most]]
    return edges


def visible_edges(scene: Scene, rect: QRectF) -> Ints:
    """Numbers of the edges whose bounding box touches a rectangle of the scene."""
    y0, y1 = scene.y[scene.src] + NODE_H / 2, scene.y[scene.dst] + NODE_H / 2
    x0, x1 = scene.x[scene.src] + scene.w[scene.src], scene.ends_at(np.arange(len(scene.dst), dtype=np.int32))
    inside = (np.maximum(y0, y1) >= rect.top()) & (np.minimum(y0, y1) <= rect.bottom())
    inside &= (x1 >= rect.left()) & (x0 <= rect.right())
    return np.flatnonzero(inside).astype(np.int32)


def edge_pen(code: int, zoom: float, lit: bool = False) -> QPen:
    """The pen of an edge by the verdict of that use: quiet grey where nothing happens."""
    c = theme.look()
    verdict = SCALE[code]
    if lit:
        if code < AFFECTED:
            return theme.pen(c.strong_line, 1.6 / zoom)
        return theme.pen(c.verdicts[verdict], 2.4 / zoom)
    return theme.pen(c.line if code < AFFECTED else c.verdicts[verdict], (1.0 if code < AFFECTED else 1.3) / zoom)


def paint_edges(painter: QPainter, scene: Scene, edges: Ints, zoom: float, lit: bool = False) -> None:
    """Paint edges as curves, the worst on top; the painter is in scene units."""
    painter.setBrush(Qt.BrushStyle.NoBrush)
    for edge in edges[np.argsort(scene.edge_verdict[edges], kind="stable")].tolist():
        pen = edge_pen(int(scene.edge_verdict[edge]), zoom, lit)
        if scene.column[scene.src[edge]] == scene.column[scene.dst[edge]]:
            pen = QPen(pen)
            pen.setStyle(Qt.PenStyle.DashLine)
        painter.setPen(pen)
        painter.drawPath(edge_path(scene, edge))


def paint_glow(painter: QPainter, scene: Scene, edges: Ints, zoom: float) -> None:
    """Paint edges that are worse than before so that they light up: a wide pale line under a strong one."""
    painter.setBrush(Qt.BrushStyle.NoBrush)
    for edge in edges.tolist():
        colour = theme.colour(SCALE[int(scene.edge_verdict[edge])])
        path = edge_path(scene, edge)
        colour.setAlphaF(0.25)
        painter.setPen(QPen(colour, 8.0 / zoom, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap))
        painter.drawPath(path)
        painter.setPen(edge_pen(int(scene.edge_verdict[edge]), zoom, lit=True))
        painter.drawPath(path)


@dataclass(slots=True)
class Bundles:
    """Edges gathered by the pixels of their ends: columns x0, y0, x1, y1 (pixels), worst verdict, how many."""

    ends: NDArray[np.float64]
    verdict: NDArray[np.int8]
    count: NDArray[np.int64]


def bundle(scene: Scene, rect: QRectF, zoom: float, bucket: float = BUCKET) -> Bundles:
    """Gather the edges that touch a rectangle of the scene for painting it ``zoom`` times as large."""
    edges = visible_edges(scene, rect)
    src, dst, verdict = scene.src[edges], scene.dst[edges], scene.edge_verdict[edges]
    affected = (verdict >= AFFECTED).astype(np.int64)
    y0 = (scene.y[src] + NODE_H / 2 - rect.top()) * zoom
    y1 = (scene.y[dst] + NODE_H / 2 - rect.top()) * zoom
    top, bottom = -0.5 * rect.height() * zoom, 1.5 * rect.height() * zoom
    b0 = np.floor(np.clip(y0, top, bottom) / bucket).astype(np.int64)
    b1 = np.floor(np.clip(y1, top, bottom) / bucket).astype(np.int64)
    span = int(4 * rect.height() * zoom / bucket) + 8
    column = scene.column[src].astype(np.int64) + 2 * (scene.column[src] == scene.column[dst])
    key = ((column * 2 + affected) * span + b0 + span // 2) * span + b1 + span // 2
    _, first, inverse, count = np.unique(key, return_index=True, return_inverse=True, return_counts=True)
    worst = np.zeros(len(first), dtype=np.int8)
    np.maximum.at(worst, inverse, verdict)
    x0 = (scene.x[src] + scene.w[src] - rect.left())[first] * zoom
    x1 = (scene.ends_at(edges) - rect.left())[first] * zoom
    return Bundles(np.stack([x0, y0[first], x1, y1[first]], axis=1), worst, count)


def edge_image(scene: Scene, rect: QRectF, zoom: float, ratio: float) -> QImage:
    """Paint the edges of a rectangle into a transparent image. May run on a worker thread."""
    size = (max(1, math.ceil(rect.width() * zoom * ratio)), max(1, math.ceil(rect.height() * zoom * ratio)))
    image = QImage(size[0], size[1], QImage.Format.Format_ARGB32_Premultiplied)
    image.setDevicePixelRatio(ratio)
    image.fill(Qt.GlobalColor.transparent)
    bucket = BUCKET
    bundles = bundle(scene, rect, zoom, bucket)
    while len(bundles.count) > 4 * MAX_CURVES and bucket < 60:
        bucket *= 1.6
        bundles = bundle(scene, rect, zoom, bucket)
    painter = QPainter(image)
    paint_bundles(painter, bundles)
    painter.end()
    return image


def paint_bundles(painter: QPainter, bundles: Bundles) -> None:
    """Paint bundles, the quiet and thin first; straight and plain where there are very many."""
    c = theme.look()
    smooth = len(bundles.count) <= MAX_CURVES
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, smooth)
    ends = bundles.ends.tolist()
    order = np.lexsort((bundles.count, bundles.verdict))
    if smooth:
        for i in order.tolist():
            code = int(bundles.verdict[i])
            width = 1.0 + 0.7 * math.log2(float(bundles.count[i]))
            painter.setPen(theme.pen(c.line if code < AFFECTED else c.verdicts[SCALE[code]], min(width, 7.0)))
            painter.drawPath(curve(*ends[i]))
        return
    for code in sorted(set(bundles.verdict.tolist())):
        painter.setPen(QPen(QColor(c.line if code < AFFECTED else c.verdicts[SCALE[code]]), 0))
        painter.drawLines([QLineF(*ends[i]) for i in order[bundles.verdict[order] == code].tolist()])


class NodePainter:
    """Paints nodes at three levels: blocks far away, names at middle distance, name and reason close by."""

    def __init__(self) -> None:
        self._elided: dict[tuple[int, int, int], str] = {}
        self._blocks: dict[int, list[QRectF]] = {}
        self._width = 0.0

    def forget(self) -> None:
        """Drop what was remembered of another scene."""
        self._elided.clear()
        self._blocks.clear()

    def paint(self, painter: QPainter, scene: Scene, rect: QRectF, zoom: float, marks: Marks) -> None:
        """Paint the nodes in a rectangle of the scene; the painter is in scene units."""
        if zoom < BLOCKS:
            self._paint_blocks(painter, scene, marks, zoom)
            return
        nodes = visible_nodes(scene, rect)
        mono = theme.mono()
        far = min(12.0, NODE_H * zoom * 0.72)
        mono.setPixelSize(max(7, round(min(max(10.5 / zoom, 12.0), 15.0) if zoom >= NAMES else far)))
        small = theme.ui_font()
        small.setPixelSize(round(min(max(9.5 / zoom, 10.5), 13.0)))
        for node in nodes.tolist():
            self._paint_node(painter, scene, node, zoom, marks, mono, small)

    def _paint_blocks(self, painter: QPainter, scene: Scene, marks: Marks, zoom: float) -> None:
        c = theme.look()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
        scale = painter.transform().m22()
        if scale * NODE_H < far.LOW:
            far.paint_bars(painter, scene, scale)
            self._mark_far(painter, scene, marks, zoom)
            return
        if not self._blocks or self._width != scene.width:
            self._width = scene.width
            self._blocks.clear()
            boxes = np.stack([scene.x, scene.home, scene.w, np.full(len(scene), NODE_H)], axis=1).tolist()
            for code in np.unique(scene.verdict).tolist():
                self._blocks[code] = [QRectF(*boxes[i]) for i in np.flatnonzero(scene.verdict == code).tolist()]
        painter.setPen(Qt.PenStyle.NoPen)
        for code in sorted(self._blocks):
            painter.setBrush(QColor(c.line if code < AFFECTED else c.verdicts[SCALE[code]]))
            painter.drawRects(self._blocks[code])
        self._mark_far(painter, scene, marks, zoom)

    def _mark_far(self, painter: QPainter, scene: Scene, marks: Marks, zoom: float) -> None:
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.setPen(theme.pen(theme.look().accent, 2 / zoom))
        for node in marks.nodes:
            painter.drawRect(self.box(scene, node))

    @staticmethod
    def box(scene: Scene, node: int) -> QRectF:
        """The rectangle of a node in scene units."""
        return QRectF(float(scene.x[node]), float(scene.y[node]), float(scene.w[node]), NODE_H)

    def _paint_node(
        self, painter: QPainter, scene: Scene, node: int, zoom: float, marks: Marks, mono: QFont, small: QFont
    ) -> None:
        c = theme.look()
        verdict = SCALE[int(scene.verdict[node])]
        box = self.box(scene, node)
        quiet = verdict in (Verdict.OK, Verdict.FIXED)
        lit = node in marks.nodes
        border = c.line if quiet else c.verdicts[verdict]
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setOpacity(0.38 if marks.dim and not lit else 1.0)
        painter.setPen(theme.pen(border, 1.1))
        painter.setBrush(theme.tint(verdict))
        painter.drawRoundedRect(box, 5, 5)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        strong = node in (marks.selected, marks.hover)
        if strong or lit:
            painter.setPen(theme.pen(c.strong_line if quiet and not strong else c.accent, 2.2 if strong else 1.3))
            painter.drawRoundedRect(box.adjusted(-1, -1, 1, 1), 6, 6)
        if scene.hit[node]:
            painter.setPen(QPen(QColor(c.accent), 2.0, Qt.PenStyle.DotLine))
            painter.drawRoundedRect(box.adjusted(-3, -3, 3, 3), 8, 8)
        theme.draw_glyph(painter, verdict, box.left() + 15, box.center().y(), 10 if zoom >= NAMES else 13)
        if scene.seal[node]:
            seals.paint_seal(painter, int(scene.seal[node]), box.right() - 12, box.center().y())
            box = box.adjusted(0, 0, -seals.SIZE, 0)
        if zoom >= NAMES:
            self._two_lines(painter, scene, node, box, zoom, mono, small)
        else:
            self._one_line(painter, scene, node, box, zoom, mono)
        painter.setOpacity(1.0)

    def _two_lines(
        self, painter: QPainter, scene: Scene, node: int, box: QRectF, zoom: float, mono: QFont, small: QFont
    ) -> None:
        c = theme.look()
        room = box.width() - 36
        painter.setFont(mono)
        painter.setPen(QColor(c.text))
        upper = QRectF(box.left() + 28, box.top() + 3, room, 17)
        # unclipped: letters that grow as the view shrinks are taller than their line, and would lose their underscores
        flags = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter | Qt.TextFlag.TextDontClip
        painter.drawText(upper, flags, self._fit(node, 0, scene.labels[node], mono, room))
        painter.setFont(small)
        painter.setPen(QColor(c.muted))
        near = zoom >= 1.3
        text = scene.details[node] if near else scene.subs[node]
        lower = QRectF(box.left() + 28, box.top() + 19, room, 15)
        painter.drawText(lower, flags, self._fit(node, 2 if near else 1, text, small, room))

    def _one_line(self, painter: QPainter, scene: Scene, node: int, box: QRectF, zoom: float, mono: QFont) -> None:
        painter.save()
        painter.translate(box.left() + 28, box.top())
        painter.scale(1 / zoom, 1 / zoom)
        room = (box.width() - 32) * zoom
        painter.setFont(mono)
        painter.setPen(QColor(theme.look().text))
        flags = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter | Qt.TextFlag.TextDontClip
        text = QFontMetricsF(mono).elidedText(scene.labels[node], Qt.TextElideMode.ElideMiddle, room)
        painter.drawText(QRectF(0, 0, room, NODE_H * zoom), flags, text)
        painter.restore()

    def _fit(self, node: int, line: int, text: str, font: QFont, room: float) -> str:
        key = (node, line, round(room) * 64 + font.pixelSize())
        found = self._elided.get(key)
        if found is None:
            found = QFontMetricsF(font).elidedText(text, Qt.TextElideMode.ElideMiddle, room)
            self._elided[key] = found
        return found


def paint_headers(
    painter: QPainter, scene: Scene, names: tuple[str, str, str], left: float, zoom: float, height: int
) -> None:
    """Paint the name of each column and how much it holds above it; ``left`` is the scene's x at the left edge."""
    painter.setFont(theme.ui_font(-1, bold=True))
    painter.setPen(QColor(theme.look().muted))
    for column, name in enumerate(names):
        nodes = np.flatnonzero(scene.column == column)
        if len(nodes):
            box = QRectF((float(scene.x[nodes[0]]) - left) * zoom, 0, 400, height)
            painter.drawText(box, Qt.AlignmentFlag.AlignVCenter, f"{name}  {len(nodes)}")
