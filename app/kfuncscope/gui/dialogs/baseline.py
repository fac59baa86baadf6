# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""An earlier result that the one on screen is compared with: what is new, worse, better and gone, in a dialog."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, Qt
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QFileDialog,
    QLabel,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from kfuncscope.errors import InputError
from kfuncscope.gui import theme
from kfuncscope.gui.context import Context
from kfuncscope.gui.models.table import Cell, TableModel
from kfuncscope.gui.views.findings import plain_table
from kfuncscope.model.analysis import Analysis
from kfuncscope.model.unchecked import UNFINISHED
from kfuncscope.session.session import Session

if TYPE_CHECKING:
    from kfuncscope.decision.compare import Comparison
    from kfuncscope.model.rows import Row


def compared(path: str, analysis: Analysis) -> Comparison:
    """A result beside the report in a file. It reads the engine and the report: never in the thread of the window.

    Raises InputError for what is not a report.
    """
    from kfuncscope.decision.compare import compare
    from kfuncscope.upgrade import jsonform

    return compare(jsonform.load(path)[0], analysis)


def against(path: str, analysis: Analysis) -> Comparison | None:
    """The same for a decision or an export; None where no report is given, or it cannot be read, which is told once."""
    try:
        return compared(path, analysis) if path else None
    except InputError:
        return None


class Baseline(QObject):
    """Keeps what the comparison says of the real result, and shows it as soon as it is known."""

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._context = context
        self.comparison: Comparison | None = None
        self.dialog: BaselineDialog | None = None
        self._path = ""  # of the report that the dialog was opened for
        self._asked = ""  # of the one that was compared with last
        context.commands.add("baseline", self.tr("Compare with an earlier result…"), self.open, "", "Analysis")
        context.session_opened.connect(self._forget)
        context.result_shown.connect(lambda _: self._compare())
        context.written_changed.connect(self._compare_another)

    def open(self) -> None:
        """Show the comparison; without an earlier result, ask for one."""
        if not self._context.session.baseline:
            kinds = self.tr("JSON reports (*.json)")
            title = self.tr("Open an earlier JSON report")
            path, _ = QFileDialog.getOpenFileName(self._context.dialogs, title, "", kinds)
            if path:
                self.choose(path)
        elif self.comparison is not None:
            self._show()
        else:
            self._compare()

    def choose(self, path: str) -> None:
        """Compare with another report, or with none; kept with the session, and a step that can be undone."""

        def put(session: Session) -> None:
            session.baseline = path

        done = self.tr("compare with an earlier result") if path else self.tr("compare no longer")
        self._context.change_session(done, put)

    def _forget(self) -> None:
        self.comparison, self._path = None, ""
        if self.dialog is not None:
            self.dialog.close()

    def _compare_another(self) -> None:
        """Something was written into the session: notes and waivers change nothing here, another report does."""
        if self._context.session.baseline != self._asked:
            self._compare()

    def _compare(self) -> None:
        """Compare the real result with the report, off the thread of the window."""
        path, real = self._context.session.baseline, self._context.real
        self._asked = path
        if not path:
            self._forget()
        elif real is not None and not any(p.path == UNFINISHED for p in real.whole.problems):
            analysis = real.whole  # whole indeed: programs that a part of a result lacks are not gone
            self._context.jobs.quick(
                lambda _stop: compared(path, analysis), self._known, "baseline", failed=self._failed
            )

    def _failed(self, error: str) -> None:
        self.comparison, self._path = None, ""
        self._context.say(self.tr("Earlier result not used: {0}").format(error), failed=True)

    def _known(self, found: Comparison) -> None:
        self.comparison = found
        path = self._context.session.baseline
        if path != self._path or (self.dialog is not None and self.dialog.isVisible()):
            self._path = path
            self._show()

    def _show(self) -> None:
        if self.comparison is None:
            return
        if self.dialog is None:
            self.dialog = BaselineDialog(self._context.dialogs, lambda: self.choose(""))
        self.dialog.tell(os.path.basename(self._context.session.baseline), self.comparison)
        self.dialog.show()


class ChangesModel(TableModel):
    """The findings that differ, those that need attention first."""

    def __init__(self) -> None:
        super().__init__()
        self.headers = [self.tr(t) for t in ("Change", "Verdict", "Object", "Program", "What")]
        self.rows: list[tuple[str, Row]] = []

    def show(self, found: Comparison) -> None:
        """List a comparison."""
        words = (
            (self.tr("new"), found.new), (self.tr("worse"), tuple(after for _, after in found.worse)),
            (self.tr("better"), tuple(after for _, after in found.better)), (self.tr("gone"), found.gone),
        )  # fmt: skip
        self.beginResetModel()
        self.rows = [(word, row) for word, listed in words for row in listed]
        self.endResetModel()

    def data(self, index: Cell, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid():
            return None
        word, row = self.rows[index.row()]
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.ToolTipRole):
            verdict = theme.WORDS[row.verdict]
            return (word, verdict, row.object, row.program, row.finding.message)[index.column()]
        if role == Qt.ItemDataRole.DecorationRole and index.column() == 1:
            return theme.icon(row.verdict)
        return None


class BaselineDialog(QDialog):
    """Stays open beside the window; ``drop`` takes the earlier result away."""

    def __init__(self, parent: QWidget, drop: Callable[[], object]) -> None:
        super().__init__(parent)
        self.setWindowTitle(self.tr("Compared with an earlier result"))
        self.said = QLabel()
        self.said.setWordWrap(True)
        self.said.setTextFormat(Qt.TextFormat.PlainText)
        self.model = ChangesModel()
        self.table = QTableView()
        self.table.setModel(self.model)
        plain_table(self.table)
        self.table.setAccessibleName(self.tr("Findings that differ"))
        foot = QDialogButtonBox(QDialogButtonBox.StandardButton.Close, self)
        self.drop = foot.addButton(self.tr("Compare no longer"), QDialogButtonBox.ButtonRole.ActionRole)
        self.drop.clicked.connect(drop)
        foot.rejected.connect(self.close)
        column = QVBoxLayout(self)
        column.setContentsMargins(16, 14, 16, 14)
        column.addWidget(self.said)
        column.addWidget(self.table, 1)
        column.addWidget(foot)
        self.resize(900, 420)

    def tell(self, name: str, found: Comparison) -> None:
        """Show what differs from the report of a name."""
        said = self.tr("Against {0}: {1} new, {2} worse, {3} better, {4} gone, {5} unchanged").format(
            name, len(found.new), len(found.worse), len(found.better), len(found.gone), len(found.unchanged)
        )
        lacking = [self.tr("not compared: {0}").format(one.place) for one in found.missing]
        self.said.setText(" · ".join([said, *lacking]))
        self.model.show(found)
