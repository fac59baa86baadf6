# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The main window: toolbar, summary strip, tabs and docks. It makes the pages and the controllers and connects them."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QByteArray, QChildEvent, QEvent, QSettings, QSize, Qt, QTimer
from PySide6.QtGui import QCloseEvent, QDragEnterEvent, QDropEvent, QResizeEvent
from PySide6.QtWidgets import (
    QApplication,
    QDialog,
    QFrame,
    QMainWindow,
    QMenu,
    QScrollArea,
    QStackedWidget,
    QStatusBar,
    QTabBar,
    QWidget,
)
from shiboken6 import isValid

from kfuncscope.gui.frame import dressing, menus, reading
from kfuncscope.gui.frame.interior import PARTS, FirstUse, steps
from kfuncscope.gui.views.welcome import WelcomePage

if TYPE_CHECKING:
    from PySide6.QtWidgets import QDockWidget, QLabel, QPushButton, QTabWidget, QToolBar

    from kfuncscope.gui.commands import Commands
    from kfuncscope.gui.context import Context
    from kfuncscope.gui.controllers.annotations import Annotations
    from kfuncscope.gui.controllers.desktop import Desktop
    from kfuncscope.gui.controllers.documents import Documents
    from kfuncscope.gui.controllers.editing import Editing
    from kfuncscope.gui.controllers.explorer import Explorer
    from kfuncscope.gui.controllers.exports import Exports
    from kfuncscope.gui.controllers.hypotheses import Hypotheses
    from kfuncscope.gui.controllers.listing import Listing
    from kfuncscope.gui.controllers.navigation import Navigation
    from kfuncscope.gui.controllers.presentation import Presentation
    from kfuncscope.gui.controllers.proving import Proving
    from kfuncscope.gui.controllers.results import Results
    from kfuncscope.gui.controllers.sources import Sources
    from kfuncscope.gui.controllers.standing import Standing
    from kfuncscope.gui.dialogs.baseline import Baseline
    from kfuncscope.gui.frame.arguments import Asked
    from kfuncscope.gui.frame.docks import Docks
    from kfuncscope.gui.graph.view import GraphView
    from kfuncscope.gui.jobs import Job, Jobs
    from kfuncscope.gui.store import Store
    from kfuncscope.gui.toolbar import Toolbar
    from kfuncscope.gui.views.bottom import JobsView, NotesView, ProblemsView
    from kfuncscope.gui.views.detail import DetailPanel
    from kfuncscope.gui.views.findings import FindingsView
    from kfuncscope.gui.views.inputs import InputsView
    from kfuncscope.gui.views.kfuncs import KfuncsView
    from kfuncscope.gui.views.matrix import MatrixView
    from kfuncscope.gui.views.overview import OverviewView
    from kfuncscope.gui.views.summary import SummaryStrip
    from kfuncscope.gui.views.timeline import TimelineView
    from kfuncscope.gui.widgets.banner import Banner
    from kfuncscope.gui.widgets.chips import ChipBar
    from kfuncscope.gui.widgets.statebar import StateBar
    from kfuncscope.gui.widgets.status import StatusCounts, Told

PAINTED_MS = 25  # a window is painted within two frames


