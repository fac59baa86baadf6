# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Which config options a source file needs, from the Makefiles above it and from files that include it."""

from __future__ import annotations

import os
import re

from kfuncscope.knowledge.build.csource.ctext import gates_at, options
from kfuncscope.knowledge.build.csource.tree import Tree

_ASSIGN = re.compile(r"^\s*([\w.-]+?)-(y|m|objs|\$[({]CONFIG_\w+[)}])\s*[:+]?=\s*(.*)$")
_CONDITION = re.compile(r"^\s*(else\s+)?(ifeq|ifneq|ifdef|ifndef)\b\s*(.*)$")
_INCLUDE = re.compile(r'^\s*#\s*include\s+"([\w./-]+\.c)"', re.M)


class Gates:
    """Config options per file; Makefiles are read once."""

    def __init__(self, tree: Tree) -> None:
        self.tree = tree
        self._rules: dict[str, list[tuple[str, str, frozenset[str]]]] = {}
        self._done: dict[str, tuple[str, ...]] = {}

    def of(self, path: str) -> tuple[str, ...]:
        """Options that must all be set (y or m) for the file to be compiled, innermost first."""
        if path not in self._done:
            self._done[path] = ()  # ends a circle of includes
            self._done[path] = tuple(sorted(self._file(path))) + tuple(self._folder(os.path.dirname(path)))
        return tuple(dict.fromkeys(self._done[path]))

    def _file(self, path: str) -> frozenset[str]:
        folder, name = os.path.split(path)
        stem = name.rsplit(".", 1)[0]
        found = self._object(folder, f"{stem}.o", 0)
        return found if found is not None else self._included(path)

    def _object(self, folder: str, name: str, depth: int) -> frozenset[str] | None:
        """Options for an object in a Makefile: common to all its rules; None where no rule names it."""
        ways = []
        for target, words, needed in self._makefile(folder):
            if name not in words.split():
                continue
            if target in ("obj", "lib", "core"):
                ways.append(needed)
            elif depth < 4 and f"{target}.o" != name:
                outer = self._object(folder, f"{target}.o", depth + 1)
                if outer is not None:
                    ways.append(needed | outer)
        return frozenset.intersection(*ways) if ways else None

    def _folder(self, folder: str) -> list[str]:
        found: list[str] = []
        while folder:
            parent, name = os.path.split(folder)
            ways = [
                needed
                for target, words, needed in self._makefile(parent)
                if target == "obj" and f"{name}/" in words.split()
            ]
            if not ways and parent:
                # a Makefile may name a folder two levels down
                upper, middle = os.path.split(parent)
                wanted = f"{middle}/{name}/"
                ways = [need for target, words, need in self._makefile(upper) if wanted in words.split()]
            if ways:
                found += sorted(frozenset.intersection(*ways))
            folder = parent
        return found

    def _makefile(self, folder: str) -> list[tuple[str, str, frozenset[str]]]:
        """(target, objects, options) of each assignment."""
        if folder not in self._rules:
            names = ("Kbuild", "Makefile")
            text = next(
                (self.tree.raw(os.path.join(folder, n)) for n in names if self.tree.exists(os.path.join(folder, n))), ""
            )
            self._rules[folder] = _rules(text)
        return self._rules[folder]

    def _included(self, path: str) -> frozenset[str]:
        """Options under which another .c file includes this one."""
        folder = os.path.dirname(path)
        ways = []
        for place in dict.fromkeys((folder, os.path.dirname(folder))):
            for other in self.tree.glob(f"{place}/*.c"):
                if other == path or os.path.basename(path) not in self.tree.raw(other):
                    continue
                text = self.tree.text(other)
                for found in _INCLUDE.finditer(text):
                    if os.path.normpath(os.path.join(os.path.dirname(other), found[1])) == path:
                        inside = options(gates_at(self.tree.regions(other), found.start()))
                        ways.append(frozenset(inside) | self._file(other))
        return frozenset.intersection(*ways) if ways else frozenset()


def _rules(text: str) -> list[tuple[str, str, frozenset[str]]]:
    rules = []
    stack: list[frozenset[str]] = []
    for line in text.replace("\\\n", " ").splitlines():
        condition = _CONDITION.match(line)
        if condition:
            if condition[1] and stack:
                stack[-1] = _condition(condition[2], condition[3])
            elif not condition[1]:
                stack.append(_condition(condition[2], condition[3]))
        elif re.match(r"\s*else\b", line) and stack:
            stack[-1] = frozenset()
        elif re.match(r"\s*endif\b", line) and stack:
            stack.pop()
        elif found := _ASSIGN.match(line.split("#", 1)[0]):
            option = re.findall(r"CONFIG_\w+", found[2])
            rules.append((found[1], found[3], frozenset(option).union(*stack)))
    return rules


def _condition(word: str, text: str) -> frozenset[str]:
    """Options that a positive conditional asks for."""
    names = frozenset(re.findall(r"CONFIG_\w+", text))
    if word == "ifdef" or (word == "ifeq" and re.search(r",\s*[ym]+\s*\)", text)):
        return names
    if word == "ifneq" and re.search(r",\s*\)", text):
        return names
    return frozenset()
