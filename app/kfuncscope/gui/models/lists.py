# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Small tables: inputs that cannot be used, jobs, notes. One model class, rows as tuples of text."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from PySide6.QtCore import Qt

from kfuncscope.gui import theme
from kfuncscope.gui.models.table import ROOT, Cell, TableModel
from kfuncscope.model.verdict import Verdict


class ListModel(TableModel):
    """A table of text rows; the first column carries a verdict's shape where ``verdict`` gives one for a row.

    A column named in ``editable`` can be edited; ``edited(row, text)`` is told.
    """

    def __init__(
        self,
        headers: Sequence[str],
        verdict: Callable[[int], Verdict | None] | None = None,
        editable: int = -1,
        edited: Callable[[int, str], None] | None = None,
    ) -> None:
        super().__init__()
        self.headers = list(headers)
        self.rows: list[tuple[str, ...]] = []
        self._verdict = verdict
        self._editable, self._edited = editable, edited

    def set_rows(self, rows: Sequence[tuple[str, ...]]) -> None:
        """Replace all rows."""
        self.beginResetModel()
        self.rows = list(rows)
        self.endResetModel()

    def update_row(self, row: int, cells: tuple[str, ...]) -> None:
        """Replace the text of one row."""
        self.rows[row] = cells
        self.dataChanged.emit(self.index(row, 0), self.index(row, len(self.headers) - 1))

    def append(self, cells: tuple[str, ...]) -> None:
        """Add a row at the end."""
        self.beginInsertRows(ROOT, len(self.rows), len(self.rows))
        self.rows.append(cells)
        self.endInsertRows()

    def flags(self, index: Cell) -> Qt.ItemFlag:
        base = super().flags(index)
        return base | Qt.ItemFlag.ItemIsEditable if index.isValid() and index.column() == self._editable else base

    def data(self, index: Cell, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid():
            return None
        text_roles = (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.ToolTipRole, Qt.ItemDataRole.EditRole)
        if role in text_roles:
            return self.rows[index.row()][index.column()]
        if role == Qt.ItemDataRole.DecorationRole and index.column() == 0 and self._verdict is not None:
            verdict = self._verdict(index.row())
            return theme.icon(verdict) if verdict is not None else None
        return None

    def setData(self, index: Cell, value: Any, role: int = Qt.ItemDataRole.EditRole) -> bool:
        if not index.isValid() or role != Qt.ItemDataRole.EditRole or index.column() != self._editable:
            return False
        cells = list(self.rows[index.row()])
        cells[index.column()] = str(value)
        self.update_row(index.row(), tuple(cells))
        if self._edited is not None:
            self._edited(index.row(), str(value))
        return True
