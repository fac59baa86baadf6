# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Analyse the session in another process, and put what comes back on screen."""

from __future__ import annotations

import time

from PySide6.QtCore import QObject

from kfuncscope.gui import filters as flt
from kfuncscope.gui import runner
from kfuncscope.gui.context import Context
from kfuncscope.gui.controllers.explorer import Explorer
from kfuncscope.gui.filters import Token
from kfuncscope.gui.index import Index
from kfuncscope.gui.jobs import Job
from kfuncscope.gui.toolbar import Toolbar
from kfuncscope.gui.views.bottom import ProblemsView
from kfuncscope.gui.views.findings import FindingsView
from kfuncscope.gui.views.summary import SummaryStrip
from kfuncscope.gui.views.welcome import WelcomePage
from kfuncscope.gui.widgets.words import counted
from kfuncscope.model.analysis import Analysis
from kfuncscope.model.unchecked import Unchecked
from kfuncscope.storage.files import InputProblem


class Results(QObject):
    """The real result of the session. What-if results go through here too and never replace it."""

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
        context.commands.add("analyse", self.tr("Analyse"), self.analyse, "F5", "File")
        toolbar.analyse.clicked.connect(self.analyse)
        welcome.analyse_wanted.connect(self.analyse)
        context.analysis_wanted.connect(lambda: self.analyse())
        context.session_opened.connect(self._forget)
        context.store.filters_changed.connect(self.refresh_titles)
        context.jobs.changed.connect(self._job_news)
        context.jobs.added.connect(self._job_news)

    def analyse(self) -> Job | None:
        """Analyse the session in another process; a run that is still going is cancelled."""
        session = self._context.session
        if not session.objects:
            self._explorer.load()
            return None
        if not (session.old or session.new):
            return None
        self._started = time.monotonic()
        title = self.tr("Analyse {0}").format(counted(len(session.objects), self.tr("input"), self.tr("inputs")))
        return self._context.jobs.process(
            runner.analyse_in_process, (session,), self._analysed, "analyse", title, runner.put_together, self._failed
        )

    def _analysed(self, index: Index) -> None:
        self.seconds = time.monotonic() - self._started
        self.show_index(index)

    def _failed(self, error: str) -> None:
        said = self.tr("The analysis failed: {0}").format(error)
        self._context.say(said, failed=True)
        if self._context.real is None:
            self._welcome.tell(said)

    def _forget(self) -> None:
        self._summary.before = {}
        self._show_problems([], [])
        self.refresh_titles()

    # --- showing ---
    def show_analysis(self, analysis: Analysis) -> None:
        """Show a result that is at hand."""
        self.show_index(Index(analysis))

    def show_index(self, index: Index) -> None:
        """Show a real result. Starts on the worst architecture unless one was chosen before."""
        context, before = self._context, self._context.real
        context.real = index
        if before is not None:
            self._summary.before = {label: before.counts(i) for i, label in enumerate(before.lanes)}
        filters = context.store.filters
        if before is None and not flt.has(filters, "arch") and index.lanes:
            filters = flt.with_token(filters, Token("arch", index.lanes[0]))
        context.welcome_wanted.emit(False)
        context.result_arriving.emit()
        self._show(index, filters)
        context.result_shown.emit(index)
        context.touched.emit()

    def show_hypothetical(self, index: Index) -> None:
        """Show a what-if result (or the real one again); the real one is kept."""
        self._show(index, self._context.store.filters)

    def _show(self, index: Index, filters: tuple[Token, ...]) -> None:
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
        if job.state == "cancelled":
            self._context.say(self.tr("Cancelled"))
        if self._context.store.index is None and job.state in ("running", "cancelled"):
            done = f"{job.done} / {job.total}  {job.text}" if job.total else self.tr("starting")
            running = bool(self._context.jobs.running())
            said = self.tr("Analysing: {0}   (Esc cancels)").format(done) if running else self.tr("Cancelled")
            self._welcome.tell(said)
