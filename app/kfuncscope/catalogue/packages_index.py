# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Debian's ``Packages``: paragraphs of ``Field: value`` with an empty line after each (Debian's repository format)."""

from __future__ import annotations

from collections.abc import Iterator

from kfuncscope.catalogue.entries import Entry, entry
from kfuncscope.errors import CatalogueError

_LONGEST_PARAGRAPH = 4 << 20
_WANTED = {b"filename": 0, b"package": 1, b"version": 2, b"architecture": 3, b"sha256": 4, b"size": 5}


def read_packages(pieces: Iterator[bytes], source: str) -> Iterator[Entry]:
    """The packages of an index. Raises InputError where it is not one."""
    for number, paragraph in enumerate(_paragraphs(pieces, source)):
        fields = ["", "", "", "", "", ""]
        for line in paragraph.split(b"\n"):
            at = _WANTED.get(line[: line.find(b":")].lower()) if line[:1] not in (b" ", b"\t") else None
            if at is not None:
                fields[at] = line[line.find(b":") + 1 :].strip().decode("utf-8", "backslashreplace")
        if not number and not (fields[0] and fields[1]):
            raise CatalogueError(source, "not an index of packages: its first entry has no Package and Filename")
        yield entry(*fields)


def _paragraphs(pieces: Iterator[bytes], source: str) -> Iterator[bytes]:
    rest = b""
    for piece in pieces:
        *whole, rest = (rest + piece.replace(b"\r\n", b"\n")).split(b"\n\n")
        if len(rest) > _LONGEST_PARAGRAPH:
            raise CatalogueError(source, "not an index of packages: a paragraph is longer than the limit")
        yield from (text for text in whole if text.strip())
    if rest.strip():
        yield rest
