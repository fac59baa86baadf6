# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Large .xz files, whose blocks are decoded side by side."""

from __future__ import annotations

import io
import lzma
import random
import threading
import time

import pytest

from kfuncscope.containers.archive import read_archive
from kfuncscope.containers.stream import SMALL, Budget
from kfuncscope.containers.xzblocks import decode_blocks, find_blocks
from kfuncscope.errors import ArchiveError
from support import archivewriter as write

DATA = random.Random(1).randbytes(1_400_000) + bytes(300_000) + b"end"


def blocks_of(packed: bytes) -> list[bytes]:
    file = io.BytesIO(b"before" + packed + b"behind")
    return list(decode_blocks(file, 6, find_blocks(file, 6, len(packed))))


@pytest.mark.parametrize("block", [100_000, 500_000, 1_700_002])
def test_blocks_are_decoded_in_order(block: int) -> None:
    packed = write.xz_in_blocks(DATA, block)
    assert lzma.decompress(packed) == DATA  # the writer is right
    found = blocks_of(packed)
    assert b"".join(found) == DATA
    assert [len(b) for b in found] == [len(DATA[at : at + block]) for at in range(0, len(DATA), block)]


def test_other_files_have_no_blocks_to_share() -> None:
    one, many = lzma.compress(DATA, preset=0), write.xz_in_blocks(DATA, 200_000)
    for packed in (one, many[:-1], many + b"\0\0\0\0", many + many, b"", many[: len(many) // 2], one + many):
        assert find_blocks(io.BytesIO(packed), 0, len(packed)) == []


def test_a_damaged_index_is_not_followed() -> None:
    packed = bytearray(write.xz_in_blocks(DATA, 200_000))
    for at in range(len(packed) - 60, len(packed)):
        bad = packed.copy()
        bad[at] ^= 0x41
        assert find_blocks(io.BytesIO(bad), 0, len(bad)) == [], at


def test_a_damaged_block_is_an_error() -> None:
    packed = bytearray(write.xz_in_blocks(DATA, 200_000))
    for at in (2_000, 700_000, 1_300_000):
        bad = packed.copy()
        bad[at] ^= 0x41
        with pytest.raises(lzma.LZMAError):
            blocks_of(bytes(bad))


def test_packages_use_them_and_tell_damage() -> None:
    files = {f"f{n}": random.Random(n).randbytes(90_000) for n in range(20)}
    plain = write.tar({f"./{name}": data for name, data in files.items()})
    packed = bytearray(write.xz_in_blocks(plain, 300_000))
    control = write.tar({"./control": b"Package: p\nVersion: 1\n"}, "gz")
    for damaged in (False, True):
        if damaged:
            packed[len(packed) // 2] ^= 0x41
        deb = write.ar({"debian-binary": b"2.0\n", "control.tar.gz": control, "data.tar.xz": bytes(packed)})
        found = read_archive(io.BytesIO(deb), Budget("f", len(deb) + SMALL))  # small ones are read without threads
        assert found is not None
        if damaged:
            with pytest.raises(ArchiveError, match="damaged xz data"):
                list(found[1])
        else:
            assert {m.path: m.read() for m in found[1]} == files


def test_a_reader_that_stops_leaves_no_thread() -> None:
    packed = write.xz_in_blocks(DATA, 50_000)
    file = io.BytesIO(packed)
    reader = decode_blocks(file, 0, find_blocks(file, 0, len(packed)))
    next(reader)
    reader.close()
    for _ in range(100):
        if not any(t.name.startswith("ThreadPoolExecutor") for t in threading.enumerate()):
            return
        time.sleep(0.02)
    pytest.fail("threads are still there")
