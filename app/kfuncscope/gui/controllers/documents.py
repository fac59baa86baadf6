# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Sessions as documents: open, save, recent ones, autosave, and the demo from sample_data."""

from __future__ import annotations

import contextlib
from pathlib import Path

from PySide6.QtCore import QObject, QStandardPaths, QTimer
from PySide6.QtWidgets import QFileDialog

from kfuncscope.errors import InputError
from kfuncscope.gui.context import Context
from kfuncscope.gui.filters import DEFAULT, Filters, Token
from kfuncscope.gui.views.welcome import WelcomePage
from kfuncscope.session import sessionfile
from kfuncscope.session.sample import sample_session
from kfuncscope.session.session import Session

AUTOSAVE_MS = 2500
RECENT = 6


def filters_of(session: Session) -> Filters:
    """The filters a session was saved with; words of later versions are left out."""
    tokens = (Token.parse(text) for text in session.filters)
    return tuple(t for t in tokens if t is not None)


class Documents(QObject):
    """Where the session comes from and goes to. Without settings (tests, pictures) nothing is kept."""

    def __init__(self, context: Context, welcome: WelcomePage) -> None:
        super().__init__(context)
        self._context, self._welcome = context, welcome
        self._tour_after = False
        self._autosave = QTimer(self, interval=AUTOSAVE_MS, singleShot=True)
        self._autosave.timeout.connect(self.autosave)
        add = context.commands.add
        add("session.new", self.tr("New session"), self.new, "Ctrl+N", "File")
        add("session.open", self.tr("Open session…"), lambda: self.open(""), "Ctrl+Shift+O", "File")
        add("session.save", self.tr("Save session"), lambda: self.save(context.path), "Ctrl+S", "File")
        add("session.saveas", self.tr("Save session as…"), lambda: self.save(""), "Ctrl+Shift+S", "File")
        add("demo", self.tr("Open the demo"), self.demo, "", "File")
        welcome.session_wanted.connect(self.open)
        welcome.demo_wanted.connect(self.demo)
        welcome.again_wanted.connect(self.new)
        context.touched.connect(self.touch)
        context.result_shown.connect(lambda _: self._offer_tour())
        self.show_recent()

    # --- recent ---
    def recent(self) -> list[str]:
        """Sessions opened or saved lately that still exist; an autosaved one stands first."""
        if self._context.settings is None:
            return []
        kept = self._context.settings.value("recent", [])
        listed = [kept] if isinstance(kept, str) else kept if isinstance(kept, list) else []
        found = [str(p) for p in (*([self.autosave_path()] if self.autosave_path() else []), *listed)]
        return [p for p in dict.fromkeys(found) if Path(p).is_file()][:RECENT]

    def show_recent(self) -> None:
        """List the recent sessions on the welcome page."""
        self._welcome.show_recent(self.recent(), self.autosave_path())

    def _remember(self, path: str) -> None:
        if self._context.settings is not None and path != self.autosave_path():
            rest = [p for p in self.recent() if p not in (path, self.autosave_path())]
            self._context.settings.setValue("recent", [path, *rest][:RECENT])

    # --- open, save ---
    def new(self) -> None:
        """Begin with nothing; what was open is autosaved and stands among the recent sessions."""
        context = self._context
        context.jobs.cancel_all()
        self.autosave()
        context.path = ""
        context.title_wanted.emit("kfuncscope")
        context.welcome_wanted.emit(True)
        self._welcome.tell("")
        context.open_session(Session(), DEFAULT)
        self.show_recent()

    def open(self, path: str) -> bool:
        """Open a session file (asked for when ``path`` is empty) and analyse it."""
        context = self._context
        if not path:
            kinds = self.tr("Sessions (*{0})").format(sessionfile.SUFFIX)
            path, _ = QFileDialog.getOpenFileName(context.dialogs, self.tr("Open session"), "", kinds)
        if not path:
            return False
        try:
            session = sessionfile.load(path)
        except InputError as bad:
            context.say(self.tr("Cannot open: {0}").format(bad), failed=True)
            return False
        context.path = "" if path == self.autosave_path() else path
        self._remember(path)
        context.title_wanted.emit(f"{Path(path).stem} – kfuncscope")
        context.open_session(session, filters_of(session))
        return True

    def save(self, path: str) -> bool:
        """Save the session (asking where when ``path`` is empty)."""
        context = self._context
        if not path:
            kinds = self.tr("Sessions (*{0})").format(sessionfile.SUFFIX)
            name, title = "session" + sessionfile.SUFFIX, self.tr("Save session")
            path, _ = QFileDialog.getSaveFileName(context.dialogs, title, name, kinds)
        if not path:
            return False
        try:
            sessionfile.save(context.session, path)
        except InputError as bad:
            context.say(self.tr("Cannot save: {0}").format(bad), failed=True)
            return False
        context.path = path
        self._remember(path)
        context.title_wanted.emit(f"{Path(path).stem} – kfuncscope")
        context.say(self.tr("Saved {0}").format(path))
        return True

    def demo(self) -> None:
        """Analyse the sample data, then offer the tour."""
        context = self._context
        context.path = ""
        context.title_wanted.emit(self.tr("Demo – kfuncscope"))
        session = sample_session()
        session.filters = ["affected", "arch:x86_64"]
        self._tour_after = True
        context.open_session(session, filters_of(session))

    def _offer_tour(self) -> None:
        if self._tour_after:
            self._tour_after = False
            QTimer.singleShot(150, self, self._context.tour_wanted.emit)

    # --- autosave ---
    def autosave_path(self) -> str:
        """Where the session is kept between runs, empty where nothing is kept."""
        if self._context.settings is None:
            return ""
        folder = QStandardPaths.writableLocation(QStandardPaths.StandardLocation.AppDataLocation)
        return str(Path(folder) / ("last" + sessionfile.SUFFIX))

    def touch(self) -> None:
        """Something changed: keep it soon."""
        if self._context.settings is not None:
            self._autosave.start()

    def autosave(self) -> None:
        """Keep the session now. Never in the way: a disk that cannot be written does not stop anything."""
        path, session = self.autosave_path(), self._context.session
        if path and (session.old or session.new or session.objects):
            with contextlib.suppress(InputError, OSError):
                Path(path).parent.mkdir(parents=True, exist_ok=True)
                sessionfile.save(session, path)

    def close(self) -> None:
        """Before the window goes."""
        self._autosave.stop()
        self.autosave()
