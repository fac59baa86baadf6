# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""One field of the first page: takes files for one purpose, and lists what was given for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QDragEnterEvent, QDragLeaveEvent, QDropEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from kfuncscope.gui import theme
from kfuncscope.session.sources import Role

if TYPE_CHECKING:
    from kfuncscope.gui.models.cards import Card

MOST = 60  # cards that are listed; the Inputs tree has them all


class Short(QLabel):
    """A name in the room there is: of a long one both ends are shown."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.setMinimumWidth(60)

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter = QPainter(self)
        text = painter.fontMetrics().elidedText(self.text(), Qt.TextElideMode.ElideMiddle, self.width())
        painter.drawText(self.rect(), Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, text)
        painter.end()


class GivenCard(QFrame):
    """One source: what it is, what is missing and what that costs, and the way to change it."""

    menu_wanted = Signal(object, str)

    def __init__(self, card: Card) -> None:
        super().__init__()
        self.setObjectName("given")
        self.card = card
        self.setToolTip(card.tip)
        column = QVBoxLayout(self)
        column.setContentsMargins(10, 5, 4, 6)
        column.setSpacing(1)
        top = QHBoxLayout()
        top.setSpacing(6)
        sign = QLabel()
        if card.verdict is not None:
            sign.setPixmap(theme.icon(card.verdict).pixmap(QSize(14, 14)))
            top.addWidget(sign)
        title = Short(card.title)
        title.setFont(theme.mono(-0.5))
        state = QLabel(self.tr("step · {0}").format(card.state) if card.source.role is Role.STEP else card.state)
        state.setObjectName("muted")
        more = QToolButton()
        more.setObjectName("more")
        more.setText("⋯")
        more.setAccessibleName(self.tr("Change {0}").format(card.title))
        more.setToolTip(self.tr("Remove, replace, move …"))
        more.clicked.connect(lambda: self.menu_wanted.emit(card.source, ""))
        top.addWidget(title, 1)
        top.addWidget(state)
        top.addWidget(more)
        column.addLayout(top)
        for line in card.lines:
            column.addWidget(self._line(line))
        for line in card.lacks:
            column.addWidget(self._line(line, muted=True))
        for line in card.errors:
            column.addWidget(self._line(line))
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.customContextMenuRequested.connect(lambda _: self.menu_wanted.emit(card.source, ""))

    @staticmethod
    def _line(text: str, muted: bool = False) -> QLabel:
        label = QLabel(text)
        label.setWordWrap(True)
        label.setTextFormat(Qt.TextFormat.PlainText)
        label.setFont(theme.ui_font(-0.5))
        if muted:
            label.setObjectName("muted")
        return label


class DropArea(QFrame):
    """One dashed field: takes dropped files for one purpose, or opens a dialog when pressed."""

    painted = Signal()
    dropped = Signal(str, list)
    browse = Signal(str)
    folder = Signal(str)
    menu_wanted = Signal(object, str)

    def __init__(self, what: str, title: str, hint: str) -> None:
        super().__init__()
        self.what = what
        self._hot = False
        self.setAcceptDrops(True)
        self.setMinimumSize(250, 172)
        self.setAccessibleName(f"{title}. {hint}")
        column = QVBoxLayout(self)
        column.setContentsMargins(14, 14, 14, 14)
        head = QLabel(title)
        head.setFont(theme.ui_font(2, bold=True))
        head.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.hint = QLabel(hint)
        self.hint.setObjectName("muted")
        self.hint.setWordWrap(True)
        self.hint.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.hint.setMinimumHeight(self.hint.fontMetrics().lineSpacing() * 3)  # the words may take another line
        self.state = QLabel("")
        self.state.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.state.setWordWrap(True)
        self.list = QScrollArea()
        self.list.setWidgetResizable(True)
        self.list.setFrameShape(QFrame.Shape.NoFrame)
        self.list.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.list.hide()
        self.button = QPushButton(self.tr("Files…"))
        self.button.setAccessibleName(self.tr("Choose files: {0}").format(title))
        self.button.clicked.connect(lambda: self.browse.emit(self.what))
        self.folders = QPushButton(self.tr("Folder…"))
        self.folders.setAccessibleName(self.tr("Choose a folder: {0}").format(title))
        self.folders.clicked.connect(lambda: self.folder.emit(self.what))
        buttons = QHBoxLayout()
        buttons.addStretch(1)
        buttons.addWidget(self.button)
        buttons.addWidget(self.folders)
        buttons.addStretch(1)
        column.addWidget(head)  # at the top in every field, whatever the others hold
        column.addWidget(self.hint)
        column.addWidget(self.state)
        column.addWidget(self.list, 100)
        column.addStretch(1)
        column.addSpacing(6)
        column.addLayout(buttons)

    def show_cards(self, cards: list[Card], number: str) -> None:
        """List what was given; ``number`` says in words how much that is."""
        self.state.setText(number)
        self.state.setToolTip("\n".join(file for card in cards[:MOST] for file in card.source.files))
        self.hint.setVisible(not cards)
        holder = QWidget()
        holder.setObjectName("clear")
        column = QVBoxLayout(holder)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(5)
        for card in cards[:MOST]:
            made = GivenCard(card)
            made.menu_wanted.connect(self.menu_wanted)
            column.addWidget(made)
        if len(cards) > MOST:
            column.addWidget(QLabel(self.tr("and {0} more").format(len(cards) - MOST)))
        column.addStretch(1)
        self.list.setWidget(holder)
        self.list.setVisible(bool(cards))
        self.list.setMinimumHeight(min(holder.sizeHint().height(), 190) if cards else 0)

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
        self.painted.emit()
