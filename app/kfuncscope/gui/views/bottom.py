# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The docks at the bottom: Problems (each with what can be done), Jobs (progress, cancel), Notes (editable)."""

from __future__ import annotations

import os
from collections.abc import Callable

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QColor, QPainter
from PySide6.QtWidgets import (
    QHBoxLayout,
    QHeaderView,
    QPushButton,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from kfuncscope.gui import theme
from kfuncscope.gui.context import Context
from kfuncscope.gui.jobs import Job
from kfuncscope.gui.models.inputs import grouped
from kfuncscope.gui.models.lists import ListModel
from kfuncscope.gui.models.table import Cell
from kfuncscope.gui.views.findings import nothing, plain_table
from kfuncscope.model.unchecked import UNFINISHED, Unchecked
from kfuncscope.model.verdict import Verdict
from kfuncscope.session.sources import owner
from kfuncscope.storage.files import InputProblem

ROW = 40  # the least height of the list, and of the line that says it is empty
MOST_ACTIONS = 200  # rows that get a button
ACTIONS_A_TURN = 4
PAUSE_MS = 20  # between them, for what a person does meanwhile


class ProblemsView(QWidget):
    """Inputs that could not be used and things that could not be judged: where, why, and a way out."""

    remove_wanted = Signal(str)
    reveal_wanted = Signal(str)
    type_wanted = Signal(str)

    def __init__(self, context: Context) -> None:
        super().__init__()
        self._context = context
        self._listed: list[tuple[str, Unchecked | None]] = []  # path of an input, or what was not judged
        self._round = 0  # how many lists were shown
        self.model = ListModel([self.tr("Input"), self.tr("Reason"), ""], self._verdict)
        self.table = QTableView()
        self.table.setModel(self.model)
        self.table.setAccessibleName(self.tr("Problems"))
        plain_table(self.table, 27)
        self.table.setMinimumHeight(ROW)  # as much as the line in its place, so that nothing moves when it is filled
        head = self.table.horizontalHeader()
        head.setSectionResizeMode(1, QHeaderView.ResizeMode.Stretch)
        head.hide()
        self.table.setColumnWidth(0, 330)
        self.empty = nothing(self.tr("All inputs were read and judged."))
        self.empty.setMinimumHeight(ROW)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(4, 2, 4, 4)
        layout.addWidget(self.table)
        layout.addWidget(self.empty)
        self.show_problems([], [])

    def _verdict(self, row: int) -> Verdict:
        path, one = self._listed[row]
        return Verdict.BREAKS if one is None and path != UNFINISHED else Verdict.UNKNOWN

    def show_problems(self, problems: list[InputProblem], unchecked: list[Unchecked]) -> int:
        """List what was not read or judged; returns how many there are, those that share a line each by itself."""
        rows: list[tuple[str, ...]] = []
        self._listed = []
        for problem in problems:
            offset = self.tr("offset")
            at = f" ({offset} {problem.offset:#x})" if problem.offset is not None else ""
            rows.append((problem.path, problem.reason + at, ""))
            self._listed.append((problem.path, None))
        told = {(p.path, p.offset, p.reason) for p in problems}
        rest = [one for one in unchecked if (one.where, one.offset, one.why) not in told]
        for same in grouped(rest):
            wheres = ", ".join(one.place for one in same)
            rows.append((wheres if len(same) == 1 else f"{len(same)}×  {wheres}", self._why(same[0]), ""))
            self._listed.append(("", same[0]))
        self.model.set_rows(rows)
        acts = any(one is None or one.section for _, one in self._listed)
        self.table.setColumnWidth(2, round(118 * max(1.0, theme.scale())) if acts else 12)
        self.table.setVisible(bool(rows))
        self.empty.setVisible(not rows)
        self._round += 1
        self._add_actions(self._round, 0)
        return len(problems) + len(rest)

    def _why(self, one: Unchecked) -> str:
        """The reason; where a button beside it helps, without the option of the command line that does the same."""
        return self.tr("unknown program type for section “{0}”").format(one.section) if one.section else one.why

    def _add_actions(self, number: int, first: int) -> None:
        """Give rows their buttons, a few at a time, so that a long list stalls nothing."""
        if number != self._round:
            return  # another list is shown by now
        last = min(len(self._listed), MOST_ACTIONS, first + ACTIONS_A_TURN)
        for row in range(first, last):
            action = self._action(row)
            if action is not None:
                self.table.setIndexWidget(self.model.index(row, 2), action)
        if last < min(len(self._listed), MOST_ACTIONS):
            QTimer.singleShot(PAUSE_MS, self, lambda: self._add_actions(number, last))

    def _action(self, row: int) -> QWidget | None:
        path, one = self._listed[row]
        where = path if one is None else one.where
        if one is not None and one.section:
            section = one.section
            text, slot = self.tr("Choose type…"), lambda: self.type_wanted.emit(section)
            tip = self.tr("Set the program type and re-analyse")
        elif one is None and owner(self._context.session, path) is not None:
            text, slot = self.tr("Remove"), lambda: self.remove_wanted.emit(path)
            tip = self.tr("Remove this input from the session and re-analyse")
        elif one is None and os.path.exists(path):
            text, slot = self.tr("Show"), lambda: self.reveal_wanted.emit(path)
            tip = self.tr("Show this file, which is part of a larger input, in the file manager")
        else:
            return None
        holder = QWidget()
        box = QHBoxLayout(holder)
        box.setContentsMargins(0, 1, 2, 1)
        button = QPushButton(text)
        button.setObjectName("chip")
        button.setAccessibleName(f"{text} {where}")
        button.setToolTip(tip)
        button.clicked.connect(slot)
        box.addStretch(1)
        box.addWidget(button)
        return holder


class _Bar(QStyledItemDelegate):
    """Paints progress as a quiet bar with its text on it."""

    def __init__(self, parent: QWidget, share: Callable[[int], float]) -> None:
        super().__init__(parent)
        self._share = share

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Cell) -> None:
        c = theme.look()
        box = option.rect.adjusted(4, 5, -4, -5)
        painter.fillRect(box, QColor(c.code))
        done = box.adjusted(0, 0, round((self._share(index.row()) - 1) * box.width()), 0)
        painter.fillRect(done, QColor(c.selection))
        painter.setPen(QColor(c.text))
        painter.drawText(box.adjusted(6, 0, 0, 0), Qt.AlignmentFlag.AlignVCenter, str(index.data() or ""))


