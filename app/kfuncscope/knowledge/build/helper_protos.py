# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Helper lists: which program type gets which helper and when, by running the kernel's get_func_proto functions.

R-6.2, R-11.3, R-11.4. Nothing is looked up by name: helpers, types and functions come from the tree.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from kfuncscope.knowledge.build.csource.cparse import NotUnderstoodError
from kfuncscope.knowledge.build.csource.ctext import calls, fields, gates_at, initializer, options, split_args, squeeze
from kfuncscope.knowledge.build.csource.decide import Runner
from kfuncscope.knowledge.build.csource.paths import Cond, Open, Path, Sym, Value, merge
from kfuncscope.knowledge.build.csource.tree import Tree
from kfuncscope.knowledge.build.id_sets import IdSets

# Program types that hang on something with a BTF id (bpf_prog_load_check_attach); for others the id is 0.
_WITH_TARGET = frozenset({"TRACING", "LSM", "EXT", "STRUCT_OPS"})
_CAPABLE = {"bpf_capable": "CAP_BPF", "perfmon_capable": "CAP_PERFMON", "bpf_ns_capable": "CAP_BPF"}


@dataclass(slots=True)
class ProgramWorld:
    """A program of one type that is being verified; attach type, hook, sleepability and privileges stay open."""

    ids: IdSets
    prog_type: str
    struct_ops: Value = 0
    member: Value = 0

    def read(self, path: str) -> Value | None:
        """Fields of ``struct bpf_prog`` that decide."""
        known: dict[str, Value] = {
            "prog.type": Sym(f"BPF_PROG_TYPE_{self.prog_type}"),
            "prog.expected_attach_type": Open("attach"),
            "prog.sleepable": Open("sleepable"),
            "prog.aux.sleepable": Open("sleepable"),
            "prog.aux.attach_btf_id": Open("hook") if self.prog_type in _WITH_TARGET else 0,
            "prog.aux.attach_func_name": Open("hook"),
            "prog.aux.dst_prog": 0,  # the target is the kernel's, not another program
            "prog.aux.st_ops": self.struct_ops,
            "prog.aux.attach_st_ops_member_off": self.member,
        }
        return known.get(path)

    def call(self, name: str, args: tuple[Value, ...], text: str, file: str) -> Value | None:
        """Privileges, lockdown, id sets and IS_ENABLED."""
        if name in _CAPABLE:
            return Open("cap", (_CAPABLE[name],))
        if name in ("capable", "ns_capable", "bpf_token_capable"):
            last = args[-1]
            return Open("cap", (last.name if isinstance(last, Sym) else text,))
        if name == "security_locked_down":
            return Open("lockdown", (text,))
        if name in ("IS_ENABLED", "IS_BUILTIN", "IS_REACHABLE") and isinstance(args[0], Sym):
            return Open("config", (args[0].name,))
        if name == "resolve_prog_type":
            return Sym(f"BPF_PROG_TYPE_{self.prog_type}")
        if name == "prog_ops_moff":
            return self.member
        if name == "bpf_iter_get_func_proto":
            return 0  # the iterator's own helpers are a table of their own
        if name in ("btf_id_set_contains", "btf_id_set8_contains") and isinstance(args[0], Sym):
            return self._contains(args[0].name, args[1], file)
        if name in ("IS_ERR", "IS_ERR_OR_NULL"):
            return 0
        if name in ("bpf_get_btf_vmlinux", "btf_type_by_id"):
            return Sym(name)  # there for every program that is verified
        if name == "btf_name_by_offset":  # of the one type whose id a program has
            return Open("hook")
        if name == "strncmp" and isinstance(args[0], Open) and args[0].kind == "hook" and isinstance(args[1], Sym):
            return Open("unlike", (args[1].name.strip('"'),))
        if name == "[]" and isinstance(args[0], Sym) and isinstance(args[1], int):
            members = self.ids.lists(file).get(args[0].name, ())
            return Sym(members[args[1]]) if args[1] < len(members) else None
        return None

    def _contains(self, name: str, what: Value, file: str) -> Value | None:
        members = self.ids.lists(file).get(name)
        if members is None:
            return None
        if isinstance(what, int):
            return 0
        if isinstance(what, Sym):
            return int(what.name in members)
        if isinstance(what, Open) and what.kind == "hook":
            return Open("hook", tuple(sorted(member.removeprefix("bpf_lsm_") for member in members)))
        return None


