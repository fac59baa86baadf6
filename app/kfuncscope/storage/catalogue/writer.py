# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Write a catalogue: what packages hold is added as it is read, and the current set is replaced at the end.

Each is one transaction, so a scan that is killed leaves the current set as it was, and what it had read is not read
again. Two scans may run at once: what both add is added once, and the set of the one that ends last stays.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from kfuncscope.errors import CatalogueError
from kfuncscope.storage.catalogue.form import LARGEST_BLOB, MOST_PACKAGES, opened, told
from kfuncscope.storage.catalogue.reader import rows
from kfuncscope.storage.catalogue.records import Content, Held, Packaged
from kfuncscope.storage.read import shown

if TYPE_CHECKING:
    import sqlite3

KEPT_SCANS = 10
"""For how many scans it is known what a package holds that is no longer there: it may come back."""

_TEXT = 1 << 15  # characters that are kept of a text


class Writer:
    """A catalogue, open for writing, made where there is none: ``with Writer(path, scanner) as catalogue``.

    What another version of the reader (``scanner``) found does not count as known. Everything in it raises
    CatalogueError.
    """

    def __init__(self, path: str | Path, scanner: int) -> None:
        self.source = shown(path)
        self.scanner = scanner
        self._path = path
        self._connection = opened(path, write=True)

    def __enter__(self) -> Writer:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def known(self) -> dict[str, tuple[str, str, str, bool]]:
        """What is known by content: SHA-256 → name, version, architecture, whether it could not be read."""
        sql = "SELECT sha256, name, version, arch, failed FROM content WHERE scanner = ?"
        form = tuple[bytes, str, str, str, int]
        found = rows(self._connection, self._path, sql, form, 4 * MOST_PACKAGES, (self.scanner,))
        return {sha256.hex(): (name, version, arch, bool(failed)) for sha256, name, version, arch, failed in found}

    def add(self, contents: Sequence[Content]) -> None:
        """Keep what packages hold, all or nothing."""
        with self._transaction() as connection:
            for content in contents:
                self._add(connection, content)

    def _add(self, connection: sqlite3.Connection, content: Content) -> None:
        sha256 = bytes.fromhex(content.sha256)
        there = "SELECT id FROM content WHERE sha256 = ? AND scanner = ?"
        if connection.execute(there, (sha256, self.scanner)).fetchone() is not None:
            return
        row = (sha256, self.scanner, *map(_text, (content.name, content.version, content.arch)), content.failed)
        number = connection.execute(
            "INSERT INTO content (sha256, scanner, name, version, arch, failed, seen) "
            "SELECT ?, ?, ?, ?, ?, ?, scans + 1 FROM state",
            row,
        ).lastrowid
        for at, held in enumerate(content.objects):
            place, loader = held.place, held.loader
            connection.execute(
                f"INSERT INTO held VALUES ({', '.join('?' * 11)})",
                (number, at, _object(connection, held), _text(place.package), _text(place.path), place.offset,
                 _text(held.name), loader.name, loader.oldest, loader.newest, _text(loader.where)),
            )  # fmt: skip
        connection.executemany(
            "INSERT INTO problem VALUES (?, ?, ?, ?, ?)",
            [(number, at, _text(p.path), _text(p.reason), p.offset) for at, p in enumerate(content.problems)],
        )

    def finish(self, packages: Sequence[Packaged]) -> None:
        """Make these the current set, and forget what has not been in it for ``KEPT_SCANS`` scans."""
        if len(packages) > MOST_PACKAGES:
            raise CatalogueError(self.source, f"more than the limit of {MOST_PACKAGES} packages")
        with self._transaction() as connection:
            found = connection.execute("SELECT sha256, id FROM content WHERE scanner = ?", (self.scanner,)).fetchall()
            numbers = {sha256.hex(): number for sha256, number in found}
            lost = next((one.file for one in packages if one.sha256 and one.sha256 not in numbers), None)
            if lost is not None:
                raise CatalogueError(self.source, f"another process changed it meanwhile ({lost}); scan again")
            connection.execute("DELETE FROM package")
            connection.executemany(
                f"INSERT INTO package VALUES ({', '.join('?' * 10)})",
                [(*_row(one, numbers.get(one.sha256)),) for one in packages],
            )
            connection.execute("UPDATE state SET scans = scans + 1")
            connection.execute(
                "UPDATE content SET seen = (SELECT scans FROM state) WHERE id IN (SELECT content FROM package)"
            )
            _sweep(connection)

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with told(self._path):
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise


def fits(held: Held) -> bool:
    """Whether there is room for an object in a row."""
    return len(held.data) <= LARGEST_BLOB


def _object(connection: sqlite3.Connection, held: Held) -> int:
    """The number of an object, which is put in where it is not there."""
    sha256 = bytes.fromhex(held.sha256)
    row = connection.execute("SELECT id FROM object WHERE sha256 = ?", (sha256,)).fetchone()
    if row is None:
        values = (sha256, held.size, held.data)
        row = (connection.execute("INSERT INTO object (sha256, bytes, data) VALUES (?, ?, ?)", values).lastrowid,)
    return int(row[0])


def _row(one: Packaged, content: int | None) -> tuple[object, ...]:
    problem = (one.problem.path, one.problem.reason, one.problem.offset) if one.problem is not None else ("", "", None)
    texts = map(_text, (one.name, one.version, one.arch))
    signature = json.dumps(one.signature) if one.signature else ""
    return (one.place, _text(one.file), content, *texts, _text(problem[0]), _text(problem[1]), problem[2], signature)


def _text(text: str) -> str:
    """A text as the reader takes it: of a bounded length, and one that UTF-8 has."""
    return text[:_TEXT].encode("utf-8", "backslashreplace").decode()


def _sweep(connection: sqlite3.Connection) -> None:
    old = f"SELECT id FROM content WHERE seen <= (SELECT scans FROM state) - {KEPT_SCANS}"
    gone = connection.execute(old).fetchall()
    for (number,) in gone:
        _forget(connection, number)
    if gone:
        connection.execute("DELETE FROM object WHERE id NOT IN (SELECT object FROM held)")


def _forget(connection: sqlite3.Connection, number: int) -> None:
    for table, column in (("held", "content"), ("problem", "content"), ("content", "id")):
        connection.execute(f"DELETE FROM {table} WHERE {column} = ?", (number,))
