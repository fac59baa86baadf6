# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Put the tables of many levels together: one history for each table, as the shipped ones are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from kfuncscope.errors import KnowledgeError
from kfuncscope.knowledge import tables
from kfuncscope.knowledge.build.build import COMPRESSED, COUNTED
from kfuncscope.knowledge.history import merge
from kfuncscope.knowledge.levels import level_key
from kfuncscope.knowledge.sources import MAIN

_COMPRESSED = COMPRESSED | {"syscalls"}


def pack(folders: Sequence[Path], out: Path) -> Iterator[str]:
    """Merge the tables in ``folders``, each named after its level, into ``out``; tells what was written.

    A level without a table is left out of that table's history. Raises KnowledgeError for a folder without tables.
    """
    for folder in folders:
        if level_key(folder.name) is None or not tables.exists(folder, MAIN):
            raise KnowledgeError(str(folder), "does not hold the tables of a level, or is not named after one")
    for table in COUNTED:
        contents = {f.name: dict(tables.read(f, table)) for f in folders if tables.exists(f, table)}
        if not contents:
            continue
        try:
            written = tables.write(out, table, merge(table, contents), compress=table in _COMPRESSED)
        except OSError as error:
            raise KnowledgeError(str(out), f"cannot be written: {error}") from None
        except (KeyError, TypeError, ValueError) as error:
            raise KnowledgeError(f"{table} of {', '.join(contents)}", f"rows cannot be merged: {error!r}") from None
        yield f"{table}: {len(contents)} levels, {written.stat().st_size} bytes"
