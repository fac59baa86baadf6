# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""kfuncs: id sets with flags, what they are registered for, filters, C prototypes (R-4.1, R-4.4, R-4.6)."""

from __future__ import annotations

import re
from typing import Any

from kfuncscope.knowledge.build.csource.ctext import (
    calls,
    fields,
    find_function,
    initializer,
    options,
    split_args,
    squeeze,
)
from kfuncscope.knowledge.build.csource.gates import Gates
from kfuncscope.knowledge.build.csource.tree import Tree
from kfuncscope.knowledge.build.id_sets import IdSet, IdSets


def flag_bits(tree: Tree) -> dict[str, int]:
    """KF_* → value, from include/linux/btf.h."""
    text = tree.text("include/linux/btf.h")
    bits = {}
    for name, value in re.findall(r"^#define\s+(KF_\w+)\s+(\(1\s*<<\s*\d+\)|\d+|\([^)]*\))", text, re.M):
        shift = re.fullmatch(r"\(1\s*<<\s*(\d+)\)", value)
        if shift:
            bits[name] = 1 << int(shift[1])
    for name, value in re.findall(r"^#define\s+(KF_\w+)\s+\(((?:\s*KF_\w+\s*\|?)+)\)", text, re.M):
        bits[name] = sum(bits.get(word.strip(), 0) for word in value.split("|"))
    return bits


def hooks(tree: Tree) -> dict[str, str]:
    """Program type → kfunc hook, from bpf_prog_type_to_kfunc_hook()."""
    found = find_function(tree.text("kernel/bpf/btf.c"), "bpf_prog_type_to_kfunc_hook")
    made: dict[str, str] = {}
    waiting: list[str] = []
    for case, hook in re.findall(
        r"case\s+BPF_PROG_TYPE_(\w+)\s*:|return\s+BTF_KFUNC_HOOK_(\w+)", found.body if found else ""
    ):
        if case:
            waiting.append(case)
        else:
            made.update((name, hook) for name in waiting if hook != "MAX")
            waiting = []
    return made


_SUFFIX = (
    r'(?:\w*param_match_suffix\s*\([^;]*?|strncmp\s*\(\s*param_name\s*,\s*)"(__\w+)"',
    r'#define\s+\w*SUFFIX\w*\s+"(__\w+)"',
)


def arg_suffixes(tree: Tree) -> list[str]:
    """Argument-name suffixes that the verifier looks for (R-4.6)."""
    found: set[str] = set()
    for path in ("kernel/bpf/verifier.c", "kernel/bpf/btf.c", "kernel/bpf/bpf_struct_ops.c"):
        for pattern in _SUFFIX:
            found |= set(re.findall(pattern, tree.text(path)))
    for path in ("kernel/bpf/verifier.c", "include/linux/btf.h", "include/linux/bpf_verifier.h"):
        found |= set(re.findall(r'#define\s+NOCAST_ALIAS_SUFFIX\s+"(\w+)"', tree.text(path)))
    return sorted(found)


