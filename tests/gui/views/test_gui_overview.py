# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The overview: packages and causes as a ribbon that fits whatever the size, by mouse, keyboard and screen reader."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QAccessible, QFont, QFontMetricsF
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from kfuncscope.gui.app import settle
from kfuncscope.gui.filters import Token
from kfuncscope.gui.flows import ribbon as rb
from kfuncscope.gui.flows.ribboncanvas import RibbonCanvas
from kfuncscope.gui.index import AFFECTED, SCALE, Index
from kfuncscope.gui.mainwindow import MainWindow
from kfuncscope.gui.store import NEED, OBJECT, PROGRAM, Node
from kfuncscope.model.verdict import NeedKind, Verdict
from support import analyses, windows

AFFECTED_ONLY = (Token("affected"),)


@pytest.fixture(scope="module")
def demo(qapp: object) -> Index:
    return Index(analyses.demo())


@pytest.fixture
def win(shared: MainWindow) -> MainWindow:
    shared.store.select(None)
    shared.store.change((Token("affected"), Token("arch", "x86_64")), "start")
    shared.show_page("overview")
    settle()
    return shared


def test_causes_are_named_with_the_programs_that_they_hit(demo: Index) -> None:
    ribbon = rb.build(demo, (*AFFECTED_ONLY, Token("arch", "x86_64")), (50, 50))
    assert ribbon.groups == "package" and not any(b.id == rb.REST for b in (*ribbon.left, *ribbon.right))
    breaks = [b for b in ribbon.right if SCALE[b.verdict] is Verdict.BREAKS]
    assert {b.label for b in breaks} >= {"scx_bpf_dispatch", "scx_bpf_consume"}
    assert [b.verdict for b in ribbon.right] == sorted((b.verdict for b in ribbon.right), reverse=True)
    assert ribbon.breaking == (demo.counts(0)[Verdict.BREAKS], len(breaks))
    affected = int((demo.prog_verdict[:, 0] >= AFFECTED).sum())
    assert ribbon.affected == affected == 11 and ribbon.programs == 18
    scx = next(b for b in ribbon.left if b.label.startswith("scx"))
    assert (scx.programs, scx.total) == (2, 3)
    assert ribbon.quiet_groups == len(set(demo.packages)) - len(ribbon.left)


def test_no_name_is_cut_while_the_flows_have_more_than_their_share(win: MainWindow) -> None:
    """Names and numbers get their room first: at this size all of them have it."""
    canvas = win.overview.canvas
    left, right = canvas._columns()
    name, small = QFontMetricsF(canvas._mono).horizontalAdvance, QFontMetricsF(canvas._small).horizontalAdvance
    assert right - left > canvas.width() * 0.2
    for side, bands in enumerate((canvas.ribbon.left, canvas.ribbon.right)):
        for number, band in enumerate(bands):
            at = (side, number)
            words = canvas.box(at).width() - 11 - (6 if side == 0 else 8) - 18
            two = band.h + 0.5 >= canvas.lines()[1]
            tail = small(canvas.more_of(at)) if two else name(canvas.name_of(at)) + 8 + small(canvas._short(at))
            assert max(tail, name(canvas.name_of(at))) <= words + 0.5, canvas.name_of(at)


def test_narrow_columns_leave_the_flows_their_share(qtbot: QtBot, demo: Index) -> None:
    canvas = RibbonCanvas()
    qtbot.addWidget(canvas)
    canvas.resize(380, 300)
    canvas.show_ribbon(rb.build(demo, AFFECTED_ONLY, (canvas.rows(), canvas.rows())))
    left, right = canvas._columns()
    assert right - left == pytest.approx(110) and left > 90 and canvas.width() - right > 90


def test_large_letters_in_a_small_window_leave_the_ribbon_its_room(qapp: QApplication, qtbot: QtBot) -> None:
    """1440×900 at 144 dpi: nothing lies over the ribbon, and a name is worth more than the unit of its number."""
    before, large = QApplication.font(), QFont(QApplication.font())
    large.setPixelSize(round(13 * 1.5))
    qapp.setFont(large)
    try:
        with windows.window(analyses.big(57, 5, needs=300, seed=3), page="overview") as window:
            view = window.overview
            for height, told in ((900, None), (720, False), (1500, True)):
                window.resize(1440, height)
                settle()
                qtbot.waitUntil(lambda: view._rows == view.canvas.rows())
                for label in (view.said, view.quiet):
                    assert label.isHidden() or not label.geometry().intersects(view.canvas.geometry())
                assert told is None or view.quiet.isVisible() is told
    finally:
        qapp.setFont(before)


