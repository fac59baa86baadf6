# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The Findings tab: one row per finding, sortable, the row under study followed by the detail panel."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import QItemSelection, QItemSelectionModel, QModelIndex, QPoint, Qt, Signal
from PySide6.QtGui import QGuiApplication, QKeySequence, QShortcut
from PySide6.QtWidgets import (
    QComboBox,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QMenu,
    QPushButton,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from kfuncscope.gui import theme
from kfuncscope.gui.context import Context
from kfuncscope.gui.index import SCALE
from kfuncscope.gui.models import findings as fm
from kfuncscope.gui.store import NEED, OBJECT, PROGRAM, Node
from kfuncscope.gui.views.spread import Spread
from kfuncscope.gui.widgets.choice import on_choice
from kfuncscope.gui.widgets.lines import Line
from kfuncscope.gui.widgets.wording import as_text
from kfuncscope.gui.widgets.words import counted

_WIDTHS = {
    fm.VERDICT: 88, fm.ARCH: 66, fm.OBJECT: 112, fm.PROGRAM: 122, fm.NEED: 132, fm.MESSAGE: 240, fm.KIND: 56,
    fm.WHERE: 96, fm.RULES: 68, fm.CONFIDENCE: 86, fm.HOSTS: 70,
}  # fmt: skip
_GROWING = (
    (fm.OBJECT, 1.4), (fm.NEED, 1.7), (fm.PROGRAM, 1.7), (fm.MESSAGE, 1.8), (fm.WHERE, 1.9), (fm.RULES, 1.7),
    (fm.OBJECT, 2.2), (fm.MESSAGE, 9.0),
)  # fmt: skip
_NAMES = (fm.OBJECT, fm.PROGRAM, fm.NEED, fm.WHERE, fm.RULES)
MARGINS = 18  # pixels of a cell beside its text
_MEASURED = 200  # rows that say how much room names take

_NARROW = {fm.OBJECT: 80, fm.PROGRAM: 88, fm.NEED: 95}


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


class FindingsView(QWidget):
    """Table and a line that says when nothing passes."""

    whatif_wanted = Signal(Node)
    note_wanted = Signal(Node, int)
    cause_note_wanted = Signal(int)
    waive_wanted = Signal(Node, int)
    source_wanted = Signal(str, int)

    def __init__(self, context: Context) -> None:
        super().__init__()
        self._context, store = context, context.store
        self._store = store
        self._quiet = False
        self.model = fm.FindingsModel()
        self.table = QTableView()
        self.table.setModel(self.model)
        self.table.setAccessibleName(self.tr("Findings"))
        plain_table(self.table)
        self.table.setSortingEnabled(True)
        self.table.horizontalHeader().setSortIndicator(fm.VERDICT, Qt.SortOrder.DescendingOrder)
        self.table.horizontalHeader().setStretchLastSection(True)
        self._spread = Spread(self.table, _WIDTHS, _GROWING, _NARROW)
        self.table.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.table.customContextMenuRequested.connect(self._menu)
        self.table.setSelectionMode(QTableView.SelectionMode.ExtendedSelection)
        self.line = Line(self.table, self.model, (fm.OBJECT, fm.PROGRAM, fm.NEED, fm.WHERE))
        self.table.setItemDelegate(self.line)
        on_choice(self.table, self._fold)
        copy = QShortcut(QKeySequence(QKeySequence.StandardKey.Copy), self.table)
        copy.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
        copy.activated.connect(self.copy_rows)
        self.empty = nothing(self.tr("No finding passes these filters. Remove a chip above, or press Ctrl+Z."))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(1, 0, 1, 1)
        layout.setSpacing(2)
        layout.addLayout(self._choices())
        layout.addWidget(self.table, 1)
        layout.addWidget(self.empty)
        self.table.selectionModel().selectionChanged.connect(self._chosen)
        store.analysis_changed.connect(self._new)
        store.filters_changed.connect(self.refresh)
        store.selection_changed.connect(self._follow)

    def _choices(self) -> QHBoxLayout:
        self.group = QComboBox()
        for text, value in (
            (self.tr("not grouped"), fm.GroupBy.NOTHING),
            (self.tr("by cause"), fm.GroupBy.CAUSE),
            (self.tr("by package"), fm.GroupBy.PACKAGE),
            (self.tr("by verdict"), fm.GroupBy.VERDICT),
            (self.tr("by architecture"), fm.GroupBy.ARCH),
        ):
            self.group.addItem(text, value)
        self.group.setAccessibleName(self.tr("Group findings"))
        self.group.currentIndexChanged.connect(lambda _: self._regroup())
        self.copy_button = QPushButton(self.tr("Copy rows"))
        self.copy_button.setObjectName("chip")
        self.copy_button.setToolTip(self.tr("Copy the selected rows, or all, as tab-separated text"))
        self.copy_button.clicked.connect(self.copy_rows)
        row = QHBoxLayout()
        row.setContentsMargins(12, 4, 12, 2)
        row.setSpacing(8)
        row.addWidget(QLabel(self.tr("Rows")))
        row.addWidget(self.group)
        row.addStretch(1)
        row.addWidget(self.copy_button)
        return row

    def group_by(self, by: fm.GroupBy) -> None:
        """Gather the rows under causes, packages, verdicts or architectures."""
        self.group.setCurrentIndex(self.group.findData(by))

    def _regroup(self) -> None:
        self._quiet = True
        self.model.group(self.group.currentData())
        self._quiet = False
        self._follow()

    def _fold(self, place: QModelIndex) -> None:
        """Fold or unfold the group whose head was chosen; the keyboard stays on it."""
        group = self.model.group_at(place.row())
        if group is None:
            return
        self._quiet = True
        self.model.fold(place.row())
        line = next(i for i in range(self.model.rowCount()) if self.model.group_at(i) == group)
        self.table.setCurrentIndex(self.model.index(line, 0))
        self._quiet = False
        self._choose_group(group)

    def _choose_group(self, group: fm.Group) -> None:
        if self.model.group_by is fm.GroupBy.CAUSE:
            assert self._store.index is not None
            self._store.select(Node(NEED, int(self._store.index.findings.need[group.first])))

    # --- copying ---
    def chosen_rows(self) -> list[int]:
        """The selected rows of the finding table from top to bottom; all that are shown where none is selected."""
        lines = sorted({i.row() for i in self.table.selectionModel().selectedIndexes()})
        rows = [int(self.model.lines[i]) for i in lines if self.model.lines[i] >= 0]
        return rows or self.model.rows.tolist()

    def copy_rows(self) -> None:
        """Put whole rows on the clipboard, with the names of the columns, as a spreadsheet takes them."""
        rows = self.chosen_rows()
        QGuiApplication.clipboard().setText(self.model.tsv(rows))
        self._context.say(self.tr("Copied: {0}").format(counted(len(rows), self.tr("row"), self.tr("rows"))))

    def copy_text(self) -> None:
        """Put the selected findings on the clipboard in full: message, rules, declarations, places, remedy."""
        index = self._store.index
        if index is not None:
            said = [as_text(index.findings.refs[r], self._where(r)) for r in self.chosen_rows()]
            QGuiApplication.clipboard().setText("\n\n".join(said))

    def _where(self, row: int) -> str:
        text = self.model.text
        return f"{text(row, fm.ARCH)} › {text(row, fm.OBJECT)} › {text(row, fm.PROGRAM)} › {text(row, fm.NEED)}"

    def _new(self) -> None:
        self.model.set_index(self._store.index)
        self.refresh()

    def refresh(self) -> None:
        """Apply the filters again."""
        index = self._store.index
        self._quiet = True
        self.table.clearSelection()
        self.model.set_filters(self._store.filters)
        self._quiet = False
        self.table.setColumnHidden(fm.ARCH, self._store.lane >= 0)
        self.table.setColumnHidden(fm.HOSTS, index is None or index.analysis.census is None)
        self._measure()
        self._spread.fit()
        none = not len(self.model.rows)
        self.empty.setVisible(none)
        self.table.setVisible(not none)
        self._follow()

    def _measure(self) -> None:
        """Tell the columns which words they must show whole, and what the names of the first rows take."""
        advance = self.table.fontMetrics().horizontalAdvance
        rows = self.model.rows[:_MEASURED].tolist()
        verdicts = (
            np.unique(self._store.index.findings.verdict[self.model.rows]) if self._store.index is not None else ()
        )
        self._spread.words = {fm.VERDICT: [theme.WORDS[SCALE[int(code)]] for code in verdicts]}
        texts = {column: {self.model.text(row, column) for row in rows} for column in _NAMES}
        self._spread.natural = self.line.natural = {
            c: max((advance(t) for t in said), default=0) + MARGINS for c, said in texts.items()
        }

    def _chosen(self, selected: QItemSelection, _before: QItemSelection) -> None:
        rows = selected.indexes()
        if rows and not self._quiet:
            row = int(rows[0].data(Qt.ItemDataRole.UserRole))
            group = self.model.group_at(rows[0].row())
            if group is not None:
                self._choose_group(group)
            else:
                self._store.select_finding(row)

    def _follow(self) -> None:
        """Mark the finding under study where it is in the table."""
        self._quiet = True
        place = self._place()
        chosen = {i.row() for i in self.table.selectionModel().selectedIndexes()}
        if place < 0:
            self.table.clearSelection()
        elif place not in chosen:
            self._mark(place, max(0, self.table.currentIndex().column()))
        self._quiet = False

    def _mark(self, row: int, column: int) -> None:
        """Select one row alone: Qt's own setCurrentIndex() adds to what is selected while Shift or Ctrl is held."""
        how = QItemSelectionModel.SelectionFlag.ClearAndSelect | QItemSelectionModel.SelectionFlag.Rows
        self.table.selectionModel().setCurrentIndex(self.model.index(row, column), how)

    def _place(self) -> int:
        """The row of the finding under study, or the first of what is selected elsewhere; -1 where none is shown."""
        index, node, finding = self._store.index, self._store.selected, self._store.finding
        if index is None or node is None:
            return -1
        if finding >= 0:
            self.model.open_for(finding)
            return self.model.row_of(finding)
        if node.column == NEED and self.model.group_by is fm.GroupBy.CAUSE:
            heads = (i for i in range(self.model.rowCount()) if self.model.lines[i] < 0)
            return next((i for i in heads if self.model.groups[-1 - int(self.model.lines[i])].key == node.id), -1)
        rows = {OBJECT: index.findings_of_object, PROGRAM: index.findings_of_program, NEED: index.findings_of_need}
        found = np.flatnonzero(np.isin(self.model.rows, rows[node.column](node.id)))
        if not len(found):
            return -1
        self.model.open_for(int(self.model.rows[found[0]]))
        return self.model.row_of(int(self.model.rows[found[0]]))

    def _menu(self, where: QPoint) -> None:
        place = self.table.indexAt(where)
        if place.isValid() and self.model.group_at(place.row()) is None:
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
        if row not in self.chosen_rows():
            store.select_finding(row)
        program = int(table.program[row])
        node = Node(PROGRAM, program) if program >= 0 else Node(OBJECT, int(table.object[row]))
        need = Node(NEED, int(table.need[row]))
        menu = QMenu(self)
        menu.addAction(self.tr("Copy rows"), self.copy_rows)
        menu.addAction(self.tr("Copy as text"), self.copy_text)
        site = next((s for s in found.sites if s.file), None)
        if site is not None:
            place_ = f"{site.file.rpartition('/')[2]}:{site.line}"
            menu.addAction(self.tr("Open {0} in the editor").format(place_),
                           lambda: self.source_wanted.emit(site.file, site.line))  # fmt: skip
        menu.addSeparator()
        menu.addAction(self.tr("Note…"), lambda: self.note_wanted.emit(node, row))
        menu.addAction(self.tr("Note on the cause…"), lambda: self.cause_note_wanted.emit(row))
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
