# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""struct_ops types: members, which of them programs may implement or sleep in, which helpers (R-11.2, R-11.6).

``check_member`` and ``get_func_proto`` of each type are run; a member without a stub is unsupported since the kernel
has stubs (6.10).
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from kfuncscope.knowledge.build.csource.cparse import NotUnderstoodError
from kfuncscope.knowledge.build.csource.ctext import (
    calls,
    fields,
    gates_at,
    initializer,
    match_bracket,
    options,
    split_args,
    squeeze,
)
from kfuncscope.knowledge.build.csource.decide import Runner
from kfuncscope.knowledge.build.csource.gates import Gates
from kfuncscope.knowledge.build.csource.paths import Open, Sym, Value
from kfuncscope.knowledge.build.csource.tree import Tree
from kfuncscope.knowledge.build.helper_protos import HelperLists, ProgramWorld, verifier_ops
from kfuncscope.knowledge.build.id_sets import IdSets

_MAX_NESTING = 8


@dataclass(frozen=True, slots=True)
class OpsType:
    """One ``struct bpf_struct_ops`` object: its name, file, C type and initializer."""

    object: str
    file: str
    type: str
    fields: dict[str, str]
    config: tuple[str, ...]


@dataclass(slots=True)
class MemberWorld(ProgramWorld):
    """A struct_ops program for one member, sleepable or not."""

    sleepable: int = 0

    def read(self, path: str) -> Value | None:
        """As for any program, with sleepability fixed."""
        if path in ("prog.sleepable", "prog.aux.sleepable"):
            return self.sleepable
        return ProgramWorld.read(self, path)

    def call(self, name: str, args: tuple[Value, ...], text: str, file: str) -> Value | None:
        """The member's offset is known by the member's name."""
        if name in ("__btf_member_bit_offset", "btf_member_bit_offset"):
            return self.member
        return ProgramWorld.call(self, name, args, text, file)


def struct_ops_types(tree: Tree, gates: Gates) -> Iterator[OpsType]:
    """Every struct_ops type of the tree."""
    for path in tree.having(b"bpf_struct_ops", r"struct bpf_struct_ops \w+\s*=\s*\{"):
        text = tree.text(path)
        for found in re.finditer(r"\bstruct\s+bpf_struct_ops\s+(\w+)\s*=\s*\{", text):
            body = fields(initializer(text[found.start() :], r"\bstruct\s+bpf_struct_ops\s+\w+") or "")
            name = body.get("name", "").strip('"') or found[1].removeprefix("bpf_")
            own = options(gates_at(tree.regions(path), found.start()))
            yield OpsType(found[1], path, name, body, tuple(dict.fromkeys((*own, *gates.of(path)))))


def members(tree: Tree, path: str, name: str) -> dict[str, str]:
    """Member → C declaration of ``struct name``, wherever near the file it is defined."""
    folder = os.path.dirname(path)
    nearby = (
        path,
        *tree.headers(path),
        *tree.glob(f"{folder}/*.h"),
        *tree.glob("include/linux/*.h"),
        *tree.glob("include/net/*.h"),
    )
    for place in dict.fromkeys(nearby):
        if f"struct {name} " not in tree.raw(place):
            continue
        text = tree.text(place)
        found = re.search(rf"\bstruct\s+{name}\s*\{{", text)
        end = match_bracket(text, found.end() - 1) if found else -1
        if found and end > 0:
            return dict(_members(text[found.end() : end]))
    return {}


def _members(body: str, depth: int = 0) -> Iterator[tuple[str, str]]:
    """Member and declaration; those of anonymous structs too, a few levels down."""
    plain = re.sub(r"^[ \t]*#[^\n]*$", "", body, flags=re.M)
    for part in split_args(plain, ";"):
        text = squeeze(part)
        braces = text.find("{")
        if braces >= 0:
            end = match_bracket(text, braces)
            tail = text[end + 1 :].split()
            if tail:
                yield tail[0].strip("*"), f"{text[:braces]}{{ … }} {' '.join(tail)}"
            elif end > 0 and depth < _MAX_NESTING:
                yield from _members(text[braces + 1 : end], depth + 1)
            continue
        text = re.sub(r"\s*\b____?\w+(\([^)]*\))?\s*$", "", text)
        found = re.search(r"\(\s*\*\s*(\w+)\s*\)\s*\(|(\w+)\s*(?:\[[^]]*\]\s*)*(?::\s*\d+)?$", text)
        if found and text:
            yield found[1] or found[2], text


def aliases(tree: Tree, path: str) -> dict[str, dict[str, str]]:
    """Type → its member → the member of another type that is asserted to be at the same offset."""
    text = tree.text(path).replace("\\\n", " ")
    made: dict[str, dict[str, str]] = {}
    pattern = (r"#\s*define\s+(\w+)\(\s*(\w+)\s*,\s*(\w+)\s*\)[^\n]*offsetof\(struct\s+(\w+),\s*\2\)\s*!=\s*"
               r"offsetof\(struct\s+(\w+),\s*\3\)")  # fmt: skip
    for found in re.finditer(pattern, text):
        for call in calls(text[found.end() :], found[1]):
            args = split_args(call.args)
            if len(args) == 2 and all(re.fullmatch(r"\w+", arg) for arg in args):
                made.setdefault(found[5], {})[args[1]] = args[0]
    return made


