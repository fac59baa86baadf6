# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Write cpio archives in the "newc" format, which the kernel unpacks as its first file system."""

from __future__ import annotations

import stat
from collections.abc import Iterable
from dataclasses import dataclass
from typing import BinaryIO


@dataclass(frozen=True, slots=True)
class Entry:
    """One file of the archive: path without a leading slash, mode with its type bits, content, device numbers."""

    path: str
    mode: int
    data: bytes = b""
    device: tuple[int, int] = (0, 0)


def file(path: str, data: bytes, mode: int = 0o644) -> Entry:
    """A regular file."""
    return Entry(path, stat.S_IFREG | mode, data)


def link(path: str, target: str) -> Entry:
    """A symbolic link."""
    return Entry(path, stat.S_IFLNK | 0o777, target.encode())


def node(path: str, major: int, minor: int) -> Entry:
    """A character device."""
    return Entry(path, stat.S_IFCHR | 0o600, device=(major, minor))


def with_folders(entries: Iterable[Entry]) -> list[Entry]:
    """The entries, and before them the folders that they lie in; of two entries of one path the first stays."""
    files = {entry.path: entry for entry in reversed(list(entries))}
    folders = {"/".join(parts[:n]) for path in files for parts in [path.split("/")] for n in range(1, len(parts))}
    return [Entry(path, stat.S_IFDIR | 0o755) for path in sorted(folders - files.keys())] + [
        files[path] for path in sorted(files)
    ]


def write(entries: Iterable[Entry], out: BinaryIO) -> None:
    """Write the archive. All times are 0 and inode numbers count up, so equal entries make an equal archive."""
    for number, entry in enumerate([*entries, Entry("TRAILER!!!", 0)], 1):
        name = entry.path.encode() + b"\0"
        links = 2 if stat.S_ISDIR(entry.mode) else 1
        fields = (number, entry.mode, 0, 0, links, 0, len(entry.data), 0, 0, *entry.device, len(name), 0)
        head = b"070701" + b"".join(b"%08X" % field for field in fields) + name
        out.write(head + bytes(-len(head) % 4) + entry.data + bytes(-len(entry.data) % 4))
