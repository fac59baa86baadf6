# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The kfunc explorer: every kfunc, helper and hook with its set, flags, program types, users and life."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import (
    QButtonGroup,
    QComboBox,
    QHBoxLayout,
    QPushButton,
    QScrollArea,
    QSplitter,
    QStackedWidget,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from kfuncscope.gui import theme
from kfuncscope.gui.context import Context
from kfuncscope.gui.dialogs.compare import CompareView
from kfuncscope.gui.filters import pattern
from kfuncscope.gui.frame.spoken import spoken
from kfuncscope.gui.models.table import Cell, TableModel
from kfuncscope.gui.toolbar import SearchField
from kfuncscope.gui.views.findings import plain_table
from kfuncscope.gui.views.spread import Spread
from kfuncscope.gui.widgets.story import NARROWEST, Story
from kfuncscope.model.verdict import Verdict
from kfuncscope.study.lifecycle import OfferRow, Seen, State

STATE_LOOK = {
    State.PRESENT: Verdict.OK,
    State.ABSENT: Verdict.BREAKS,
    State.UNREGISTERED: Verdict.RISK,
    State.UNKNOWN: Verdict.UNKNOWN,
}


class OffersModel(TableModel):
    """Offers that pass the search, the worst for this session first."""

    def __init__(self) -> None:
        super().__init__()
        self.headers = [self.tr(t) for t in ("Name", "Upgrade", "Users", "Since", "Kind", "Set")]
        self.all: list[OfferRow] = []
        self.rows: list[OfferRow] = []
        self._order = (-1, Qt.SortOrder.AscendingOrder)

    def show(self, rows: list[OfferRow], text: str, kind: str, used: bool) -> None:
        """Keep the rows whose name, set or module the search finds."""
        search = pattern(text).search
        order = list(Verdict)
        kept = [
            r
            for r in rows
            if (not kind or r.kind.value == kind)
            and (not used or r.users)
            and (not text or search(" ".join((r.name, *r.sets, r.module))))
        ]
        kept.sort(key=lambda r: (order.index(r.verdict), -bool(r.users), r.name))
        self.beginResetModel()
        self.rows = self._sorted(kept)
        self.endResetModel()

    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        self._order = (column, order)
        self.layoutAboutToBeChanged.emit()
        kept = self.persistentIndexList()
        before = self.rows
        self.rows = self._sorted(before)
        place = {id(row): number for number, row in enumerate(self.rows)}
        self.changePersistentIndexList(kept, [self.index(place[id(before[i.row()])], i.column()) for i in kept])
        self.layoutChanged.emit()

    def _sorted(self, rows: list[OfferRow]) -> list[OfferRow]:
        """Rows in the order that was asked for, as they come where none was."""
        column, order = self._order
        if column < 0:
            return rows
        down = order is Qt.SortOrder.DescendingOrder
        return sorted(rows, key=lambda r: (self._key(r, column), r.name), reverse=down)

    def _key(self, row: OfferRow, column: int) -> Any:
        if column == 2:
            return len(row.users)
        if column == 1:
            return list(Verdict).index(row.verdict)
        if column == 3:
            return tuple(int(x) if x.isdecimal() else 0 for x in (row.first_release or "0").split("."))
        return self._text(row, column)

    def _text(self, row: OfferRow, column: int) -> str:
        users = str(len(row.users)) if row.users else ""
        sets = row.sets[0] if row.sets else row.module
        return (row.name, theme.WORDS[row.verdict], users, row.first_release, row.kind.value, sets)[column]

    def data(self, index: Cell, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid():
            return None
        row = self.rows[index.row()]
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.ToolTipRole):
            return self._text(row, index.column())
        if role == Qt.ItemDataRole.DecorationRole and index.column() == 1:
            return theme.icon(row.verdict)
        if role == Qt.ItemDataRole.FontRole and index.column() == 0:
            return theme.mono(-0.5)
        return None


BLOCK = 84  # pixels that "riscv64 6.12" and "prototype" take in a life line


