# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Jobs: results of superseded jobs are dropped, cancel works at once, errors are told, processes end."""

from __future__ import annotations

import contextlib
import gc
import os
import pickle
import re
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pytestqt.qtbot import QtBot

from kfuncscope.errors import ObjectError
from kfuncscope.gui.app import settle
from kfuncscope.gui.jobs import Jobs
from kfuncscope.gui.processes import spawned
from kfuncscope.gui.processes.targets import send_analysis
from kfuncscope.gui.received import Shared, put_together
from kfuncscope.gui.watchdog import Watchdog
from support import analyses, windows


@pytest.fixture
def jobs(qapp: object) -> Any:
    made = Jobs()
    yield made
    made.close()


def test_only_the_last_of_a_key_counts(jobs: Jobs, qtbot: QtBot) -> None:
    got: list[int] = []
    gate = threading.Event()
    for number in range(3):
        jobs.quick(lambda _stop, n=number: (gate.wait(2), n)[1], got.append, key="same")
    gate.set()
    qtbot.waitUntil(lambda: got == [2], timeout=3000)
    qtbot.wait(50)
    assert got == [2]


def test_cancel_is_at_once_and_the_result_dropped(jobs: Jobs, qtbot: QtBot) -> None:
    got: list[object] = []
    stopped = threading.Event()

    def work(stop: Callable[[], bool]) -> int:
        while not stop():
            time.sleep(0.002)
        stopped.set()
        return 1

    job = jobs.quick(work, got.append, key="k", title="long")
    assert jobs.running() == [job]
    jobs.cancel(job)
    assert job.state == "cancelled" and not jobs.running()
    qtbot.waitUntil(stopped.is_set, timeout=2000)
    qtbot.wait(30)
    assert got == []


def _talks(send: Callable[[tuple[Any, ...]], None], number: int) -> None:
    for i in range(number):
        send(("progress", i + 1, number, f"step {i}"))
        send(("part", (i, os.getpid())))


def _fails(_send: Callable[[tuple[Any, ...]], None]) -> None:
    raise ObjectError("a.o", "no ELF", 4)


def _sleeps(send: Callable[[tuple[Any, ...]], None]) -> None:
    send(("part", os.getpid()))
    time.sleep(60)


def _dies(_send: Callable[[tuple[Any, ...]], None]) -> None:
    os._exit(3)


def _running() -> bool:
    """Whether a process that this one began for a job is there still."""
    for number in " ".join(each.read_text() for each in Path("/proc/self/task").glob("*/children")).split():
        with contextlib.suppress(OSError):  # one that ended meanwhile
            if b"carry_out" in Path("/proc", number, "cmdline").read_bytes():
                return True
    return False


def test_a_process_talks_and_ends(jobs: Jobs, qtbot: QtBot) -> None:
    got: list[Any] = []
    job = jobs.process(_talks, (5,), got.append, "p", "talk", list)
    qtbot.waitUntil(lambda: bool(got), timeout=10_000)
    assert [i for i, _ in got[0]] == list(range(5)) and got[0][0][1] != os.getpid()
    assert job.state == "done" and (job.done, job.total) == (5, 5)
    assert not _running()


def test_what_is_known_needs_no_process(jobs: Jobs, qtbot: QtBot) -> None:
    """A process is begun where nothing is known, and where what is kept cannot be read."""
    got: list[Any] = []

    def defective(_tell: object) -> None:
        raise ValueError("of another form")

    for known in (lambda _tell: "known", lambda _tell: None, defective):
        jobs.process(_talks, (1,), got.append, "k", "talk", list, known=known)
        qtbot.waitUntil(lambda: not jobs.running(), timeout=30_000)
    assert got[0] == "known" and all(len(one) == 1 and one[0][1] != os.getpid() for one in got[1:]) and len(got) == 3


def test_what_is_known_is_cancelled_while_it_is_read(jobs: Jobs, qtbot: QtBot) -> None:
    got: list[Any] = []
    ended = threading.Event()

    def known(tell: Callable[[int, int, str], None]) -> str:
        try:
            while True:
                tell(0, 1, "reading")
                time.sleep(0.002)
        finally:
            ended.set()

    job = jobs.process(_fails, (), got.append, "k", "read", list, got.append, known=known)
    qtbot.wait(20)
    assert not ended.is_set()
    jobs.cancel(job)
    qtbot.waitUntil(ended.is_set, timeout=3000)
    qtbot.wait(50)
    assert got == [] and job.state == "cancelled"


def test_errors_of_a_process_are_told(jobs: Jobs, qtbot: QtBot, capfd: pytest.CaptureFixture[str]) -> None:
    told: list[str] = []
    jobs.process(_fails, (), lambda _: None, "p", "fail", list, told.append)
    qtbot.waitUntil(lambda: bool(told), timeout=10_000)
    assert told == ["a.o at offset 0x4: no ELF"]
    jobs.process(_dies, (), lambda _: None, "p", "die", list, told.append)
    qtbot.waitUntil(lambda: len(told) == 2, timeout=10_000)
    assert "ended" in told[1]
    capfd.readouterr()


