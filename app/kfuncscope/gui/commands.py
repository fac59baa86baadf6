# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""One registry of commands: menus, shortcuts, the palette, the help page and the tests all read it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from PySide6.QtCore import QEvent, QModelIndex, QObject, QPersistentModelIndex, QRect, Qt
from PySide6.QtGui import QAction, QIcon, QKeyEvent, QKeySequence, QPainter, QPalette
from PySide6.QtWidgets import (
    QDialog,
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QVBoxLayout,
    QWidget,
)

MOST = 200
INSIDE, ELSEWHERE = 2, 4  # ranks: letters together within the text, and in words that the entry does not say
KIND_ROLE = int(Qt.ItemDataRole.UserRole) + 1


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the palette: what it says, what it is (a command, an object, a kfunc ...), what it does.

    ``also`` are words that find it although it does not say them, as the id of a command.
    """

    text: str
    kind: str
    run: Callable[[], object]
    icon: QIcon | None = None
    also: str = ""


class Commands:
    """Named actions of a window. Ids are stable words (``graph.fit``): the tests and the tour use them."""

    def __init__(self, window: QWidget) -> None:
        self._window = window
        self.actions: dict[str, QAction] = {}
        self.groups: dict[str, list[str]] = {}

    def add(
        self, name: str, title: str, slot: Callable[[], object], keys: str | list[str] = "", group: str = "",
        place: QWidget | None = None,
    ) -> QAction:  # fmt: skip
        """Register a command of the menu ``group``; ``keys`` are its shortcuts as Qt writes them, valid in the whole
        window, or with a ``place`` only while that widget has the keyboard.
        """
        action = QAction(title, self._window)
        action.triggered.connect(lambda _=False: slot())
        given = [keys] if isinstance(keys, str) else keys
        action.setShortcuts([QKeySequence(k) for k in given if k])
        action.setShortcutContext(
            Qt.ShortcutContext.WindowShortcut if place is None else Qt.ShortcutContext.WidgetWithChildrenShortcut
        )
        (place or self._window).addAction(action)
        self.actions[name] = action
        self.groups.setdefault(group, []).append(name)
        return action

    def run(self, name: str) -> None:
        """Run a command by its id."""
        self.actions[name].trigger()

    def entries(self) -> list[Entry]:
        """The enabled commands as lines of the palette."""
        found = []
        for name, action in self.actions.items():
            if action.isEnabled():
                keys = action.shortcut().toString(QKeySequence.SequenceFormat.NativeText)
                said = action.text().replace("&", "").rstrip("…")
                found.append(Entry(said, keys or "command", action.trigger, also=name.replace(".", " ")))
        return found


def rank(query: str, text: str) -> int | None:
    """How well a text fits a query, lower is better: prefix, word start, inside, letters in order; None: not."""
    query, text = query.casefold().strip(), text.casefold()
    if not query:
        return 0
    place = text.find(query)
    if place == 0:
        return 0
    if place > 0:
        return 1 if not text[place - 1].isalnum() else 2
    at = -1
    for letter in query.replace(" ", ""):
        at = text.find(letter, at + 1)
        if at < 0:
            return None
    return 3


def rank_of(query: str, entry: Entry) -> int | None:
    """How well an entry fits, by what it says or else by its other words."""
    said = rank(query, entry.text)
    if said is not None:
        return said
    other = rank(query, entry.also) if entry.also else None
    return ELSEWHERE if other is not None and other <= INSIDE else None


class _Line(QStyledItemDelegate):
    """An entry's name at the left, its keys or its kind at the right."""

    def paint(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        kind = str(index.data(KIND_ROLE) or "")
        room = option.fontMetrics.horizontalAdvance(kind) + 14
        whole = QRect(option.rect)
        super().paint(painter, option, index)
        painter.save()
        painter.setPen(option.palette.color(QPalette.ColorRole.PlaceholderText))
        painter.drawText(
            whole.adjusted(whole.width() - room, 0, -8, 0),
            int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter),
            kind,
        )
        painter.restore()


class Palette(QDialog):
    """Type a few letters, press Enter."""

    def __init__(self, window: QWidget, entries: list[Entry]) -> None:
        super().__init__(window, Qt.WindowType.Popup)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setObjectName("palette")
        self._entries = entries
        self.edit = QLineEdit()
        self.edit.setPlaceholderText(self.tr("Command, object, program or need…"))
        self.edit.setAccessibleName(self.tr("Search commands and names"))
        self.list = QListWidget()
        self.list.setUniformItemSizes(True)
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.list.setItemDelegate(_Line(self.list))
        self.list.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.list.itemClicked.connect(self._run)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(8, 8, 8, 8)
        layout.addWidget(self.edit)
        layout.addWidget(self.list)
        self.edit.textChanged.connect(self._fill)
        self.edit.returnPressed.connect(lambda: self._run(self.list.currentItem()))
        self.edit.installEventFilter(self)
        self._fill("")
        self.resize(560, 420)
        top = window.mapToGlobal(window.rect().topLeft())
        self.move(top.x() + (window.width() - self.width()) // 2, top.y() + 70)
        self.edit.setFocus()

    def _fill(self, query: str) -> None:
        scored = [(r, i) for i, e in enumerate(self._entries) if (r := rank_of(query, e)) is not None]
        scored.sort()
        self.list.clear()
        for _, i in scored[:MOST]:
            entry = self._entries[i]
            item = QListWidgetItem(entry.text)
            item.setData(KIND_ROLE, entry.kind)
            item.setData(Qt.ItemDataRole.AccessibleTextRole, f"{entry.text}, {entry.kind}")
            if entry.icon is not None:
                item.setIcon(entry.icon)
            item.setData(Qt.ItemDataRole.UserRole, i)
            self.list.addItem(item)
        if not scored:
            nothing = QListWidgetItem(self.tr("Nothing is called “{0}”.").format(query.strip()))
            nothing.setFlags(Qt.ItemFlag.NoItemFlags)
            self.list.addItem(nothing)
        self.list.setCurrentRow(0)

    def _run(self, item: QListWidgetItem | None) -> None:
        if item is not None and item.flags() & Qt.ItemFlag.ItemIsEnabled:
            number = int(item.data(Qt.ItemDataRole.UserRole))
            self.close()
            self._entries[number].run()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress:
            step = {Qt.Key.Key_Down: 1, Qt.Key.Key_Up: -1, Qt.Key.Key_PageDown: 10, Qt.Key.Key_PageUp: -10}.get(
                Qt.Key(event.key())
            )
            if step is not None and self.list.count():
                self.list.setCurrentRow(min(max(self.list.currentRow() + step, 0), self.list.count() - 1))
                return True
        return super().eventFilter(watched, event)
