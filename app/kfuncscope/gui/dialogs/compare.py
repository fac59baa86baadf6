# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Compare any two kernels of the session, without any object: what was removed, added or changed."""

from __future__ import annotations

import html
from collections import Counter
from functools import lru_cache
from typing import Any

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QSplitter,
    QTableView,
    QTextBrowser,
    QVBoxLayout,
    QWidget,
)

from kfuncscope.gui import theme
from kfuncscope.gui.filters import pattern
from kfuncscope.gui.models.table import Cell, TableModel
from kfuncscope.gui.views.findings import plain_table
from kfuncscope.gui.widgets import words
from kfuncscope.model import aligned
from kfuncscope.model.verdict import Verdict
from kfuncscope.session.grouping import name_of
from kfuncscope.session.session import KernelRef, Session

LOOK = {"removed": Verdict.BREAKS, "changed": Verdict.RISK, "added": Verdict.FIXED}
WIDTH = 84
Difference = tuple[str, str, str, str, str, str]  # kind, name, change, old, new, note


class DifferencesModel(TableModel):
    """Differences that pass the search."""

    def __init__(self) -> None:
        super().__init__()
        self.headers = [self.tr(t) for t in ("Change", "Name", "Kind", "Note")]
        self.rows: list[Difference] = []

    def show(self, rows: list[Difference], text: str, kind: str, change: str) -> None:
        """Keep the rows of a kind and a change whose name the search finds."""
        search = pattern(text).search
        kept = [r for r in rows if (not kind or r[0] == kind) and (not change or r[2] == change) and search(r[1])]
        self.beginResetModel()
        self.rows = kept
        self.endResetModel()

    def data(self, index: Cell, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid():
            return None
        kind, name, change, old, new, note = self.rows[index.row()]
        if not note and change == "changed" and index.column() == 3:
            note = _said(old, new)
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.ToolTipRole):
            return (change, name, kind.replace("_", " "), note)[index.column()]
        if role == Qt.ItemDataRole.DecorationRole and index.column() == 0:
            return theme.icon(LOOK.get(change, Verdict.UNKNOWN))
        if role == Qt.ItemDataRole.FontRole and index.column() == 1:
            return theme.mono(-0.5)
        return None


@lru_cache(maxsize=2000)
def _said(old: str, new: str) -> str:
    """What differs, for the rows in view alone: the lists are long."""
    return aligned.said(old, new) or "declaration differs"


