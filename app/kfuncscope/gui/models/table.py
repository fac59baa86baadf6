# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What the flat tables have in common: rows under fixed headers. Each model keeps its rows and answers ``data``."""

from __future__ import annotations

from collections.abc import Sized
from typing import Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, Qt

Cell = QModelIndex | QPersistentModelIndex
ROOT = QModelIndex()


class TableModel(QAbstractTableModel):
    """A table as long as ``rows`` and as wide as ``headers``; a subclass sets both before a view sees it."""

    headers: list[str]
    rows: Sized

    def rowCount(self, parent: Cell = ROOT) -> int:
        return 0 if parent.isValid() else len(self.rows)

    def columnCount(self, parent: Cell = ROOT) -> int:
        return 0 if parent.isValid() else len(self.headers)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if orientation is Qt.Orientation.Horizontal and role == Qt.ItemDataRole.DisplayRole:
            return self.headers[section] if 0 <= section < len(self.headers) else None
        return None
