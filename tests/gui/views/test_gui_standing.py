# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A result belongs to its inputs: dimmed while others are loaded, coming in by architecture, whole at last."""

from __future__ import annotations

from dataclasses import replace

import pytest
from pytestqt.qtbot import QtBot

from kfuncscope.gui.app import settle
from kfuncscope.gui.history.snapshots import INPUTS, snapshot
from kfuncscope.gui.index import Index
from kfuncscope.gui.jobs import Job
from kfuncscope.gui.views.welcome import WelcomePage
from kfuncscope.gui.widgets.statebar import Veil
from kfuncscope.model.unchecked import UNFINISHED, stopped, unfinished
from kfuncscope.model.verdict import Verdict
from kfuncscope.resources import sample
from kfuncscope.session.session import KernelRef, Session
from kfuncscope.storage.files import InputProblem
from kfuncscope.upgrade.analyse import analyse
from support import analyses, windows


def test_an_outdated_result_is_dimmed_until_its_inputs_are_back(qapp: object, monkeypatch: pytest.MonkeyPatch) -> None:
    with windows.window(analyses.demo()) as window:
        monkeypatch.setattr(window.results, "analyse", lambda: None)
        veils = window.findChildren(Veil)
        assert not window.state_bar.isVisible() and not any(veil.isVisible() for veil in veils)
        window.sources.add_inputs(["/a/x.o"], "objects")
        assert window.results.outdated() and window.state_bar.text.text().startswith("Showing 6.12")
        assert window.state_bar.text.text().endswith(": the inputs have changed since")
        assert sum(veil.isVisible() for veil in veils) == 3
        window.commands.run("undo")
        assert not window.results.outdated() and not window.state_bar.isVisible()
        assert not any(veil.isVisible() for veil in veils)


def test_a_part_is_named_and_cancel_brings_the_whole_back(qapp: object) -> None:
    with windows.window(analyses.demo()) as window:
        whole, results = window.context.real, window.results
        part = Index(replace(analyses.demo(), arches=analyses.demo().arches[:1]))
        results._arrived(part, snapshot(window.context.session, INPUTS))
        settle()
        assert results.partial and window.context.real is part
        assert window.state_bar.isVisible() and window.state_bar.text.text().startswith("x86_64 ready; ")
        results._show_whole()
        settle()
        assert not results.partial and window.context.real is whole and not window.state_bar.isVisible()


def test_what_came_in_before_the_first_analysis_is_cancelled_stays(qapp: object) -> None:
    """Nobody waited for it in vain; it says what it lacks, here and in exports, until the next result."""
    with windows.window() as window:
        results, asked = window.results, snapshot(window.context.session, INPUTS)
        whole = analyses.demo()
        part = replace(whole, arches=whole.arches[:1], problems=(unfinished(["arm64", "s390x"]),))
        results._arrived(Index(part), asked)
        settle()
        job = Job(1, "Analyse", "analyse", state="cancelled")
        window.context.jobs.changed.emit(job)
        settle()
        assert not window.on_welcome and window.context.real is not None and results.partial
        said = "Cancelled: 1 of 3 architectures analysed; not arm64, s390x"
        assert window.state_bar.isVisible() and window.state_bar.text.text() == said
        assert window.state_bar.button.text() == "Analyse  F5"
        told = "cancelled: arm64, s390x not analysed"
        assert [p.reason for p in window.context.real.whole.problems] == [told]
        assert window.problems.model.index(0, 1).data() == told
        assert [one.why for one in window.context.real.unchecked if one.given] == [told]
        window.context.jobs.changed.emit(job)
        assert window.state_bar.text.text() == said, "another word about the same job changes nothing"
        results._analysed(Index(whole), asked)
        settle()
        assert not results.partial and not results.missing and not window.state_bar.isVisible()


def test_a_whole_result_is_no_part_when_it_is_stopped() -> None:
    whole = replace(analyses.demo(), problems=(InputProblem("/a", "in progress: not"), InputProblem(UNFINISHED, "x")))
    assert stopped(whole) == (whole, [])


def test_a_result_that_comes_before_the_one_before_is_shown_leaves_the_first_page(qapp: object) -> None:
    """Two results in one turn of the event loop, as a warm cache sends them: the second ends the turns of the first."""
    with windows.window() as window:
        results, asked = window.results, snapshot(window.context.session, INPUTS)
        results._arrived(Index(replace(analyses.demo(), arches=analyses.demo().arches[:1])), asked)
        results._analysed(Index(analyses.demo()), asked)
        assert window.on_welcome, "shown in turns of their own"
        settle()
        assert not window.on_welcome and window.docks["detail"].isVisible() and not results.partial


def test_what_is_still_analysed_is_not_an_error(qapp: object) -> None:
    with windows.window() as window:
        problems = [InputProblem(UNFINISHED, "in progress: arm64 not analysed yet"), InputProblem("/a", "not ELF")]
        assert window.problems.show_problems(problems, []) == 2
        assert [window.problems._verdict(row) for row in (0, 1)] == [Verdict.UNKNOWN, Verdict.BREAKS]


def test_the_engine_hands_on_each_architecture_and_the_same_whole(own_cache: object, qtbot: QtBot) -> None:
    old, new = (
        [KernelRef([str(sample("kernels", f"{level}-{arch}", "vmlinux.btf.xz"))]) for arch in ("x86_64", "arm64")]
        for level in ("6.12", "7.3")
    )
    session = Session(old, new, objects=[str(sample("objects", "xdp_count.bpf.o"))])
    parts = []
    whole = analyse(session, arrived=parts.append)
    assert [[a.arch for a in part.arches] for part in parts] == [["x86_64"]]
    assert parts[0].arches[0] == whole.arches[0] and len(whole.arches) == 2
    assert "in progress: arm64 not analysed yet" in [p.reason for p in parts[0].problems]
    assert not any("in progress" in p.reason for p in whole.problems)
    assert analyse(session) == whole
    parts.clear()
    assert analyse(session, arrived=parts.append) == whole and not parts, "all is known: there is nothing to wait for"


def test_the_first_page_does_not_go_on_analysing_once_it_is_cancelled(qapp: object) -> None:
    page = WelcomePage()
    job = Job(1, "Analyse", "analyse")
    page.show_progress(job, "opening kernels")
    assert "opening kernels" in page.told.text() and not page.progress.isHidden()
    page.show_progress(None, "")
    assert page.told.text() == "" and page.progress.isHidden()
    page.show_progress(job, "opening kernels")
    page.tell("cannot read x")
    page.show_progress(None, "")
    assert page.told.text() == "cannot read x"
