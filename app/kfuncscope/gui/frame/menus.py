# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The menu bar, and the same menus behind one button where there is no bar: all from the registry of commands.

A command's group is the menu that it stands in, ``View/Panels`` a menu inside a menu. The order of a menu is given
here; a command that is not named follows at the end of its menu, so none can be forgotten.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QT_TRANSLATE_NOOP, QCoreApplication
from PySide6.QtWidgets import QMenu, QMenuBar, QWidget

if TYPE_CHECKING:
    from kfuncscope.gui.commands import Commands

SEPARATOR = "-"
ORDER: dict[str, tuple[str, ...]] = {
    "File": (
        "open.kernels", "open.objects", "open.folder", "open.running", SEPARATOR, "session.new", "session.open",
        "*File/Recent",
        "session.save", "session.saveas", SEPARATOR, "export", SEPARATOR, "demo", SEPARATOR, "quit",
    ),
    "Edit": ("undo", "redo", SEPARATOR, "paste", "*Edit/Input", SEPARATOR, "search", SEPARATOR, "preferences"),
    "View": (
        *(f"tab.{number}" for number in range(1, 8)), SEPARATOR, "*View/Architecture", "*View/Panels", "layout.reset",
        SEPARATOR, "present", "present.move", "view.copy", "view.copywide", SEPARATOR, "theme", "menubar", SEPARATOR,
    ),
    "Graph": (),
    "Filter": (),
    "Analysis": ("analyse", "cancel", SEPARATOR),
    "Help": ("manual", "help", "tour", "palette", SEPARATOR),
}  # fmt: skip
TITLES = {
    "File": QT_TRANSLATE_NOOP("Menus", "&File"),
    "Edit": QT_TRANSLATE_NOOP("Menus", "&Edit"),
    "View": QT_TRANSLATE_NOOP("Menus", "&View"),
    "Graph": QT_TRANSLATE_NOOP("Menus", "&Graph"),
    "Filter": QT_TRANSLATE_NOOP("Menus", "Fi&lter"),
    "Analysis": QT_TRANSLATE_NOOP("Menus", "&Analysis"),
    "Help": QT_TRANSLATE_NOOP("Menus", "&Help"),
    "Recent": QT_TRANSLATE_NOOP("Menus", "Open &recent"),
    "Input": QT_TRANSLATE_NOOP("Menus", "Selected &input"),
    "Panels": QT_TRANSLATE_NOOP("Menus", "&Panels"),
    "Architecture": QT_TRANSLATE_NOOP("Menus", "Arc&hitecture"),
}


def title(group: str) -> str:
    """The title of a menu in the language of the window."""
    return QCoreApplication.translate("Menus", str(TITLES[group])) if group in TITLES else group


def titles(bar: QMenuBar) -> dict[str, QMenu]:
    """The menus of a bar by their groups, still empty."""
    return {group: bar.addMenu(title(group)) for group in ORDER}


class Menus:
    """The menus of a window. ``recent`` is filled by whoever knows the recent sessions.

    ``made`` are those that the bar has already, by their groups.
    """

    def __init__(self, window: QWidget, commands: Commands, made: dict[str, QMenu]) -> None:
        self._window, self._commands = window, commands
        self.menus: dict[str, QMenu] = dict(made)
        for menu in made.values():
            menu.setToolTipsVisible(True)
        self.recent = self._menu("File/Recent")
        for group in (*ORDER, *(g for g in commands.groups if "/" not in g and g not in ORDER)):
            self._fill(group)

    def _menu(self, group: str) -> QMenu:
        made = self.menus.get(group)
        if made is None:
            made = self.menus[group] = QMenu(title(group.rpartition("/")[2]), self._window)
            made.setToolTipsVisible(True)
        return made

    def _fill(self, group: str) -> None:
        menu, names = self._menu(group), list(self._commands.groups.get(group, ()))
        for entry in ORDER.get(group, ()):
            if entry == SEPARATOR:
                menu.addSeparator()
            elif entry.startswith("*"):
                menu.addMenu(self._inner(entry[1:]))
            else:
                menu.addAction(self._commands.actions[entry])
                if entry in names:
                    names.remove(entry)
        menu.addActions([self._commands.actions[name] for name in names])

    def _inner(self, group: str) -> QMenu:
        menu = self._menu(group)
        menu.addActions([self._commands.actions[name] for name in self._commands.groups.get(group, ())])
        return menu

    def top(self) -> list[QMenu]:
        """The menus of the bar, in order."""
        return [menu for group, menu in self.menus.items() if "/" not in group]

    def whole(self) -> QMenu:
        """All menus in one, for the button that stands for the bar."""
        menu = QMenu(self._window)
        for one in self.top():
            menu.addMenu(one)
        return menu
