# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Prove by booting: kernels of the session are booted in another process, their answers come in as they are given."""

from __future__ import annotations

from dataclasses import replace

from PySide6.QtCore import QObject

from kfuncscope.gui.context import Context
from kfuncscope.gui.jobs import Job
from kfuncscope.gui.processes.targets import prove_in_process
from kfuncscope.gui.views.proof import ProofView
from kfuncscope.gui.widgets.words import counted
from kfuncscope.model.proof import Booting, ObjectProof, Proof, Seen
from kfuncscope.storage.files import InputProblem

KEY = "prove"
Event = Booting | Seen | Proof | InputProblem


class Proving(QObject):
    """Starts and cancels; keeps what was seen, whether the boot came to its end or not."""

    def __init__(self, context: Context, view: ProofView) -> None:
        super().__init__(context)
        self._context, self._view = context, view
        self.guest: tuple[str, ...] = ()
        self._taken = 0
        self._proofs: dict[tuple[str, str], Proof] = {}
        self._told: list[InputProblem] = []
        context.commands.add("prove", self.tr("Prove by booting"), self.start, "Ctrl+Shift+B", "Analysis")
        view.start.clicked.connect(self.start)
        view.cancel.clicked.connect(self.cancel)
        context.store.analysis_changed.connect(self._news)
        context.jobs.changed.connect(self._job_news)
        context.session_opened.connect(self._forget)

    def start(self) -> Job | None:
        """Boot the kernels of the session for the objects of the result."""
        context, real = self._context, self._context.real
        if real is None:
            context.say(self.tr("Analyse first: what is proved is a result."), failed=True)
            return None
        self._taken, self._told, self._proofs = 0, [], {}
        self._view.begin()
        context.view_wanted.emit("proof")
        judged = frozenset(info.sha256 for info in real.analysis.objects)
        return context.jobs.process(
            prove_in_process, (context.session, judged, self.guest), self._take, KEY,
            self.tr("Prove by booting"), list, self._failed, arrived=self._take,
        )  # fmt: skip

    def cancel(self) -> None:
        """End the guest; what was seen is kept."""
        for job in self._context.jobs.running():
            if job.key == KEY:
                self._context.jobs.cancel(job)

    # --- what comes in ---
    def _take(self, events: list[Event]) -> None:
        """Show the events that are new; what was taken before is at the begin of every list."""
        for event in events[self._taken :]:
            self._one(event)
        if len(events) > self._taken:
            self._taken = len(events)
            self._stamp()

    def _one(self, event: Event) -> None:
        if isinstance(event, Booting):
            self._proofs[event.arch, event.release] = Proof(event.arch, event.release, "", "", "", "", 0, ())
            self._view.booting(event)
        elif isinstance(event, Seen):
            key = event.arch, event.release
            self._proofs[key] = replace(self._proofs[key], objects=_with(self._proofs[key].objects, event.one))
            self._view.seen(event)
        elif isinstance(event, Proof):
            self._proofs[event.arch, event.release] = event
            self._view.proved(event)
        else:
            self._told.append(event)
            self._view.problem(event)

    def _stamp(self) -> None:
        """Put the answers so far on the result."""
        proofs = tuple(p for p in self._proofs.values() if p.objects)
        real, store = self._context.real, self._context.store
        if real is not None:
            real.prove(proofs)
            if store.index is real:
                store.prove(proofs)
            self._view.summed(proofs)

    def _failed(self, error: str) -> None:
        self._view.ended(self.tr("Could not be proved: {0}").format(error))
        self._context.say(self.tr("Could not be proved: {0}").format(error), failed=True)

    def _job_news(self, job: Job) -> None:
        if job.key != KEY:
            return
        self._view.progress(job.done, job.total, job.text, job.state == "running")
        if job.state == "cancelled":
            self._view.ended(self.tr("Cancelled. The answers so far are kept."))
        elif job.state == "done":
            answered = sum(len(p.objects) for p in self._proofs.values())
            number = counted(answered, self.tr("object"), self.tr("objects"))
            wrong = sum(p.disagreements for p in self._proofs.values())
            said = self.tr("{0} answered, {1} DISAGREE").format(number, wrong)
            self._view.ended(said if answered else self.tr("No kernel could be booted; the reasons are below."))

    def _news(self) -> None:
        """Another result: its own proof, where it has one."""
        index = self._context.store.index
        if index is not None and index is self._context.real and not self._running():
            self._view.show_proofs(index.analysis.proof)

    def _running(self) -> bool:
        return any(job.key == KEY for job in self._context.jobs.running())

    def _forget(self) -> None:
        self.cancel()
        self._proofs, self._told, self._taken = {}, [], 0
        self._view.show_proofs(())


def _with(objects: tuple[ObjectProof, ...], one: ObjectProof) -> tuple[ObjectProof, ...]:
    return (*(o for o in objects if o.object != one.object), one)
