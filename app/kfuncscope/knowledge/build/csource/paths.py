# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Values, conditions and paths of a symbolic run, and how equal paths are put together."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol

Cond = tuple[str, bool, tuple[str, ...]]

ONE_OF = ("attach", "hook", "member", "struct_ops")  # open values that are one of many words


@dataclass(frozen=True, slots=True)
class Sym:
    """A value known by name: an enumerator, the address of an object, a struct member's offset."""

    name: str
    kind: str = "name"


@dataclass(frozen=True, slots=True)
class Open:
    """A value that only the program or the kernel's build decides: ``attach``, ``hook``, ``sleepable``, ..."""

    kind: str
    words: tuple[str, ...] = ()


Value = int | Sym | Open


class World(Protocol):
    """What is fixed while a function runs."""

    def read(self, path: str) -> Value | None:
        """Value of an expression like ``prog.aux.st_ops``; None where it is not told."""

    def call(self, name: str, args: tuple[Value, ...], text: str, file: str) -> Value | None:
        """Value of a call that has a meaning of its own; None to follow it into the source."""


@dataclass(frozen=True, slots=True)
class Path:
    """One way through: conditions so far, local variables, and the function where the result was returned."""

    conds: tuple[Cond, ...] = ()
    env: tuple[tuple[str, Value], ...] = ()
    via: str = ""

    def get(self, name: str) -> Value | None:
        """What a local variable holds; None where that is not known."""
        return next((value for key, value in reversed(self.env) if key == name), None)

    def put(self, name: str, value: Value) -> Path:
        """The path after an assignment."""
        return replace(self, env=(*(pair for pair in self.env if pair[0] != name), (name, value)))

    def knows(self, kind: str, words: tuple[str, ...]) -> bool | None:
        """True or False where the path's conditions already settle ``kind(words)``."""
        for seen, negated, seen_words in self.conds:
            if seen != kind:
                continue
            if seen_words == words:
                return not negated
            if kind in ONE_OF:
                if negated and set(words) <= set(seen_words):
                    return False
                if not negated and not set(words) & set(seen_words):
                    return False
                if not negated and set(seen_words) <= set(words):
                    return True
        return None

    def assume(self, kind: str, negated: bool, words: tuple[str, ...]) -> Path:
        """The path on which the condition was taken to hold."""
        return replace(self, conds=(*self.conds, (kind, negated, words)))


def word(kind: str, name: str) -> str:
    """How a value is written in a condition."""
    return name.removeprefix("BPF_") if kind == "attach" else name.removeprefix("bpf_lsm_")


def merge(paths: list[tuple[Cond, ...]]) -> list[tuple[Cond, ...]]:
    """Fewer ways that say the same: drop what is settled either way, join words of equal conditions."""
    ways = {tuple(sorted(_tidy(conds))) for conds in paths}
    changed = True
    while changed and len(ways) > 1:
        changed = False
        for one in sorted(ways):
            for two in sorted(ways):
                joined = _join(one, two) if one < two else None
                if joined is not None:
                    ways -= {one, two}
                    ways.add(joined)
                    changed = True
                    break
            if changed:
                break
    return sorted(ways)


def _tidy(conds: tuple[Cond, ...]) -> list[Cond]:
    """Join the words of negated conditions of one kind; a positive one makes the negated ones of its kind idle."""
    made: list[Cond] = []
    for kind in dict.fromkeys(kind for kind, _, _ in conds):
        if kind not in ONE_OF:
            made += dict.fromkeys(cond for cond in conds if cond[0] == kind)
            continue
        yes = [set(words) for seen, negated, words in conds if seen == kind and not negated]
        out = {word for seen, negated, words in conds if seen == kind and negated for word in words}
        if yes:
            made.append((kind, False, tuple(sorted(set.intersection(*yes) - out))))
        else:
            made.append((kind, True, tuple(sorted(out))))
    return made


def _join(one: tuple[Cond, ...], two: tuple[Cond, ...]) -> tuple[Cond, ...] | None:
    only_one, only_two = set(one) - set(two), set(two) - set(one)
    common = tuple(cond for cond in one if cond in set(two))
    if not only_one:
        return one
    if not only_two:
        return two
    if len(only_one) != 1 or len(only_two) != 1:
        return None
    (kind, negated, words), (kind2, negated2, words2) = only_one.pop(), only_two.pop()
    if kind != kind2:
        return None
    if words == words2:
        return common
    if kind in ONE_OF:
        a, b = set(words), set(words2)
        if not negated and not negated2:
            return tuple(sorted((*common, (kind, False, tuple(sorted(a | b))))))
        if negated and negated2:
            rest: set[str] = a & b
        else:
            rest = (a - b) if negated else (b - a)
        return tuple(sorted((*common, (kind, True, tuple(sorted(rest)))))) if rest else common
    return None
