# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The graph's canvas: pan, zoom at the cursor, hover, select, arrow keys along the edges, and what a reader hears.

Frames are kept short by painting few things: visible nodes, the lit chain, and an image of the other edges (layer.py).
"""

from __future__ import annotations

from enum import Enum

import numpy as np
from PySide6.QtCore import QEvent, QPoint, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QHelpEvent,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QResizeEvent,
    QWheelEvent,
)
from PySide6.QtWidgets import QToolTip, QWidget

from kfuncscope.gui import theme
from kfuncscope.gui.graph import far, paint, speech
from kfuncscope.gui.graph.accessible import Canvas, install
from kfuncscope.gui.graph.layer import EdgeLayer
from kfuncscope.gui.graph.marks import Marks
from kfuncscope.gui.graph.scene import BASE, NODE_H, Scene
from kfuncscope.gui.widgets.motion import Motion

HEADER = 30
ZOOM_MIN, ZOOM_MAX = 0.015, 3.0


class Fit(Enum):
    """What a view keeps when its size changes: all columns readable, the whole graph, or where it was."""

    WIDTH = "width"
    ALL = "all"
    NOT = "not"


class GraphCanvas(Canvas):
    """Shows a Scene. ``picked`` tells the node under study (-1: none), ``activated`` asks to isolate one."""

    picked = Signal(int)
    activated = Signal(int)
    menu_wanted = Signal(int, QPoint)
    view_changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        install()
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMinimumSize(QSize(320, 120))
        self.setAccessibleName(self.tr("Graph of objects, programs and what they need"))
        self.scene: Scene | None = None
        self.zoom = 1.0
        self.origin = QPointF(0, 0)
        self.marks = Marks()
        self.headers = (self.tr("OBJECTS"), self.tr("PROGRAMS"), self.tr("WHAT THEY NEED"))
        self.empty_text = ""
        self._nodes = paint.NodePainter()
        self._layer = EdgeLayer(self)
        self._layer.painted.connect(self.update)
        self._press: QPoint | None = None
        self._moved = False
        self._fitted = Fit.WIDTH
        self.smooth = False  # whether the view glides to what is selected
        self._from, self._to = QPointF(), QPointF()
        self._glide = Motion(self, self._glided, lambda: self.smooth)

    # --- what is shown ---
    def set_scene(self, scene: Scene | None, keep_view: bool = False) -> None:
        """Show another scene; the view starts fitted to the width unless it is kept."""
        self.scene = scene
        self.marks = Marks()
        self._nodes.forget()
        self._layer.forget()
        if not keep_view:
            self.fit_width()
        self._changed()

    def _changed(self) -> None:
        if self.scene is not None:
            self.scene.stretch(float(self.width()), self.zoom)
        self._clamp()
        self._follow()
        self._layer.outdate()
        self.update()
        self.view_changed.emit()

    def following(self) -> bool:
        """Whether needs come along with the programs in view: in graphs much taller than the view, unless far away."""
        tall = self.scene is not None and self.scene.height > 1.4 * self.view_rect().height()
        return tall and self.zoom >= paint.BLOCKS

    def _follow(self) -> None:
        if self.scene is None:
            return
        if self.following():
            rect = self.view_rect()
            self.scene.follow(rect.top(), rect.bottom(), self.marks.nodes)
        else:
            self.scene.settle()

    def view_rect(self) -> QRectF:
        """The part of the scene in view."""
        return QRectF(self.origin.x(), self.origin.y(), self.width() / self.zoom, (self.height() - HEADER) / self.zoom)

    def _clamp(self) -> None:
        if self.scene is None:
            return
        rect = self.view_rect()
        spare_x = self.scene.width - rect.width()
        spare_y = self.scene.height - rect.height()
        x = spare_x / 2 if spare_x <= 0 else min(max(self.origin.x(), -40.0), spare_x + 40.0)
        y = 0.0 if spare_y <= 0 else min(max(self.origin.y(), 0.0), spare_y + 12.0)
        self.origin = QPointF(x, y)

    def fit_width(self) -> None:
        """All columns in view at a size that can be read, from the top."""
        self.zoom = min(max(self.width() / BASE, paint.NAMES), max(1.0, theme.scale()))
        self.origin = QPointF(0, 0)
        self._fitted = Fit.WIDTH
        self._changed()

    def fit(self) -> None:
        """The whole graph in view, however large it is."""
        if self.scene is not None and self.scene.height:
            self.zoom = min(self._down(), max(0.7, min(1.0, self.width() / BASE)))
        self.origin = QPointF(0, 0)
        self._fitted = Fit.ALL
        self._changed()

    def _down(self) -> float:
        """The zoom at which the whole height is in view."""
        tall = self.scene.height if self.scene is not None else 0.0
        return (self.height() - HEADER) / tall if tall else 1.0

    def zoom_by(self, factor: float, at: QPointF | None = None) -> None:
        """Zoom around a point of the widget (its middle when none is given)."""
        point = at if at is not None else QPointF(self.width() / 2, self.height() / 2)
        before = self.to_scene(point)
        self.zoom = min(max(self.zoom * factor, min(ZOOM_MIN, self._down())), ZOOM_MAX)
        if self.scene is not None:
            wide = self.scene.width
            self.scene.stretch(float(self.width()), self.zoom)
            before = QPointF(before.x() * self.scene.width / wide if wide else 0.0, before.y())
        after = self.to_scene(point)
        self.origin += before - after
        self._fitted = Fit.NOT
        self._changed()

    def to_scene(self, point: QPointF) -> QPointF:
        """A point of the widget in scene units."""
        return QPointF(point.x() / self.zoom + self.origin.x(), (point.y() - HEADER) / self.zoom + self.origin.y())

    def to_view(self, point: QPointF) -> QPointF:
        """A point of the scene on the widget."""
        return QPointF((point.x() - self.origin.x()) * self.zoom, (point.y() - self.origin.y()) * self.zoom + HEADER)

    def show_node(self, node: int) -> None:
        """Bring a node into view, moving no more than needed."""
        if self.scene is None or node < 0:
            return
        if self.following() and self.scene.column[node] == 2:
            self._follow()
        rect, box = self.view_rect(), paint.NodePainter.box(self.scene, node)
        if not rect.adjusted(0, 8, 0, -8).contains(box):
            self._from = self.origin
            self._to = QPointF(self.origin.x(), float(self.scene.home[node]) + NODE_H / 2 - rect.height() / 2)
            self._glide.start()

    def _glided(self, share: float) -> None:
        self.origin = self._from + (self._to - self._from) * share
        self._changed()

    def return_to(self, zoom: float, origin: QPointF) -> None:
        """Show again what was in view at some time."""
        fitted = self._fitted
        self.zoom, self.origin = zoom, origin
        self._changed()
        self._fitted = fitted

    def centre_on(self, y: float) -> None:
        """Scroll so that a height of the scene is in the middle."""
        self.origin = QPointF(self.origin.x(), y - self.view_rect().height() / 2)
        self._changed()

    # --- selection ---
    def mark(self, node: int) -> None:
        """Light up the chain of a node (-1: none) without telling anyone."""
        self._light(node, selected=True)
        self.show_node(node)
        self.item_spoken()

    def _light(self, node: int, selected: bool) -> None:
        was = self.marks.selected
        marks = Marks(selected=node if selected else was, hover=-1 if selected else node)
        centre = node if node >= 0 else marks.selected
        if self.scene is not None and centre >= 0:
            nodes, edges = self.scene.chain(centre)
            worst = edges[np.argsort(-self.scene.edge_verdict[edges], kind="stable")]
            marks.nodes, marks.edges = frozenset(nodes.tolist()), worst[: paint.LIVE_EDGES]
            marks.dim = not selected and node >= 0
        self.marks = marks
        self.update()

    def pick(self, node: int) -> None:
        """Select a node as a person does."""
        self.mark(node)
        self.picked.emit(node)

    # --- edges ---
    def bundled(self) -> bool:
        """Whether the edges are too many to paint at every frame, so that they come as one image."""
        return self.scene is not None and len(self.scene.src) > paint.LIVE_EDGES * 2 and not self.following()

    def render_layer(self) -> None:
        """Make the edge image now, in this thread (pictures and tests)."""
        self._layer.make()

    def repaint_all(self) -> None:
        """Drop pictures in the old colours."""
        self._layer.forget()
        self._changed()

    # --- painting ---
    def paintEvent(self, _event: QPaintEvent) -> None:
        painter = QPainter(self)
        c = theme.look()
        painter.fillRect(self.rect(), QColor(c.panel))
        if self.scene is None or not len(self.scene):
            painter.setPen(QColor(c.muted))
            painter.drawText(self.rect(), Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap, self.empty_text)
            painter.end()
            return
        painter.save()
        painter.setClipRect(0, HEADER, self.width(), self.height() - HEADER)
        painter.translate(0, HEADER)
        self._layer.paint(painter, faint=bool(self.marks.nodes))
        self.paint_content(painter, self.view_rect(), self.zoom)
        painter.restore()
        paint.paint_headers(painter, self.scene, self.headers, self.origin.x(), self.zoom, HEADER)
        if self.hasFocus():
            painter.setPen(theme.pen(c.accent, 1.0))
            painter.drawRect(self.rect().adjusted(0, 0, -1, -1))
        painter.end()

    def paint_content(self, painter: QPainter, rect: QRectF, zoom: float) -> None:
        """Paint live edges and nodes of a part of the scene at the painter's origin."""
        scene = self.scene
        assert scene is not None
        painter.save()
        painter.scale(zoom, zoom)
        painter.translate(-rect.topLeft())
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if not self.bundled():
            painter.setOpacity(0.4 if self.marks.dim else 1.0)
            if self.following():
                most = paint.LIVE_EDGES * (2 if zoom >= paint.NAMES else 1)
                edges = paint.edges_of_view(scene, rect, most)
            else:
                edges = paint.visible_edges(scene, rect)
            paint.paint_edges(painter, scene, edges, zoom)
            painter.setOpacity(1.0)
        fresh = np.flatnonzero(scene.fresh).astype(np.int32)
        if len(fresh):
            paint.paint_glow(painter, scene, fresh[: paint.LIVE_EDGES * 4], zoom)
        if len(self.marks.edges):
            paint.paint_edges(painter, scene, self.marks.edges, zoom, lit=True)
        self._nodes.paint(painter, scene, rect, zoom, self.marks)
        painter.restore()
        if zoom < paint.BLOCKS:
            far.paint_labels(painter, scene, rect, zoom, self.marks)

    # --- events ---
    def resizeEvent(self, event: QResizeEvent) -> None:
        if self.scene is not None:
            self._nodes.forget()
            if self._fitted is Fit.WIDTH:
                at = self.origin.y()
                self.fit_width()
                self.origin = QPointF(self.origin.x(), at)
            elif self._fitted is Fit.ALL:
                self.fit()
        self._changed()
        super().resizeEvent(event)

    def wheelEvent(self, event: QWheelEvent) -> None:
        delta = event.angleDelta()
        if event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            self.zoom_by(1.0015 ** delta.y(), event.position())
        else:
            self.origin -= QPointF(delta.x(), delta.y()) / self.zoom * 0.6
            self._changed()
        event.accept()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() is Qt.MouseButton.LeftButton:
            self._press, self._moved = event.position().toPoint(), False
        elif event.button() is Qt.MouseButton.RightButton:
            node = self.node_at(event.position())
            self.menu_wanted.emit(node, event.globalPosition().toPoint())

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if self._press is None:
            node = self.node_at(event.position())
            if node != self.marks.hover:
                self._light(node, selected=False)
            return
        delta = event.position().toPoint() - self._press
        if self._moved or delta.manhattanLength() > 5:
            self._moved = True
            self.setCursor(Qt.CursorShape.ClosedHandCursor)
            self.origin -= QPointF(delta) / self.zoom
            self._press = event.position().toPoint()
            self._changed()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if event.button() is Qt.MouseButton.LeftButton and self._press is not None:
            if not self._moved:
                self.pick(self.node_at(event.position()))
            self._press = None
            self.unsetCursor()

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        node = self.node_at(event.position())
        if node >= 0:
            self.activated.emit(node)

    def leaveEvent(self, event: QEvent) -> None:
        if self.marks.hover >= 0:
            self._light(-1, selected=False)
        super().leaveEvent(event)

    def node_at(self, point: QPointF) -> int:
        """The node under a point of the widget, -1 for none."""
        if self.scene is None or point.y() < HEADER:
            return -1
        at = self.to_scene(point)
        return self.scene.at(at.x(), at.y())

    def keyPressEvent(self, event: QKeyEvent) -> None:
        steps = {
            Qt.Key.Key_Left: (-1, 0),
            Qt.Key.Key_Right: (1, 0),
            Qt.Key.Key_Up: (0, -1),
            Qt.Key.Key_Down: (0, 1),
        }
        step = steps.get(Qt.Key(event.key()))
        if self.scene is None or not len(self.scene):
            super().keyPressEvent(event)
        elif step is not None:
            current = self.marks.selected
            self.pick(0 if current < 0 else self.scene.neighbour(current, *step))
        elif event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self.marks.selected >= 0:
            self.activated.emit(self.marks.selected)
        elif event.key() == Qt.Key.Key_Menu and self.marks.selected >= 0:
            box = paint.NodePainter.box(self.scene, self.marks.selected)
            self.menu_wanted.emit(self.marks.selected, self.mapToGlobal(self.to_view(box.bottomLeft()).toPoint()))
        elif event.key() in (Qt.Key.Key_PageDown, Qt.Key.Key_PageUp):
            page = self.view_rect().height() * 0.9
            self.origin += QPointF(0, page if event.key() == Qt.Key.Key_PageDown else -page)
            self._changed()
        else:
            super().keyPressEvent(event)

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.ToolTip and isinstance(event, QHelpEvent):
            node = self.node_at(QPointF(event.pos()))
            if node >= 0 and self.scene is not None:
                QToolTip.showText(event.globalPos(), speech.tip(self.scene, node), self)
            else:
                QToolTip.hideText()
            return True
        return super().event(event)

    # --- for assistive technology ---
    def item_count(self) -> int:
        return len(self.scene) if self.scene is not None else 0

    def item_name(self, number: int) -> str:
        return speech.name(self.scene, number) if self.scene is not None else ""

    def item_chain(self, number: int) -> str:
        return speech.chain(self.scene, number) if self.scene is not None else ""

    def item_box(self, number: int) -> QRectF:
        if self.scene is None:
            return QRectF()
        box = paint.NodePainter.box(self.scene, number)
        return QRectF(self.to_view(box.topLeft()), self.to_view(box.bottomRight()))

    def item_current(self) -> int:
        return self.marks.selected
