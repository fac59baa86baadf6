# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""``kfuncscope demo``: the main job on the embedded sample data, in a window, or as a picture without a display."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from kfuncscope.errors import SessionError, UsageError
from kfuncscope.extras import need_window

if TYPE_CHECKING:
    import argparse

# A window starts with this module, so that what only a picture or an error needs is imported there.


def run(arguments: argparse.Namespace) -> int:
    """Open the demo; without a display draw the same window and write the table, and say where."""
    need_window("demo")
    if not arguments.picture and has_display():
        from kfuncscope.gui.app import main

        return main(["kfuncscope", "--demo"])
    from kfuncscope.cli.commands.check import print_analysis
    from kfuncscope.cli.output import ProgressLine
    from kfuncscope.session.sample import sample_session
    from kfuncscope.upgrade.analyse import analyse

    session = sample_session()
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
        import tempfile

        return Path(tempfile.mkdtemp(prefix="kfuncscope-")) / here


def has_display() -> bool:
    """Whether a window can be opened."""
    return sys.platform != "linux" or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def run_gui(arguments: argparse.Namespace) -> int:
    """Open the window with what was given."""
    need_window("gui")
    from kfuncscope.gui.app import main

    return main(["kfuncscope"], arguments)


def window() -> int:
    """``kfuncscope-gui``: the window, or what has to be installed for it."""
    try:
        need_window("kfuncscope-gui")
    except UsageError as error:
        from kfuncscope.cli.output import clean, say
        from kfuncscope.decision.exits import Exit

        say(clean(str(error)))
        return Exit.USAGE
    from kfuncscope.gui.app import main

    return main()
