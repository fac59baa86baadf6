# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The guest's first file system, read back by our own reader of cpio archives."""

from __future__ import annotations

import io
import stat

from kfuncscope.containers.detect import Kind
from kfuncscope.containers.stream import Budget, Stream
from kfuncscope.containers.tar import read_cpio
from kfuncscope.prove.guest import newc


def read_back(entries: list[newc.Entry]) -> list[tuple[str, int, bool, bytes]]:
    out = io.BytesIO()
    newc.write(entries, out)
    size = out.tell()
    out.seek(0)
    budget = Budget("initrd", size)
    return [(e.name, e.size, e.regular, e.read()) for e in read_cpio(Stream(out, Kind.CPIO, budget), budget)]


def test_files_links_and_devices_come_back() -> None:
    entries = [newc.file("a/b", b"12345", 0o755), newc.link("py", "/usr/bin/python3"), newc.node("dev/null", 1, 3)]
    assert read_back(entries) == [
        ("a/b", 5, True, b"12345"),
        ("py", 16, False, b"/usr/bin/python3"),
        ("dev/null", 0, False, b""),
    ]


def test_every_length_is_padded_so_that_the_next_entry_is_found() -> None:
    entries = [newc.file("n" * name, b"x" * size) for name in range(1, 6) for size in range(6)]
    assert [(n, s) for n, s, _, _ in read_back(entries)] == [(e.path, len(e.data)) for e in entries]


def test_folders_come_before_what_lies_in_them_and_the_first_of_a_name_stays() -> None:
    made = newc.with_folders([newc.file("x/y/z", b"1"), newc.file("x/y/z", b"2"), newc.file("init", b"")])
    assert [e.path for e in made] == ["x", "x/y", "init", "x/y/z"]
    assert [stat.S_ISDIR(e.mode) for e in made] == [True, True, False, False]
    assert made[-1].data == b"1"


def test_a_device_has_its_numbers_in_the_fields_of_rdev() -> None:
    out = io.BytesIO()
    newc.write([newc.node("dev/console", 5, 1)], out)
    fields = [int(out.getvalue()[at : at + 8], 16) for at in range(6, 110, 8)]
    assert fields[9:11] == [5, 1]
    assert stat.S_ISCHR(fields[1])


def test_equal_entries_make_equal_archives() -> None:
    first, second = io.BytesIO(), io.BytesIO()
    newc.write([newc.file("a", b"1")], first)
    newc.write([newc.file("a", b"1")], second)
    assert first.getvalue() == second.getvalue()
