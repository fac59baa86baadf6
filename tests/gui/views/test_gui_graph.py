# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The graph: fits, keeps its columns in view, names what matters, and agrees with every other view on the selection."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QAccessible
from pytestqt.qtbot import QtBot

from kfuncscope.gui import theme
from kfuncscope.gui.app import settle
from kfuncscope.gui.filters import Token, passes, revealing
from kfuncscope.gui.graph import far
from kfuncscope.gui.graph import scene as scn
from kfuncscope.gui.graph.marks import Marks
from kfuncscope.gui.index import AFFECTED, SCALE, Index
from kfuncscope.gui.mainwindow import MainWindow
from kfuncscope.gui.store import NEED, OBJECT, PROGRAM, Node
from kfuncscope.model.analysis import CensusInfo, RunsOn
from kfuncscope.model.failure import Failure
from kfuncscope.model.verdict import Evidence, Finding, NeedKind, Verdict
from support import analyses, windows

START = (Token("affected"), Token("arch", "x86_64"))


@pytest.fixture
def win(shared: MainWindow) -> MainWindow:
    shared.store.select(None)
    shared.store.change(START, "start")
    shared.toolbar.search.clear()
    shared.toolbar.hide_others.setChecked(True)
    shared.graph.context = None
    shared.show_page("graph")
    settle()
    return shared


@pytest.mark.parametrize("dark", [False, True])
def test_fit_shows_all_of_a_large_graph(qapp: object, dark: bool) -> None:
    with windows.window(analyses.big(300, 1, programs=12), dark) as window:
        window.store.clear()
        settle()
        canvas = window.graph.canvas
        canvas.fit()
        settle()
        scene = canvas.scene
        assert scene.counts[1] == 3600 and canvas.zoom < 0.01
        assert canvas.view_rect().contains(QRectF(0, 0, scene.width, scene.height).adjusted(1, 1, -1, -1))
        canvas.resize(canvas.width() - 60, canvas.height() - 40)
        assert canvas.view_rect().height() >= scene.height - 1
        canvas.render_layer()
        image = canvas.grab().toImage()
        reds = [
            y for y in range(40, image.height())
            if any(image.pixelColor(x, y).hue() in range(5, 30) and image.pixelColor(x, y).saturation() > 60
                   for x in range(0, image.width(), 9))
        ]  # fmt: skip
        assert reds  # what breaks is painted, however low a node is


@pytest.mark.parametrize(("pixels", "zoom"), [
    (w, z) for w in (300, 380, 520, 700, 900, 1400, 2600) for z in (0.004, 0.2, 0.6, 1.0)
])  # fmt: skip
def test_all_columns_are_in_view_at_every_width(win: MainWindow, pixels: int, zoom: float) -> None:
    scene = win.graph.canvas.scene
    scene.stretch(float(pixels), zoom)
    assert scene.width * zoom <= max(pixels, scn.BASE * scn.LEAST) + 1
    ends = [(float(scene.x[scene.column == c][0]), float(scene.w[scene.column == c][0])) for c in range(3)]
    assert ends[0][0] >= 0 and all(w > 0 for _, w in ends)
    assert all(a + w < b for (a, w), (b, _) in pairwise(ends))
    assert ends[2][0] + ends[2][1] <= scene.width


@pytest.mark.parametrize("size", [(1024, 700), (1366, 768)])
def test_needs_do_not_slide_under_the_minimap(qapp: object, size: tuple[int, int]) -> None:
    with windows.window(analyses.demo(), size=size) as window:
        window.store.clear()
        settle()
        canvas = window.graph.canvas
        assert window.graph.overview.isVisible()
        needs = np.flatnonzero(canvas.scene.column == 2)
        right = [canvas.item_box(int(n)).right() for n in needs]
        assert max(right) <= canvas.width()


def test_names_from_far_away_are_those_that_matter(win: MainWindow) -> None:
    scene = win.graph.canvas.scene
    breaks = SCALE.index(Verdict.BREAKS)
    ok = int(np.flatnonzero((scene.column == 2) & (scene.verdict == 0))[0])
    found = far.wanted(scene, Marks(), 2)
    assert found and all(scene.verdict[n] >= far.NAMED for n in found) and ok not in found
    assert scene.verdict[found[0]] == breaks
    assert far.wanted(scene, Marks(selected=ok), 2)[0] == ok
    assert far.wanted(scene, Marks(hover=ok), 2)[0] == ok
    assert ok in far.wanted(scene, Marks(nodes=frozenset([ok])), 2)
    scene.hit[ok] = True
    assert far.wanted(scene, Marks(), 2)[0] == ok
    scene.find("")
    assert set(far.wanted(scene, Marks(), 0)) == set(np.flatnonzero(scene.column == 0).tolist())


def test_names_do_not_cover_each_other() -> None:
    taken: set[int] = set()
    for y in (5.0, 6.0, 8.0, 60.0, 61.0, 99.0, 100.0):
        slot = far.free_slot(y, taken, 10.0, 100.0, far.NUDGES)
        assert slot is not None and 5.0 <= slot * 5.0 <= 95.0
        assert all(abs(slot - other) * 5.0 >= 10.0 for other in taken)
        taken.add(slot)
    assert far.free_slot(50.0, {10}, 10.0, 100.0, 1) is None and far.free_slot(50.0, {8}, 10.0, 100.0, 1) == 10


