# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The main window driven as a person does: pictures, tabs, filters, selection, keys."""

from __future__ import annotations

import struct
from dataclasses import replace
from pathlib import Path

import pytest
from PySide6.QtCore import QSettings, Qt
from PySide6.QtGui import QColor, QImage
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from kfuncscope.gui import app, screenshots
from kfuncscope.gui.app import render, settle
from kfuncscope.gui.filters import Token
from kfuncscope.gui.frame import animation
from kfuncscope.gui.mainwindow import MainWindow
from kfuncscope.gui.pages import TABS
from kfuncscope.gui.store import NEED, OBJECT, PROGRAM
from kfuncscope.gui.widgets.story import Link
from kfuncscope.resources import resource
from support import analyses, windows


@pytest.fixture
def win(shared: MainWindow) -> MainWindow:
    """The window with the demo, as it first opens: worst architecture, affected only, nothing selected."""
    shared.store.change((Token("affected"), Token("arch", "x86_64")), "start")
    shared.store.select(None)
    shared.toolbar.search.clear()
    shared.toolbar.hide_others.setChecked(True)
    shared.show_page("graph")
    settle()
    return shared


def test_render_writes_both_pictures(tmp_path: Path, qapp: object) -> None:
    for dark in (False, True):
        path = render(analyses.demo(), tmp_path / f"{dark}.png", (1440, 900), dark)
        image = QImage(str(path))
        assert (image.width(), image.height()) == (1440, 900)
        assert image.pixelColor(3, 880).lightness() < 128 if dark else image.pixelColor(3, 880).lightness() > 128


def test_decision_comes_first(win: MainWindow) -> None:
    assert "Upgrade blocked" in win.summary.decision.accessibleName()
    assert [c.text() for c in win.summary.cards] == list(analyses.JUDGED)
    assert "Breaks 6" in win.summary.cards[0].accessibleName()


def test_a_card_narrows_everything(win: MainWindow, qtbot: QtBot) -> None:
    qtbot.mouseClick(win.summary.cards[3], Qt.MouseButton.LeftButton)
    assert win.store.lane == 3
    assert set(win.store.index.findings.lane[win.findings.model.rows].tolist()) == {3}
    assert win.graph.canvas.scene.counts[1] < 12
    qtbot.mouseClick(win.summary.decision, Qt.MouseButton.LeftButton)
    assert win.store.lane == -1


@pytest.mark.parametrize("width", [900, 1024, 1440, 1920])
def test_chips_are_whole_or_folded(win: MainWindow, qtbot: QtBot, width: int) -> None:
    win.resize(width, 800)
    for verdict in ("BREAKS", "RISK"):
        win.store.add("verdict", verdict)
    qtbot.wait(30)
    win.chips.fit()
    qtbot.wait(30)
    shown = [chip for chip in win.chips.chips if not chip.isHidden()]
    for chip in [*shown, *([] if win.chips.fold.isHidden() else [win.chips.fold])]:
        left = chip.mapTo(win.chips, chip.rect().topLeft()).x()
        assert left >= 0 and left + chip.sizeHint().width() <= win.chips.width(), (chip.text(), left, win.chips.width())
    hidden = len(win.chips.chips) - len(shown)
    assert win.chips.fold.isHidden() == (hidden == 0)
    before = len(win.store.filters)
    menu = win.chips.folded()
    assert sum(action.text().startswith("Remove the filter") for action in menu.actions()) == hidden
    if hidden:
        menu.actions()[0].trigger()
        assert len(win.store.filters) == before - 1


