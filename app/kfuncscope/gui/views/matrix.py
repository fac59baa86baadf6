# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The Matrix tab: programs × architectures as a heat map with glyph, word and colour."""

from __future__ import annotations

from PySide6.QtCore import QModelIndex, QRectF, Qt
from PySide6.QtGui import QColor, QFontMetrics, QPainter, QResizeEvent, QShowEvent
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QHBoxLayout,
    QHeaderView,
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
from kfuncscope.gui.index import AFFECTED, SCALE
from kfuncscope.gui.models.matrix import GROUP_ROLE, VERDICT_ROLE, GroupBy, MatrixModel
from kfuncscope.gui.models.table import Cell
from kfuncscope.gui.store import NEED, OBJECT, PROGRAM, Node
from kfuncscope.gui.views.findings import nothing, plain_table
from kfuncscope.gui.widgets.choice import on_choice
from kfuncscope.gui.widgets.words import counted, without_common

HEAD = 14  # pixels beside the words of a header
LEAST = 88  # that names of programs take at least
WORD = 124  # pixels that an architecture needs for glyph and any word
MEASURED = 120  # rows that say how much room names take
TIGHT = 150  # a column of names that is no wider indents them less


class _Cell(QStyledItemDelegate):
    """Paints a verdict as a tinted field with shape and word."""

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Cell) -> None:
        c = theme.look()
        box = QRectF(option.rect)
        group = bool(index.data(GROUP_ROLE))
        chosen = bool(option.state & QStyle.StateFlag.State_Selected)
        painter.save()
        painter.fillRect(box, QColor(c.selection if chosen else c.window if group else c.panel))
        text = str(index.data() or "")
        code = index.data(VERDICT_ROLE) if index.column() else None
        left = box.left() + (8 if group or index.column() else 26 if box.width() > TIGHT else 14)
        if code is not None and code >= 0:
            verdict = SCALE[int(code)]
            inner = box.adjusted(2, 2, -2, -2)
            if code >= AFFECTED and not group:
                painter.fillRect(inner, theme.tint(verdict))
                painter.fillRect(QRectF(inner.left(), inner.top(), 3, inner.height()), theme.colour(verdict))
            theme.draw_glyph(painter, verdict, box.left() + 16, box.center().y(), 9)
            left = box.left() + 27
        quiet = code is not None and code < AFFECTED
        painter.setPen(QColor(c.muted if quiet or text == "–" else c.text))
        font = theme.ui_font(-0.5) if index.column() else theme.ui_font(bold=True) if group else theme.mono(-0.5)
        painter.setFont(font)
        room = int(box.right() - left - 4)
        wide = painter.fontMetrics().horizontalAdvance
        if code is not None and code >= 0 and wide(text) > room:
            text = text.replace(theme.WORDS[SCALE[int(code)]], theme.SHORT[SCALE[int(code)]], 1)
        if code is not None and wide(text) > room:
            word = text.partition(" ")[0] if group else ""  # of a count its word, of a verdict its glyph says it
            text = word if wide(word) <= room else ""
        text = self.fitted(text, group, index.column(), painter.fontMetrics(), room)
        painter.drawText(QRectF(left, box.top(), room, box.height()), Qt.AlignmentFlag.AlignVCenter, text)
        painter.fillRect(QRectF(box.left(), box.bottom() - 0.5, box.width(), 1), QColor(c.line))
        if option.state & QStyle.StateFlag.State_HasFocus:
            painter.setPen(theme.pen(c.accent, 1.4))
            painter.drawRect(box.adjusted(1, 1, -1, -2))
        painter.restore()

    @staticmethod
    def fitted(text: str, group: bool, column: int, letters: QFontMetrics, room: int) -> str:
        """As much of a text as there is room for: of a path its end, of any other name both ends, of a count its begin.

        The sign that a group is open or folded stays, and with it the number of its programs.
        """
        if letters.horizontalAdvance(text) <= room:
            return text
        if column:
            return letters.elidedText(text, Qt.TextElideMode.ElideRight, room)
        text = without_common(text)
        sign = text[:2] if group else ""
        mode = Qt.TextElideMode.ElideLeft if group and "/" in text else Qt.TextElideMode.ElideMiddle
        return sign + letters.elidedText(text[len(sign) :], mode, room - letters.horizontalAdvance(sign))


