# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Sessions as documents: open, save, recent ones, autosave, and the demo from sample_data."""

from __future__ import annotations

import contextlib
import copy
from pathlib import Path

from PySide6.QtCore import QObject, QStandardPaths, QTimer
from PySide6.QtWidgets import QFileDialog, QMenu, QMessageBox

from kfuncscope.errors import InputError
from kfuncscope.gui.context import Context
from kfuncscope.gui.filters import DEFAULT, Filters, Token
from kfuncscope.gui.history.snapshots import snapshot
from kfuncscope.gui.views.welcome import WelcomePage
from kfuncscope.session.session import SUFFIX, Session

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
        self._saved = snapshot(context.session)
        self.asks = True  # whether closing may ask; not where the login ends or a terminal says so
        self._autosave = QTimer(self, interval=AUTOSAVE_MS, singleShot=True)
        self._autosave.timeout.connect(self._autosave_later)
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
        context.inputs_changed.connect(self._mark)
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

    def fill_recent(self, menu: QMenu) -> None:
        """List the recent sessions in a menu whenever it opens."""

        def fill() -> None:
            menu.clear()
            for path in self.recent():
                own = path == self.autosave_path()
                action = menu.addAction(self.tr("Last session, saved automatically") if own else path)
                action.triggered.connect(lambda _=False, p=path: self.open(p))
            if menu.isEmpty():
                menu.addAction(self.tr("No session was saved yet")).setEnabled(False)

        menu.aboutToShow.connect(fill)
        fill()

    # --- is it saved ---
    def dirty(self) -> bool:
        """Whether inputs, notes, waivers or types differ from what the file of this session holds."""
        return snapshot(self._context.session) != self._saved

    def _mark(self) -> None:
        self._context.modified.emit(self.dirty())

    def _settle(self, title: str) -> None:
        """The session is as its file has it, or newly begun."""
        self._saved = snapshot(self._context.session)
        self._context.title_wanted.emit(f"{title}[*] – kfuncscope" if title else "kfuncscope[*]")
        self._mark()

    def may_leave(self) -> bool:
        """Ask, where the session has a file and differs from it; a session without one is kept automatically."""
        context = self._context
        if not (self.asks and context.path and self.dirty()):
            return True
        buttons = QMessageBox.StandardButton
        said = QMessageBox.question(
            context.dialogs,
            self.tr("Save session"),
            self.tr("“{0}” has changes that are not saved.").format(Path(context.path).name),
            buttons.Save | buttons.Discard | buttons.Cancel,
            buttons.Save,
        )
        return said == buttons.Discard or (said == buttons.Save and self.save(context.path))

    # --- open, save ---
    def _folder(self) -> str:
        """Where sessions are asked for: beside this one or the one used last, else where the program was started."""
        near = [self._context.path, *(p for p in self.recent() if p != self.autosave_path())]
        return next((str(Path(p).parent) for p in near if p), str(Path.cwd()))

    def new(self) -> None:
        """Begin with nothing; what was open is autosaved and stands among the recent sessions."""
        context = self._context
        if not self.may_leave():
            return
        context.jobs.cancel_all()
        self.autosave()
        context.path = ""
        context.welcome_wanted.emit(True)
        self._welcome.tell("")
        context.open_session(Session(), DEFAULT)
        self._settle("")
        self.show_recent()

    def open(self, path: str) -> bool:
        """Open a session file (asked for when ``path`` is empty) and analyse it."""
        context = self._context
        if not path:
            kinds = self.tr("Sessions (*{0})").format(SUFFIX)
            path, _ = QFileDialog.getOpenFileName(context.dialogs, self.tr("Open session"), self._folder(), kinds)
        if not path or not self.may_leave():
            return False
        path = str(Path(path).absolute())  # the list of recent ones is read in other folders
        from kfuncscope.session import sessionfile

        try:
            session = sessionfile.load(path)
        except InputError as bad:
            context.say(self.tr("Cannot open: {0}").format(bad), failed=True)
            return False
        context.path = "" if path == self.autosave_path() else path
        self._remember(path)
        context.open_session(session, filters_of(session))
        self._settle(Path(path).stem if context.path else "")
        return True

    def save(self, path: str) -> bool:
        """Save the session (asking where when ``path`` is empty)."""
        context = self._context
        if not path:
            kinds = self.tr("Sessions (*{0})").format(SUFFIX)
            from kfuncscope.gui.dialogs.columns import asked_path

            start = context.path or str(Path(self._folder(), "session" + SUFFIX))
            path = asked_path(context.dialogs, self.tr("Save session"), start, kinds, SUFFIX)
        if not path:
            return False
        from kfuncscope.session import sessionfile

        try:
            sessionfile.save(context.session, path)
        except InputError as bad:
            context.say(self.tr("Cannot save: {0}").format(bad), failed=True)
            return False
        context.path = path
        self._remember(path)
        self._settle(Path(path).stem)
        context.say(self.tr("Saved {0}").format(path))
        return True

    def demo(self) -> None:
        """Analyse the sample data, then offer the tour."""
        context = self._context
        if not self.may_leave():
            return
        context.path = ""
        from kfuncscope.session.sample import sample_session

        session = sample_session()
        session.filters = ["affected", "arch:x86_64"]
        self._tour_after = True
        context.open_session(session, filters_of(session))
        self._settle(self.tr("Demo"))

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
        return str(Path(folder) / ("last" + SUFFIX))

    def touch(self) -> None:
        """Something changed: keep it soon."""
        self._mark()
        if self._context.settings is not None:
            self._autosave.start()

    def autosave(self) -> None:
        """Keep the session now. Never in the way: a disk that cannot be written does not stop anything."""
        self._keep(self._context.session)

    def _keep(self, session: Session) -> None:
        path = self.autosave_path()
        if path and (session.old or session.new or session.objects):
            from kfuncscope.session import sessionfile

            with contextlib.suppress(InputError, OSError):
                Path(path).parent.mkdir(parents=True, exist_ok=True)
                sessionfile.save(session, path)

    def _autosave_later(self) -> None:
        """Keep the session without waiting for the disk."""
        kept = copy.deepcopy(self._context.session)
        self._context.jobs.quick(lambda _stop: self._keep(kept), lambda _: None, key="autosave")

    def close(self) -> None:
        """Before the window goes."""
        self._autosave.stop()
        self.autosave()