class MainWindow(QMainWindow):
    """The window and nothing but the window: what it shows is in ``context``, what commands do in controllers.

    At first it has its first page alone. Everything else is made by the steps of ``frame.interior`` once that is on
    screen, or at once when it is asked for: by an attribute of this window, by the first key or click.
    """

    context: Context
    store: Store
    jobs: Jobs
    commands: Commands
    pages: dict[str, QWidget]
    toolbar: Toolbar
    summary: SummaryStrip
    strip: QToolBar
    chips: ChipBar
    banner: Banner
    state_bar: StateBar
    tabs: QTabWidget
    frame: Docks
    docks: dict[str, QDockWidget]
    counts: StatusCounts
    state_text: Told
    job_button: QPushButton
    hint: QLabel
    overview: OverviewView
    graph: GraphView
    matrix: MatrixView
    findings: FindingsView
    kfuncs: KfuncsView
    timeline: TimelineView
    inputs: InputsView
    detail: DetailPanel
    problems: ProblemsView
    jobs_view: JobsView
    notes: NotesView
    sources: Sources
    explorer: Explorer
    results: Results
    listing: Listing
    standing: Standing
    navigation: Navigation
    annotations: Annotations
    hypotheses: Hypotheses
    baseline: Baseline
    editing: Editing
    proving: Proving
    exports: Exports
    presentation: Presentation
    documents: Documents
    desktop: Desktop
    menus: menus.Menus

    def __init__(self, settings: QSettings | None = None) -> None:
        super().__init__()
        self.setObjectName("kfuncscope")
        self.setWindowTitle("kfuncscope[*]")
        self.setAcceptDrops(True)
        self.setDockNestingEnabled(True)
        self.setAnimated(False)  # panels that slide lay out and paint the window six times
        self.settings = settings
        self._state: QByteArray | None = None
        self._steps: Iterator[None] | None = None
        self.filled = self._filling = False
        self.welcome = WelcomePage()
        self._first_page()
        self.bar_menus: dict[str, QMenu] = menus.titles(self.menuBar())
        status = QStatusBar()
        status.setSizeGripEnabled(False)
        status.setContentsMargins(8, 0, 8, 0)
        self.setStatusBar(status)
        self.setStyleSheet(dressing.FRAME)
        for part in dressing.parts(self, self.stack):
            dressing.dress(part)
        self._turns = dressing.Turns(self)
        self.resize(1440, 900)
        self._restore()
        self._first_use = FirstUse(self)
        self.welcome.painted.connect(self._first_use.begin)

    # --- building ---
    def _first_page(self) -> None:
        self.stack = QStackedWidget()
        first = QScrollArea()  # so that the first page never holds the window wider than the result needs
        first.setWidgetResizable(True)
        first.setFrameShape(QFrame.Shape.NoFrame)
        first.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        first.setWidget(self.welcome)
        self.stack.addWidget(first)
        self.setCentralWidget(self.stack)

    def fill_some(self) -> bool:
        """Take the next step of what makes the rest of the window; False where none is left."""
        if self.filled or self._filling:
            return not self.filled
        self._filling = True
        try:
            if self._steps is None:
                self._steps = steps(self)
            self.filled = next(self._steps, self) is self
        finally:
            self._filling = False
        if self.filled:
            self._first_use.end()
        return not self.filled

    def fill(self) -> None:
        """Make the rest of the window now."""
        self._first_use.end()
        while not self._filling and self.fill_some():
            pass

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            """A part that is not made yet is made when it is asked for."""
            if name in PARTS and not self._filling and not self.filled:
                self.fill()
                return self.__dict__[name]
            raise AttributeError(name)

    def listen(self) -> None:
        """Do what controllers and views ask the window for."""
        context = self.context
        context.said.connect(self.state_text.tell)
        context.view_wanted.connect(self.show_page)
        context.welcome_wanted.connect(self.show_welcome)
        context.title_wanted.connect(self.setWindowTitle)
        context.modified.connect(self.setWindowModified)
        context.page_titled.connect(self._retitle)
        context.tour_wanted.connect(self.tour)
        context.palette_changed.connect(self.repaint_all)
        context.looks_changed.connect(self.repaint_in_turns)
        self.jobs.changed.connect(self._job_news)
        self.jobs.added.connect(self._job_news)
        self.job_button.clicked.connect(lambda: self.show_page("jobs"))

    # --- state ---
    def show_welcome(self, welcome: bool) -> None:
        """Show the first page, or the result with its docks as the person left them."""
        if not welcome and not self.on_welcome:
            return
        self.stack.setCurrentIndex(0 if welcome else 1)
        self.strip.setVisible(not welcome)
        self.toolbar.setVisible(not welcome)
        self.hint.setVisible(not welcome)
        for dock in self.docks.values():
            dock.setVisible(not welcome)
        if not welcome:
            if self._state is not None:
                self.restoreState(self._state)
                self.strip.setVisible(True)
                self.toolbar.setVisible(True)
            self.docks["problems"].raise_()
            QTimer.singleShot(0, self._even)

    @property
    def on_welcome(self) -> bool:
        """Whether the first page is shown."""
        return self.stack.currentIndex() == 0

    def _even(self) -> None:
        """Sizes of the docks as in the design unless the person chose others."""
        if self.settings is None or not self.settings.contains("window/state"):
            self.frame.even(self.problems.model.rowCount())
        self.frame.dress()

    def show_page(self, name: str) -> None:
        """Bring a page to the front and give it the keyboard; the empty name means the tab that is in front."""
        if name in self.docks:
            self.docks[name].setVisible(True)
            self.docks[name].raise_()
            return
        if name:
            self.tabs.setCurrentWidget(self.pages[name])
        self.focus_view()

    def _retitle(self, name: str, title: str) -> None:
        if name in self.docks:
            self.docks[name].setWindowTitle(title)
        else:
            self.tabs.setTabText(self.tabs.indexOf(self.pages[name]), title)
            self.chips.fit_later()

    def start(self, asked: Asked) -> None:
        """What the command line asked for: the demo, a session, or inputs; they are analysed at once."""
        from kfuncscope.session.session import SUFFIX

        if asked.demo:
            self.documents.demo()
        elif asked.session is not None:
            from kfuncscope.gui.controllers.documents import filters_of
            from kfuncscope.gui.filters import DEFAULT

            self.context.open_session(asked.session, filters_of(asked.session) or DEFAULT)
            self.hypotheses.begin_with(asked.assumed)
        elif len(asked.paths) == 1 and asked.paths[0].endswith(SUFFIX):
            self.documents.open(asked.paths[0])
        elif asked.paths:
            self.sources.add_inputs(asked.paths)
            session = self.context.session
            if session.old and session.new and session.objects:
                self.results.analyse()

    def tour(self) -> None:
        """Show the guided tour over a result."""
        if not self.on_welcome:
            from kfuncscope.gui.controllers.tour import Stops, Tour

            stops = Stops(
                self.summary, self.graph, self.docks["detail"], self.matrix, self.chips, self.toolbar.whatif,
                self.docks["problems"], self.show_page,
            )  # fmt: skip
            Tour(self, stops)

    def _job_news(self, _job: Job) -> None:
        running = self.jobs.running()
        self.job_button.setVisible(bool(running))
        if running:
            last = running[-1]
            share = f" {last.done / last.total:.0%}" if last.total else ""
            self.job_button.setText(f"{last.title}{share}  ·  Esc")
        self._retitle("jobs", self.tr("Jobs {0}").format(len(running)) if running else self.tr("Jobs"))

    def focus_view(self) -> None:
        """Give the keyboard to the tab in front."""
        view = self.tabs.currentWidget()
        inner = getattr(view, "canvas", None) or getattr(view, "table", None)
        if inner is not None:
            inner.setFocus()

    def _restore(self) -> None:
        settings = self.settings
        if settings is None:
            return
        geometry, state = settings.value("window/geometry"), settings.value("window/state")
        self._state = state if isinstance(state, QByteArray) else None
        if isinstance(geometry, QByteArray):
            self.restoreGeometry(geometry)

    def repaint_all(self) -> None:
        """Paint again after the palette changed, all at once: for pictures, and before anything is on screen."""
        for _ in self._again(True):
            pass
        if self.filled:
            self.detail.refresh()

    def repaint_in_turns(self, colours: bool) -> None:
        """Paint again after the palette (``colours``) or the font changed, in short turns; seen when all is done."""
        self._turns.begin(self._again(colours))

    def _again(self, colours: bool) -> Generator[int | None, None, None]:
        """Some views keep pictures and coloured text. Half the colours are not shown, half the letters may be."""
        self.setUpdatesEnabled(not colours)
        self.stack.setUpdatesEnabled(False)  # painted once, when all is done
        try:
            if colours:
                for part in dressing.parts(self, self.stack):
                    if isValid(part):  # a dialog may have been closed meanwhile
                        dressing.dress(part)
                        yield None
            elif self.filled:  # what has a style sheet does not take the font of the application
                for named in (self.tabs, self.tabs.tabBar(), self.chips, self.graph, self.banner, self.state_bar):
                    for part in (named, *dressing.lettered(named)):
                        part.setFont(QApplication.font())
                    yield None
            if self.filled:
                yield from self._views_again()
            if colours:  # painted in two turns, the middle last
                self.setUpdatesEnabled(True)
                yield PAINTED_MS
        finally:
            if isValid(self):
                self.setUpdatesEnabled(True)
                self.stack.setUpdatesEnabled(True)

    def _views_again(self) -> Generator[None, None, None]:
        self.toolbar.dress()
        self.summary.refresh()
        self.counts.refresh()
        yield
        self.graph.overview.forget()
        self.graph.canvas.repaint_all()
        self.chips.refresh()
        self.overview.dress()
        yield
        self.detail.refresh_later()
        self.inputs.viewport().update()
        self.kfuncs.refresh()

    def sizeHint(self) -> QSize:
        return QSize(1440, 900)

    # --- events ---
    def focusNextPrevChild(self, forward: bool) -> bool:
        return reading.move(self, forward) or super().focusNextPrevChild(forward)

    def childEvent(self, event: QChildEvent) -> None:
        super().childEvent(event)
        if event.type() == QEvent.Type.ChildPolished:
            child = event.child()
            if isinstance(child, QDialog | QMenu | QFrame | QTabBar):
                dressing.dress(child)
            if isinstance(child, QDialog):
                dressing.plain(child)

    def resizeEvent(self, event: QResizeEvent) -> None:
        self.setUpdatesEnabled(True)  # Qt never paints a window again that was resized while it painted nothing
        super().resizeEvent(event)
        if not self.filled:
            return
        self.toolbar.fit(self.width())
        self.chips.fit_later()

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if event.mimeData().hasUrls():
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        paths = [u.toLocalFile() for u in event.mimeData().urls() if u.isLocalFile()]
        event.acceptProposedAction()
        self.sources.add_inputs(paths)

    def close_unasked(self) -> None:
        """Close at the end of a login or at a signal: nothing is asked, the session is kept automatically."""
        if self._steps is not None:
            self.documents.asks = False
        QApplication.closeAllWindows()

    def closeEvent(self, event: QCloseEvent) -> None:
        if self._steps is None:  # closed before anything could be given
            self._first_use.end()
            self.filled = True
            if self.settings is not None:
                self.settings.setValue("window/geometry", self.saveGeometry())
            super().closeEvent(event)
            return
        self.fill()
        if not self.documents.may_leave():
            event.ignore()
            return
        settings = self.context.settings
        if settings is not None:
            settings.setValue("window/geometry", self.saveGeometry())
            if not self.on_welcome:
                settings.setValue("window/state", self.saveState())
        self._turns.end()
        self.documents.close()
        self.navigation.close()
        self.jobs.close()
        super().closeEvent(event)
