# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What the loaded kernels offer, for the kfuncs and Timeline tabs: worked out in another process when they change."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import QObject, QTimer

from kfuncscope.gui import received
from kfuncscope.gui.context import Context
from kfuncscope.gui.dialogs.compare import CompareView
from kfuncscope.gui.index import Index
from kfuncscope.gui.processes import targets
from kfuncscope.gui.views.kfuncs import KfuncsView
from kfuncscope.gui.views.timeline import TimelineView
from kfuncscope.session.session import Session
from kfuncscope.storage.files import InputProblem
from kfuncscope.study.lifecycle import OfferRow, from_analysis, with_users

LATER_MS = 400  # after a result came, so that its verdicts are on screen before a process takes a core


def key_of(session: Session) -> tuple[tuple[str, ...], ...]:
    """The kernels of a session as something that can be compared."""
    return tuple(tuple(r.files) for r in (*session.old, *session.path, *session.new))


class Explorer(QObject):
    """Keeps the offers of the kernels and joins them with the users of the result that is shown."""

    def __init__(self, context: Context, kfuncs: KfuncsView, timeline: TimelineView) -> None:
        super().__init__(context)
        self._context, self._kfuncs, self._timeline = context, kfuncs, timeline
        self.offers: list[OfferRow] = []
        self.problems: list[InputProblem] = []
        self._key: tuple[tuple[str, ...], ...] = ()
        self._later = QTimer(self, interval=LATER_MS, singleShot=True)
        self._later.timeout.connect(self.load)
        kfuncs.compare.wanted.connect(self.compare)
        context.session_opened.connect(self._begin)
        context.result_shown.connect(self.show_index)
        context.commands.add("compare", self.tr("Compare two kernels"), self.open_compare, "", "Analysis")

    def show_index(self, index: Index) -> None:
        """Show what this result's programs use at once, and all that the kernels offer as soon as it is known."""
        if self._key == key_of(self._context.session) and self.offers:
            self._join(index)
            return
        analysis = index.analysis
        self._context.jobs.quick(lambda _stop: from_analysis(analysis), self._show, key="join")
        self._later.start()

    def _begin(self) -> None:
        key = key_of(self._context.session)
        if not key or key != self._key:
            self.forget()

    def forget(self) -> None:
        """Another session begins: nothing is known of its kernels."""
        self._later.stop()
        self._key, self.offers, self.problems = (), [], []
        self._show([])

    def load(self) -> None:
        """Work out what the kernels of the session offer, unless that is known."""
        session = self._context.session
        key = key_of(session)
        if not key or (key == self._key and self.offers):
            return

        def done(parts: list[Any]) -> None:
            self._key = key
            self.problems = list(parts[0]) if parts else []
            self.offers = received.flat(parts[1:])
            index = self._context.real
            if index is not None:
                self._join(index)
            else:
                self._show(self.offers)
                self._context.welcome_wanted.emit(False)
                self._context.view_wanted.emit("kfuncs")

        self._context.jobs.process(
            targets.offers_in_process,
            (session,),
            done,
            "offers",
            self.tr("Read what the kernels provide"),
            list,
            self._failed,
        )

    def _join(self, index: Index) -> None:
        offers, analysis = self.offers, index.analysis
        self._context.jobs.quick(lambda _stop: with_users(offers, analysis), self._show, key="join")

    def _show(self, rows: list[OfferRow]) -> None:
        self._kfuncs.show_rows(rows)
        self._timeline.show_rows(rows)

    def _failed(self, error: str) -> None:
        self._context.say(self.tr("Could not read what the kernels provide: {0}").format(error), failed=True)

    # --- comparing ---
    def open_compare(self) -> None:
        """Bring the comparison to the front."""
        self._context.welcome_wanted.emit(False)
        self._context.view_wanted.emit("kfuncs")
        self._kfuncs.show_mode(1)
        self._kfuncs.compare.begin()

    def compare(self, old: int, new: int, deep: bool) -> None:
        """Compare two kernels of the session."""
        refs = CompareView.refs(self._context.session)
        if not (0 <= old < len(refs) and 0 <= new < len(refs)):
            return
        view = self._kfuncs.compare

        def failed(error: str) -> None:
            view.count.setText(error)

        self._context.jobs.process(
            targets.compare_in_process, (refs[old], refs[new], deep), view.show_rows, "compare",
            self.tr("Compare two kernels"), received.flat, failed,
        )  # fmt: skip
