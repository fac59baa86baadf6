# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Watches that the GUI thread answers: a thread pings the event loop and notes every answer later than 100 ms.

On in the tests and with KFUNCSCOPE_WATCHDOG=1, where every turn is printed that is longer than it may be, and the place
it was at. With ``own_time`` only the time counts that the GUI thread itself computed, not what other work took from it.
"""

from __future__ import annotations

import sys
import threading
import time
import traceback
from dataclasses import dataclass

from PySide6.QtCore import QObject, QTimer

LIMIT = 0.1
TURN = 0.05  # seconds that the GUI thread may compute at a stretch, whatever the size of the result


@dataclass(frozen=True, slots=True)
class Stall:
    """One late answer: seconds, and the stack of the GUI thread when the limit had passed."""

    seconds: float
    where: str


class Watchdog(QObject):
    """A timer in the GUI thread marks the time; a thread looks whether the mark is fresh."""

    def __init__(
        self, parent: QObject | None = None, limit: float = LIMIT, report: bool = False, own_time: bool = False
    ) -> None:
        super().__init__(parent)
        self.stalls: list[Stall] = []
        self._limit, self._report = limit, report
        self._gui = threading.get_ident()
        self._clock = time.pthread_getcpuclockid(self._gui) if own_time else time.CLOCK_MONOTONIC
        self._mark = self._now()
        self._stop = threading.Event()
        self._timer = QTimer(self, interval=10)
        self._timer.timeout.connect(self._beat)
        self._timer.start()
        self._thread = threading.Thread(target=self._watch, name="watchdog", daemon=True)
        self._thread.start()

    def _beat(self) -> None:
        self._mark = self._now()

    def _now(self) -> float:
        return time.clock_gettime(self._clock)

    def _watch(self) -> None:
        while not self._stop.wait(0.01):
            mark = self._mark
            if self._now() - mark <= self._limit:
                continue
            frame = sys._current_frames().get(self._gui)
            where = "".join(traceback.format_stack(frame)[-6:]) if frame is not None else ""
            while self._mark == mark and not self._stop.wait(0.005):
                pass
            stall = Stall(self._now() - mark, where)
            self.stalls.append(stall)
            if self._report:
                print(f"GUI thread stalled for {stall.seconds * 1000:.0f} ms\n{where}", file=sys.stderr)

    def worst(self) -> float:
        """The longest stall in seconds, 0 where there was none."""
        return max((s.seconds for s in self.stalls), default=0.0)

    def stop(self) -> None:
        """End watching."""
        self._timer.stop()
        self._stop.set()
        self._thread.join(1.0)
