# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""All that two source trees show of the names that went between them, by name, with what BTF says to it."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from kfuncscope.remedy.replacements.likeness import alike, words
from kfuncscope.study.renames.bodies import Like, alike_bodies
from kfuncscope.study.renames.chunks import Chunk, changed, chunks
from kfuncscope.study.renames.confirm import Side, confirmed
from kfuncscope.study.renames.decide import MOSTLY, SHARE, SHORT, Candidate, Gone
from kfuncscope.study.renames.things import SPELLED, lost
from kfuncscope.study.renames.uses import TOKEN, Sides, Uses, compare, no_uses, partners

SURE = 2  # exact uses that make a rename one to read other bodies with
_WORD = re.compile(r"\w+")
_MEMBER = re.compile(r"^#\s*define\s+\w+\s+(\w+(?:\.\w+)?)\s*$")
"""A macro with which a header keeps the name of a member."""
_HAS_BODY = {"function": "function", "tracepoint": "event"}
"""Kind of a thing → kind of the piece with its body."""


class Pieces(NamedTuple):
    """The pieces of both trees: old ones that have a name that went, new ones by kind and name; new ones that still
    define a name that went, and names that BTF says came and that the old tree defined before."""

    old: list[Chunk]
    new: Mapping[tuple[str, str], list[Chunk]]
    still: Mapping[str, list[Chunk]]
    before: frozenset[str] = frozenset()


class Evidence(NamedTuple):
    """What was seen; bodies by kind and name."""

    pieces: Pieces
    sides: Sides
    uses: Uses
    bodies: Mapping[str, Mapping[str, list[Like]]]


def pieces(old_tree: Path, new_tree: Path, sides: Sides) -> Pieces:
    """Read both trees."""
    old: list[Chunk] = []
    new: dict[tuple[str, str], list[Chunk]] = defaultdict(list)
    still: dict[str, list[Chunk]] = defaultdict(list)
    gone, fresh = frozenset(sides.gone.words), frozenset(sides.fresh.words)
    known: set[str] = set()
    for path, before, after in changed(old_tree, new_tree):
        mine = list(chunks(path, before)) if before is not None else []
        known.update(c.name for c in mine if c.kind in ("function", "macro") and c.name in fresh)
        old.extend(c for c in mine if _worth(c) and not gone.isdisjoint(_WORD.findall(c.text)))
        for chunk in chunks(path, after) if after is not None else ():
            if chunk.kind in ("function", "macro") and chunk.name in gone:
                still[chunk.name].append(chunk)
            if _worth(chunk):
                new[chunk.kind, chunk.name].append(chunk)
    return Pieces(old, new, still, frozenset(known))


def _worth(chunk: Chunk) -> bool:
    """Whether a piece may use a name: of the macros, which are many, those that reach a member."""
    return chunk.kind != "macro" or "->" in chunk.text


def gathered(old_tree: Path, new_tree: Path, old: Side, new: Side) -> Evidence:
    """Read both trees and compare what they have of the names that went and came."""
    sides = Sides(lost(old.things, new.things), lost(new.things, old.things))
    read = pieces(old_tree, new_tree, sides)
    uses = no_uses()
    for mine, theirs in partners(read.old, read.new):
        if mine.text != theirs.text:
            compare(mine, theirs, sides, uses)
    known = {}
    for (_, name), counts in uses.exact.items():
        ((best, lines),) = counts.most_common(1)
        if lines >= SURE and lines >= SHARE * counts.total():
            known[name] = best
    bodies = {kind: _bodies(kind, read, (old, new), known) for kind in _HAS_BODY}
    for kind, found in bodies.items():
        _within(read, _HAS_BODY[kind], found, sides, uses)
    return Evidence(read, sides, uses, bodies)


def _bodies(kind: str, read: Pieces, both: tuple[Side, Side], known: Mapping[str, str]) -> Mapping[str, list[Like]]:
    before, after = (side.things[kind][""] for side in both)
    went, came = before - after, after - before
    gone = [c for c in read.old if c.kind == _HAS_BODY[kind] and c.name in went]
    fresh = [c for (of, name), found in read.new.items() if of == _HAS_BODY[kind] and name in came for c in found]
    return alike_bodies(gone, fresh, known)


def _within(read: Pieces, kind: str, bodies: Mapping[str, list[Like]], sides: Sides, uses: Uses) -> None:
    """Uses in bodies that are under another name now."""
    for chunk in read.old:
        if chunk.kind == kind:
            same = [b for b in bodies.get(chunk.name, ()) if b.mutual and b.words + b.order >= 2 * MOSTLY]
            same = [b for b in same if b.tokens >= SHORT]
            for there in read.new.get((kind, same[0].name), ())[:1] if same else ():
                compare(chunk, there, sides, uses)