class StructOps:
    """Reads every struct_ops type of a tree."""

    def __init__(self, tree: Tree, ids: IdSets, gates: Gates) -> None:
        self.tree = tree
        self.ids = ids
        self.types = list(struct_ops_types(tree, gates))
        self.members = {ops.type: members(tree, ops.file, ops.type) for ops in self.types}
        self.aliases: dict[str, dict[str, str]] = {}
        for path in dict.fromkeys(ops.file for ops in self.types):
            self.aliases.update(aliases(tree, path))
        self.problems: list[str] = []
        self._runner = Runner(tree, ProgramWorld(ids, "STRUCT_OPS"))

    def table(self, lists: HelperLists) -> dict[str, Any]:
        """The ``struct_ops`` table."""
        base = lists.of("kernel/bpf/helpers.c", "bpf_base_func_proto", ProgramWorld(self.ids, "STRUCT_OPS"))
        return {
            "types": {ops.type: self._row(ops, lists, set(base)) for ops in sorted(self.types, key=lambda o: o.type)},
            "problems": self.problems,
        }

    def _row(self, ops: OpsType, lists: HelperLists, base: set[str]) -> dict[str, Any]:
        known = self.members[ops.type]
        if not known:
            self.problems.append(f"{ops.file}: struct {ops.type} was not found")
        stubs = self._stubs(ops)
        unsupported, sleepable, must = [], [], []
        for name in (name for name, declaration in known.items() if "(*" in declaration):
            awake, asleep = self._check(ops, name, 0), self._check(ops, name, 1)
            if (stubs is not None and name not in stubs) or not (awake or asleep):
                unsupported.append(name)
                continue
            sleepable += [name] if asleep else []
            must += [name] if not awake else []
        helpers, has_base = self._helpers(ops, lists, base)
        return {
            "members": [[name, declaration] for name, declaration in known.items()],
            "sleepable": sleepable,
            "must_sleep": must,
            "unsupported": unsupported,
            "helpers": helpers,
            "base_helpers": int(has_base),
            "config": list(ops.config),
            "file": ops.file,
        }

    def _stubs(self, ops: OpsType) -> set[str] | None:
        """Members that have a stub; None where the kernel does not ask for stubs."""
        if "cfi_stubs" not in ops.fields:
            return None
        name = ops.fields["cfi_stubs"].lstrip("& ")
        listed = initializer(self.tree.text(ops.file), rf"\bstruct\s+{ops.type}\s+{name}")
        if listed is None:
            self.problems.append(f"{ops.file}: stubs {name} were not found")
            return None
        return set(fields(listed))

    def _check(self, ops: OpsType, member: str, sleepable: int) -> bool:
        """Whether check_member lets a program in on the member."""
        at = Sym(self.aliases.get(ops.type, {}).get(member, member), "member")
        runner = self._runner
        runner.world = MemberWorld(self.ids, "STRUCT_OPS", Sym(ops.object), at, sleepable)
        if sleepable and not self._any_zero(runner, "kernel/bpf/verifier.c", "can_be_sleepable", negate=True):
            return False
        function = ops.fields.get("check_member", "")
        if not function:
            return True
        try:
            return self._any_zero(runner, ops.file, function)
        except NotUnderstoodError as error:
            listed = re.search(r"\bunsupported\w*\s*\[\]\s*=\s*\{([^}]*)\}", self.tree.text(ops.file))
            if listed is None:
                self.problems.append(f"{function}: {error}")
                return True
            return not re.search(rf"offsetof\s*\([^)]*,\s*{member}\s*\)", listed[1])

    def _any_zero(self, runner: Runner, file: str, function: str, negate: bool = False) -> bool:
        if self.tree.function(function, file) is None:
            return not negate
        results = runner.run(file, function, (Sym("t"), Sym("member"), Sym("prog")))
        return any((value == 0) != negate for value, _ in results)

    def _helpers(self, ops: OpsType, lists: HelperLists, base: set[str]) -> tuple[dict[str, list[str]] | None, bool]:
        """Helpers beside the base list, each with the members that lack it; whether the base list is given."""
        file, function = verifier_ops(self.tree).get(ops.fields.get("verifier_ops", "").lstrip("& "), ("", ""))
        if not function:
            return None, False
        world = ProgramWorld(self.ids, "STRUCT_OPS", Sym(ops.object), Open("member"))
        given = lists.of(file, function, world)
        callbacks = [name for name, declaration in self.members[ops.type].items() if "(*" in declaration]
        extra: dict[str, list[str]] = {}
        for helper, ways in given.items():
            lacking = set(callbacks)
            for _via, _proto, conditions in ways:
                lacking &= _without(callbacks, conditions)
            if helper not in base or lacking:
                extra[helper] = sorted(lacking)
        return extra, base <= set(given)


def _without(callbacks: list[str], conditions: list[Any]) -> set[str]:
    """Members for which one way of getting a helper does not hold."""
    lacking: set[str] = set()
    for kind, negated, words in conditions:
        if kind == "member":
            lacking |= set(words) if negated else set(callbacks) - set(words)
    return lacking