class JobsView(QWidget):
    """Every job of this run of the program, newest last, each with a button while it runs."""

    def __init__(self, context: Context) -> None:
        super().__init__()
        jobs = self._jobs = context.jobs
        self._rows: dict[int, int] = {}
        self.model = ListModel([self.tr("Job"), self.tr("State"), self.tr("Progress"), self.tr("Time"), ""])
        self.table = QTableView()
        self.table.setModel(self.model)
        self.table.setAccessibleName(self.tr("Jobs"))
        plain_table(self.table, 27)
        self.table.setItemDelegateForColumn(2, _Bar(self.table, self._share))
        head = self.table.horizontalHeader()
        head.setSectionResizeMode(2, QHeaderView.ResizeMode.Stretch)
        for column, width in ((0, 300), (1, 90), (3, 70), (4, 100)):
            self.table.setColumnWidth(column, width)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(4, 2, 4, 4)
        layout.addWidget(self.table)
        self.empty = nothing(self.tr("Running analyses, comparisons and exports are listed here."))
        layout.addWidget(self.empty)
        self.table.hide()
        jobs.added.connect(self._added)
        jobs.changed.connect(self._changed)

    def _share(self, row: int) -> float:
        job = self._jobs.list[row]
        return 1.0 if job.state == "done" else job.done / job.total if job.total else 0.0

    @staticmethod
    def _cells(job: Job) -> tuple[str, ...]:
        told = f"{job.done} / {job.total}  {job.text}" if job.total else job.text
        progress = job.error or ("" if job.state == "done" else told)
        return job.title, job.state, progress, f"{job.seconds:.1f} s" if job.seconds else "", ""

    def _added(self, job: Job) -> None:
        self._rows[job.id] = self.model.rowCount()
        self.table.show()
        self.empty.hide()
        self.model.append(self._cells(job))
        button = QPushButton(self.tr("Cancel"))
        button.setObjectName("chip")
        button.setAccessibleName(self.tr("Cancel {0}").format(job.title))
        button.clicked.connect(lambda: self._jobs.cancel(job))
        self.table.setIndexWidget(self.model.index(self._rows[job.id], 4), button)

    def _changed(self, job: Job) -> None:
        row = self._rows.get(job.id)
        if row is None:
            return
        self.model.update_row(row, self._cells(job))
        if job.state != "running":
            self.table.setIndexWidget(self.model.index(row, 4), QWidget())


class NotesView(QWidget):
    """Notes on findings: what they are on, and the text, edited in place; an emptied note is removed."""

    edited = Signal(str, str)

    def __init__(self, _context: Context) -> None:
        super().__init__()
        self._keys: list[str] = []
        self.model = ListModel([self.tr("On"), self.tr("Note")], editable=1, edited=self._edit)
        self.table = QTableView()
        self.table.setModel(self.model)
        self.table.setAccessibleName(self.tr("Notes"))
        plain_table(self.table, 27)
        self.table.horizontalHeader().setStretchLastSection(True)
        self.table.setColumnWidth(0, 420)
        self.empty = nothing(
            self.tr("No notes yet. “Note…” in the detail panel adds one; they are saved with the session.")
        )
        layout = QVBoxLayout(self)
        layout.setContentsMargins(4, 2, 4, 4)
        layout.addWidget(self.table)
        layout.addWidget(self.empty)
        self.show_notes({}, {})

    def _edit(self, row: int, text: str) -> None:
        self.edited.emit(self._keys[row], text)

    def show_notes(self, notes: dict[str, str], about: dict[str, str]) -> int:
        """List the notes of a session, each under what it is about; returns how many there are."""
        self._keys = sorted(notes, key=lambda k: about.get(k, k))
        self.model.set_rows([(about.get(key, key), notes[key]) for key in self._keys])
        self.table.setVisible(bool(notes))
        self.empty.setVisible(not notes)
        return len(notes)
