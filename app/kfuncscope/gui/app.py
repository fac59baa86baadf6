# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Start the window, or render the same window to a picture where there is no display."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QCoreApplication, QSettings, Qt, QTimer
from PySide6.QtGui import QIcon
from PySide6.QtWidgets import QApplication

from kfuncscope.gui import theme
from kfuncscope.gui.frame import geometry, preferences
from kfuncscope.resources import resource

if TYPE_CHECKING:
    from argparse import Namespace

    from kfuncscope.gui.frame.arguments import Asked
    from kfuncscope.gui.mainwindow import MainWindow
    from kfuncscope.model.analysis import Analysis

APP_ID = "org.kfuncscope.kfuncscope"


def application(argv: Sequence[str] = (), language: str = "system", percent: int = 100) -> QApplication:
    """The one QApplication of this process, made where there is none; offscreen where there is no display.

    ``language`` is that of the window, ``percent`` the size of its font beside the system's.
    """
    running = QApplication.instance()
    if isinstance(running, QApplication):
        return running
    if sys.platform.startswith("linux") and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    app = QApplication([sys.argv[0] or "kfuncscope", "-style", "Fusion", *argv])
    app.setProperty(theme.STYLED, True)  # by its name alone: a QStyle in Python costs a tenth of the start
    app.setApplicationName("kfuncscope")
    app.setOrganizationName("kfuncscope")
    app.setDesktopFileName(APP_ID)
    icon = resource("icons", "kfuncscope.svg")
    if icon.is_file():
        app.setWindowIcon(QIcon(str(icon)))
    translate(app, language)
    theme.choose_font(app, percent)
    return app


def languages() -> list[str]:
    """The languages that the system asks for, best first, as gettext reads them from the environment."""
    asked = next((v for k in ("LC_ALL", "LC_MESSAGES", "LANG") if (v := os.environ.get(k))), "")
    plain = asked.partition(".")[0] in ("", "C", "POSIX")
    listed = [] if plain else [*os.environ.get("LANGUAGE", "").split(":"), asked]
    return [name for text in listed if (name := text.partition(".")[0].partition("@")[0])]


def translate(app: QApplication, language: str) -> bool:
    """Speak another language where there is a translation of the window; False where there is none.

    By names of files and not by QLocale, whose lists of languages and countries are a sixth of the start.
    """
    for name in languages() if language == "system" else [language]:
        if name.partition("_")[0] == "en":
            return False
        for form in dict.fromkeys((name, name.partition("_")[0])):
            if resource("translations", f"kfuncscope_{form}.qm").is_file():
                _install(app, f"kfuncscope_{form}", str(resource("translations")))
                from PySide6.QtCore import QLibraryInfo

                from kfuncscope.gui.frame import spoken

                _install(app, f"qtbase_{form}", QLibraryInfo.path(QLibraryInfo.LibraryPath.TranslationsPath))
                spoken.speak()
                return True
    return False


def _install(app: QApplication, name: str, folder: str) -> None:
    from PySide6.QtCore import QTranslator

    translator = QTranslator(app)
    if translator.load(name, folder):
        app.installTranslator(translator)


def dress(window: MainWindow | None, dark: bool | None) -> None:
    """Light, dark, or as the system asks (None); everything that caches colours is told to repaint."""
    app = application()
    theme.apply(app, dark)
    if window is not None:
        window.repaint_all()


def settings() -> QSettings:
    """Where window state and recent sessions are kept."""
    return QSettings(QSettings.Format.IniFormat, QSettings.Scope.UserScope, "kfuncscope", "kfuncscope")


def collect_seldom() -> None:
    """Have Python look for garbage seldom: a result is some 100,000 records that stay and hold no cycle, and looking
    through all of them keeps the GUI thread for longer than a turn may take."""
    gc.set_threshold(50_000, 20, 20)


