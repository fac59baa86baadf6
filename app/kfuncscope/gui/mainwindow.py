# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The main window: toolbar, summary strip, tabs and docks. It makes the pages and the controllers and connects them."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from PySide6.QtCore import QByteArray, QSettings, QSize, Qt, QTimer
from PySide6.QtGui import QCloseEvent, QDragEnterEvent, QDropEvent, QResizeEvent
from PySide6.QtWidgets import (
    QApplication,
    QDockWidget,
    QFrame,
    QLabel,
    QMainWindow,
    QPushButton,
    QScrollArea,
    QStackedWidget,
    QStatusBar,
    QTabWidget,
    QToolBar,
    QVBoxLayout,
    QWidget,
)

from kfuncscope.gui import theme
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
from kfuncscope.gui.controllers.tour import Stops, Tour
from kfuncscope.gui.filters import DEFAULT
from kfuncscope.gui.frame.docks import Docks, title_of
from kfuncscope.gui.frame.menus import Menus
from kfuncscope.gui.graph.view import GraphView
from kfuncscope.gui.jobs import Job
from kfuncscope.gui.pages import PAGES, TABS
from kfuncscope.gui.stylesheet import stylesheet
from kfuncscope.gui.toolbar import Toolbar
from kfuncscope.gui.views.bottom import JobsView, NotesView, ProblemsView
from kfuncscope.gui.views.detail import DetailPanel
from kfuncscope.gui.views.findings import FindingsView
from kfuncscope.gui.views.inputs import InputsView
from kfuncscope.gui.views.kfuncs import KfuncsView
from kfuncscope.gui.views.matrix import MatrixView
from kfuncscope.gui.views.overview import OverviewView
from kfuncscope.gui.views.proof import ProofView
from kfuncscope.gui.views.summary import SummaryStrip
from kfuncscope.gui.views.timeline import TimelineView
from kfuncscope.gui.views.welcome import WelcomePage
from kfuncscope.gui.views.whatif import WhatIfView
from kfuncscope.gui.widgets.banner import Banner
from kfuncscope.gui.widgets.chips import ChipBar
from kfuncscope.gui.widgets.statebar import StateBar, Veil
from kfuncscope.gui.widgets.status import StatusCounts, Told
from kfuncscope.session.session import SUFFIX

if TYPE_CHECKING:
    from kfuncscope.gui.frame.arguments import Asked

View = TypeVar("View", bound=QWidget)


