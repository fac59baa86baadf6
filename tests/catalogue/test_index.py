# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Indexes of archives: Debian's Packages and rpm's primary.xml; what they hold, and what is refused of them."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kfuncscope.catalogue import entries as bounds
from kfuncscope.catalogue.entries import Entry, counted, pieces
from kfuncscope.catalogue.inputs import Candidate, Given, candidates, pool_of
from kfuncscope.catalogue.packages_index import read_packages
from kfuncscope.catalogue.repodata import read_primary
from kfuncscope.errors import InputError
from support.archives import packages_index, paragraph, primary
from support.archivewriter import compress

FILES = {"pool/main/a/a_1.0-1_amd64.deb": b"first", "pool/main/b/b_1.0-1_amd64.deb": b"second"}
RPMS = {"Packages/a/a-1.0-1.fc44.x86_64.rpm": b"first", "Packages/b/b-1.0-1.fc44.x86_64.rpm": b"second"}


def listed(data: bytes, tmp_path: Path) -> list[Candidate]:
    """The packages of an index that is written to a file."""
    path = tmp_path / "Packages"
    path.write_bytes(data)
    return list(candidates([str(path)], None, Given()))


@pytest.mark.parametrize("how", ["", "gz", "xz", "zst", "bz2", "lz4"])
def test_a_packages_file_of_any_compression(how: str, tmp_path: Path) -> None:
    found = listed(packages_index(FILES, how), tmp_path)
    assert [one.file for one in found] == list(FILES)
    first = found[0].listed
    assert first is not None and (first.name, first.version, first.arch, first.size) == ("a", "1.0-1", "amd64", 5)
    assert len(first.sha256) == 64 and not first.wrong
    assert found[0].path == str(tmp_path / "pool/main/a/a_1.0-1_amd64.deb")


@pytest.mark.parametrize("how", ["", "gz", "zst"])
def test_a_primary_file(how: str, tmp_path: Path) -> None:
    found = listed(primary(RPMS, how), tmp_path)
    assert [one.file for one in found] == list(RPMS)
    first = found[0].listed
    assert first is not None and (first.name, first.version, first.arch, first.size) == ("a", "1.0-1.fc44", "x86_64", 5)


def test_fields_are_read_whatever_their_case_and_order_and_lines_that_go_on_are_not(tmp_path: Path) -> None:
    text = "filename: pool/x.deb\nDescription: y\n Package: wrong\n\tVersion: wrong\nPACKAGE: x\nversion:2\n\n\n\n"
    (one,) = listed(text.encode(), tmp_path)
    assert one.listed == Entry("pool/x.deb", "x", "2")


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (("Filename: pool/b.deb", "Filename: ../b.deb"), "unsafe"),
        (("Filename: pool/b.deb", "Filename: /etc/b.deb"), "unsafe"),
        (("Filename: pool/b.deb", "Filename: "), "no file name"),
        (("Size: 1", "Size: many"), "not a number"),
        (("SHA256: ", "SHA256: z"), "too long"),
        (("SHA256: 3", "SHA256: z"), "SHA-256"),
        (("Filename: pool/b.deb", f"Filename: {'b' * 5000}"), "too long"),
        (("Version: 1.0-1", f"Version: {'1' * 600}"), "too long"),
    ],
)
def test_an_entry_that_cannot_be_used_is_said_and_the_others_are_read(
    change: tuple[str, str], why: str, tmp_path: Path
) -> None:
    bad = paragraph("pool/b.deb", b"b").replace(*change)
    found = listed("\n".join([paragraph("pool/a.deb", b"a"), bad, paragraph("pool/c.deb", b"c")]).encode(), tmp_path)
    assert [bool(one.wrong) for one in found] == [False, True, False]
    assert why in found[1].wrong


def test_entries_that_name_no_file_stay_apart(tmp_path: Path) -> None:
    bad = paragraph("pool/b.deb", b"b").replace("Filename: pool/b.deb\n", "")
    found = listed("\n".join([paragraph("pool/a.deb", b"a"), bad, bad]).encode(), tmp_path)
    assert len({one.place for one in found}) == 3


