# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Levels that have tables, and from where each table of a level is read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Protocol

from kfuncscope.knowledge import tables
from kfuncscope.knowledge.history import LEVELS, history, kept_level, kept_rows, read_level
from kfuncscope.knowledge.levels import in_order, level_key
from kfuncscope.knowledge.rows import NotTraced

MAIN = "kfuncs"
"""The table that every level has."""


class Source(Protocol):
    """The tables of one level."""

    def has(self, table: str) -> bool:
        """Whether the level has the table."""

    def read(self, table: str) -> dict[str, Any]:
        """The table. Raises KnowledgeError where it is absent or damaged."""

    def not_traced(self) -> bytes:
        """The rows of ``rows.NotTraced`` of this level; none where it has no such table."""


@dataclass(frozen=True, slots=True)
class LevelFolder:
    """A folder of one level's tables, as they were built."""

    folder: Path

    def has(self, table: str) -> bool:
        """Whether the folder has the table."""
        return tables.exists(self.folder, table)

    def read(self, table: str) -> dict[str, Any]:
        """The table as it lies there."""
        return tables.read(self.folder, table)

    def not_traced(self) -> bytes:
        """Made from the table."""
        return NotTraced.rows_of(self.read("notrace")["files"]) if self.has("notrace") else b""


@dataclass(frozen=True, slots=True)
class Histories:
    """One level out of the histories in a folder."""

    root: Path
    level: str

    def has(self, table: str) -> bool:
        """Whether the level has the table."""
        if not tables.exists(self.root, table):
            return False
        return kept_level(self.root, table, self.level) is not None or self.level in history(self.root, table)[LEVELS]

    def read(self, table: str) -> dict[str, Any]:
        """The table at this level."""
        return read_level(self.root, table, self.level)

    def not_traced(self) -> bytes:
        """As an earlier run kept them, else made from the table at this level."""
        if not tables.exists(self.root, "notrace"):
            return b""
        make = lambda: NotTraced.rows_of(self.read("notrace")["files"]) if self.has("notrace") else b""  # noqa: E731
        return kept_rows(self.root, "notrace", self.level, make)


def sources(extra: Path | None = None) -> Mapping[str, Source]:
    """Level → its tables, oldest first; user's own before the shipped ones, those in ``extra`` before both."""
    return sources_in(tables.roots(extra))


@cache
def sources_in(roots: tuple[Path, ...]) -> dict[str, Source]:
    """Level → its tables in these folders, oldest first; of two folders with one level, the later."""
    found: dict[str, Source] = {}
    for root in roots:
        if tables.exists(root, MAIN):
            found.update({level: Histories(root, level) for level in history(root, MAIN)[LEVELS]})
        for folder in root.iterdir():
            if folder.is_dir() and level_key(folder.name) and tables.exists(folder, MAIN):
                found[folder.name] = LevelFolder(folder)
    return {level: found[level] for level in in_order(found)}
