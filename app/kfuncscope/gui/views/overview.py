# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The Overview tab: what breaks, in which packages, and what is behind it, on one page whatever the size."""

from __future__ import annotations

from PySide6.QtCore import QTimer
from PySide6.QtGui import QResizeEvent, QShowEvent
from PySide6.QtWidgets import QLabel, QVBoxLayout, QWidget

from kfuncscope.gui import filters as flt
from kfuncscope.gui import theme
from kfuncscope.gui.context import Context
from kfuncscope.gui.filters import Filters, Token
from kfuncscope.gui.flows import ribbon as rb
from kfuncscope.gui.flows.ribboncanvas import NONE, RibbonCanvas, Side
from kfuncscope.gui.index import SCALE, Index
from kfuncscope.gui.store import NEED, OBJECT, PROGRAM, Node
from kfuncscope.gui.widgets.words import counted

SMALL = 1500  # programs and needs; more are counted off the GUI thread
LOW = 14  # lines of words: a page that is lower has no room for what is said below the ribbon


class OverviewView(QWidget):
    """Keeps the ribbon in step with the store; a click opens the graph on that part."""

    def __init__(self, context: Context) -> None:
        super().__init__()
        self._context, self._store = context, context.store
        self._serial = 0
        self._stale = True
        self._rows = 0
        self._posed = False
        self.canvas = RibbonCanvas()
        self.said = QLabel()
        self.said.setWordWrap(True)
        self.said.setContentsMargins(14, 8, 14, 0)
        self.quiet = QLabel()
        self.quiet.setObjectName("muted")
        self.quiet.setWordWrap(True)
        self.quiet.setContentsMargins(14, 0, 14, 8)
        self.dress()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(1, 0, 1, 1)
        layout.setSpacing(0)
        layout.addWidget(self.said)
        layout.addWidget(self.canvas, 1)
        layout.addWidget(self.quiet)
        self._resized = QTimer(self, interval=40, singleShot=True)
        self._resized.timeout.connect(self._fit)
        self.canvas.room_changed.connect(self._resized.start)
        self.canvas.chosen.connect(lambda side, number: self.open_band((side, number)))
        self.canvas.flow_chosen.connect(self.open_flow)
        self._store.analysis_changed.connect(self._news)
        self._store.filters_changed.connect(self._news)
        self._store.selection_changed.connect(self._light)

    def dress(self) -> None:
        """Take letters of the size that the application has now."""
        self.said.setFont(theme.ui_font(1, bold=True))
        self.quiet.setFont(theme.ui_font())

    def pose(self, on: bool) -> None:
        """For a picture: nothing that only hands can use."""
        self._posed = on
        if self._store.index is not None:
            self.quiet.setText(self._quiet(self.canvas.ribbon))

    # --- store → ribbon ---
    def _news(self) -> None:
        """Show what is new, once somebody looks."""
        self._stale = True
        if self.isVisible():
            self.refresh()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        if self._stale:
            QTimer.singleShot(0, self, self.refresh)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)  # where there is little room all of it is for the ribbon
        self.quiet.setVisible(event.size().height() > LOW * self.fontMetrics().lineSpacing())

    def _fit(self) -> None:
        if self.isVisible() and self.canvas.rows() != self._rows:
            self.refresh()

    def refresh(self) -> None:
        """Count again; large results off the GUI thread."""
        index, filters, rows = self._store.index, self._store.filters, self.canvas.rows()
        self._stale, self._rows = False, rows
        self._serial += 1
        serial = self._serial
        if index is None:
            self._show(serial, rb.Ribbon())
        elif len(index.programs) + len(index.needs) < SMALL:
            self._show(serial, rb.build(index, filters, (rows, rows)))
        else:
            self._context.jobs.quick(
                lambda _stop: rb.build(index, filters, (rows, rows)), lambda made: self._show(serial, made), "overview"
            )

    def _show(self, serial: int, ribbon: rb.Ribbon) -> None:
        if serial != self._serial:
            return
        index = self._store.index
        self.canvas.empty_text = (
            self.tr("No results yet. Press F5 to analyse.") if index is None else self.tr("Nothing here is affected.")
        )
        self.canvas.show_ribbon(ribbon)
        self.said.setText(self._sentence(ribbon) if index is not None else "")
        self.said.setVisible(index is not None)
        self.quiet.setText(self._quiet(ribbon) if index is not None else "")
        self._light()
        self.canvas.draw()

    def _sentence(self, ribbon: rb.Ribbon) -> str:
        programs, causes = ribbon.breaking
        of = counted(ribbon.programs, self.tr("program"), self.tr("programs"))
        if not ribbon.affected:
            return self.tr("None of {0} is affected by what is shown here.").format(of)
        hit = self.tr("{0} of {1} affected").format(f"{ribbon.affected:,}", of)
        if not programs:
            return hit
        said = counted(programs, self.tr("program breaks"), self.tr("programs break"))
        why = counted(causes, self.tr("cause"), self.tr("causes"))
        return self.tr("{0}, because of {1} · {2}").format(said, why, hit)

    def _quiet(self, ribbon: rb.Ribbon) -> str:
        words = {
            "package": (self.tr("package"), self.tr("packages")), "object": (self.tr("object"), self.tr("objects")),
            "program": (self.tr("program"), self.tr("programs")),
        }  # fmt: skip
        parts = []
        if ribbon.quiet_groups > 0:
            number = counted(ribbon.quiet_groups, *words[ribbon.groups])
            parts.append(self.tr("{0} without a finding here").format(number))
        if ribbon.flows and not self._posed:
            parts.append(
                {
                    "package": self.tr("click a package or a cause to open it in the graph"),
                    "object": self.tr("click an object or a cause to open it in the graph"),
                    "program": self.tr("click a program or a cause to open it in the graph"),
                }[ribbon.groups]
            )
        return " · ".join(parts)

    def _light(self) -> None:
        """Light up the band that the selection belongs to."""
        index, node = self._store.index, self._store.selected
        self.canvas.light(NONE if index is None or node is None else self._side_of(index, node))

    def _side_of(self, index: Index, node: Node) -> Side:
        if node.column == NEED:
            return 1, next((i for i, b in enumerate(self.canvas.ribbon.right) if b.need == node.id), -1)
        oid = node.id if node.column == OBJECT else index.programs[node.id].object
        groups = self.canvas.ribbon.groups
        name = {"package": index.packages[oid], "object": index.objects[oid]}.get(groups, "")
        for i, band in enumerate(self.canvas.ribbon.left):
            same = node.column == PROGRAM and band.id == node.id if groups == "program" else band.label == name
            if band.id != rb.REST and same:
                return 0, i
        return NONE

    # --- ribbon → graph ---
    def _left_token(self, band: rb.Band) -> Token:
        index = self._store.index
        assert index is not None
        if self.canvas.ribbon.groups == "program":
            program = index.programs[band.id]
            return Token("program", f"{index.objects[program.object]}/{program.name}")
        return Token(self.canvas.ribbon.groups, band.label)

    def _right_token(self, band: rb.Band) -> Token:
        index = self._store.index
        assert index is not None
        kind, name = index.needs[band.need]
        return Token("need", f"{kind.value}:{name}")

    def open_band(self, side: Side) -> None:
        """Open the graph on a package or a cause; what is folded opens in the table that has room for all of it."""
        band = (self.canvas.ribbon.left, self.canvas.ribbon.right)[side[0]][side[1]]
        if band.id == rb.REST:
            verdict = SCALE[band.verdict]
            self._narrow((Token("verdict", verdict.value),), self.tr("all that is {0}").format(theme.WORDS[verdict]))
            self._context.view_wanted.emit("findings" if side[0] else "matrix")
            return
        token = self._right_token(band) if side[0] else self._left_token(band)
        self._narrow((token,), band.label)
        if side[0]:
            self._store.select(Node(NEED, band.need))
        self._context.view_wanted.emit("graph")

    def open_flow(self, left: int, right: int) -> None:
        """Open the graph on what one cause does to one package."""
        bands = (self.canvas.ribbon.left[left], self.canvas.ribbon.right[right])
        tokens = [
            make(band) for make, band in zip((self._left_token, self._right_token), bands, strict=True)
            if band.id != rb.REST
        ]  # fmt: skip
        self._narrow(tuple(tokens), " · ".join(b.label for b in bands if b.id != rb.REST))
        if bands[1].id != rb.REST:
            self._store.select(Node(NEED, bands[1].need))
        self._context.view_wanted.emit("graph")

    def _narrow(self, tokens: Filters, what: str) -> None:
        """As one step that can be undone: architecture and what was filtered stay, older narrowings of a kind go."""
        kept = self._store.filters
        for token in tokens:
            kept = flt.without_kind(kept, token.kind)
        self._store.change((*kept, *tokens), self.tr("open {0}").format(what))