@pytest.mark.parametrize(
    "data",
    [
        b"", b"\n\n\n", b"no index at all", b"Package: a\nDirectory: pool/a\n", b"<html></html>", b"<metadata/>", b"<",
        primary({}, ""), b'<!DOCTYPE x [<!ENTITY a "b">]>' + primary(RPMS, ""), primary(RPMS, "")[:-30],
        primary(RPMS, "").replace(b"UTF-8", b"UTF-J"),
        compress(packages_index(FILES), "xz")[:-20], b"\0" * 4096,
    ],
)  # fmt: skip
def test_what_is_not_an_index_is_one_error(data: bytes, tmp_path: Path) -> None:
    with pytest.raises(InputError):
        listed(data, tmp_path)


def test_the_pool_is_beside_dists_or_repodata(tmp_path: Path) -> None:
    assert pool_of(tmp_path / "dists/trixie/main/binary-amd64/Packages.xz") == tmp_path
    assert pool_of(tmp_path / "os/repodata/1234-primary.xml.gz") == tmp_path / "os"
    assert pool_of(tmp_path / "flat/Packages") == tmp_path / "flat"


def test_no_more_than_so_many_entries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounds, "MOST_ENTRIES", 3)
    some = [Entry(f"{number}.deb") for number in range(4)]
    assert len(list(counted(iter(some[:3]), "x"))) == 3
    with pytest.raises(InputError, match="more than the limit of 3"):
        list(counted(iter(some), "x"))


def test_sixty_thousand_entries_are_read_a_piece_at_a_time() -> None:
    def text() -> Iterator[bytes]:
        for number in range(60):
            yield b"".join(
                f"Package: p{number}-{n}\nFilename: pool/{n}.deb\nX: {'y' * 900}\n\n".encode() for n in range(1000)
            )

    tracemalloc.start()
    count = sum(1 for _ in read_packages(text(), "x"))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert count == 60_000 and peak < 12 << 20


def endless(piece: bytes, times: int) -> Iterator[bytes]:
    """A piece again and again."""
    for _ in range(times):
        yield piece


def test_a_paragraph_and_a_tag_without_end_are_refused() -> None:
    with pytest.raises(InputError, match="longer than the limit"):
        list(read_packages(endless(b"x" * (1 << 20), 100), "x"))
    head = b'<metadata xmlns="http://linux.duke.edu/metadata/common"><package type="rpm" x="'
    with pytest.raises(InputError, match="longer than the limit"):
        list(read_primary((head + b"x" * (1 << 20) if not n else b"x" * (1 << 20) for n in range(100)), "x"))


def test_an_index_that_expands_without_end_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "Packages.gz"
    path.write_bytes(compress(b"Package: a\nFilename: b\n\n" * (4 << 20), "gz"))
    with pytest.raises(InputError):
        list(counted(read_packages(pieces(path, "x"), "x"), "x"))


@settings(max_examples=60, deadline=2000)
@given(st.lists(st.binary(max_size=60), max_size=30), st.sampled_from([b"\n", b"\n\n", b": ", b"Filename: ", b"<"]))
def test_any_bytes_give_entries_or_one_error(parts: list[bytes], between: bytes) -> None:
    data = b"Package: a\nFilename: b\n" + between.join(parts)
    for reader in (read_packages, read_primary):
        try:
            for one in counted(reader(iter([data]), "x"), "x"):
                assert one.wrong or (one.file and ".." not in one.file.split("/") and not one.file.startswith("/"))
        except InputError:
            continue


@settings(max_examples=30, deadline=2000)
@given(st.integers(1, 400))
def test_where_the_pieces_end_changes_nothing(size: int) -> None:
    data = packages_index(FILES)
    cut = (data[at : at + size] for at in range(0, len(data), size))
    assert list(read_packages(cut, "x")) == list(read_packages(iter([data]), "x"))
    text = primary(RPMS, "")
    cut = (text[at : at + size] for at in range(0, len(text), size))
    assert list(read_primary(cut, "x")) == list(read_primary(iter([text]), "x"))
