# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What the window says at a glance agrees with itself: the decision, counts, folders, rows under study, failures."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace

import pytest
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QDockWidget
from pytestqt.qtbot import QtBot

from kfuncscope.decision.gate import decide
from kfuncscope.gui.app import settle
from kfuncscope.gui.mainwindow import MainWindow
from kfuncscope.gui.models import findings as fm
from kfuncscope.gui.store import NEED, OBJECT, PROGRAM, Node
from kfuncscope.gui.views.summary import InferredCard
from kfuncscope.model.analysis import Analysis
from kfuncscope.model.verdict import Verdict
from kfuncscope.report import make
from support import analyses, windows


def one_judged() -> Analysis:
    """The demo on one architecture with kernels; two that were inferred, where more breaks."""
    demo = analyses.demo()
    judged = replace(demo.arches[3], arch="x86_64", inferred=False)
    return replace(demo, arches=(judged, *(replace(demo.arches[i], inferred=True) for i in (1, 2))))


def test_the_decision_counts_judged_architectures_alone(qtbot: QtBot) -> None:
    analysis = one_judged()
    broken = analysis.arches[0].counts()[Verdict.BREAKS]
    assert broken == 0 and analysis.arches[1].counts()[Verdict.BREAKS] > 0
    with windows.window(analysis) as window:
        said = window.summary.decision.accessibleName()
        assert "break" not in said and "on x86_64" in said, said
    sentences = " ".join(make(analysis, decide(analysis)).sentences)
    assert "No program breaks" in sentences and "on 1 architecture." in sentences


def test_inferred_architectures_are_one_card_and_no_lane(qtbot: QtBot) -> None:
    """Folded and marked; nothing else of the window knows them, and exports keep them."""
    analysis = one_judged()
    with windows.window(analysis) as window:
        (card,) = window.summary.findChildren(InferredCard)
        assert card.text().startswith("Inferred") and "not part of the decision" in card.text()
        assert [lane.text() for lane in window.summary.cards] == ["x86_64"]
        index = window.store.index
        assert index is not None and index.lanes == ("x86_64",) and index.whole == analysis
        assert not any("inferred" in name for name in index.lanes)


def test_the_strip_counts_what_every_report_counts(qtbot: QtBot) -> None:
    """Inputs, faults and programs that could not be checked: one number everywhere, one decision."""
    foreign = replace(analyses.demo().objects[0], name="foreign", judged_on=("s390x",))
    analysis = replace(one_judged(), objects=(*analyses.demo().objects, foreign))
    report = make(analysis, decide(analysis))
    with windows.window(analysis) as window:
        qtbot.waitUntil(lambda: report.headline in window.summary.decision.accessibleName())
        assert f"{len(report.unchecked)} not checked" in window.summary.decision.accessibleName()
        docks = [dock.windowTitle() for dock in window.findChildren(QDockWidget)]
        assert f"Problems {len(report.unchecked)}" in docks
        model = window.inputs.model()
        tops = [model.index(row, 0).data() for row in range(model.rowCount())]
        assert f"Of another architecture  {len(report.elsewhere)}" in tops and report.elsewhere
        assert f"Could not check  {len(report.unchecked)}" in tops


def test_inferring_is_a_switch_of_the_session(qtbot: QtBot) -> None:
    with windows.window(one_judged()) as window:
        action = window.commands.actions["infer"]
        assert action.isCheckable() and not action.isChecked() and not window.context.session.infer
        action.trigger()
        assert action.isChecked() and window.context.session.infer
        action.trigger()
        assert not action.isChecked() and not window.context.session.infer


@pytest.fixture
def win(shared: MainWindow) -> MainWindow:
    shared.store.change((), "start")
    shared.store.select(None)
    shared.show_page("findings")
    settle()
    return shared


@pytest.mark.parametrize("column", [OBJECT, PROGRAM, NEED])
def test_findings_mark_what_is_selected_elsewhere(column: int, win: MainWindow) -> None:
    """N, the graph and the matrix select programs, not findings; the table keeps the place all the same."""
    index = win.store.index
    assert index is not None
    row = len(index.findings) // 2
    number = {OBJECT: index.findings.object, PROGRAM: index.findings.program, NEED: index.findings.need}[column][row]
    win.store.select(Node(column, int(number)))
    current = win.findings.table.currentIndex()
    assert win.findings.table.selectionModel().isRowSelected(current.row())
    marked = int(current.data(fm.Qt.ItemDataRole.UserRole))
    chosen = {OBJECT: index.findings.object, PROGRAM: index.findings.program, NEED: index.findings.need}[column]
    assert chosen[marked] == number
    assert win.store.selected == Node(column, int(number)) and win.store.finding == -1
    win.store.select(None)
    assert not win.findings.table.selectionModel().hasSelection()


