# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Filters of kfunc sets turned into rules, by running them for every kind of caller (R-11.1)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from kfuncscope.knowledge.build.csource.cparse import NotUnderstoodError
from kfuncscope.knowledge.build.csource.decide import Runner
from kfuncscope.knowledge.build.csource.paths import Sym, Value, merge
from kfuncscope.knowledge.build.csource.tree import Tree
from kfuncscope.knowledge.build.helper_protos import ProgramWorld, program_types
from kfuncscope.knowledge.build.id_sets import IdSets
from kfuncscope.knowledge.build.struct_ops import StructOps


class Filters:
    """Runs filters of a tree."""

    def __init__(self, tree: Tree, ids: IdSets, ops: StructOps) -> None:
        self.tree = tree
        self.ids = ids
        self.ops = ops
        self._runner = Runner(tree, ProgramWorld(ids, "SOCKET_FILTER"))
        self.types = [name for name in program_types(tree) if name not in ("STRUCT_OPS", "EXT")]

    def table(self, sets: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """The ``filters`` table for the rows of a ``kfuncs`` table."""
        kfuncs = sorted({row[0] for one in sets for row in one["kfuncs"]})
        named: dict[str, list[Mapping[str, Any]]] = {}
        for one in sets:
            for name in one["filters"]:
                named.setdefault(name, []).append(one)
        return {"filters": [self._filter(name, rows, kfuncs) for name, rows in sorted(named.items())]}

    def _filter(self, name: str, rows: list[Mapping[str, Any]], kfuncs: list[str]) -> dict[str, Any]:
        files = list(dict.fromkeys(row["file"] for row in rows))
        definition = next((found for file in files if (found := self.tree.function(name, file, files))), None)
        fallback = sorted({kfunc[0] for row in rows for kfunc in row["kfuncs"]})
        if definition is None:
            return {"name": name, "governs": fallback, "rules": [], "understood": 0}
        file, function = definition
        sets = re.findall(r"btf_id_set8?_contains\s*\(\s*&?(\w+)", function.body)
        classes: dict[tuple[bool, ...], list[str]] = {}
        lists = self.ids.lists(file)
        for kfunc in kfuncs:
            classes.setdefault(tuple(kfunc in lists.get(one, ()) for one in sets), []).append(kfunc)
        made: dict[str, tuple[dict[str, Any], list[str]]] = {}
        governs: list[str] = []
        try:
            for members in classes.values():
                rules = list(self._rules(file, name, members[0]))
                if rules == [{}]:
                    continue
                governs += members
                for rule in rules:
                    made.setdefault(repr(sorted(rule.items())), (rule, []))[1].extend(members)
        except NotUnderstoodError as error:
            return {"name": name, "governs": fallback, "rules": [], "understood": 0, "problem": str(error)}
        rows_ = [
            rule if sorted(members) == sorted(governs) else {"kfuncs": sorted(members), **rule}
            for rule, members in made.values()
        ]
        return {"name": name, "governs": sorted(governs), "rules": rows_, "understood": 1}

    def _rules(self, file: str, name: str, kfunc: str) -> Iterator[dict[str, Any]]:
        """Rules by which the kfunc passes; one empty rule where it always does."""
        free: list[str] = []
        bound: dict[tuple[Any, ...], list[str]] = {}
        for prog_type in self.types:
            ways = self._ways(file, name, kfunc, ProgramWorld(self.ids, prog_type))
            if () in ways:
                free.append(prog_type)
            for way in ways:
                if way:
                    bound.setdefault(way, []).append(prog_type)
        mentioned = [ops for ops in self.ops.types if self._mentions(file, name, ops.object)]
        inside = []
        for ops in mentioned:
            callbacks = self._callbacks(ops.type)
            passing = [one for one in callbacks if self._passes(file, name, kfunc, ops.type, ops.object, one)]
            if passing:
                inside.append((ops.type, passing, len(passing) == len(callbacks)))
        others = self._passes(file, name, kfunc, "", "some_other_ops", "some_member")
        everywhere = [type_ for type_, _, whole in inside if whole]
        if others and len(free) == len(self.types) and len(everywhere) == len(mentioned):
            yield {}
            return
        if free:
            yield self._typed(free)
        for way, types in bound.items():
            yield {**self._typed(types), **_conditions(way)}
        if others:
            named = {"not_struct_ops": [ops.type for ops in mentioned]} if mentioned else {}
            yield {"prog_types": ["STRUCT_OPS"], **named}
        if everywhere:
            yield {"struct_ops": everywhere}
        for type_, passing, whole in inside:
            if not whole:
                yield {"struct_ops": [type_], "members": passing}

    def _typed(self, types: list[str]) -> dict[str, list[str]]:
        """The shorter way of naming program types."""
        missing = [name for name in self.types if name not in types]
        return {"not_prog_types": [*missing, "STRUCT_OPS"]} if len(missing) < len(types) else {"prog_types": types}

    def _callbacks(self, type_: str) -> list[str]:
        return [name for name, declaration in self.ops.members[type_].items() if "(*" in declaration]

    def _mentions(self, file: str, name: str, object_: str) -> bool:
        """Whether the filter, or a function that it calls, names the struct_ops object."""
        found = self.tree.function(name, file)
        if found is None:
            return False
        bodies = found[1].body
        for called in re.findall(r"\b(\w+)\s*\(\s*prog\s*\)", bodies):
            inner = self.tree.function(called, file)
            bodies += inner[1].body if inner else ""
        return re.search(rf"\b{object_}\b", bodies) is not None

    def _passes(self, file: str, name: str, kfunc: str, type_: str, object_: str, member: str) -> bool:
        at: Value = Sym(self.ops.aliases.get(type_, {}).get(member, member), "member")
        ways = self._ways(file, name, kfunc, ProgramWorld(self.ids, "STRUCT_OPS", Sym(object_), at))
        # a struct_ops program's expected attach type is the member's number: no attach type is hit
        return any(all(kind == "attach" and negated for kind, negated, _ in way) for way in ways)

    def _ways(self, file: str, name: str, kfunc: str, world: ProgramWorld) -> list[tuple[Any, ...]]:
        self._runner.world = world
        results = self._runner.run(file, name, (Sym("prog"), Sym(kfunc)))
        passing = [
            tuple(cond for cond in path.conds if cond[0] in ("attach", "hook", "sleepable", "text"))
            for value, path in results
            if value == 0 and not any(kind == "config" and negated for kind, negated, _ in path.conds)
        ]
        ways = merge(passing)
        return [()] if () in ways else ways


def _conditions(way: tuple[Any, ...]) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for kind, negated, words in way:
        key = {"attach": "attach_types", "hook": "hooks"}.get(kind)
        if key is None:
            raise NotUnderstoodError(f"condition {kind} {' '.join(words)}")
        made[f"not_{key}" if negated else key] = list(words)
    return made
