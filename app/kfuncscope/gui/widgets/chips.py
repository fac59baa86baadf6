# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The active filters as chips, each removable; the last button offers more."""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication, QEvent, QObject, QPoint, QRect, QSize, Qt, QTimer
from PySide6.QtGui import QFontMetrics, QWheelEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QMenu, QPushButton, QScrollArea, QTabBar, QTabWidget, QWidget

from kfuncscope.gui import theme
from kfuncscope.gui.filters import Token
from kfuncscope.gui.frame.spoken import spoken
from kfuncscope.gui.store import Store
from kfuncscope.model.verdict import NeedKind, Verdict

AIR = 20  # pixels that a tab has less where there is little room
SIDE = 18


def chip_text(token: Token) -> str:
    """How a filter reads on its chip."""
    if token.kind == "affected":
        return spoken("only affected")
    if token.kind == "runs":
        return spoken("runs somewhere")
    if token.kind == "proof":
        return spoken("≠ kernel disagrees")
    if token.kind == "verdict":
        verdict = Verdict(token.value)
        return f"{theme.GLYPHS[verdict]} {theme.WORDS[verdict]}"
    if token.kind == "arch":
        return token.value
    if token.kind == "isolate":
        return spoken("around {0}").format(token.value.rpartition(":")[2].rpartition("/")[2])
    if token.kind == "text":
        return f"“{token.value}”"
    return f"{token.kind}: {token.value.rpartition(':')[2]}"


