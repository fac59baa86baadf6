# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Options of ``check`` that the window begins with: each changes what a person finds in it, and sessions keep files."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from kfuncscope.catalogue.update import update
from kfuncscope.cli.main import main
from kfuncscope.gui.app import settle
from kfuncscope.gui.dialogs import baseline
from kfuncscope.gui.dialogs.baseline import BaselineDialog
from kfuncscope.gui.frame import arguments
from kfuncscope.gui.frame.arguments import Asked, asked
from kfuncscope.gui.mainwindow import MainWindow
from kfuncscope.model.verdict import NeedKind, Verdict
from kfuncscope.resources import sample
from kfuncscope.session import sessionfile, sources
from kfuncscope.upgrade.whatif import Action, Change
from support import archivewriter, windows

OLD, NEW = str(sample("kernels", "6.12-x86_64")), str(sample("kernels", "7.3-x86_64"))
SIDES = ("--old", OLD, "--new", NEW)
TIMER, XDP = str(sample("objects", "hrtimer_watch.bpf.o")), str(sample("objects", "xdp_count.bpf.o"))
CENSUS = str(sample("census", "6.12-x86_64.jsonl"))


@contextmanager
def started(qtbot: QtBot, *words: str) -> Iterator[MainWindow]:
    """The window with what a command line asks for, once its result is whole."""
    with windows.window() as win:
        win.start(asked(words))
        whole(qtbot, win)
        yield win


def whole(qtbot: QtBot, win: MainWindow) -> None:
    qtbot.waitUntil(
        lambda: win.context.real is not None and not win.results.partial and not win.jobs.running(), timeout=60_000
    )


def names(win: MainWindow) -> set[str]:
    assert win.store.index is not None
    return {Path(name).name for name in win.store.index.objects}


def earlier(folder: Path, *objects: str) -> str:
    """A report of some objects."""
    path = folder / "earlier.json"
    main(["check", *SIDES, *objects, "--report", str(path)])
    return str(path)


def test_objects_of_a_catalogue(qapp: object, qtbot: QtBot, tmp_path: Path) -> None:
    catalogue = str(tmp_path / "some.kcat")
    package = archivewriter.deb({"usr/lib/xdp_count.bpf.o": Path(XDP).read_bytes()}, name="xdp")
    (tmp_path / "xdp_1.deb").write_bytes(package)
    update(tmp_path / "some.kcat", [str(tmp_path / "xdp_1.deb")], workers=1)
    with started(qtbot, *SIDES, "--catalogue", catalogue) as win:
        assert win.context.session.objects == [catalogue]
        assert {name.rpartition("/")[2] for name in win.store.index.objects} == {"xdp_count.bpf.o"}
        assert len(win.store.index.programs) > 0
        sessionfile.save(win.context.session, tmp_path / "a.kfs")
    assert sessionfile.load(tmp_path / "a.kfs").objects == [catalogue]


def test_only_what_runs(qapp: object, qtbot: QtBot, tmp_path: Path) -> None:
    """As ``check --running`` judges it: with the objects that are given, or with none; off again in the menu."""
    with started(qtbot, *SIDES, str(sample("objects")), "--running", CENSUS) as win:
        info = win.store.index.analysis.census
        assert info is not None and {r.object for r in info.programs} == set(win.store.index.objects)
        running = len(win.store.index.programs)
        assert win.commands.actions["running"].isChecked()
        sessionfile.save(win.context.session, tmp_path / "a.kfs")
        kept = sessionfile.load(tmp_path / "a.kfs")
        assert kept.running and kept.census == [CENSUS]
        assert sources.remove(kept, sources.Source(sources.Role.CENSUS, (CENSUS,))) and not kept.running
        win.commands.run("running")
        qtbot.waitUntil(lambda: bool(win.jobs.running()), timeout=10_000)
        whole(qtbot, win)
        assert not win.context.session.running and len(win.store.index.programs) != running
    with started(qtbot, "--new", NEW, "--running", CENSUS) as win:
        assert len(win.store.index.programs) > 0 and win.context.session.objects == []


def test_without_a_census_nothing_is_known_to_run(qapp: object, qtbot: QtBot) -> None:
    with started(qtbot, *SIDES, TIMER) as win:
        win.commands.run("running")
        assert not win.context.session.running and not win.commands.actions["running"].isChecked()
        assert "Add a census" in win.state_text.text()


def test_an_assumption_holds_from_the_first_result_on(qapp: object, qtbot: QtBot) -> None:
    change = Change(NeedKind.HELPER, "bpf_map_lookup_elem", Action.REMOVED)
    with started(qtbot, *SIDES, XDP, "--what-if", "helper bpf_map_lookup_elem removed") as win:
        qtbot.waitUntil(lambda: bool(win.store.index.analysis.whatif), timeout=20_000)
        assert win.hypotheses.changes == [change]
        assert win.banner.isVisible()
        before = win.context.real.counts(-1)[Verdict.BREAKS]
        assert win.store.index.counts(-1)[Verdict.BREAKS] > before
        win.commands.run("whatif.clear")
        assert win.hypotheses.changes == [] and not win.store.index.analysis.whatif
        win.results.analyse()
        whole(qtbot, win)
        assert win.hypotheses.changes == []  # of the first result alone


