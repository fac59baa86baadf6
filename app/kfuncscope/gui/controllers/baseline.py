# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""An earlier result that the one on screen is compared with: what is new, worse, better and gone."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject
from PySide6.QtWidgets import QFileDialog

from kfuncscope.errors import InputError
from kfuncscope.gui.context import Context
from kfuncscope.model.analysis import Analysis
from kfuncscope.session.session import Session

if TYPE_CHECKING:
    from kfuncscope.decision.compare import Comparison
    from kfuncscope.gui.dialogs.baseline import BaselineDialog


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
        context.commands.add("baseline", self.tr("Compare with an earlier result…"), self.open, "", "Analysis")
        context.session_opened.connect(self._forget)
        context.result_shown.connect(lambda _: self._compare())
        context.written_changed.connect(self._compare)

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

        self._context.change_session(self.tr("compare with an earlier result"), put)

    def _forget(self) -> None:
        self.comparison, self._path = None, ""
        if self.dialog is not None:
            self.dialog.close()

    def _compare(self) -> None:
        """Compare the real result with the report, off the thread of the window."""
        path, real = self._context.session.baseline, self._context.real
        if not path:
            self._forget()
        elif real is not None:
            analysis = real.whole
            self._context.jobs.quick(
                lambda _stop: compared(path, analysis), self._known, "baseline", failed=self._failed
            )

    def _failed(self, error: str) -> None:
        self.comparison = None
        self._context.say(self.tr("Earlier result not used: {0}").format(error), failed=True)

    def _known(self, found: Comparison) -> None:
        self.comparison = found
        path = self._context.session.baseline
        if path != self._path or (self.dialog is not None and self.dialog.isVisible()):
            self._path = path
            self._show()

    def _show(self) -> None:
        from kfuncscope.gui.dialogs.baseline import BaselineDialog

        if self.comparison is None:
            return
        if self.dialog is None:
            self.dialog = BaselineDialog(self._context.dialogs, lambda: self.choose(""))
        self.dialog.tell(os.path.basename(self._context.session.baseline), self.comparison)
        self.dialog.show()
