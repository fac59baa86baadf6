# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Session files: read back as written, movable, and clear about what is wrong with them."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from kfuncscope.errors import InputError, SessionError
from kfuncscope.session.session import KernelRef, Session
from kfuncscope.session.sessionfile import load, save


def _session(folder: Path) -> Session:
    return Session(
        old=[KernelRef([f"btf={folder / 'k' / 'vmlinux.btf'},config={folder / 'k' / 'config'}"], "6.12", "x86_64")],
        new=[KernelRef([str(folder / "new.deb")])],
        objects=[str(folder / "a.bpf.o")],
        section_types={"loadbalancer": "xdp"},
        notes={"abc": "ask upstream"},
        policy=str(folder / "policy.toml"),
        filters=["affected", "arch:x86_64"],
        infer=True,
    )


def test_read_back_and_moved(tmp_path: Path) -> None:
    here, there = tmp_path / "one", tmp_path / "two"
    here.mkdir()
    session = _session(here)
    save(session, here / "s.kfs")
    assert load(here / "s.kfs") == session
    assert str(tmp_path) not in (here / "s.kfs").read_text()
    here.rename(there)
    assert load(there / "s.kfs") == _session(there)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "not a session file"),
        ("[]", "no format entry"),
        ('{"format": "other"}', "no format entry"),
        ('{"format": "kfuncscope session", "version": 2}', "version 2"),
        ('{"format": "kfuncscope session", "version": 1, "extra": 1}', "unknown entry 'extra'"),
        ('{"format": "kfuncscope session", "version": 1, "objects": "x"}', "objects must be"),
        ('{"format": "kfuncscope session", "version": 1, "infer": 1}', "infer must be"),
        ('{"format": "kfuncscope session", "version": 1, "notes": {"a": 1}}', "notes must be"),
        ('{"format": "kfuncscope session", "version": 1, "old": [{"label": "x"}]}', "old must be"),
        ('{"format": "kfuncscope session", "version": 1, "old": [{"files": [1]}]}', "old must be"),
    ],
)
def test_what_is_wrong_is_said(tmp_path: Path, text: str, why: str) -> None:
    path = tmp_path / "s.kfs"
    path.write_text(text)
    with pytest.raises(SessionError, match=why):
        load(path)


def test_missing_unwritable_and_too_deep(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="No such file"):
        load(tmp_path / "none.kfs")
    with pytest.raises(SessionError):
        save(Session(), tmp_path / "none" / "s.kfs")
    (tmp_path / "deep.kfs").write_text("[" * 100_000)
    with pytest.raises(SessionError):
        load(tmp_path / "deep.kfs")


def test_paths_that_are_no_text_come_back_as_they_were(tmp_path: Path) -> None:
    odd = os.fsdecode(b"caf\xe9-\xff.bpf.o")
    session = Session(objects=[str(tmp_path / odd), str(tmp_path / "é.bpf.o")])
    save(session, tmp_path / "s.kfs")
    assert load(tmp_path / "s.kfs") == session
    assert "é.bpf.o" in (tmp_path / "s.kfs").read_text()


def test_a_link_to_a_session_stays_one(tmp_path: Path) -> None:
    (tmp_path / "link.kfs").symlink_to(tmp_path / "s.kfs")
    save(_session(tmp_path), tmp_path / "link.kfs")
    assert (tmp_path / "link.kfs").is_symlink() and load(tmp_path / "s.kfs") == _session(tmp_path)


def test_a_device_is_written_into_and_not_replaced(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe.kfs"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    save(_session(tmp_path), pipe)
    assert json.loads(os.read(reader, 1 << 16)) and pipe.is_fifo()
    os.close(reader)


def test_version_is_written(tmp_path: Path) -> None:
    save(Session(), tmp_path / "s.kfs")
    assert json.loads((tmp_path / "s.kfs").read_text())["version"] == 1


def test_sessions_of_before_infer_nothing(tmp_path: Path) -> None:
    (tmp_path / "old.kfs").write_text('{"format": "kfuncscope session", "version": 1, "objects": ["a.o"]}')
    assert load(tmp_path / "old.kfs") == Session(objects=[str(tmp_path / "a.o")])
