# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The pictures of the README, made from the demo: ``python -m kfuncscope.gui.screenshots [FOLDER]``."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from kfuncscope.resources import resource

if TYPE_CHECKING:  # Qt is loaded after the platform has been chosen
    from kfuncscope.gui.mainwindow import MainWindow
    from kfuncscope.model.analysis import Analysis

    Prepare = Callable[[MainWindow], None]


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


PICTURES: tuple[tuple[str, tuple[int, int], bool, Prepare], ...] = (
    ("overview-light.png", (1440, 900), False, _overview),
    ("graph-light.png", (1440, 900), False, _graph),
    ("graph-dark.png", (1440, 900), True, _graph),
    ("matrix-light.png", (1920, 1080), False, _matrix),
    ("whatif-dark.png", (1920, 1080), True, _whatif),
)


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


if __name__ == "__main__":
    for made in make(Path(sys.argv[1]) if len(sys.argv) > 1 else resource("screenshots")):
        print(made)
