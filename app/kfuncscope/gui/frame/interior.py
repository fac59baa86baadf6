# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What fills the window once its first page is on screen: pages, panels, controllers, commands, in small steps.

The first page needs none of it, so the window is there in a fraction of the time. The steps are taken while the window
is idle, one a turn of the event loop, or all at once when a person or the program asks for something first.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from importlib import import_module
from typing import TYPE_CHECKING, TypeVar

from PySide6.QtCore import QCoreApplication, QEvent, QObject, Qt, QTimer
from PySide6.QtWidgets import QApplication, QFrame, QLabel, QPushButton, QTabWidget, QToolBar, QVBoxLayout, QWidget

from kfuncscope.gui.frame import dressing

if TYPE_CHECKING:
    from kfuncscope.gui.mainwindow import MainWindow
    from kfuncscope.gui.widgets.statebar import Veil

View = TypeVar("View", bound=QWidget)

WAIT_MS = 40  # after the first page is painted, so that what follows it on screen is painted too
PARTS = frozenset({
    "context", "store", "jobs", "commands", "pages", "toolbar", "summary", "chips", "banner", "state_bar", "tabs",
    "strip", "frame", "docks", "counts", "state_text", "job_button", "hint", "overview", "graph", "matrix", "findings",
    "kfuncs", "timeline", "inputs", "detail", "problems", "jobs_view", "notes", "sources", "explorer", "results",
    "listing", "standing", "navigation", "annotations", "hypotheses", "baseline", "editing", "proving", "exports",
    "presentation", "documents", "desktop", "menus",
})  # fmt: skip
"""The attributes of the window that the steps make."""

# Each is read in a step of its own; those below need those above.
_MODULES = (
    "kfuncscope.gui.graph.proofs", "kfuncscope.gui.index", "kfuncscope.gui.filters", "kfuncscope.gui.context",
    "kfuncscope.gui.graph.view", "kfuncscope.gui.views.overview", "kfuncscope.gui.views.findings",
    "kfuncscope.gui.views.detail", "kfuncscope.gui.views.matrix", "kfuncscope.gui.views.kfuncs",
    "kfuncscope.gui.views.bottom", "kfuncscope.gui.pages", "kfuncscope.gui.frame.docks", "kfuncscope.gui.views.summary",
    "kfuncscope.gui.controllers.sources", "kfuncscope.gui.controllers.results", "kfuncscope.gui.controllers.documents",
    "kfuncscope.gui.controllers.annotations", "kfuncscope.gui.controllers.navigation",
    "kfuncscope.gui.controllers.presentation", "kfuncscope.gui.controllers.desktop",
)  # fmt: skip
_HEAVY = ("numpy", "kfuncscope.model.analysis", "kfuncscope.model.unchecked", "kfuncscope.study.layout")

_FIRST_USE = frozenset({
    QEvent.Type.KeyPress, QEvent.Type.ShortcutOverride, QEvent.Type.MouseButtonPress, QEvent.Type.DragEnter,
    QEvent.Type.ContextMenu,
})  # fmt: skip


