# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Uses of a name that went, in the pieces that both trees have: what stands in the same place in the new tree.

Pieces of the same name are laid side by side token by token. Where all around a use is the same (``exact``), or one new
name of the same use is in the tokens that changed there (``near``), or in the statements (``weak``), it counts for the
new name. A name counts only where it is used as its kind is: a field after ``.`` or ``->``, a tracepoint as a call.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from difflib import SequenceMatcher
from typing import NamedTuple

from kfuncscope.study.renames.chunks import Chunk
from kfuncscope.study.renames.things import Changed

CONTEXT = 4  # equal tokens on both sides together that make a swap of one token exact
FAR = 6  # tokens on each side that are looked at
MOST_MEMBERS = 60  # of a type that changed together
MOST_TOKENS = 600  # of the statements that changed together; longer ones were rewritten
EVENT = "trace_event_raw_"  # and the name of a tracepoint or its class: the struct of its record
TOKEN = re.compile(r'"(?:\\.|[^"\\])*"|->|\w+|[^\w\s]')
_NAME = re.compile(r"[A-Za-z_]\w+")
Key = tuple[str, str]
"""(kind, name as the source spells it)."""
Place = tuple[str, str, str]
"""(kind, struct or enum, name): a declaration."""
_USED = {
    "field": frozenset({"field"}),
    "call": frozenset({"function", "tracepoint", "lsm"}),
    "name": frozenset({"function", "enumerator", "lsm"}),
}


class Uses(NamedTuple):
    """What uses show; counters by the new name.

    ``went`` counts the uses of a name that changed or went, ``known`` those in whose place a name stands that is not
    new: what was removed has many of these.
    """

    exact: dict[Key, Counter[str]]
    near: dict[Key, Counter[str]]
    weak: dict[Key, Counter[str]]
    went: Counter[Key]
    known: Counter[Key]
    declared: dict[Place, Counter[str]]
    stood: dict[Key, Counter[str]]
    """Names that are not new and stand in the place of a call, exactly."""


def no_uses() -> Uses:
    """Nothing seen yet."""
    exact, near, weak, stood = (defaultdict[Key, Counter[str]](Counter) for _ in range(4))
    return Uses(exact, near, weak, Counter(), Counter(), defaultdict(Counter), stood)


class Sides(NamedTuple):
    """What went and what came."""

    gone: Changed
    fresh: Changed


def partners(old: Iterable[Chunk], new: Mapping[tuple[str, str], list[Chunk]]) -> Iterator[tuple[Chunk, Chunk]]:
    """Each old piece with the new one of its kind and name: in its file, or the only one in a file of that name, or the
    only one at all."""
    old = list(old)
    count = Counter((c.kind, c.name) for c in old)
    for chunk in old:
        there = new.get((chunk.kind, chunk.name), [])
        found = [c for c in there if c.path == chunk.path]
        base = chunk.path.rsplit("/", 1)[-1]
        found = found or [c for c in there if c.path.rsplit("/", 1)[-1] == base]
        if not found and count[chunk.kind, chunk.name] == 1:
            found = there
        if len(found) == 1 or (found and found[0].path == chunk.path):
            yield chunk, found[0]


def compare(old: Chunk, new: Chunk, sides: Sides, uses: Uses) -> None:
    """Count what two pieces show."""
    mine, theirs = TOKEN.findall(old.text), TOKEN.findall(new.text)
    if old.kind in ("type", "event"):
        _declarations(old.name if old.kind == "type" else f"{EVENT}{old.name}", mine, theirs, sides, uses)
    if old.kind == "type":
        return
    seen = _Seen(sides, uses, sides.gone.places["field"] & frozenset(mine))
    one, other = _statements(mine), _statements(theirs)
    for tag, a, b, c, d in SequenceMatcher(None, one, other, autojunk=False).get_opcodes():
        if tag in ("replace", "delete"):
            _changed([t for s in one[a:b] for t in s], [t for s in other[c:d] for t in s], seen)


class _Seen(NamedTuple):
    """Where to count, and the structs that a piece names."""

    sides: Sides
    uses: Uses
    structs: frozenset[str]

    def keys(self, kinds: Iterable[str], name: str) -> Iterator[Key]:
        """What a use counts for: a field also as one of each struct that the piece names."""
        for kind in kinds:
            yield kind, name
            if kind == "field":
                owners = self.sides.gone.owners.get((kind, name), frozenset()) & self.structs
                yield from ((kind, f"{owner}.{name}") for owner in owners)


def _statements(tokens: list[str], ends: str = ";{}") -> list[tuple[str, ...]]:
    made, current = [], []
    for token in tokens:
        current.append(token)
        if token in ends:
            made.append(tuple(current))
            current = []
    return [*made, tuple(current)] if current else made


def _used(tokens: list[str], at: int, changed: Changed) -> frozenset[str]:
    """The kinds as which a token is used and that went or came."""
    kinds = changed.words.get(tokens[at])
    if kinds is None:
        return frozenset()
    before, after = tokens[at - 1] if at else "", tokens[at + 1] if at + 1 < len(tokens) else ""
    return kinds & _USED["field" if before in ("->", ".") else "call" if after == "(" else "name"]


