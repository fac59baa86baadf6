# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The findings as a table over numpy columns: a filter or a sort only makes a new array of row numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
from PySide6.QtCore import Qt

from kfuncscope.gui import theme
from kfuncscope.gui.filters import Filters, finding_rows
from kfuncscope.gui.index import SCALE, Index, Ints
from kfuncscope.gui.models.table import Cell, TableModel

VERDICT, ARCH, OBJECT, PROGRAM, NEED, MESSAGE, KIND, WHERE, RULES, CONFIDENCE = range(10)
_CONFIDENCE = ("high", "medium", "low")


class FindingsModel(TableModel):
    """Rows of the finding table that pass the filters, in the order the person chose (worst first at the start)."""

    def __init__(self) -> None:
        super().__init__()
        self.headers = [
            self.tr(t)
            for t in (
                "Verdict",
                "Arch",
                "Object",
                "Program",
                "What",
                "What happens",
                "Kind",
                "Where",
                "Rules",
                "Confidence",
            )
        ]
        self.index_: Index | None = None
        self.rows: Ints = np.empty(0, np.int32)
        self._order: Ints | None = None
        self._sort = (VERDICT, Qt.SortOrder.DescendingOrder)

    def set_index(self, index: Index | None) -> None:
        """Show another analysis, unfiltered until set_filters is called."""
        self.beginResetModel()
        self.index_ = index
        self._order = None
        self.rows = np.empty(0, np.int32)
        self.endResetModel()

    def set_filters(self, filters: Filters) -> None:
        """Keep the rows that pass."""
        if self.index_ is None:
            return
        rows = finding_rows(self.index_, filters)
        self.beginResetModel()
        self.rows = self._sorted(rows)
        self.endResetModel()

    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        if self.index_ is None or column < 0:
            return
        self._sort = (column, order)
        self._order = None
        self.layoutAboutToBeChanged.emit()
        kept = self.persistentIndexList()
        before = self.rows
        self.rows = self._sorted(before)
        if kept:
            place = np.empty(len(self.index_.findings), dtype=np.int64)
            place[self.rows] = np.arange(len(self.rows))
            self.changePersistentIndexList(kept, [self.index(int(place[before[i.row()]]), i.column()) for i in kept])
        self.layoutChanged.emit()

    def _sorted(self, rows: Ints) -> Ints:
        """Rows in the chosen order; the rank of every row is worked out once per order and then only looked up."""
        if self._order is None:
            self._order = self._ranks()
        return rows[np.argsort(self._order[rows], kind="stable")]

    def _ranks(self) -> Ints:
        assert self.index_ is not None
        column, order = self._sort
        keys = self._keys(column)
        if order is Qt.SortOrder.DescendingOrder:
            keys = -keys
        table = self.index_.findings
        rank = np.empty(len(table), dtype=np.int32)
        rank[np.lexsort((-table.verdict, keys))] = np.arange(len(table), dtype=np.int32)
        return rank

    def _keys(self, column: int) -> Ints:
        assert self.index_ is not None
        index, table = self.index_, self.index_.findings
        if column == VERDICT:
            return table.verdict.astype(np.int32)
        if column == PROGRAM:
            by_name = _alphabetic([p.name for p in index.programs])
            return np.where(table.program >= 0, by_name[table.program] if len(by_name) else 0, -1).astype(np.int32)
        named = {
            ARCH: (list(index.lanes), table.lane),
            OBJECT: (index.objects, table.object),
            KIND: ([k.value for k, _ in index.needs], table.need),
            NEED: ([n for _, n in index.needs], table.need),
            MESSAGE: (table.messages, table.message),
            WHERE: (table.wheres, table.where),
            RULES: (table.rule_texts, table.rules),
        }
        if column in named:
            names, codes = named[column]
            ranked = _alphabetic(names)
            return ranked[codes] if len(ranked) else np.zeros(0, np.int32)
        return table.confidence

    def data(self, index: Cell, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid() or self.index_ is None:
            return None
        row, column = int(self.rows[index.row()]), index.column()
        if role == Qt.ItemDataRole.DisplayRole:
            return self.text(row, column)
        if role == Qt.ItemDataRole.DecorationRole and column == VERDICT:
            return theme.icon(SCALE[int(self.index_.findings.verdict[row])])
        if role == Qt.ItemDataRole.ToolTipRole and column in (MESSAGE, NEED, PROGRAM, OBJECT):
            return self.text(row, column)
        if role == Qt.ItemDataRole.AccessibleTextRole and column == VERDICT:
            return f"{self.text(row, VERDICT)}: {self.text(row, MESSAGE)}"
        if role == Qt.ItemDataRole.UserRole:
            return row
        return None

    def text(self, row: int, column: int) -> str:
        """The text of a cell of the finding table (``row`` counts in the whole table)."""
        assert self.index_ is not None
        index, table = self.index_, self.index_.findings
        match column:
            case 0:
                return theme.WORDS[SCALE[int(table.verdict[row])]]
            case 1:
                return index.lanes[int(table.lane[row])]
            case 2:
                return index.objects[int(table.object[row])]
            case 3:
                program = int(table.program[row])
                return index.programs[program].name if program >= 0 else self.tr("(whole object)")
            case 4:
                return index.needs[int(table.need[row])][1]
            case 5:
                return table.messages[int(table.message[row])]
            case 6:
                return index.needs[int(table.need[row])][0].value
            case 7:
                return table.wheres[int(table.where[row])]
            case 8:
                return table.rule_texts[int(table.rules[row])]
        return _CONFIDENCE[int(table.confidence[row])]

    def row_of(self, finding: int) -> int:
        """Where a row of the finding table stands now, -1 when it is filtered away."""
        found = np.flatnonzero(self.rows == finding)
        return int(found[0]) if len(found) else -1


def _alphabetic(names: list[str]) -> Ints:
    """The alphabetic rank of each name."""
    order = sorted(range(len(names)), key=lambda i: names[i].casefold())
    rank = np.empty(len(names), dtype=np.int32)
    rank[order] = np.arange(len(names), dtype=np.int32)
    return rank
