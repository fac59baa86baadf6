# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The running system as an input, the loader of an object, and what findings and details say of hosts and remedies."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from PySide6.QtCore import QStandardPaths, Qt
from PySide6.QtWidgets import QLabel, QMenu
from pytestqt.qtbot import QtBot

from kfuncscope.census import collector
from kfuncscope.errors import InputError
from kfuncscope.gui.app import settle
from kfuncscope.gui.controllers import sources as controller
from kfuncscope.gui.index import Index
from kfuncscope.gui.mainwindow import MainWindow
from kfuncscope.gui.models import findings as fm
from kfuncscope.gui.models.inputs import TOKEN_ROLE, InputsModel
from kfuncscope.gui.processes import targets
from kfuncscope.model.analysis import CensusInfo, RunsOn
from kfuncscope.model.verdict import Candidate
from support import analyses, windows


@pytest.fixture
def win(qapp: object) -> Iterator[MainWindow]:
    with windows.window(analyses.demo()) as made:
        yield made


# --- the running system ---
def test_what_runs_here_becomes_a_census_file(
    win: MainWindow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, qtbot: QtBot
) -> None:
    monkeypatch.setattr(QStandardPaths, "writableLocation", lambda _where: str(tmp_path / "new"))
    wanted: list[int] = []
    win.context.analysis_wanted.connect(lambda: wanted.append(1))
    monkeypatch.setattr(win.results, "analyse", lambda: None)
    win.sources._collected(['{"a":1}\n', '{"end":1}\n'])
    path = tmp_path / "new" / controller.RUNNING
    assert path.read_text() == '{"a":1}\n{"end":1}\n'
    assert win.context.session.census == [str(path)] and wanted
    win.store.undo.undo()
    assert win.context.session.census == []


def test_collecting_is_a_command_that_says_what_it_lacks(win: MainWindow, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[object, ...]] = []
    monkeypatch.setattr(win.context.jobs, "process", lambda *given: asked.append(given))
    win.commands.run("open.running")
    assert asked and asked[0][0] is targets.census_in_process
    assert win.commands.actions["open.running"] in win.menus.menus["File"].actions()
    failed = asked[0][-1]
    assert callable(failed)
    failed("needs root")
    assert "needs root" in win.state_text.text() and "sudo kfuncscope census run" in win.state_text.text()
    assert win.state_text.failed