class CompareView(QWidget):
    """Two kernels to choose, a list of differences, and both declarations side by side."""

    wanted = Signal(int, int, bool)

    def __init__(self) -> None:
        super().__init__()
        self.all: list[Difference] = []
        self.old, self.new = QComboBox(), QComboBox()
        for box in (self.old, self.new):
            box.setMinimumWidth(80)  # of a long name, in a narrow window
        self.old.setAccessibleName(self.tr("First kernel"))
        self.new.setAccessibleName(self.tr("Second kernel"))
        self.deep = QCheckBox(self.tr("functions and types too"))
        self.go = QPushButton(self.tr("Compare"))
        self.go.clicked.connect(self._ask)
        self.search = QLineEdit()
        self.search.setPlaceholderText(self.tr("Name (regular expression)"))
        self.search.setAccessibleName(self.search.placeholderText())
        self.kind, self.change = QComboBox(), QComboBox()
        self.kind.addItem(self.tr("all kinds"), "")
        self.kind.setAccessibleName(self.tr("Kind"))
        self.change.setAccessibleName(self.tr("Change"))
        for text in ("", "removed", "changed", "added"):
            self.change.addItem(text or self.tr("all changes"), text)
        self.count = QLabel()
        self.count.setObjectName("muted")
        self.model = DifferencesModel()
        self.table = QTableView()
        self.table.setModel(self.model)
        self.table.setAccessibleName(self.tr("Differences"))
        plain_table(self.table)
        for column, width in ((0, 96), (1, 250), (2, 90)):
            self.table.setColumnWidth(column, width)
        self.table.horizontalHeader().setStretchLastSection(True)
        self.text = QTextBrowser()
        for part in (self.table, self.text):
            part.setMinimumHeight(30)  # in a low window
        self.text.setAccessibleName(self.tr("Both declarations"))
        self._lay_out()
        self.search.textChanged.connect(self.refresh)
        self.kind.currentIndexChanged.connect(lambda _: self.refresh())
        self.change.currentIndexChanged.connect(lambda _: self.refresh())
        self.table.selectionModel().currentRowChanged.connect(lambda new, _old: self._tell(new.row()))
        self._tell(-1)

    def _lay_out(self) -> None:
        top = QHBoxLayout()
        top.setContentsMargins(12, 2, 12, 2)
        top.setSpacing(7)
        for widget in (self.old, QLabel("→"), self.new, self.deep, self.go):
            top.addWidget(widget)
        top.addStretch(1)
        below = QHBoxLayout()
        below.setContentsMargins(12, 2, 12, 4)
        below.setSpacing(7)
        below.addWidget(self.search, 1)
        below.addWidget(self.kind)
        below.addWidget(self.change)
        below.addWidget(self.count)
        splitter = QSplitter(Qt.Orientation.Vertical)
        splitter.addWidget(self.table)
        splitter.addWidget(self.text)
        splitter.setSizes([300, 200])
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        layout.addLayout(top)
        layout.addLayout(below)
        layout.addWidget(splitter, 1)

    def show_session(self, session: Session) -> None:
        """Offer the kernels of a session; the first old and the first new one to begin with."""
        refs = self.refs(session)
        for box, start in ((self.old, 0), (self.new, len(session.old) + len(session.path))):
            box.clear()
            box.addItems([" ".join(x for x in (name_of(r), r.arch or arch_in(r)) if x) for r in refs])
            box.setCurrentIndex(min(start, len(refs) - 1))
        self.go.setEnabled(len(refs) > 1)

    @staticmethod
    def refs(session: Session) -> list[KernelRef]:
        """The kernels that can be compared, in the order of the lists."""
        return [*session.old, *session.path, *session.new]

    def begin(self) -> None:
        """Compare the two that are chosen unless something is shown already."""
        if self.go.isEnabled() and not self.all and self.count.text() != self.tr("comparing…"):
            self._ask()

    def _ask(self) -> None:
        self.count.setText(self.tr("comparing…"))
        self.wanted.emit(self.old.currentIndex(), self.new.currentIndex(), self.deep.isChecked())

    def show_rows(self, rows: list[Difference]) -> None:
        """Show a comparison."""
        self.all = [tuple(r) for r in rows]  # type: ignore[misc]
        kinds = Counter(r[0] for r in self.all)
        self.kind.blockSignals(True)
        self.kind.clear()
        self.kind.addItem(self.tr("all kinds"), "")
        for kind, number in sorted(kinds.items()):
            self.kind.addItem(f"{kind.replace('_', ' ')} {number}", kind)
        self.kind.blockSignals(False)
        self.refresh()

    def refresh(self) -> None:
        """Search again."""
        self.model.show(
            self.all, self.search.text(), str(self.kind.currentData() or ""), str(self.change.currentData())
        )
        self.count.setText(words.counted(len(self.model.rows), self.tr("difference"), self.tr("differences")))
        if self.model.rows:
            self.table.selectRow(0)
        self._tell(0 if self.model.rows else -1)

    def _tell(self, row: int) -> None:
        c = theme.look()
        if not 0 <= row < len(self.model.rows):
            nothing = self.tr("Choose two kernels and compare them.")
            self.text.setHtml(f'<p style="color:{c.muted}">{nothing}</p>')
            return
        _, name, change, old, new, note = self.model.rows[row]
        if old and new:
            left, right = words.marked(old, new, c.removed, c.added, WIDTH)
        else:
            left, right = (html.escape(words.wrapped(text, WIDTH)) for text in (old, new))
        absent = self.tr("<i>absent</i>")
        first, second = self.tr("FIRST"), self.tr("SECOND")
        family = theme.mono().family()
        pre = f'<pre style="font-family:{family}; white-space:pre-wrap">'
        head = " · ".join(x for x in (f"<b>{html.escape(name)}</b>", change, html.escape(note)) if x)
        self.text.setHtml(
            f"<p>{head}</p><p style='color:{c.muted}'>{first}</p>{pre}{left or absent}</pre>"
            f"<p style='color:{c.muted}'>{second}</p>{pre}{right or absent}</pre>"
        )


def arch_in(ref: KernelRef) -> str:
    """The architecture that a kernel's label ends with."""
    return ref.label[len(name_of(ref)) :].strip("-_ .") if ref.label else ""
