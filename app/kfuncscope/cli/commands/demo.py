# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""``kfuncscope demo``: the main job on the embedded sample data, in a window, or as a picture without a display."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path

from kfuncscope.cli.commands.check import print_analysis
from kfuncscope.cli.output import ProgressLine, clean, say
from kfuncscope.decision.exits import Exit
from kfuncscope.errors import SessionError, UsageError
from kfuncscope.extras import need_window
from kfuncscope.session.sample import sample_session
from kfuncscope.upgrade.analyse import analyse


def run(arguments: argparse.Namespace) -> int:
    """Open the demo; without a display draw the same window and write the table, and say where."""
    need_window("demo")
    session = sample_session()
    if not arguments.picture and has_display():
        from kfuncscope.gui.app import main

        return main(["kfuncscope", "--demo"])
    progress = ProgressLine()
    analysis = analyse(session, progress)
    progress.end()
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    # The offscreen plugin tells at every show what it cannot do.
    os.environ.setdefault("QT_LOGGING_RULES", "default.warning=false")
    from kfuncscope.gui.app import render

    picture = Path(arguments.picture) if arguments.picture else _place()
    try:
        picture = render(analysis, picture, dark=arguments.dark)
    except OSError as error:
        raise SessionError(str(picture), error.strerror or "cannot be written") from error
    print_analysis(analysis)
    print(f"no display: the window is drawn in {picture.resolve()}")
    return 0


def _place() -> Path:
    """Where the picture goes unless told: here, or where anyone may write when here is read-only."""
    here = Path("kfuncscope-demo.png")
    try:
        with here.open("ab"):
            return here
    except OSError:
        return Path(tempfile.mkdtemp(prefix="kfuncscope-")) / here


def has_display() -> bool:
    """Whether a window can be opened."""
    return sys.platform != "linux" or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def run_gui(arguments: argparse.Namespace) -> int:
    """Open the window with what was given."""
    need_window("gui")
    from kfuncscope.gui.app import main

    return main(["kfuncscope", *arguments.files])


def window() -> int:
    """``kfuncscope-gui``: the window, or what has to be installed for it."""
    try:
        need_window("kfuncscope-gui")
    except UsageError as error:
        say(clean(str(error)))
        return Exit.USAGE
    from kfuncscope.gui.app import main

    return main()