def names_gone(found: Evidence, old: Side, new: Side) -> Iterator[tuple[str, Gone]]:
    """(name, with its struct or enum; what was seen) of each that went."""
    for kind, places in old.things.items():
        for owner, names in places.items():
            if owner not in new.things[kind]:
                continue
            same_words: dict[tuple[str, ...], list[str]] = defaultdict(list)
            for fresh in sorted(new.things[kind][owner] - names):
                same_words[tuple(sorted(words(fresh)))].append(fresh)
            for name in sorted(names - new.things[kind][owner]):
                defined = kind == "function" and _defined(name, found)
                spelled = _spelled(kind, owner, name, found)
                seen = _seen(kind, owner, name, found, spelled)
                if not defined:
                    turned = same_words.get(tuple(sorted(words(name))), ())
                    seen = {**dict.fromkeys(turned, Candidate()), **seen}
                candidates = {}
                for fresh, one in seen.items():
                    same = confirmed(kind, owner, name, fresh, old, new)
                    if same is not None:
                        twins = same_words.get(tuple(sorted(words(fresh))), ())
                        others = _others(owner, name, fresh, old, new) if spelled == [("field", name)] else 0
                        before = kind == "function" and fresh in found.pieces.before
                        told = one._replace(same=same, others=others, before=before)
                        candidates[fresh] = _named(name, fresh, told, twins)
                went, known = (sum(of[key] for key in spelled) for of in (found.uses.went, found.uses.known))
                yield f"{owner}.{name}" if owner else name, Gone(kind, name, went, known, defined, candidates)


def _named(name: str, fresh: str, one: Candidate, twins: Iterable[str]) -> Candidate:
    """A candidate with what its name says; twins are new names of the same words."""
    front = _front(name)
    return one._replace(
        like=alike(name, fresh.rpartition(".")[2]),
        turned=sorted(words(name)) == sorted(words(fresh)) and front == _front(fresh),
        twin=any(_front(other) == front != _front(fresh) for other in twins),
    )


def _spelled(kind: str, owner: str, name: str, found: Evidence) -> list[tuple[str, str]]:
    """What the uses of a name were counted for: of a field those in pieces that name its struct, if there are any."""
    own = (kind, f"{owner}.{name}")
    if kind == "field" and (own in found.uses.exact or own in found.uses.near):
        return [own]
    return [(kind, front + name) for front in SPELLED.get(kind, ("",))]


def _seen(kind: str, owner: str, name: str, found: Evidence, spelled: list[tuple[str, str]]) -> dict[str, Candidate]:
    """New names for one that is gone, with what points at them."""
    bodies = {like.name: like for like in found.bodies.get(kind, {}).get(name, ())}
    if kind == "function" and _defined(name, found):
        return {fresh: Candidate(body=bodies.get(fresh), wrapped=True) for fresh in _wrapped(name, found)}
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    macros = {m.group(1) for c in found.pieces.still.get(name, ()) if kind == "field" and (m := _MEMBER.search(c.text))}
    for key in spelled:
        front = key[1].removesuffix(name) if kind != "field" else ""
        for how, of in (("exact", found.uses.exact), ("near", found.uses.near), ("weak", found.uses.weak)):
            for fresh, times in of.get(key, {}).items():
                if fresh.startswith(front):
                    counts[fresh.removeprefix(front)][how] += times
    for fresh, times in found.uses.declared.get((kind, owner, name), {}).items():
        counts[fresh]["declared"] += times
    made = {}
    for fresh in sorted({*counts, *bodies, *macros}):
        exact, near, weak, declared = (counts[fresh][how] for how in ("exact", "near", "weak", "declared"))
        made[fresh] = Candidate(exact, near, weak, declared, body=bodies.get(fresh), wrapped=fresh in macros)
    return made


def _defined(name: str, found: Evidence) -> bool:
    """Whether the new sources have a function or a macro of the old name, in a header or where the old one was."""
    paths = {c.path for c in found.pieces.old if c.kind == "function" and c.name == name}
    return any(c.path.endswith(".h") or c.path in paths or not paths for c in found.pieces.still.get(name, ()))


def _others(owner: str, gone: str, fresh: str, old: Side, new: Side) -> int:
    """Structs with a member of the old name, other than this, in which the new name did not come in its place."""
    inner = fresh.partition(".")[0]
    return sum(
        struct != owner
        and not (gone not in new.things["field"].get(struct, ()) and inner in new.things["field"].get(struct, ()))
        for struct in old.structs_with[gone]
    )


def _front(name: str) -> int:
    """Underscores that a name begins with."""
    return len(name) - len(name.lstrip("_"))


def _wrapped(name: str, found: Evidence) -> set[str]:
    """New functions that a macro or an inline function calls that has the name of an old function: where the name was
    a function in a file of its own, and is now in a header."""
    inline = [c for c in found.pieces.still[name] if c.kind == "macro" or c.path.endswith(".h")]
    old = [c for c in found.pieces.old if c.kind == "function" and c.name == name]
    if not inline or (old and all(c.path.endswith(".h") for c in old)):
        return set()
    called = {t for c in inline for t in TOKEN.findall(c.text)}
    return {w for w in called if "function" in found.sides.fresh.words.get(w, ())}
