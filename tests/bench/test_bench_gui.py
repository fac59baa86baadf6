# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The window's budgets: start, layout, frames, filter and sort. CPU time, as the machine may be busy with other things.

Run with ``pytest tests/bench --benchmark-only``; every budget is asserted on the best of the rounds.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import pytest
from PySide6.QtCore import QPointF, Qt
from PySide6.QtWidgets import QApplication

from kfuncscope.gui import filters as flt
from kfuncscope.gui.app import collect_seldom, settle
from kfuncscope.gui.filters import Token
from kfuncscope.gui.graph import scene as scn
from kfuncscope.gui.index import Index
from kfuncscope.gui.mainwindow import MainWindow
from kfuncscope.gui.models.findings import FindingsModel
from kfuncscope.study import layout
from support import analyses, starts, windows

RATIO = 2.0  # of the first window to a bare one
FILLED = 6.5  # the same with everything that is made while the first page is on screen
KNOWN, STARTED = 1.5, 4.0  # of what is known on screen, after a click or from the start, to a check of it: measured
# 1.1 to 1.4 and 3.4 to 3.7 on a busy machine. The goal is 1; painting and the rest of the window are the difference.
MOST_MB = 208  # what it took before there was an overview, undo, presentation or proof
TURN = 0.050  # the longest step of that, in the GUI thread's own time
START, LAYOUT, FRAME, FILTER = 0.25, 0.5, 0.016, 0.060

_FIRST_WINDOW = """
import time, sys
from kfuncscope.cli.commands import demo  # where kfuncscope-gui begins
from kfuncscope.gui.app import application
from kfuncscope.gui import theme
app = application(); theme.apply(app, False)
from kfuncscope.gui.mainwindow import MainWindow
window = MainWindow(); window.show(); app.processEvents()
print(time.process_time(), bool({'pandas', 'networkx', 'numpy'} & set(sys.modules)))
"""
_FILLED = (
    _FIRST_WINDOW
    + """
longest, more = 0.0, True
while more:
    start = time.thread_time(); more = window.fill_some(); longest = max(longest, time.thread_time() - start)
print(time.process_time(), longest)
"""
)


@pytest.fixture
def best(benchmark: Any) -> Callable[..., float]:
    """Run a function some times under the benchmark; the best CPU time of this thread in seconds."""

    def run(work: Callable[[], object], rounds: int = 7) -> float:
        times: list[float] = []

        def timed() -> None:
            start = time.thread_time()
            work()
            times.append(time.thread_time() - start)

        benchmark.pedantic(timed, rounds=rounds, iterations=1, warmup_rounds=1)
        return min(times)

    return run


def say(name: str, seconds: float, budget: float) -> None:
    """Print a measurement beside its budget, and hold it."""
    print(f"\n{name}: {seconds * 1000:.1f} ms CPU, budget {budget * 1000:.0f} ms")
    assert seconds <= budget


@pytest.fixture(scope="module")
def large() -> Index:
    return Index(analyses.graph_of(3000, 20_000))


@pytest.fixture(scope="module")
def window(large: Index, qapp: QApplication) -> Iterator[MainWindow]:
    """The window with 3,000 nodes and 20,000 edges, nothing filtered away."""
    with windows.window() as made:
        made.results.show_index(large)
        made.store.change((Token("arch", "x86_64"),), "all")
        made.graph.context = True
        made.graph.refresh()
        settle()
        scene = made.graph.canvas.scene
        assert len(scene) > 2900 and len(scene.src) > 20_000
        yield made


def test_first_window(benchmark: Any, tmp_path: Path) -> None:
    env = starts.environment(tmp_path)
    spent: list[float] = []

    def start() -> None:
        seconds, heavy = starts.said(_FIRST_WINDOW, env)
        assert heavy == "False"
        spent.append(float(seconds))

    benchmark.pedantic(start, rounds=6, iterations=1, warmup_rounds=1)
    say("first window", min(spent), START)


