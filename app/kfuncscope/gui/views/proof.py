# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The Proof dock: what ran on booted kernels, object by object as the answers come, predicted beside seen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import QModelIndex, Qt
from PySide6.QtGui import QColor, QPainter
from PySide6.QtWidgets import (
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from kfuncscope.gui import theme
from kfuncscope.gui.context import Context
from kfuncscope.gui.graph import seals
from kfuncscope.gui.graph.proofs import ORDER
from kfuncscope.gui.models.table import Cell, TableModel
from kfuncscope.gui.store import OBJECT, PROGRAM, Node, Store
from kfuncscope.gui.views.findings import nothing, plain_table
from kfuncscope.gui.widgets.choice import on_choice
from kfuncscope.model.proof import Booting, Proof, Seen
from kfuncscope.model.verdict import Verdict
from kfuncscope.storage.files import InputProblem

ANSWER, KERNEL, OBJECT_COLUMN, PROGRAM_COLUMN, PREDICTED, SEEN, LINE = range(7)
WAITING, FAILED = "waiting", "not booted"
SEAL_ROLE = int(Qt.ItemDataRole.UserRole)


@dataclass(frozen=True, slots=True)
class Line:
    """One row: an answer in words, or an object that waits for one (``state`` then says so)."""

    state: str
    kernel: str
    object: str
    program: str = ""
    predicted: str = ""
    seen: str = ""
    line: str = ""


class ProofModel(TableModel):
    """The answers, what disagrees first; objects without one yet below, in the order in which they are asked."""

    def __init__(self) -> None:
        super().__init__()
        self.headers = [
            self.tr(t) for t in ("Kernel says", "Kernel", "Object", "Program", "Predicted", "Seen", "Its own words")
        ]
        self.rows: list[Line] = []

    def show(self, rows: list[Line]) -> None:
        """Show other rows."""
        self.beginResetModel()
        order = {a.value: i for i, a in enumerate(reversed(ORDER))} | {WAITING: 9, FAILED: -1}
        self.rows = sorted(rows, key=lambda r: order.get(r.state, 8))  # stable: else as they came
        self.endResetModel()

    def data(self, index: Cell, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid():
            return None
        row = self.rows[index.row()]
        cells = (row.state, row.kernel, row.object, row.program or self.tr("(whole object)"), row.predicted, row.seen,
                 row.line)  # fmt: skip
        if row.state == FAILED:
            cells = (row.state, "", row.object, "", "", "", row.line)
        if role == SEAL_ROLE:
            found = [i for i, a in enumerate(ORDER) if a.value == row.state]
            return found[0] if found else 0
        if role == Qt.ItemDataRole.DisplayRole:
            return cells[index.column()]
        if role == Qt.ItemDataRole.ToolTipRole:
            return cells[index.column()] or None
        if role == Qt.ItemDataRole.FontRole and index.column() in (OBJECT_COLUMN, PROGRAM_COLUMN, LINE):
            return theme.mono(-0.5)
        return None


class _Answer(QStyledItemDelegate):
    """The seal before its word."""

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Cell) -> None:
        super().paint(painter, option, QModelIndex())
        box, code = option.rect, int(index.data(SEAL_ROLE) or 0)
        seals.paint_seal(painter, code, box.left() + 14, box.center().y() + 0.5)
        if str(index.data()) == FAILED:
            theme.draw_glyph(painter, Verdict.UNKNOWN, box.left() + 14, box.center().y() + 0.5, 10)
        painter.save()
        painter.setPen(QColor(theme.look().text if code or str(index.data()) == FAILED else theme.look().muted))
        painter.drawText(box.adjusted(26, 0, 0, 0), Qt.AlignmentFlag.AlignVCenter, str(index.data()))
        painter.restore()


class ProofView(QWidget):
    """Start, cancel, progress; the kernels in a line each; the table."""

    def __init__(self, context: Context) -> None:
        super().__init__()
        self._store: Store = context.store
        self._lines: dict[tuple[str, str], list[Line]] = {}
        self._problems: list[Line] = []
        self._heads: dict[str, str] = {}
        self.model = ProofModel()
        self.table = QTableView()
        self.table.setModel(self.model)
        self.table.setAccessibleName(self.tr("Answers of booted kernels"))
        plain_table(self.table)
        self.table.setItemDelegateForColumn(ANSWER, _Answer(self.table))
        for column, width in enumerate((132, 170, 190, 150, 110, 150, 300)):
            self.table.setColumnWidth(column, width)
        self.table.horizontalHeader().setStretchLastSection(True)
        on_choice(self.table, self._go)
        self.start = QPushButton(self.tr("Prove by booting"))
        self.start.setToolTip(self.tr("Boot the kernels in a virtual machine and load every program (Ctrl+Shift+B)"))
        self.cancel = QPushButton(self.tr("Cancel"))
        self.filter = QPushButton(self.tr("Kernel disagrees"))
        self.filter.setObjectName("chip")
        self.filter.setToolTip(self.tr("Show only programs of which the kernel did otherwise than predicted"))
        self.filter.clicked.connect(lambda: self._store.toggle("proof", "disagree"))
        self.bar = QProgressBar()
        self.bar.setAccessibleName(self.tr("Progress of the boots"))
        self.bar.setMaximumWidth(240)
        self.told = QLabel()
        self.told.setObjectName("muted")
        self.kernels = QLabel()
        self.kernels.setObjectName("muted")
        self.kernels.setWordWrap(True)
        self.kernels.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.empty = nothing(
            self.tr("Nothing was booted. “Prove by booting” loads every program into the kernels themselves: in a "
                    "virtual machine without network or disk, from the kernels' packages.")
        )  # fmt: skip
        self._lay_out()
        self.show_proofs(())

    def _lay_out(self) -> None:
        row = QHBoxLayout()
        row.setContentsMargins(8, 3, 8, 0)
        for widget in (self.start, self.cancel, self.bar):
            row.addWidget(widget)
        row.addWidget(self.told, 1)
        row.addWidget(self.filter)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(4, 2, 4, 4)
        layout.setSpacing(3)
        layout.addLayout(row)
        layout.addWidget(self.kernels)
        layout.addWidget(self.table, 1)
        layout.addWidget(self.empty, 1)

    # --- what runs ---
    def begin(self) -> None:
        """A run begins."""
        self._lines, self._problems, self._heads = {}, [], {}
        self.told.setText(self.tr("reading kernels and objects"))
        self._fill()
        self.progress(0, 0, "", True)

    def progress(self, done: int, total: int, text: str, running: bool) -> None:
        """How far the run is."""
        self.cancel.setVisible(running)
        self.start.setEnabled(not running)
        self.bar.setVisible(running)
        self.bar.setRange(0, total)
        self.bar.setValue(done)
        if running and text:
            self.told.setText(f"{done} / {total}  {text}" if total else text)

    def booting(self, event: Booting) -> None:
        """A kernel is about to be booted."""
        self._lines[event.arch, event.release] = [
            Line(WAITING, f"{event.arch} {event.release}", name) for name in event.objects
        ]
        self._heads[event.release] = f"{event.arch} {event.release} · {event.plan[0] if event.plan else ''}"
        self._fill()

    def seen(self, event: Seen) -> None:
        """An object has its answers."""
        key = event.arch, event.release
        made = Proof(event.arch, event.release, "", "", "", "", 0, (event.one,))
        kept = [line for line in self._lines.get(key, []) if line.object != event.one.object]
        self._lines[key] = [*kept, *_lines(made)]
        self._fill()

    def proved(self, proof: Proof) -> None:
        """A kernel is done."""
        from kfuncscope.report.proof import facts  # brings the engine along

        self._lines[proof.arch, proof.release] = _lines(proof)
        self._heads[proof.release] = f"{proof.arch} {proof.release} · {facts(proof)}"
        self._heads[proof.release] += "".join(f"\n{note}" for note in proof.notes)
        self._fill()

    def problem(self, problem: InputProblem) -> None:
        """Something was not booted, or gave no answer."""
        self._problems.append(Line(FAILED, "", problem.path, line=problem.reason))
        self._fill()

    def summed(self, proofs: tuple[Proof, ...]) -> None:
        """Whether anything disagrees, for the filter."""
        self.filter.setVisible(any(p.disagreements for p in proofs))

    def ended(self, text: str) -> None:
        """The run is over, one way or the other."""
        self.progress(0, 0, "", False)
        self.told.setText(text)

    def show_proofs(self, proofs: tuple[Proof, ...]) -> None:
        """What a result brings with it."""
        self._lines = {(p.arch, p.release): _lines(p) for p in proofs}
        self._heads = {}
        if proofs:
            from kfuncscope.report.proof import facts  # brings the engine along

            self._heads = {p.release: f"{p.arch} {p.release} · {facts(p)}" for p in proofs}
        self._problems = []
        self.told.setText("")
        self.progress(0, 0, "", False)
        self.summed(proofs)
        self._fill()

    def _fill(self) -> None:
        rows = [*self._problems, *(line for lines in self._lines.values() for line in lines)]
        self.model.show(rows)
        self.kernels.setText("\n".join(self._heads.values()))
        self.kernels.setVisible(bool(self._heads))
        self.table.setVisible(bool(rows))
        self.empty.setVisible(not rows)

    def _go(self, place: QModelIndex) -> None:
        """Select the program or the object of a row."""
        index, row = self._store.index, self.model.rows[place.row()]
        if index is None:
            return
        program = index.program_id(row.object, row.program) if row.program else None
        found = index.object_id(row.object)
        if program is not None:
            self._store.select(Node(PROGRAM, program))
        elif found is not None:
            self._store.select(Node(OBJECT, found))


def _lines(proof: Proof) -> list[Line]:
    from kfuncscope.report.proof import proof_rows  # brings the engine along

    kernel = f"{proof.arch} {proof.release}"
    return [
        Line(r.agreement.value, kernel, r.object, r.program, r.predicted, r.seen, r.line)
        for r in proof_rows(proof, everything=True)
    ]