def test_the_minimap_tells_by_shape_and_word(win: MainWindow, monkeypatch: pytest.MonkeyPatch) -> None:
    minimap = win.graph.overview
    win.store.clear()
    win.graph.canvas.zoom_by(1.8)
    settle()
    pieces = minimap._pieces()
    scene = win.graph.canvas.scene
    assert sum(len(nodes) for nodes in pieces.values()) == int((scene.verdict >= AFFECTED).sum())
    first = min(pieces)
    assert "■ Breaks: " in minimap.told_at((first + 0.5) * 11)
    assert "click or drag" in minimap.told_at(minimap.height() * 10.0)
    drawn: list[Verdict] = []
    monkeypatch.setattr(theme, "draw_glyph", lambda _painter, verdict, *_place: drawn.append(verdict))
    minimap.grab()
    assert len(drawn) == len(pieces) and Verdict.BREAKS in drawn


def test_enter_in_the_search_selects_and_centres(win: MainWindow, qtbot: QtBot) -> None:
    win.activateWindow()
    win.toolbar.hide_others.setChecked(False)
    win.commands.run("search")
    qtbot.keyClicks(win.toolbar.search, "bpf")
    names = []
    for _ in range(3):
        win.toolbar.search.setFocus()
        qtbot.keyClick(win.toolbar.search, Qt.Key.Key_Return)
        canvas = win.graph.canvas
        node = canvas.marks.selected
        assert node >= 0 and "bpf" in canvas.scene.labels[node]
        assert canvas.rect().toRectF().contains(canvas.item_box(node).center())
        names.append(canvas.scene.labels[node])
    assert len(set(names)) == 3
    win.toolbar.search.clear()
    win.toolbar.hide_others.setChecked(True)
    qtbot.keyClicks(win.toolbar.search, "runqlen")
    qtbot.keyClick(win.toolbar.search, Qt.Key.Key_Return)
    assert win.store.name_of(win.store.selected) == "object:runqlen"
    win.toolbar.search.clear()


def test_the_search_of_a_large_graph_waits_for_it(qapp: object, qtbot: QtBot) -> None:
    with windows.window(analyses.big(300, 1, needs=900)) as window:
        window.toolbar.search.setText("prog_123_2")
        qtbot.keyClick(window.toolbar.search, Qt.Key.Key_Return)
        settle()
        selected = window.store.selected
        assert selected is None or window.store.name_of(selected) == "program:object_123/prog_123_2"
        window.toolbar.search.setText("object_12")
        qtbot.keyClick(window.toolbar.search, Qt.Key.Key_Return)
        settle()
        assert window.store.name_of(window.store.selected).startswith("object:object_12")


def test_what_the_filters_hide_is_not_selected(win: MainWindow) -> None:
    index, store = win.store.index, win.store
    scx = Node(PROGRAM, index.program_id("scx_simple", "simple_enqueue"))
    store.select(scx)
    store.change((*START, Token("text", "xdp")), "search")
    assert store.selected is None and "simple_enqueue" not in win.graph.canvas.scene.labels
    assert win.graph.canvas.marks.selected == -1 and not win.findings.table.selectionModel().hasSelection()
    store.undo.undo()
    assert store.selected == scx  # and it is again, once it is in view
    win.show_page("matrix")
    row = win.matrix.table.currentIndex().row()
    assert win.matrix.model.rows[row].program == scx.id


def test_what_is_selected_is_shown(win: MainWindow) -> None:
    """A name chosen in the palette or the detail panel that filters hide: the fewest filters go, as one step."""
    index, store = win.store.index, win.store
    fine = next(i for i in range(len(index.programs)) if 0 <= index.prog_verdict[i, 0] < AFFECTED)
    store.select(Node(PROGRAM, fine))
    assert store.filters == (Token("arch", "x86_64"),) and store.selected == Node(PROGRAM, fine)
    assert win.graph.canvas.scene.ids[win.graph.canvas.marks.selected] == fine
    store.undo.undo()
    assert store.filters == START and store.selected is None
    need = next(
        n for n in range(len(index.needs)) if index.needs[n][1] == "bpf_map_lookup_elem"
    )  # affected by nothing, used by what is
    win.graph.ok_needs.click()
    assert (NEED, need) not in win.graph.canvas.scene.node_at
    store.select(Node(NEED, need))
    assert win.graph.canvas.marks.selected == win.graph.canvas.scene.node_at[NEED, need]


def test_the_fewest_filters_go(qapp: object) -> None:
    index = Index(analyses.demo())
    scx = np.array([index.program_id("scx_simple", "simple_enqueue")], dtype=np.int32)
    given = (*START, Token("text", "xdp"), Token("verdict", "RISK"))
    left = revealing(index, given, scx)
    assert passes(index, left, scx) and Token("arch", "x86_64") in left
    assert revealing(index, START, scx) == START
    assert passes(index, given, np.empty(0, np.int32))


