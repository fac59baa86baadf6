# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What the result on screen is of, while that is not what is loaded: one line, progress, and the way on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QObject, Qt, Signal
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QProgressBar, QPushButton, QSizePolicy, QWidget

from kfuncscope.gui import theme
from kfuncscope.gui.widgets.status import Told

if TYPE_CHECKING:
    from kfuncscope.gui.jobs import Job

STEPS = 1000
WIDEST, LEAST = 170, 60  # pixels of the bar that shows progress


def time_left(seconds: float | None, words: tuple[str, str]) -> str:
    """A remaining time in words: seconds in fives, then minutes; empty where it cannot be told."""
    if seconds is None:
        return ""
    if seconds < 90:
        return words[0].format(max(5, round(seconds / 5) * 5))
    return words[1].format(round(seconds / 60))


class Progress(QProgressBar):
    """The progress of a job as a bar: how far it is where that is known, else only that it goes on."""

    def __init__(self) -> None:
        super().__init__()
        self.setTextVisible(False)
        self.setFixedHeight(8)
        self.setRange(0, STEPS)
        self.setAccessibleName(self.tr("Progress of the analysis"))

    def show_job(self, job: Job) -> None:
        """Take the progress of a job."""
        if job.total > 1:
            self.setRange(0, STEPS)
            self.setValue(round(STEPS * job.done / job.total))
        else:
            self.setRange(0, 0)


class StateBar(QFrame):
    """Hidden while the result on screen is of what is loaded, and whole."""

    cancel_wanted = Signal()
    analyse_wanted = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("card")
        self.text = Told()
        self.progress = Progress()
        self.progress.setFixedWidth(WIDEST)
        self.button = QPushButton()
        self.button.clicked.connect(self._pressed)
        self._running = False
        row = QHBoxLayout(self)
        row.setContentsMargins(12, 4, 6, 4)
        row.setSpacing(10)
        row.addWidget(self.text, 1)
        row.addWidget(self.progress)
        row.addWidget(self.button)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        self.hide()

    def show_state(self, text: str, job: Job | None) -> None:
        """Say what is shown, and how far the job is that makes the next result; the empty text hides the bar."""
        self.setVisible(bool(text))
        self._running = job is not None
        self.text.tell(text)
        self.setAccessibleName(text)
        self.progress.setVisible(job is not None)
        if job is not None:
            self.progress.show_job(job)
        self.button.setText(self.tr("Cancel  Esc") if job is not None else self.tr("Analyse  F5"))

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)  # in a narrow window the sentence is worth more than the length of the bar
        self.progress.setFixedWidth(min(WIDEST, max(LEAST, event.size().width() // 8)))

    def _pressed(self) -> None:
        (self.cancel_wanted if self._running else self.analyse_wanted).emit()


class Veil(QWidget):
    """Lies over a widget and dims it; everything under it still answers."""

    def __init__(self, over: QWidget) -> None:
        super().__init__(over)
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        over.installEventFilter(self)
        self.hide()

    def dim(self, on: bool) -> None:
        """Dim, or show again."""
        parent = self.parentWidget()
        if on and parent is not None:
            self.setGeometry(parent.rect())
            self.raise_()
        self.setVisible(on)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        parent = self.parentWidget()
        if event.type() is QEvent.Type.Resize and parent is not None and watched is parent:
            self.setGeometry(parent.rect())
        return super().eventFilter(watched, event)

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter = QPainter(self)
        colour = QColor(theme.look().window)
        colour.setAlphaF(0.55)
        painter.fillRect(self.rect(), colour)
        painter.end()