class MainWindow(QMainWindow):
    """The window and nothing but the window: what it shows is in ``context``, what commands do in controllers."""

    def __init__(self, settings: QSettings | None = None) -> None:
        super().__init__()
        self.setObjectName("kfuncscope")
        self.setWindowTitle("kfuncscope[*]")
        self.setAcceptDrops(True)
        self.setDockNestingEnabled(True)
        self.context = Context(self, settings)
        self.store, self.jobs, self.commands = self.context.store, self.context.jobs, self.context.commands
        self.pages: dict[str, QWidget] = {page.id: page.make(self.context) for page in PAGES}
        self._name_pages()
        self.toolbar = Toolbar()
        self.welcome = WelcomePage()
        self.summary = SummaryStrip(self.store)
        self.chips = ChipBar(self.store)
        self.banner, self.state_bar = Banner(), StateBar()
        self._center()
        self._strip()
        self.frame = Docks(self, self.pages)
        self.docks: dict[str, QDockWidget] = self.frame.all
        self._status()
        self._state: QByteArray | None = None
        self._controllers()
        self._listen()
        self.setStyleSheet(stylesheet(theme.look()))
        self.resize(1440, 900)
        self.show_welcome(True)
        self._restore()

    # --- building ---
    def _page(self, kind: type[View]) -> View:
        return next(view for view in self.pages.values() if isinstance(view, kind))

    def _name_pages(self) -> None:
        """The pages that controllers work with, by name and type."""
        self.overview, self.graph, self.matrix = self._page(OverviewView), self._page(GraphView), self._page(MatrixView)
        self.findings, self.kfuncs = self._page(FindingsView), self._page(KfuncsView)
        self.timeline, self.inputs = self._page(TimelineView), self._page(InputsView)
        self.detail, self.problems = self._page(DetailPanel), self._page(ProblemsView)
        self.jobs_view, self.notes = self._page(JobsView), self._page(NotesView)

    def _controllers(self) -> None:
        context, bar = self.context, self.toolbar
        self.sources = Sources(context, bar, self.welcome, self.inputs, self.problems)
        self.explorer = Explorer(context, self.kfuncs, self.timeline)
        self.results = Results(context, bar, self.welcome, self.summary, self.problems, self.findings, self.explorer)
        self.listing = Listing(context, bar, self.welcome, self.inputs, self.kfuncs)
        self.standing = Standing(context, self.results, self.state_bar, self._veils(), self.welcome)
        self.navigation = Navigation(context, bar, self.summary, self.graph, self.kfuncs, self.timeline)
        self.annotations = Annotations(context, self.detail, self.findings, self.graph, self.notes, self.summary)
        self.hypotheses = Hypotheses(
            context, self.results, bar, self.banner, self.summary, self.graph, self.detail, self.findings, self.kfuncs,
            self._page(WhatIfView),
        )  # fmt: skip
        self.editing = Editing(context, self.detail, self.findings)
        self.proving = Proving(context, self._page(ProofView))
        self.exports = Exports(context, bar, self.graph, self.annotations, self.tabs.currentWidget)
        self.presentation = Presentation(context, self, self.graph, lambda: [bar, self.statusBar()])
        self.documents = Documents(context, self.welcome)
        self.desktop = Desktop(context, self, bar, self.frame)
        self.commands.add("tour", self.tr("Guided tour"), self.tour, "", "Help")
        self.menus = Menus(self, self.commands)
        self.menus.fill_bar(self.menuBar())
        bar.menu_button.setMenu(self.menus.whole())
        self.documents.fill_recent(self.menus.recent)

    def _veils(self) -> list[Veil]:
        """What is dimmed while the result is not of what is loaded."""
        return [Veil(over) for over in (self.tabs, self.summary, self.detail)]

    def _listen(self) -> None:
        context = self.context
        context.said.connect(self.state_text.tell)
        context.view_wanted.connect(self.show_page)
        context.welcome_wanted.connect(self.show_welcome)
        context.title_wanted.connect(self.setWindowTitle)
        context.modified.connect(self.setWindowModified)
        context.page_titled.connect(self._retitle)
        context.tour_wanted.connect(self.tour)
        context.palette_changed.connect(self.repaint_all)
        self.jobs.changed.connect(self._job_news)
        self.jobs.added.connect(self._job_news)
        self.job_button.clicked.connect(lambda: self.show_page("jobs"))

    def _center(self) -> None:
        self.tabs = QTabWidget()
        self.tabs.setDocumentMode(True)
        self.tabs.setAccessibleName(self.tr("Views"))
        self.tabs.tabBar().setDrawBase(False)
        self.tabs.tabBar().setExpanding(False)
        for page in TABS:
            self.tabs.addTab(self.pages[page.id], title_of(page))
        self.tabs.setCornerWidget(self.chips, Qt.Corner.TopRightCorner)
        self.tabs.currentChanged.connect(lambda _: QTimer.singleShot(0, self.chips, self.chips.fit))
        card = QFrame()
        card.setObjectName("card")
        inner = QVBoxLayout(card)
        inner.setContentsMargins(1, 1, 1, 1)
        inner.addWidget(self.tabs)
        main = QWidget()
        column = QVBoxLayout(main)
        column.setContentsMargins(0, 7, 0, 0)
        column.setSpacing(7)
        column.addWidget(self.state_bar)
        column.addWidget(self.banner)
        column.addWidget(card, 1)
        self.stack = QStackedWidget()
        first = QScrollArea()  # so that the first page never holds the window wider than the result needs
        first.setWidgetResizable(True)
        first.setFrameShape(QFrame.Shape.NoFrame)
        first.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        first.setWidget(self.welcome)
        first.viewport().setAutoFillBackground(False)
        self.welcome.setAutoFillBackground(False)
        self.stack.addWidget(first)
        self.stack.addWidget(main)
        self.setCentralWidget(self.stack)

    def _strip(self) -> None:
        strip = QToolBar(self.tr("Summary"))
        strip.setObjectName("summary")
        strip.setMovable(False)
        strip.setContextMenuPolicy(Qt.ContextMenuPolicy.PreventContextMenu)
        strip.addWidget(self.summary)
        strip.setStyleSheet("QToolBar { border: 0; padding: 8px 7px 0px 7px; }")
        self.strip = strip
        self.addToolBar(Qt.ToolBarArea.TopToolBarArea, self.toolbar)
        self.addToolBarBreak()
        self.addToolBar(Qt.ToolBarArea.TopToolBarArea, strip)

    def _status(self) -> None:
        bar = QStatusBar()
        bar.setSizeGripEnabled(False)
        self.counts = StatusCounts(self.store)
        self.state_text = Told()
        self.job_button = QPushButton()
        self.job_button.setObjectName("chip")
        self.job_button.setAccessibleName(self.tr("Running job"))
        self.job_button.hide()
        self.hint = QLabel(self.tr("N next breakage · Ctrl+K commands"))
        self.hint.setObjectName("muted")
        bar.addWidget(self.counts)
        bar.addWidget(self.state_text, 1)
        bar.addPermanentWidget(self.job_button)
        bar.addPermanentWidget(self.hint)
        bar.setContentsMargins(8, 0, 8, 0)
        self.setStatusBar(bar)

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
        if self.context.settings is None or not self.context.settings.contains("window/state"):
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
            QTimer.singleShot(0, self.chips, self.chips.fit)

    def start(self, asked: Asked) -> None:
        """What the command line asked for: the demo, a session, or inputs; they are analysed at once."""
        if asked.demo:
            self.documents.demo()
        elif asked.session is not None:
            self.context.open_session(asked.session, DEFAULT)
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
        settings = self.context.settings
        if settings is None:
            return
        geometry, state = settings.value("window/geometry"), settings.value("window/state")
        self._state = state if isinstance(state, QByteArray) else None
        if isinstance(geometry, QByteArray):
            self.restoreGeometry(geometry)

    def repaint_all(self) -> None:
        """Paint again after the palette changed: some views keep pictures and coloured text."""
        self.setStyleSheet(stylesheet(theme.look()))
        self.toolbar.dress()
        self.summary.refresh()
        self.graph.overview.forget()
        self.graph.canvas.repaint_all()
        self.counts.refresh()
        self.detail.refresh()
        self.inputs.viewport().update()
        self.kfuncs.refresh()
        self.chips.refresh()

    def sizeHint(self) -> QSize:
        return QSize(1440, 900)

    # --- events ---
    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.toolbar.fit(self.width())
        QTimer.singleShot(0, self.chips, self.chips.fit)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if event.mimeData().hasUrls():
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        paths = [u.toLocalFile() for u in event.mimeData().urls() if u.isLocalFile()]
        event.acceptProposedAction()
        self.sources.add_inputs(paths)

    def close_unasked(self) -> None:
        """Close at the end of a login or at a signal: nothing is asked, the session is kept automatically."""
        self.documents.asks = False
        QApplication.closeAllWindows()

    def closeEvent(self, event: QCloseEvent) -> None:
        if not self.documents.may_leave():
            event.ignore()
            return
        settings = self.context.settings
        if settings is not None:
            settings.setValue("window/geometry", self.saveGeometry())
            if not self.on_welcome:
                settings.setValue("window/state", self.saveState())
        self.documents.close()
        self.navigation.close()
        self.jobs.close()
        super().closeEvent(event)
