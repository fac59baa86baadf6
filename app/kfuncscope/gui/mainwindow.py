# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The main window: toolbar, summary strip, docks and tabs. What its commands do is in actions.py."""

from __future__ import annotations

from PySide6.QtCore import QByteArray, QSettings, QSize, Qt, QTimer
from PySide6.QtGui import QCloseEvent, QDragEnterEvent, QDropEvent, QResizeEvent
from PySide6.QtWidgets import (
    QComboBox,
    QDockWidget,
    QFrame,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QMainWindow,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QStackedWidget,
    QStatusBar,
    QTabBar,
    QTabWidget,
    QToolBar,
    QVBoxLayout,
    QWidget,
)

from kfuncscope.gui import theme
from kfuncscope.gui.commands import Commands
from kfuncscope.gui.controllers.actions import Actions
from kfuncscope.gui.controllers.annotations import Annotations
from kfuncscope.gui.controllers.documents import Documents
from kfuncscope.gui.controllers.explorer import Explorer
from kfuncscope.gui.controllers.exports import Exports
from kfuncscope.gui.controllers.hypotheses import Hypotheses
from kfuncscope.gui.graph.view import GraphView
from kfuncscope.gui.jobs import Jobs
from kfuncscope.gui.store import Store
from kfuncscope.gui.stylesheet import stylesheet, toolbar_style
from kfuncscope.gui.views.bottom import JobsView, NotesView, ProblemsView
from kfuncscope.gui.views.chips import ChipBar
from kfuncscope.gui.views.detail import DetailPanel
from kfuncscope.gui.views.findings import FindingsView
from kfuncscope.gui.views.inputs import InputsView
from kfuncscope.gui.views.kfuncs import KfuncsView
from kfuncscope.gui.views.matrix import MatrixView
from kfuncscope.gui.views.status import StatusCounts, Told
from kfuncscope.gui.views.summary import SummaryStrip
from kfuncscope.gui.views.timeline import TimelineView
from kfuncscope.gui.views.welcome import WelcomePage

TABS = ("Graph", "Matrix", "Findings", "kfuncs", "Timeline")


