# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The Graph tab: canvas, overview strip at its right, legend and view buttons below."""

from __future__ import annotations

from PySide6.QtCore import QPoint, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QImage, QMouseEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QHBoxLayout, QLabel, QMenu, QPushButton, QVBoxLayout, QWidget

from kfuncscope.gui import theme
from kfuncscope.gui.context import Context
from kfuncscope.gui.filters import Token, values, without
from kfuncscope.gui.graph import scene as scn
from kfuncscope.gui.graph.canvas import GraphCanvas
from kfuncscope.gui.graph.paint import Marks, NodePainter
from kfuncscope.gui.index import SCALE
from kfuncscope.gui.store import NEED, Node
from kfuncscope.model.verdict import Verdict

BACKGROUND_NODES = 1500


class Overview(QWidget):
    """The whole graph as a narrow strip; the part in view is framed, press or drag to go there."""

    moved = Signal(float)

    def __init__(self, canvas: GraphCanvas) -> None:
        super().__init__()
        self._canvas = canvas
        self._picture: QImage | None = None
        self._painter = NodePainter()
        self.setFixedWidth(58)
        self.setAccessibleName(self.tr("Overview of the graph"))
        self.setToolTip(self.tr("Overview: click or drag to move the view"))
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
            inner.scale(size.width() / scene.width, min(size.height() / scene.height, 0.2 * ratio))
            self._painter.forget()
            self._painter.paint(inner, scene, QRectF(0, 0, scene.width, scene.height), 0.01, Marks())
            inner.end()
            self._picture.setDevicePixelRatio(ratio)
        painter.drawImage(0, 0, self._picture)
        painter.setPen(theme.pen(c.accent, 1.4))
        fill = QColor(c.accent)
        fill.setAlpha(28)
        painter.setBrush(fill)
        painter.drawRect(self._frame().adjusted(0.5, 0.5, -1.5, -1.5))
        painter.end()

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
        for verdict in theme.SHOWN:
            width = painter.fontMetrics().horizontalAdvance(theme.WORDS[verdict])
            if x + 16 + width + self._gap > self.width():
                break
            theme.draw_glyph(painter, verdict, x + 6, middle, 10)
            painter.setPen(QColor(theme.look().muted))
            painter.drawText(
                QRectF(x + 16, 0, width + 4, self.height()), Qt.AlignmentFlag.AlignVCenter, theme.WORDS[verdict]
            )
            x += 16 + width + self._gap
        painter.end()


