# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The tables of a catalogue, how it is opened, and what its errors say.

``package`` is the current set: the files of the last finished scan, each with what it holds. ``content`` is what a
package holds, by its SHA-256, whatever the file is called; it stays for some scans after the last file with it went.
``object`` has each object once, compressed.

The file is untrusted input: its tables must be those written here, word for word, and what is read of them is checked
and bounded.
"""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from kfuncscope.errors import CatalogueError
from kfuncscope.storage.read import shown

if TYPE_CHECKING:
    import sqlite3
else:
    from kfuncscope.deferred import sqlite3

APPLICATION = 0x6B667363
"""The number in the head of the file that says whose database it is: ``kfsc``."""

VERSION = 1
"""Version of the tables; raised whenever they change."""

SUFFIX = ".kcat"
MOST_PACKAGES = 500_000
LARGEST_BLOB = 900 << 20
"""Most bytes of one object as it is stored; SQLite takes 1,000,000,000 in a row."""

_TABLES = {
    "state": "CREATE TABLE state (scans INTEGER NOT NULL)",
    "content": "CREATE TABLE content (id INTEGER PRIMARY KEY, sha256 BLOB NOT NULL, scanner INTEGER NOT NULL, "
    "name TEXT NOT NULL, version TEXT NOT NULL, arch TEXT NOT NULL, failed INTEGER NOT NULL, seen INTEGER NOT NULL, "
    "UNIQUE (sha256, scanner))",
    "object": "CREATE TABLE object (id INTEGER PRIMARY KEY, sha256 BLOB NOT NULL UNIQUE, bytes INTEGER NOT NULL, "
    "data BLOB NOT NULL)",
    "held": "CREATE TABLE held (content INTEGER NOT NULL, number INTEGER NOT NULL, object INTEGER NOT NULL, "
    "package TEXT NOT NULL, path TEXT NOT NULL, offset INTEGER NOT NULL, name TEXT NOT NULL, loader TEXT NOT NULL, "
    "oldest TEXT NOT NULL, newest TEXT NOT NULL, told_by TEXT NOT NULL, PRIMARY KEY (content, number)) WITHOUT ROWID",
    "problem": "CREATE TABLE problem (content INTEGER NOT NULL, number INTEGER NOT NULL, path TEXT NOT NULL, "
    "reason TEXT NOT NULL, offset INTEGER, PRIMARY KEY (content, number)) WITHOUT ROWID",
    "package": "CREATE TABLE package (place BLOB PRIMARY KEY, file TEXT NOT NULL, content INTEGER, "
    "name TEXT NOT NULL, version TEXT NOT NULL, arch TEXT NOT NULL, path TEXT NOT NULL, reason TEXT NOT NULL, "
    "offset INTEGER, signature TEXT NOT NULL) WITHOUT ROWID",
}
_LONGEST_ROW = 1 << 18  # bytes of a row without an object's
_HEAD = 100
_MAGIC = b"SQLite format 3\0"
_PATIENCE = 20.0  # seconds to wait for another process that writes
_STEPS = 1 << 20  # of SQLite's machine between two looks at how many there were
_MOST_STEPS = 300
_BUSY = "another process is using it; try again when that is done"
_DAMAGED = "damaged; remove it and make it again with kfuncscope scan"


def is_catalogue(head: bytes) -> bool:
    """Whether a file that begins with ``head`` (1024 bytes) is a catalogue, of any version."""
    return head.startswith(_MAGIC) and head[68:72] == APPLICATION.to_bytes(4, "big")


def check_catalogue(path: str | Path) -> None:
    """Refuse a path that is not a catalogue, by its head. Raises CatalogueError."""
    source = shown(path)
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):
            raise CatalogueError(source, "not a regular file")
        with open(path, "rb") as file:
            head = file.read(_HEAD)
    except (OSError, ValueError) as error:
        raise CatalogueError(source, getattr(error, "strerror", None) or str(error)) from error
    if not is_catalogue(head):
        raise CatalogueError(source, "not a catalogue; make one with kfuncscope scan")


def opened(path: str | Path, *, write: bool = False) -> sqlite3.Connection:
    """A catalogue, open for reading, or for writing; it is made where it is not there (or empty). Raises InputError."""
    new = write and (not os.path.exists(path) or (os.path.isfile(path) and not os.path.getsize(path)))
    if not new:
        check_catalogue(path)
    if not write:
        _recover(path)
    with told(path):
        connection = _connected(path, "rwc" if new else "rw" if write else "ro")
    try:
        with told(path):
            for setting in ("trusted_schema = OFF", "cell_size_check = ON", "mmap_size = 0", "foreign_keys = OFF"):
                connection.execute(f"PRAGMA {setting}")
            if not write:
                connection.execute("PRAGMA query_only = ON")
            if new:
                _make(connection)
            _check(connection, shown(path))
    except BaseException:
        connection.close()
        raise
    _bound(connection)
    if not write:
        bounded(connection, _LONGEST_ROW)
    return connection


def _connected(path: str | Path, mode: str) -> sqlite3.Connection:
    uri = f"{Path(os.path.abspath(path)).as_uri()}?mode={mode}"
    return sqlite3.connect(uri, uri=True, timeout=_PATIENCE, isolation_level=None)


def _recover(path: str | Path) -> None:
    """Take back what a process that was killed had half written, as one that only reads cannot.

    Where this may not be, opening to read says why.
    """
    if os.path.exists(f"{os.fspath(path)}-journal"):
        with (
            contextlib.suppress(sqlite3.Error, UnicodeDecodeError),
            contextlib.closing(_connected(path, "rw")) as connection,
        ):
            connection.execute("SELECT name FROM sqlite_master").fetchone()


def _make(connection: sqlite3.Connection) -> None:
    connection.execute("BEGIN IMMEDIATE")
    try:
        # Another process may have been as quick.
        if not connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
            for sql in _TABLES.values():
                connection.execute(sql)
            connection.execute("INSERT INTO state VALUES (0)")
            connection.execute(f"PRAGMA application_id = {APPLICATION}")
            connection.execute(f"PRAGMA user_version = {VERSION}")
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


def _check(connection: sqlite3.Connection, source: str) -> None:
    """Refuse other versions, and a file whose tables are not a catalogue's own. Raises CatalogueError."""
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if version != VERSION:
        raise CatalogueError(
            source, f"version {version} of the catalogue is not known; this kfuncscope reads version {VERSION}"
        )
    rows = connection.execute("SELECT type, name, sql FROM sqlite_master WHERE sql IS NOT NULL").fetchmany(50)
    if {name: sql for kind, name, sql in rows if kind == "table"} != _TABLES or len(rows) != len(_TABLES):
        raise CatalogueError(source, _DAMAGED)


def _bound(connection: sqlite3.Connection) -> None:
    """End what takes too long: the pages of a made file may lead in circles."""
    done = 0

    def step() -> int:
        nonlocal done
        done += 1
        return int(done > _MOST_STEPS)

    connection.set_progress_handler(step, _STEPS)


def bounded(connection: sqlite3.Connection, size: int) -> None:
    """Refuse rows of more than ``size`` bytes from now on, before they are read into memory."""
    connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, size)


@contextlib.contextmanager
def told(path: str | Path) -> Iterator[None]:
    """What SQLite refuses as one CatalogueError."""
    source = shown(path)
    try:
        yield
    except sqlite3.OperationalError as error:
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            raise CatalogueError(source, _BUSY) from error
        if code in (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR):
            raise CatalogueError(source, f"cannot be used: {error}") from error
        raise CatalogueError(source, _DAMAGED) from error
    except (sqlite3.Error, UnicodeDecodeError) as error:  # the latter: of a message with bytes of the file in it
        raise CatalogueError(source, _DAMAGED) from error
