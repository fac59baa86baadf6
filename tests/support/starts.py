# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Programs of their own that start the window or a check and say what that took; all in CPU seconds."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

_CPU = """
import os, time
from pathlib import Path

def descendants(number):
    for task in Path("/proc", number, "task").iterdir():
        for child in (task / "children").read_text().split():
            yield child
            yield from descendants(child)

def cpu():
    "Of this process, of those that it began, and of theirs."
    total = sum(os.times()[:4])
    for number in descendants(str(os.getpid())):
        try:
            words = Path("/proc", number, "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        total += sum(map(int, words[11:15])) / os.sysconf("SC_CLK_TCK")
    return total
"""

_WINDOW = (
    _CPU
    + """
begun = 0.0
from kfuncscope.cli.commands import demo  # where kfuncscope-gui begins
from kfuncscope.gui.app import application
from kfuncscope.gui import theme
app = application(); theme.apply(app, False)
from kfuncscope.gui.mainwindow import MainWindow
window = MainWindow(); window.show(); app.processEvents()
"""
)
_VERDICTS = """
from PySide6.QtCore import QEvent, QObject

class Painted(QObject):
    "Which parts of the result were painted: the decision, a lane, the ribbon of the overview."
    seen = set()

    def eventFilter(self, watched, event):
        if event.type() == QEvent.Type.Paint and type(watched).__name__ in ("DecisionCard", "LaneCard", "RibbonCanvas"):
            self.seen.add(type(watched).__name__)
        return False

painted = Painted()
window.documents.demo()
window.context.result_arriving.connect(lambda: app.installEventFilter(painted))
while len(painted.seen) < 3:
    app.processEvents(); time.sleep(0.002)
print(cpu() - begun, *window.context.real.lanes)
window.documents.asks = False
window.context.jobs.close()
os._exit(0)
"""
START = _WINDOW + _VERDICTS
"""From the start of the program to the verdicts of the demo on screen."""
CLICK = _WINDOW + "from kfuncscope.gui.app import settle\nwindow.fill(); settle(); begun = cpu()\n" + _VERDICTS
"""From a click on the demo, in a window that is made to the end, to its verdicts on screen."""

CHECK = (
    _CPU
    + """
import subprocess, sys
from kfuncscope.session.sample import sample_session
session = sample_session()
words = [sys.executable, "-m", "kfuncscope", "check", *session.objects]
for side in ("old", "new"):
    for ref in getattr(session, side):
        words += [f"--{side}", os.path.dirname(ref.files[0])]
subprocess.run(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
print(sum(os.times()[2:4]))
"""
)
"""One check of the same on the command line."""


LARGE = (
    _WINDOW
    + """
from kfuncscope.gui.app import collect_seldom, settle
from kfuncscope.gui.received import Shared, put_together
from support import starts
collect_seldom()
window.fill()
for _ in range(2):
    arrived = []
    window.context.jobs.process(
        starts.send_large, (), arrived.append, "analyse", "large", put_together, take=Shared().take
    )
    while not arrived:
        app.processEvents(); time.sleep(0.002)
    window.results.show_index(arrived.pop())
    for page in ("overview", "graph", "matrix", "findings", "kfuncs", "timeline", "graph"):
        window.show_page(page); settle()
status = Path("/proc/self/status").read_text().splitlines()
print(next(line for line in status if line.startswith("VmHWM")).split()[1])
window.documents.asks = False
window.context.jobs.close()
os._exit(0)
"""
)
"""The most memory (kB) of a window in which 900 objects on five architectures came in and were looked at, twice."""


def send_large(send: Callable[[tuple[Any, ...]], None]) -> None:
    """In the other process: what an analysis of 900 objects on five architectures would send."""
    from kfuncscope.gui.processes.targets import send_analysis
    from support import analyses

    send_analysis(send, analyses.big(900))


def environment(code: Path) -> dict[str, str]:
    """The environment of a program that is compiled once, into the folder ``code``, as an installed one is."""
    env = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    env |= {"QT_QPA_PLATFORM": "offscreen", "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    return env | {"PYTHONPYCACHEPREFIX": str(code)}


def said(code: str, env: dict[str, str]) -> list[str]:
    """The words of the last line that a program says."""
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True)
    return done.stdout.splitlines()[-1].split()
