# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What the window shows, in one place: the index, the filters (undoable) and the selection. Views only listen."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QUndoCommand, QUndoStack

from kfuncscope.gui import filters as flt
from kfuncscope.gui.filters import Filters, Token
from kfuncscope.gui.index import Index, Ints
from kfuncscope.model.proof import Proof
from kfuncscope.model.verdict import NeedKind

OBJECT, PROGRAM, NEED = 0, 1, 2


@dataclass(frozen=True, slots=True)
class Node:
    """One thing that can be selected: its column (object, program, need) and its number in the index."""

    column: int
    id: int


class _FilterStep(QUndoCommand):
    """One change of the filters."""

    def __init__(self, store: Store, before: Filters, after: Filters, text: str) -> None:
        super().__init__(text)
        self._store, self._before, self._after = store, before, after

    def redo(self) -> None:
        self._store._set_filters(self._after)

    def undo(self) -> None:
        self._store._set_filters(self._before)


class Store(QObject):
    """The state that views share. ``finding`` is the row of the finding table under study, -1 for none."""

    analysis_changed = Signal()
    filters_changed = Signal()
    selection_changed = Signal()
    proof_changed = Signal()  # the index has other answers of booted kernels, and is else the same

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.index: Index | None = None
        self.filters: Filters = flt.DEFAULT
        self._chosen: Filters = flt.DEFAULT  # with those that mean nothing in this result, for one in which they do
        self.selected: Node | None = None
        self._wanted: Node | None = None  # what was selected last, though filters may hide it now
        self.finding = -1
        self.undo = QUndoStack(self)

    def set_index(self, index: Index | None, filters: Filters | None = None) -> None:
        """Show another analysis. Filters apply where they mean something in it, and wait for another where not."""
        keep = self._key(self.selected)
        self.index = index
        self.selected = None
        self.finding = -1
        if filters is not None:
            self._chosen = filters
        self.filters = self._meaningful(self._chosen)
        if index is not None:
            self.selected = self._from_key(keep)
            if self.selected is not None and not self._passes(self.selected):
                self.selected = None
        self._wanted = self.selected
        self.analysis_changed.emit()
        self.selection_changed.emit()

    def _meaningful(self, filters: Filters) -> Filters:
        index = self.index
        return filters if index is None else tuple(t for t in filters if self._means_something(index, t))

    @staticmethod
    def _means_something(index: Index, token: Token) -> bool:
        if token.kind == "arch":
            return token.value in index.lanes
        if token.kind == "object":
            return token.value in index.objects
        if token.kind == "package":
            return token.value in index.packages
        if token.kind == "runs":
            return index.analysis.census is not None
        if token.kind == "proof":
            return bool(index.analysis.proof)
        return True

    @property
    def lane(self) -> int:
        """The lane under study, -1 for all."""
        return flt.lane_of(self.index, self.filters) if self.index is not None else -1

    # --- filters ---
    def change(self, after: Filters, text: str) -> None:
        """Set the filters as one step that can be undone."""
        if after != self.filters:
            self.undo.push(_FilterStep(self, self._chosen, after, text))

    def add(self, kind: str, value: str = "") -> None:
        """Add one filter."""
        token = Token(kind, value)
        self.change(flt.with_token(self.filters, token), self.tr("filter {0}").format(token))

    def remove(self, token: Token) -> None:
        """Take one filter away."""
        self.change(flt.without(self.filters, token), self.tr("drop filter {0}").format(token))

    def toggle(self, kind: str, value: str = "") -> None:
        """Add a filter, or take it away where it is set."""
        token = Token(kind, value)
        if token in self.filters:
            self.remove(token)
        else:
            self.add(kind, value)

    def clear(self) -> None:
        """Take all filters away."""
        self.change((), self.tr("clear filters"))

    def _set_filters(self, filters: Filters) -> None:
        """What the filters hide is not selected any more; it is again once they let it pass."""
        self._chosen = filters
        self.filters = self._meaningful(filters)
        before = (self.selected, self.finding)
        shown = self._wanted is not None and self._passes(self._wanted)
        self.selected = self._wanted if shown else None
        lane = self.lane
        if self.selected is None or (self.finding >= 0 and lane >= 0 and self._lane_of(self.finding) != lane):
            self.finding = -1
        self.filters_changed.emit()
        if before != (self.selected, self.finding):
            self.selection_changed.emit()

    def _lane_of(self, finding: int) -> int:
        return int(self.index.findings.lane[finding]) if self.index is not None else -1

    def programs_of(self, node: Node) -> Ints:
        """The programs of a node: its own, itself, or those that use it in the lane under study."""
        assert self.index is not None
        if node.column == PROGRAM:
            return np.array([node.id], dtype=np.int32)
        if node.column == OBJECT:
            return np.flatnonzero(self.index.prog_object == node.id).astype(np.int32)
        edges = self.index.edges_of(self.lane)
        users: Ints = edges.program[edges.need == node.id]
        return users

    def _passes(self, node: Node) -> bool:
        return self.index is None or flt.passes(self.index, self.filters, self.programs_of(node))

    def prove(self, proofs: tuple[Proof, ...]) -> None:
        """Take in what booted kernels answered."""
        if self.index is not None:
            self.index.prove(proofs)
            self.proof_changed.emit()
            if flt.has(self.filters, "proof"):
                self._set_filters(self.filters)

    # --- selection ---
    def select(self, node: Node | None, finding: int = -1) -> None:
        """Select a node of the graph, and with it a finding when one is meant; filters that hide it go, as one step."""
        self._wanted = node
        if node is not None and self.index is not None and not self._passes(node):
            after = flt.revealing(self.index, self.filters, self.programs_of(node))
            self.change(after, self.tr("show {0}").format(self.name_of(node).rpartition(":")[2]))
        if (node, finding) != (self.selected, self.finding):
            self.selected, self.finding = node, finding
            self.selection_changed.emit()

    def select_finding(self, row: int) -> None:
        """Select the finding in a row of the table and the program (or object) it belongs to."""
        if self.index is None:
            return
        table = self.index.findings
        program = int(table.program[row])
        node = Node(PROGRAM, program) if program >= 0 else Node(OBJECT, int(table.object[row]))
        self.select(node, row)

    def name_of(self, node: Node) -> str:
        """A node in the words of the filters: ``object:o``, ``program:o/p`` or ``need:kind:name``."""
        assert self.index is not None
        if node.column == OBJECT:
            return f"object:{self.index.objects[node.id]}"
        if node.column == PROGRAM:
            program = self.index.programs[node.id]
            return f"program:{self.index.objects[program.object]}/{program.name}"
        kind, name = self.index.needs[node.id]
        return f"need:{kind.value}:{name}"

    def _key(self, node: Node | None) -> str:
        return "" if node is None or self.index is None else self.name_of(node)

    def _from_key(self, key: str) -> Node | None:
        assert self.index is not None
        what, _, name = key.partition(":")
        found: int | None = None
        if what == "object":
            found = self.index.object_id(name)
        elif what == "program":
            found = self.index.program_id(*name.rsplit("/", 1)) if "/" in name else None
        elif what == "need":
            kind, _, need = name.partition(":")
            found = self.index.need_id(NeedKind(kind), need)
        columns = {"object": OBJECT, "program": PROGRAM, "need": NEED}
        return None if found is None else Node(columns[what], found)