_BARE = """
import time
from PySide6.QtWidgets import QApplication, QMainWindow
app = QApplication([]); window = QMainWindow(); window.show(); app.processEvents()
print(time.process_time(), False)
"""


def test_first_window_beside_a_bare_one(benchmark: Any, tmp_path: Path) -> None:
    """CPU of the first window as a multiple of a bare main window's in the same run, and of the whole window."""
    env = starts.environment(tmp_path)
    spent: dict[str, list[list[float]]] = {_BARE: [], _FIRST_WINDOW: [], _FILLED: []}

    def each() -> None:
        for code, times in spent.items():
            times.append([float(word) for word in starts.said(code, env) if word not in ("True", "False")])

    benchmark.pedantic(each, rounds=9, iterations=1, warmup_rounds=1)
    bare, ours, filled = (median(seconds[0] for seconds in times[1:]) for times in spent.values())
    turn = min(seconds[1] for seconds in spent[_FILLED][1:])
    benchmark.extra_info |= {
        "bare_ms": round(bare * 1000), "first_ms": round(ours * 1000), "filled_ms": round(filled * 1000),
        "longest_step_ms": round(turn * 1000), "times_bare": round(ours / bare, 2),
        "filled_times_bare": round(filled / bare, 2),
    }  # fmt: skip
    print(
        f"\nfirst window: {ours / bare:.2f} times a bare one ({ours * 1000:.0f} ms, {bare * 1000:.0f} ms CPU); filled: "
        f"{filled / bare:.2f} times, longest step {turn * 1000:.0f} ms"
    )
    assert ours <= RATIO * bare and filled <= FILLED * bare and turn <= TURN


def test_first_verdicts_beside_a_check(benchmark: Any, tmp_path: Path) -> None:
    """CPU until verdicts of the demo's first architecture are painted, beside a check of the whole demo.

    Of all processes, from the start of the program and from a click in a window that stands; nothing known before, and
    all of it. A check loads no Qt: where all is known, a window can only come near it.
    """
    names = ("check", "click", "start", "check_known", "click_known", "start_known")
    run: dict[str, list[float]] = {name: [] for name in names}

    def each() -> None:
        for known in ("", "_known"):
            for name, code in (("check", starts.CHECK), ("click", starts.CLICK), ("start", starts.START)):
                cache = tmp_path / ("known" if known else f"{name}{len(run['check'])}")
                env = starts.environment(tmp_path / "code") | {"XDG_CACHE_HOME": str(cache)}
                run[name + known].append(float(starts.said(code, env)[0]))

    benchmark.pedantic(each, rounds=5, iterations=1, warmup_rounds=1)
    cpu = {name: median(times[1:]) for name, times in run.items()}
    benchmark.extra_info |= {f"{name}_ms": round(seconds * 1000) for name, seconds in cpu.items()}
    print("\n" + ", ".join(f"{name}: {seconds * 1000:.0f} ms" for name, seconds in cpu.items()))
    assert cpu["click"] <= cpu["check"] and cpu["start"] <= cpu["check"]
    assert cpu["click_known"] <= KNOWN * cpu["check_known"] and cpu["start_known"] <= STARTED * cpu["check_known"]


def test_no_turn_of_the_gui_thread_is_longer(benchmark: Any, qapp: QApplication) -> None:
    """900 objects × 5 architectures: the GUI thread's own time at a stretch, whatever a person does; best of three."""
    collect_seldom()  # as the program does
    index = Index(analyses.big(900))
    turns: dict[str, float] = {}

    def each() -> None:
        with windows.window() as made:
            acts = [("show", lambda: made.results.show_index(index)), *windows.things_a_person_does(made)]
            for name, act in acts:
                turns[name] = min(turns.get(name, 9.0), windows.longest_turn(act))

    benchmark.pedantic(each, rounds=3, iterations=1)
    benchmark.extra_info |= {name: round(seconds * 1000) for name, seconds in turns.items()}
    print("\n" + "\n".join(f"{name}: {seconds * 1000:.0f} ms" for name, seconds in turns.items()))
    assert {name: seconds for name, seconds in turns.items() if seconds > TURN} == {}


