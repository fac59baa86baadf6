# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The panels around the tabs: each with a title that moves, floats and closes it; and the layout they start in."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from PySide6.QtCore import QCoreApplication, QEvent, QObject, QPointF, QRectF, QSize, Qt, QTimer
from PySide6.QtGui import QColor, QPainter, QPaintEvent
from PySide6.QtWidgets import (
    QDockWidget,
    QFrame,
    QHBoxLayout,
    QLabel,
    QMainWindow,
    QSizePolicy,
    QTabBar,
    QTabWidget,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from kfuncscope.gui import theme
from kfuncscope.gui.frame.dressing import dress
from kfuncscope.gui.pages import PAGES, Page, Place

AREAS = {
    Place.LEFT: Qt.DockWidgetArea.LeftDockWidgetArea,
    Place.RIGHT: Qt.DockWidgetArea.RightDockWidgetArea,
    Place.BOTTOM: Qt.DockWidgetArea.BottomDockWidgetArea,
}


def title_of(page: Page) -> str:
    """The title of a page in the language of the window."""
    return QCoreApplication.translate("Pages", page.title)


class TitleButton(QToolButton):
    """One of the two small buttons of a title, drawn in the colours of the palette."""

    def __init__(self, sign: str, name: str) -> None:
        super().__init__()
        self._sign = sign
        self.setObjectName("dockbutton")
        self.setFixedSize(QSize(20, 20))
        self.setAutoRaise(True)
        self.setAccessibleName(name)
        self.setToolTip(name)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        look = theme.look()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(theme.pen(look.text if self.underMouse() else look.muted, 1.3))
        middle = QRectF(self.rect()).center()
        if self._sign == "close":
            for sign in (1, -1):
                painter.drawLine(middle + QPointF(-3.5, -3.5 * sign), middle + QPointF(3.5, 3.5 * sign))
        else:
            painter.drawRect(QRectF(middle.x() - 4, middle.y() - 1.5, 6, 5.5))
            painter.drawPolyline([middle + QPointF(x, y) for x, y in ((-1.5, -4), (4.5, -4), (4.5, 1.5))])
        if self.hasFocus():
            painter.setPen(theme.pen(look.accent, 1.2))
            painter.drawRoundedRect(QRectF(self.rect()).adjusted(1, 1, -1, -1), 3, 3)
        painter.end()


class DockTitle(QWidget):
    """The title of a dock. Dragging it moves the dock, a double click floats it or puts it back."""

    def __init__(self, dock: QDockWidget) -> None:
        super().__init__(dock)
        self._dock = dock
        self.label = QLabel(dock.windowTitle())
        self.label.setObjectName("docktitle")
        self.label.setFont(theme.ui_font(-1, bold=True))
        self.floater = TitleButton("float", "")
        self.closer = TitleButton("close", "")
        self.floater.clicked.connect(lambda: dock.setFloating(not dock.isFloating()))
        self.closer.clicked.connect(dock.close)
        row = QHBoxLayout(self)
        row.setContentsMargins(18, 5, 12, 0)
        row.setSpacing(2)
        row.addWidget(self.label, 1)
        # A title may be cut. Not by a hint of this class: Qt asks for it a thousand times when a result is shown.
        self.label.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.setMinimumWidth(80)
        row.addWidget(self.floater)
        row.addWidget(self.closer)
        dock.windowTitleChanged.connect(self._named)
        dock.topLevelChanged.connect(lambda _: self._named(dock.windowTitle()))
        self._named(dock.windowTitle())

    def _named(self, title: str) -> None:
        if self.label.text():
            self.label.setText(title)
        floating = self.tr("Put {0} back") if self._dock.isFloating() else self.tr("Float {0}")
        for button, name in ((self.floater, floating), (self.closer, self.tr("Close {0}"))):
            button.setAccessibleName(name.format(title))
            button.setToolTip(name.format(title))

    def show_text(self, on: bool) -> None:
        """Show the title, or leave it to the tab above that says the same."""
        self.label.setText(self._dock.windowTitle() if on else "")


class _Ground(QObject):
    """Paints the ground of a floating dock: there no window lies below it."""

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() is QEvent.Type.Paint and isinstance(watched, QDockWidget) and watched.isFloating():
            painter = QPainter(watched)
            painter.fillRect(watched.rect(), QColor(theme.look().window))
            painter.end()
        return False


class Docks:
    """The docks of the window by the ids of their pages."""

    def __init__(self, window: QMainWindow, pages: dict[str, QWidget]) -> None:
        self._window, self._pages = window, pages
        self._ground = _Ground(window)
        self._later = QTimer(window, interval=0, singleShot=True)  # tab bars come after the docks that share them
        self._later.timeout.connect(self.dress)
        self.all: dict[str, QDockWidget] = {}
        bottom = Qt.DockWidgetArea.BottomDockWidgetArea
        window.setCorner(Qt.Corner.BottomLeftCorner, bottom)
        window.setCorner(Qt.Corner.BottomRightCorner, bottom)
        window.setTabPosition(Qt.DockWidgetArea.AllDockWidgetAreas, QTabWidget.TabPosition.North)

    def make(self) -> Iterator[None]:
        """Make the docks, a step each."""
        for page in PAGES:
            if page.place is not Place.TAB:
                self.all[page.id] = self._dock(page)
                yield
        self.arrange()
        yield

    def _dock(self, page: Page) -> QDockWidget:
        dock = QDockWidget(title_of(page), self._window)
        dock.setObjectName(page.id)
        dock.setFeatures(
            QDockWidget.DockWidgetFeature.DockWidgetMovable
            | QDockWidget.DockWidgetFeature.DockWidgetClosable
            | QDockWidget.DockWidgetFeature.DockWidgetFloatable
        )
        dock.installEventFilter(self._ground)
        card = QFrame()
        card.setObjectName("card")
        column = QVBoxLayout(card)
        column.setContentsMargins(1, 1, 1, 1)
        column.addWidget(self._pages[page.id])
        dock.setTitleBarWidget(DockTitle(dock))
        for moved in (dock.topLevelChanged, dock.dockLocationChanged, dock.visibilityChanged):
            moved.connect(lambda _: self._later.start())
        holder = QWidget()
        frame = QVBoxLayout(holder)
        frame.setContentsMargins(8, 3, 8, 6)
        frame.addWidget(card)
        dock.setWidget(holder)
        dock.hide()  # until there is a result
        return dock

    def arrange(self) -> None:
        """Put every dock where it stands in a new window, docked and in its order."""
        for page in PAGES:
            if page.place is not Place.TAB:
                dock = self.all[page.id]
                dock.setFloating(False)
                self._window.addDockWidget(AREAS[page.place], dock)
        below = [self.all[page.id] for page in PAGES if page.place is Place.BOTTOM]
        for first, second in pairwise(below):
            self._window.tabifyDockWidget(first, second)
        below[0].raise_()

    def even(self, lines: int) -> None:
        """Sizes as in the design; the bottom has room for ``lines`` rows."""
        window = self._window
        wide = window.width() >= 1700
        grow = max(1.0, theme.scale()) ** 0.6 * min(1.0, window.width() / 1360)
        window.resizeDocks(
            [self.all["inputs"], self.all["detail"]],
            [round((300 if wide else 284) * grow), round((470 if wide else 386) * grow)],
            Qt.Orientation.Horizontal,
        )
        rows = round(27 * max(1.0, theme.scale())) * min(max(lines, 2), 3)
        window.resizeDocks([self.all["problems"]], [70 + rows], Qt.Orientation.Vertical)
        self.dress()

    def dress(self) -> None:
        """Give the tab bars of docks that share a place the look of the others; a tab says the title of its dock."""
        for dock in self.all.values():
            head = dock.titleBarWidget()
            if isinstance(head, DockTitle):
                head.show_text(dock.isFloating() or not self._window.tabifiedDockWidgets(dock))
        for bar in self._window.findChildren(QTabBar):
            if bar.parent() is self._window:
                bar.setExpanding(False)
                bar.setDrawBase(False)
                bar.setObjectName("docktabs")
                dress(bar)
                bar.setAccessibleName(QCoreApplication.translate("Docks", "Problems, jobs and notes"))
