# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Packages and archives as streams of members; damage, bombs and path tricks."""

from __future__ import annotations

import io
import tarfile
import tracemalloc
from collections.abc import Callable, Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kfuncscope.containers.archive import Package, read_archive
from kfuncscope.containers.detect import Kind
from kfuncscope.containers.stream import Budget, Stream
from kfuncscope.containers.tar import TarEntry, read_tar
from kfuncscope.errors import ArchiveError
from support import archivewriter as write

FILES = {"usr/bin/a": b"first" * 1000, "usr/lib/b.o": b"", "etc/c": bytes(range(256)) * 9}
HOW = ("", "xz", "gz", "zst", "bz2", "lz4")


def read(data: bytes, **limits: int) -> tuple[Package, dict[str, bytes]]:
    """All members by path."""
    found = read_archive(io.BytesIO(data), Budget("f", len(data), **limits))
    assert found is not None
    package, members = found
    return package, {m.path: m.read() for m in members}


@pytest.mark.parametrize("how", ["", "xz", "gz", "zst"])
def test_deb(how: str) -> None:
    package, files = read(write.deb(FILES, name="tool", version="1:2.3-4", arch="ppc64el", how=how))
    assert package == Package("tool", "1:2.3-4", "ppc64el")
    assert package.title == "tool 1:2.3-4"
    assert files == FILES


@pytest.mark.parametrize("how", ["", "xz", "gz", "zst", "bz2"])
def test_rpm(how: str) -> None:
    package, files = read(write.rpm(FILES, name="tool", version="2.3", release="4.fc44", arch="aarch64", how=how))
    assert package == Package("tool", "2.3-4.fc44", "aarch64")
    assert files == FILES


@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize("pax", [False, True])
def test_tar(how: str, pax: bool) -> None:
    assert read(write.tar(FILES, how, pax=pax)) == (Package(), FILES)


@pytest.mark.parametrize("how", HOW)
def test_cpio(how: str) -> None:
    assert read(write.compress(write.cpio(FILES), how)) == (Package(), FILES)


def test_zip() -> None:
    assert read(write.zipped(FILES)) == (Package(), FILES)


@pytest.mark.parametrize("pax", [False, True])
def test_long_and_odd_names(pax: bool) -> None:
    files = {"d/" * 90 + "name": b"deep", "ü" * 120: b"wide", "a b\tc": b"odd"}
    assert read(write.tar(files, pax=pax))[1] == files
    assert read(write.deb(files))[1] == files
    assert read(write.rpm(files))[1] == files


def test_other_files_are_no_archives() -> None:
    for data in (b"", b"text", b"\x7fELF", write.compress(b"text", "gz"), write.compress(b"text", "gz")[:9]):
        assert read_archive(io.BytesIO(data), Budget("f", len(data))) is None


def test_members_need_not_be_read_in_order() -> None:
    data = write.deb(FILES)
    found = read_archive(io.BytesIO(data), Budget("f", len(data)))
    assert found is not None
    assert [m.path for m in found[1]] == list(FILES)


@pytest.mark.parametrize("name", ["../evil", "a/../../evil", "/etc/passwd", "a/.."])
@pytest.mark.parametrize("make", [write.tar, write.cpio, write.zipped], ids=["tar", "cpio", "zip"])
def test_names_that_climb_out_are_refused(make: Callable[[dict[str, bytes]], bytes], name: str) -> None:
    with pytest.raises(ArchiveError, match="unsafe path"):
        read(make({"good": b"", name: b"x"}))


def test_names_that_climb_out_are_refused_in_packages() -> None:
    for data in (write.deb({"../../evil": b""}), write.rpm({"../../evil": b""})):
        with pytest.raises(ArchiveError, match="unsafe path"):
            read(data)


def test_links_are_passed_over() -> None:
    links = {"usr/bin/link": "../../../../etc/passwd", "abs": "/etc/passwd"}
    assert read(write.deb(FILES, links=links))[1] == FILES
    assert read(write.rpm(FILES, links=links))[1] == FILES
    assert read(write.tar(FILES, links=links))[1] == FILES


