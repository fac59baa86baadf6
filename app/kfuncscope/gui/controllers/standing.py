# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Says what the result on screen is of: dimmed while other inputs are loaded, with the progress of the next one."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QCoreApplication, QObject

from kfuncscope.gui.context import Context
from kfuncscope.gui.controllers.results import Results
from kfuncscope.gui.index import Index
from kfuncscope.gui.jobs import Job
from kfuncscope.gui.views.welcome import WelcomePage
from kfuncscope.gui.widgets.statebar import StateBar, Veil, time_left
from kfuncscope.session.grouping import between

FEW = 1  # pairs of releases that the line names


class Standing(QObject):
    """Connects the results with the bar above the tabs, the veils over views, and the progress on the first page."""

    def __init__(
        self, context: Context, results: Results, bar: StateBar, veils: Sequence[Veil], welcome: WelcomePage
    ) -> None:
        super().__init__(context)
        self._context, self._results, self._bar = context, results, bar
        self._veils, self._welcome = veils, welcome
        bar.cancel_wanted.connect(context.jobs.cancel_all)
        bar.analyse_wanted.connect(results.analyse)
        results.state_changed.connect(self.refresh)
        self.refresh()

    def refresh(self) -> None:
        """Show the state as it is now."""
        results, index = self._results, self._context.real
        job = results.job()
        outdated = index is not None and results.outdated()
        for veil in self._veils:
            veil.dim(outdated)
        if index is None:
            self._bar.show_state("", None)
            self._welcome.show_progress(job, self._doing(job))
            return
        self._welcome.show_progress(None, "")
        text = ""
        if outdated:
            text = self.tr("Showing {0}: the inputs have changed since").format(_pair(index))
            if job is not None:
                text = self.tr("Showing {0} while {1} is analysed: {2}").format(
                    _pair(index), between(self._context.session), self._doing(job)
                )
        elif results.missing and job is None:
            done = len(index.analysis.arches)
            text = self.tr("Cancelled: {0} of {1} architectures analysed; not {2}").format(
                done, done + len(results.missing), ", ".join(results.missing)
            )
        elif results.partial:
            ready = ", ".join(arch.arch for arch in index.analysis.arches)
            text = self.tr("{0} ready; {1}").format(ready, self._doing(job))
        elif job is not None:
            text = self.tr("Analysing again: {0}").format(self._doing(job))
        self._bar.show_state(text, job)

    def _doing(self, job: Job | None) -> str:
        """What an analysis does now, and for how long still."""
        if job is None:
            return ""
        count = self.tr("{0} of {1}").format(f"{job.done:,}", f"{job.total:,}") if job.total > 1 else ""
        left = time_left(job.left(), (self.tr("about {0} s left"), self.tr("about {0} min left")))
        return " · ".join(x for x in (job.text or self.tr("starting"), count, left) if x)


def _pair(index: Index) -> str:
    """The kernels of a result in a few words."""
    pairs = list(dict.fromkeys(f"{arch.old.release} → {arch.new.release}" for arch in index.analysis.arches))
    rest = len(pairs) - FEW
    more = QCoreApplication.translate("Standing", " and {0} more").format(rest) if rest > 0 else ""
    return ", ".join(pairs[:FEW]) + more
