# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The cache: bounded, shared by processes, and never trusted blindly."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from kfuncscope.storage.cache import Cache, default_cache


def files(root: Path) -> list[Path]:
    return sorted(root.glob("*.kfs"))


def test_put_and_get(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "new" / "folder")
    assert cache.get("a") is None
    cache.put("a", b"text" * 1000)
    cache.put("b", b"")
    assert (cache.get("a"), cache.get("b"), cache.get("c")) == (b"text" * 1000, b"", None)
    cache.put("a", b"newer")
    assert cache.get("a") == b"newer"


def test_packs_read_each_part_alone(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    writer = cache.writer("kernel")
    writer.add("one", b"1" * 5000)
    writer.add("two", os.urandom(5000), compress=False)
    writer.add("one", b"later ones do not count")
    assert cache.pack("kernel") is None  # not there before it is closed
    writer.close({"note": [1, 2]})
    pack = Cache(tmp_path).pack("kernel")
    assert pack is not None
    assert pack.meta == {"note": [1, 2]}
    assert pack.names() == ["one", "two"]
    assert pack.read("one") == b"1" * 5000
    assert len(pack.read("two") or b"") == 5000
    assert cache.get("kernel") is None  # a pack is no entry


def test_a_dropped_pack_leaves_nothing(tmp_path: Path) -> None:
    writer = Cache(tmp_path).writer("x")
    writer.add("one", b"1")
    writer.drop()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("where", [0.0, 0.05, 0.3, 0.6, 0.9, 0.99])
def test_a_damaged_entry_counts_as_absent_and_goes(tmp_path: Path, where: float) -> None:
    cache = Cache(tmp_path)
    payload = os.urandom(3000)
    cache.put("key", payload)
    (path,) = files(tmp_path)
    data = bytearray(path.read_bytes())
    data[int(len(data) * where)] ^= 0x55
    path.write_bytes(data)
    fresh = Cache(tmp_path)
    assert fresh.get("key") is None
    assert files(tmp_path) == []
    fresh.put("key", payload)
    assert fresh.get("key") == payload


def test_a_cut_entry_counts_as_absent(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    cache.put("key", b"x" * 3000)
    (path,) = files(tmp_path)
    whole = path.read_bytes()
    for keep in range(0, len(whole), 7):
        path.write_bytes(whole[:keep])
        assert Cache(tmp_path).get("key") is None


def test_one_key_is_never_taken_for_another(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    cache.put("a", b"a")
    (path,) = files(tmp_path)
    path.rename(cache._path("b"))
    assert cache.get("b") is None


def test_the_least_recently_used_goes_first(tmp_path: Path) -> None:
    cache = Cache(tmp_path, limit=40_000)
    for number, name in enumerate("abc"):
        cache.put(name, os.urandom(10_000))
        old = time.time() - 1000 + number
        os.utime(cache._path(name), (old, old))
    assert cache.get("a") is not None  # used just now
    cache.put("d", os.urandom(15_000))
    assert cache.get("b") is None
    assert cache.get("a") is not None
    assert cache.get("c") is not None
    assert sum(entry.size for entry in cache.entries()) <= 40_000


def test_entries_and_clear(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    cache.put("kernel:1", b"x")
    cache.put("object:2", b"y" * 100)
    (tmp_path / "draft-dead").write_bytes(b"")
    assert {entry.key for entry in cache.entries()} == {"kernel:1", "object:2"}
    assert all(entry.size > 0 and entry.used > 0 for entry in cache.entries())
    cache.clear()
    assert cache.entries() == []
    assert list(tmp_path.iterdir()) == []


def test_drafts_of_dead_processes_go_after_a_day(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    for name, age in (("draft-old", 90_000), ("draft-new", 10)):
        (tmp_path / name).write_bytes(b"x")
        os.utime(tmp_path / name, (time.time() - age,) * 2)
    cache.put("a", b"a")
    assert [p.name for p in tmp_path.glob("draft-*")] == ["draft-new"]


_WRITER = """
import sys
from pathlib import Path
from kfuncscope.storage.cache import Cache
cache = Cache(Path(sys.argv[1]), limit=60_000)
for turn in range(150):
    key = f"key{turn % 5}"
    data = key.encode() * 3000
    cache.put(key, data)
    found = cache.get(key)
    assert found is None or found == data, key
    if turn % 40 == 39:
        cache.clear()
"""


def test_two_processes_at_once(tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    both = [subprocess.Popen([sys.executable, "-c", _WRITER, str(tmp_path)], env=environment) for _ in range(2)]
    assert [process.wait(60) for process in both] == [0, 0]
    assert list(tmp_path.glob("draft-*")) == []


def test_the_default_cache_is_in_the_xdg_directory(own_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert default_cache().root == own_cache
    monkeypatch.setenv("KFUNCSCOPE_CACHE_MB", "700")
    assert default_cache().limit == 700 << 20
    monkeypatch.setenv("KFUNCSCOPE_CACHE_MB", "1")
    assert default_cache().limit == 256 << 20
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    monkeypatch.setenv("HOME", str(own_cache.parents[1] / "home"))
    assert default_cache().root == own_cache.parents[1] / "home/.cache/kfuncscope"


def test_without_a_writable_place_a_private_one_serves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    cache = default_cache()
    cache.put("a", b"b")
    assert cache.get("a") == b"b"
    assert not str(cache.root).startswith(str(tmp_path / "file"))
