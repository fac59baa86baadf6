# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Packages as an archive's index lists them, and the bounds of every index."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from kfuncscope.containers.detect import COMPRESSED, HEAD, Kind, detect
from kfuncscope.containers.stream import Budget, Stream
from kfuncscope.errors import CatalogueError, InputError

MOST_ENTRIES = 250_000
_MOST_BYTES = 1 << 30
_LONGEST = {"file": 4096, "sha256": 64, "size": 15}
_LONGEST_FIELD = 512
_STEP = 1 << 20
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Entry:
    """One package of an index: its file below the pool, SHA-256 (in hex) and size, empty and None where not given.

    ``wrong`` says why the entry cannot be used.
    """

    file: str
    name: str = ""
    version: str = ""
    arch: str = ""
    sha256: str = ""
    size: int | None = None
    wrong: str = ""


def pieces(path: Path, source: str) -> Iterator[bytes]:
    """An index uncompressed, piece by piece. Raises InputError on damage and over the limits."""
    try:
        with path.open("rb") as file:
            kind = detect(file.read(HEAD))
            file.seek(0)
            stream = Stream(
                file, kind if kind in COMPRESSED else Kind.UNKNOWN, Budget(source, path.stat().st_size, _MOST_BYTES)
            )
            while piece := stream.read(_STEP):
                yield piece
    except (OSError, ValueError) as error:
        raise CatalogueError(source, getattr(error, "strerror", None) or str(error)) from error


def entry(file: str, name: str, version: str, arch: str, sha256: str, size: str) -> Entry:
    """An entry of the fields' words, checked; what cannot be used is said in it."""
    fields = {"name": name, "version": version, "arch": arch, "file": file, "sha256": sha256, "size": size}
    for field, text in fields.items():
        if len(text) > _LONGEST.get(field, _LONGEST_FIELD):
            return Entry(file[:200], name[:200], wrong=f"its entry in the index has a {field} that is too long")
    made = Entry(file, name, version, arch, sha256.lower(), int(size) if size.isdecimal() and size.isascii() else None)
    return Entry(file, name, version, arch, wrong=why) if (why := _wrong(made, size)) else made


def _wrong(made: Entry, size: str) -> str:
    parts = made.file.split("/")
    if made.file.startswith("/") or ".." in parts or "\0" in made.file or not made.file.strip("/."):
        return (
            "the path in its entry of the index is unsafe" if made.file else "its entry in the index has no file name"
        )
    if made.sha256 and not _SHA256.fullmatch(made.sha256):
        return "its entry in the index has a SHA-256 that is not one"
    if size and made.size is None:
        return "its entry in the index has a size that is not a number"
    return ""


def counted(entries: Iterator[Entry], source: str) -> Iterator[Entry]:
    """The entries, no more than the limit. Raises InputError over it, and where there is none."""
    count = 0
    for one in entries:
        count += 1
        if count > MOST_ENTRIES:
            raise CatalogueError(source, f"lists more than the limit of {MOST_ENTRIES} packages")
        yield one
    if not count:
        raise InputError(source, "lists no package: not an index of packages, or an empty one")