class MatrixView(QWidget):
    """The table with its choices of grouping and order. A click on a cell narrows to architecture and program."""

    def __init__(self, context: Context) -> None:
        super().__init__()
        store = self._store = context.store
        self.model = MatrixModel()
        self.table = QTableView()
        self.table.setModel(self.model)
        self.table.setAccessibleName(self.tr("Programs by architecture"))
        plain_table(self.table)
        self.table.setSelectionBehavior(QTableView.SelectionBehavior.SelectItems)
        self.table.setItemDelegate(_Cell(self.table))
        self.table.setMouseTracking(True)
        on_choice(self.table, self._clicked)
        head = self.table.horizontalHeader()
        head.setObjectName("lanes")
        head.setSectionsClickable(True)
        head.sectionClicked.connect(self._lane_clicked)
        self.group = QComboBox()
        for text, value in (
            (self.tr("by object"), GroupBy.OBJECT),
            (self.tr("by package"), GroupBy.PACKAGE),
            (self.tr("not grouped"), GroupBy.NOTHING),
        ):
            self.group.addItem(text, value)
        self.group.setAccessibleName(self.tr("Group rows"))
        self.group.currentIndexChanged.connect(lambda _: self._arrange())
        self.risk = QCheckBox(self.tr("worst first"))
        self.risk.setChecked(True)
        self.risk.toggled.connect(lambda _: self._arrange())
        self.count = QLabel()
        self.count.setObjectName("muted")
        row = QHBoxLayout()
        row.setContentsMargins(12, 4, 12, 2)
        row.setSpacing(8)
        row.addWidget(QLabel(self.tr("Rows")))
        row.addWidget(self.group)
        row.addWidget(self.risk)
        row.addStretch(1)
        row.addWidget(self.count)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(1, 0, 1, 1)
        layout.setSpacing(2)
        layout.addLayout(row)
        layout.addWidget(self.table, 1)
        self.empty = nothing(self.tr("No program passes these filters. Remove a chip above, or press Ctrl+Z."))
        layout.addWidget(self.empty, 1)
        store.analysis_changed.connect(self._news)
        store.filters_changed.connect(self._news)
        store.selection_changed.connect(self._follow)
        store.proof_changed.connect(self.model.reseal)
        self._stale = False

    def _news(self) -> None:
        """Show what is new, once somebody looks."""
        self._stale = not self.isVisible()
        if not self._stale:
            self.refresh()
            self._follow()
        elif self.model.index_ not in (None, self._store.index):
            self.model.show(None, ())  # nobody sees it, and it would hold all of a result that is gone

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        if self._stale:
            self._news()
        self._follow()

    def refresh(self) -> None:
        """Show the programs that pass the filters."""
        self.model.show(self._store.index, self._store.filters)
        programs = sum(len(r.programs) or r.program >= 0 for r in self.model.rows if not r.group or r.programs)
        self.count.setText(counted(programs, self.tr("program"), self.tr("programs")))
        self.table.setVisible(bool(self.model.rows))
        self.empty.setVisible(not self.model.rows)
        self._columns()

    def _columns(self) -> None:
        head = self.table.horizontalHeader()
        lanes = self.model.columnCount() - 2
        head.setFixedHeight(self.fontMetrics().height() * 2 + 14)
        for column in range(max(0, self.model.columnCount())):
            head.setSectionResizeMode(
                column, QHeaderView.ResizeMode.Stretch if 0 < lanes <= 7 else QHeaderView.ResizeMode.Interactive
            )
        if self.model.columnCount():
            head.setSectionResizeMode(0, QHeaderView.ResizeMode.Interactive)
            head.setSectionResizeMode(self.model.columnCount() - 1, QHeaderView.ResizeMode.Interactive)
            widest = max((len(r.programs) for r in self.model.rows), default=0) * max(lanes, 1)
            room = self.fontMetrics().horizontalAdvance(f"{widest} of {widest}") + 32
            self.table.setColumnWidth(self.model.columnCount() - 1, max(64, room))
            self._name_room()

    def _name_room(self) -> None:
        """Names of programs take less where those of the architectures would be cut."""
        head, last = self.table.horizontalHeader(), self.model.columnCount() - 1
        lanes = max(0, last - 1)
        if lanes > 7 or last < 1:
            self.table.setColumnWidth(0, 210)
            return
        names = [str(self.model.headerData(i, Qt.Orientation.Horizontal)).split("\n")[0] for i in range(1, last)]
        bold = QFontMetrics(theme.ui_font(bold=True))
        wide = max((bold.horizontalAdvance(name) + HEAD for name in names), default=0)
        self._shorten(lanes, last, bold)
        rest = self.table.viewport().width() - self.table.columnWidth(last) - lanes * wide
        words = self.table.viewport().width() - self.table.columnWidth(last) - lanes * WORD
        head.resizeSection(0, max(min(max(rest, LEAST), 210 if lanes > 3 else 260), min(self._natural(), words)))

    def _natural(self) -> int:
        """What the names of the first rows take."""
        bold, plain = QFontMetrics(theme.ui_font(bold=True)), QFontMetrics(theme.mono(-0.5))
        names = [
            (row.program < 0, str(self.model.index(i, 0).data())) for i, row in enumerate(self.model.rows[:MEASURED])
        ]
        return max(((bold if group else plain).horizontalAdvance(name) + 40 for group, name in names), default=0)

    def _shorten(self, lanes: int, last: int, bold: QFontMetrics) -> None:
        """One count below each architecture where two of them would be cut."""
        self.model.shorten(False)
        room = (self.table.viewport().width() - self.table.columnWidth(last) - LEAST) / max(1, lanes) - HEAD
        heads = (str(self.model.headerData(i, Qt.Orientation.Horizontal)) for i in range(1, last))
        self.model.shorten(any(bold.horizontalAdvance(head.partition("\n")[2]) > room for head in heads))

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._name_room()

    def _arrange(self) -> None:
        self.model.arrange(self.group.currentData(), self.risk.isChecked())

    def _fold(self, group: str) -> None:
        """Fold or unfold a group; the keyboard stays on it."""
        self.model.fold(group)
        place = next(i for i, r in enumerate(self.model.rows) if r.program < 0 and r.group == group)
        self.table.setCurrentIndex(self.model.index(place, 0))

    def _lane_clicked(self, section: int) -> None:
        index = self._store.index
        if index is not None and 1 <= section <= len(index.lanes):
            self._store.toggle("arch", index.lanes[section - 1])

    def _clicked(self, place: QModelIndex) -> None:
        index = self._store.index
        if index is None or not place.isValid():
            return
        row = self.model.rows[place.row()]
        lane = place.column() - 1
        if row.program < 0:
            if place.column() == 0:
                self._fold(row.group)
            elif self.model.group_by is GroupBy.OBJECT:
                self._store.select(Node(OBJECT, index.objects.index(row.group)))
            return
        if 0 <= lane < len(index.lanes):
            self._store.add("arch", index.lanes[lane])
        self._store.select(Node(PROGRAM, row.program))

    def _follow(self) -> None:
        """Mark the program or the object that is selected; nothing, from the top, where it is not in the table."""
        number = self._row_of(self._store.selected)
        if number < 0:
            self.table.setCurrentIndex(QModelIndex())
            self.table.clearSelection()
        elif self.table.currentIndex().row() != number:
            lane = self._store.lane
            self.table.setCurrentIndex(self.model.index(number, lane + 1 if lane >= 0 else 0))

    def _row_of(self, node: Node | None) -> int:
        if node is None or node.column == NEED:
            return -1
        group = self.model.group_by is GroupBy.OBJECT and node.column == OBJECT
        name = self._store.index.objects[node.id] if group and self._store.index is not None else None
        return next(
            (
                i
                for i, row in enumerate(self.model.rows)
                if (row.program == node.id if node.column == PROGRAM else row.program < 0 and row.group == name)
            ),
            -1,
        )