class ChipBar(QScrollArea):
    """A row of chips. Those that find no room beside the tabs fold into one that lists them: none is ever cut."""

    def __init__(self, store: Store) -> None:
        super().__init__()
        self._store = store
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setFixedHeight(34)
        self.viewport().setAutoFillBackground(False)
        self.setAccessibleName(self.tr("Active filters"))
        self.chips: list[QPushButton] = []
        self.fold, self._more = QPushButton(), QPushButton()
        self._wanted = 200
        self._short = False  # whether there is no room for the word of the fold
        self._alone = False  # whether there is none for the button beside it either
        self._fitting, self._ending = (QTimer(self, interval=0, singleShot=True) for _ in range(2))
        self._fitting.timeout.connect(self.fit)
        self._ending.timeout.connect(self._show_end)
        store.filters_changed.connect(self.refresh)
        store.analysis_changed.connect(self.refresh)
        self.refresh()

    def refresh(self) -> None:
        """Rebuild the chips."""
        self.viewport().setFont(self.font())  # it keeps the letters of a presentation that is over
        holder = QWidget(self.viewport())
        holder.setObjectName("clear")
        row = QHBoxLayout(holder)
        row.setContentsMargins(4, 3, 4, 3)
        row.setSpacing(5)
        row.addStretch(1)
        self.chips = []
        self.fold = QPushButton()
        self.fold.setObjectName("chip")
        self.fold.hide()
        self.fold.clicked.connect(self._unfold)
        row.addWidget(self.fold)
        for token in self._store.filters:
            text = chip_text(token)
            short = text if len(text) < 34 else text[:32] + "…"
            chip = QPushButton(f"{short}  ✕")
            chip.setObjectName("chip")
            chip.setToolTip(self.tr("Remove the filter “{0}”").format(text))
            chip.setAccessibleName(chip.toolTip())
            chip.clicked.connect(lambda _=False, t=token: self._store.remove(t))
            row.addWidget(chip)
            self.chips.append(chip)
        more = self._more = QPushButton("+")
        more.setObjectName("chip")
        more.setToolTip(self.tr("Show only some verdicts, kinds of needs or packages"))
        more.setAccessibleName(self.tr("Add a filter"))
        more.clicked.connect(lambda: self._offer(more))
        row.addWidget(more)
        self.setWidget(holder)
        holder.setAutoFillBackground(False)
        self.fit()

    def fit_later(self) -> None:
        """Fit once, however much changes in this turn."""
        self._fitting.start()

    def fit(self) -> None:
        """Take the room the chips need, but leave the tabs beside them theirs; what does not fit is folded."""
        inner, tabs = self.widget(), self.parentWidget()
        room = 10_000
        if isinstance(tabs, QTabWidget):
            bar = tabs.tabBar()
            taken = self._squeeze(bar, tabs.width() - SIDE)
            room = max(tabs.width() - taken - SIDE, self._least())
        self._fold_to(room)
        wanted = min(inner.sizeHint().width(), room) if inner is not None else 200
        self._wanted = wanted
        self.setMaximumWidth(wanted)
        self.updateGeometry()
        if inner is not None:
            inner.adjustSize()
        self._ending.start()

    def _squeeze(self, bar: QTabBar, room: int) -> int:
        """Give the tabs less air where they and the folded filters would not fit, or it back; the width they take."""
        tight = bar.property("tight") == "true"
        number = sum(bar.isTabVisible(i) for i in range(bar.count()))
        usual = self._widest(bar) + (AIR * number if tight else 0)
        self._short = self._alone = False
        wanted = usual + self._least() > room
        if wanted != tight:
            bar.setProperty("tight", "true" if wanted else "false")
            bar.style().unpolish(bar)
            bar.style().polish(bar)
            QCoreApplication.sendEvent(bar, QEvent(QEvent.Type.StyleChange))  # only this lays its tabs out
        taken = usual - (AIR * number if wanted else 0)
        self._short = wanted and taken + self._least() > room
        self._alone = self._short and bool(self.chips) and taken + self._least() > room
        return taken

    @staticmethod
    def _widest(bar: QTabBar) -> int:
        """The width of the tabs whichever is in front: its letters are bold, which takes more."""
        plain, bold = QFontMetrics(bar.font()), QFontMetrics(theme.ui_font(bold=True))
        more = [bold.horizontalAdvance(text) - plain.horizontalAdvance(text)
                for text in (bar.tabText(i) for i in range(bar.count()) if bar.isTabVisible(i))]  # fmt: skip
        now = max(0, bar.currentIndex())
        front = bold.horizontalAdvance(bar.tabText(now)) - plain.horizontalAdvance(bar.tabText(now))
        return sum(bar.tabRect(i).width() for i in range(bar.count())) - front + max([0, *more])

    def _least(self) -> int:
        """The room that the button and all chips folded into one take."""
        self._name_fold(len(self.chips))
        more = 0 if self._alone else self._more.sizeHint().width() + 5
        return 8 + more + (self.fold.sizeHint().width() if self.chips else -5)

    def _fold_to(self, room: int) -> None:
        """Show as many chips as fit, the latest first, and how many more there are."""
        gap, left = 5, room - 8 - (0 if self._alone else self._more.sizeHint().width())
        self._more.setVisible(not self._alone)
        widths = [chip.sizeHint().width() + gap for chip in self.chips]
        shown = len(widths)
        if sum(widths) > left or self._alone:
            self._name_fold(len(widths))  # the widest that it gets
            left -= self.fold.sizeHint().width() + gap
            shown = 0
            while not self._alone and shown < len(widths) and sum(widths[len(widths) - shown - 1 :]) <= left:
                shown += 1
        hidden = len(self.chips) - shown
        for number, chip in enumerate(self.chips):
            chip.setVisible(number >= hidden)
        self._name_fold(hidden)
        self.fold.setVisible(hidden > 0)

    def _name_fold(self, hidden: int) -> None:
        text = self.tr("1 filter ▾") if hidden == 1 else self.tr("{0} filters ▾").format(hidden)
        if hidden < len(self.chips):  # beside those that are shown
            text = self.tr("{0} more ▾").format(hidden)
        if self._short:
            text = f"{hidden} ▾"
        self.fold.setText(text)
        self.fold.setToolTip(", ".join(chip_text(token) for token in self._store.filters[:hidden]))
        self.fold.setAccessibleName(self.tr("Filters without room: {0}").format(self.fold.toolTip()))

    def folded(self) -> QMenu:
        """The filters that found no room, each removed by a click."""
        menu = QMenu(self)
        for chip, token in zip(self.chips, self._store.filters, strict=False):
            if chip.isHidden():
                action = menu.addAction(self.tr("Remove the filter “{0}”").format(chip_text(token)))
                action.triggered.connect(lambda _=False, t=token: self._store.remove(t))
        if self._alone:  # the button that adds filters found no room
            menu.addSeparator()
            self._fill(menu)
        return menu

    def _unfold(self) -> None:
        menu = self.folded()
        menu.exec(self.fold.mapToGlobal(self.fold.rect().bottomLeft()))
        menu.deleteLater()

    def sizeHint(self) -> QSize:
        return QSize(self._wanted, 34)

    def minimumSizeHint(self) -> QSize:
        return QSize(60, 34)

    def _show_end(self) -> None:
        self.horizontalScrollBar().setValue(self.horizontalScrollBar().maximum())

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Resize and watched is self.parentWidget():  # a panel beside the tabs was moved
            self.fit_later()
        return super().eventFilter(watched, event)

    def wheelEvent(self, event: QWheelEvent) -> None:
        delta = event.angleDelta()
        bar = self.horizontalScrollBar()
        bar.setValue(bar.value() - (delta.y() or delta.x()) // 2)
        event.accept()

    def _offer(self, button: QPushButton) -> None:
        menu = self.menu()
        corner = QRect(button.mapToGlobal(QPoint(0, 0)), button.size()).bottomLeft()
        menu.exec(corner)
        menu.deleteLater()

    def menu(self) -> QMenu:
        """What can be filtered by: being affected, verdicts, kinds of needs, packages."""
        menu = QMenu(self)
        self._fill(menu)
        return menu

    def _fill(self, menu: QMenu) -> None:
        store = self._store
        menu.addAction(self.tr("Only affected"), lambda: store.add("affected"))
        by_verdict = menu.addMenu(self.tr("Verdict"))
        for verdict in theme.SHOWN:
            action = by_verdict.addAction(theme.icon(verdict), theme.WORDS[verdict])
            action.triggered.connect(lambda _=False, v=verdict: store.add("verdict", v.value))
        by_kind = menu.addMenu(self.tr("Kind of need"))
        for kind in NeedKind:
            by_kind.addAction(kind.value).triggered.connect(lambda _=False, k=kind: store.add("kind", k.value))
        if store.index is not None:
            by_package = menu.addMenu(self.tr("Package"))
            for package in sorted(set(store.index.packages))[:60]:
                by_package.addAction(package).triggered.connect(lambda _=False, p=package: store.add("package", p))
            if store.index.analysis.census is not None:
                menu.addAction(self.tr("Runs somewhere"), lambda: store.add("runs"))
            if store.index.analysis.proof:
                menu.addAction(self.tr("Kernel disagrees"), lambda: store.add("proof", "disagree"))
        menu.addSeparator()
        menu.addAction(self.tr("Remove all filters"), store.clear)
