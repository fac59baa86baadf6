# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The Census dock: hosts and programs, the filter for what runs, and census files as inputs of a session."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtGui import QAccessible

from kfuncscope.gui.filters import RUNS, program_mask
from kfuncscope.gui.index import Index
from kfuncscope.gui.processes.targets import analyse_in_process
from kfuncscope.gui.received import put_together
from kfuncscope.gui.views.census import FIXED, CensusModel
from kfuncscope.model.analysis import CensusInfo, RunsOn
from kfuncscope.resources import sample
from kfuncscope.session import grouping, sessionfile, sources
from kfuncscope.session.session import KernelRef, Session
from support import analyses, windows


def result() -> Index:
    """The demo's analysis with a census in which two of its programs run."""
    made = analyses.demo()
    index = made if isinstance(made, Index) else Index(made)
    one, two = index.programs[0], index.programs[1]
    runs = (
        RunsOn(index.objects[one.object], one.name, 2, 3, "exact", (0, 1)),
        RunsOn(index.objects[two.object], two.name, 1, 1, "likely", (1,)),
        RunsOn("agentd", "watch", 1, 1, "kernel only", (0,)),
    )
    info = CensusInfo(2, 5, 3, 1, 1, 0, programs=runs, names=("web-1", "web-2"), notes=("a note",))
    return Index(replace(index.analysis, census=info))


def test_hosts_and_programs_with_the_kind_of_their_join(qapp: object) -> None:
    model = CensusModel()
    model.show(result().analysis.census)
    assert model.headers[FIXED:] == ["web-1", "web-2"]
    told = [[model.data(model.index(r, c)) for c in range(model.columnCount())] for r in range(model.rowCount())]
    assert told[0][2:] == ["● exact", "2", "3", "●", "●"]  # most hosts first
    rest = {row[0]: row[2:] for row in told[1:]}
    assert rest["watch"] == ["○ kernel only", "1", "1", "○", ""]
    assert ["◐ likely", "1", "1", "", "◐"] in rest.values()
    spoken = int(Qt.ItemDataRole.AccessibleTextRole)
    row = next(number for number, line in enumerate(told) if line[0] == "watch")
    assert [model.data(model.index(row, c), spoken) for c in (5, 6)] == ["kernel only", "does not run"]


def test_the_filter_leaves_what_runs_somewhere() -> None:
    index = result()
    assert program_mask(index, (RUNS,)).sum() == 2
    assert program_mask(Index(replace(index.analysis, census=None)), (RUNS,)).sum() == 0


def test_the_dock_shows_the_census_and_switches_the_filter(qapp: object) -> None:
    with windows.window(analyses.demo()) as win:
        view = win.pages["census"]
        assert not view.filter.isVisibleTo(view) and view.empty.isVisibleTo(view)
        win.store.set_index(result())
        assert view.told.text().startswith("2 hosts, 5 running programs: 3 exact, 1 likely, 1 kernel only")
        assert view.filter.isVisibleTo(view) and not view.empty.isVisibleTo(view)
        view.filter.click()
        assert RUNS in win.store.filters and "runs somewhere" in win.chips.chips[-1].text()
        view.filter.click()
        assert RUNS not in win.store.filters
        view.filter.click()
        win.store.set_index(Index(replace(result().analysis, census=None)))
        assert RUNS not in win.store.filters and not view.filter.isChecked()
        assert QAccessible.queryAccessibleInterface(view.table) is not None


def test_census_files_are_inputs_of_a_session(tmp_path: Path) -> None:
    session = Session()
    given = str(sample("census", "6.12-x86_64.jsonl"))
    assert grouping.add(session, [given, given, str(sample("objects"))]) == 2
    assert (session.census, session.objects) == ([given], [str(sample("objects"))])
    sessionfile.save(session, tmp_path / "a.kfs")
    assert sessionfile.load(tmp_path / "a.kfs").census == [given]
    listed = sources.sources(session)
    assert sources.remove(session, listed[-1]) and not session.census


def test_the_window_analyses_with_the_census() -> None:
    parts: list[object] = []
    session = Session(
        old=[KernelRef([str(sample("kernels", "6.12-x86_64"))])],
        new=[KernelRef([str(sample("kernels", "7.3-x86_64"))])],
        objects=[str(sample("objects", "rstat_bare.bpf.o"))], census=[str(sample("census", "6.12-x86_64.jsonl"))],
    )  # fmt: skip
    analyse_in_process(lambda part: parts.append(part[1]) if part[0] == "part" else None, session)
    info = put_together(parts).analysis.census
    assert info is not None and (info.hosts, info.exact) == (1, 1)
    assert [(r.program, r.join, r.on) for r in info.programs] == [("rstat_always", "exact", (0,))]