class MainWindow(QMainWindow):
    """The window and nothing but the window; ``actions`` holds the session and does the work."""

    def __init__(self, settings: QSettings | None = None) -> None:
        super().__init__()
        self.settings = settings
        self.setObjectName("kfuncscope")
        self.setWindowTitle("kfuncscope")
        self.setAcceptDrops(True)
        self.setDockNestingEnabled(True)
        self.store = Store(self)
        self.jobs = Jobs(self)
        self.commands = Commands(self)
        self._center()
        self._docks()
        self._toolbar()
        self._status()
        self.tour_after = False
        self._state: QByteArray | None = None
        self.actions_ = Actions(self)
        self.documents = Documents(self)
        self.notes_ = Annotations(self)
        self.hypotheses = Hypotheses(self)
        self.exports = Exports(self)
        self.explorer = Explorer(self)
        self.setStyleSheet(stylesheet(theme.look()))
        self.resize(1440, 900)
        self.show_welcome(True)
        self._restore()

    # --- building ---
    def _toolbar(self) -> None:
        bar = QToolBar(self.tr("Main"))
        bar.setObjectName("main")
        bar.setMovable(False)
        bar.setContextMenuPolicy(Qt.ContextMenuPolicy.PreventContextMenu)
        self.insertToolBar(self.strip, bar)
        self.insertToolBarBreak(self.strip)
        brand = self.brand = QLabel("kfuncscope")
        brand.setObjectName("brand")
        brand.setFont(theme.ui_font(1, bold=True))
        self.open_kernels = QPushButton(self.tr("Open kernels…"))
        self.add_objects = QPushButton(self.tr("Add objects…"))
        self.old_box, self.new_box = QComboBox(), QComboBox()
        for box, name in ((self.old_box, self.tr("Old kernel")), (self.new_box, self.tr("New kernel"))):
            box.setAccessibleName(name)
            box.setToolTip(name)
            box.setMinimumWidth(90)
            box.setFont(theme.mono(-0.5))
            box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)
        self.analyse = QPushButton(self.tr("Analyse  F5"))
        self.analyse.setObjectName("primary")
        self.search = QLineEdit()
        self.search.setPlaceholderText(self.tr("Search programs, kfuncs…   Ctrl+F"))
        self.search.setAccessibleName(self.tr("Search"))
        self.search.setClearButtonEnabled(True)
        self.search.setMinimumWidth(110)
        self.search.setMaximumWidth(290)
        self.search.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.hide_others = self.search.addAction(theme.funnel_icon(True), QLineEdit.ActionPosition.TrailingPosition)
        self.hide_others.setCheckable(True)
        self.hide_others.setChecked(True)
        self.hide_others.setToolTip(self.tr("On: hide what the search does not find. Off: only mark what it finds."))
        self.whatif = QPushButton(self.tr("What if…"))
        self.export = QPushButton(self.tr("Export…"))
        for button, tip in (
            (self.open_kernels, self.tr("Choose kernel files: first the old, then the new (Ctrl+O)")),
            (self.add_objects, self.tr("Add objects, packages or folders of them (Ctrl+Shift+A)")),
            (self.analyse, self.tr("Judge all that was given anew (F5)")),
            (self.whatif, self.tr("Assume that something goes away, changes or stays")),
            (self.export, self.tr("Write a report, or the graph as a picture (Ctrl+E)")),
        ):
            button.setToolTip(tip)
        old_label, arrow = QLabel(self.tr("Old")), QLabel(self.tr("→ New"))
        for label in (old_label, arrow):
            label.setObjectName("muted")
            label.setContentsMargins(6, 0, 0, 0)
        row = (brand, self.open_kernels, self.add_objects, old_label, self.old_box, arrow, self.new_box, self.analyse)
        holder = QWidget()
        line = QHBoxLayout(holder)
        line.setContentsMargins(10, 7, 10, 7)
        line.setSpacing(7)
        for label in (brand, old_label, arrow):
            label.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Preferred)
        for widget in row:
            line.addWidget(widget)
        line.addStretch(1)
        line.addWidget(self.search, 1000)
        for tool in (self.whatif, self.export):
            line.addWidget(tool)
        bar.addWidget(holder)
        self.bar = bar
        self.bar.setStyleSheet(toolbar_style())

    def _center(self) -> None:
        self.welcome = WelcomePage()
        self.summary = SummaryStrip(self.store)
        self.graph = GraphView(self.store, self.jobs)
        self.matrix = MatrixView(self.store)
        self.findings = FindingsView(self.store)
        self.kfuncs = KfuncsView()
        self.timeline = TimelineView()
        self.chips = ChipBar(self.store)
        self.tabs = QTabWidget()
        self.tabs.setDocumentMode(True)
        self.tabs.setAccessibleName(self.tr("Views"))
        self.tabs.tabBar().setDrawBase(False)
        self.tabs.tabBar().setExpanding(False)
        for title, view in zip(TABS, (self.graph, self.matrix, self.findings, self.kfuncs, self.timeline), strict=True):
            self.tabs.addTab(view, title)
        self.tabs.setCornerWidget(self.chips, Qt.Corner.TopRightCorner)
        self.tabs.currentChanged.connect(lambda _: QTimer.singleShot(0, self.chips, self.chips.fit))
        card = QFrame()
        card.setObjectName("card")
        inner = QVBoxLayout(card)
        inner.setContentsMargins(1, 1, 1, 1)
        inner.addWidget(self.tabs)
        self.banner = QFrame()
        self.banner.hide()
        row = QHBoxLayout(self.banner)
        row.setContentsMargins(12, 4, 8, 4)
        self.banner_text = QLabel()
        self.banner_text.setWordWrap(True)
        self.banner_button = QPushButton(self.tr("Back to the real result"))
        row.addWidget(self.banner_text, 1)
        row.addWidget(self.banner_button)
        main = QWidget()
        column = QVBoxLayout(main)
        column.setContentsMargins(0, 7, 0, 0)
        column.setSpacing(7)
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
        strip = QToolBar(self.tr("Summary"))
        strip.setObjectName("summary")
        strip.setMovable(False)
        strip.setContextMenuPolicy(Qt.ContextMenuPolicy.PreventContextMenu)
        strip.addWidget(self.summary)
        strip.setStyleSheet("QToolBar { border: 0; padding: 8px 7px 0px 7px; }")
        self.strip = strip
        self.addToolBar(Qt.ToolBarArea.TopToolBarArea, strip)

    def _dock(self, name: str, title: str, inner: QWidget, area: Qt.DockWidgetArea, heading: bool) -> QDockWidget:
        dock = QDockWidget(title, self)
        dock.setObjectName(name)
        dock.setFeatures(
            QDockWidget.DockWidgetFeature.DockWidgetMovable | QDockWidget.DockWidgetFeature.DockWidgetClosable
        )
        card = QFrame()
        card.setObjectName("card")
        column = QVBoxLayout(card)
        column.setContentsMargins(1, 1, 1, 1)
        column.setSpacing(0)
        if heading:
            label = QLabel(title.upper())
            label.setObjectName("heading")
            label.setFont(theme.ui_font(-1, bold=True))
            label.setContentsMargins(12, 9, 0, 5)
            column.addWidget(label)
        column.addWidget(inner, 1)
        dock.setTitleBarWidget(QWidget())
        holder = QWidget()
        frame = QVBoxLayout(holder)
        sides = Qt.DockWidgetArea
        bottom = area == sides.BottomDockWidgetArea
        frame.setContentsMargins(8 if area != sides.RightDockWidgetArea else 0, 0 if bottom else 7,
                                 8 if area != sides.LeftDockWidgetArea else 0, 6 if bottom else 0)  # fmt: skip
        frame.addWidget(card)
        dock.setWidget(holder)
        self.addDockWidget(area, dock)
        return dock

    def _docks(self) -> None:
        area = Qt.DockWidgetArea
        self.inputs = InputsView(self.store)
        self.detail = DetailPanel(self.store)
        self.problems, self.jobs_view, self.notes = ProblemsView(), JobsView(self.jobs), NotesView()
        self.setCorner(Qt.Corner.BottomLeftCorner, area.BottomDockWidgetArea)
        self.setCorner(Qt.Corner.BottomRightCorner, area.BottomDockWidgetArea)
        self.setTabPosition(area.BottomDockWidgetArea, QTabWidget.TabPosition.North)
        self.inputs_dock = self._dock("inputs", self.tr("Inputs"), self.inputs, area.LeftDockWidgetArea, True)
        self.detail_dock = self._dock("detail", self.tr("Detail"), self.detail, area.RightDockWidgetArea, False)
        bottom = area.BottomDockWidgetArea
        self.problems_dock = self._dock("problems", self.tr("Problems"), self.problems, bottom, False)
        self.jobs_dock = self._dock("jobs", self.tr("Jobs"), self.jobs_view, bottom, False)
        self.notes_dock = self._dock("notes", self.tr("Notes"), self.notes, bottom, False)
        self.tabifyDockWidget(self.problems_dock, self.jobs_dock)
        self.tabifyDockWidget(self.jobs_dock, self.notes_dock)
        self.problems_dock.raise_()
        self.all_docks = (self.inputs_dock, self.detail_dock, self.problems_dock, self.jobs_dock, self.notes_dock)

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
        self.bar.setVisible(not welcome)
        self.hint.setVisible(not welcome)
        for dock in self.all_docks:
            dock.setVisible(not welcome)
        if not welcome:
            if self._state is not None:
                self.restoreState(self._state)
                self.strip.setVisible(True)
                self.bar.setVisible(True)
            self.problems_dock.raise_()
            QTimer.singleShot(0, self._even)

    @property
    def on_welcome(self) -> bool:
        """Whether the first page is shown."""
        return self.stack.currentIndex() == 0

    def _even(self) -> None:
        """Sizes of the docks as in the design unless the person chose others."""
        if self.settings is not None and self.settings.contains("window/state"):
            return
        wide = self.width() >= 1700
        grow = max(1.0, theme.scale()) ** 0.6 * min(1.0, self.width() / 1360)
        self.resizeDocks(
            [self.inputs_dock, self.detail_dock],
            [round((290 if wide else 254) * grow), round((470 if wide else 386) * grow)],
            Qt.Orientation.Horizontal,
        )
        lines = min(max(self.problems.model.rowCount(), 2), 3)
        self.resizeDocks(
            [self.problems_dock], [46 + round(27 * max(1.0, theme.scale())) * lines], Qt.Orientation.Vertical
        )
        for bar in self.findChildren(QTabBar):
            if bar.parent() is self:
                bar.setExpanding(False)
                bar.setDrawBase(False)
                bar.setStyleSheet("QTabBar::tab:first { margin-left: 9px; }")
                bar.setAccessibleName(self.tr("Problems, jobs and notes"))

    def show_tab(self, number: int) -> None:
        """Bring a tab of the centre to the front and give it the focus."""
        self.tabs.setCurrentIndex(number)
        self.focus_view()

    def focus_view(self) -> None:
        """Give the keyboard to the tab in front."""
        view = self.tabs.currentWidget()
        inner = getattr(view, "canvas", None) or getattr(view, "table", None)
        if inner is not None:
            inner.setFocus()

    def _restore(self) -> None:
        if self.settings is None:
            return
        geometry, state = self.settings.value("window/geometry"), self.settings.value("window/state")
        self._state = state if isinstance(state, QByteArray) else None
        if isinstance(geometry, QByteArray):
            self.restoreGeometry(geometry)

    def repaint_all(self) -> None:
        """Paint anew after the palette changed: some views keep pictures and coloured text."""
        self.setStyleSheet(stylesheet(theme.look()))
        self.bar.setStyleSheet(toolbar_style())
        self.hide_others.setIcon(theme.funnel_icon(self.hide_others.isChecked()))
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
        self.brand.setVisible(self.width() >= 1140)  # in a narrow window the kernels' names matter more
        QTimer.singleShot(0, self.chips, self.chips.fit)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if event.mimeData().hasUrls():
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        paths = [u.toLocalFile() for u in event.mimeData().urls() if u.isLocalFile()]
        event.acceptProposedAction()
        self.actions_.add_inputs(paths)

    def closeEvent(self, event: QCloseEvent) -> None:
        if self.settings is not None:
            self.settings.setValue("window/geometry", self.saveGeometry())
            if not self.on_welcome:
                self.settings.setValue("window/state", self.saveState())
        self.documents.close()
        self.actions_.close()
        self.jobs.close()
        super().closeEvent(event)
