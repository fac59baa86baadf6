# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The Timeline tab: programs over all kernels loaded, what they need over all levels known; one source in each row."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import QEvent, QModelIndex, QObject, QRectF, Qt, Signal
from PySide6.QtGui import QColor, QPainter, QResizeEvent, QShowEvent
from PySide6.QtWidgets import (
    QCheckBox,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from kfuncscope.gui import theme
from kfuncscope.gui.context import Context
from kfuncscope.gui.filters import pattern
from kfuncscope.gui.frame.spoken import spoken
from kfuncscope.gui.index import Index
from kfuncscope.gui.models.table import Cell as Place
from kfuncscope.gui.models.table import TableModel
from kfuncscope.gui.store import NEED, PROGRAM, Node
from kfuncscope.gui.views.findings import nothing, plain_table
from kfuncscope.gui.widgets.choice import on_choice
from kfuncscope.model.verdict import NeedKind, Verdict
from kfuncscope.study.lifecycle import OfferRow, State
from kfuncscope.study.timeline import TABLES, Cell, Line, need_lines, program_lines, releases

CELL_ROLE = int(Qt.ItemDataRole.UserRole)
LINE_ROLE = CELL_ROLE + 1
WIDE, TIGHT, NARROW = (220, 108), (160, 76), 560
LEAST, MOST = 92, 150  # of a release; twice as much where nothing else wants the room
CLOSE, SLIM = 44, 18  # of the turn from good to bad, where it has no more room, and of the releases between
SHORTER = {State.UNREGISTERED.value: ("unregistered", "dropped")}
FIXED = len(WIDE)  # columns before those of the releases
SMALL = 800  # programs; more are worked out off the GUI thread


class TimelineModel(TableModel):
    """Rows are programs and needs by source, columns releases in order of age."""

    def __init__(self) -> None:
        super().__init__()
        self._fixed = [self.tr("Name"), self.tr("Source")]
        self.headers = list(self._fixed)
        self.rows: list[Line] = []
        self.columns: list[str] = []
        self.tight = False  # whether the source of a row is written in one word

    def show(self, lines: list[Line], affected: bool, arch: str = "", text: str = "") -> None:
        """Show lines, or only what something happens to; of the kernels those of one architecture, and the tables."""
        search = pattern(text).search
        kept = [
            line for line in lines
            if (not affected or line.verdict not in (Verdict.OK, Verdict.FIXED))
            and (not arch or line.source in (arch, TABLES)) and (not text or search(f"{line.object} {line.name}"))
        ]  # fmt: skip
        order = list(Verdict).index
        kept.sort(key=lambda line: (not line.program, order(line.verdict), line.object, line.name,
                                    line.source == TABLES, line.source))  # fmt: skip
        self.beginResetModel()
        self.rows = kept
        self.columns = releases(kept)
        self.headers = [*self._fixed, *self.columns]
        self.endResetModel()

    def cell(self, row: int, column: int) -> Cell | None:
        """What the source of a row says of the release of a column."""
        return self.rows[row].cells.get(self.columns[column - FIXED]) if column >= FIXED else None

    def starts(self, row: int) -> bool:
        """Whether a row is the first of its program or need, or of the needs."""
        if not row:
            return True
        one, before = self.rows[row], self.rows[row - 1]
        return (one.program, one.object, one.name, one.kind) != (
            before.program, before.object, before.name, before.kind
        )  # fmt: skip

    def data(self, index: Place, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid():
            return None
        line, column = self.rows[index.row()], index.column()
        if role == LINE_ROLE:
            return line
        if column < FIXED:
            return self._fixed_cell(index.row(), line, column, role)
        cell = self.cell(index.row(), column)
        if role == CELL_ROLE:
            return cell
        if cell is None:
            return None
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.AccessibleTextRole):
            marks = [self.tr("first bad step")] * cell.first_bad + [self.tr("prototype changed")] * cell.changed
            return (
                ", ".join([spoken(cell.word), *marks])
                if role == Qt.ItemDataRole.AccessibleTextRole
                else spoken(cell.word)
            )
        if role == Qt.ItemDataRole.ToolTipRole:
            return self._tip(line, cell, self.columns[column - FIXED])
        return None

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        tip = role == Qt.ItemDataRole.ToolTipRole  # a release between others may have no room for its name
        return super().headerData(section, orientation, Qt.ItemDataRole.DisplayRole if tip else role)

    def _fixed_cell(self, row: int, line: Line, column: int, role: int) -> Any:
        if role == Qt.ItemDataRole.DisplayRole:
            if column:
                return line.source if self.tight and line.source != TABLES else self.source(line)
            return line.name if self.starts(row) else ""
        if role == Qt.ItemDataRole.AccessibleTextRole and column == 0:
            return f"{line.kind} {line.name}, {self.source(line)}"
        if role == Qt.ItemDataRole.DecorationRole and column == 0 and self.starts(row):
            return theme.icon(line.verdict)
        if role == Qt.ItemDataRole.ToolTipRole:
            whose = f"{line.object} › {line.name}" if line.program else f"{line.kind} {line.name}"
            source = self.tr("source: {0}").format(self.source(line))
            return f"{whose}\n{theme.WORDS[line.verdict]}\n{source}"
        return theme.mono(-0.5) if role == Qt.ItemDataRole.FontRole and column == 0 else None

    def source(self, line: Line) -> str:
        """Where the cells of a row come from, in words."""
        return self.tr("tables") if line.source == TABLES else self.tr("kernels {0}").format(line.source)

    def turn(self) -> tuple[int, int] | None:
        """The columns of the last release that is good and of the first that is bad, in the topmost row that breaks.

        They are one where nothing is known before. None where no row breaks.
        """
        for line in self.rows:
            told = [(i, line.cells[name].first_bad) for i, name in enumerate(self.columns) if name in line.cells]
            for place, (column, bad) in enumerate(told):
                if bad:
                    return told[max(place - 1, 0)][0] + FIXED, column + FIXED
        return None

    def _tip(self, line: Line, cell: Cell, release: str) -> str:
        parts = [
            f"{line.name}, {release}: {spoken(cell.word)}",
            self.tr("source: {0}").format(self.source(line)),
            cell.more,
        ]
        parts += [self.tr("the first step at which this happens")] * cell.first_bad
        parts += [self.tr("prototype changed since the release before in this row")] * cell.changed
        return "\n".join(p for p in parts if p)


class _Block(QStyledItemDelegate):
    """Paints one release of one row as a block with a shape and a word."""

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Place) -> None:
        c = theme.look()
        box = QRectF(option.rect)
        if option.state & QStyle.StateFlag.State_Selected:
            painter.fillRect(box, QColor(c.selection))
        cell, line = index.data(CELL_ROLE), index.data(LINE_ROLE)
        if not isinstance(cell, Cell) or not isinstance(line, Line):
            return
        painter.save()
        loaded = line.source != TABLES
        fill = theme.colour(cell.look)
        fill.setAlphaF(0.26 if loaded else 0.12)
        inner = box.adjusted(0, 4, 0, -4)
        painter.fillRect(inner, fill)
        if cell.first_bad:
            painter.setPen(theme.pen(c.verdicts[cell.look], 2.0))
            painter.drawRect(inner.adjusted(1, 0, -2, 0))
        theme.draw_glyph(painter, cell.look, box.left() + min(14.0, box.width() / 2), box.center().y(), 9)
        if cell.changed:
            painter.fillRect(QRectF(box.left() - 1.5, box.top() + 2, 3, box.height() - 4), QColor(c.text))
        painter.setPen(QColor(c.text if loaded else c.muted))
        painter.setFont(theme.ui_font(-1, bold=cell.first_bad))
        mark = "▶ " if cell.first_bad else ""
        room = box.width() - 26 - painter.fontMetrics().horizontalAdvance(mark)
        if room >= 0:
            text = mark + fitting(cell, line.program, room, painter)
            painter.drawText(box.adjusted(24, 0, 0, 0), Qt.AlignmentFlag.AlignVCenter, text)
        painter.restore()