@pytest.mark.parametrize("make", [write.deb, write.rpm, write.tar, write.cpio, write.zipped])
def test_every_cut_is_one_error(make: Callable[[dict[str, bytes]], bytes]) -> None:
    data = make(FILES)
    # The last bytes of an archive may be padding; a cut there does no harm.
    for keep in range(40, len(data) * 3 // 4, 37):
        try:
            found = read_archive(io.BytesIO(data[:keep]), Budget("f", keep))
        except ArchiveError:
            continue
        if found is not None:
            with pytest.raises(ArchiveError):
                list(found[1])


def test_a_bomb_is_refused_by_its_ratio() -> None:
    bomb = write.tar({"zeros": bytes(90 << 20)}, "xz")
    tracemalloc.start()
    try:
        with pytest.raises(ArchiveError, match="times its size"):
            found = read_archive(io.BytesIO(bomb), Budget("f", len(bomb)))
            assert found is not None
            for _ in found[1]:
                pass
        assert tracemalloc.get_traced_memory()[1] < 100 << 20
    finally:
        tracemalloc.stop()


def test_limits_on_members() -> None:
    many = {f"f{n}": b"" for n in range(50)}
    with pytest.raises(ArchiveError, match="more than 20 files"):
        read(write.tar(many), members=20)
    with pytest.raises(ArchiveError, match="2000 bytes, 1000 allowed"):
        read(write.tar({"a": bytes(2000)}), member=1000)
    assert read(write.tar({"a": bytes(2000)}), member=2000)
    with pytest.raises(ArchiveError, match="exceeds the limit of 5000 bytes"):
        read(write.tar({"a": bytes(20_000)}, "gz"), total=5000)


def test_a_zip_that_lies_about_sizes_is_refused() -> None:
    data = bytearray(write.zipped({"a": bytes(5000)}))
    central = data.rfind(b"PK\x01\x02")
    data[central + 24 : central + 28] = (100).to_bytes(4, "little")
    with pytest.raises(ArchiveError):
        read(bytes(data))


@settings(max_examples=150, deadline=None)
@given(data=st.data(), make=st.sampled_from([write.deb, write.rpm, write.tar, write.cpio, write.zipped]))
def test_flipped_bytes_give_members_or_one_error(
    data: st.DataObject, make: Callable[[dict[str, bytes]], bytes]
) -> None:
    packed = bytearray(make({"usr/bin/a": b"first" * 50, "etc/c": b"x"}))
    for _ in range(data.draw(st.integers(1, 4))):
        packed[data.draw(st.integers(0, len(packed) - 1))] = data.draw(st.integers(0, 255))
    try:
        found = read_archive(io.BytesIO(packed), Budget("f", len(packed)))
        for member in found[1] if found else ():
            member.read()
    except ArchiveError as error:
        assert error.source == "f"


# -- bounds that tarfile lacks, for which tar is read by code of our own


def by_tarfile(data: bytes) -> list[str]:
    with tarfile.open(fileobj=io.BytesIO(data), mode="r|") as archive:
        return [member.name for member in archive]


def test_a_damaged_header_in_the_middle_is_no_end() -> None:
    """tarfile ends there without an error: the files behind it would be skipped in silence."""
    files = {f"f{number}": bytes([number]) * 700 for number in range(4)}
    damaged = bytearray(write.tar(files))
    damaged[2 * (512 + 1024)] ^= 0xFF
    assert by_tarfile(bytes(damaged)) == ["f0", "f1"]
    with pytest.raises(ArchiveError, match="damaged tar header"):
        read(bytes(damaged))


def test_a_missing_end_mark_is_told() -> None:
    cut = write.tar({"a": b"x" * 512})[:1024]
    assert by_tarfile(cut) == ["a"]
    with pytest.raises(ArchiveError, match="no end mark"):
        read(cut)


def test_a_large_pax_header_stays_out_of_memory() -> None:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w", format=tarfile.PAX_FORMAT) as archive:
        info = tarfile.TarInfo("x")
        info.pax_headers = {"comment": "z" * (8 << 20)}
        archive.addfile(info)
    tracemalloc.start()
    try:
        with pytest.raises(ArchiveError, match="over the limit"):
            read(made.getvalue())
        assert tracemalloc.get_traced_memory()[1] < 16 << 20  # the archive itself is 8 MiB
    finally:
        tracemalloc.stop()


def test_the_sum_of_a_tar_header_counts_every_byte() -> None:
    """Also of the fullest header, whose halves sum up to almost 65,521, where the sum by Adler-32 begins again."""
    whole = tarfile.TarInfo("name").tobuf(tarfile.USTAR_FORMAT)
    full = bytearray(b"\xff" * 512)
    full[124:136], full[156:157] = b"0" * 12, b"0"
    full[148:156] = b"%06o\0 " % (sum(full[:148]) + 8 * 32 + sum(full[156:]))
    for header in (whole, bytes(full)):
        assert len(list(read_archive_of(header + bytes(1024)))) == 1
        for at in (0, 99, 147, 157, 255, 256, 257, 511):
            bad = bytearray(header)
            bad[at] ^= 0x10
            with pytest.raises(ArchiveError, match="checksum"):
                list(read_archive_of(bytes(bad) + bytes(1024)))


def read_archive_of(data: bytes) -> Iterator[TarEntry]:
    """The entries of a tar archive."""
    budget = Budget("a.tar", len(data))
    return read_tar(Stream(io.BytesIO(data), Kind.TAR, budget), budget)