def test_chip_removes_its_filter_and_undo_brings_it_back(win: MainWindow, qtbot: QtBot) -> None:
    before = win.graph.canvas.scene.counts
    chip = next(c for c in win.chips.chips if "only affected" in c.text())
    qtbot.mouseClick(chip, Qt.MouseButton.LeftButton)
    assert Token("affected") not in win.store.filters
    assert win.graph.canvas.scene.counts[1] > before[1]
    qtbot.keyClick(win, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert Token("affected") in win.store.filters and win.graph.canvas.scene.counts == before
    qtbot.keyClick(win, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier)
    assert Token("affected") not in win.store.filters


def test_click_on_a_node_tells_its_story(win: MainWindow, qtbot: QtBot) -> None:
    canvas, index = win.graph.canvas, win.store.index
    node = canvas.scene.labels.index("simple_enqueue")
    canvas.show_node(node)
    from PySide6.QtCore import QPointF

    where = canvas.to_view(QPointF(canvas.scene.x[node] + 20, canvas.scene.y[node] + 10)).toPoint()
    qtbot.mouseClick(canvas, Qt.MouseButton.LeftButton, pos=where)
    assert win.store.selected.column == PROGRAM
    assert index.programs[win.store.selected.id].name == "simple_enqueue"
    text = story(win)
    for part in ("Breaks at load", "confidence high", "kfunc not found",
                 "OLD KERNEL", "NEW KERNEL", "bpf_ksym_exists", "SEC(\"struct_ops/simple_enqueue\")"):  # fmt: skip
        assert part in text, part
    links = [link.toolTip() for link in win.detail.widget().findChildren(Link)]
    assert "R-2.8   How libbpf finds a kfunc" in links
    place = next(link for link in links if "scx_simple.bpf.c:58" in link)  # opens in the editor
    assert "insn 1" in place and "reachable" in place
    assert "simple_enqueue" in canvas.accessibleDescription() and "Breaks" in canvas.accessibleDescription()


def story(win: MainWindow) -> str:
    from PySide6.QtWidgets import QLabel

    return "\n".join(label.text().replace("\u200b", "") for label in win.detail.widget().findChildren(QLabel))


def test_arrow_keys_walk_the_edges(win: MainWindow, qtbot: QtBot) -> None:
    canvas = win.graph.canvas
    canvas.setFocus()
    canvas.pick(canvas.scene.labels.index("scx_simple"))
    qtbot.keyClick(canvas, Qt.Key.Key_Right)
    assert win.store.selected.column == PROGRAM
    qtbot.keyClick(canvas, Qt.Key.Key_Right)
    assert win.store.selected.column == NEED
    qtbot.keyClick(canvas, Qt.Key.Key_Left)
    qtbot.keyClick(canvas, Qt.Key.Key_Left)
    assert win.store.selected.column == OBJECT
    before = canvas.marks.selected
    qtbot.keyClick(canvas, Qt.Key.Key_Down)
    assert canvas.scene.y[canvas.marks.selected] > canvas.scene.y[before]


def test_n_goes_from_breakage_to_breakage_and_round(win: MainWindow, qtbot: QtBot) -> None:
    seen = []
    for _ in range(7):
        qtbot.keyClick(win, Qt.Key.Key_N)
        seen.append(win.store.selected)
    assert len(set(seen[:6])) == 6 and seen[6] == seen[0]
    qtbot.keyClick(win, Qt.Key.Key_N, Qt.KeyboardModifier.ShiftModifier)
    assert win.store.selected == seen[5]


def test_isolate_by_double_click_and_escape(win: MainWindow, qtbot: QtBot) -> None:
    graph = win.graph
    number = graph.canvas.scene.labels.index("xdp_redirect_map")
    graph.canvas.activated.emit(number)
    assert sorted(graph.canvas.scene.labels) == sorted(
        ["xdp-monitor", "xdp-bench.2", "tp_xdp_redirect_map", "tp_redirect_map", "xdp_redirect_map"]
    )
    qtbot.keyClick(win, Qt.Key.Key_Escape)
    assert len(graph.canvas.scene) > 5


def test_search_filters_or_highlights(win: MainWindow, qtbot: QtBot) -> None:
    qtbot.keyClicks(win.toolbar.search, "scx_bpf_c.nsume")
    qtbot.keyClick(win.toolbar.search, Qt.Key.Key_Return)
    scene = win.graph.canvas.scene
    assert scene.counts[1] == 1 and scene.hit[scene.labels.index("scx_bpf_consume")]
    win.toolbar.hide_others.trigger()
    scene = win.graph.canvas.scene
    assert scene.counts[1] > 5 and scene.hit.sum() == 1
    qtbot.keyClick(win, Qt.Key.Key_Escape)
    assert not win.toolbar.search.text() and not win.graph.canvas.scene.hit.any()


def test_tabs_by_keys(win: MainWindow, qtbot: QtBot) -> None:
    for number in range(5):
        qtbot.keyClick(win, Qt.Key(Qt.Key.Key_1 + number), Qt.KeyboardModifier.ControlModifier)
        assert win.tabs.currentIndex() == number


def test_finding_row_selects_program_and_finding(win: MainWindow, qtbot: QtBot) -> None:
    win.show_page("findings")
    table = win.findings.table
    qtbot.mouseClick(
        table.viewport(), Qt.MouseButton.LeftButton, pos=table.visualRect(win.findings.model.index(1, 3)).center()
    )
    row = int(win.findings.model.rows[1])
    assert win.store.finding == row
    assert win.store.index.findings.messages[win.store.index.findings.message[row]] in story(win)


def test_matrix_click_narrows_to_architecture_and_program(win: MainWindow, qtbot: QtBot) -> None:
    win.show_page("matrix")
    model = win.matrix.model
    row = next(i for i, r in enumerate(model.rows) if r.program >= 0)
    place = model.index(row, 2)
    qtbot.mouseClick(
        win.matrix.table.viewport(), Qt.MouseButton.LeftButton, pos=win.matrix.table.visualRect(place).center()
    )
    assert win.store.lane == 1 and win.store.selected.id == model.rows[row].program


def test_problems_list_each_with_its_reason(win: MainWindow) -> None:
    texts = [r[0] + r[1] for r in win.problems.model.rows]
    assert any("broken.bpf.o" in t and "offset 0x2f8" in t for t in texts)
    index = win.store.index
    assert index is not None and len(index.unchecked) >= 2
    assert f"Problems {len(index.unchecked)}" in win.docks["problems"].windowTitle()


def test_results_with_little_in_them(qapp: object, qtbot: QtBot) -> None:
    """No architecture, no object, an object without programs, a program that needs nothing: all can be shown."""
    real = analyses.demo()
    arch = real.arches[0]
    bare = replace(arch.objects[0], programs=())
    lone = replace(arch.objects[0], programs=(replace(arch.objects[0].programs[2], needs=(), findings=()),))
    for arches in (
        (),
        (replace(arch, objects=()),),
        (replace(arch, objects=(bare,)),),
        (replace(arch, objects=(lone,)),),
    ):
        with windows.window(replace(real, arches=arches)) as window:
            for page in TABS:
                window.show_page(page.id)
                window.grab()
            for command in ("graph.next", "graph.fit", "graph.isolate", "filter.affected", "filter.clear", "arch.all"):
                window.commands.run(command)
                settle()
            window.grab()
            qtbot.keyClick(window.graph.canvas, Qt.Key.Key_Right)


def test_the_pictures_of_the_readme_are_made(tmp_path: Path, qapp: object) -> None:
    written = screenshots.make(tmp_path, analyses.demo())
    assert sorted(p.name for p in written) == [
        "graph-dark.png",
        "graph-light.png",
        "matrix-light.png",
        "overview-light.png",
        "whatif-dark.png",
    ]
    assert {(QImage(str(p)).width(), QImage(str(p)).height()) for p in written} == {(1440, 900), (1920, 1080)}


def test_an_animation_is_frames_of_which_only_the_difference_is_kept(qapp: object) -> None:
    frames = []
    for colour in ("red", "red", "blue"):
        image = QImage(64, 48, QImage.Format.Format_RGB32)
        image.fill("white")
        for x in range(10, 20):
            image.setPixelColor(x, 7, QColor(colour))
        frames.append((image, 250))
    assert animation.changed(frames[0][0], frames[1][0]).getRect() == (0, 0, 1, 1)
    assert animation.changed(frames[1][0], frames[2][0]).getRect() == (10, 7, 10, 1)
    made = animation.apng(frames)
    first = QImage()
    assert first.loadFromData(made, "PNG") and first.pixelColor(12, 7) == QColor("red")  # readers of plain PNG
    chunks = list(animation._chunks(made))
    assert [kind for kind, _ in chunks if kind != b"IDAT"] == [
        b"IHDR", b"acTL", b"fcTL", b"fcTL", b"fdAT", b"fcTL", b"fdAT", b"IEND"
    ]  # fmt: skip
    control = [struct.unpack(">IIIIIHHBB", body) for kind, body in chunks if kind == b"fcTL"]
    assert [c[1:5] for c in control] == [(64, 48, 0, 0), (1, 1, 0, 0), (10, 1, 10, 7)]
    numbers = [struct.unpack_from(">I", body)[0] for kind, body in chunks if kind in (b"fcTL", b"fdAT")]
    assert numbers == list(range(5)) and all(c[5:7] == (250, 1000) for c in control)
    with pytest.raises(ValueError, match="size"):
        animation.apng([frames[0], (QImage(3, 3, QImage.Format.Format_RGB32), 1)])


def test_the_animation_of_the_readme_lasts_thirty_seconds() -> None:
    path = resource("screenshots", screenshots.ANIMATION)
    chunks = list(animation._chunks(path.read_bytes()))
    control = [struct.unpack(">IIIIIHHBB", body) for kind, body in chunks if kind == b"fcTL"]
    assert len(control) == len(screenshots.SCENES) and sum(c[5] for c in control) == 30_000
    assert path.stat().st_size < 2_000_000 and "--animation" in (screenshots.__doc__ or "")


def test_main_opens_the_window_with_what_it_is_given(
    tmp_path: Path, qapp: QApplication, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = QSettings(str(tmp_path / "s.ini"), QSettings.Format.IniFormat)
    monkeypatch.setattr(app, "settings", lambda: settings)
    given = tmp_path / "x.bpf.o"
    given.write_bytes(b"x")
    seen: list[list[str]] = []

    def look() -> int:
        QApplication.processEvents()
        window = next(
            w for w in QApplication.topLevelWidgets() if isinstance(w, MainWindow) and w.context.settings is settings
        )
        window.documents.autosave_path = lambda: ""  # type: ignore[method-assign]
        seen.append(window.context.session.objects)
        window.close()
        return 0

    # A real exec() and quit() would leave the application marked as quitting for the tests after this one.
    monkeypatch.setattr(QApplication, "exec", staticmethod(look))
    assert app.main(["kfuncscope", str(given)]) == 0
    assert seen == [[str(given)]]
    settle()
