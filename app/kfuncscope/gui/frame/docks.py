# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The panels around the tabs: each with a title that moves, floats and closes it; and the layout they start in."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from PySide6.QtCore import QCoreApplication, QEvent, QObject, QPoint, QPointF, QRectF, QSize, Qt, QTimer
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

_MOST = 16_777_215  # the height of a widget that has no bound
OUT = 36  # pixels that a dock moves when it comes out of the window
NARROW = 1000  # the width of a window where panels at the sides give room to the middle
LOW = 640  # the height of a low window, in the letters it was drawn for
_MOVED = (QEvent.Type.Resize, QEvent.Type.Move, QEvent.Type.Show, QEvent.Type.Hide, QEvent.Type.LayoutRequest)

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
        self.floater.clicked.connect(self._float)
        self.closer.clicked.connect(dock.hide)  # close() does nothing to a dock that floated once
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

    def _float(self) -> None:
        """Take the dock out of the window, or put it back; one that has just come out lies beside its old place."""
        dock, place = self._dock, self._dock.mapToGlobal(QPoint(0, 0))
        dock.setFloating(not dock.isFloating())
        if dock.isFloating():  # Qt leaves it exactly where it was: nobody would see that it lies over the window
            free = dock.screen().availableGeometry()
            left = min(place.x() + OUT, free.right() - dock.width())
            dock.move(left if left != place.x() else left - OUT, min(place.y() + OUT, free.bottom() - dock.height()))

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

    def fold(self, on: bool) -> None:
        """Take no room: the tabs above have the title, and beside them the buttons."""
        for part in (self.label, self.floater, self.closer):
            part.setVisible(not on)
        self.setMaximumHeight(0 if on else _MOST)


class TabCorner(QWidget):
    """The two buttons of the dock in front, at the right end of the tabs of docks that share a place."""

    def __init__(self, bar: QTabBar, docks: Docks) -> None:
        super().__init__(bar.parentWidget())  # the children of a tab bar are its tabs alone to a screen reader
        self.setObjectName("tabcorner")
        self._bar, self._docks = bar, docks
        self.floater, self.closer = TitleButton("float", ""), TitleButton("close", "")
        row = QHBoxLayout(self)
        row.setContentsMargins(4, 0, 12, 0)
        row.setSpacing(2)
        for button, name in ((self.floater, "floater"), (self.closer, "closer")):
            row.addWidget(button)
            button.clicked.connect(lambda _=False, n=name: self._press(n))
        bar.currentChanged.connect(lambda _: docks.dress_later())
        bar.installEventFilter(self)
        bar.destroyed.connect(self.deleteLater)

    def _front(self) -> QDockWidget | None:
        """The dock whose tab is in front: the tabs of the window have the titles of their docks."""
        title = self._bar.tabText(self._bar.currentIndex())
        here = (dock for dock in self._docks.all.values() if dock.isVisible() and not dock.isFloating())
        return next((dock for dock in here if dock.windowTitle() == title), None)

    def _press(self, name: str) -> None:
        dock = self._front()
        head = dock.titleBarWidget() if dock is not None else None
        if isinstance(head, DockTitle):
            getattr(head, name).click()

    def name(self) -> None:
        """Say what the buttons do now."""
        dock = self._front()
        head = dock.titleBarWidget() if dock is not None else None
        if isinstance(head, DockTitle):
            for mine, its in ((self.floater, head.floater), (self.closer, head.closer)):
                mine.setAccessibleName(its.accessibleName())
                mine.setToolTip(its.toolTip())

    def fits(self) -> bool:
        """Stand at the end of the bar; whether there is room beside the tabs."""
        bar, wide = self._bar, self.sizeHint().width()
        taken = sum(bar.tabRect(i).width() for i in range(bar.count()))
        self.setGeometry(bar.geometry().right() + 1 - wide, bar.y(), wide, bar.height() - 2)
        self.setVisible(bar.isVisible() and taken + wide <= bar.width())
        self.raise_()
        self.name()
        return not self.isHidden()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Hide:
            self.hide()
        if event.type() in _MOVED:
            self._docks.dress_later()
        return False


