# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The window as a citizen of the desktop: preferences, theme, menu bar, layout of the panels, About, Quit."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from PySide6.QtCore import QObject
from PySide6.QtWidgets import QApplication, QMainWindow
from shiboken6 import isValid

from kfuncscope.gui import theme
from kfuncscope.gui.context import Context
from kfuncscope.gui.frame import preferences
from kfuncscope.gui.frame.docks import Docks
from kfuncscope.gui.frame.preferences import Preferences
from kfuncscope.gui.pages import TABS
from kfuncscope.gui.toolbar import Toolbar


class Desktop(QObject):
    """Keeps the preferences, and registers the commands that are about the window itself."""

    def __init__(self, context: Context, window: QMainWindow, toolbar: Toolbar, docks: Docks) -> None:
        super().__init__(context)
        self._context, self._window, self._toolbar, self._docks = context, window, toolbar, docks
        self.preferences = preferences.load(context.settings)
        add = context.commands.add
        add("quit", self.tr("Quit"), QApplication.closeAllWindows, "Ctrl+Q", "File")
        add("preferences", self.tr("Preferences…"), self.dialog, "Ctrl+,", "Edit")
        self._views()
        add("theme", self.tr("Switch between light and dark"), self.switch_theme, "Ctrl+Shift+D", "View")
        self._bar = add("menubar", self.tr("Menu bar"), self.switch_bar, "Ctrl+M", "View")
        self._bar.setCheckable(True)
        add("layout.reset", self.tr("Reset layout"), self.reset_layout, "", "View")
        add("about", self.tr("About kfuncscope"), self.about, "", "Help")
        context.session_opened.connect(self._begin)
        self.show_bar()

    def _views(self) -> None:
        """A command for each tab, and one for each panel, checked while that is there."""
        add = self._context.commands.add
        for number, page in enumerate(TABS, 1):
            title = self.tr("Show {0}").format(self._title(page.id))
            add(f"tab.{number}", title, partial(self._context.view_wanted.emit, page.id), f"Ctrl+{number}", "View")
        for name, dock in self._docks.all.items():
            toggle = dock.toggleViewAction()
            action = add(
                f"dock.{name}", self.tr("{0} panel").format(dock.windowTitle()), toggle.trigger, "", "View/Panels"
            )
            action.setCheckable(True)
            action.setChecked(toggle.isChecked())
            toggle.toggled.connect(action.setChecked)

    @staticmethod
    def _title(name: str) -> str:
        from kfuncscope.gui.frame.docks import title_of

        return title_of(next(page for page in TABS if page.id == name))

    def _begin(self) -> None:
        """A session that holds nothing yet begins as preferred."""
        session = self._context.session
        if self.preferences.infer and not (session.old or session.new or session.objects):
            session.infer = True

    # --- preferences ---
    def about(self) -> None:
        """Say what this is, in which versions."""
        from kfuncscope.gui.dialogs.about import AboutDialog

        AboutDialog(self._window).show()

    def dialog(self) -> None:
        """Ask for preferences; what is chosen shows at once where it can."""
        from kfuncscope.gui.dialogs.preferences import PreferencesDialog

        dialog = PreferencesDialog(self._window, self.preferences)
        dialog.changed.connect(self.prefer)

        def judge(why: str) -> None:
            if isValid(dialog):
                dialog.judge(why)

        dialog.clone_given.connect(
            lambda path: self._context.jobs.quick(lambda _stop: _unusable(path), judge, key="clone")
        )
        dialog.show()

    def prefer(self, chosen: Preferences) -> None:
        """Take preferences over and keep them."""
        before, self.preferences = self.preferences, chosen
        preferences.save(self._context.settings, chosen)
        if (before.theme, before.safe) != (chosen.theme, chosen.safe):
            self.dress()
        if before.clone != chosen.clone:
            self._context.clone_changed.emit()
        self.show_bar()

    def dress(self) -> None:
        """Colours as preferred; everything that keeps some of them is painted again."""
        app = QApplication.instance()
        if isinstance(app, QApplication):
            preferences.apply_looks(app, self.preferences)
            self._context.looks_changed.emit(True)

    def switch_theme(self) -> None:
        """Light instead of dark, or the other way round; kept for the next start."""
        self.prefer(replace(self.preferences, theme="light" if theme.look().dark else "dark"))

    # --- the window ---
    def switch_bar(self) -> None:
        """The menu bar, or one button in its place."""
        self.prefer(replace(self.preferences, menubar=not self.preferences.menubar))

    def show_bar(self) -> None:
        """Show the menu bar or the button; never neither, also where the desktop shows the bar elsewhere."""
        self._window.menuBar().setVisible(self.preferences.menubar)
        self._toolbar.show_menu_button(not self.preferences.menubar)
        self._bar.setChecked(self.preferences.menubar)

    def reset_layout(self) -> None:
        """Every panel back to its place and size."""
        self._docks.arrange()
        for dock in self._docks.all.values():
            dock.show()
        self._docks.all["problems"].raise_()
        self._docks.even(0)


def _unusable(path: str) -> str:
    """Why a folder cannot be searched for commits, by git: never in the thread of the window."""
    from kfuncscope.commits.search import unusable

    return unusable(path) if path else ""
