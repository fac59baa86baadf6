# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Tables of one level taken apart into rows, each with a key that means the same at every level, and put together.

A level's table holds lists and numbers that count within it; a history of many levels needs rows that can be compared.
What is long and repeated (how a helper is given, an event's class) becomes an entry of a *pool* under the hash of it.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

Sections = dict[str, dict[str, Any]]

NAMES = {
    "kfuncs": ("arg_suffixes",), "lsm": ("untrusted",), "syscalls": ("archs",), "notrace": ("files",),
}  # fmt: skip
"""Sections whose values are lists of names: a name's own span counts, not that of its list."""

_PAIRS = {"kfuncs": ("fmodret",)}
_NAMED = {"filters": ("filters",)}
_NESTED = {"helpers": ("types",)}
_PLAIN = (str, int, list)
POOL = "pool"


def split(table: str, content: dict[str, Any]) -> Sections:
    """Section → key → value. ``provenance`` and ``problems`` are left out."""
    content = {k: v for k, v in content.items() if k not in ("provenance", "problems")}
    if table == "kfuncs":
        content.update(_split_sets(content.pop("sets")))
    elif table == "helpers":
        content = _split_helpers(content)
    elif table == "tracepoints":
        content = _split_events(content)
    made: Sections = {}
    for section, value in content.items():
        if section in _PAIRS.get(table, ()):
            made[section] = dict(value)
        elif section in _NAMED.get(table, ()):
            made[section] = {row["name"]: row for row in value}
        elif section in _NESTED.get(table, ()):
            made[section] = {f"{one} {two}": what for one, row in value.items() for two, what in row.items()}
        else:
            made[section] = {"": value} if isinstance(value, _PLAIN) else dict(value)
    return made


def join(table: str, sections: Sections) -> dict[str, Any]:
    """The table again; pools stay pools, by hash."""
    made: dict[str, Any] = {}
    for section, rows in sections.items():
        if section in _PAIRS.get(table, ()):
            made[section] = [[name, what] for name, what in sorted(rows.items())]
        elif section in _NAMED.get(table, ()):
            made[section] = [row for _, row in sorted(rows.items())]
        elif section in _NESTED.get(table, ()):
            made[section] = _joined(rows)
        else:
            made[section] = rows[""] if list(rows) == [""] else rows
    if table == "kfuncs":
        made["sets"] = _join_sets(made["sets"], made.pop("members"))
    return made


def _joined(rows: dict[str, Any]) -> dict[str, dict[str, Any]]:
    made: dict[str, dict[str, Any]] = {}
    for key, what in rows.items():
        one, _, two = key.partition(" ")
        made.setdefault(one, {})[two] = what
    return made


def _split_sets(sets: list[dict[str, Any]]) -> Sections:
    heads: dict[str, Any] = {}
    members: dict[str, Any] = {}
    for row in sets:
        key = _free(heads, f"{row['file']} {row['set']}")
        heads[key] = {k: v for k, v in row.items() if k not in ("file", "set", "kfuncs")}
        for name, flags, config in row["kfuncs"]:
            members[_free(members, f"{key} {name}")] = [flags, config]
    return {"sets": heads, "members": members}


def _free(taken: dict[str, Any], key: str) -> str:
    """The key, numbered where it is taken: one set may be written once for each side of an ``#if``."""
    number, made = 1, key
    while made in taken:
        number += 1
        made = f"{key} #{number}"
    return made


def _join_sets(heads: dict[str, Any], members: dict[str, Any]) -> list[dict[str, Any]]:
    kfuncs: dict[str, list[Any]] = {key: [] for key in heads}
    for key, (flags, config) in sorted(members.items()):
        words = key.split(" ")
        numbered = words[2].startswith("#")
        kfuncs[" ".join(words[: 3 if numbered else 2])].append([words[3 if numbered else 2], flags, config])
    return [
        {"file": key.split(" ")[0], "set": key.split(" ")[1], **head, "kfuncs": kfuncs[key]}
        for key, head in sorted(heads.items())
    ]


def _pooled(values: list[Any], pool: dict[str, Any]) -> list[str]:
    """Values into the pool; their keys in order."""
    keys = []
    for value in values:
        key = hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:10]
        pool[key] = value
        keys.append(key)
    return keys


def _split_helpers(content: dict[str, Any]) -> dict[str, Any]:
    if POOL in content:  # a level that was taken out of a history
        return content
    pool: dict[str, Any] = {}
    keys = _pooled(content["ways"], pool)
    types = {t: {helper: keys[n] for helper, n in rows.items()} for t, rows in content["types"].items()}
    base = {helper: keys[n] for helper, n in content["base"].items()}
    rest = {k: v for k, v in content.items() if k not in ("ways", "types", "base")}
    return {**rest, "types": types, "base": base, POOL: pool}


def _split_events(content: dict[str, Any]) -> dict[str, Any]:
    if POOL in content:
        return content
    pool: dict[str, Any] = {}
    keys, files = _pooled(content["classes"], pool), content["files"]
    events = {
        name: [system, [keys[cls]] if isinstance(cls, int) else cls, files[file], proto]
        for name, (system, cls, file, proto) in content["events"].items()
    }
    return {"events": events, POOL: pool}
