# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The first page: where to drop files, what was open recently, and the demo."""

from __future__ import annotations

import os

from PySide6.QtCore import QRectF, Qt, Signal
from PySide6.QtGui import QColor, QDragEnterEvent, QDragLeaveEvent, QDropEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from kfuncscope.gui import theme
from kfuncscope.gui.widgets.story import Link
from kfuncscope.gui.widgets.words import counted

OLD, NEW, OBJECTS = "old", "new", "objects"


class DropArea(QFrame):
    """One dashed field: takes dropped files for one purpose, or opens a dialog when pressed."""

    dropped = Signal(str, list)
    browse = Signal(str)

    def __init__(self, what: str, title: str, hint: str) -> None:
        super().__init__()
        self.what = what
        self._hot = False
        self.setAcceptDrops(True)
        self.setMinimumSize(250, 172)
        self.setAccessibleName(f"{title}. {hint}")
        column = QVBoxLayout(self)
        column.setContentsMargins(18, 16, 18, 16)
        head = QLabel(title)
        head.setFont(theme.ui_font(2, bold=True))
        head.setAlignment(Qt.AlignmentFlag.AlignCenter)
        text = QLabel(hint)
        text.setObjectName("muted")
        text.setWordWrap(True)
        text.setAlignment(Qt.AlignmentFlag.AlignCenter)
        text.setMinimumHeight(text.fontMetrics().lineSpacing() * 3)  # the words may take a line more than they have
        self.state = QLabel("")
        self.state.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.state.setWordWrap(True)
        self.button = QPushButton(self.tr("Browse…"))
        self.button.setAccessibleName(self.tr("Browse for {0}").format(title))
        self.button.clicked.connect(lambda: self.browse.emit(self.what))
        column.addStretch(1)
        column.addWidget(head)
        column.addWidget(text)
        column.addWidget(self.state)
        column.addSpacing(6)
        column.addWidget(self.button, 0, Qt.AlignmentFlag.AlignHCenter)
        column.addStretch(1)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if event.mimeData().hasUrls():
            self._hot = True
            self.update()
            event.acceptProposedAction()

    def dragLeaveEvent(self, _event: QDragLeaveEvent) -> None:
        self._hot = False
        self.update()

    def dropEvent(self, event: QDropEvent) -> None:
        self._hot = False
        self.update()
        paths = [u.toLocalFile() for u in event.mimeData().urls() if u.isLocalFile()]
        event.acceptProposedAction()
        self.dropped.emit(self.what, paths)

    def paintEvent(self, event: QPaintEvent) -> None:
        c = theme.look()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setBrush(QColor(c.selection if self._hot else c.panel))
        painter.setPen(QPen(QColor(c.accent if self._hot else c.strong_line), 1.5, Qt.PenStyle.DashLine))
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(1, 1, -1, -1), 9, 9)
        painter.end()
        super().paintEvent(event)


