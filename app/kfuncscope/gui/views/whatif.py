# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The What if tab: the blast radius of what is assumed."""

from __future__ import annotations

from PySide6.QtCore import QTimer, Signal
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QVBoxLayout, QWidget

from kfuncscope.gui.context import Context
from kfuncscope.gui.flows import blast as bl
from kfuncscope.gui.flows.blastcanvas import BlastCanvas
from kfuncscope.gui.store import OBJECT, PROGRAM, Node
from kfuncscope.gui.widgets import motion
from kfuncscope.model.verdict import NeedKind

Assumption = tuple[NeedKind, str, str]


class WhatIfView(QWidget):
    """Keeps the picture in step with the assumptions, the architecture and the room there is."""

    wanted = Signal()

    def __init__(self, context: Context) -> None:
        super().__init__()
        self._context, self._store = context, context.store
        self._assumed: list[Assumption] = []
        self._rows = 0
        self.canvas = BlastCanvas()
        self.canvas.empty_text = self.tr(
            "Nothing is assumed. Right-click what a program needs in the graph, or press Ctrl+Shift+W, and see which "
            "programs would break if it were removed or changed."
        )
        self._motion = motion.Motion(self, self.canvas.move_to, lambda: motion.wanted(context.settings))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(1, 0, 1, 1)
        layout.addWidget(self.canvas)
        self._resized = QTimer(self, interval=40, singleShot=True)
        self._resized.timeout.connect(self._fit)
        self.canvas.room_changed.connect(self._resized.start)
        self.canvas.chosen.connect(self._go)
        self._store.filters_changed.connect(self.refresh)

    def tell(self, assumed: list[Assumption]) -> None:
        """Show what is assumed now; the change moves in."""
        changed, self._assumed = assumed != self._assumed, list(assumed)
        self.refresh()
        if changed and assumed:
            self._motion.start()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self.refresh()

    def _fit(self) -> None:
        if self.canvas.rows() != self._rows:
            self.refresh()

    def refresh(self) -> None:
        """Work it out again: a handful of array operations."""
        real, index = self._context.real, self._store.index
        self._rows = self.canvas.rows()
        if not self._assumed or real is None or index is None or not index.analysis.whatif:
            self.canvas.show_blast(bl.Blast(), [])
            return
        needs = [(kind, name) for kind, name, _ in self._assumed]
        made = bl.build(real, index, needs, self._store.lane, self._rows)
        self.canvas.place = index.lanes[self._store.lane] if 0 <= self._store.lane < index.overall else ""
        self.canvas.show_blast(made, [(name, f"{kind.value} · {action}") for kind, name, action in self._assumed])

    def _go(self, number: int) -> None:
        """Select the program of a row, or the object that several programs of a row belong to."""
        index, row = self._store.index, self.canvas.blast.rows[number]
        if index is None or not row.ids:
            return
        if len(row.ids) == 1:
            self._store.select(Node(PROGRAM, row.ids[0]))
        else:
            self._store.select(Node(OBJECT, index.programs[row.ids[0]].object))
