# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Analyse the session in another process, and put what comes back on screen."""

from __future__ import annotations

import copy
import time
from collections.abc import Generator

from PySide6.QtCore import QObject, Signal

from kfuncscope.gui import filters as flt
from kfuncscope.gui.context import Context
from kfuncscope.gui.controllers.explorer import Explorer
from kfuncscope.gui.filters import Token
from kfuncscope.gui.frame.dressing import Turns
from kfuncscope.gui.history.snapshots import INPUTS, Snapshot, snapshot
from kfuncscope.gui.index import Index
from kfuncscope.gui.jobs import Job
from kfuncscope.gui.processes.targets import analyse_in_process
from kfuncscope.gui.received import Shared, known, put_together
from kfuncscope.gui.toolbar import Toolbar
from kfuncscope.gui.views.bottom import ProblemsView
from kfuncscope.gui.views.findings import FindingsView
from kfuncscope.gui.views.summary import SummaryStrip
from kfuncscope.gui.views.welcome import WelcomePage
from kfuncscope.gui.widgets.words import counted
from kfuncscope.model.analysis import Analysis
from kfuncscope.model.unchecked import Unchecked
from kfuncscope.session.grouping import between
from kfuncscope.storage.files import InputProblem


class Results(QObject):
    """The real result of the session. What-if results go through here too and never replace it.

    A result belongs to the inputs that it was made of. While an analysis runs, its architectures come in one by one
    in place of the last whole result, which comes back when the analysis is cancelled or fails. Where there is none,
    what came in before it was cancelled stays, and says what it lacks.
    """

    state_changed = Signal()  # what is shown is, or is no longer, of what is loaded; or it is no longer a part

    def __init__(
        self,
        context: Context,
        toolbar: Toolbar,
        welcome: WelcomePage,
        summary: SummaryStrip,
        problems: ProblemsView,
        findings: FindingsView,
        explorer: Explorer,
    ) -> None:
        super().__init__(context)
        self._context, self._welcome, self._summary = context, welcome, summary
        self._problems, self._findings, self._explorer = problems, findings, explorer
        self.seconds = 0.0
        self._started = 0.0
        self.made_of: Snapshot | None = None  # the inputs of the result on screen
        self.partial = False  # whether the result on screen lacks architectures that are still analysed
        self.missing: list[str] = []  # architectures that the result on screen lacks since a person cancelled
        self._whole: tuple[Index | None, Snapshot | None] = (None, None)  # the last result that lacks nothing
        self._renewing = False
        self._broke = False  # whether the status bar says that the last run failed
        self._unseen = False  # whether a result waits for the first page to make room
        self._turns = Turns(self)
        context.commands.add("analyse", self.tr("Analyse"), self.analyse, "F5", "Analysis")
        toolbar.analyse.clicked.connect(self.analyse)
        welcome.analyse_wanted.connect(self.analyse)
        context.analysis_wanted.connect(self.renew)
        context.session_opened.connect(self._forget)
        context.inputs_changed.connect(self._inputs_changed)
        context.store.filters_changed.connect(self.refresh_titles)
        context.jobs.changed.connect(self._job_news)
        context.jobs.added.connect(self._job_news)

    def renew(self) -> None:
        """Analyse unless the result on screen is whole and of what is loaded."""
        if self._context.real is None or self.partial or self.outdated():
            self.analyse()

    def analyse(self) -> Job | None:
        """Analyse the session in another process; a run that is still going is cancelled."""
        session = self._context.session
        if not session.objects and not session.running:
            self._explorer.load()
            return None
        if not (session.old or session.new):
            return None
        self._started = time.monotonic()
        title = self.tr("Analyse {0}").format(between(session))
        asked = snapshot(session, INPUTS)
        copied = copy.deepcopy(session)  # a person may change this one meanwhile
        self._renewing = True  # a run that this one takes the place of is not one that a person cancelled
        job = self._context.jobs.process(
            analyse_in_process, (copied,), lambda index: self._analysed(index, asked), "analyse", title,
            put_together, self._failed, lambda index: self._arrived(index, asked), Shared().take,
            lambda tell: known(copied, tell),
        )  # fmt: skip
        self._renewing = False
        self.state_changed.emit()
        return job

    def _arrived(self, index: Index, asked: Snapshot) -> None:
        """Show the architectures that are ready."""
        self._turns.begin(self._showing(index, asked, whole=False))

    def _analysed(self, index: Index, asked: Snapshot) -> None:
        self.seconds = time.monotonic() - self._started
        self.show_index(index, asked)

    def _failed(self, error: str) -> None:
        self._show_whole()
        said = self.tr("The analysis failed: {0}").format(error)
        self._context.say(said, failed=True)
        self._broke = True
        if self._context.real is None:
            self._welcome.tell(said)

    def _show_whole(self) -> None:
        """In place of a part of a result that will not be whole: the last whole one, or the first page."""
        self._turns.finish()
        if self.partial:
            self.partial = False
            index, made_of = self._whole
            if index is not None:
                self.show_index(index, made_of)
            else:
                self._context.real, self.made_of, self._unseen = None, None, False
                self._context.store.set_index(None, self._context.store.filters)
                self._show_problems([], [])
                self.refresh_titles()
                self._context.welcome_wanted.emit(True)
        self.state_changed.emit()

    def _stopped(self) -> None:
        """A person cancelled: the last whole result comes back; without one, what has come in stays and is named."""
        real = self._context.real
        if not self.partial or self._whole[0] is not None or real is None:
            self._show_whole()
        elif not self.missing:
            self._turns.finish()
            self.missing = real.stopped()
            self._context.result_shown.emit(real)
            self._show_problems(list(real.analysis.problems), real.unchecked)
            self.refresh_titles()

    def _inputs_changed(self) -> None:
        """What was asked for is no longer wanted where the inputs are again those of the result on screen."""
        if self._broke:  # it failed with what was loaded then
            self._broke = False
            self.refresh_titles()
        running = self.job()
        if running is not None and not self.partial and self._context.real is not None and not self.outdated():
            self._renewing = True
            self._context.jobs.cancel(running)
            self._renewing = False
        self.state_changed.emit()

    def outdated(self) -> bool:
        """Whether the result on screen is of other inputs than those that are loaded."""
        return self.made_of is not None and self.made_of != snapshot(self._context.session, INPUTS)

    def job(self) -> Job | None:
        """The analysis that runs, if one does."""
        return next((job for job in self._context.jobs.running() if job.key == "analyse"), None)

    def _forget(self) -> None:
        self._turns.end()
        self.made_of, self.partial, self._whole, self._unseen = None, False, (None, None), False
        self.missing = []
        self._summary.before = {}
        self._show_problems([], [])
        self.refresh_titles()

    # --- showing ---
    def show_analysis(self, analysis: Analysis) -> None:
        """Show a result that is at hand."""
        self.show_index(Index(analysis))

    def show_index(self, index: Index, made_of: Snapshot | None = None) -> None:
        """Show a real result that is whole; ``made_of`` are its inputs, those loaded now where they are left out."""
        made_of = made_of if made_of is not None else snapshot(self._context.session, INPUTS)
        self._turns.begin(self._showing(index, made_of, whole=True))

    def _showing(self, index: Index, made_of: Snapshot, whole: bool) -> Generator[None, None, None]:
        """Show a real result in short turns. The first puts it into all views, the next bring them on screen.

        Starts on the first architecture unless one was chosen before; the others are counted against the last. The
        next result may take the place of this one between two turns: it is that one then that leaves the first page.
        """
        context, before = self._context, self._whole[0]
        first, context.real = context.real is None, index
        self._unseen = self._unseen or first
        self.partial, self.made_of, self.missing = not whole, made_of, []
        if before is not None:
            self._summary.before = {label: before.counts(i) for i, label in enumerate(before.lanes)}
        filters = context.store.filters if first else None
        if filters is not None and not flt.has(filters, "arch") and index.lanes:
            filters = flt.with_token(filters, Token("arch", index.lanes[0]))
        context.result_arriving.emit()
        self._put(index, filters)
        if self._unseen:
            yield
            self._unseen = False
            context.welcome_wanted.emit(False)
            yield
        if whole:
            self._whole = (index, made_of)
            context.result_shown.emit(index)
            context.touched.emit()
        self.state_changed.emit()

    def show_hypothetical(self, index: Index) -> None:
        """Show a what-if result (or the real one again); the real one is kept."""
        self._turns.finish()
        self._put(index)

    def _put(self, index: Index, filters: tuple[Token, ...] | None = None) -> None:
        self._context.store.set_index(index, filters)
        self._show_problems(list(index.analysis.problems), index.unchecked)
        self.refresh_titles()

    def _show_problems(self, problems: list[InputProblem], unchecked: list[Unchecked]) -> None:
        number = self._problems.show_problems(problems, unchecked)
        title = self.tr("Problems {0}").format(number) if number else self.tr("Problems")
        self._context.page_titled.emit("problems", title)

    def refresh_titles(self) -> None:
        """Counts in the title of the findings and in the status bar."""
        found, index = len(self._findings.model.rows), self._context.store.index
        title = self.tr("Findings {0}").format(f"{found:,}") if found else self.tr("Findings")
        self._context.page_titled.emit("findings", title)
        if index is None:
            self._context.say("")
            return
        parts = [
            counted(len(index.programs), self.tr("program"), self.tr("programs")),
            counted(len(index.objects), self.tr("object"), self.tr("objects")),
            counted(len({a.arch for a in index.analysis.arches}), self.tr("architecture"), self.tr("architectures")),
        ]
        if self.seconds:
            parts.append(self.tr("analysed in {0:.1f} s").format(self.seconds))
        self._context.say(" · ".join(parts))

    def _job_news(self, job: Job) -> None:
        if job.key != "analyse":
            return
        if job.state == "cancelled" and not self._renewing:
            self._stopped()
            self._context.say(self.tr("Cancelled"))
        self.state_changed.emit()
