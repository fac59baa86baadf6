# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The Findings tab: one row per finding, sortable, the row under study followed by the detail panel."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import QItemSelection, QModelIndex, QPoint, Qt, Signal
from PySide6.QtGui import QGuiApplication, QResizeEvent
from PySide6.QtWidgets import (
    QHeaderView,
    QLabel,
    QMenu,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from kfuncscope.gui.context import Context
from kfuncscope.gui.models import findings as fm
from kfuncscope.gui.models.table import Cell
from kfuncscope.gui.store import NEED, OBJECT, PROGRAM, Node
from kfuncscope.gui.views.detail import as_text

_WIDTHS = {
    fm.VERDICT: 96, fm.ARCH: 66, fm.OBJECT: 140, fm.PROGRAM: 134, fm.NEED: 152, fm.MESSAGE: 330, fm.KIND: 70,
    fm.WHERE: 120, fm.RULES: 84, fm.CONFIDENCE: 60,
}  # fmt: skip


def plain_table(view: QTableView, row_height: int = 24) -> None:
    """The look that all tables share."""
    view.setShowGrid(False)
    view.setAlternatingRowColors(False)
    view.setSelectionBehavior(QTableView.SelectionBehavior.SelectRows)
    view.setSelectionMode(QTableView.SelectionMode.SingleSelection)
    view.setWordWrap(False)
    view.verticalHeader().hide()
    view.verticalHeader().setDefaultSectionSize(max(row_height, view.fontMetrics().height() + 8))
    view.verticalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
    view.horizontalHeader().setHighlightSections(False)
    view.horizontalHeader().setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
    view.setHorizontalScrollMode(QTableView.ScrollMode.ScrollPerPixel)
    view.setTabKeyNavigation(False)


def nothing(text: str) -> QLabel:
    """What stands where a view has nothing to show."""
    label = QLabel(text)
    label.setObjectName("muted")
    label.setAlignment(Qt.AlignmentFlag.AlignCenter)
    label.setWordWrap(True)
    return label


class _End(QStyledItemDelegate):
    """Leaves out the begin of what is too long: of objects with the same name the folders before it tell more."""

    def initStyleOption(self, option: QStyleOptionViewItem, index: Cell) -> None:
        super().initStyleOption(option, index)
        option.textElideMode = Qt.TextElideMode.ElideLeft


class FindingsView(QWidget):
    """Table and a line that says when nothing passes."""

    whatif_wanted = Signal(Node)
    note_wanted = Signal(Node, int)
    waive_wanted = Signal(Node, int)

    def __init__(self, context: Context) -> None:
        super().__init__()
        store = self._store = context.store
        self._quiet = False
        self.model = fm.FindingsModel()
        self.table = QTableView()
        self.table.setModel(self.model)
        self.table.setAccessibleName(self.tr("Findings"))
        plain_table(self.table)
        self.table.setSortingEnabled(True)
        self.table.horizontalHeader().setSortIndicator(fm.VERDICT, Qt.SortOrder.DescendingOrder)
        for column, width in _WIDTHS.items():
            self.table.setColumnWidth(column, width)
        self.table.horizontalHeader().setStretchLastSection(True)
        self.table.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.table.customContextMenuRequested.connect(self._menu)
        self.table.setItemDelegateForColumn(fm.OBJECT, _End(self.table))
        self.empty = nothing(self.tr("No finding passes these filters. Remove a chip above, or press Ctrl+Z."))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(1, 0, 1, 1)
        layout.addWidget(self.table)
        layout.addWidget(self.empty)
        self.table.selectionModel().selectionChanged.connect(self._chosen)
        store.analysis_changed.connect(self._new)
        store.filters_changed.connect(self.refresh)
        store.selection_changed.connect(self._follow)

    def _new(self) -> None:
        self.model.set_index(self._store.index)
        self.refresh()

    def refresh(self) -> None:
        """Apply the filters again."""
        self._quiet = True
        self.model.set_filters(self._store.filters)
        self._quiet = False
        self.table.setColumnHidden(fm.ARCH, self._store.lane >= 0)
        self._spread()
        none = not len(self.model.rows)
        self.empty.setVisible(none)
        self.table.setVisible(not none)
        self._follow()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._spread()

    def _spread(self) -> None:
        """What room is left belongs to what happens."""
        others = sum(self.table.columnWidth(c) for c in _WIDTHS if c not in (fm.MESSAGE, fm.CONFIDENCE))
        room = self.width() - others - _WIDTHS[fm.CONFIDENCE] - 16
        self.table.setColumnWidth(fm.MESSAGE, max(_WIDTHS[fm.MESSAGE], room))

    def _chosen(self, selected: QItemSelection, _before: QItemSelection) -> None:
        rows = selected.indexes()
        if rows and not self._quiet:
            self._store.select_finding(int(rows[0].data(Qt.ItemDataRole.UserRole)))

    def _follow(self) -> None:
        """Mark the finding under study where it is in the table."""
        place = self._place()
        self._quiet = True
        if place < 0:
            self.table.clearSelection()
        elif self.table.currentIndex().row() != place or not self.table.selectionModel().hasSelection():
            self.table.setCurrentIndex(self.model.index(place, max(0, self.table.currentIndex().column())))
        self._quiet = False

    def _place(self) -> int:
        """The row of the finding under study, or the first of what is selected elsewhere; -1 where none is shown."""
        index, node, finding = self._store.index, self._store.selected, self._store.finding
        if index is None or node is None:
            return -1
        if finding >= 0:
            return self.model.row_of(finding)
        rows = {OBJECT: index.findings_of_object, PROGRAM: index.findings_of_program, NEED: index.findings_of_need}
        found = np.flatnonzero(np.isin(self.model.rows, rows[node.column](node.id)))
        return int(found[0]) if len(found) else -1

    def _menu(self, where: QPoint) -> None:
        place = self.table.indexAt(where)
        if place.isValid():
            menu = self.menu_for(place)
            menu.exec(self.table.viewport().mapToGlobal(where))
            menu.deleteLater()

    def menu_for(self, place: QModelIndex) -> QMenu:
        """The context menu of a finding."""
        index, store = self._store.index, self._store
        assert index is not None
        row = int(place.data(Qt.ItemDataRole.UserRole))
        table = index.findings
        found = table.refs[row]
        store.select_finding(row)
        node = store.selected
        assert node is not None
        need = Node(NEED, int(table.need[row]))
        menu = QMenu(self)
        where = f"{index.objects[table.object[row]]} › {self.model.text(row, fm.PROGRAM)} › {found.name}"
        menu.addAction(self.tr("Copy"), lambda: QGuiApplication.clipboard().setText(as_text(found, where)))
        menu.addAction(self.tr("Note…"), lambda: self.note_wanted.emit(node, row))
        menu.addAction(self.tr("Waive…"), lambda: self.waive_wanted.emit(node, row))
        menu.addSeparator()
        menu.addAction(
            self.tr("Who else uses {0}").format(found.name), lambda: store.add("isolate", store.name_of(need))
        )
        menu.addAction(
            self.tr("Only object {0}").format(index.objects[table.object[row]]),
            lambda: store.add("object", index.objects[table.object[row]]),
        )
        asked = self.tr("What if {0} were kept or removed?").format(found.name)
        menu.addAction(asked, lambda: self.whatif_wanted.emit(need))
        return menu