def _changed(mine: list[str], theirs: list[str], seen: _Seen) -> None:
    """Tokens that stand in each other's place."""
    gone = [(i, kinds) for i in range(len(mine)) if (kinds := _used(mine, i, seen.sides.gone))]
    for at, kinds in gone:
        seen.uses.went.update(seen.keys(kinds, mine[at]))
    fresh = [(j, kinds) for j in range(len(theirs)) if (kinds := _used(theirs, j, seen.sides.fresh))] if gone else []
    done: set[int] = set()
    if gone and max(len(mine), len(theirs)) <= MOST_TOKENS:
        for tag, a, b, c, d in SequenceMatcher(None, mine, theirs, autojunk=False).get_opcodes():
            if tag == "replace":
                here, there = ([x for x in of if low <= x[0] < high] for of, low, high in ((gone, a, b), (fresh, c, d)))
                done |= {i for i, kinds in here if _swapped(i, kinds, there, (mine, theirs), (a, b, c, d), seen)}
    for at, kinds in gone:
        came = {theirs[j] for j, others in fresh if kinds & others}
        if at not in done and len(came) == 1 and _same_initialiser(mine, at, theirs, None):
            for key in seen.keys(kinds, mine[at]):
                seen.uses.weak[key].update(came)


def _swapped(
    at: int, kinds: frozenset[str], there: list[tuple[int, frozenset[str]]], both: tuple[list[str], list[str]],
    span: tuple[int, int, int, int], seen: _Seen,
) -> bool:  # fmt: skip
    """Count a name whose place has one new name; a member in a new struct by its path."""
    mine, theirs = both
    a, b, c, d = span
    if b - a == 1 and d - c == 3 and theirs[c + 1] == "." and "field" in kinds:
        for key in seen.keys(("field",), mine[at]):
            seen.uses.exact[key][f"{theirs[c]}.{theirs[c + 2]}"] += 1
        return True
    came = [(j, kinds & others) for j, others in there if kinds & others]
    if not came and b - a == 1 and d - c == 1 and _NAME.fullmatch(theirs[c]) and _around(mine, a, theirs, c) >= CONTEXT:
        for key in seen.keys(kinds, mine[at]):
            seen.uses.known[key] += 1
            seen.uses.stood[key][theirs[c]] += 1
    if len({theirs[j] for j, _ in came}) != 1 or not _same_initialiser(mine, at, theirs, came[0][0]):
        return False
    where, shared = came[0]
    one_token = b - a == 1 and d - c == 1 and _around(mine, at, theirs, where) >= CONTEXT
    for key in seen.keys(shared, mine[at]):
        (seen.uses.exact if one_token else seen.uses.near)[key][theirs[where]] += 1
    return True


def _around(mine: list[str], i: int, theirs: list[str], j: int) -> int:
    """Equal tokens next to both, before and after."""
    before = next((n for n in range(FAR) if i <= n or j <= n or mine[i - n - 1] != theirs[j - n - 1]), FAR)
    rest = min(len(mine) - i, len(theirs) - j)
    return before + next((n for n in range(FAR) if n + 1 >= rest or mine[i + n + 1] != theirs[j + n + 1]), FAR)


def _same_initialiser(mine: list[str], i: int, theirs: list[str], j: int | None) -> bool:
    """Whether a value of ``.member = value`` is that of the same member; true where it is no such value."""
    if i < 3 or mine[i - 1] != "=" or mine[i - 3] != ".":
        return True
    if j is None:
        return False
    return j >= 3 and theirs[j - 1] == "=" and theirs[j - 2] == mine[i - 2]


def _declarations(owner: str, mine: list[str], theirs: list[str], sides: Sides, uses: Uses) -> None:
    """Members and enumerators that stand in each other's place in the same type, all around being the same."""
    kinds = [k for k in ("field", "enumerator") if owner in sides.gone.places[k] and owner in sides.fresh.places[k]]
    if not kinds:
        return
    one, other = _statements(mine, ";{},"), _statements(theirs, ";{},")
    for tag, a, b, c, d in SequenceMatcher(None, one, other, autojunk=False).get_opcodes():
        if tag == "replace" and max(b - a, d - c) <= MOST_MEMBERS:
            before, after = ([t for s in of for t in s] for of in (one[a:b], other[c:d]))
            for i, j, width in _swaps(before, after):
                for kind in kinds:
                    was = owner in sides.gone.owners.get((kind, before[i]), ())
                    if was and owner in sides.fresh.owners.get((kind, after[j]), ()):
                        uses.declared[kind, owner, before[i]][after[j]] += 1 + (width == 1)


def _swaps(mine: list[str], theirs: list[str]) -> Iterator[tuple[int, int, int]]:
    """(place, place, how many together) of tokens that stand in each other's place."""
    for tag, a, b, c, d in SequenceMatcher(None, mine, theirs, autojunk=False).get_opcodes():
        if tag == "replace" and b - a == d - c:
            yield from ((i, c + i - a, b - a) for i in range(a, b))
