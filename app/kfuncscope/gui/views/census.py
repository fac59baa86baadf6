# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The Census dock: programs that run on hosts, host by host, with how each was recognised."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QTableView, QVBoxLayout, QWidget

from kfuncscope.gui import theme
from kfuncscope.gui.context import Context
from kfuncscope.gui.filters import RUNS
from kfuncscope.gui.models.table import Cell, TableModel
from kfuncscope.gui.views.findings import nothing, plain_table
from kfuncscope.model.analysis import CensusInfo, RunsOn

MARKS = {"exact": "●", "likely": "◐", "kernel only": "○"}
FIXED = 5  # columns before those of the hosts


class CensusModel(TableModel):
    """One row for each running program, one column for each named host; most hosts first."""

    def __init__(self) -> None:
        super().__init__()
        self._fixed = [self.tr(t) for t in ("Program", "Object", "Recognised", "Hosts", "Running")]
        self.headers = list(self._fixed)
        self.rows: list[RunsOn] = []

    def show(self, info: CensusInfo | None) -> None:
        """Show a census; nothing without one."""
        self.beginResetModel()
        listed = info.programs if info is not None else ()
        self.rows = sorted(listed, key=lambda r: (-r.hosts, -r.running, r.object, r.program, r.join))
        self.headers = [*self._fixed, *(info.names if info is not None else ())]
        self._on = [frozenset(row.on) for row in self.rows]
        self.endResetModel()

    def data(self, index: Cell, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid():
            return None
        row, column = self.rows[index.row()], index.column()
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.AccessibleTextRole):
            if column < FIXED:
                mark = f"{MARKS.get(row.join, '')} {row.join}"
                return (row.program, row.object, mark, str(row.hosts), str(row.running))[column]
            here = column - FIXED in self._on[index.row()]
            if role == Qt.ItemDataRole.AccessibleTextRole:
                return row.join if here else self.tr("does not run")
            return MARKS.get(row.join, "") if here else ""
        if role == Qt.ItemDataRole.ToolTipRole:
            return f"{row.object} · {row.program}\n{row.join}" + (
                f"\n{self.headers[column]}" if column >= FIXED else ""
            )
        if role == Qt.ItemDataRole.FontRole and column < 2:
            return theme.mono(-0.5)
        return None


class CensusView(QWidget):
    """The line that sums a census up, the filter for what runs, and the table."""

    def __init__(self, context: Context) -> None:
        super().__init__()
        self._store = context.store
        self.told = QLabel()
        self.told.setWordWrap(True)
        self.filter = QPushButton(self.tr("Runs somewhere"))
        self.filter.setObjectName("chip")
        self.filter.setCheckable(True)
        self.filter.setToolTip(self.tr("Show only programs that run on a host of the census, in every view"))
        self.model = CensusModel()
        self.table = QTableView()
        self.table.setModel(self.model)
        self.table.setAccessibleName(self.tr("Programs on hosts"))
        plain_table(self.table)
        self.empty = nothing(self.tr("No census: drop files that kfuncscope census has collected on hosts."))
        row = QHBoxLayout()
        row.addWidget(self.told, 1)
        row.addWidget(self.filter)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(4, 2, 4, 4)
        layout.addLayout(row)
        layout.addWidget(self.table)
        layout.addWidget(self.empty)
        self.filter.clicked.connect(self._switch)
        context.store.analysis_changed.connect(self.refresh)
        context.store.filters_changed.connect(self._follow)
        self.refresh()

    def refresh(self) -> None:
        """Show the census of the result on screen."""
        index = self._store.index
        info = index.analysis.census if index is not None else None
        self.model.show(info)
        if info is not None:
            from kfuncscope.report.words import census_words  # brings the engine along

            self.told.setText("\n".join([census_words(info), *info.notes]))
        else:
            self.told.setText("")
        for widget in (self.told, self.filter, self.table):
            widget.setVisible(info is not None)
        self.empty.setVisible(info is None)
        for column, width in enumerate((190, 210, 96, 52, 62)):
            self.table.setColumnWidth(column, width)
        self._follow()

    def _switch(self, on: bool) -> None:
        self._store.add("runs") if on else self._store.remove(RUNS)

    def _follow(self) -> None:
        self.filter.setChecked(RUNS in self._store.filters)