def test_memory_of_a_large_result(benchmark: Any, tmp_path: Path) -> None:
    """The second time two results are held for a moment: that of before and the new one."""
    spent: list[float] = []
    benchmark.pedantic(
        lambda: spent.append(float(starts.said(starts.LARGE, starts.environment(tmp_path))[0]) / 1024), rounds=2
    )
    benchmark.extra_info["peak_mb"] = round(max(spent))
    print(f"\n900 objects x 5 architectures, twice: {max(spent):.0f} MB")
    assert max(spent) <= MOST_MB


def test_layout(best: Callable[..., float], large: Index) -> None:
    edges = large.edges[0]
    rank = (7 - large.obj_verdict[:, 0]).astype(np.int32)
    counts = (len(large.objects), len(large.needs))
    say("layout", best(lambda: layout.layered(large.prog_object, edges.program, edges.need, counts, rank, 24)), LAYOUT)


def test_scene_with_layout(best: Callable[..., float], large: Index) -> None:
    say("scene", best(lambda: scn.build(large, (Token("arch", "x86_64"),), True)), LAYOUT)


@pytest.mark.parametrize("zoom", [0.02, 0.1, 0.3, 0.93, 1.5])
def test_frame_while_panning(best: Callable[..., float], window: MainWindow, zoom: float) -> None:
    canvas = window.graph.canvas
    canvas.fit_width()
    canvas.zoom_by(zoom / canvas.zoom)
    canvas.render_layer()
    step = [0.0]

    def frame() -> None:
        step[0] += 37.0
        canvas.centre_on(2000.0 + step[0])
        canvas.repaint()

    say(f"frame at {zoom:.0%}", best(frame, 15), FRAME)


def test_frame_while_zooming(best: Callable[..., float], window: MainWindow) -> None:
    canvas = window.graph.canvas
    canvas.fit()
    canvas.render_layer()

    def frame() -> None:
        canvas.zoom_by(1.06, QPointF(300, 200))
        canvas.repaint()

    say("zoom frame", best(frame, 15), FRAME)


def test_frame_with_a_lit_chain(best: Callable[..., float], window: MainWindow) -> None:
    canvas = window.graph.canvas
    canvas.fit_width()
    degree = np.bincount(canvas.scene.dst, minlength=len(canvas.scene))
    canvas.mark(int(np.argmax(degree)))
    say("frame with the busiest chain lit", best(canvas.repaint, 15), FRAME)
    canvas.mark(-1)


@pytest.fixture(scope="module")
def many() -> Index:
    return Index(analyses.many_findings(100_000))


def test_filter_100_000_findings(best: Callable[..., float], many: Index, qapp: QApplication) -> None:
    model = FindingsModel()
    model.set_index(many)
    texts = iter([f"kfunc_1{i}" for i in range(50)])

    def work() -> None:
        model.set_filters((Token("affected"), Token("verdict", "BREAKS"), Token("text", next(texts))))

    model.set_filters(())
    assert len(model.rows) == 100_000
    say("filter", best(work), FILTER)
    assert 0 < len(flt.finding_rows(many, (Token("text", "kfunc_12"),))) < 100_000


@pytest.mark.parametrize("column", range(10))
def test_sort_100_000_findings(best: Callable[..., float], many: Index, qapp: QApplication, column: int) -> None:
    model = FindingsModel()
    model.set_index(many)
    model.set_filters(())
    orders = iter([Qt.SortOrder.AscendingOrder, Qt.SortOrder.DescendingOrder] * 20)
    say(f"sort by column {column}", best(lambda: model.sort(column, next(orders))), FILTER)
