# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Filters of kfunc sets as data (R-11.1): which programs a filter lets call the kfuncs that it governs.

A filter is consulted for each kfunc of the hook that its set is registered for, and lets kfuncs of other sets pass.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kfuncscope.knowledge.facts import Answer


@dataclass(frozen=True, slots=True)
class Caller:
    """The program that calls: types as in ``facts``, struct_ops type and member, LSM hook; empty = not known."""

    prog_type: str
    attach_type: str = ""
    struct_ops: str = ""
    member: str = ""
    hook: str = ""


@dataclass(frozen=True, slots=True)
class FilterRule:
    """One way to pass: every condition that is not empty must hold; ``kfuncs`` empty = all that are governed."""

    kfuncs: frozenset[str] = frozenset()
    prog_types: frozenset[str] = frozenset()
    not_prog_types: frozenset[str] = frozenset()
    attach_types: frozenset[str] = frozenset()
    not_attach_types: frozenset[str] = frozenset()
    struct_ops: frozenset[str] = frozenset()
    not_struct_ops: frozenset[str] = frozenset()
    members: frozenset[str] = frozenset()
    hooks: frozenset[str] = frozenset()
    not_hooks: frozenset[str] = frozenset()

    def holds(self, kfunc: str, caller: Caller) -> Answer:
        """Whether this rule lets the caller pass; unknown where the caller's member or attach type decides it."""
        if self.kfuncs and kfunc not in self.kfuncs:
            return "no"
        if self.prog_types and caller.prog_type not in self.prog_types:
            return "no"
        if caller.prog_type in self.not_prog_types:
            return "no"
        if (self.struct_ops or self.members) and caller.prog_type != "STRUCT_OPS":
            return "no"
        if self.attach_types and caller.attach_type not in self.attach_types:
            return "no"
        if caller.attach_type in self.not_attach_types:
            return "no"
        open_ = False
        for allowed, denied, value in (
            (self.struct_ops, self.not_struct_ops, caller.struct_ops),
            (self.members, frozenset[str](), caller.member),
            (self.hooks, self.not_hooks, caller.hook),
        ):
            if value and ((allowed and value not in allowed) or value in denied):
                return "no"
            open_ = open_ or (not value and bool(allowed or denied))
        return "unknown" if open_ else "yes"


@dataclass(frozen=True, slots=True)
class KfuncFilter:
    """One filter: the kfuncs it governs and the rules any of which lets a program pass.

    ``understood`` is False where the filter's code has a shape that the builder could not turn into rules; then
    every question has the answer unknown.
    """

    name: str
    governs: frozenset[str]
    rules: tuple[FilterRule, ...]
    understood: bool = True

    def passes(self, kfunc: str, caller: Caller) -> Answer:
        """Whether the filter lets the program call the kfunc."""
        if kfunc not in self.governs:
            return "yes"
        if not self.understood:
            return "unknown"
        answers = {rule.holds(kfunc, caller) for rule in self.rules}
        if "yes" in answers:
            return "yes"
        return "unknown" if "unknown" in answers else "no"


def filters_from(table: Mapping[str, Any]) -> dict[str, KfuncFilter]:
    """The filters of a ``filters`` table by name."""
    made = {}
    for row in table.get("filters", ()):
        rules = tuple(FilterRule(**{key: frozenset(words) for key, words in rule.items()}) for rule in row["rules"])
        understood = bool(row.get("understood", True))
        made[row["name"]] = KfuncFilter(row["name"], frozenset(row["governs"]), rules, understood)
    return made