def main(argv: Sequence[str] | None = None, parsed: Namespace | None = None) -> int:
    """Open the window; ``argv`` as in sys.argv, see ``kfuncscope-gui --help``, or options that are ``parsed`` already.

    Returns the exit status.
    """
    collect_seldom()
    given = list(sys.argv if argv is None else argv)[1:]
    what = _asked(given, parsed) if given or parsed is not None else None
    store = settings()
    chosen = preferences.load(store)
    app = application(language=chosen.language, percent=chosen.scale)
    preferences.apply_looks(app, chosen)
    from kfuncscope.gui.mainwindow import MainWindow

    window = MainWindow(store)
    app.styleHints().colorSchemeChanged.connect(lambda _: window.desktop.dress())
    if os.environ.get("KFUNCSCOPE_WATCHDOG"):
        from kfuncscope.gui.watchdog import TURN, Watchdog

        Watchdog(window, TURN, report=True, own_time=True)
    close_on_signals(window)
    geometry.fit(window)
    window.show()
    QTimer.singleShot(0, window, lambda: geometry.fit(window))  # the frame is known by now
    if what is not None:
        window.start(what)
    return app.exec()


def _asked(given: list[str], parsed: Namespace | None) -> Asked:
    from kfuncscope.gui.frame.arguments import asked, asked_of, parser

    return asked(given) if parsed is None else asked_of(parsed, parser("kfuncscope gui"))


def close_on_signals(window: MainWindow) -> None:
    """Ctrl+C in the terminal, its closing and the end of a login close the window as its button does.

    Python carries out its handlers between Qt's calls into it alone; a socket wakes Qt where it waits.
    """
    import signal
    import socket

    from PySide6.QtCore import QSocketNotifier

    ours, theirs = socket.socketpair()
    for end in (ours, theirs):
        end.setblocking(False)
    signal.set_wakeup_fd(theirs.fileno(), warn_on_full_buffer=False)
    waker = QSocketNotifier(ours.fileno(), QSocketNotifier.Type.Read, window)
    waker.activated.connect(lambda: ours.recv(64))

    def asleep() -> None:
        signal.set_wakeup_fd(-1)
        ours.close()
        theirs.close()

    waker.destroyed.connect(asleep)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:
            # Not here and now: a handler runs in the middle of whatever Python does.
            signal.signal(number, lambda *_: QTimer.singleShot(0, window, window.close_unasked))


def render(analysis: Analysis, path: str | Path, size: tuple[int, int] = (1440, 900), dark: bool = False) -> Path:
    """Render the window with a result to a PNG, without a display. Returns the path written."""
    window = open_offscreen(analysis, size, dark)
    target = Path(path)
    try:
        if not window.grab().save(str(target)):
            raise OSError(f"cannot write {target}")
    finally:
        window.close()
        window.deleteLater()
        settle()
    return target


def open_offscreen(analysis: Analysis, size: tuple[int, int], dark: bool) -> MainWindow:
    """A window with a result, laid out and painted as on a screen, its first breakage selected."""
    app = application()
    theme.apply(app, dark)
    from kfuncscope.gui.mainwindow import MainWindow

    window = MainWindow()
    window.setAttribute(Qt.WidgetAttribute.WA_DontShowOnScreen, QApplication.platformName() != "offscreen")
    window.resize(*size)
    window.show()
    window.results.show_analysis(analysis)
    settle()
    window.show_page("graph")
    window.graph.step(True)
    settle()
    window.graph.canvas.render_layer()
    return window


def settle() -> None:
    """Let layouts, deferred deletions and short background jobs come to rest."""
    import time

    from PySide6.QtCore import QEvent, QEventLoop, QThreadPool

    from kfuncscope.gui.frame.dressing import Turns
    from kfuncscope.gui.jobs import ALIVE

    end = time.monotonic() + 5.0
    for _ in range(2):
        QThreadPool.globalInstance().waitForDone(3000)
        QCoreApplication.processEvents(QEventLoop.ProcessEventsFlag.AllEvents, 50)
        while time.monotonic() < end and (
            any(jobs.busy() for jobs in ALIVE) or any(turns.busy() for turns in Turns.alive)
        ):
            QCoreApplication.processEvents(QEventLoop.ProcessEventsFlag.AllEvents, 10)
            time.sleep(0.002)
        QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)


if __name__ == "__main__":
    sys.exit(main())