@pytest.mark.parametrize("rows", [2, 3, 5, 8, 40])
def test_what_finds_no_row_is_counted_in_the_last(demo: Index, rows: int) -> None:
    whole = rb.build(demo, AFFECTED_ONLY, (1000, 1000))
    ribbon = rb.build(demo, AFFECTED_ONLY, (rows, rows))
    for some, all_ in ((ribbon.left, whole.left), (ribbon.right, whole.right)):
        assert len(some) == min(rows, len(all_))
        assert sum(b.size for b in some) == sum(b.size for b in all_)
        assert sum(b.folded or 1 for b in some) == len(all_)
        assert (some[-1].id == rb.REST) is (len(all_) > rows)
    assert sum(f.size for f in ribbon.flows) == sum(f.size for f in whole.flows)


def test_a_program_that_goes_down_with_its_object_counts_for_the_cause(demo: Index) -> None:
    """R-0.1: a strong extern that is missing takes the object down; every program that breaks has a cause."""
    for lane in range(demo.overall):
        hit, _ = rb.pairs(demo, (Token("arch", demo.lanes[lane]),))
        broken = np.flatnonzero(demo.prog_verdict[:, lane] == SCALE.index(Verdict.BREAKS))
        assert set(broken.tolist()) <= set(hit.program.tolist())
        key = hit.program.astype(np.int64) * len(demo.needs) + hit.need
        assert len(np.unique(key)) == len(key)


@pytest.mark.parametrize(("sizes", "room", "low"), [
    ([1], 400.0, 20.0), ([1, 1000], 400.0, 20.0), ([5] * 30, 400.0, 20.0), ([1, 2, 3, 400], 100.0, 24.0),
    ([], 9.0, 1.0),
])  # fmt: skip
def test_bands_always_fit(sizes: list[int], room: float, low: float) -> None:
    heights = rb.spread(sizes, room, low)
    assert sum(heights) <= room + 1e-6 and len(heights) == len(sizes)
    least = min(low, room / max(len(sizes), 1))
    assert all(h >= least - 1e-6 for h in heights)
    assert all(h <= max(rb.PER_PROGRAM, low) * s + 1e-6 for h, s in zip(heights, sizes, strict=True))


@pytest.mark.parametrize("size", [(1024, 700), (1366, 768), (1920, 1080)])
def test_the_ribbon_fits_the_window_whatever_the_result(qtbot: QtBot, size: tuple[int, int]) -> None:
    with windows.window(analyses.big(300, 3), size=size, page="overview") as window:
        canvas = window.overview.canvas
        qtbot.waitUntil(lambda: window.overview._rows == canvas.rows())  # counted again some time after a resize
        assert canvas.ribbon.flows and len(canvas.ribbon.right) <= canvas.rows()
        for side, bands in enumerate((canvas.ribbon.left, canvas.ribbon.right)):
            boxes = [canvas.box((side, i)) for i in range(len(bands))]
            assert all(canvas.rect().toRectF().contains(box) for box in boxes)
            assert all(a.bottom() < b.top() for a, b in pairwise(boxes))
            assert all(box.height() >= canvas.lines()[0] - 0.5 for box in boxes)
            ends = [(f.y0, f.h0) if side == 0 else (f.y1, f.h1) for f in canvas.ribbon.flows]
            inside = sum(h for _, h in ends)
            assert inside == pytest.approx(sum(b.h for b in bands))


def test_a_click_opens_the_graph_on_that_part(win: MainWindow, qtbot: QtBot) -> None:
    canvas = win.overview.canvas
    place = next(i for i, b in enumerate(canvas.ribbon.right) if b.label == "scx_bpf_dispatch")
    qtbot.mouseClick(canvas, Qt.MouseButton.LeftButton, pos=canvas.box((1, place)).center().toPoint())
    assert win.tabs.currentWidget() is win.graph
    assert Token("need", "kfunc:scx_bpf_dispatch") in win.store.filters
    assert win.store.name_of(win.store.selected) == "need:kfunc:scx_bpf_dispatch"
    assert "scx_bpf_dispatch" in win.graph.canvas.scene.labels
    win.store.undo.undo()
    assert win.store.filters == (Token("affected"), Token("arch", "x86_64"))
    win.show_page("overview")
    settle()
    place = next(i for i, b in enumerate(canvas.ribbon.left) if b.label.startswith("xdp-tools"))
    qtbot.mouseClick(canvas, Qt.MouseButton.LeftButton, pos=canvas.box((0, place)).center().toPoint())
    assert Token("package", "xdp-tools 1.5.4") in win.store.filters and win.tabs.currentWidget() is win.graph
    assert set(win.graph.canvas.scene.subs[:1]) == {"xdp-tools 1.5.4"}


