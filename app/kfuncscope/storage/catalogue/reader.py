# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Read a catalogue: its packages, their objects and problems; all of it checked and within bounds."""

from __future__ import annotations

import hashlib
import json
import os
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from kfuncscope.errors import CatalogueError
from kfuncscope.storage.catalogue.form import LARGEST_BLOB, MOST_PACKAGES, bounded, opened, told
from kfuncscope.storage.catalogue.records import CataloguedObject, Packaged, owned
from kfuncscope.storage.files import InputProblem, Loader, Place
from kfuncscope.storage.read import shown

if TYPE_CHECKING:
    import sqlite3

_MOST_ROWS = 1_000_000  # objects, and problems
_LARGEST = 1 << 30  # bytes of one object
_ROOM = 112 << 20  # bytes that the objects of any catalogue may take in memory
_PER_BYTE = 24  # and beyond that for each byte of the file
_MOST_ROOM = 4 << 30
_LONGEST = 1 << 16  # characters of a text
_STEP = 1000

_PACKAGES = (
    "SELECT package.place, package.file, content.sha256, package.name, package.version, package.arch, package.path, "
    "package.reason, package.offset, package.signature FROM package LEFT JOIN content ON content.id = package.content "
    "ORDER BY package.file, package.place"
)
_OBJECTS = (
    "SELECT package.file, content.name, content.version, content.arch, held.object, object.sha256, object.bytes, "
    "held.package, held.path, held.offset, held.name, held.loader, held.oldest, held.newest, held.told_by "
    "FROM package CROSS JOIN content ON content.id = package.content CROSS JOIN held ON held.content = content.id "
    "LEFT JOIN object ON object.id = held.object ORDER BY package.file, package.place, held.number"
)
_LOST = (
    "SELECT package.file FROM package LEFT JOIN content ON content.id = package.content "
    "WHERE content.id IS NULL AND (package.content IS NOT NULL OR package.reason = '') LIMIT 1"
)
_PROBLEMS = (
    "SELECT package.file, problem.path, problem.reason, problem.offset FROM package "
    "CROSS JOIN problem ON problem.content = package.content UNION ALL "
    "SELECT file, path, reason, offset FROM package WHERE reason != ''"
)
_Row = tuple[bytes, str, bytes | None, str, str, str, str, str, int | None, str]
_ObjectRow = tuple[str, str, str, str, int, bytes, int, str, str, int, str, str, str, str, str]
_ProblemRow = tuple[str, str, str, int | None]


