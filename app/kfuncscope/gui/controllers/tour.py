# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A short guided tour over the demo: a bubble beside each part of the window, Next, Back and Esc."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from PySide6.QtCore import QCoreApplication, QEvent, QObject, QPoint, QRect, QRectF, Qt
from PySide6.QtGui import QCloseEvent, QColor, QKeyEvent, QPainter, QPainterPath, QPaintEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget
from shiboken6 import isValid

from kfuncscope.gui import theme
from kfuncscope.gui.frame.dressing import dress
from kfuncscope.gui.graph.view import GraphView


@dataclass(frozen=True, slots=True)
class Step:
    """One stop: what it says, which part of the window it is about, and what it does first."""

    title: str
    text: str
    target: Callable[[], QWidget]
    before: Callable[[], object] | None = None


@dataclass(frozen=True, slots=True)
class Stops:
    """The parts of the window that the tour goes to, and how a view comes to the front."""

    summary: QWidget
    graph: GraphView
    detail: QWidget
    matrix: QWidget
    chips: QWidget
    whatif: QWidget
    problems: QWidget
    show: Callable[[str], object]


def tr(text: str) -> str:
    """A text in the language of the window."""
    return QCoreApplication.translate("", text)


def steps(w: Stops) -> list[Step]:
    """The stops of the tour."""
    return [
        Step(
            tr("The decision first"),
            tr(
                "Can the upgrade be shipped? Two words, why, and one card per architecture. "
                "Click a card to narrow everything to it."
            ),
            lambda: w.summary,
            lambda: w.show("overview"),
        ),
        Step(
            tr("What breaks what"),
            tr(
                "Objects, their programs, and what these need of the kernel. Shape, word and colour "
                "tell what the upgrade does. N goes to the next breakage."
            ),
            lambda: w.graph,
            lambda: _first_breakage(w),
        ),
        Step(
            tr("All about one finding"),
            tr("Verdict, how far it reaches, the rule, both declarations, the source line, and C to copy."),
            lambda: w.detail,
        ),
        Step(
            tr("All architectures at once"),
            tr("Programs by architecture. A click on a cell narrows to it."),
            lambda: w.matrix,
            lambda: w.show("matrix"),
        ),
        Step(
            tr("Filters are chips"),
            tr("Each can be removed, Ctrl+Z brings it back. They are saved with the session."),
            lambda: w.chips,
        ),
        Step(
            tr("What if?"),
            tr(
                "Right-click what a program needs and ask what would break if it were removed. Ctrl+K finds "
                "every command and name."
            ),
            lambda: w.whatif,
            lambda: w.show("graph"),
        ),
        Step(
            tr("Nothing is skipped silently"),
            tr(
                "What could not be read or judged is listed here with the reason. "
                "Now drop your own kernels and objects on the window."
            ),
            lambda: w.problems,
            lambda: w.problems.raise_(),
        ),
    ]


def _first_breakage(w: Stops) -> None:
    w.show("graph")
    w.graph.step(True)


class Tour(QWidget):
    """Covers the window, leaves a hole over the target; goes away at the end or on Esc."""

    def __init__(self, window: QWidget, stops: Stops) -> None:
        super().__init__(window)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._window = window
        self._focus = window.focusWidget()
        self._steps = steps(stops)
        self.number = 0
        self.bubble = QFrame(self)
        self.bubble.setObjectName("card")
        self.bubble.setFixedWidth(340)
        self.title, self.text, self.count = QLabel(), QLabel(), QLabel()
        self.title.setFont(theme.ui_font(2, bold=True))
        self.text.setWordWrap(True)
        self.count.setObjectName("muted")
        self.back, self.next = QPushButton(self.tr("Back")), QPushButton()
        self.next.setObjectName("primary")
        self.quit = QPushButton(self.tr("End the tour"))
        self.quit.setObjectName("link")
        row = QHBoxLayout()
        row.addWidget(self.count)
        row.addWidget(self.quit)
        row.addStretch(1)
        row.addWidget(self.back)
        row.addWidget(self.next)
        column = QVBoxLayout(self.bubble)
        column.setContentsMargins(16, 14, 16, 14)
        column.setSpacing(8)
        column.addWidget(self.title)
        column.addWidget(self.text)
        column.addLayout(row)
        self.back.clicked.connect(lambda: self.go(self.number - 1))
        self.next.clicked.connect(lambda: self.go(self.number + 1))
        self.quit.clicked.connect(self.close)
        window.installEventFilter(self)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        dress(self)  # it has no frame by which the window would know that it is a part
        self.setGeometry(window.rect())
        self.show()
        self.raise_()
        self.go(0)

    def go(self, number: int) -> None:
        """Go to a stop; past the last one the tour ends."""
        if number >= len(self._steps):
            self.close()
            return
        self.number = max(0, number)
        step = self._steps[self.number]
        if step.before is not None:
            step.before()
        self.title.setText(step.title)
        self.text.setText(step.text)
        self.count.setText(f"{self.number + 1} / {len(self._steps)}")
        self.back.setEnabled(self.number > 0)
        last = self.number + 1 == len(self._steps)
        self.next.setText(self.tr("Finish") if last else self.tr("Next"))
        self.setAccessibleName(f"{step.title}. {step.text}")
        self._place()
        self.next.setFocus()

    def _hole(self) -> QRect:
        target = self._steps[self.number].target()
        at = self.mapFromGlobal(target.mapToGlobal(QPoint(0, 0)))
        return QRect(at, target.size()).adjusted(-3, -3, 3, 3).intersected(self.rect())

    def _place(self) -> None:
        self.text.setFixedHeight(self.text.heightForWidth(308))
        self.bubble.adjustSize()
        hole, size, gap = self._hole(), self.bubble.size(), 14
        x = min(max(hole.center().x() - size.width() // 2, gap), self.width() - size.width() - gap)
        if hole.bottom() + gap + size.height() < self.height():
            at = QPoint(x, hole.bottom() + gap)
        elif hole.top() - gap - size.height() > 0:
            at = QPoint(x, hole.top() - gap - size.height())
        elif hole.left() - gap - size.width() > 0:
            at = QPoint(hole.left() - gap - size.width(), hole.top() + 40)
        else:
            at = QPoint(hole.center().x() - size.width() // 2, hole.bottom() - size.height() - 60)
        self.bubble.move(at)
        self.update()

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        shade = QPainterPath()
        shade.addRect(QRectF(self.rect()))
        shade.addRoundedRect(QRectF(self._hole()), 8, 8)
        painter.fillPath(shade, QColor(8, 12, 18, 120))
        painter.setPen(theme.pen(theme.look().accent, 2))
        painter.drawRoundedRect(QRectF(self._hole()), 8, 8)
        painter.end()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:
            self.close()
        elif event.key() in (Qt.Key.Key_Right, Qt.Key.Key_Return):
            self.go(self.number + 1)
        elif event.key() == Qt.Key.Key_Left:
            self.go(self.number - 1)

    def closeEvent(self, event: QCloseEvent) -> None:
        """The keyboard goes back to where it was."""
        if self._focus is not None and isValid(self._focus):
            self._focus.setFocus()
        super().closeEvent(event)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if watched is self._window and event.type() == QEvent.Type.Resize:
            self.setGeometry(self._window.rect())
            self._place()
        return super().eventFilter(watched, event)
