# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Session files: read back as written, movable, and clear about what is wrong with them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from kfuncscope.errors import InputError, SessionError
from kfuncscope.upgrade.session import KernelRef, Session
from kfuncscope.upgrade.sessionfile import load, save


def _session(folder: Path) -> Session:
    return Session(
        old=[KernelRef([f"btf={folder / 'k' / 'vmlinux.btf'},config={folder / 'k' / 'config'}"], "6.12", "x86_64")],
        new=[KernelRef([str(folder / "new.deb")])],
        objects=[str(folder / "a.bpf.o")],
        section_types={"loadbalancer": "xdp"},
        notes={"abc": "ask upstream"},
        policy=str(folder / "policy.toml"),
        filters=["affected", "arch:x86_64"],
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


def test_version_is_written(tmp_path: Path) -> None:
    save(Session(), tmp_path / "s.kfs")
    assert json.loads((tmp_path / "s.kfs").read_text())["version"] == 1
