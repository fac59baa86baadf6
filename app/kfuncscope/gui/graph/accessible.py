# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What is painted on a canvas as children that assistive technology can list, read and point at.

Qt keeps an interface once it was handed out, for as long as the program runs; so an item belongs to a place on the
canvas and reads what stands there now, and none is ever deleted. Qt takes None where there is nothing; its stubs for
Python do not say so.
"""

from __future__ import annotations

import contextlib
from typing import Any
from weakref import ref

from PySide6.QtCore import QObject, QPoint, QRect, QRectF
from PySide6.QtGui import QAccessible, QAccessibleEvent, QAccessibleInterface, QColor
from PySide6.QtWidgets import QWidget

_kept: list[QAccessibleInterface] = []
_installed: list[Any] = []


class Canvas(QWidget):
    """A canvas whose things have names. A subclass says how many there are, and about each what it is and where."""

    def item_count(self) -> int:
        """How many things are on the canvas."""
        raise NotImplementedError

    def item_name(self, number: int) -> str:
        """What a thing is, in a few words: kind, name, verdict."""
        raise NotImplementedError

    def item_chain(self, number: int) -> str:
        """How it hangs together with the others, as a sentence."""
        raise NotImplementedError

    def item_box(self, number: int) -> QRectF:
        """Where it is painted on this widget."""
        raise NotImplementedError

    def item_current(self) -> int:
        """The thing under study, -1 for none."""
        raise NotImplementedError

    def item_spoken(self) -> None:
        """Another thing is current: have a reader say it."""
        number = self.item_current()
        self.setAccessibleDescription(f"{self.item_name(number)}. {self.item_chain(number)}" if number >= 0 else "")
        QAccessible.updateAccessibility(QAccessibleEvent(self, QAccessible.Event.DescriptionChanged))
        if number >= 0 and QAccessible.isActive():
            event = QAccessibleEvent(self, QAccessible.Event.Focus)
            event.setChild(number)
            QAccessible.updateAccessibility(event)


class _Interface(QAccessibleInterface):
    """What the canvas and its items have in common."""

    def __init__(self, canvas: ref[Canvas]) -> None:
        super().__init__()
        self._canvas = canvas
        _kept.append(self)

    def canvas(self) -> Canvas | None:
        """The canvas while it lives."""
        found = self._canvas()
        if found is not None:
            with contextlib.suppress(RuntimeError):
                found.objectName()
                return found
        return None

    def setText(self, _what: QAccessible.Text, _text: str) -> None:
        """Nothing here can be renamed."""

    def foregroundColor(self) -> QColor:
        return QColor()

    def backgroundColor(self) -> QColor:
        return QColor()

    def virtual_hook(self, _number: int, _data: Any) -> None:
        """There is nothing beyond what Qt asks for by name."""

    def relations(self, _match: Any = None) -> list[Any]:
        return []


class _Item(_Interface):
    """One thing on a canvas."""

    def __init__(self, canvas: ref[Canvas], owner: _Root, number: int) -> None:
        super().__init__(canvas)
        self._owner, self._number = owner, number

    def isValid(self) -> bool:
        canvas = self.canvas()
        return canvas is not None and self._number < canvas.item_count()

    def object(self) -> QObject | None:  # type: ignore[override]
        return None

    def parent(self) -> QAccessibleInterface:
        return self._owner

    def child(self, _number: int) -> QAccessibleInterface | None:  # type: ignore[override]
        return None

    def childAt(self, _x: int, _y: int) -> QAccessibleInterface | None:  # type: ignore[override]
        return None

    def childCount(self) -> int:
        return 0

    def indexOfChild(self, _child: QAccessibleInterface) -> int:
        return -1

    def text(self, what: QAccessible.Text) -> str:
        canvas = self.canvas()
        if canvas is None or not self.isValid():
            return ""
        if what is QAccessible.Text.Name:
            return canvas.item_name(self._number)
        return canvas.item_chain(self._number) if what is QAccessible.Text.Description else ""

    def rect(self) -> QRect:
        canvas = self.canvas()
        if canvas is None or not self.isValid():
            return QRect()
        box = canvas.item_box(self._number).toRect()
        return QRect(canvas.mapToGlobal(box.topLeft()), box.size())

    def role(self) -> QAccessible.Role:
        return QAccessible.Role.ListItem

    def state(self) -> QAccessible.State:
        state, canvas = QAccessible.State(), self.canvas()
        state.selectable = state.focusable = True
        if canvas is not None and canvas.item_current() == self._number:
            state.selected = True
            state.focused = canvas.hasFocus()
        return state


class _Root(_Interface):
    """The canvas as a list of its things."""

    def __init__(self, canvas: Canvas) -> None:
        super().__init__(ref(canvas))
        self._items: dict[int, _Item] = {}

    def isValid(self) -> bool:
        return self.canvas() is not None

    def object(self) -> QObject | None:  # type: ignore[override]
        return self.canvas()

    def parent(self) -> QAccessibleInterface | None:  # type: ignore[override]
        canvas = self.canvas()
        above = canvas.parentWidget() if canvas is not None else None
        return QAccessible.queryAccessibleInterface(above) if above is not None else None

    def child(self, number: int) -> QAccessibleInterface | None:  # type: ignore[override]
        if not 0 <= number < self.childCount():
            return None
        if number not in self._items:
            self._items[number] = _Item(self._canvas, self, number)
        return self._items[number]

    def childAt(self, x: int, y: int) -> QAccessibleInterface | None:  # type: ignore[override]
        canvas = self.canvas()
        if canvas is None:
            return None
        at = canvas.mapFromGlobal(QPoint(x, y)).toPointF()
        found = next((i for i in range(canvas.item_count()) if canvas.item_box(i).contains(at)), -1)
        return self.child(found)

    def childCount(self) -> int:
        canvas = self.canvas()
        return canvas.item_count() if canvas is not None else 0

    def indexOfChild(self, child: QAccessibleInterface) -> int:
        return next((i for i, item in self._items.items() if item is child), -1)

    def focusChild(self) -> QAccessibleInterface | None:  # type: ignore[override]
        canvas = self.canvas()
        return self.child(canvas.item_current()) if canvas is not None and canvas.hasFocus() else None

    def text(self, what: QAccessible.Text) -> str:
        canvas = self.canvas()
        if canvas is None:
            return ""
        if what is QAccessible.Text.Name:
            return canvas.accessibleName()
        return canvas.accessibleDescription() if what is QAccessible.Text.Description else ""

    def rect(self) -> QRect:
        canvas = self.canvas()
        return QRect(canvas.mapToGlobal(QPoint(0, 0)), canvas.size()) if canvas is not None else QRect()

    def role(self) -> QAccessible.Role:
        return QAccessible.Role.List

    def state(self) -> QAccessible.State:
        state, canvas = QAccessible.State(), self.canvas()
        state.focusable = True
        state.focused = canvas is not None and canvas.hasFocus()
        state.invisible = canvas is None or not canvas.isVisible()
        return state


def _made(_name: str, thing: QObject) -> QAccessibleInterface | None:
    return _Root(thing) if isinstance(thing, Canvas) else None


def install() -> None:
    """Have Qt ask here for the interface of a canvas; once for each program."""
    if not _installed:
        _installed.append(_made)
        QAccessible.installFactory(_made)