def helper_names(tree: Tree) -> tuple[str, ...]:
    """Helpers of ``enum bpf_func_id`` in order, without ``unspec``."""
    text = tree.text("include/uapi/linux/bpf.h")
    mapper = re.search(r"#define\s+_+BPF_FUNC_MAPPER\(FN[^\n]*\n((?:[^\n]*\\\n)*[^\n]*)", text)
    names = re.findall(r"\bFN\((\w+)", mapper[1]) if mapper else []
    return tuple(dict.fromkeys(name for name in names if name != "unspec"))


class Proto(NamedTuple):
    """A ``struct bpf_func_proto``: for GPL compatible programs only, may it sleep, its file and its ``allowed``."""

    gpl: bool
    sleep: bool
    file: str
    allowed: str


def protos(tree: Tree) -> dict[str, Proto]:
    """Name of each ``struct bpf_func_proto`` → what decides about it."""
    found = {}
    for path in tree.having(b"_func_proto", r"struct bpf_func_proto \w+\s*="):
        text = tree.text(path)
        for match in re.finditer(r"\bstruct\s+bpf_func_proto\s+(\w+)\s*=\s*\{", text):
            body = fields(initializer(text[match.start() :], r"\bstruct\s+bpf_func_proto\s+\w+") or "")
            gpl, sleep = body.get("gpl_only") == "true", body.get("might_sleep") == "true"
            found[match[1]] = Proto(gpl, sleep, path, body.get("allowed", ""))
    return found


def verifier_ops(tree: Tree) -> dict[str, tuple[str, str]]:
    """``struct bpf_verifier_ops`` object → (file, get_func_proto function or empty)."""
    found = {}
    for path in tree.having(b"_func_proto", r"struct bpf_verifier_ops \w+\s*="):
        text = tree.text(path)
        for match in re.finditer(r"\bstruct\s+bpf_verifier_ops\s+(\w+)\s*=\s*\{", text):
            body = fields(initializer(text[match.start() :], r"\bstruct\s+bpf_verifier_ops\s+\w+") or "")
            found[match[1]] = (path, body.get("get_func_proto", ""))
    return found


def program_types(tree: Tree) -> dict[str, tuple[str, tuple[str, ...]]]:
    """Program type → (its verifier ops, config options) from bpf_types.h."""
    path = "include/linux/bpf_types.h"
    found = {}
    for call in calls(tree.text(path), "BPF_PROG_TYPE"):
        args = split_args(call.args)
        gates = options(_gates(tree, path, call.start))
        found[args[0].removeprefix("BPF_PROG_TYPE_")] = (f"{args[1]}_verifier_ops", tuple(gates))
    return found


def _gates(tree: Tree, path: str, offset: int) -> tuple[tuple[str, bool], ...]:
    return gates_at(tree.regions(path), offset)


def iterator_helpers(tree: Tree) -> dict[str, list[str]]:
    """Iterator target → helpers that its own get_func_proto names (R-11.3)."""
    found: dict[str, list[str]] = {}
    for path in tree.having(b"_func_proto", r"struct bpf_iter_reg \w+\s*="):
        text = tree.text(path)
        for match in re.finditer(r"\bstruct\s+bpf_iter_reg\s+(\w+)\s*=\s*\{", text):
            body = fields(initializer(text[match.start() :], r"\bstruct\s+bpf_iter_reg\s+\w+") or "")
            function = tree.function(body.get("get_func_proto", ""), path) if body.get("get_func_proto") else None
            if function and "target" in body:
                found[body["target"].strip('"')] = re.findall(r"\bBPF_FUNC_(\w+)", function[1].body)
    return found