class WelcomePage(QWidget):
    """Shown until there is something to show."""

    dropped = Signal(str, list)
    browse = Signal(str)
    demo_wanted = Signal()
    again_wanted = Signal()
    analyse_wanted = Signal()
    session_wanted = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        outer = QVBoxLayout(self)
        outer.addStretch(2)
        middle = QWidget()
        middle.setMaximumWidth(860)
        column = QVBoxLayout(middle)
        column.setSpacing(10)
        outer.addWidget(middle, 0, Qt.AlignmentFlag.AlignHCenter)
        outer.addStretch(3)
        title = QLabel(self.tr("Which of our BPF programs break on the new kernel?"))
        title.setFont(theme.ui_font(8, bold=True))
        title.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        sub = QLabel(self.tr("Give kfuncscope two kernels and a set of BPF objects. It answers from the files alone: "
                             "no root, no target machine."))  # fmt: skip
        sub.setObjectName("muted")
        sub.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        column.addWidget(title)
        column.addWidget(sub)
        column.addSpacing(12)
        column.addLayout(self._areas())
        column.addSpacing(6)
        column.addLayout(self._buttons())
        self.told = QLabel()
        self.told.setWordWrap(True)
        column.addWidget(self.told)
        column.addSpacing(10)
        self.recent_head = QLabel(self.tr("RECENT SESSIONS"))
        self.recent_head.setObjectName("heading")
        self.recent_head.setFont(theme.ui_font(-1, bold=True))
        column.addWidget(self.recent_head)
        self.recent = QVBoxLayout()
        self.recent.setSpacing(2)
        column.addLayout(self.recent)
        self.show_recent([])

    def _areas(self) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setSpacing(12)
        kernel_hint = self.tr("package, vmlinux, image or BTF;\nany number of architectures")
        self.areas = {
            OLD: DropArea(OLD, self.tr("Old kernel"), kernel_hint),
            NEW: DropArea(NEW, self.tr("New kernel"), kernel_hint),
            OBJECTS: DropArea(
                OBJECTS, self.tr("BPF objects"), self.tr("objects, programs, packages;\nfolders of them")
            ),
        }
        for area in self.areas.values():
            area.dropped.connect(self.dropped)
            area.browse.connect(self.browse)
            row.addWidget(area, 1)
        return row

    def _buttons(self) -> QHBoxLayout:
        row = QHBoxLayout()
        self.demo = QPushButton(self.tr("Open the demo"))
        self.demo.clicked.connect(self.demo_wanted)
        self.analyse = QPushButton(self.tr("Analyse  F5"))
        self.analyse.setObjectName("primary")
        self.analyse.clicked.connect(self.analyse_wanted)
        self.analyse.setEnabled(False)
        hint = QLabel(self.tr("real Debian kernels on five architectures, works offline"))
        hint.setObjectName("muted")
        self.again = QPushButton(self.tr("Start over"))
        self.again.setToolTip(self.tr("Forget what was given and begin with nothing"))
        self.again.clicked.connect(self.again_wanted)
        self.open = QPushButton(self.tr("Open session…"))
        self.open.clicked.connect(lambda: self.session_wanted.emit(""))
        row.addWidget(self.demo)
        row.addWidget(hint)
        row.addStretch(1)
        row.addWidget(self.again)
        row.addWidget(self.open)
        row.addWidget(self.analyse)
        return row

    def tell(self, text: str) -> None:
        """Say what is going on, or went wrong."""
        self.told.setText(text)

    def show_state(self, old: list[str], new: list[str], objects: list[str]) -> None:
        """What has been given so far: how much is told, the tooltip names it."""
        kernel, kernels = self.tr("kernel"), self.tr("kernels")
        for what, given, one, many in (
            (OLD, old, kernel, kernels),
            (NEW, new, kernel, kernels),
            (OBJECTS, objects, self.tr("file or folder"), self.tr("files or folders")),
        ):
            said = self.areas[what].state
            said.setText(f"● {counted(len(given), one, many)}" if given else "")
            said.setToolTip("\n".join(given[:40]))
        self.again.setVisible(bool(old or new or objects))
        self.analyse.setEnabled(bool(old or new))
        only = (old or new) and not objects
        self.analyse.setText(self.tr("Explore kernels  F5") if only else self.tr("Analyse  F5"))

    def show_recent(self, paths: list[str], kept: str = "") -> None:
        """List recent session files; ``kept`` is the one that the window saves by itself."""
        while (item := self.recent.takeAt(0)) is not None:
            widget = item.widget()
            if widget is not None:
                widget.deleteLater()
        self.recent_head.setVisible(bool(paths))
        for path in paths[:6]:
            folder, name = os.path.split(path)
            own = path == kept
            button = Link(self.tr("As it was left") if own else name, self.tr("kept by itself") if own else folder)
            button.setToolTip(path)
            button.clicked.connect(lambda _=False, p=path: self.session_wanted.emit(p))
            self.recent.addWidget(button, 0, Qt.AlignmentFlag.AlignLeft)