def test_lines_of_the_collector_are_sent_as_they_come(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[tuple[object, ...]] = []
    monkeypatch.setattr(collector, "collect", lambda host, lines: iter([{"host": host}, {"end": lines}]))
    targets.census_in_process(sent.append)
    assert [json.loads(str(one[1])) for one in sent if one[0] == "part"] == [{"host": ""}, {"end": False}]

    def refuse(_host: str, _lines: bool) -> Iterator[object]:
        raise collector.RefusedError("needs root")

    monkeypatch.setattr(collector, "collect", refuse)
    with pytest.raises(InputError, match="needs root"):
        targets.census_in_process(sent.append)


# --- loaders ---
def choose(win: MainWindow, kind: str, name: str) -> None:
    model = win.inputs.tree
    for head in range(model.rowCount()):
        parent = model.index(head, 0)
        for row in range(model.rowCount(parent)):
            package = model.index(row, 0, parent)
            for place in (package, *(model.index(r, 0, package) for r in range(model.rowCount(package)))):
                if place.data(TOKEN_ROLE) == (kind, name):
                    win.inputs.setCurrentIndex(place)
                    return
    raise AssertionError(name)


@pytest.mark.parametrize(("kind", "name"), [("object", "skb_parse"), ("package", "cilium 1.19")])
def test_the_loader_of_an_object_is_chosen_and_taken_back(
    win: MainWindow, kind: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(win.results, "analyse", lambda: None)
    action = win.commands.actions["objects.loader"]
    win.sources.choose_objects("", "")
    assert not action.isEnabled()
    choose(win, kind, name)
    assert action.isEnabled() and win.sources.chosen_objects == (name, name)
    win.sources.loader_menu()
    menu = next(m for m in win.findChildren(QMenu) if m.isVisible())
    assert [a.isChecked() for a in menu.actions()] == [True, False, False, False, False]
    next(a for a in menu.actions() if a.text() == "Loader: cilium").trigger()
    menu.close()
    assert win.context.session.loaders == {name: "cilium"}
    win.sources.set_loader(name, name, "auto")
    assert win.context.session.loaders == {}
    win.store.undo.undo()
    assert win.context.session.loaders == {name: "cilium"}


def test_names_with_signs_of_patterns_mean_themselves(win: MainWindow) -> None:
    index = win.store.index
    assert index is not None
    demo = index.analysis
    odd = tuple(
        replace(a, objects=tuple(replace(o, object="we[i]rd*") if o.object == "runqlen" else o for o in a.objects))
        for a in demo.arches
    )
    win.results.show_analysis(replace(demo, arches=odd))
    settle()
    win.listing.refresh()
    choose(win, "object", "we[i]rd*")
    assert win.sources.chosen_objects == ("we[[]i]rd[*]", "we[i]rd*")


# --- what is said ---
def test_findings_say_on_how_many_hosts_a_program_runs(win: MainWindow) -> None:
    index = win.store.index
    assert index is not None
    table = win.findings.table
    assert table.isColumnHidden(fm.HOSTS)
    row = next(r for r in range(len(index.findings)) if index.findings.program[r] >= 0)
    program = index.programs[int(index.findings.program[row])]
    runs = (RunsOn(index.objects[program.object], program.name, 3, 4, "exact", (0, 1, 2)),)
    info = CensusInfo(3, 4, 1, 0, 0, 0, programs=runs, names=("a", "b", "c"), notes=())
    win.results.show_index(Index(replace(index.analysis, census=info)))
    settle()
    model = win.findings.model
    assert not table.isColumnHidden(fm.HOSTS)
    assert model.text(row, fm.HOSTS) == "3 hosts"
    model.sort(fm.HOSTS, Qt.SortOrder.DescendingOrder)
    assert model.text(int(model.rows[0]), fm.HOSTS) == "3 hosts"
    whole = [r for r in range(len(index.findings)) if index.findings.program[r] < 0]
    same = [r for r in whole if index.findings.object[r] == program.object]
    assert all(model.text(r, fm.HOSTS) == "3 hosts" for r in same)
    assert model.tsv([row]).splitlines()[0].endswith("Runs on")
    assert model.tsv([row]).splitlines()[1].endswith("3 hosts")


def test_the_detail_lists_what_may_take_the_place_and_why(win: MainWindow) -> None:
    index = win.store.index
    assert index is not None
    table = index.findings
    row = next(r for r in range(len(table)) if table.refs[r].remedy is not None and table.program[r] >= 0)
    remedy = table.refs[row].remedy
    assert remedy is not None
    loader = "bpf_program__set_autoload(old, false);"
    more = replace(remedy, candidates=(Candidate("fresh_one", "same place, type and a like name"),), loader=loader)
    table.refs[row] = replace(table.refs[row], remedy=more)
    win.store.select_finding(row)
    settle()
    said = [label.text() for label in win.detail.widget().findChildren(QLabel)]
    assert "WHAT MAY TAKE ITS PLACE" in said and "same place, type and a like name" in said
    assert any("fresh" in text for text in said) and "In the loader" in said
    assert any("set_autoload" in text for text in said)


def test_inputs_say_from_what_a_fact_is(win: MainWindow) -> None:
    index = win.store.index
    assert index is not None
    model = InputsModel()
    model.show(win.context.session, index)
    lines = [item.text for head in model.root.children for one in head.children for item in one.children]
    assert any(line.startswith("where facts come from") for line in lines)
    assert not any("told" in line for line in lines)


def test_the_decision_writes_architectures_in_full(win: MainWindow) -> None:
    assert "of 4 architectures" in win.summary.decision.accessibleName()
