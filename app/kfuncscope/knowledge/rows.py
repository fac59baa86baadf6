# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Rows of the knowledge tables made into facts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from kfuncscope.knowledge.facts import (
    Alternative,
    HelperAllow,
    HelperFact,
    KfuncFact,
    KfuncReg,
    StructOpsFact,
    TracepointFact,
)
from kfuncscope.knowledge.shapes import POOL


class Tracepoints(Mapping[str, TracepointFact]):
    """Facts made when asked for: a release has thousands of events and a check needs a few."""

    def __init__(self, table: Mapping[str, Any]) -> None:
        self._events: Mapping[str, Any] = table["events"]
        # The table of one level counts classes and files; in a history a class is ``[key in the pool]``.
        self._classes: Any = table[POOL] if POOL in table else table["classes"]
        self._files: list[str] = table.get("files", [])

    def __getitem__(self, name: str) -> TracepointFact:
        system, cls, file, proto = self._events[name]
        place = file if isinstance(file, str) else self._files[file]
        if isinstance(cls, str):  # a bare tracepoint, or a class of another file
            return TracepointFact(name, system, cls, tuple(proto or ()), (), bool(cls), place)
        class_name, class_proto, fields = self._classes[cls if isinstance(cls, int) else cls[0]]
        args = tuple(class_proto if proto == 0 else proto)
        return TracepointFact(name, system, class_name, args, tuple(fields), True, place)

    def __iter__(self) -> Iterator[str]:
        return iter(self._events)

    def __len__(self) -> int:
        return len(self._events)


class NotTraced:
    """Functions that ftrace cannot patch, in one text of rows that is searched where it lies: ``rows_of`` makes it."""

    def __init__(self, rows: bytes) -> None:
        self._rows = rows
        self._told: dict[str, list[str]] = {}  # a search takes half a millisecond, and the same hooks come again

    @staticmethod
    def rows_of(files: Mapping[str, list[str]]) -> bytes:
        """A row for each function, by name: two NULs, the name, and each file after another NUL, in their order."""
        found: dict[str, list[str]] = {}
        for path, names in files.items():
            for name in names:
                found.setdefault(name, []).append(path)
        rows = ("\0".join((name, *paths)) for name, paths in sorted(found.items()))
        return "".join(f"\0\0{row}" for row in rows).encode() + b"\0\0"

    def files(self, function: str) -> list[str]:
        """The source files that define a function in a way that ftrace cannot patch; none for all others."""
        if function not in self._told:
            self._told[function] = self._found(function)
        return self._told[function]

    def _found(self, function: str) -> list[str]:
        rows, needle = self._rows, b"\0\0" + function.encode() + b"\0"
        at = rows.find(needle) if function else -1
        if at < 0:
            return []
        begin = at + len(needle)
        return rows[begin : rows.index(b"\0\0", begin)].decode().split("\0")


def kfunc_fact(name: str, regs: tuple[KfuncReg, ...], proto: str) -> KfuncFact:
    """A kfunc of all its registrations together."""
    flags = 0
    for reg in regs:
        flags |= reg.flags
    return KfuncFact(
        name, flags, frozenset().union(*(reg.prog_types for reg in regs)), tuple(reg.set for reg in regs),
        tuple(dict.fromkeys(f for reg in regs for f in reg.filters)),
        tuple(dict.fromkeys(c for reg in regs for c in reg.config)), regs[0].file, proto, regs,
    )  # fmt: skip


def helper_allow(rows: list[Any], protos: Mapping[str, Any]) -> HelperAllow:
    """The ways to a helper, with what the protos of each ask for."""
    ways = []
    for _via, proto, conditions in rows:
        gpl, sleep = protos.get(proto, (0, 0))
        conds = tuple((kind, bool(negated), tuple(words)) for kind, negated, words in conditions)
        ways.append(Alternative(proto, conds, bool(gpl), bool(sleep)))
    return HelperAllow(rows[0][0], tuple(ways))


class HelperWays(Mapping[Any, HelperAllow]):
    """How a helper is given, by its number in the table of one level or by its key in a history's pool.

    Made when asked for, as ``Tracepoints``.
    """

    def __init__(self, table: Mapping[str, Any]) -> None:
        self._rows: Mapping[Any, list[Any]] = table[POOL] if POOL in table else dict(enumerate(table["ways"]))
        self._protos: Mapping[str, Any] = table["protos"]
        self._made: dict[Any, HelperAllow] = {}

    def __getitem__(self, key: Any) -> HelperAllow:
        if key not in self._made:
            self._made[key] = helper_allow(self._rows[key], self._protos)
        return self._made[key]

    def __iter__(self) -> Iterator[Any]:
        return iter(self._rows)

    def __len__(self) -> int:
        return len(self._rows)


class Helpers(Mapping[str, HelperFact]):
    """Facts of helpers, by name without ``bpf_``; made when asked for, as ``Tracepoints``."""

    def __init__(self, table: Mapping[str, Any], ways: HelperWays) -> None:
        self._names: dict[str, None] = dict.fromkeys(table["helpers"])
        self._types: Mapping[str, Mapping[str, Any]] = table["types"]
        self._ways = ways
        self._made: dict[str, HelperFact] = {}

    def __getitem__(self, name: str) -> HelperFact:
        if name not in self._made:
            if name not in self._names:
                raise KeyError(name)
            given = {kind: self._ways[rows[name]] for kind, rows in self._types.items() if name in rows}
            self._made[name] = helper_fact(name, given)
        return self._made[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


def helper_fact(name: str, types: Mapping[str, HelperAllow]) -> HelperFact:
    """A helper of what each program type gets."""
    ways = [way for allow in types.values() for way in allow.alternatives]
    return HelperFact(name, any(way.gpl_only for way in ways), any(way.might_sleep for way in ways), types)


def struct_ops_fact(name: str, row: Mapping[str, Any]) -> StructOpsFact:
    """A struct_ops type."""
    given = row["helpers"]
    helpers = None if given is None else {helper: frozenset(lacking) for helper, lacking in given.items()}
    return StructOpsFact(
        name, dict(row["members"]), frozenset(row["sleepable"]), frozenset(row["must_sleep"]),
        frozenset(row["unsupported"]), helpers, bool(row["base_helpers"]), tuple(row["config"]),
    )  # fmt: skip
