# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Work off the GUI thread. Every job has a number; results of a superseded or cancelled job are dropped.

Quick jobs run in the thread pool and are asked to stop. An analysis runs in a process of its own, so that it neither
starves the GUI of the interpreter lock nor takes its time to die: cancel ends the process.
"""

from __future__ import annotations

import contextlib
import threading
import time
import traceback
import weakref
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from PySide6.QtCore import QObject, QRunnable, QThreadPool, Signal

Stop = Callable[[], bool]
Progress = Callable[[int, int, str], None]


ALIVE: weakref.WeakSet[Jobs] = weakref.WeakSet()


@dataclass(slots=True)
class Job:
    """One job as the Jobs list shows it. ``state`` is waiting, running, done, failed or cancelled."""

    id: int
    title: str
    key: str
    state: str = "running"
    done: int = 0
    total: int = 0
    text: str = ""
    error: str = ""
    started: float = field(default_factory=time.monotonic)
    seconds: float = 0.0
    stop: threading.Event = field(default_factory=threading.Event)
    _phase: tuple[float, int] = (0.0, 0)  # when what is counted now began, and with how much done

    def tell(self, done: int, total: int, text: str) -> None:
        """Take in progress. Another total, or less done than before, begins another phase."""
        if total != self.total or done < self.done:
            self._phase = time.monotonic(), done
        self.done, self.total, self.text = done, total, text

    def left(self) -> float | None:
        """Seconds until this phase ends at its speed so far; None while that cannot be told."""
        began, first = self._phase
        spent, made = time.monotonic() - began, self.done - first
        if self.total <= 1 or made < 1 or spent < 1.0:
            return None
        return spent * (self.total - self.done) / made


class _Signals(QObject):
    arrived = Signal(object, object)
    finished = Signal(object, object)
    failed = Signal(object, str)
    progress = Signal(object, int, int, str)


class _Run(QRunnable):
    def __init__(self, job: Job, work: Callable[[], Any], signals: _Signals) -> None:
        super().__init__()
        self._job, self._work, self._signals = job, work, signals

    def run(self) -> None:
        try:
            result = self._work()
        except BaseException as error:
            told = "" if self._job.stop.is_set() else f"{error}" or type(error).__name__
            if told and not getattr(error, "reason", None):
                traceback.print_exc()
            self._emit(self._signals.failed, told)
            return
        self._emit(self._signals.finished, result)

    def _emit(self, which: Any, value: Any) -> None:
        with contextlib.suppress(RuntimeError):  # the window was closed meanwhile
            which.emit(self._job, value)


class Jobs(QObject):
    """Starts, lists and cancels jobs. ``changed`` tells of any news of a job."""

    changed = Signal(object)
    added = Signal(object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.list: list[Job] = []
        self._last = 0
        self._current: dict[str, Job] = {}
        self._then: dict[int, tuple[Callable[[Any], None], Callable[[str], None] | None]] = {}
        self._arrived: dict[int, Callable[[Any], None]] = {}
        self._quick: set[int] = set()
        self._pool = QThreadPool(self)
        ALIVE.add(self)
        self._pool.setMaxThreadCount(3)
        self._signals = _Signals(self)
        self._signals.finished.connect(self._finished)
        self._signals.failed.connect(self._failed)
        self._signals.progress.connect(self._progress)
        self._signals.arrived.connect(self._part)

    def _new(self, title: str, key: str) -> Job:
        self._last += 1
        job = Job(self._last, title, key)
        old = self._current.get(key)
        if old is not None:
            self.cancel(old)
        self._current[key] = job
        if title:
            self.list.append(job)
            self.added.emit(job)
        return job

    def quick(
        self, work: Callable[[Stop], Any], then: Callable[[Any], None], key: str, title: str = "",
        failed: Callable[[str], None] | None = None,
    ) -> Job:  # fmt: skip
        """Run ``work(stop)`` in the pool and hand its result to ``then`` in this thread, unless superseded.

        A later job of the same ``key`` supersedes this one. Only jobs with a title are listed.
        """
        job = self._new(title, key)
        self._then[job.id] = (then, failed)
        self._quick.add(job.id)
        self._pool.start(_Run(job, lambda: work(job.stop.is_set), self._signals))
        return job

    def busy(self) -> bool:
        """Whether a quick job is still on its way."""
        return bool(self._quick)

    def process(
        self, target: Callable[..., Any], args: tuple[Any, ...], then: Callable[[Any], None], key: str, title: str,
        finish: Callable[[list[Any]], Any], failed: Callable[[str], None] | None = None,
        arrived: Callable[[Any], None] | None = None, take: Callable[[Any], Any] = lambda part: part,
        known: Callable[[Progress], Any] | None = None,
    ) -> Job:  # fmt: skip
        """Run ``target(send, *args)`` in another process; what it sends is collected and handed to ``finish`` in the
        pool, the result of that to ``then`` in this thread. ``send(("progress", done, total, text))`` tells progress.
        ``take`` has each part as it comes in, in the pool, and says what is kept of it.

        At ``send(("ready",))`` what was sent so far goes the same way to ``arrived``. What ``known(tell)`` gives, in
        the pool, is the result where it is not None, and no process is begun.
        """
        job = self._new(title, key)
        self._then[job.id] = (then, failed)
        if arrived is not None:
            self._arrived[job.id] = arrived

        def work() -> Any:
            found = self._known(job, known) if known is not None else None
            return finish(self._supervise(job, target, args, finish, take)) if found is None else found

        self._pool.start(_Run(job, work, self._signals))
        return job

    @staticmethod
    def _known(job: Job, known: Callable[[Progress], Any]) -> Any:
        """What is known of a result; whatever goes wrong with it, the process does it all and tells."""

        def tell(_done: int, _total: int, _text: str) -> None:
            if job.stop.is_set():
                raise InterruptedError

        try:
            return known(tell)
        except InterruptedError:
            raise
        except Exception:
            return None

    def _supervise(
        self, job: Job, target: Callable[..., Any], args: tuple[Any, ...], finish: Callable[[list[Any]], Any],
        take: Callable[[Any], Any],
    ) -> list[Any]:  # fmt: skip
        from kfuncscope.gui.processes.spawned import Spawned  # not at the start of the window: it takes its time

        process = Spawned(target, args)
        parts: list[Any] = []
        told = 0.0
        try:
            while True:
                if job.stop.is_set():
                    raise InterruptedError
                if not process.waits(0.05):
                    if process.ended() and not process.waits(0):
                        raise EOFError
                    continue
                message = process.receive()
                if message[0] == "end":
                    return parts
                if message[0] == "error":
                    raise message[1]
                if message[0] == "ready":
                    with contextlib.suppress(RuntimeError):
                        self._signals.arrived.emit(job, finish(list(parts)))
                elif message[0] != "progress":
                    parts.append(take(message[1]))
                elif time.monotonic() - told > 0.08 or message[1] == message[2]:
                    told = time.monotonic()
                    with contextlib.suppress(RuntimeError):
                        self._signals.progress.emit(job, *message[1:])
        except EOFError:
            raise RuntimeError(f"the analysis process ended with code {process.end()}") from None
        finally:
            process.end()

    def cancel(self, job: Job) -> None:
        """Stop a job; it counts as cancelled at once, and its result is dropped whenever it comes."""
        if job.state == "running":
            job.stop.set()
            self._quick.discard(job.id)
            job.state = "cancelled"
            job.seconds = time.monotonic() - job.started
            self._then.pop(job.id, None)
            self._arrived.pop(job.id, None)
            self.changed.emit(job)

    def cancel_all(self) -> None:
        """Stop every listed job that runs."""
        for job in self.list:
            self.cancel(job)

    def running(self) -> list[Job]:
        """The listed jobs that run now."""
        return [j for j in self.list if j.state == "running"]

    def close(self) -> None:
        """Stop everything and wait for the threads to end."""
        self.cancel_all()
        for job in self._current.values():
            job.stop.set()
        self._quick.clear()
        self._then.clear()
        self._pool.clear()
        self._pool.waitForDone(4000)

    def _end_job(self, job: Job, state: str) -> tuple[Callable[[Any], None], Callable[[str], None] | None] | None:
        self._quick.discard(job.id)
        self._arrived.pop(job.id, None)
        then = self._then.pop(job.id, None)
        if then is None or self._current.get(job.key) is not job:
            return None
        job.state = state
        job.seconds = time.monotonic() - job.started
        self.changed.emit(job)
        return then

    def _finished(self, job: Job, result: object) -> None:
        then = self._end_job(job, "done")
        if then is not None:
            then[0](result)

    def _failed(self, job: Job, error: str) -> None:
        job.error = error
        then = self._end_job(job, "failed")
        if then is not None and then[1] is not None:
            then[1](error)

    def _progress(self, job: Job, done: int, total: int, text: str) -> None:
        if job.state == "running":
            job.tell(done, total, text)
            self.changed.emit(job)

    def _part(self, job: Job, result: object) -> None:
        then = self._arrived.get(job.id)
        if then is not None and job.state == "running" and self._current.get(job.key) is job:
            then(result)