def test_the_matrix_follows_the_architecture_and_forgets_an_old_place(win: MainWindow) -> None:
    index, store = win.store.index, win.store
    store.change((Token("affected"), Token("arch", "ppc64le")), "arch")
    win.show_page("matrix")
    model = win.matrix.model
    shown = {r.program for r in model.rows if r.program >= 0}
    lane = index.lanes.index("ppc64le")
    assert shown == set(np.flatnonzero(index.prog_verdict[:, lane] >= AFFECTED).tolist())
    font = model.headerData(lane + 1, Qt.Orientation.Horizontal, Qt.ItemDataRole.FontRole)
    assert font.bold() or font.weight() > 500
    assert model.headerData(1, Qt.Orientation.Horizontal, Qt.ItemDataRole.FontRole) is None
    store.select(Node(PROGRAM, min(shown)))
    assert win.matrix.table.currentIndex().isValid()
    store.select(None)
    assert not win.matrix.table.currentIndex().isValid()
    oid = index.programs[min(shown)].object
    store.select(Node(OBJECT, oid))
    assert model.rows[win.matrix.table.currentIndex().row()].group == index.objects[oid]


def test_a_reader_can_follow_a_chain(win: MainWindow) -> None:
    canvas = win.graph.canvas
    root = QAccessible.queryAccessibleInterface(canvas)
    assert root.role() is QAccessible.Role.List and root.childCount() == len(canvas.scene)
    by_name = {root.child(i).text(QAccessible.Text.Name): root.child(i) for i in range(root.childCount())}
    assert "object scx_simple, Breaks, scx-schedulers 1.0" in by_name
    program = by_name["program simple_enqueue, Breaks, STRUCT_OPS"]
    said = program.text(QAccessible.Text.Description)
    assert said.startswith("of object scx_simple; needs scx_bpf_dispatch (Breaks), ")
    need = by_name["need scx_bpf_dispatch, Breaks, kfunc · not found"]
    assert need.text(QAccessible.Text.Description) == "used by simple_enqueue (Breaks)"
    win.store.select(Node(PROGRAM, win.store.index.program_id("scx_simple", "simple_enqueue")))
    assert program.state().selected and canvas.accessibleDescription().startswith("program simple_enqueue, Breaks")
    box = program.rect()
    assert root.childAt(box.center().x(), box.center().y()) is program
    assert root.parent() is not None and program.parent() is root and program.isValid()
    last = root.child(root.childCount() - 1)
    win.store.change((*START, Token("object", "runqlen")), "less")
    assert not last.isValid() and last.text(QAccessible.Text.Name) == "" and root.child(0).isValid()


def test_programs_tell_on_how_many_hosts_they_run(qapp: object) -> None:
    ran = (RunsOn("scx_simple", "simple_enqueue", 12, 14, "exact"), RunsOn("runqlen", "do_sample", 1, 1, "likely"))
    census = CensusInfo(20, 30, 14, 1, 0, 0, programs=ran)
    with windows.window(replace(analyses.demo(), census=census)) as window:
        scene = window.graph.canvas.scene
        subs = dict(zip(scene.labels, scene.subs, strict=True))
        assert subs["simple_enqueue"].endswith("runs on 12 hosts") and subs["do_sample"].endswith("runs on 1 host")
        assert "host" not in subs["simple_dispatch"]
        window.show_page("matrix")
        model = window.matrix.model
        names = [model.index(r, 0).data() for r in range(model.rowCount())]
        assert "simple_enqueue  · 12 hosts" in names


def test_zoom_keeps_the_point_under_the_cursor_in_a_graph_of_any_size(win: MainWindow) -> None:
    canvas = win.graph.canvas
    canvas.fit_width()
    at = QPointF(canvas.width() / 2, canvas.height() / 2)
    before = canvas.to_scene(at).y()
    canvas.zoom_by(1.3, at)
    assert canvas.to_scene(at).y() == pytest.approx(before, abs=2.0)
    need = win.store.index.need_id(NeedKind.KFUNC, "scx_bpf_dispatch")
    win.store.select(Node(NEED, need))
    for key in (Qt.Key.Key_Left, Qt.Key.Key_Left):
        canvas.keyPressEvent(_key(key))
    assert win.store.name_of(win.store.selected) == "object:scx_simple"


@pytest.mark.parametrize(("new", "word"), [("", "not found"), ("int f(void)", "prototype differs")])
def test_a_kfunc_whose_prototype_changed_is_not_called_missing(new: str, word: str) -> None:
    """R-2.10: libbpf reports both as not found; a node tells them apart."""
    found = Finding(NeedKind.KFUNC, "f", Verdict.BREAKS, "", (), Failure.KFUNC_NOT_FOUND,
                    evidence=Evidence("int f(int)", new))  # fmt: skip
    assert scn.need_sub("kfunc", Verdict.BREAKS, found) == f"kfunc · {word}"


def _key(key: Qt.Key) -> object:
    from PySide6.QtCore import QEvent
    from PySide6.QtGui import QKeyEvent

    return QKeyEvent(QEvent.Type.KeyPress, key, Qt.KeyboardModifier.NoModifier)
