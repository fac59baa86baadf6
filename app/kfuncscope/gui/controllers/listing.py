# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Shows what is given wherever it is listed: Inputs, first page, toolbar; asks what kernels are before an analysis."""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QTimer

from kfuncscope.gui.context import Context
from kfuncscope.gui.frame.dressing import Turns
from kfuncscope.gui.jobs import Job
from kfuncscope.gui.models.cards import Key, cards, key_of
from kfuncscope.gui.processes.targets import describe_in_process
from kfuncscope.gui.toolbar import Toolbar
from kfuncscope.gui.views.inputs import InputsView
from kfuncscope.gui.views.kfuncs import KfuncsView
from kfuncscope.gui.views.welcome import WelcomePage
from kfuncscope.session import grouping
from kfuncscope.session.session import KernelRef
from kfuncscope.session.sources import sources

if TYPE_CHECKING:
    from kfuncscope.upgrade.describe import Given

LATER_MS = 40  # after a new result is on screen
ASK_MS = 250  # after inputs changed, so that an analysis that begins at once is not kept waiting


class Listing(QObject):
    """Keeps what is known of the kernels that were given (``known``) and lists all sources."""

    def __init__(
        self, context: Context, toolbar: Toolbar, welcome: WelcomePage, inputs: InputsView, kfuncs: KfuncsView
    ) -> None:
        super().__init__(context)
        self._context, self._toolbar, self._welcome = context, toolbar, welcome
        self._inputs, self._kfuncs = inputs, kfuncs
        self.known: dict[Key, Given] = {}
        self._asking = QTimer(self, interval=ASK_MS, singleShot=True)
        self._asking.timeout.connect(self.describe)
        toolbar.old_box.activated.connect(lambda _: self._pair())
        toolbar.new_box.activated.connect(lambda _: self._pair())
        context.inputs_changed.connect(self._changed)
        # In turns of their own: a new result keeps the thread busy enough with what is in view.
        self._turns = Turns(self)
        self._late = QTimer(self, interval=LATER_MS, singleShot=True)
        self._late.timeout.connect(lambda: self._turns.begin(self._showing()))
        context.store.analysis_changed.connect(self._late.start)
        context.jobs.changed.connect(self._job_news)
        self.refresh()

    def _job_news(self, job: Job) -> None:
        if job.key == "analyse" and job.state != "running":
            self._asking.start()  # it may have failed, or was cancelled

    def _changed(self) -> None:
        self.refresh()
        self._asking.start()

    # --- what kernels are ---
    def describe(self) -> None:
        """Ask what the kernels are that nothing is known of; a result and a running analysis know their own."""
        context = self._context
        if context.real is not None or any(job.key == "analyse" for job in context.jobs.running()):
            return
        new = [s for s in sources(context.session) if s.is_kernel and key_of(s) not in self.known]
        if not new:
            return
        refs = [KernelRef(list(source.files), source.label, source.arch, source.release) for source in new]
        context.jobs.process(
            describe_in_process, (refs,), self._described, "describe", self.tr("Read the kernels"), list,
            self._failed, self._described,
        )  # fmt: skip

    def _described(self, parts: list[tuple[Key, Given]]) -> None:
        self.known.update(parts)
        if self._context.real is None and not self._late.isActive():
            self._late.start()  # kernels that are known from before come many in one turn

    def _failed(self, error: str) -> None:
        self._context.say(self.tr("Cannot read the kernels: {0}").format(error), failed=True)

    # --- showing ---
    def refresh(self) -> None:
        """Show the session in the toolbar, the Inputs dock and on the first page, now."""
        self._late.stop()
        self._turns.begin(self._showing())
        self._turns.finish()

    def _showing(self) -> Generator[None, None, None]:
        session, bar, index = self._context.session, self._toolbar, self._context.store.index
        given = cards(session, self.known, index)
        yield
        self._inputs.show_session(session, given)
        yield
        self._context.commands.actions["infer"].setChecked(session.infer)
        self._context.commands.actions["running"].setChecked(session.running)
        self._welcome.show_given(given)
        self._context.commands.actions["analyse"].setEnabled(bool(session.new or session.old))
        bar.analyse.setEnabled(bool(session.new or session.old))
        self._kfuncs.compare.show_session(session)
        yield
        names = [name for name, _ in grouping.groups(session)]
        for box, side in ((bar.old_box, "old"), (bar.new_box, "new")):
            box.clear()
            box.addItems(names or self._from_result(side))
            box.setCurrentIndex(0 if side == "old" else box.count() - 1)
            box.setEnabled(box.count() > 0)
            bar.fit_pair()
            box.setToolTip(f"{box.accessibleName()}: {box.currentText()}" if box.count() else box.accessibleName())

    def _from_result(self, side: str) -> list[str]:
        index = self._context.store.index
        arches = index.analysis.arches if index is not None else ()
        refs = (KernelRef([], (a.old if side == "old" else a.new).label) for a in arches)
        names = sorted({grouping.name_of(r) for r in refs})
        return [" / ".join(names)] if names else []

    def _pair(self) -> None:
        """Study the pair that the boxes name; a kernel is not compared with itself."""
        session, bar = self._context.session, self._toolbar
        old, new = bar.old_box.currentIndex(), bar.new_box.currentIndex()
        if session.old and session.new and old != new:
            text = self.tr("compare {0} and {1}").format(bar.old_box.currentText(), bar.new_box.currentText())
            self._context.change_session(text, lambda session: grouping.choose(session, old, new))
        else:
            self.refresh()