class Registrations:
    """Which id set is registered for which program types, with which filters."""

    def __init__(self, tree: Tree) -> None:
        self.tree = tree
        self.types: dict[str, set[str]] = {}
        self.only_with: dict[tuple[str, str], set[str]] = {}
        self.filters: dict[str, list[str]] = {}
        self.fmodret: set[str] = set()
        self.problems: list[str] = []
        self._of: dict[tuple[str, str], str] = {}
        for path in tree.having(b"btf_kfunc_id_set"):
            if not path.startswith("include/"):
                self._objects(path)
        for path in tree.having(b"btf_kfunc_id_set"):
            if not path.startswith("include/") and path != "kernel/bpf/btf.c":
                self._calls(path)
        for path in tree.having(b"btf_fmodret_id_set"):
            if path != "kernel/bpf/btf.c":
                for call in calls(tree.text(path), "register_btf_fmodret_id_set"):
                    self.fmodret |= self._set_of(path, split_args(call.args)[-1])

    def _objects(self, path: str) -> None:
        """``struct btf_kfunc_id_set`` objects: which set and filter each stands for."""
        text = self.tree.text(path)
        for found in re.finditer(r"\bstruct\s+btf_kfunc_id_set\s+(\w+)\s*=\s*\{", text):
            body = fields(initializer(text[found.start() :], r"\bstruct\s+btf_kfunc_id_set\s+\w+") or "")
            name = body.get("set", "").lstrip("& ")
            self._of[(path, found[1])] = self._of[("", found[1])] = name
            if "filter" in body:
                self.filters.setdefault(name, []).append(body["filter"].lstrip("& "))

    def _set_of(self, path: str, argument: str) -> set[str]:
        """Set names behind an argument like ``&obj``, ``&objs[i]`` or ``objs[i]``."""
        word = re.match(r"&?\s*(\w+)", argument)
        if not word:
            return set()
        direct = self._of.get((path, word[1])) or self._of.get(("", word[1]))
        if direct:
            return {direct}
        listed = initializer(
            self.tree.text(path), rf"\bbtf_kfunc_id_set\s*\*?\s*(?:const\s+)?{word[1]}\s*\[\s*\w*\s*\]"
        )
        if listed is None:
            return set()
        names = re.findall(r"&(\w+)", listed)
        return {self._of.get((path, n), n) for n in names}

    def _calls(self, path: str) -> None:
        text = self.tree.text(path)
        for call in calls(text, "register_btf_kfunc_id_set"):
            args = split_args(call.args)
            if len(args) != 2:
                continue
            names = self._set_of(path, args[1])
            types = self._types(text, args[0], call.start)
            if not names or not types:
                wrapped = self._wrapper(path, text, call.start, args)
                if not wrapped:
                    self.problems.append(f"{path}: register_btf_kfunc_id_set({squeeze(call.args)}) was not understood")
                continue
            gates = _options_before(text, call.start)
            for name in names:
                for one in types:
                    # Registered once more without the options, these say nothing.
                    first = one not in self.types.setdefault(name, set())
                    self.only_with[name, one] = gates if first else self.only_with.get((name, one), set()) & gates
                    self.types[name].add(one)

    def _types(self, text: str, argument: str, offset: int) -> set[str]:
        """Program types behind an argument: a constant, or an element of an array of them."""
        if argument.startswith("BPF_PROG_TYPE_"):
            return {argument.removeprefix("BPF_PROG_TYPE_")}
        word = re.match(r"(\w+)\s*\[", argument)
        listed = initializer(text, rf"\b{word[1]}\s*\[\s*\w*\s*\]") if word else None
        return set(re.findall(r"\bBPF_PROG_TYPE_(\w+)", listed or ""))

    def _wrapper(self, path: str, text: str, offset: int, args: list[str]) -> bool:
        """A function that passes its own parameters on: look at its callers."""
        heads = list(re.finditer(r"^[\w \t*]+?\b(\w+)\(([^;{}]*)\)\s*\{", text[:offset], re.M))
        if not heads:
            return False
        function, params = heads[-1][1], [re.sub(r".*?(\w+)$", r"\1", p, flags=re.S) for p in split_args(heads[-1][2])]
        done = False
        for other in self.tree.having(b"btf_kfunc_id_set"):
            for call in calls(self.tree.text(other), function):
                given = dict(zip(params, split_args(call.args), strict=False))
                actual = [given.get(arg.lstrip("& "), arg) for arg in args]
                names, types = self._set_of(other, actual[1]), self._types(self.tree.text(other), actual[0], call.start)
                for name in names:
                    self.types.setdefault(name, set()).update(types)
                done = done or bool(names and types)
        return done


def _options_before(text: str, offset: int) -> set[str]:
    """Options without which the function that holds ``offset`` has returned before it comes there."""
    start = max(text.rfind("\n{", 0, offset), 0)
    found: set[str] = set()
    for left in re.finditer(r"\bif\s*\(((?:[^(){};&]|\([^(){};&]*\))*)\)\s*return\b", text[start:offset]):
        found |= set(re.findall(r"!\s*IS_(?:ENABLED|BUILTIN)\s*\(\s*(CONFIG_\w+)\s*\)", left[1]))
    return found


