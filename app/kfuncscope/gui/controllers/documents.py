# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Sessions as documents: open, save, recent ones, autosave, and the demo from sample_data."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QStandardPaths, QTimer
from PySide6.QtWidgets import QFileDialog

from kfuncscope.errors import InputError
from kfuncscope.gui.filters import DEFAULT, Filters, Token
from kfuncscope.session import sessionfile
from kfuncscope.session.sample import sample_session
from kfuncscope.session.session import Session

if TYPE_CHECKING:
    from kfuncscope.gui.mainwindow import MainWindow

AUTOSAVE_MS = 2500
RECENT = 6


def filters_of(session: Session) -> Filters:
    """The filters a session was saved with; words of later versions are left out."""
    tokens = (Token.parse(text) for text in session.filters)
    return tuple(t for t in tokens if t is not None)


class Documents(QObject):
    """Where the session comes from and goes to. Without settings (tests, pictures) nothing is kept."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self.window = window
        self.path = ""
        self._autosave = QTimer(self, interval=AUTOSAVE_MS, singleShot=True)
        self._autosave.timeout.connect(self.autosave)
        add = window.commands.add
        add("session.new", self.tr("New session"), self.new, "Ctrl+N", "File")
        add("session.open", self.tr("Open session…"), lambda: self.open(""), "Ctrl+Shift+O", "File")
        add("session.save", self.tr("Save session"), lambda: self.save(self.path), "Ctrl+S", "File")
        add("session.saveas", self.tr("Save session as…"), lambda: self.save(""), "Ctrl+Shift+S", "File")
        add("demo", self.tr("Open the demo"), self.demo, "", "File")
        window.welcome.session_wanted.connect(self.open)
        window.welcome.demo_wanted.connect(self.demo)
        window.welcome.again_wanted.connect(self.new)
        window.store.filters_changed.connect(self.touch)
        self.show_recent()

    # --- recent ---
    def recent(self) -> list[str]:
        """Sessions opened or saved lately that still exist; an autosaved one stands first."""
        if self.window.settings is None:
            return []
        kept = self.window.settings.value("recent", [])
        listed = [kept] if isinstance(kept, str) else kept if isinstance(kept, list) else []
        found = [str(p) for p in (*([self.autosave_path()] if self.autosave_path() else []), *listed)]
        return [p for p in dict.fromkeys(found) if Path(p).is_file()][:RECENT]

    def show_recent(self) -> None:
        """List the recent sessions on the welcome page."""
        self.window.welcome.show_recent(self.recent(), self.autosave_path())

    def _remember(self, path: str) -> None:
        if self.window.settings is not None and path != self.autosave_path():
            rest = [p for p in self.recent() if p not in (path, self.autosave_path())]
            self.window.settings.setValue("recent", [path, *rest][:RECENT])

    # --- open, save ---
    def new(self) -> None:
        """Begin with nothing; what was open is autosaved and stands among the recent sessions."""
        w = self.window
        w.jobs.cancel_all()
        self.autosave()
        self.path = ""
        w.setWindowTitle("kfuncscope")
        w.show_welcome(True)
        w.welcome.tell("")
        w.explorer.forget()
        w.actions_.use_session(Session(), DEFAULT)
        self.show_recent()

    def open(self, path: str) -> bool:
        """Open a session file (asked for when ``path`` is empty) and analyse it."""
        w = self.window
        if not path:
            kinds = self.tr("Sessions (*{0})").format(sessionfile.SUFFIX)
            path, _ = QFileDialog.getOpenFileName(w, self.tr("Open session"), "", kinds)
        if not path:
            return False
        try:
            session = sessionfile.load(path)
        except InputError as bad:
            w.actions_.say(self.tr("Cannot open: {0}").format(bad), failed=True)
            return False
        self.path = "" if path == self.autosave_path() else path
        self._remember(path)
        w.setWindowTitle(f"{Path(path).stem} – kfuncscope")
        w.actions_.use_session(session, filters_of(session))
        return True

    def save(self, path: str) -> bool:
        """Save the session (asking where when ``path`` is empty)."""
        w = self.window
        if not path:
            kinds = self.tr("Sessions (*{0})").format(sessionfile.SUFFIX)
            path, _ = QFileDialog.getSaveFileName(w, self.tr("Save session"), "session" + sessionfile.SUFFIX, kinds)
        if not path:
            return False
        try:
            sessionfile.save(w.actions_.session, path)
        except InputError as bad:
            w.actions_.say(self.tr("Cannot save: {0}").format(bad), failed=True)
            return False
        self.path = path
        self._remember(path)
        w.setWindowTitle(f"{Path(path).stem} – kfuncscope")
        w.actions_.say(self.tr("Saved {0}").format(path))
        return True

    def demo(self) -> None:
        """Analyse the sample data, then offer the tour."""
        w = self.window
        self.path = ""
        w.setWindowTitle(self.tr("Demo – kfuncscope"))
        session = sample_session()
        session.filters = ["affected", "arch:x86_64"]
        w.actions_.use_session(session, filters_of(session))
        w.tour_after = True

    # --- autosave ---
    def autosave_path(self) -> str:
        """Where the session is kept between runs, empty where nothing is kept."""
        if self.window.settings is None:
            return ""
        folder = QStandardPaths.writableLocation(QStandardPaths.StandardLocation.AppDataLocation)
        return str(Path(folder) / ("last" + sessionfile.SUFFIX))

    def touch(self) -> None:
        """Something changed: keep it soon."""
        if self.window.settings is not None:
            self._autosave.start()

    def autosave(self) -> None:
        """Keep the session now. Never in the way: a disk that cannot be written is no reason to stop."""
        path, session = self.autosave_path(), self.window.actions_.session
        if path and (session.old or session.new or session.objects):
            with contextlib.suppress(InputError, OSError):
                Path(path).parent.mkdir(parents=True, exist_ok=True)
                sessionfile.save(session, path)

    def close(self) -> None:
        """Before the window goes."""
        self._autosave.stop()
        self.autosave()