def test_an_assumption_does_not_hold_in_another_session(qapp: object) -> None:
    with windows.window() as win:
        win.start(Asked(session=asked([*SIDES, XDP]).session, assumed=(Change(NeedKind.KFUNC, "x", Action.KEPT),)))
        win.documents.new()
        assert win.hypotheses._first == []


def test_a_filter_by_verdicts(qapp: object, qtbot: QtBot) -> None:
    with started(qtbot, *SIDES, TIMER, XDP, "--only", "ok,already-broken") as win:
        assert [str(t) for t in win.store.filters if t.kind != "arch"] == ["verdict:OK", "verdict:ALREADY_BROKEN"]
        listed = {win.findings.model.index_.findings.verdict[row] for row in win.findings.model.rows}
        assert not listed  # what is OK has no findings
        assert [c.text() for c in win.chips.chips]


def test_what_differs_from_an_earlier_result(
    qapp: object, qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The timer's findings are new, those of the other object gone; the session keeps the report, an export says it."""
    lost = str(sample("objects", "rstat_bare.bpf.o"))
    path = earlier(tmp_path, lost)
    with started(qtbot, *SIDES, TIMER, "--baseline", path) as win:
        qtbot.waitUntil(lambda: win.baseline.comparison is not None, timeout=20_000)
        dialog = win.findChild(BaselineDialog)
        assert dialog is not None and dialog.isVisible()
        rows = [[dialog.model.data(dialog.model.index(r, c)) for c in range(3)] for r in range(len(dialog.model.rows))]
        assert {row[0] for row in rows if row[2] == "hrtimer_watch.bpf.o"} == {"new"}
        assert {row[0] for row in rows if row[2] == "rstat_bare.bpf.o"} == {"gone"}
        assert dialog.said.text().startswith("Against earlier.json: ") and " 0 worse" in dialog.said.text()
        win.exports.write(str(tmp_path / "out.md"), "report")
        qtbot.waitUntil(lambda: (tmp_path / "out.md").is_file(), timeout=20_000)
        assert "## Against the baseline" in (tmp_path / "out.md").read_text()
        win.context.path = str(tmp_path / "a.kfs")
        assert win.documents.save(win.context.path) and not win.documents.dirty()
        read: list[str] = []
        with monkeypatch.context() as watched:
            watched.setattr(baseline.Baseline, "_compare", lambda made: read.append(made._asked))
            win.annotations.set_note("cause:x", "a note")
            win.store.undo.undo()
            settle()
        assert read == []  # a note changes nothing about an earlier result
        dialog.drop.click()
        assert win.context.session.baseline == "" and win.baseline.comparison is None and not dialog.isVisible()
        assert win.documents.dirty() and win.store.undo.undoText() == "compare no longer"
        win.store.undo.undo()
        qtbot.waitUntil(lambda: win.baseline.comparison is not None, timeout=20_000)
    with windows.window() as win:
        win.documents.open(str(tmp_path / "a.kfs"))
        qtbot.waitUntil(lambda: win.baseline.comparison is not None, timeout=60_000)
        assert win.context.session.baseline == path


def test_a_baseline_that_is_no_report_is_told_and_the_result_stands(qapp: object, qtbot: QtBot, tmp_path: Path) -> None:
    (tmp_path / "no.json").write_text("{}")
    with started(qtbot, *SIDES, TIMER, "--baseline", str(tmp_path / "no.json")) as win:
        qtbot.waitUntil(lambda: "Earlier result not used" in win.state_text.text(), timeout=20_000)
        assert win.baseline.comparison is None and names(win) == {"hrtimer_watch.bpf.o"}


@pytest.mark.parametrize(
    "words",
    [
        ["--only", "broken"], ["--what-if", "kfunc removed"], ["--catalogue", TIMER], ["--catalogue", "/no/such"],
        ["a.kfs", "--only", "breaks"], ["a.kfs", "--infer"], ["--only", ""], ["--only", ","],
        ["--running", ""], ["--baseline", ""], ["--demo", "--baseline", "a.json"], ["--demo", "--only", "ok"],
    ],
)  # fmt: skip
def test_what_means_nothing_is_refused(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        asked(words)
    assert ended.value.code == 2 and capsys.readouterr().err


def test_the_command_of_the_program_takes_the_same_options(monkeypatch: pytest.MonkeyPatch) -> None:
    """What ``kfuncscope gui`` hands to the window is what ``kfuncscope-gui`` makes of the same words."""
    handed: list[Asked] = []

    def opened(_argv: list[str], parsed: Namespace) -> int:
        handed.append(arguments.asked_of(parsed, arguments.parser()))
        return 0

    monkeypatch.setattr("kfuncscope.gui.app.main", opened)
    earlier = str(Path(OLD) / "config.xz")
    words = [*SIDES, TIMER, "--only", "breaks", "--what-if", "kfunc x kept", "--baseline", earlier, "--infer"]
    given = (words, [], ["a.kfs"])
    assert [main(["gui", *some]) for some in given] == [0, 0, 0]
    assert handed == [asked(some) for some in given]
    assert handed[0].session is not None and handed[0].session.baseline == earlier
