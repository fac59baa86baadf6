# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The cache: bounded, shared by processes, and never trusted blindly."""

from __future__ import annotations

import json
import os
import stat
import struct
import subprocess
import sys
import time
import zlib
from pathlib import Path

import pytest
import zstandard

from kfuncscope.storage import cache as cache_module
from kfuncscope.storage.cache import Cache, default_cache
from kfuncscope.storage.pack import Slot


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


def test_drafts_of_dead_processes_go_with_the_next_entry(tmp_path: Path) -> None:
    """A living process has its draft locked."""
    cache = Cache(tmp_path)
    living = cache.writer("b")
    (tmp_path / "draft-dead").write_bytes(b"x")
    cache.put("a", b"a")
    assert len(list(tmp_path.glob("draft-*"))) == 1
    living.close({})
    assert list(tmp_path.glob("draft-*")) == []
    assert {entry.key for entry in cache.entries()} == {"a", "b"}


def test_without_locks_drafts_go_after_a_day(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def flock(*_: object) -> None:
        raise OSError(38, "Function not implemented")

    monkeypatch.setattr("fcntl.flock", flock)
    cache = Cache(tmp_path)
    for name, age in (("draft-old", 90_000), ("draft-new", 10)):
        (tmp_path / name).write_bytes(b"x")
        os.utime(tmp_path / name, (time.time() - age,) * 2)
    cache.put("a", b"a")
    assert [p.name for p in tmp_path.glob("draft-*")] == ["draft-new"]
    monkeypatch.setattr("kfuncscope.storage.cache._PATIENCE", 0.01)
    cache.merge("pack", {"x": b"1"}, 5)
    found = cache.pack("pack")
    assert found is not None and found.read("x") == b"1"


def test_parts_are_merged_and_the_newest_stay(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    cache.merge("key", {"a": b"1", "b": b"2"}, 3)
    cache.merge("key", {"a": b"3", "c": b"4" * 1000}, 3)
    pack = cache.pack("key")
    assert pack is not None and pack.read_all(pack.names()) == {"b": b"2", "a": b"3", "c": b"4" * 1000}
    cache.merge("key", {"d": b""}, 3)
    pack = cache.pack("key")
    assert pack is not None and pack.read_all(pack.names()) == {"a": b"3", "c": b"4" * 1000, "d": b""}
    cache.merge("key", {str(n): b"x" for n in range(5)}, 3)
    pack = cache.pack("key")
    assert pack is not None and pack.names() == [str(n) for n in range(5)]


def test_a_damaged_pack_is_merged_without_what_it_held(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    cache.merge("key", {"a": b"1" * 500}, 9)
    (path,) = files(tmp_path)
    data = bytearray(path.read_bytes())
    data[18] ^= 1  # in the part: the table at the end is sound
    path.write_bytes(data)
    Cache(tmp_path).merge("key", {"b": b"2"}, 9)
    pack = cache.pack("key")
    assert pack is not None and pack.read("b") == b"2" and pack.names() == ["b"]


@pytest.mark.parametrize("mode", [0o770, 0o707, 0o777, 0o1777])
def test_a_folder_that_others_can_write_is_not_used(
    mode: int, own_cache: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """They could write verdicts into it. It is named, with what to do, and nothing in it is read."""
    from kfuncscope.cli.main import main

    default_cache().put("key", b"planted")
    own_cache.chmod(mode)
    cache_module._cache_at.cache_clear()
    assert default_cache().root != own_cache and default_cache().get("key") is None
    assert main(["cache"]) == 0
    told = capsys.readouterr()
    assert "can be written by others" in told.out and f"chmod 700 {own_cache}" in told.out
    assert f"cache {own_cache} is not used: it can be written by others" in told.err
    own_cache.chmod(0o755)
    cache_module._cache_at.cache_clear()
    assert default_cache().get("key") == b"planted"


def test_a_folder_of_another_user_is_not_used(own_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    default_cache().put("key", b"planted")
    cache_module._cache_at.cache_clear()
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    assert default_cache().get("key") is None
    assert cache_module.refusal(own_cache) == "belongs to another user"
    assert cache_module.refused() == [f"cache {own_cache} is not used: it belongs to another user"]
    assert cache_module.refused() == []  # told once


def test_the_folder_is_made_for_its_user_alone(own_cache: Path) -> None:
    before = os.umask(0)
    try:
        default_cache().put("key", b"x")
    finally:
        os.umask(before)
    assert stat.S_IMODE(own_cache.stat().st_mode) == 0o700
    assert {stat.S_IMODE(p.stat().st_mode) for p in own_cache.iterdir()} == {0o600}


def test_an_entry_that_claims_gigabytes_costs_nothing(tmp_path: Path) -> None:
    """A frame's own header says how much room its content takes."""
    cache = Cache(tmp_path)
    huge = zstandard.ZstdCompressor().compress(b"x" * 100)
    huge = b"\x28\xb5\x2f\xfd\xe0" + (1 << 45).to_bytes(8, "little") + huge[6:]
    writer = cache.writer("key")
    writer.take("", huge, Slot(0, len(huge), 1 << 45, zlib.crc32(huge), True))
    writer.close({})
    assert cache.get("key") is None


@pytest.mark.parametrize(
    "table",
    [{"meta": [], "parts": []}, {"meta": {}, "parts": [["", 1]]}, {"meta": {}, "parts": [["", -1, 1, 1, 1, 1]]},
     {"meta": {}, "parts": [["", "a", 1, 1, 1, 1]]}, {"meta": {}, "parts": [[1, 1, 1, 1, 1, 1]]}, {"meta": {}},
     {"parts": {"a": 1}, "meta": {}}, [], "text", {"meta": {}, "parts": [["", 1e99, 1, 1, 1, 1]]}],
    ids=str,
)  # fmt: skip
def test_a_table_of_another_form_is_no_entry(table: object, tmp_path: Path) -> None:
    """Sound by its checksum, as one that somebody else wrote."""
    packed = zstandard.ZstdCompressor().compress(json.dumps(table).encode())
    head = b"kfscope1" + struct.pack("<I", 3) + b"key"
    foot = struct.pack("<QII8s", len(head), len(packed), zlib.crc32(packed), b"kfscope1")
    cache = Cache(tmp_path)
    cache._path("key").write_bytes(head + packed + foot)
    assert cache.get("key") is None
    assert files(tmp_path) == []


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


@pytest.mark.parametrize("meta", [{}, {"objects": 5}, {"releases": []}, {"set8": {}, "spans": [[1]], "problems": "x"},
                                  {"objects": [["a"]], "problems": []}, {"sha256": 5}], ids=str)  # fmt: skip
def test_packs_that_others_wrote_are_made_again(meta: dict[str, object], tmp_path: Path, own_cache: Path) -> None:
    """Sound by their checksums and of another form: each reader makes its own again and says the same as before."""
    from kfuncscope.intake.kernels import kernel_files
    from kfuncscope.intake.objects import object_files
    from support import archivewriter as write
    from support import kernelfiles
    from support.bpfwriter import exit_, mov, object_bytes

    files = {
        "usr/lib/x.bpf.o": object_bytes("xdp", [mov(0, 2), exit_()]),
        f"boot/config-{kernelfiles.RELEASE}": kernelfiles.config(),
        f"lib/modules/{kernelfiles.RELEASE}/m.ko.xz": write.compress(kernelfiles.module(["probe"], {"set": 2}), "xz"),
        f"boot/vmlinuz-{kernelfiles.RELEASE}": write.compress(kernelfiles.vmlinux(), "gz"),
    }
    path = tmp_path / "all.deb"
    path.write_bytes(write.deb(files))
    blob = tmp_path / "vmlinux.btf.gz"
    blob.write_bytes(write.compress(kernelfiles.base().build(), "gz"))

    def read() -> tuple[object, ...]:
        (kernel,) = kernel_files([path])
        assert kernel.module_search is not None
        other = kernel_files([blob])[0]
        return object_files([path]), kernel.btf, kernel.module_search.find(["probe"]), sorted(kernel.modules), other.btf

    before = read()
    cache = default_cache()
    entries = cache.entries()
    assert len(entries) >= 5
    for entry in entries:
        pack = cache.pack(entry.key)
        assert pack is not None
        writer = cache.writer(entry.key)
        for name in pack.names():
            writer.add(name, b"\xff" * 7)
        writer.close(meta)
    assert read() == before
    assert read() == before
