# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Opening and closing the real main window in tests."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from PySide6.QtCore import QEventLoop
from PySide6.QtWidgets import QApplication

from kfuncscope.gui import theme
from kfuncscope.gui.app import application, settle
from kfuncscope.gui.frame.dressing import Turns
from kfuncscope.gui.jobs import ALIVE
from kfuncscope.gui.mainwindow import MainWindow
from kfuncscope.model.analysis import Analysis


@contextmanager
def window(
    analysis: Analysis | None = None,
    dark: bool = False,
    size: tuple[int, int] = (1440, 900),
    page: str = "graph",
) -> Iterator[MainWindow]:
    """The main window, shown, with a page of a result where one is given; closed and deleted afterwards."""
    theme.apply(application(), dark)
    made = MainWindow()
    made.resize(*size)
    made.show()
    made.fill()
    if analysis is not None:
        made.results.show_analysis(analysis)
        settle()
        made.show_page(page)
    settle()
    _told(made)
    try:
        yield made
    finally:
        made.close()
        made.deleteLater()
        settle()


def _told(made: MainWindow, seconds: float = 2) -> None:
    """Wait for the detail: it is told in a turn of its own, some time after it came on screen."""
    end = time.monotonic() + seconds
    while made.detail.isVisible() and made.detail._stale and time.monotonic() < end:
        QApplication.processEvents()
        time.sleep(0.005)
    settle()


def longest_turn(act: Callable[[], object], seconds: float = 0.25) -> float:
    """The longest stretch, in the GUI thread's own time, of an act and of all turns of the event loop after it.

    ``seconds`` is for how long nothing may go on before that is the end: timers of the window run for 60 ms.
    """
    gc.collect()
    start = time.thread_time()
    act()
    longest, quiet = time.thread_time() - start, time.monotonic()
    while time.monotonic() < quiet + seconds:
        start = time.thread_time()
        QApplication.processEvents(QEventLoop.ProcessEventsFlag.AllEvents)
        spent = time.thread_time() - start
        longest = max(longest, spent)
        if spent > 0.002 or any(one.busy() for one in (*ALIVE, *Turns.alive)):
            quiet = time.monotonic()
        time.sleep(0.001)
    settle()
    return longest


def things_a_person_does(w: MainWindow) -> list[tuple[str, Callable[[], object]]]:
    """What a person does in a window with a result, one after the other: views, filters, search, sizes and looks."""
    run = w.commands.run
    return [
        ("next breakage", lambda: w.graph.step(True)),
        ("drop affected", lambda: w.store.toggle("affected")),
        ("undo", w.store.undo.undo),
        ("search", lambda: (w.toolbar.search.setText("tcp_.*1"), w.navigation._search())),
        ("clear search", lambda: (w.toolbar.search.clear(), w.navigation._search())),
        ("all architectures", lambda: w.navigation.lane("")),
        ("overview", lambda: w.show_page("overview")),
        ("matrix", lambda: w.show_page("matrix")),
        ("findings", lambda: w.show_page("findings")),
        ("sort findings", lambda: w.findings.model.sort(4)),
        ("kfuncs", lambda: w.show_page("kfuncs")),
        ("timeline", lambda: w.show_page("timeline")),
        ("graph", lambda: w.show_page("graph")),
        ("fit", w.graph.canvas.fit),
        ("zoom", lambda: w.graph.canvas.zoom_by(1.25)),
        ("autosave", w.documents._autosave_later),
        ("present", lambda: run("present")),
        ("next breakage, large", lambda: w.graph.step(True)),
        ("end presentation", lambda: run("present")),
        ("theme", lambda: run("theme")),
        ("theme again", lambda: run("theme")),
    ]