class FirstUse(QObject):
    """Fills the window when its first page has been painted, or before anybody's first key, click or drop."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self._window = window
        self._idle = QTimer(self, interval=WAIT_MS)
        self._idle.timeout.connect(self._step)

    def begin(self) -> None:
        """The first page is on screen. Before that nobody can have clicked, and every event would cost its filter."""
        app = QApplication.instance()
        if not self._window.filled and not self._idle.isActive() and app is not None:
            app.installEventFilter(self)
            self._idle.start()

    def _step(self) -> None:
        self._idle.setInterval(0)
        app = QApplication.instance()
        assert app is not None
        app.removeEventFilter(self)  # thousands of events of what is made now, and none of a person
        if self._window.fill_some():
            app.installEventFilter(self)
        else:
            self.end()

    def end(self) -> None:
        """Nothing is left to do."""
        self._idle.stop()
        app = QApplication.instance()
        if app is not None:
            app.removeEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() in _FIRST_USE:
            self._window.fill()
        return False


def _said(text: str) -> str:
    return QCoreApplication.translate("MainWindow", text)


def _imports() -> Iterator[None]:
    """Read the modules: numpy beside the GUI thread, those with widgets in it."""
    if "numpy" not in sys.modules:
        os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # no view multiplies matrices; a pool is 40 ms of the start
        reading = threading.Thread(target=lambda: [import_module(name) for name in _HEAVY], name="modules", daemon=True)
        reading.start()
        while reading.is_alive():
            yield
            reading.join(0.004)
    for name in _MODULES:
        import_module(name)
        yield


def steps(window: MainWindow) -> Iterator[None]:
    """Make everything that the window has beside its first page; each step is a short turn."""
    yield from _imports()
    from kfuncscope.gui.context import Context
    from kfuncscope.gui.pages import PAGES

    window.context = context = Context(window, window.settings)
    window.store, window.jobs, window.commands = context.store, context.jobs, context.commands
    window.pages = {}
    for page in PAGES:
        window.pages[page.id] = page.make(context)
        yield
    _name_pages(window)
    _bars(window)
    yield
    _center(window)
    yield
    yield from _docks(window)
    _status(window)
    yield
    yield from _controllers(window)
    window.listen()
    yield
    window.commands.add("tour", _said("Guided tour"), window.tour, "", "Help")
    _menus(window)
    for part in dressing.parts(window, window.stack):
        dressing.dress(part)
        yield
    window.show_welcome(True)


def _page(window: MainWindow, kind: type[View]) -> View:
    return next(view for view in window.pages.values() if isinstance(view, kind))


def _name_pages(window: MainWindow) -> None:
    """The pages that controllers work with, by name and type."""
    from kfuncscope.gui.graph.view import GraphView
    from kfuncscope.gui.views.bottom import JobsView, NotesView, ProblemsView
    from kfuncscope.gui.views.detail import DetailPanel
    from kfuncscope.gui.views.findings import FindingsView
    from kfuncscope.gui.views.inputs import InputsView
    from kfuncscope.gui.views.kfuncs import KfuncsView
    from kfuncscope.gui.views.matrix import MatrixView
    from kfuncscope.gui.views.overview import OverviewView
    from kfuncscope.gui.views.timeline import TimelineView

    window.overview, window.graph = _page(window, OverviewView), _page(window, GraphView)
    window.matrix, window.findings = _page(window, MatrixView), _page(window, FindingsView)
    window.kfuncs, window.timeline = _page(window, KfuncsView), _page(window, TimelineView)
    window.inputs, window.detail = _page(window, InputsView), _page(window, DetailPanel)
    window.problems, window.jobs_view = _page(window, ProblemsView), _page(window, JobsView)
    window.notes = _page(window, NotesView)


def _bars(window: MainWindow) -> None:
    """The tool bar, and the strip with the decision below it."""
    from kfuncscope.gui.toolbar import Toolbar
    from kfuncscope.gui.views.summary import SummaryStrip

    window.toolbar, window.summary = Toolbar(), SummaryStrip(window.store)
    window.strip = strip = QToolBar(_said("Summary"))
    strip.setObjectName("summary")
    strip.setMovable(False)
    strip.setContextMenuPolicy(Qt.ContextMenuPolicy.PreventContextMenu)
    strip.addWidget(window.summary)
    for bar in (window.toolbar, strip):
        bar.hide()
    window.addToolBar(Qt.ToolBarArea.TopToolBarArea, window.toolbar)
    window.addToolBarBreak()
    window.addToolBar(Qt.ToolBarArea.TopToolBarArea, strip)
    window.toolbar.fit(window.width())


def _center(window: MainWindow) -> None:
    """The tabs, with the line about the result and the banner of a what-if above them."""
    from kfuncscope.gui.frame.docks import title_of
    from kfuncscope.gui.pages import TABS
    from kfuncscope.gui.widgets.banner import Banner
    from kfuncscope.gui.widgets.chips import ChipBar
    from kfuncscope.gui.widgets.statebar import StateBar

    window.chips = chips = ChipBar(window.store)
    window.banner, window.state_bar = Banner(), StateBar()
    window.tabs = tabs = QTabWidget()
    tabs.setDocumentMode(True)
    tabs.setAccessibleName(_said("Views"))
    tabs.tabBar().setDrawBase(False)
    tabs.tabBar().setExpanding(False)
    for page in TABS:
        tabs.addTab(window.pages[page.id], title_of(page))
    tabs.setCornerWidget(chips, Qt.Corner.TopRightCorner)
    tabs.currentChanged.connect(lambda _: chips.fit_later())
    tabs.installEventFilter(chips)
    card = QFrame()
    card.setObjectName("card")
    inner = QVBoxLayout(card)
    inner.setContentsMargins(1, 1, 1, 1)
    inner.addWidget(tabs)
    main = QWidget()
    column = QVBoxLayout(main)
    column.setContentsMargins(0, 7, 0, 6)  # its lower edge is that of the panels beside it
    column.setSpacing(7)
    column.addWidget(window.state_bar)
    column.addWidget(window.banner)
    column.addWidget(card, 1)
    window.stack.addWidget(main)


def _docks(window: MainWindow) -> Iterator[None]:
    from kfuncscope.gui.frame.docks import Docks

    window.frame = frame = Docks(window, window.pages)
    for _ in frame.make():
        yield
    window.docks = frame.all


def _status(window: MainWindow) -> None:
    """What the status bar says beside what was said last."""
    from kfuncscope.gui.widgets.status import StatusCounts, Told

    bar = window.statusBar()
    window.counts, window.state_text = StatusCounts(window.store), Told()
    window.job_button = QPushButton()
    window.job_button.setObjectName("chip")
    window.job_button.setAccessibleName(_said("Running job"))
    window.job_button.hide()
    window.hint = QLabel(_said("N next breakage · Ctrl+K commands"))
    window.hint.setObjectName("muted")
    bar.addWidget(window.counts)
    bar.addWidget(window.state_text, 1)
    bar.addPermanentWidget(window.job_button)
    bar.addPermanentWidget(window.hint)


def _veils(window: MainWindow) -> list[Veil]:
    """What is dimmed while the result is not of what is loaded."""
    from kfuncscope.gui.widgets.statebar import Veil

    return [Veil(over) for over in (window.tabs, window.summary, window.detail)]


def _controllers(w: MainWindow) -> Iterator[None]:
    """What commands do. The first half is about inputs and results, the second about a result on screen."""
    from kfuncscope.gui.controllers.documents import Documents
    from kfuncscope.gui.controllers.explorer import Explorer
    from kfuncscope.gui.controllers.listing import Listing
    from kfuncscope.gui.controllers.results import Results
    from kfuncscope.gui.controllers.sources import Sources
    from kfuncscope.gui.controllers.standing import Standing

    context, bar, welcome = w.context, w.toolbar, w.welcome
    w.sources = Sources(context, bar, welcome, w.inputs, w.problems)
    w.explorer = Explorer(context, w.kfuncs, w.timeline)
    w.results = Results(context, bar, welcome, w.summary, w.problems, w.findings, w.explorer)
    yield
    w.listing = Listing(context, bar, welcome, w.inputs, w.kfuncs)
    w.standing = Standing(context, w.results, w.state_bar, _veils(w), welcome)
    w.documents = Documents(context, welcome)
    yield
    yield from _more_controllers(w)


def _more_controllers(w: MainWindow) -> Iterator[None]:
    from kfuncscope.gui.controllers.annotations import Annotations
    from kfuncscope.gui.controllers.desktop import Desktop
    from kfuncscope.gui.controllers.editing import Editing
    from kfuncscope.gui.controllers.exports import Exports
    from kfuncscope.gui.controllers.hypotheses import Hypotheses
    from kfuncscope.gui.controllers.navigation import Navigation
    from kfuncscope.gui.controllers.presentation import Presentation
    from kfuncscope.gui.controllers.proving import Proving
    from kfuncscope.gui.dialogs.baseline import Baseline
    from kfuncscope.gui.views.proof import ProofView
    from kfuncscope.gui.views.whatif import WhatIfView

    context, bar = w.context, w.toolbar
    w.navigation = Navigation(context, bar, w.summary, w.graph, w.kfuncs, w.timeline)
    w.annotations = Annotations(context, w.detail, w.findings, w.graph, w.notes, w.summary)
    yield
    w.hypotheses = Hypotheses(
        context, w.results, bar, w.banner, w.summary, w.graph, w.detail, w.findings, w.kfuncs, _page(w, WhatIfView)
    )
    w.baseline = Baseline(context)
    w.editing = Editing(context, w.detail, w.findings)
    w.proving = Proving(context, _page(w, ProofView))
    yield
    w.exports = Exports(context, bar, w.graph, w.annotations, w.tabs.currentWidget)
    w.presentation = Presentation(context, w, w.graph, lambda: [bar, w.statusBar(), w.menuBar()])
    w.desktop = Desktop(context, w, bar, w.frame)
    yield


def _menus(window: MainWindow) -> None:
    from kfuncscope.gui.frame.menus import Menus

    window.menus = Menus(window, window.commands, window.bar_menus)
    window.toolbar.menu_button.setMenu(window.menus.whole())
    window.documents.fill_recent(window.menus.recent)