class _Ground(QObject):
    """Paints the ground of a floating dock: there no window lies below it."""

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() is QEvent.Type.Paint and isinstance(watched, QDockWidget) and watched.isFloating():
            painter = QPainter(watched)
            painter.fillRect(watched.rect(), QColor(theme.look().window))
            painter.setPen(QColor(theme.look().strong_line))  # not every desktop gives it a frame
            painter.drawRect(watched.rect().adjusted(0, 0, -1, -1))
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
        self._corners: dict[QTabBar, TabCorner] = {}
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
        dock.topLevelChanged.connect(lambda out: None if out else QTimer.singleShot(0, dock, lambda: self._share(dock)))
        for moved in (dock.topLevelChanged, dock.dockLocationChanged, dock.visibilityChanged, dock.windowTitleChanged):
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

    def _share(self, dock: QDockWidget) -> None:
        """Give a dock that was dropped above or below others at a side a fair share: Qt leaves it its least height."""
        area = self._window.dockWidgetArea(dock)
        if dock.isFloating() or area not in (AREAS[Place.LEFT], AREAS[Place.RIGHT]):
            return
        column: list[QDockWidget] = []
        for other in self.all.values():
            here = other.isVisible() and not other.isFloating() and self._window.dockWidgetArea(other) == area
            beside = other.x() >= dock.geometry().right() or other.geometry().right() <= dock.x()
            if here and not beside and not set(column) & set(self._window.tabifiedDockWidgets(other)):
                column.append(other)
        fair = sum(one.height() for one in column) // max(1, len(column))
        if dock.height() < fair * 3 // 4:
            self._window.resizeDocks(column, [fair] * len(column), Qt.Orientation.Vertical)

    def even(self, lines: int) -> None:
        """Sizes as in the design; the bottom has room for ``lines`` rows."""
        window = self._window
        wide = window.width() >= 1700
        grow = max(1.0, theme.scale()) ** 0.6 * min(1.0, window.width() / 1360)
        if window.width() < NARROW:
            grow *= 0.9  # the middle has the tabs to show
        window.resizeDocks(
            [self.all["inputs"], self.all["detail"]],
            [round((300 if wide else 284) * grow), round((470 if wide else 386) * grow)],
            Qt.Orientation.Horizontal,
        )
        low = window.height() / max(1.0, theme.scale()) < LOW
        rows = round(27 * max(1.0, theme.scale())) * (1 if low else min(max(lines, 2), 3))
        window.resizeDocks([self.all["problems"]], [70 + rows], Qt.Orientation.Vertical)
        self.dress()

    def dress(self) -> None:
        """Give the tab bars of docks that share a place the look of the others; a tab says the title of its dock."""
        roomy: set[str] = set()  # titles in tabs that have the buttons beside them
        bars = [bar for bar in self._window.findChildren(QTabBar) if bar.parent() is self._window]
        for gone in self._corners.keys() - set(bars):
            del self._corners[gone]  # it went with its bar
        for bar in bars:
            bar.setExpanding(False)
            bar.setDrawBase(False)
            bar.setObjectName("docktabs")
            dress(bar)
            bar.setAccessibleName(QCoreApplication.translate("Docks", "Problems, jobs and notes"))
            if bar not in self._corners:
                self._corners[bar] = TabCorner(bar, self)
            if self._corners[bar].fits():
                roomy |= {bar.tabText(i) for i in range(bar.count())}
        for dock in self.all.values():
            head = dock.titleBarWidget()
            if isinstance(head, DockTitle):
                alone = dock.isFloating() or not self._window.tabifiedDockWidgets(dock)
                head.show_text(alone)
                head.fold(not alone and dock.windowTitle() in roomy)

    def dress_later(self) -> None:
        """Look at titles and tabs again, once for all that changes in this turn."""
        self._later.start()