def test_a_click_on_a_flow_opens_both_ends(win: MainWindow, qtbot: QtBot) -> None:
    canvas = win.overview.canvas
    flow = canvas.ribbon.flows[0]
    middle = canvas._path(flow).pointAtPercent(0.22)
    inside = QPointF(middle.x(), middle.y() + min(flow.h0, flow.h1) / 2).toPoint()
    assert canvas._flow_at(inside.toPointF()) is not None
    canvas.flow_chosen.emit(flow.left, flow.right)
    kinds = {t.kind for t in win.store.filters}
    assert {"package", "need"} <= kinds and win.tabs.currentWidget() is win.graph


def test_the_keyboard_walks_the_bands(win: MainWindow, qtbot: QtBot) -> None:
    canvas = win.overview.canvas
    canvas.setFocus()
    for key in (Qt.Key.Key_Down, Qt.Key.Key_Down, Qt.Key.Key_Left):
        qtbot.keyClick(canvas, key)
    assert canvas.current[0] == 0 and canvas.accessibleDescription().startswith(canvas.name_of(canvas.current))
    for _ in range(20):
        qtbot.keyClick(canvas, Qt.Key.Key_Up)
    assert canvas.current == (0, 0)
    qtbot.keyClick(canvas, Qt.Key.Key_Right)
    assert canvas.current[0] == 1
    qtbot.keyClick(canvas, Qt.Key.Key_Return)
    assert win.tabs.currentWidget() is win.graph and win.store.selected.column == NEED


def test_the_band_of_the_selection_is_lit(win: MainWindow) -> None:
    index, canvas = win.store.index, win.overview.canvas
    win.store.select(Node(NEED, index.need_id(NeedKind.KFUNC, "scx_bpf_consume")))
    assert canvas.name_of(canvas.lit) == "scx_bpf_consume"
    oid = index.object_id("scx_simple")
    win.store.select(Node(OBJECT, oid))
    assert canvas.name_of(canvas.lit).startswith("scx")
    win.store.select(Node(PROGRAM, index.program_id("scx_simple", "simple_enqueue")))
    assert canvas.name_of(canvas.lit).startswith("scx")
    win.store.select(None)
    assert canvas.lit == (-1, -1)


def test_a_reader_lists_packages_and_causes(win: MainWindow) -> None:
    canvas = win.overview.canvas
    root = QAccessible.queryAccessibleInterface(canvas)
    names = [root.child(i).text(QAccessible.Text.Name) for i in range(root.childCount())]
    assert len(names) == len(canvas.ribbon.left) + len(canvas.ribbon.right)
    assert any(n.startswith("scx_bpf_dispatch, Breaks, kfunc removed · 2 programs") for n in names)
    one = root.child(0)
    assert one.text(QAccessible.Text.Description).startswith("hit by ") and one.parent() is root
    at = canvas.mapToGlobal(QPoint(0, 0)) + canvas.box((0, 0)).center().toPoint()
    assert root.childAt(at.x(), at.y()) is one and root.child(9999) is None


def test_what_is_left_opens_where_there_is_room_for_it(qapp: object) -> None:
    with windows.window(analyses.big(300, 1), page="overview") as window:
        canvas = window.overview.canvas
        last = len(canvas.ribbon.left) - 1
        assert canvas.ribbon.left[last].id == rb.REST and canvas.name_of((0, last)).endswith("more packages")
        window.overview.open_band((0, last))
        assert window.tabs.currentWidget() is window.matrix
        assert any(t.kind == "verdict" for t in window.store.filters)


def test_one_package_is_told_by_its_objects_and_one_object_by_its_programs(demo: Index) -> None:
    ribbon = rb.build(demo, (Token("package", "xdp-tools 1.5.4"), Token("affected")), (50, 50))
    assert ribbon.groups == "object" and {b.label for b in ribbon.left} == {"xdp-monitor", "xdp-bench.2"}
    ribbon = rb.build(demo, (Token("object", "scx_simple"), Token("affected")), (50, 50))
    assert ribbon.groups == "program" and {b.label for b in ribbon.left} == {"simple_enqueue", "simple_dispatch"}