class HelperLists:
    """Runs get_func_proto functions and keeps what they say."""

    def __init__(self, tree: Tree, ids: IdSets) -> None:
        self.tree = tree
        self.ids = ids
        self.names = helper_names(tree)
        self.protos = protos(tree)
        self.problems: list[str] = []

    def of(self, file: str, function: str, world: ProgramWorld) -> dict[str, list[list[Any]]]:
        """Helper → ways ``[via, proto, conditions]`` in which the function gives it to a program of that world."""
        given = {}
        runner = Runner(self.tree, world)
        for name in self.names:
            try:
                ways = self._ways(runner, file, function, name)
            except NotUnderstoodError as error:
                self.problems.append(f"{function}({name}): {error}")
                ways = [["", "", [["text", False, [f"{function} was not understood"]]]]]
            if ways:
                given[name] = ways
        return given

    def _ways(self, runner: Runner, file: str, function: str, name: str) -> list[list[Any]]:
        results: dict[tuple[str, str], list[tuple[Cond, ...]]] = {}
        for value, path in runner.run(file, function, (Sym(f"BPF_FUNC_{name}"), Sym("prog"))):
            if isinstance(value, int) and value == 0:
                continue
            proto = value.name if isinstance(value, Sym) else ""
            if not isinstance(value, Sym):
                path = path.assume("text", False, (str(value),))
            results.setdefault((path.via, proto), []).extend(self._allowed(runner, proto, path))
        return [
            [via, proto, [[kind, int(negated), list(words)] for kind, negated, words in way]]
            for (via, proto), paths in sorted(results.items())
            for way in merge(paths)
        ]

    def _allowed(self, runner: Runner, proto: str, path: Path) -> Iterator[tuple[Cond, ...]]:
        """The conditions on a path that ends at a proto: with those under which its ``allowed`` says yes."""
        known = self.protos.get(proto)
        if known is None or not known.allowed:
            yield path.conds
            return
        for value, after in runner.run(known.file, known.allowed, (Sym("prog"),), replace(path, env=())):
            if not isinstance(value, Open):
                decided = [(value != 0, after)]
            else:
                decided = list(runner.decide(value, after))
            yield from (way.conds for truth, way in decided if truth)


def helper_table(tree: Tree, ids: IdSets) -> dict[str, Any]:
    """The ``helpers`` table: ways are stored once and named by number."""
    lists = HelperLists(tree, ids)
    ops = verifier_ops(tree)
    ways: dict[str, int] = {}
    pool: list[Any] = []

    def number(given: list[list[Any]]) -> int:
        place = ways.setdefault(repr(given), len(pool))
        if place == len(pool):
            pool.append(given)
        return place

    types: dict[str, dict[str, int]] = {}
    missing = []
    for prog_type, (name, _gates) in program_types(tree).items():
        file, function = ops.get(name, ("", ""))
        if prog_type in ("STRUCT_OPS", "EXT"):
            continue
        if not function:
            missing.append(prog_type)
            continue
        rows = types.setdefault(prog_type, {})
        for helper, given in lists.of(file, function, ProgramWorld(ids, prog_type)).items():
            rows[helper] = number(given)
    base = lists.of("kernel/bpf/helpers.c", "bpf_base_func_proto", ProgramWorld(ids, "STRUCT_OPS"))
    return {
        "helpers": list(lists.names),
        "ways": pool,
        "types": types,
        "base": {helper: number(given) for helper, given in base.items()},
        "protos": {
            name: [int(one.gpl), int(one.sleep)] for name, one in sorted(lists.protos.items()) if one.gpl or one.sleep
        },
        "iter": iterator_helpers(tree),
        "missing": missing,
        "problems": [squeeze(problem) for problem in lists.problems],
    }
