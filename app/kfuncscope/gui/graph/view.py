# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The Graph tab: canvas, overview strip at its right, legend and view buttons below."""

from __future__ import annotations

from functools import partial

import numpy as np
from PySide6.QtCore import QPoint, Signal
from PySide6.QtWidgets import QHBoxLayout, QLabel, QMenu, QPushButton, QVBoxLayout, QWidget

from kfuncscope.gui.commands import rank
from kfuncscope.gui.context import Context
from kfuncscope.gui.filters import Token, matches, values, without
from kfuncscope.gui.graph import scene as scn
from kfuncscope.gui.graph.canvas import GraphCanvas
from kfuncscope.gui.graph.minimap import Legend, Minimap
from kfuncscope.gui.index import SCALE
from kfuncscope.gui.store import NEED, Node
from kfuncscope.model.verdict import Verdict

BACKGROUND_NODES = 1500


class GraphView(QWidget):
    """Keeps the canvas in step with the store: filters make the scene, the selection lights its chain."""

    assume_wanted = Signal(Node, str)
    note_wanted = Signal(Node)
    export_wanted = Signal()

    def __init__(self, context: Context) -> None:
        super().__init__()
        store = context.store
        self._store, self._jobs = store, context.jobs
        self._serial = 0
        self._text = ""
        self._sought = ""
        self._shown = 0
        self.context: bool | None = None
        self.canvas = GraphCanvas()
        self.overview = Minimap(self.canvas)
        self.overview.moved.connect(self.canvas.centre_on)
        self.canvas.picked.connect(self._picked)
        self.canvas.activated.connect(self.isolate)
        self.canvas.menu_wanted.connect(self._menu)
        self._build()
        store.analysis_changed.connect(self._refresh_new)
        store.filters_changed.connect(self.refresh)
        store.selection_changed.connect(self._mark)
        store.proof_changed.connect(self._reseal)

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
        foot.addWidget(self._controls())
        self.legend.setMinimumHeight(self.hands.sizeHint().height())  # the canvas is as high without them
        layout = QVBoxLayout(self)
        layout.setContentsMargins(1, 0, 1, 1)
        layout.setSpacing(0)
        layout.addLayout(row, 1)
        layout.addLayout(foot)
        self.canvas.view_changed.connect(self._show_zoom)

    def _controls(self) -> QWidget:
        """What hands use, beside the legend."""
        self.ok_needs = self._button(self.tr("Unaffected"), self.tr("Show needs that are not affected"), self._context)
        self.ok_needs.setCheckable(True)
        self.zoom_label = QLabel()
        self.zoom_label.setObjectName("muted")
        self.hands = QWidget()
        row = QHBoxLayout(self.hands)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(5)
        for part in (
            self.ok_needs,
            self._button("−", self.tr("Zoom out (Ctrl+-)"), lambda: self.canvas.zoom_by(1 / 1.25)),
            self.zoom_label,
            self._button("+", self.tr("Zoom in (Ctrl++)"), lambda: self.canvas.zoom_by(1.25)),
            self._button(self.tr("Fit"), self.tr("Whole graph in view (F)"), self.canvas.fit),
        ):
            row.addWidget(part)
        return self.hands

    def pose(self, on: bool) -> None:
        """For a picture: nothing that only hands can use."""
        self.hands.setVisible(not on)

    def _button(self, text: str, tip: str, slot: object) -> QPushButton:
        button = QPushButton(text)
        button.setObjectName("chip")
        button.setToolTip(tip)
        button.setAccessibleName(tip)
        button.clicked.connect(slot)
        return button

    def _show_zoom(self) -> None:
        zoom = self.canvas.zoom
        self.zoom_label.setText(f"{zoom:.0%}" if zoom >= 0.1 else f"{zoom:.1%}")
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

    def _reseal(self) -> None:
        scene, index = self.canvas.scene, self._store.index
        if scene is not None and index is not None and self._shown == self._serial:
            scn.reseal(scene, index, self._store.lane)
            self.canvas.update()

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
        self._shown = serial
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
        if self._sought:
            self.seek(self._sought)

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
        number = -1 if node is None else scene.node_at.get((node.column, node.id), -1)
        if node is not None and number < 0 and node.column == NEED and self.context is not True:
            self.context = True  # a need that is not affected was asked for: show those too
            self.refresh()
            return
        self.canvas.mark(number)

    def seek(self, text: str) -> None:
        """Select what a search finds best and bring it to the middle; asked again, the next that it finds."""
        self._sought = ""
        scene = self.canvas.scene
        if scene is None or not text:
            return
        if self._shown != self._serial:
            self._sought = text  # the graph that the search leaves is still on its way
            return
        ranks = [rank(text, label) for label in scene.labels]
        hits = np.flatnonzero(matches(scene.labels, text)).tolist()
        hits.sort(key=lambda n: (9 if ranks[n] is None else ranks[n], -int(scene.verdict[n]), float(scene.home[n])))
        if not hits:
            return
        current = self.canvas.marks.selected
        chosen = hits[(hits.index(current) + 1) % len(hits)] if current in hits else hits[0]
        self.canvas.pick(chosen)
        self.canvas.centre_on(float(scene.home[chosen]))

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
            for text, action in (
                (self.tr("What if it were removed?"), "removed"),
                (self.tr("What if it changed?"), "changed"),
                (self.tr("What if it stayed as it was?"), "kept as it was"),
            ):
                menu.addAction(text, partial(self.assume_wanted.emit, node, action))
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
