# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What controllers and views share in place of the window: the state on screen, the session, jobs and commands."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QObject, QSettings, Signal
from PySide6.QtWidgets import QWidget

from kfuncscope.gui.commands import Commands
from kfuncscope.gui.filters import Token
from kfuncscope.gui.history.snapshots import INPUTS, WRITTEN, Snapshot, differs, restore, snapshot
from kfuncscope.gui.history.steps import ValueStep
from kfuncscope.gui.index import Index
from kfuncscope.gui.jobs import Jobs
from kfuncscope.gui.store import Store
from kfuncscope.session.session import Session


class Context(QObject):
    """One for each window. Nothing here knows a view; who wants something of the window asks by a signal.

    ``real`` is the result that belongs to the session, while ``store.index`` may be a hypothetical one made of it.
    Without ``settings`` (tests, pictures) nothing is kept between runs. ``dialogs`` is the parent of dialogs.
    """

    session_opened = Signal()  # another session: whatever was derived from the last one is to be forgotten
    inputs_changed = Signal()  # kernels or objects of this session were added, removed or paired again
    written_changed = Signal()  # notes or the policy of this session changed
    result_shown = Signal(object)  # Index: a real result is on screen
    touched = Signal()  # something that a session file keeps has changed
    analysis_wanted = Signal()
    said = Signal(str, bool)  # a line for the status bar, and whether something failed
    view_wanted = Signal(str)  # the page to bring to the front; empty: the keyboard goes to the tab in front
    welcome_wanted = Signal(bool)  # the first page, or the result
    title_wanted = Signal(str)  # of the window
    modified = Signal(bool)  # whether the session differs from its file
    page_titled = Signal(str, str)  # the id of a page and the title that it gets, with a count for example
    result_arriving = Signal()  # a real result is about to replace what is on screen
    tour_wanted = Signal()
    clone_changed = Signal()  # another clone is to be searched for commits
    palette_changed = Signal()  # light or dark: what caches colours is to be painted again before this returns
    looks_changed = Signal(bool)  # the same in turns; of the colours (True), or of the font alone

    def __init__(self, window: QWidget, settings: QSettings | None) -> None:
        super().__init__(window)
        self.dialogs = window
        self.settings = settings
        self.store = Store(self)
        self.jobs = Jobs(self)
        self.commands = Commands(window)
        self.session = Session()
        self.real: Index | None = None
        self.path = ""  # of the session file, empty while there is none

    def say(self, text: str, failed: bool = False) -> None:
        """Show a line in the status bar; ``failed`` makes it stand out."""
        self.said.emit(text, failed)

    def change_session(self, text: str, edit: Callable[[Session], object]) -> bool:
        """Let ``edit`` change the session, as one step that can be undone; False where nothing changed."""
        before = snapshot(self.session)
        edit(self.session)
        after = snapshot(self.session)
        if before == after:
            return False
        restore(self.session, before)
        self.store.undo.push(ValueStep(text, before, after, self.put_session))
        return True

    def put_session(self, kept: Snapshot) -> None:
        """Make the session as a snapshot has it; a result on screen is brought up to date."""
        before = snapshot(self.session)
        restore(self.session, kept)
        if differs(before, kept, WRITTEN):
            self.written_changed.emit()
        if differs(before, kept, INPUTS):
            self.inputs_changed.emit()
            if self.real is not None:
                self.analysis_wanted.emit()
        self.touched.emit()

    def open_session(self, session: Session, filters: tuple[Token, ...]) -> None:
        """Work on another session: what belonged to the last one goes, then its inputs are analysed."""
        self.session = session
        self.real = None
        self.store.undo.clear()
        self.store.set_index(None, filters)
        self.session_opened.emit()
        self.inputs_changed.emit()
        self.analysis_wanted.emit()