def test_next_breakage_moves_the_row_under_study(win: MainWindow) -> None:
    seen = set()
    for _ in range(3):
        win.navigation.step(True)
        rows = win.findings.table.selectionModel().selectedRows()
        assert len(rows) == 1
        seen.add(rows[0].row())
    assert len(seen) == 3


def test_folders_are_no_packages(qtbot: QtBot) -> None:
    demo = analyses.demo()
    arch = demo.arches[0]
    moved = tuple(
        replace(o, package="", object=f"below/{o.object}") if i % 2 else o for i, o in enumerate(arch.objects)
    )
    packages = len({o.package for o in moved if o.package})
    with windows.window(replace(demo, arches=(replace(arch, objects=moved),))) as window:
        texts = [str(i.text) for i in _items(window.inputs.tree.root)]
        assert f"Objects  {len(moved)} in {packages} packages" in texts
        assert f"below/  {sum(not o.package for o in moved)}" in texts


def _items(item: object) -> list[object]:
    return [item, *(found for child in item.children for found in _items(child))]  # type: ignore[attr-defined]


def test_problems_are_as_many_as_were_not_checked(qtbot: QtBot) -> None:
    """Things that share a reason share a line; the number still counts each."""
    demo = analyses.demo()
    arch = demo.arches[0]
    doubtful = tuple(
        replace(o, programs=tuple(replace(p, unchecked=("no symbols were given",)) for p in o.programs))
        for o in arch.objects
    )
    with windows.window(replace(demo, arches=(replace(arch, objects=doubtful),))) as window:
        index = window.store.index
        assert index is not None and len(index.unchecked) > window.problems.model.rowCount()
        assert window.docks["problems"].windowTitle() == f"Problems {len(index.unchecked)}"


def _picture(win: MainWindow) -> QImage:
    return win.state_text.grab().toImage()


def test_what_failed_looks_like_it(win: MainWindow) -> None:
    win.context.say("Written: x.html")
    calm = _picture(win)
    win.context.say("Written: x.html", failed=True)
    assert win.state_text.failed and _picture(win) != calm
    win.context.say("Written: x.html")
    assert _picture(win) == calm


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_closes_the_window_in_order(how: signal.Signals, tmp_path: object) -> None:
    code = (
        "import signal, sys\nsignal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "signal.signal(signal.SIGHUP, signal.SIG_DFL)\n"  # a job in the background may ignore both
        "from kfuncscope.gui import app, mainwindow\nshow = mainwindow.MainWindow.show\n"
        "def shown(w):\n    show(w); print('shown', flush=True)\n"
        "mainwindow.MainWindow.show = shown\nclose = mainwindow.MainWindow.closeEvent\n"
        "def closed(w, e):\n    close(w, e); print('closed', flush=True)\n"
        "mainwindow.MainWindow.closeEvent = closed\nsys.exit(app.main(['kfuncscope']))\n"
    )
    own = dict.fromkeys(("XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME"), str(tmp_path))
    path = os.pathsep.join(p for p in sys.path if p)
    env = {**os.environ, "QT_QPA_PLATFORM": "offscreen", "PYTHONPATH": path, **own}
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, env=env)
    try:
        assert process.stdout is not None and process.stdout.readline() == "shown\n"
        time.sleep(0.5)  # into Qt's loop, where Python sleeps
        process.send_signal(how)
        out, _ = process.communicate(timeout=60)
        assert (out, process.returncode) == ("closed\n", 0)
    finally:
        process.kill()


def test_headings_stand_above_what_they_head(win: MainWindow, qtbot: QtBot) -> None:
    """Where a column's text begins in the heading and in the cell, by the first pixels that are not background."""
    table = win.findings.table
    head = table.horizontalHeader()
    left = table.columnViewportPosition(fm.PROGRAM)
    begins = []
    for part, height in ((head.viewport(), head.height() - 3), (table.viewport(), table.rowHeight(0))):
        picture = part.grab().toImage()
        scale = picture.devicePixelRatio()
        ground = picture.pixel(round((left + 1) * scale), 3)
        columns = range(round((left + 1) * scale), round((left + 60) * scale))
        rows = range(3, round((height - 3) * scale))
        begins.append(next(x for x in columns if any(picture.pixel(x, y) != ground for y in rows)) / scale)
    assert abs(begins[0] - begins[1]) <= 2, begins
