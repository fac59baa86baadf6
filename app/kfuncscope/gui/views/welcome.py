# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The first page: where to drop files, what was open recently, and the demo."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from kfuncscope.gui import theme
from kfuncscope.gui.widgets.droparea import DropArea
from kfuncscope.gui.widgets.statebar import Progress
from kfuncscope.session.sources import Role

if TYPE_CHECKING:
    from kfuncscope.gui.jobs import Job
    from kfuncscope.gui.models.cards import Card

OLD, NEW, OBJECTS = "old", "new", "objects"


class WelcomePage(QWidget):
    """Shown until there is something to show."""

    painted = Signal()  # the page is on screen
    dropped = Signal(str, list)
    browse = Signal(str)
    folder = Signal(str)
    menu_wanted = Signal(object, str)
    demo_wanted = Signal()
    again_wanted = Signal()
    analyse_wanted = Signal()
    session_wanted = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        outer = QVBoxLayout(self)
        outer.addStretch(2)
        middle = QWidget()
        middle.setMaximumWidth(1000)
        middle.setMinimumWidth(800)
        column = QVBoxLayout(middle)
        column.setSpacing(10)
        row = QHBoxLayout()
        row.addStretch(1)
        row.addWidget(middle, 100)  # as wide as it may be
        row.addStretch(1)
        outer.addLayout(row)
        outer.addStretch(3)
        title = QLabel(self.tr("Which of our BPF programs break on the new kernel?"))
        title.setFont(theme.ui_font(8, bold=True))
        title.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        sub = QLabel(self.tr("Give kfuncscope two kernels and a set of BPF objects. It answers from the files alone: "
                             "no root, no target machine.\n"
                             "Drop or paste files and folders anywhere, or choose them here."))  # fmt: skip
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
        self._doing = ""
        self.progress = Progress()
        self.progress.hide()
        column.addWidget(self.progress)
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
            area.painted.connect(self.painted)
            area.dropped.connect(self.dropped)
            area.browse.connect(self.browse)
            area.folder.connect(self.folder)
            area.menu_wanted.connect(self.menu_wanted)
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
        self.again.setToolTip(self.tr("New session: begin with nothing"))
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

    def show_progress(self, job: Job | None, doing: str) -> None:
        """Show how far the first analysis is; nothing without one."""
        self.progress.setVisible(job is not None)
        if job is not None:
            self.progress.show_job(job)
            self._doing = self.tr("Analysing: {0}   (Esc cancels)").format(doing)
            self.tell(self._doing)
        elif self.told.text() == self._doing:  # cancelled, or done: what went wrong stays
            self.tell("")

    def show_given(self, cards: list[Card]) -> None:
        """List what has been given so far."""
        old, new = ([c for c in cards if c.source.role is role] for role in (Role.OLD, Role.NEW))
        objects = [c for c in cards if c.source.role in (Role.OBJECTS, Role.CENSUS)]
        steps = [c for c in cards if c.source.role is Role.STEP]
        if cards:
            from kfuncscope.gui.widgets.words import counted  # the first page is shown without any card

            def number(listed: list[Card], one: str, many: str) -> str:
                return counted(len(listed), one, many) if listed else ""

            kernel, kernels = self.tr("kernel"), self.tr("kernels")
            between = number(steps, self.tr("step between"), self.tr("steps between"))
            self.areas[OLD].show_cards(old, number(old, kernel, kernels))
            self.areas[NEW].show_cards(
                [*new, *steps], " · ".join(x for x in (number(new, kernel, kernels), between) if x)
            )
            self.areas[OBJECTS].show_cards(objects, number(objects, self.tr("source"), self.tr("sources")))
        else:
            for area in self.areas.values():
                area.show_cards([], "")
        self.again.setVisible(bool(cards))
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
        if paths:
            from kfuncscope.gui.widgets.story import Link
        for path in paths[:6]:
            folder, name = os.path.split(path)
            own = path == kept
            button = Link(self.tr("Last session") if own else name, self.tr("saved automatically") if own else folder)
            button.setToolTip(path)
            button.clicked.connect(lambda _=False, p=path: self.session_wanted.emit(p))
            self.recent.addWidget(button, 0, Qt.AlignmentFlag.AlignLeft)
