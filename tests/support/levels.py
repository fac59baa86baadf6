# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Tables of one level for tests, out of the shipped histories."""

from __future__ import annotations

from pathlib import Path

from kfuncscope.knowledge import knowledge, names, sources, tables
from kfuncscope.knowledge.build.build import COUNTED


def one_level(folder: Path, level: str) -> Path:
    """The shipped tables of a level as a folder of its own, as ``knowledge build`` makes them."""
    source = sources.sources()[level]
    for table in COUNTED:
        if source.has(table):
            tables.write(folder, table, source.read(table))
    return folder


def forget() -> None:
    """Look for levels again: nothing that was kept of tables counts any more."""
    knowledge._for_release.cache_clear()
    sources.sources_in.cache_clear()
    names._last_levels.cache_clear()
