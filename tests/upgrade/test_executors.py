# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Executors on this machine: the same result wherever objects are judged, also where a process dies meanwhile."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from kfuncscope.cli.main import main
from kfuncscope.decision.exits import Exit
from kfuncscope.model.analysis import Analysis
from kfuncscope.session.session import Session
from kfuncscope.upgrade import jsonform
from kfuncscope.upgrade.analyse import analyse
from kfuncscope.upgrade.executors.local import CHUNK
from support import farms

COUNT = 3 * CHUNK


@pytest.fixture(autouse=True)
def _own(own_cache: Path) -> Iterator[None]:
    yield
    farms.harmless()


def without(analysis: Analysis, name: str) -> Analysis:
    """An analysis as it would be without one object."""
    arches = tuple(replace(a, objects=tuple(o for o in a.objects if o.object != name)) for a in analysis.arches)
    problems = tuple(p for p in analysis.problems if p.path != name)
    return replace(
        analysis, arches=arches, objects=tuple(o for o in analysis.objects if o.name != name), problems=problems
    )


def fresh(session: Session, monkeypatch: pytest.MonkeyPatch, workers: int) -> Analysis:
    """An analysis that takes nothing from earlier ones."""
    with monkeypatch.context() as patch:
        patch.setenv("KFUNCSCOPE_NO_MEMO", "1")
        return analyse(session, workers=workers)


@pytest.mark.parametrize("handled", [False, True])
def test_a_process_that_is_killed_in_the_middle_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, handled: bool
) -> None:
    """Also where the program that analyses handles SIGTERM: the other processes of the pool end by it all the same."""
    before = signal.signal(signal.SIGTERM, (lambda *_: None) if handled else signal.SIG_DFL)
    try:
        _killed(tmp_path, monkeypatch)
    finally:
        signal.signal(signal.SIGTERM, before)


def _killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given = farms.upgrade(tmp_path, COUNT)
    right = fresh(given, monkeypatch, 1)
    fuse = tmp_path / "fuse"
    fuse.touch()
    monkeypatch.setenv(farms.FUSE, str(fuse))
    farms.deadly()
    found = fresh(given, monkeypatch, 2)
    assert not fuse.exists()
    assert found == right and jsonform.dumps(found) == jsonform.dumps(right)


def test_objects_that_kill_their_process_are_listed_and_the_rest_is_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two of them, in one task and in another; nothing of it is kept for the next run, whose processes live."""
    names = ("000-killer.bpf.o", "zzz-killer.bpf.o")
    given = farms.upgrade(tmp_path, COUNT, *(name.removesuffix(".bpf.o") for name in names))
    right = fresh(given, monkeypatch, 1)
    farms.deadly()
    found = analyse(given, workers=2)
    assert {p.path for p in found.problems} == set(names)
    assert all("not judged: the process that judged it ended" in p.reason for p in found.problems)
    assert found != right
    assert without(without(found, names[0]), names[1]) == without(without(right, names[0]), names[1])
    farms.harmless()
    assert analyse(given, workers=2) == right


def test_the_exit_status_of_a_run_with_an_object_that_could_not_be_judged(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """3: not whole, though nothing that was judged breaks."""
    given = farms.upgrade(tmp_path, 0, "killer", *(f"fine-{number}" for number in range(2 * CHUNK)))
    farms.deadly()
    sides = [word for side, refs in (("--old", given.old), ("--new", given.new))
             for word in (side, *(path for ref in refs for path in ref.files))]  # fmt: skip
    assert main(["check", "--workers", "2", *sides, "--", *given.objects]) == Exit.INCOMPLETE
    told = capsys.readouterr()
    assert "killer.bpf.o: not judged: " in told.err and "could not check (" in told.out
