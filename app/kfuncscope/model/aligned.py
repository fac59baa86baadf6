# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Two C declarations side by side: parameter by parameter, member by member, with what differs."""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass

CONTEXT = 2  # equal members shown before and after one that differs
_PROTOTYPE = re.compile(r"^(?P<head>[^(){}]*\b\w+)\s*\((?P<rest>.*)\)\s*;?$", re.DOTALL)
_NAME = re.compile(r"(\w+)\s*(?:\[[^]]*\]|\([^)]*\))*\s*(?::\s*\d+)?$")


@dataclass(frozen=True, slots=True)
class Row:
    """One part at both sides, empty where it is not there. ``place`` is an argument's number, ``2 → 3`` if it moved.

    ``equal`` tells that neither text nor place differs; ``gap`` stands for equal parts that are left out.
    """

    place: str
    old: str
    new: str
    equal: bool
    gap: bool = False


def parts_of(declaration: str) -> tuple[str, list[str]] | None:
    """Head and parameters of a function's prototype; None for what is none."""
    found = _PROTOTYPE.match(declaration.strip())
    if found is None:
        return None
    inner = found["rest"].strip()
    return found["head"].strip(), [] if inner in ("", "void") else _split(inner)


def _split(inner: str) -> list[str]:
    parts, depth, start = [], 0, 0
    for place, letter in enumerate(inner):
        depth += (letter in "([{") - (letter in ")]}")
        if letter == "," and not depth:
            parts.append(" ".join(inner[start:place].split()))
            start = place + 1
    return [*parts, " ".join(inner[start:].split())]


def members_of(declaration: str) -> tuple[str, list[str]] | None:
    """Head and members of a struct, union or enum, one a line; None for what is none."""
    lines = [line.strip() for line in declaration.strip().splitlines()]
    if len(lines) < 3 or not lines[0].endswith("{") or not lines[-1].startswith("}"):
        return None
    return lines[0], lines[1:-1]


def aligned(old: str, new: str) -> list[Row]:
    """Both declarations part by part; empty where they are not of one kind."""
    for split, count in ((parts_of, True), (members_of, False)):
        left, right = split(old), split(new)
        if left is not None and right is not None:
            head = Row("", left[0], right[0], left[0] == right[0])
            rows = _paired(left[1], right[1], count)
            return [head, *(rows if count else _folded(rows))]
    return []


def said(old: str, new: str, most: int = 3) -> str:
    """What differs between two declarations, in one line: ``argument 1: + void *ctx``; empty where not known."""
    different = [row for row in aligned(old, new) if not row.equal]
    parts = []
    for row in different[:most]:
        where = f"argument {row.place}: " if row.place else ""
        if row.old and row.new:
            parts.append(f"{where}{row.old} → {row.new}" if row.old != row.new else f"{where}{row.old} moved")
        else:
            parts.append(f"{where}{'−' if row.old else '+'} {row.old or row.new}")
    more = f"; {len(different) - most} more" if len(different) > most else ""
    return "; ".join(parts) + more


def _key(part: str) -> str:
    """What makes two parts the same thing: the name; the type of a parameter that has none."""
    found = _NAME.search(part.rstrip(";, "))
    return found[1] if found is not None and found.start() else part


def _paired(left: list[str], right: list[str], count: bool) -> list[Row]:
    """Parts of one name beside each other, moved ones too; what has no namesake in order, as retyped or renamed."""
    keys = [_key(p) for p in left], [_key(p) for p in right]
    matcher = difflib.SequenceMatcher(None, *keys, autojunk=False)
    codes = matcher.get_opcodes()
    moved: dict[int, int] = {}
    lone = [
        [n for what, *at in codes if what != "equal" for n in range(at[2 * side], at[2 * side + 1])] for side in (0, 1)
    ]
    for i in lone[0]:
        j = next((j for j in lone[1] if keys[1][j] == keys[0][i] and j not in moved.values()), None)
        if j is not None:
            moved[i] = j
    taken = set(moved.values())
    rows: list[Row] = []
    for what, i1, i2, j1, j2 in codes:
        if what == "equal":
            rows += [_row(left, right, i, j1 + i - i1, count) for i in range(i1, i2)]
            continue
        rows += [_row(left, right, i, moved[i], count) for i in range(i1, i2) if i in moved]
        olds = [i for i in range(i1, i2) if i not in moved]
        news = [j for j in range(j1, j2) if j not in taken]
        for number in range(max(len(olds), len(news))):
            before = olds[number] if number < len(olds) else None
            after = news[number] if number < len(news) else None
            rows.append(_row(left, right, before, after, count))
    return rows


def _row(left: list[str], right: list[str], i: int | None, j: int | None, count: bool) -> Row:
    old, new = left[i] if i is not None else "", right[j] if j is not None else ""
    same = " ".join(old.split()) == " ".join(new.split())
    if not count:
        return Row("", old, new, same)
    numbers = [str(n + 1) for n in (i, j) if n is not None]
    place = numbers[0] if len(set(numbers)) == 1 else " → ".join(numbers)
    return Row(place, old, new, same and i == j)


def _folded(rows: list[Row]) -> list[Row]:
    """Without the equal members far from any difference."""
    near = [any(not r.equal for r in rows[max(i - CONTEXT, 0) : i + CONTEXT + 1]) for i in range(len(rows))]
    kept: list[Row] = []
    for row, keep in zip(rows, near, strict=True):
        if keep:
            kept.append(row)
        elif not kept or not kept[-1].gap:
            kept.append(Row("", "…", "…", True, gap=True))
    return kept
