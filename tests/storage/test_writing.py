# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Files that people ask for: whole or not there, and as private as they were."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from kfuncscope.cli.main import main
from kfuncscope.errors import SessionError
from kfuncscope.resources import sample
from kfuncscope.storage.writing import write_file


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize("umask", [0o022, 0o077, 0o002])
def test_a_new_file_has_the_usual_mode(umask: int, tmp_path: Path) -> None:
    before = os.umask(umask)
    try:
        write_file(tmp_path / "new", b"x")
    finally:
        os.umask(before)
    assert mode(tmp_path / "new") == 0o666 & ~umask


@pytest.mark.parametrize("kept", [0o600, 0o640, 0o664, 0o444, 0o755])
def test_a_file_that_is_written_over_keeps_its_mode(kept: int, tmp_path: Path) -> None:
    path = tmp_path / "report"
    path.write_bytes(b"old")
    path.chmod(kept)
    write_file(path, b"new")
    assert (path.read_bytes(), mode(path)) == (b"new", kept)
    assert list(tmp_path.iterdir()) == [path]


def test_bits_that_give_rights_to_who_runs_a_file_do_not_stay(tmp_path: Path) -> None:
    path = tmp_path / "report"
    path.write_bytes(b"old")
    path.chmod(0o4755)
    write_file(path, b"new")
    assert mode(path) == 0o755


def test_owner_and_group_stay_where_that_is_allowed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "report"
    path.write_bytes(b"old")
    path.chmod(0o640)
    asked: list[tuple[int, int]] = []
    real = os.stat(path)
    other = os.stat_result((*real[:4], 4242, 4343, *real[6:]))
    monkeypatch.setattr(Path, "stat", lambda self, **_: other if self == path else os.stat(self))
    monkeypatch.setattr(os, "fchown", lambda handle, user, group: asked.append((user, group)))
    write_file(path, b"new")
    monkeypatch.undo()
    assert asked == [(4242, 4343)] and mode(path) == 0o640


@pytest.mark.parametrize(("group", "left"), [(True, 0o640), (False, 0o600)])
def test_who_may_not_give_files_away_shows_them_to_nobody_else(
    group: bool, left: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "report"
    path.write_bytes(b"old")
    path.chmod(0o640)
    real = os.stat(path)
    other = os.stat_result((*real[:4], 4242, 4343, *real[6:]))

    def refused(handle: int, user: int, gid: int) -> None:
        if user != -1 or not group:
            raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(Path, "stat", lambda self, **_: other if self == path else os.stat(self))
    monkeypatch.setattr(os, "fchown", refused)
    write_file(path, b"new")
    monkeypatch.undo()
    assert mode(path) == left


def test_a_report_over_a_private_file_stays_private(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "report.md"
    path.write_text("mine")
    path.chmod(0o600)
    pair = [str(sample("kernels", f"{release}-x86_64")) for release in ("6.12", "7.3")]
    objects = str(sample("objects", "sockname_exit.bpf.o"))
    main(["check", "--old", pair[0], "--new", pair[1], "--report", str(path), "--", objects])
    capsys.readouterr()
    assert path.read_text() != "mine" and mode(path) == 0o600


def test_what_cannot_be_written_is_an_error_and_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(SessionError, match="cannot be written"):
        write_file(tmp_path / "folder", b"x")
    with pytest.raises(SessionError, match="cannot be written"):
        write_file(tmp_path / "absent" / "x", b"x")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["folder"]