def prototype(tree: Tree, name: str, path: str, folder_files: tuple[str, ...]) -> str:
    """The kfunc's C prototype from its definition, in its own file first."""
    for place in dict.fromkeys((path, *folder_files)):
        if name not in tree.raw(place):
            continue
        found = find_function(tree.text(place), name)
        if found:
            words = [w for w in found.head.split() if w not in _NOT_TYPE and not w.startswith("__bpf_kfunc")]
            while words and re.fullmatch(r"[A-Z_]+|\w+\(.*\)", words[0]) and len(words) > 1:
                words.pop(0)
            head = " ".join(words).replace("* ", "*")
            gap = "" if head.endswith("*") else " "
            return f"{head}{gap}{name}({found.params})"
    return _declared(tree, name, path)


def _declared(tree: Tree, name: str, path: str) -> str:
    """The prototype as a header declares it: those that the file includes, then all of include/linux and net."""
    for header in (*tree.headers(path), *tree.glob("include/linux/*.h"), *tree.glob("include/net/*.h")):
        if name not in tree.raw(header):
            continue
        text = tree.text(header)
        found = re.search(rf"^[ \t]*(?:extern\s+)?((?:[\w]+\s+)+\**)\s*{name}\s*\(([^;{{}}]*)\)[\w\s]*;", text, re.M)
        if found:
            return squeeze(f"{found[1]} {name}({found[2]})").replace("* ", "*")
    return ""


_NOT_TYPE = frozenset({"static", "inline", "noinline", "notrace", "extern", "__always_inline", "noinline_for_stack",
                       "__weak", "__used", "__retain", "__noclone", "__init", "asmlinkage", "__printf"})  # fmt: skip


def kfunc_table(tree: Tree, ids: IdSets, gates: Gates) -> dict[str, Any]:
    """The ``kfuncs`` table."""
    bits = flag_bits(tree)
    registered = Registrations(tree)
    sets = [one for one in ids.all() if one.is_set8]
    bodies = tuple(tree.having(b"__bpf_kfunc"))
    rows: list[dict[str, Any]] = []
    protos: dict[str, str] = {}
    unknown: set[str] = set()
    for one in sorted(sets, key=lambda s: (s.file, s.name)):
        for entry in one.entries:
            unknown |= {flag for flag in entry.flags if flag not in bits}
            if entry.name not in protos or not protos[entry.name]:
                protos[entry.name] = prototype(tree, entry.name, one.file, bodies)
        if one.name not in registered.fmodret:
            rows.append(_row(one, registered, bits, gates))
    fmodret = [
        [entry.name, _flags(entry.flags, bits)]
        for one in sets
        if one.name in registered.fmodret
        for entry in one.entries
    ]
    problems = registered.problems + [f"flag {flag} is not defined" for flag in sorted(unknown)]
    return {
        "flags": bits,
        "hooks": hooks(tree),
        "arg_suffixes": arg_suffixes(tree),
        "sets": rows,
        "protos": {name: proto for name, proto in sorted(protos.items()) if proto},
        "fmodret": sorted(fmodret),
        "problems": problems,
    }


def _flags(names: tuple[str, ...], bits: dict[str, int]) -> int:
    value = 0
    for name in names:
        value |= bits.get(name, 0)
    return value


def _row(one: IdSet, registered: Registrations, bits: dict[str, int], gates: Gates) -> dict[str, Any]:
    own = options(one.gates)
    only = {t: sorted(gates) for (name, t), gates in sorted(registered.only_with.items()) if name == one.name and gates}
    return {
        "set": one.name,
        "file": one.file,
        "prog_types": sorted(registered.types.get(one.name, ())),
        **({"only_with": only} if only else {}),
        "filters": sorted(set(registered.filters.get(one.name, ()))),
        "config": list(dict.fromkeys((*own, *gates.of(one.file)))),
        "kfuncs": [[entry.name, _flags(entry.flags, bits), options(entry.gates)] for entry in one.entries],
    }