class GraphView(QWidget):
    """Keeps the canvas in step with the store: filters make the scene, the selection lights its chain."""

    whatif_wanted = Signal(Node)
    note_wanted = Signal(Node)
    export_wanted = Signal()

    def __init__(self, context: Context) -> None:
        super().__init__()
        store = context.store
        self._store, self._jobs = store, context.jobs
        self._serial = 0
        self._text = ""
        self.context: bool | None = None
        self.canvas = GraphCanvas()
        self.overview = Overview(self.canvas)
        self.overview.moved.connect(self.canvas.centre_on)
        self.canvas.picked.connect(self._picked)
        self.canvas.activated.connect(self.isolate)
        self.canvas.menu_wanted.connect(self._menu)
        self._build()
        store.analysis_changed.connect(self._refresh_new)
        store.filters_changed.connect(self.refresh)
        store.selection_changed.connect(self._mark)

    def _build(self) -> None:
        row = QHBoxLayout()
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(0)
        row.addWidget(self.canvas, 1)
        row.addWidget(self.overview)
        foot = QHBoxLayout()
        foot.setContentsMargins(14, 2, 8, 4)
        foot.setSpacing(5)
        self.legend = Legend()
        foot.addWidget(self.legend, 1)
        self.ok_needs = self._button(self.tr("OK needs"), self.tr("Show needs that are not affected"), self._context)
        self.ok_needs.setCheckable(True)
        foot.addWidget(self.ok_needs)
        self.zoom_label = QLabel()
        self.zoom_label.setObjectName("muted")
        foot.addWidget(self._button("−", self.tr("Zoom out (Ctrl+-)"), lambda: self.canvas.zoom_by(1 / 1.25)))
        foot.addWidget(self.zoom_label)
        foot.addWidget(self._button("+", self.tr("Zoom in (Ctrl++)"), lambda: self.canvas.zoom_by(1.25)))
        foot.addWidget(self._button(self.tr("Fit"), self.tr("Whole graph in view (F)"), self.canvas.fit))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(1, 0, 1, 1)
        layout.setSpacing(0)
        layout.addLayout(row, 1)
        layout.addLayout(foot)
        self.canvas.view_changed.connect(self._show_zoom)

    def _button(self, text: str, tip: str, slot: object) -> QPushButton:
        button = QPushButton(text)
        button.setObjectName("chip")
        button.setToolTip(tip)
        button.setAccessibleName(tip)
        button.clicked.connect(slot)
        return button

    def _show_zoom(self) -> None:
        self.zoom_label.setText(f"{self.canvas.zoom:.0%}")
        scene = self.canvas.scene
        tall = scene is not None and scene.height > self.canvas.view_rect().height() + 4
        if tall != self.overview.isVisibleTo(self):
            self.overview.setVisible(tall)

    def _context(self) -> None:
        self.context = self.ok_needs.isChecked()
        self.refresh()

    # --- store → canvas ---
    def _refresh_new(self) -> None:
        self.context = None
        self.refresh()

    def refresh(self) -> None:
        """Rebuild the scene from index and filters; large ones off the GUI thread."""
        index = self._store.index
        self._serial += 1
        if index is None:
            self.canvas.empty_text = self.tr("No results yet. Press F5 to analyse.")
            self.canvas.set_scene(None)
            return
        filters = self._store.filters
        if len(index.programs) + len(index.needs) < BACKGROUND_NODES:
            self._show(self._serial, scn.build(index, filters, self.context))
            return
        serial, context = self._serial, self.context
        self._jobs.quick(
            lambda stop: scn.build(index, filters, context, stop), lambda made: self._show(serial, made), key="graph"
        )

    def highlight(self, text: str) -> None:
        """Mark what a search finds without hiding the rest."""
        self._text = text
        self._mark_hits()

    def _mark_hits(self) -> None:
        scene = self.canvas.scene
        if scene is not None:
            scene.find(self._text)
            self.canvas.update()

    def _show(self, serial: int, scene: scn.Scene) -> None:
        if serial != self._serial:
            return
        self.canvas.empty_text = self._why_empty()
        self.canvas.set_scene(scene)
        self.overview.forget()
        shown = bool((scene.verdict[scene.column == NEED] == 0).any())
        self.ok_needs.blockSignals(True)
        self.ok_needs.setChecked(shown)
        self.ok_needs.blockSignals(False)
        if self._text:
            self._mark_hits()
        self._mark()

    def _why_empty(self) -> str:
        if not self._store.filters:
            return self.tr("There are no programs in these objects.")
        if self._store.filters == (Token("affected"),):
            return self.tr("No program is affected by this upgrade.")
        return self.tr("No program passes these filters.\nRemove a chip above, or press Ctrl+Z.")

    def _mark(self) -> None:
        scene, node = self.canvas.scene, self._store.selected
        if scene is None:
            return
        self.canvas.mark(-1 if node is None else scene.node_at.get((node.column, node.id), -1))

    # --- canvas → store ---
    def node(self, number: int) -> Node | None:
        """The thing behind a node of the scene."""
        scene = self.canvas.scene
        if scene is None or number < 0:
            return None
        return Node(int(scene.column[number]), int(scene.ids[number]))

    def _picked(self, number: int) -> None:
        self._store.select(self.node(number))

    def isolate(self, number: int) -> None:
        """Show only the neighbourhood of a node; again on the same node shows all."""
        node = self.node(number)
        if node is not None:
            self._store.toggle("isolate", self._store.name_of(node))
            self._store.select(node)

    def isolate_selected(self) -> None:
        """Isolate what is selected, or end the isolation."""
        if values(self._store.filters, "isolate"):
            kept = self._store.filters
            for value in values(kept, "isolate"):
                kept = without(kept, Token("isolate", value))
            self._store.change(kept, self.tr("end isolation"))
        elif self.canvas.marks.selected >= 0:
            self.isolate(self.canvas.marks.selected)

    def _menu(self, number: int, where: QPoint) -> None:
        menu = self.menu_for(number)
        menu.exec(where)
        menu.deleteLater()

    def menu_for(self, number: int) -> QMenu:
        """The context menu of a node, or of the empty canvas."""
        menu = QMenu(self)
        node = self.node(number)
        if node is None:
            menu.addAction(self.tr("Whole graph in view"), self.canvas.fit)
            menu.addAction(self.tr("Export this view…"), self.export_wanted.emit)
            return menu
        self.canvas.pick(number)
        store = self._store
        menu.addAction(self.tr("Isolate its neighbourhood"), lambda: self.isolate(number))
        kind, _, value = store.name_of(node).partition(":")
        menu.addAction(self.tr("Only this {0}").format(kind), lambda: store.add(kind, value))
        if node.column == NEED:
            menu.addAction(self.tr("What if it were removed?"), lambda: self.whatif_wanted.emit(node))
        menu.addAction(self.tr("Add a note…"), lambda: self.note_wanted.emit(node))
        return menu

    def step(self, forward: bool) -> None:
        """Select the next (or previous) program that breaks, by height; worst of what is there when none breaks."""
        scene = self.canvas.scene
        if scene is None or not len(scene):
            return
        programs = [i for i in range(len(scene)) if scene.column[i] == 1]
        if not programs:
            return
        level = max(int(scene.verdict[i]) for i in programs)
        breaks = SCALE.index(Verdict.BREAKS)
        wanted = breaks if level == breaks else level
        stops = sorted((i for i in programs if int(scene.verdict[i]) == wanted), key=lambda i: float(scene.y[i]))
        current = self.canvas.marks.selected
        at = stops.index(current) if current in stops else (-1 if forward else 0)
        self.canvas.pick(stops[(at + (1 if forward else -1)) % len(stops)])