class LifeLine(QWidget):
    """The life of one name: a block per release or kernel with shape and word, prototype changes marked between."""

    def __init__(self, seen: tuple[Seen, ...]) -> None:
        super().__init__()
        self._seen = seen
        self._fit(300)
        self.setAccessibleName("; ".join(f"{s.kernel}: {spoken(s.state.value)}" for s in seen))
        self.setToolTip(self.accessibleName().replace("; ", "\n"))

    def _fit(self, width: int) -> None:
        """Take as many blocks a row as have room for their words, four at most."""
        self._columns = min(4, max(1, width // round(BLOCK * max(1.0, theme.scale()))))
        self.setMinimumHeight(max(1, -(-len(self._seen) // self._columns)) * 46)

    def resizeEvent(self, event: QResizeEvent) -> None:
        self._fit(event.size().width())
        super().resizeEvent(event)

    def sizeHint(self) -> QSize:
        return QSize(300, self.minimumHeight())

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        c = theme.look()
        width = self.width() / self._columns
        painter.setFont(theme.ui_font(-1))
        for i, seen in enumerate(self._seen):
            x, y = (i % self._columns) * width, (i // self._columns) * 46
            verdict = STATE_LOOK[seen.state]
            fill = theme.colour(verdict)
            fill.setAlphaF(0.75 if seen.loaded else 0.4)
            painter.fillRect(QRectF(x + 1, y + 2, width - 4, 10), fill)
            before = self._seen[i - 1] if i else None
            if before is not None and before.prototype and seen.prototype and before.prototype != seen.prototype:
                painter.fillRect(QRectF(x - 1.5, y, 3, 14), QColor(c.text))
            painter.setPen(QColor(c.text))
            metrics = painter.fontMetrics()
            name = metrics.elidedText(_short(seen), Qt.TextElideMode.ElideRight, int(width - 4))
            painter.drawText(QRectF(x + 1, y + 13, width - 4, 15), Qt.AlignmentFlag.AlignVCenter, name)
            painter.setPen(QColor(c.muted))
            word = metrics.elidedText(
                f"{theme.GLYPHS[verdict]} {spoken(seen.state.value)}", Qt.TextElideMode.ElideRight, int(width - 4)
            )
            painter.drawText(QRectF(x + 1, y + 27, width - 4, 15), Qt.AlignmentFlag.AlignVCenter, word)
        painter.end()


class KfuncsView(QWidget):
    """Search and list on the left, the whole story of one name on the right."""

    whatif_wanted = Signal(str, str)
    who_wanted = Signal(str, str)

    def __init__(self, _context: Context) -> None:
        super().__init__()
        self.rows: list[OfferRow] = []
        self.current: OfferRow | None = None
        whole = self.tr("Name, set or module (regular expression)")
        self.search = SearchField(whole, self.tr("Name, set or module"), self.tr("Name…"))
        self.search.setClearButtonEnabled(True)
        self.search.setAccessibleName(whole)
        self.kind = QComboBox()
        self.kind.setAccessibleName(self.tr("Kind"))
        kinds = (self.tr("all kinds"), ""), ("kfunc", "kfunc"), ("helper", "helper"), ("hook", "hook")
        for text, value in kinds:
            self.kind.addItem(text, value)
        self.used = QPushButton(self.tr("Used here"))
        self.used.setObjectName("chip")
        self.used.setCheckable(True)
        self.model = OffersModel()
        self.table = QTableView()
        self.table.setModel(self.model)
        self.table.setAccessibleName(self.tr("Kfuncs, helpers and hooks"))
        plain_table(self.table)
        self.table.horizontalHeader().setSortIndicator(-1, Qt.SortOrder.AscendingOrder)
        self.table.setSortingEnabled(True)
        self.table.horizontalHeader().setStretchLastSection(True)
        Spread(self.table, {0: 170, 1: 98, 2: 55, 3: 54, 4: 54, 5: 90}, ((0, 2.2),), {0: 96, 1: 98})
        self.story = QScrollArea()
        self.story.setWidgetResizable(True)
        self.story.setMinimumWidth(NARROWEST + 12)
        self.story.setAccessibleName(self.tr("About the chosen name"))
        self.story.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.compare = CompareView()
        self.explore_button, self.compare_button = QPushButton(self.tr("Explore")), QPushButton(self.tr("Compare"))
        self.explore_button.setToolTip(self.tr("What the kernels provide, by name"))
        self.compare_button.setToolTip(self.tr("What was removed, added or changed between two kernels"))
        self.used.setToolTip(self.tr("Only what the programs of this session use"))
        self._build()
        self.search.textChanged.connect(self.refresh)
        self.kind.currentIndexChanged.connect(lambda _: self.refresh())
        self.used.toggled.connect(lambda _: self.refresh())
        self.table.selectionModel().currentRowChanged.connect(lambda new, _old: self._tell(new.row()))

    def _build(self) -> None:
        row = QHBoxLayout()
        row.setContentsMargins(12, 6, 12, 4)
        row.setSpacing(7)
        self._modes = QButtonGroup(self)
        for number, button in enumerate((self.explore_button, self.compare_button)):
            button.setObjectName("chip")
            button.setCheckable(True)
            self._modes.addButton(button, number)
            row.addWidget(button)
        self.explore_button.setChecked(True)
        row.addSpacing(8)
        row.addWidget(self.search, 1)
        row.addWidget(self.kind)
        row.addWidget(self.used)
        row.addStretch(0)
        splitter = QSplitter()
        splitter.addWidget(self.table)
        splitter.addWidget(self.story)
        splitter.setStretchFactor(0, 3)
        splitter.setStretchFactor(1, 2)
        splitter.setSizes([430, 320])
        layout = QVBoxLayout(self)
        layout.setContentsMargins(1, 0, 1, 1)
        layout.setSpacing(0)
        layout.addLayout(row)
        self.pages = QStackedWidget()
        self.pages.addWidget(splitter)
        self.pages.addWidget(self.compare)
        layout.addWidget(self.pages, 1)
        self._modes.idClicked.connect(self._mode_chosen)

    def show_mode(self, mode: int) -> None:
        """Explore one name at a time (0), or compare two kernels (1)."""
        self.pages.setCurrentIndex(mode)
        for widget in (self.search, self.kind, self.used):
            widget.setVisible(mode == 0)
        (self.compare_button if mode else self.explore_button).setChecked(True)

    def _mode_chosen(self, mode: int) -> None:
        self.show_mode(mode)
        if mode:
            self.compare.begin()  # nobody has to ask twice

    def show_rows(self, rows: list[OfferRow]) -> None:
        """Show other offers; the name under study is kept where it still exists."""
        self.rows = rows
        self.refresh()

    def refresh(self) -> None:
        """Search again; the name under study stays where the search still finds it."""
        kept = (self.current.kind.value, self.current.name) if self.current is not None else None
        self.model.show(self.rows, self.search.text(), str(self.kind.currentData()), self.used.isChecked())
        place = self._place(*kept) if kept is not None else -1
        if place < 0 and self.model.rows:
            place = 0
        selection = self.table.selectionModel()
        selection.blockSignals(True)
        if place >= 0:
            self.table.selectRow(place)
            self.table.scrollTo(self.model.index(place, 0))
        selection.blockSignals(False)
        self._tell(place)

    def _place(self, kind: str, name: str) -> int:
        """The row of a name in the list as it is now, -1 where it is not in it."""
        rows = enumerate(self.model.rows)
        return next((i for i, row in rows if (row.kind.value, row.name) == (kind, name)), -1)

    def go_to(self, kind: str, name: str) -> bool:
        """Show one name, ending a search that hides it; False when there is none such."""
        if self._place(kind, name) < 0 and any((r.kind.value, r.name) == (kind, name) for r in self.rows):
            self.search.clear()
            self.kind.setCurrentIndex(0)
            self.used.setChecked(False)
        place = self._place(kind, name)
        if place >= 0:
            self.show_mode(0)
            self.table.selectRow(place)
        return place >= 0

    def _tell(self, number: int) -> None:
        story = Story(self.story.viewport().width())
        self.current = self.model.rows[number] if 0 <= number < len(self.model.rows) else None
        if self.current is not None:
            self._fill(story, self.current)
        elif self.rows:
            story.muted(self.tr("Nothing found."))
        else:
            story.muted(self.tr("Load kernels or the demo to explore what they offer."))
        story.end()
        self.story.setWidget(story)

    def _fill(self, story: Story, row: OfferRow) -> None:
        from kfuncscope.knowledge.flags import flag_meaning  # brings the tables along

        story.path(row.name, 2)
        facts = [row.kind.value, *(f"set {s}" for s in row.sets), row.module and f"module {row.module}"]
        story.muted(" · ".join(f for f in facts if f))
        if row.life:
            story.text(row.life)
        if row.prototype:
            story.heading(self.tr("PROTOTYPE"))
            story.code(row.prototype)
        if row.flags:
            story.heading(self.tr("FLAGS"))
            for flag in row.flags:
                meaning = flag_meaning(flag) or self.tr("not known to this version")
                story.text(f"{flag}: {meaning}")
        if row.prog_types:
            story.heading(self.tr("PROGRAM TYPES"))
            story.text(", ".join(row.prog_types))
            if row.types_from:
                story.muted(self.tr("from {0}").format(row.types_from))
        if row.seen:
            story.heading(self.tr("SEEN IN"))
            story.add(LifeLine(row.seen))
        story.heading(self.tr("USED BY  {0}").format(f"{len(row.users):,}"))
        for user in row.users[:12]:
            story.text(" › ".join(user.rsplit("/", 1)))
        if len(row.users) > 12:
            story.muted(self.tr("and {0} more").format(len(row.users) - 12))
        _, who = story.buttons(
            [
                (self.tr("What if it were removed?"), lambda: self.whatif_wanted.emit(row.kind.value, row.name)),
                (self.tr("Show in graph"), lambda: self.who_wanted.emit(row.kind.value, row.name)),
            ]
        )
        who.setEnabled(bool(row.users))


def _short(seen: Seen) -> str:
    """A kernel in few letters: architecture and series, or the release."""
    return f"{seen.arch} {'.'.join(seen.release.split('.')[:2])}" if seen.arch else seen.release
