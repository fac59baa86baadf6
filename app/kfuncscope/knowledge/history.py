# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Tables of many levels in one file: each row with the spans of levels in which it is true.

``{"levels": {LEVEL: SOURCE, ...}, SECTION: {KEY: {SPAN: VALUE, ...}, ...}, "pool": {HASH: VALUE}}``; a row none of
whose spans holds a level is not in that level's table. Lists of names are split: each span holds the names that are
true there.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import msgspec

from kfuncscope.knowledge import tables
from kfuncscope.knowledge.levels import Key, holds, in_order, level_key, span_of
from kfuncscope.knowledge.shapes import NAMES, POOL, Sections, join, split
from kfuncscope.storage.cache import default_cache

VERSION = 1
"""Part of the cache key; raised whenever what is made of a history changes."""

LEVELS = "levels"
MADE = "kfuncscope knowledge build, then kfuncscope knowledge pack"
_LARGE = 64 << 10
_NO_SECTION = frozenset({"provenance", LEVELS, POOL})


@cache
def history(root: Path, table: str) -> tables.Table:
    """A history as it lies in the folder, kept for the process."""
    return tables.read(root, table)


@cache
def kept_level(root: Path, table: str, level: str) -> tables.Table | None:
    """The table of one level as an earlier run kept it; None where it did not.

    Only of large histories: one level of these is read ten times as quickly as all of them.
    """
    try:
        path = tables.path_of(root, table)
        if path.stat().st_size < _LARGE:
            return None
        found = default_cache().get(_key(path, level))
    except OSError:
        return None
    try:
        made = msgspec.msgpack.decode(found) if found is not None else None
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None
    return tables.Table(path, made) if isinstance(made, dict) else None


def _key(path: Path, level: str) -> str:
    return f"knowledge:{VERSION}:{path.name}:{level}:{_digest(path)}"


@cache
def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def read_level(root: Path, table: str, level: str) -> tables.Table:
    """The table of one level, kept for the next run. Raises KnowledgeError as ``at_level``."""
    if (found := kept_level(root, table, level)) is None:
        found = at_level(root, table, level)
        if found.path.stat().st_size >= _LARGE:
            default_cache().put(_key(found.path, level), msgspec.msgpack.encode(dict(found)))
    return found


def kept_rows(root: Path, table: str, level: str, make: Callable[[], bytes]) -> bytes:
    """The text that ``make`` makes of the table of one level, kept for the next run; it begins and ends with NULs."""
    path = tables.path_of(root, table)
    key = f"{_key(path, level)}:rows"
    found = default_cache().get(key)
    if found is None or found[:2] != b"\0\0" or found[-2:] != b"\0\0":
        found = make()
        if found:
            default_cache().put(key, found, compress=False)
    return found


def at_level(root: Path, table: str, level: str) -> tables.Table:
    """The table of one level. Raises KnowledgeError where the history is damaged or does not know the level."""
    whole = history(root, table)
    key = level_key(level)
    if key is None or level not in whole[LEVELS]:
        raise tables.damaged(whole, f"does not know level {level}")
    sections: Sections = {}
    try:
        for section, rows in whole.items():
            if section in NAMES.get(table, ()):
                sections[section] = _names_at(rows, key)
            elif section not in _NO_SECTION:
                sections[section] = _rows_at(rows, key)
        made = join(table, sections)
    except (AttributeError, TypeError, ValueError, KeyError, IndexError):
        raise tables.damaged(whole, "rows are not of the form that this version reads") from None
    if POOL in whole:
        made[POOL] = whole[POOL]
    made["provenance"] = {**whole["provenance"], "source": whole[LEVELS][level]}
    return tables.Table(whole.path, made)


def _rows_at(rows: Mapping[str, Mapping[str, Any]], level: Key) -> dict[str, Any]:
    known: dict[str, bool] = {}
    made = {}
    for key, spans in rows.items():
        for span, value in spans.items():
            there = known.get(span)
            if there is None:
                there = known[span] = holds(span, level)
            if there:
                made[key] = value
                break
    return made


def _names_at(rows: Mapping[str, Mapping[str, list[str]]], level: Key) -> dict[str, Any]:
    made = {}
    for key, spans in rows.items():
        names = [name for span, names in spans.items() if holds(span, level) for name in names]
        if names or not key:
            made[key] = sorted(names)
    return made


def row_history(root: Path, table: str, section: str) -> Mapping[str, Mapping[str, Any]]:
    """Key → span → value of one section, for those who look at the life of a fact."""
    return dict(history(root, table)[section])


def merge(table: str, contents: Mapping[str, dict[str, Any]]) -> dict[str, Any]:
    """The history of a table from its content at each level. A level without the table is not among its levels."""
    names = in_order(contents)
    parts = {name: split(table, contents[name]) for name in names}
    made: dict[str, Any] = {
        "provenance": {"made": MADE, "source": "kernel sources, those of each level by its name below"},
        LEVELS: {name: contents[name]["provenance"]["source"] for name in names},
    }
    for section in sorted({section for part in parts.values() for section in part}):
        if section == POOL:
            made[POOL] = {k: v for part in parts.values() for k, v in part.get(POOL, {}).items()}
            continue
        rows = {name: part.get(section, {}) for name, part in parts.items()}
        if section in NAMES.get(table, ()):
            made[section] = _merged_names(rows, names)
        else:
            made[section] = _merged_rows(rows, names)
    return made


def _keys(rows: Mapping[str, Mapping[str, Any]]) -> list[str]:
    return sorted({key for row in rows.values() for key in row})


def _merged_rows(rows: Mapping[str, Mapping[str, Any]], names: list[str]) -> dict[str, dict[str, Any]]:
    made: dict[str, dict[str, Any]] = {}
    for key in _keys(rows):
        values: list[tuple[Any, list[str]]] = []
        for name in names:
            if key not in rows[name]:
                continue
            value = rows[name][key]
            for known, where in values:
                if known == value:
                    where.append(name)
                    break
            else:
                values.append((value, [name]))
        made[key] = {span_of(where, names): value for value, where in values}
    return made


def _merged_names(rows: Mapping[str, Mapping[str, Iterable[str]]], names: list[str]) -> dict[str, dict[str, Any]]:
    made: dict[str, dict[str, Any]] = {}
    for key in _keys(rows):
        where: dict[str, list[str]] = {}
        for name in names:
            for one in rows[name].get(key, ()):
                where.setdefault(one, []).append(name)
        spans: dict[str, list[str]] = {}
        for one, levels in sorted(where.items()):
            spans.setdefault(span_of(levels, names), []).append(one)
        made[key] = spans
    return made
