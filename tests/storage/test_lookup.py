# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Whether something is there: what may not be looked at is an error, what is absent is not."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import Any

import pytest

from kfuncscope.storage import lookup

ASKED = (lookup.exists, lookup.is_file, lookup.is_dir)


def test_a_file_a_folder_and_links_to_them(tmp_path: Path) -> None:
    file, folder = tmp_path / "file", tmp_path / "folder"
    file.write_bytes(b"")
    folder.mkdir()
    for name, target in (("to_file", file), ("to_folder", folder)):
        (tmp_path / name).symlink_to(target)
    answers = {p.name: tuple(ask(p) for ask in ASKED) for p in tmp_path.iterdir()}
    assert answers["file"] == answers["to_file"] == (True, True, False)
    assert answers["folder"] == answers["to_folder"] == (True, False, True)


def test_absent(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    (tmp_path / "circle").symlink_to(tmp_path / "circle")
    for name in ("none", "file/below", "circle", "nul\0byte"):
        assert not any(ask(tmp_path / name) for ask in ASKED), name


@pytest.mark.parametrize("ask", ASKED, ids=lambda f: f.__name__)
@pytest.mark.parametrize("number", [errno.EACCES, errno.EIO, errno.ENAMETOOLONG])
def test_what_may_not_be_looked_at(ask: Any, number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Permissions do not bind every user, so the kernel's no is played."""

    def stat(self: Path, **_: Any) -> None:
        raise OSError(number, "no", str(self))

    monkeypatch.setattr(Path, "stat", stat)
    with pytest.raises(OSError, match="no") as caught:
        ask(tmp_path / "x")
    assert caught.value.errno == number
