# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The pictures of the README, made from the demo: ``python -m kfuncscope.gui.screenshots [--animation] [FOLDER]``."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from kfuncscope.resources import resource

if TYPE_CHECKING:  # Qt is loaded after the platform has been chosen
    from PySide6.QtGui import QImage

    from kfuncscope.gui.mainwindow import MainWindow
    from kfuncscope.model.analysis import Analysis

    Prepare = Callable[[MainWindow], object]


def _graph(window: MainWindow) -> None:
    """The first breakage of a kfunc, with its story."""
    index = window.store.index
    assert index is not None
    for _ in range(len(index.programs)):
        window.graph.step(True)
        node = window.store.selected
        rows = index.findings_of_program(node.id).tolist() if node is not None else []
        if any(index.findings.refs[r].remedy is not None and index.findings.refs[r].evidence.new for r in rows):
            return


def _in_graph(window: MainWindow) -> None:
    window.show_page("graph")
    _graph(window)


def _overview(window: MainWindow) -> None:
    window.show_page("overview")


def _matrix(window: MainWindow) -> None:
    window.navigation.lane("")
    window.show_page("matrix")


def _whatif(window: MainWindow) -> None:
    from kfuncscope.gui.app import settle
    from kfuncscope.gui.store import NEED, Node
    from kfuncscope.model.verdict import NeedKind
    from kfuncscope.upgrade.whatif import Action

    window.hypotheses.assume(NeedKind.HELPER, "bpf_map_lookup_elem", Action.REMOVED)
    settle()
    index = window.store.index
    number = index.need_id(NeedKind.HELPER, "bpf_map_lookup_elem") if index is not None else None
    if number is not None:
        window.store.select(Node(NEED, number))
    window.show_page("whatif")


ANIMATION = "demo.png"
PICTURES: tuple[tuple[str, tuple[int, int], bool, Prepare], ...] = (
    ("overview-light.png", (1440, 900), False, _overview),
    ("graph-light.png", (1440, 900), False, _graph),
    ("graph-dark.png", (1440, 900), True, _graph),
    ("matrix-light.png", (1920, 1080), False, _matrix),
    ("whatif-dark.png", (1920, 1080), True, _whatif),
)


def _program(window: MainWindow, name: str, program: str) -> None:
    """A program of the demo in the graph, with its story; what is fine about it stays hidden."""
    from kfuncscope.gui.store import PROGRAM, Node

    index = window.store.index
    assert index is not None
    number = index.program_id(name, program)
    assert number is not None
    window.store.select(Node(PROGRAM, number))
    window.show_page("graph")


def _causes(window: MainWindow) -> None:
    from kfuncscope.gui.models.findings import GroupBy

    window.navigation.lane("")
    window.show_page("findings")
    window.findings.group_by(GroupBy.CAUSE)


def _timeline(window: MainWindow) -> None:
    window.hypotheses.clear()
    window.show_page("timeline")


def _dark(window: MainWindow) -> None:
    from kfuncscope.gui import theme
    from kfuncscope.gui.app import application

    theme.apply(application(), True)
    window.repaint_all()
    _overview(window)


SCENES: tuple[tuple[Prepare, int, str], ...] = (
    (_overview, 4000, "Linux 6.12 to 7.3: which of our BPF programs break, on which architecture, and by what"),
    (
        _in_graph,
        4500,
        "N goes to the next breakage: what differs, the rule, where it is called, and C to paste",
    ),
    (
        lambda window: _program(window, "rstat_guarded.bpf.o", "rstat_if_there"),
        2200,
        "A twin that tests the kfunc first: it loses a feature, and still loads",
    ),
    (
        lambda window: _program(window, "sockname_exit.bpf.o", "sockname_result"),
        2200,
        "It loads, attaches, and counts the wrong thing: SILENT",
    ),
    (_matrix, 3600, "All programs on all architectures"),
    (_causes, 3600, "By cause: one thing that changed, and whom it hits"),
    (_whatif, 4200, "What if a helper went away? What would break newly, before and after"),
    (_timeline, 3000, "Every program and every need over all releases that are known"),
    (_dark, 2700, "Light, dark, and colours that everybody can tell apart"),
)
"""What the animation shows, for how many milliseconds, and what it says of it: thirty seconds."""


def animate(path: Path, analysis: Analysis | None = None, size: tuple[int, int] = (1200, 750)) -> Path:
    """Write the demo as an animation of thirty seconds."""
    os.environ["QT_QPA_PLATFORM"] = "offscreen"
    from kfuncscope.gui.app import open_offscreen, settle
    from kfuncscope.gui.frame.animation import apng
    from kfuncscope.session.sample import sample_session
    from kfuncscope.upgrade.analyse import analyse

    window = open_offscreen(analysis or analyse(sample_session()), size, False)
    window.context.session = sample_session()
    window.listing.refresh()
    window.store.select(None)
    window.docks["inputs"].hide()
    frames = []
    for prepare, lasting, words in SCENES:
        prepare(window)
        settle()
        window.graph.canvas.render_layer()
        frames.append((_captioned(window, words), lasting))
    window.close()
    window.deleteLater()
    settle()
    path.write_bytes(apng(frames))
    return path


def _captioned(window: MainWindow, words: str) -> QImage:
    """The window as it is, with a line of text over its lower edge."""
    from PySide6.QtCore import QRectF, Qt
    from PySide6.QtGui import QColor, QPainter

    from kfuncscope.gui import theme

    image = window.grab().toImage()
    c = theme.look()
    painter = QPainter(image)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setFont(theme.ui_font(4, bold=True))
    wide = painter.fontMetrics().horizontalAdvance(words) + 44
    box = QRectF((image.width() - wide) / 2, image.height() - 78, wide, 44)
    painter.setPen(theme.pen(c.accent, 2))
    painter.setBrush(QColor(c.toolbar))
    painter.drawRoundedRect(box, 9, 9)
    painter.setPen(QColor(c.text))
    painter.drawText(box, Qt.AlignmentFlag.AlignCenter, words)
    painter.end()
    return image


def make(folder: Path, analysis: Analysis | None = None) -> list[Path]:
    """Write the pictures of a result, of the demo where none is given."""
    os.environ["QT_QPA_PLATFORM"] = "offscreen"
    from kfuncscope.gui.app import open_offscreen, settle
    from kfuncscope.session.sample import sample_session
    from kfuncscope.upgrade.analyse import analyse

    analysis = analysis or analyse(sample_session())
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name, size, dark, prepare in PICTURES:
        window = open_offscreen(analysis, size, dark)
        window.context.session = sample_session()
        window.listing.refresh()
        window.store.select(None)
        prepare(window)
        settle()
        window.graph.canvas.render_layer()
        path = folder / name
        if not window.grab().save(str(path)):
            raise OSError(f"cannot write {path}")
        written.append(path)
        window.close()
        window.deleteLater()
        settle()
    return written


def main(words: list[str]) -> int:
    """Write the pictures, or with ``--animation`` the animation, into a folder."""
    folders = [Path(word) for word in words if not word.startswith("-")]
    folder = folders[0] if folders else resource("screenshots")
    folder.mkdir(parents=True, exist_ok=True)
    made = [animate(folder / ANIMATION)] if "--animation" in words else make(folder)
    for path in made:
        print(path)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
