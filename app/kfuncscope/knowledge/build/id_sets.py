# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""BTF id sets and lists as the source writes them: kfunc sets with flags, plain sets, lists."""

from __future__ import annotations

import re
from dataclasses import dataclass

from kfuncscope.knowledge.build.csource.ctext import Gate, calls, gates_at, split_args
from kfuncscope.knowledge.build.csource.tree import Tree

_SET = re.compile(
    r"^[ \t]*(BTF_KFUNCS_START|BTF_SET8_START|BTF_SET_START|BTF_SET_START_GLOBAL|BTF_ID_LIST|BTF_ID_LIST_SINGLE"
    r"|BTF_ID_LIST_GLOBAL|BTF_ID_LIST_GLOBAL_SINGLE|BTF_KFUNCS_END|BTF_SET8_END|BTF_SET_END|BTF_ID_FLAGS|BTF_ID"
    r"|BTF_HID_[A-Z_]+)\s*\(([^()]*)\)",
    re.M,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Entry:
    """One member: kind of BTF type, name, flag names, conditions, offset in the file."""

    kind: str
    name: str
    flags: tuple[str, ...]
    gates: tuple[Gate, ...]


@dataclass(frozen=True, slots=True)
class IdSet:
    """One set or list: how it begins (macro), name, file, members, conditions of the whole."""

    macro: str
    name: str
    file: str
    entries: tuple[Entry, ...]
    gates: tuple[Gate, ...]

    @property
    def is_set8(self) -> bool:
        """Whether members carry flags (kfunc sets and fmod_ret sets)."""
        return self.macro in ("BTF_KFUNCS_START", "BTF_SET8_START")


class IdSets:
    """All id sets and lists of a tree, read file by file."""

    def __init__(self, tree: Tree) -> None:
        self.tree = tree
        self._files: dict[str, tuple[IdSet, ...]] = {}
        self._lists: dict[str, dict[str, tuple[str, ...]]] = {}

    def in_file(self, path: str) -> tuple[IdSet, ...]:
        """Sets and lists of one file in order."""
        if path not in self._files:
            self._files[path] = tuple(_parse(self.tree, path))
        return self._files[path]

    def all(self) -> list[IdSet]:
        """Sets and lists of every file that has any."""
        found = self.tree.having(b"BTF_", r"\bBTF_(?:KFUNCS_START|SET8?_START|ID_LIST)")
        return [one for path in found if not path.startswith("include/") for one in self.in_file(path)]

    def lists(self, path: str) -> dict[str, tuple[str, ...]]:
        """Name → member names as code in that file sees them: its own sets first, then those of other files."""
        if path not in self._lists:
            seen: dict[str, tuple[str, ...]] = {}
            for one in (*self.all(), *self.in_file(path)):
                seen[one.name] = tuple(entry.name for entry in one.entries)
            self._lists[path] = seen
        return self._lists[path]


def _parse(tree: Tree, path: str) -> list[IdSet]:
    text, regions = tree.text(path), tree.regions(path)
    made: list[IdSet] = []
    begun: tuple[str, str, tuple[Gate, ...], list[Entry], int] | None = None

    def finish(end: int) -> None:
        nonlocal begun
        if begun:
            entries = (*begun[3], *_generated(tree, path, text[begun[4] : end]))
            made.append(IdSet(begun[0], begun[1], path, entries, begun[2]))
        begun = None

    for found in _SET.finditer(text):
        macro, args = found[1], split_args(found[2])
        gates = gates_at(regions, found.start())
        if macro in ("BTF_ID", "BTF_ID_FLAGS"):
            if begun and len(args) >= 2:
                flags = tuple(word.strip() for word in "|".join(args[2:]).split("|") if word.strip())
                inner = tuple(gate for gate in gates if gate not in begun[2])
                begun[3].append(Entry(args[0], args[1], flags, inner))
            continue
        finish(found.start())
        if macro.endswith("_END") or not args:
            continue
        if macro.endswith("_SINGLE"):
            made.append(IdSet(macro, args[0], path, (Entry(args[1], args[2], (), ()),), gates))
        else:
            begun = (macro, args[0], gates, [], found.end())
    finish(begun[4] if begun else 0)
    return made


def _generated(tree: Tree, path: str, inside: str) -> list[Entry]:
    """Members that a macro list makes: ``#define M(a, name) BTF_ID_FLAGS(func, name)``, then a list of uses of M."""
    made = []
    for macro in re.finditer(r"#\s*define\s+(\w+)\(([^)]*)\)\s*BTF_ID(?:_FLAGS)?\s*\(([^)]*)\)", inside):
        params, wanted = split_args(macro[2]), split_args(macro[3])
        if len(wanted) < 2 or wanted[1] not in params:
            continue
        place = params.index(wanted[1])
        flags = tuple(word.strip() for word in "|".join(wanted[2:]).split("|") if word.strip())
        for use in re.findall(r"^\s*(\w+)\s*$", inside[macro.end() :], re.M):
            for header in (path, *tree.headers(path)):
                listed = re.search(rf"#\s*define\s+{use}\b((?:[^\n\\]|\\.|\\\n)*)", tree.text(header), re.S)
                for call in calls(listed[1].replace("\\\n", " "), macro[1]) if listed else ():
                    args = split_args(call.args)
                    if place < len(args):
                        made.append(Entry(wanted[0], args[place], flags, ()))
                if listed:
                    break
    return made
