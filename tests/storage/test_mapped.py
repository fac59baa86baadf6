# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Parts by memory map: checked once, checked again after any writing, never believed where they are damaged."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from pathlib import Path

import pytest

from kfuncscope.storage.cache import Cache
from kfuncscope.storage.mapped import is_marked, mapped

NUMBERS = bytes(range(256)) * 40


class Looked:
    """Counts how often a reader looked at what the parts hold."""

    def __init__(self, answer: bool = True) -> None:
        self.times, self.answer = 0, answer

    def __call__(self, parts: Mapping[str, memoryview]) -> bool:
        self.times += 1
        return self.answer


def opened(root: Path, looked: Looked) -> dict[str, bytes] | None:
    pack = Cache(root).pack("k")
    found = mapped(pack, looked) if pack is not None else None
    return None if found is None else {name: bytes(part) for name, part in found.items()}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    Cache(tmp_path).put_parts("k", {"odd": b"123", "numbers": NUMBERS})
    return tmp_path


def path_of(root: Path) -> Path:
    return Cache(root)._path("k")


def test_parts_are_looked_at_once(root: Path) -> None:
    looked = Looked()
    assert opened(root, looked) and looked.times == 0  # what this user's program made itself
    os.utime(path_of(root))
    for _ in range(3):
        assert opened(root, looked) == {"odd": b"123", "numbers": NUMBERS}
    assert looked.times == 1
    assert is_marked(path_of(root).stat())
    found = mapped(Cache(root).pack("k"), looked)  # type: ignore[arg-type]
    assert found is not None and found["numbers"].cast("Q")[1] == int.from_bytes(NUMBERS[8:16], "little")


def test_using_an_entry_keeps_its_mark(root: Path) -> None:
    looked = Looked()
    opened(root, looked)
    state = path_of(root).stat()
    long_ago = state.st_mtime_ns - 600 * 10**9
    os.utime(path_of(root), ns=(long_ago, long_ago))  # takes the mark away
    assert opened(root, looked) and looked.times == 1
    assert opened(root, looked) and looked.times == 1
    assert time.time() - path_of(root).stat().st_mtime < 60  # so that it is not the next to be thrown away


@pytest.mark.parametrize("place", ["in a part", "by a copy", "by another file"])
def test_what_was_written_to_is_checked_again(place: str, root: Path) -> None:
    looked = Looked()
    opened(root, looked)
    path = path_of(root)
    data = bytearray(path.read_bytes())
    data[data.index(NUMBERS) + 777] ^= 1
    if place == "in a part":
        path.write_bytes(data)
    else:
        other = path.with_name("other")
        other.write_bytes(data)
        if place == "by a copy":  # with the very times of the checked file
            state = path.stat()
            os.utime(other, ns=(state.st_atime_ns, state.st_mtime_ns))
        other.replace(path)
    assert opened(root, looked) is None
    assert not path.exists()  # the next run makes it again


def test_parts_that_do_not_fit_are_removed(root: Path) -> None:
    os.utime(path_of(root))
    assert opened(root, Looked(answer=False)) is None
    assert not path_of(root).exists()


def test_a_cut_file_is_no_pack(root: Path) -> None:
    path = path_of(root)
    whole = path.read_bytes()
    for size in (0, 5, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:size])
        assert opened(root, Looked()) is None
    path.write_bytes(whole)
    assert opened(root, Looked()) is not None


def test_compressed_parts_are_not_mapped(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    writer = cache.writer("k")
    writer.add("packed", b"x" * 100)
    writer.add("plain", b"y" * 100, compress=False)
    writer.close({})
    assert opened(tmp_path, Looked()) == {"plain": b"y" * 100}