def fitting(cell: Cell, program: bool, room: float, painter: QPainter) -> str:
    """The word of a cell, or a shorter one; none where it would be cut: the shape before it says the same."""
    words = (cell.word, *((theme.SHORT[cell.look].lower(),) if program else SHORTER.get(cell.word, ())))
    return next((word for word in map(spoken, words) if painter.fontMetrics().horizontalAdvance(word) <= room), "")


def around(room: int, steps: int, wide: int) -> tuple[int, int]:
    """Widths of the two releases of a turn, ``steps`` columns apart, and of those between, so that ``room`` shows all.

    As ``wide`` as other columns where that will do, or where nothing does.
    """
    if (steps + 1) * wide <= room or not steps:
        return wide, wide
    inner = max(SLIM, min(wide, (room - 2 * wide) // (steps - 1))) if steps > 1 else wide
    outer = min(wide, (room - (steps - 1) * inner) // 2)
    return (outer, inner) if outer >= CLOSE else (wide, wide)


class _Releases(QTableView):
    """A table whose first columns are covered by ``_Names``: no place scrolls below those."""

    resized = Signal()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        if event.size().width() != event.oldSize().width():
            self.resized.emit()

    def scrollTo(self, index: Place, hint: QTableView.ScrollHint = QTableView.ScrollHint.EnsureVisible) -> None:
        bar = self.horizontalScrollBar()
        kept = bar.value()
        super().scrollTo(index, hint)
        hidden = sum(self.columnWidth(i) for i in range(FIXED)) - self.visualRect(index).left()
        if index.column() < FIXED:
            bar.setValue(kept)  # its name is in view anyway
        elif hidden > 0:
            bar.setValue(bar.value() - hidden)


class _Names(QTableView):
    """The names and sources of a table's rows, which stay in view while its releases are scrolled."""

    def __init__(self, table: QTableView) -> None:
        super().__init__(table)
        self._table = table
        self.setModel(table.model())
        self.setSelectionModel(table.selectionModel())
        plain_table(self, 27)
        self.setObjectName("names")
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setFocusProxy(table)
        self.setAccessibleName(self.tr("Names of the rows"))
        for policy in (self.setHorizontalScrollBarPolicy, self.setVerticalScrollBarPolicy):
            policy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.horizontalHeader().setSectionsClickable(False)
        table.verticalScrollBar().valueChanged.connect(self.verticalScrollBar().setValue)
        self.verticalScrollBar().valueChanged.connect(table.verticalScrollBar().setValue)
        table.installEventFilter(self)

    def fit(self) -> None:
        """Lie over the first columns of the table, and show no others."""
        table, wide = self._table, 0
        for column in range(self.model().columnCount()):
            self.setColumnHidden(column, column >= FIXED)
            if column < FIXED:
                self.setColumnWidth(column, table.columnWidth(column))
                wide += table.columnWidth(column)
        edge = table.frameWidth()
        head = table.horizontalHeader().height()
        self.horizontalHeader().setFixedHeight(head)
        self.setGeometry(edge, edge, wide, table.viewport().height() + head)
        self.verticalScrollBar().setValue(table.verticalScrollBar().value())

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() in (QEvent.Type.Resize, QEvent.Type.LayoutRequest):
            self.fit()
        return False


class TimelineView(QWidget):
    """The table, a search, and a choice between all and what the upgrade touches."""

    chosen = Signal(str, str)

    def __init__(self, context: Context) -> None:
        super().__init__()
        self._context, self._store = context, context.store
        self._offers: list[OfferRow] = []
        self._lines: list[Line] = []
        self._arch = ""
        self._stale = True
        self.model = TimelineModel()
        self.table = _Releases()
        self.table.setModel(self.model)
        self.table.setAccessibleName(self.tr("Timeline of programs and of what they need"))
        plain_table(self.table, 27)
        self.table.setSelectionBehavior(QTableView.SelectionBehavior.SelectRows)
        self.table.setItemDelegate(_Block(self.table))
        self.table.horizontalHeader().setMinimumSectionSize(SLIM)
        self.table.horizontalHeader().setTextElideMode(Qt.TextElideMode.ElideRight)
        for column in range(FIXED):
            self.table.setItemDelegateForColumn(column, QStyledItemDelegate(self.table))
        on_choice(self.table, self._clicked)
        self.names = _Names(self.table)
        self.names.clicked.connect(self._clicked)
        self.table.resized.connect(self._fit)
        self.affected = QCheckBox(self.tr("only what the upgrade touches"))
        self.affected.setChecked(True)
        self.affected.toggled.connect(lambda _: self.refresh())
        self.search = QLineEdit()
        self.search.setPlaceholderText(self.tr("Search…"))
        self.search.setAccessibleName(self.tr("Search the timeline"))
        self.search.setClearButtonEnabled(True)
        self.search.setMaximumWidth(200)
        self.search.textChanged.connect(lambda _: self.refresh())
        note = QLabel(self.tr("Strong: kernels loaded · pale: tables · ▶ first bad step · bar: prototype changed"))
        note.setObjectName("muted")
        note.setWordWrap(True)
        note.setContentsMargins(14, 0, 12, 4)
        row = QHBoxLayout()
        row.setContentsMargins(12, 4, 12, 2)
        row.setSpacing(8)
        row.addWidget(self.affected)
        row.addWidget(self.search)
        row.addStretch(1)
        self.empty = nothing(self.tr("The upgrade touches nothing here."))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(1, 0, 1, 1)
        layout.setSpacing(2)
        layout.addLayout(row)
        layout.addWidget(self.table, 1)
        layout.addWidget(note)
        layout.addWidget(self.empty, 1)
        self.table.hide()
        self._store.analysis_changed.connect(self._news)
        self._store.selection_changed.connect(self._follow)

    # --- what is shown ---
    def show_rows(self, rows: list[OfferRow]) -> None:
        """What the kernels offer is known, or known better."""
        self._offers = rows
        self._news()

    def _news(self) -> None:
        """Work the lines out again once somebody looks."""
        self._stale = True
        if self.isVisible():
            self._work_out()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        if self._stale:
            self._work_out()

    def _work_out(self) -> None:
        index, offers = self._store.index, self._offers
        self._stale = False
        if index is None:
            self._take([])
        elif len(index.programs) < SMALL:
            self._take(_lines(index, offers))
        else:
            self.empty.setText(self.tr("Working it out…"))
            self._context.jobs.quick(lambda _stop: _lines(index, offers), self._take, "timeline")

    def _take(self, lines: list[Line]) -> None:
        self._lines = lines
        self.empty.setText(self.tr("The upgrade touches nothing here."))
        self.refresh()

    def narrow(self, arch: str) -> None:
        """Show the kernels of one architecture, of all for the empty word; a hidden table waits."""
        changed, self._arch = arch != self._arch, arch
        if changed and self.isVisible():
            self.refresh()

    def refresh(self) -> None:
        """Fill the table again."""
        self.model.show(self._lines, self.affected.isChecked(), self._arch, self.search.text().strip())
        self.table.setVisible(bool(self.model.rows))
        self.empty.setVisible(not self.model.rows)
        self._fit()
        self._follow()

    def _fit(self) -> None:
        """Widths of the columns for the room that there is, with the turn from good to bad in view."""
        room = self.table.viewport().width()
        columns = max(1, self.model.columnCount() - FIXED)
        self.model.tight = room <= NARROW
        fixed = list(TIGHT if self.model.tight else WIDE)
        spare = room - sum(fixed) - columns * MOST
        fixed[0] += max(0, min(spare, fixed[0]))  # names are not cut beside empty room
        for column, wide in enumerate(fixed):
            self.table.setColumnWidth(column, wide)
            room -= wide
        turn, wide = self.model.turn(), min(max(room // columns, LEAST), 2 * MOST)
        outer, inner = around(room, turn[1] - turn[0], wide) if turn is not None else (wide, wide)
        for column in range(FIXED, columns + FIXED):
            between = turn is not None and turn[0] < column < turn[1]
            self.table.setColumnWidth(column, inner if between else outer if turn and column in turn else wide)
        self.names.fit()
        if turn is not None:  # as little as shows it: of other rows that are not in view nothing is seen
            end = sum(self.table.columnWidth(i) for i in range(FIXED, turn[1] + 1))
            self.table.horizontalScrollBar().setValue(max(end - room, 0))

    # --- selection ---
    def _clicked(self, place: QModelIndex) -> None:
        line, index = self.model.rows[place.row()], self._store.index
        if index is None:
            return
        if line.program:
            found = index.program_id(line.object, line.name)
            if found is not None:
                self._store.select(Node(PROGRAM, found))
            return
        if line.kind in (NeedKind.KFUNC, NeedKind.HELPER, NeedKind.HOOK):
            self.chosen.emit(line.kind, line.name)
        need = index.need_id(NeedKind(line.kind), line.name)
        if need is not None:
            self._store.select(Node(NEED, need))

    def _follow(self) -> None:
        """Mark the row of what is selected."""
        index, node = self._store.index, self._store.selected
        row = -1
        if index is not None and node is not None:
            row = next((i for i, line in enumerate(self.model.rows) if _is(index, node, line)), -1)
        if row < 0:
            self.table.clearSelection()
        elif self.table.currentIndex().row() != row:
            self.table.setCurrentIndex(self.model.index(row, 0))


def _is(index: Index, node: Node, line: Line) -> bool:
    if node.column == PROGRAM:
        program = index.programs[node.id]
        return line.program and line.name == program.name and line.object == index.objects[program.object]
    if node.column == NEED:
        kind, name = index.needs[node.id]
        return not line.program and (line.kind, line.name) == (kind.value, name)
    return False


def _lines(index: Index, offers: list[OfferRow]) -> list[Line]:
    arches = index.analysis.arches
    return [*program_lines(arches, index.steps), *need_lines(offers, arches, index.steps)]