class Reader:
    """A catalogue, open for reading: ``with Reader(path) as catalogue``. Everything in it raises CatalogueError."""

    def __init__(self, path: str | Path) -> None:
        self.source = shown(path)
        self._path = path
        self._connection = opened(path)

    def __enter__(self) -> Reader:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def packages(self) -> Iterator[Packaged]:
        """The files of the current set, by name."""
        for row in rows(self._connection, self._path, _PACKAGES, _Row, MOST_PACKAGES):
            place, file, sha256, name, version, arch, path, reason, offset, signature = row
            problem = InputProblem(path, reason, offset) if reason else None
            yield Packaged(place, file, (sha256 or b"").hex(), name, version, arch, problem, self._signature(signature))

    def objects(self, *, data: bool = False) -> list[CataloguedObject]:
        """The objects of the current set by file, each as often as it is in a package; with their bytes if wanted."""
        for (file,) in rows(self._connection, self._path, _LOST, tuple[str], 1):
            raise CatalogueError(self.source, f"damaged: it has lost what {file} holds")
        found = list(rows(self._connection, self._path, _OBJECTS, _ObjectRow, _MOST_ROWS))
        read = self._read({row[4]: (row[5].hex(), row[6]) for row in found}) if data else {}
        made = []
        for file, name, version, arch, number, sha256, size, package, path, offset, short, *loader in found:
            place = Place(owned(package, file), path, offset)
            made.append(
                CataloguedObject(
                    file, name, version, arch, sha256.hex(), size, place, owned(short, file),
                    Loader(loader[0], loader[1], loader[2], loader[3]), read.get(number, b""),
                )
            )  # fmt: skip
        return made

    def problems(self) -> list[InputProblem]:
        """What of the current set could not be read, each with a path that begins with the catalogue's."""
        found = []
        for file, path, reason, offset in rows(self._connection, self._path, _PROBLEMS, _ProblemRow, _MOST_ROWS):
            inside = f"{self.source}:{file}{path}" if path[:1] in ("", ":") else owned(path, file)
            found.append(InputProblem(inside, reason, offset))
        return sorted(set(found), key=lambda p: (p.path, p.offset or 0, p.reason))

    def scans(self) -> int:
        """How many scans have been finished."""
        ((number,),) = list(rows(self._connection, self._path, "SELECT scans FROM state", tuple[int], 1)) or [(0,)]
        return int(number)

    def read_by_others(self, scanner: int) -> int:
        """How many packages of the current set another version of the reader has read."""
        sql = (
            "SELECT content.id FROM package CROSS JOIN content ON content.id = package.content "
            f"WHERE content.scanner != {int(scanner)}"
        )
        return sum(1 for _ in rows(self._connection, self._path, sql, tuple[int], MOST_PACKAGES))

    def _signature(self, text: str) -> tuple[int, ...]:
        try:
            return msgspec.convert(json.loads(text or "[]"), tuple[int, ...])
        except (ValueError, RecursionError) as error:
            raise CatalogueError(self.source, "damaged: a signature of a file") from error

    def _read(self, wanted: dict[int, tuple[str, int]]) -> dict[int, bytes]:
        """The objects' bytes, by number, each checked by its SHA-256."""
        room = min(_MOST_ROOM, max(_ROOM, _PER_BYTE * os.path.getsize(self._path)))
        total = sum(size for _, size in wanted.values())
        if total > room or any(not 0 <= size <= _LARGEST for _, size in wanted.values()):
            raise CatalogueError(self.source, f"its objects take more than the limit of {room} bytes of memory")
        found = {}
        bounded(self._connection, LARGEST_BLOB)
        for number, (digest, size) in wanted.items():
            sql = "SELECT data FROM object WHERE id = ? AND length(data) <= ?"
            listed = list(rows(self._connection, self._path, sql, tuple[bytes], 1, (number, LARGEST_BLOB)))
            data = self._unpacked(listed[0][0], size) if listed else None
            if data is None or hashlib.sha256(data).hexdigest() != digest:
                raise CatalogueError(self.source, f"damaged: object {digest[:16]} does not have its SHA-256")
            found[number] = data
        return found

    @staticmethod
    def _unpacked(packed: bytes, size: int) -> bytes | None:
        decoder = zlib.decompressobj()
        try:
            data = decoder.decompress(packed, size + 1)
        except zlib.error:
            return None
        return data if len(data) == size else None


def rows(
    connection: sqlite3.Connection,
    path: str | Path,
    sql: str,
    form: Any,
    most: int,
    values: tuple[Any, ...] = (),
) -> Iterator[Any]:
    """What a query gives, each row of the ``form``; CatalogueError where there are more than ``most``, or others."""
    source = shown(path)
    count = 0
    with told(path):
        cursor = connection.execute(sql, values)
    while True:
        with told(path):
            listed = cursor.fetchmany(_STEP)
        if not listed:
            return
        count += len(listed)
        if count > most:
            raise CatalogueError(source, f"holds more than the limit of {most} entries")
        try:
            made = msgspec.convert(listed, list[form])
        except (msgspec.ValidationError, ValueError) as error:
            raise CatalogueError(source, "damaged: an entry does not have its form") from error
        if any(isinstance(value, str) and len(value) > _LONGEST for row in made for value in row):
            raise CatalogueError(source, "damaged: a text is longer than the limit")
        yield from made
