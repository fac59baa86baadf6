# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What differs from an earlier result: counts, and a row for each finding that is new, worse, better or gone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QDialog, QDialogButtonBox, QLabel, QTableView, QVBoxLayout, QWidget

from kfuncscope.decision.compare import Comparison
from kfuncscope.gui import theme
from kfuncscope.gui.models.table import Cell, TableModel
from kfuncscope.gui.views.findings import plain_table
from kfuncscope.model.rows import Row


class ChangesModel(TableModel):
    """The findings that differ, those that need attention first."""

    def __init__(self) -> None:
        super().__init__()
        self.headers = [self.tr(t) for t in ("Change", "Verdict", "Object", "Program", "What")]
        self.rows: list[tuple[str, Row]] = []

    def show(self, found: Comparison) -> None:
        """List a comparison."""
        words = (
            (self.tr("new"), found.new), (self.tr("worse"), tuple(after for _, after in found.worse)),
            (self.tr("better"), tuple(after for _, after in found.better)), (self.tr("gone"), found.gone),
        )  # fmt: skip
        self.beginResetModel()
        self.rows = [(word, row) for word, listed in words for row in listed]
        self.endResetModel()

    def data(self, index: Cell, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid():
            return None
        word, row = self.rows[index.row()]
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.ToolTipRole):
            verdict = theme.WORDS[row.verdict]
            return (word, verdict, row.object, row.program, row.finding.message)[index.column()]
        if role == Qt.ItemDataRole.DecorationRole and index.column() == 1:
            return theme.icon(row.verdict)
        return None


class BaselineDialog(QDialog):
    """Stays open beside the window; ``drop`` takes the earlier result away."""

    def __init__(self, parent: QWidget, drop: Callable[[], object]) -> None:
        super().__init__(parent)
        self.setWindowTitle(self.tr("Compared with an earlier result"))
        self.said = QLabel()
        self.said.setWordWrap(True)
        self.said.setTextFormat(Qt.TextFormat.PlainText)
        self.model = ChangesModel()
        self.table = QTableView()
        self.table.setModel(self.model)
        plain_table(self.table)
        self.table.setAccessibleName(self.tr("Findings that differ"))
        foot = QDialogButtonBox(QDialogButtonBox.StandardButton.Close, self)
        self.drop = foot.addButton(self.tr("Compare no longer"), QDialogButtonBox.ButtonRole.ActionRole)
        self.drop.clicked.connect(drop)
        foot.rejected.connect(self.close)
        column = QVBoxLayout(self)
        column.setContentsMargins(16, 14, 16, 14)
        column.addWidget(self.said)
        column.addWidget(self.table, 1)
        column.addWidget(foot)
        self.resize(900, 420)

    def tell(self, name: str, found: Comparison) -> None:
        """Show what differs from the report of a name."""
        said = self.tr("Against {0}: {1} new, {2} worse, {3} better, {4} gone, {5} unchanged").format(
            name, len(found.new), len(found.worse), len(found.better), len(found.gone), len(found.unchanged)
        )
        lacking = [self.tr("not compared: {0}").format(one.place) for one in found.missing]
        self.said.setText(" · ".join([said, *lacking]))
        self.model.show(found)
