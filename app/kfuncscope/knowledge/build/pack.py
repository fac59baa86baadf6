# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Put the tables of many levels together: one history for each table, as the shipped ones are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from kfuncscope.errors import KnowledgeError
from kfuncscope.knowledge import tables
from kfuncscope.knowledge.build.build import COMPRESSED, COUNTED
from kfuncscope.knowledge.build.names import first_releases, kfunc_renames
from kfuncscope.knowledge.history import merge
from kfuncscope.knowledge.levels import in_order, level_key
from kfuncscope.knowledge.sources import MAIN, sources_in
from kfuncscope.resources import resource

_COMPRESSED = COMPRESSED | {"syscalls"}
DOCUMENTED = "documented"
"""The public record of first releases, with its provenance: what the sources of these levels are too few to tell."""


def pack(folders: Sequence[Path], out: Path) -> Iterator[str]:
    """Merge the tables in ``folders``, each named after its level, into ``out``; and make the tables about names across
    all of them, where no level that is shipped is missing; tells what was written.

    A level without a table is left out of that table's history. Raises KnowledgeError for a folder without tables.
    """
    for folder in folders:
        if level_key(folder.name) is None or not tables.exists(folder, MAIN):
            raise KnowledgeError(str(folder), "does not hold the tables of a level, or is not named after one")
    whole: dict[str, dict[str, dict[str, Any]]] = {}
    for table in COUNTED:
        contents = {f.name: dict(tables.read(f, table)) for f in folders if tables.exists(f, table)}
        if not contents:
            continue
        if table in ("kfuncs", "uapi", "notices"):
            whole[table] = contents
        try:
            written = tables.write(out, table, merge(table, contents), compress=table in _COMPRESSED)
        except OSError as error:
            raise KnowledgeError(str(out), f"cannot be written: {error}") from None
        except (KeyError, TypeError, ValueError) as error:
            raise KnowledgeError(f"{table} of {', '.join(contents)}", f"rows cannot be merged: {error!r}") from None
        yield f"{table}: {len(contents)} levels, {written.stat().st_size} bytes"
    if set(sources_in((resource("knowledge"),))) <= whole["kfuncs"].keys():
        yield from _about_names(whole, out)
    else:
        yield "first_release, kfunc_renames: not made, as levels that are shipped were not given"


def _about_names(whole: dict[str, dict[str, dict[str, Any]]], out: Path) -> Iterator[str]:
    """The tables of names across levels, from those of the levels and the public record of releases."""
    kfuncs, uapi = whole["kfuncs"], whole.get("uapi", {})
    levels = in_order(kfuncs)
    record = dict(tables.read(resource("knowledge"), DOCUMENTED))
    source = f"kernel sources of Linux {levels[0]} to {levels[-1]}, as the histories beside this table name them"
    said = record.pop("provenance")["source"]
    dates, doubts = first_releases(kfuncs, uapi, record)
    provenance = {"made": "kfuncscope knowledge pack", "source": f"{source}; between them {said}"}
    renames = kfunc_renames(kfuncs, whole.get("notices", {}))
    made = {
        "first_release": {"provenance": provenance, **dates},
        "kfunc_renames": {"provenance": {**provenance, "source": source}, **renames},
    }
    for table, content in made.items():
        try:
            written = tables.write(out, table, content)
        except OSError as error:
            raise KnowledgeError(str(out), f"cannot be written: {error}") from None
        yield f"{table}: {written.stat().st_size} bytes"
    yield from doubts
