# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The Timeline tab: what this session's programs use, over all known releases and the kernels loaded."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import QModelIndex, QRectF, Qt, Signal
from PySide6.QtGui import QColor, QPainter, QShowEvent
from PySide6.QtWidgets import (
    QCheckBox,
    QHBoxLayout,
    QLabel,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from kfuncscope.gui import theme
from kfuncscope.gui.context import Context
from kfuncscope.gui.models.table import Cell, TableModel
from kfuncscope.gui.views.findings import plain_table
from kfuncscope.gui.views.kfuncs import STATE_LOOK
from kfuncscope.gui.widgets.choice import on_choice
from kfuncscope.model.verdict import Verdict
from kfuncscope.study.lifecycle import OfferRow, Seen, State, release_key

SEEN_ROLE = int(Qt.ItemDataRole.UserRole)
CHANGED_ROLE = SEEN_ROLE + 1


class TimelineModel(TableModel):
    """Rows are names, columns kernels and releases in order of age."""

    def __init__(self) -> None:
        super().__init__()
        self.headers = [self.tr("Name")]
        self.rows: list[OfferRow] = []
        self.columns: list[tuple[str, str]] = []
        self._cells: list[dict[tuple[str, str], Seen]] = []

    def show(self, rows: list[OfferRow], affected: bool, arch: str = "") -> None:
        """Show the used names, or only those that something happens to; of the kernels those of one architecture."""
        kept = [r for r in rows if r.users and (not affected or r.verdict is not Verdict.OK)]
        kept.sort(key=lambda r: (list(Verdict).index(r.verdict), r.name))
        columns = {(s.release, s.kernel) for r in kept for s in r.seen if not arch or s.arch in ("", arch)}
        self.beginResetModel()
        self.rows = kept
        self.columns = sorted(columns, key=lambda c: (release_key(c[0]), c[1]))
        self.headers = [self.tr("Name"), *(kernel.replace(" ", "\n", 1) for _, kernel in self.columns)]
        self._cells = [{(s.release, s.kernel): s for s in r.seen} for r in kept]
        self.endResetModel()

    def data(self, index: Cell, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid():
            return None
        row = self.rows[index.row()]
        if index.column() == 0:
            if role == Qt.ItemDataRole.DisplayRole:
                return row.name
            if role == Qt.ItemDataRole.DecorationRole:
                return theme.icon(row.verdict)
            if role == Qt.ItemDataRole.ToolTipRole:
                return f"{row.kind.value} {row.name}\n{row.stability or theme.WORDS[row.verdict]}"
            return theme.mono(-0.5) if role == Qt.ItemDataRole.FontRole else None
        seen = self._cells[index.row()].get(self.columns[index.column() - 1])
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.AccessibleTextRole):
            return seen.state.value if seen is not None else ""
        if role == SEEN_ROLE:
            return seen
        if role == CHANGED_ROLE:
            return seen is not None and self._changed(index.row(), index.column() - 1, seen)
        if role == Qt.ItemDataRole.ToolTipRole and seen is not None:
            more = self.tr("\nprototype changed here") if self._changed(index.row(), index.column() - 1, seen) else ""
            return f"{row.name} in {seen.kernel}: {seen.state.value}\n{seen.prototype}{more}".strip()
        return None

    def _changed(self, row: int, column: int, seen: Seen) -> bool:
        for earlier in reversed(self.columns[:column]):
            before = self._cells[row].get(earlier)
            if before is not None and before.prototype and seen.prototype:
                return before.prototype != seen.prototype
        return False


class _Block(QStyledItemDelegate):
    """Paints one release of one name as a block with a shape."""

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Cell) -> None:
        c = theme.look()
        box = QRectF(option.rect)
        if option.state & QStyle.StateFlag.State_Selected:
            painter.fillRect(box, QColor(c.selection))
        seen = index.data(SEEN_ROLE)
        if not isinstance(seen, Seen):
            return
        painter.save()
        verdict = STATE_LOOK[seen.state]
        fill = theme.colour(verdict)
        fill.setAlphaF(0.30 if seen.loaded else 0.16)
        inner = box.adjusted(0, 5, 0, -5)
        painter.fillRect(inner, theme.tint(verdict) if seen.state is State.ABSENT else fill)
        theme.draw_glyph(painter, verdict, box.left() + 14, box.center().y(), 9)
        if index.data(CHANGED_ROLE):
            painter.fillRect(QRectF(box.left() - 1.5, box.top() + 2, 3, box.height() - 4), QColor(c.text))
        painter.setPen(QColor(c.text if seen.loaded else c.muted))
        painter.setFont(theme.ui_font(-1))
        text = painter.fontMetrics().elidedText(seen.state.value, Qt.TextElideMode.ElideRight, int(box.width() - 26))
        painter.drawText(box.adjusted(24, 0, 0, 0), Qt.AlignmentFlag.AlignVCenter, text)
        painter.restore()


class TimelineView(QWidget):
    """The table and a choice between all used names and the affected ones."""

    chosen = Signal(str, str)

    def __init__(self, _context: Context) -> None:
        super().__init__()
        self._rows: list[OfferRow] = []
        self._arch = ""
        self.model = TimelineModel()
        self.table = QTableView()
        self.table.setModel(self.model)
        self.table.setAccessibleName(self.tr("Timeline of what is used"))
        plain_table(self.table, 27)
        self.table.setSelectionBehavior(QTableView.SelectionBehavior.SelectRows)
        self.table.setItemDelegate(_Block(self.table))
        self.table.setItemDelegateForColumn(0, QStyledItemDelegate(self.table))
        on_choice(self.table, self._clicked)
        self.affected = QCheckBox(self.tr("only what the upgrade touches"))
        self.affected.setChecked(True)
        self.affected.toggled.connect(lambda _: self.refresh())
        note = QLabel(self.tr("Strong: kernels loaded here · pale: known releases · bar: prototype changed"))
        note.setObjectName("muted")
        note.setWordWrap(True)
        note.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        row = QHBoxLayout()
        row.setContentsMargins(12, 4, 12, 2)
        row.setSpacing(8)
        row.addWidget(self.affected)
        row.addWidget(note, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(1, 0, 1, 1)
        layout.setSpacing(2)
        layout.addLayout(row)
        layout.addWidget(self.table, 1)

    def show_rows(self, rows: list[OfferRow]) -> None:
        """Show other offers."""
        self._rows = rows
        if self.isVisible():
            self.refresh()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self.refresh()

    def narrow(self, arch: str) -> None:
        """Show the kernels of one architecture, of all for the empty word; a hidden table waits."""
        changed, self._arch = arch != self._arch, arch
        if changed and self.isVisible():
            self.refresh()

    def refresh(self) -> None:
        """Fill the table again."""
        self.model.show(self._rows, self.affected.isChecked(), self._arch)
        self.table.setColumnWidth(0, 210)
        self.table.horizontalHeader().setFixedHeight(self.fontMetrics().height() * 2 + 14)
        columns = max(1, self.model.columnCount() - 1)
        room = (self.table.viewport().width() - 210) // columns
        for column in range(1, columns + 1):
            self.table.setColumnWidth(column, min(max(room, 76), 130))

    def _clicked(self, place: QModelIndex) -> None:
        row = self.model.rows[place.row()]
        self.chosen.emit(row.kind.value, row.name)
