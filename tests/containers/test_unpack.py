# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Kinds by magic, and compression taken off within bounds."""

from __future__ import annotations

import struct
import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kfuncscope.containers.detect import Kind, detect
from kfuncscope.containers.unpack import bare_name, decompress, peel
from kfuncscope.errors import ArchiveError
from support import archivewriter as write

COMPRESSORS = ("xz", "gz", "zst", "bz2", "lz4", "lz4-legacy", "lzma")
TEXT = b"the quick brown fox " * 500


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"", Kind.EMPTY),
        (b"\x9f\xeb\x01\x00", Kind.BTF),
        (b"\xeb\x9f\x01\x00", Kind.BTF),
        (b"\x7fELF\x02", Kind.ELF),
        (write.deb({}), Kind.DEB),
        (write.rpm({}), Kind.RPM),
        (write.tar({"a": b"b"}), Kind.TAR),
        (write.tar({"a": b"b"}, pax=True), Kind.TAR),
        (write.zipped({"a": b"b"}), Kind.ZIP),
        (write.cpio({"a": b"b"}), Kind.CPIO),
        (write.bzimage(b"x"), Kind.BZIMAGE),
        (write.zboot(b"x"), Kind.ZBOOT),
        (write.arm64_image(b"x"), Kind.ARM64_IMAGE),
        (write.riscv_image(b"x"), Kind.RISCV_IMAGE),
        (write.uki(b"x"), Kind.PE),
        (b"# a text", Kind.UNKNOWN),
    ],
)
def test_kind_is_told_by_magic(data: bytes, kind: Kind) -> None:
    assert detect(data[:1024]) is kind


@pytest.mark.parametrize("how", COMPRESSORS)
@pytest.mark.parametrize("text", [b"x", TEXT, bytes(3_000_000)], ids=["one", "text", "zeros"])
def test_every_compressor_comes_off(how: str, text: bytes) -> None:
    assert peel(write.compress(text, how), "f") == text


def test_layers_come_off_and_too_many_are_refused() -> None:
    assert peel(write.compress(write.compress(TEXT, "gz"), "xz"), "f") == TEXT
    data = TEXT
    for _ in range(6):
        data = write.compress(data, "gz")
    with pytest.raises(ArchiveError, match="compressed more than"):
        peel(data, "f")


def test_streams_that_follow_one_another_are_one() -> None:
    for how in ("xz", "gz", "zst", "bz2"):
        assert peel(write.compress(b"one ", how) + write.compress(b"two", how), how) == b"one two"
    assert peel(write.compress(TEXT, "xz") + bytes(8), "f") == TEXT


@pytest.mark.parametrize("how", COMPRESSORS)
def test_cut_short_is_an_error(how: str) -> None:
    packed = write.compress(bytes(range(256)) * 8_000, how)
    for keep in (len(packed) // 2, len(packed) - 1 if how != "lz4-legacy" else len(packed) // 2):
        with pytest.raises(ArchiveError):
            peel(packed[:keep], "f")


@pytest.mark.parametrize("how", ["xz", "gz", "zst", "bz2"])
def test_garbage_behind_the_stream(how: str) -> None:
    packed = write.compress(TEXT, how)
    with pytest.raises(ArchiveError):
        peel(packed + b"garbage!" * 4, "f")
    assert decompress(packed + b"garbage!" * 4, detect(packed), "f", tail=True) == TEXT


@pytest.mark.parametrize("how", COMPRESSORS)
def test_a_bomb_stops_at_the_limit(how: str) -> None:
    packed = write.compress(bytes(40 << 20), how)
    tracemalloc.start()
    try:
        with pytest.raises(ArchiveError, match=r"exceeds the limit|truncated"):
            peel(packed, "f", limit=8 << 20)
        assert tracemalloc.get_traced_memory()[1] < 64 << 20
    finally:
        tracemalloc.stop()


def test_an_xz_stream_may_not_ask_for_all_memory() -> None:
    packed = bytearray(write.compress(TEXT, "lzma"))
    packed[1:5] = struct.pack("<I", 0xFFFFFFFF)  # a dictionary of 4 GB
    with pytest.raises(ArchiveError):
        decompress(bytes(packed), Kind.LZMA, "f")


def test_suffixes_of_compression_come_off_names() -> None:
    assert bare_name("nf_conntrack.ko.xz") == "nf_conntrack.ko"
    assert bare_name("a.tar.gz.zst") == "a.tar"
    assert bare_name("plain") == "plain"


@settings(max_examples=60, deadline=None)
@given(data=st.data(), how=st.sampled_from(COMPRESSORS))
def test_flipped_bytes_give_the_text_or_one_error(data: st.DataObject, how: str) -> None:
    packed = bytearray(write.compress(TEXT, how))
    for _ in range(data.draw(st.integers(1, 4))):
        packed[data.draw(st.integers(0, len(packed) - 1))] = data.draw(st.integers(0, 255))
    try:
        peel(bytes(packed), "f", limit=1 << 20)
    except ArchiveError as error:
        assert error.source == "f"