def test_cancel_ends_the_process_soon(jobs: Jobs, qtbot: QtBot) -> None:
    job = jobs.process(_sleeps, (), lambda _: None, "p", "sleep", list)
    qtbot.waitUntil(lambda: _running(), timeout=5000)
    start = time.monotonic()
    jobs.cancel(job)
    assert job.state == "cancelled"
    qtbot.waitUntil(lambda: not _running(), timeout=4000)
    assert time.monotonic() - start < 3


def test_a_process_that_dies_before_it_hears_what_to_do(jobs: Jobs, qtbot: QtBot, monkeypatch: Any) -> None:
    monkeypatch.setattr(spawned, "_BEGIN", "import os; os._exit(7)")
    told: list[str] = []
    jobs.process(_talks, (5,), lambda _: None, "p", "die", list, told.append)
    qtbot.waitUntil(lambda: bool(told), timeout=10_000)
    assert told == ["the analysis process ended with code 7"]


def test_what_runs_beside_the_window_loads_neither_qt_nor_numpy() -> None:
    """Each process would load them again, for nothing: half of what a result that is known takes."""
    code = (
        "import sys; import kfuncscope.gui.processes.spawned, kfuncscope.gui.processes.targets, "
        "kfuncscope.upgrade.ahead; print(sorted({'PySide6', 'numpy', 'pandas', 'networkx'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_a_window_without_a_result_has_not_loaded_the_engine() -> None:
    """Neither where it begins nor once it is whole: kernels and objects are read beside it."""
    code = (
        "import sys; from kfuncscope.cli.commands import demo; from kfuncscope.gui.app import application; "
        "application(); from kfuncscope.gui.mainwindow import MainWindow; first = set(sys.modules); "
        "window = MainWindow(); window.show(); window.fill(); "
        "print(sorted({name.split('.')[1] for name in sys.modules if name.startswith('kfuncscope.')}), "
        "sorted({'numpy', 'multiprocessing', 'subprocess', 'kfuncscope.cli.output'} & first), "
        "sorted({'msgspec', 'pandas', 'networkx', 'multiprocessing', 'subprocess'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    rooms, first, whole = done.stdout.splitlines()[-1].replace("] [", "]|[").split("|")
    assert not {"kernel", "bpf", "btf", "rules", "knowledge", "containers", "intake"} & set(re.findall(r"\w+", rooms))
    assert first == whole == "[]"


def test_an_analysis_travels_in_parts() -> None:
    real = analyses.demo()
    sent: list[tuple[Any, ...]] = []
    send_analysis(sent.append, real)
    assert len(sent) == 1 + 2 * len(real.arches)  # the frame, and of each lane that it begins and its objects
    assert put_together([m[1] for m in sent]).whole == real
    sent.clear()
    send_analysis(sent.append, real, real.arches[:2])
    index = put_together([m[1] for m in sent])
    assert index.whole == real and index.steps == real.arches[:2]


def test_equal_needs_and_outcomes_of_an_analysis_are_one() -> None:
    """Whatever message they came in: else each object on each architecture would hold its own."""
    real = analyses.big(60, 2)
    shared, parts = Shared(), list[Any]()
    send_analysis(lambda message: parts.append(shared.take(pickle.loads(pickle.dumps(message[1])))), real)
    index = put_together(parts)
    assert index.whole == real
    programs = [prog for arch in index.arches for obj in arch.objects for prog in obj.programs]
    for things in ([n for p in programs for n in p.needs], [o for p in programs for o in (p.old, p.new) if o]):
        assert len({id(thing) for thing in things}) == len(set(things)) < len(things) / 2


def test_a_matrix_that_nobody_sees_lets_go_of_a_result_that_is_gone(qapp: object) -> None:
    """Else two large results would be held for as long as another tab is in front."""
    with windows.window(analyses.demo(), page="matrix") as window:
        first = weakref.ref(window.context.real)
        window.show_page("overview")
        window.results.show_analysis(analyses.big(30, 2))
        settle()
        gc.collect()
        assert first() is None
        window.show_page("matrix")
        assert window.matrix.model.index_ is window.context.real and window.matrix.model.rows


def test_watchdog_sees_a_stall(qtbot: QtBot) -> None:
    dog = Watchdog(limit=0.1)
    qtbot.wait(60)
    calm = dog.worst()
    time.sleep(0.25)
    qtbot.wait(60)
    dog.stop()
    assert calm < 0.2 <= dog.worst() and "test_watchdog_sees_a_stall" in dog.stalls[-1].where
