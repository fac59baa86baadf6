# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""All that two source trees show of the names that went between them, by name, with what BTF says to it."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from difflib import SequenceMatcher
from pathlib import Path
from typing import NamedTuple

from kfuncscope.remedy.replacements.likeness import alike, words
from kfuncscope.study.renames.bodies import Like, alike_bodies
from kfuncscope.study.renames.calls import inner
from kfuncscope.study.renames.chunks import Chunk, changed, chunks
from kfuncscope.study.renames.confirm import Side, confirmed, same_shape
from kfuncscope.study.renames.decide import MOSTLY, SHARE, SHORT, SOMEWHAT_LIKE, Candidate, Gone
from kfuncscope.study.renames.order import placed
from kfuncscope.study.renames.things import SPELLED, lost
from kfuncscope.study.renames.uses import TOKEN, Sides, Uses, compare, no_uses, partners

SPELLED_ALIKE = 0.5  # of the letters of the words in which two names differ
SURE = 2  # exact uses that make a rename one to read other bodies with
_WORD = re.compile(r"\w+")
_MEMBER = re.compile(r"^#\s*define\s+\w+\s+(\w+(?:\.\w+)?)\s*$")
"""A macro with which a header keeps the name of a member."""
Named = frozenset[tuple[str, str]]
_HAS_BODY = {"function": "function", "tracepoint": "event"}
"""Kind of a thing → kind of the piece with its body."""


class Pieces(NamedTuple):
    """The pieces of both trees: old ones that have a name that went, new ones by kind and name; new ones that still
    define a name that went, and names that BTF says came and that the old tree defined before; (kind, name that is
    gone) → what stands in its place, and 1 or 2, see ``Candidate.placed``.
    """

    old: list[Chunk]
    new: Mapping[tuple[str, str], list[Chunk]]
    still: Mapping[str, list[Chunk]]
    before: frozenset[str] = frozenset()
    placed: Mapping[tuple[str, str], Mapping[str, int]] = {}


class Evidence(NamedTuple):
    """What was seen; bodies by kind and name."""

    pieces: Pieces
    sides: Sides
    uses: Uses
    bodies: Mapping[str, Mapping[str, list[Like]]]
    bodies_of: Mapping[str, list[Chunk]] = {}
    """Function that is gone → its definitions."""


def pieces(old_tree: Path, new_tree: Path, sides: Sides, both: tuple[Named, Named]) -> Pieces:
    """Read both trees; both are (kind, name) of what went and of what came."""
    old: list[Chunk] = []
    new: dict[tuple[str, str], list[Chunk]] = defaultdict(list)
    still: dict[str, list[Chunk]] = defaultdict(list)
    gone, fresh = frozenset(sides.gone.words), frozenset(sides.fresh.words)
    known: set[str] = set()
    places: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for path, before, after in changed(old_tree, new_tree):
        mine = list(chunks(path, before)) if before is not None else []
        known.update(c.name for c in mine if c.kind in ("function", "macro") and c.name in fresh)
        old.extend(c for c in mine if _worth(c) and not gone.isdisjoint(_WORD.findall(c.text)))
        theirs = list(chunks(path, after)) if after is not None else []
        for one in placed(mine, theirs, both[0], both[1]) if mine and theirs else ():
            places[one.kind, one.gone][one.fresh] = max(1 + one.alone, places[one.kind, one.gone][one.fresh])
        for chunk in theirs:
            if chunk.kind in ("function", "macro") and chunk.name in gone:
                still[chunk.name].append(chunk)
            if _worth(chunk):
                new[chunk.kind, chunk.name].append(chunk)
    return Pieces(old, new, still, frozenset(known), places)


def _worth(chunk: Chunk) -> bool:
    """Whether a piece may use a name: of the macros, which are many, those that reach a member."""
    return chunk.kind != "macro" or "->" in chunk.text


def gathered(old_tree: Path, new_tree: Path, old: Side, new: Side) -> Evidence:
    """Read both trees and compare what they have of the names that went and came."""
    sides = Sides(lost(old.things, new.things), lost(new.things, old.things))
    read = pieces(old_tree, new_tree, sides, (_only(old, new), _only(new, old)))
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
    return Evidence(read, sides, uses, bodies, definitions(read.old))


def definitions(old: Iterable[Chunk]) -> Mapping[str, list[Chunk]]:
    """Functions by name."""
    made: dict[str, list[Chunk]] = defaultdict(list)
    for chunk in old:
        if chunk.kind == "function":
            made[chunk.name].append(chunk)
    return made


def _only(one: Side, other: Side) -> Named:
    """(kind, name) of what stands in no struct or enum and only one side has."""
    kinds = ("function", "tracepoint", "lsm")
    return frozenset((kind, n) for kind in kinds for n in one.things[kind][""] - other.things[kind][""])


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
                        seldom = kind == "field" and not (
                            one.uses or one.weak or one.wrapped or candidates[fresh].turned
                        )
                        if seldom and _rivalled(name, fresh, new.things[kind][owner] - names, owner, old, new):
                            candidates[fresh] = candidates[fresh]._replace(twin=True)
                went, known = (sum(of[key] for key in spelled) for of in (found.uses.went, found.uses.known))
                if kind == "function" and not defined:
                    standing = _standing(name, found, old, new)
                    known -= sum(one.exact for one in standing.values())
                    candidates |= {fresh: one for fresh, one in standing.items() if fresh not in candidates}
                yield f"{owner}.{name}" if owner else name, Gone(kind, name, went, known, defined, candidates)


def _standing(name: str, found: Evidence, old: Side, new: Side) -> dict[str, Candidate]:
    """The function that was there before and that one that is gone did no more than to call."""
    called = inner(found.bodies_of.get(name, ()))
    if called is None or not all(called[0] in side.things["function"][""] for side in (old, new)):
        return {}
    same = same_shape("function", name, called[0], old, new)
    stood = found.uses.stood.get(("function", name), Counter())[called[0]]
    one = Candidate(exact=stood, same=same or 0.0, inner=called[1])
    return {called[0]: _named(name, called[0], one, ())}


def _named(name: str, fresh: str, one: Candidate, twins: Iterable[str]) -> Candidate:
    """A candidate with what its name says; twins are new names of the same words."""
    front = _front(name)
    return one._replace(
        like=alike(name, fresh.rpartition(".")[2]),
        turned=sorted(words(name)) == sorted(words(fresh)) and front == _front(fresh),
        strange=_strange(name, fresh),
        twin=any(_front(other) == front != _front(fresh) for other in twins),
    )


def _strange(name: str, fresh: str) -> bool:
    """Whether the words in which two names differ are spelled unlike: ``RISCV`` and ``EIOINTC``."""
    mine, theirs = words(name), words(fresh)
    one, other = ("".join(w for w in of if w not in rest) for of, rest in ((mine, theirs), (theirs, mine)))
    return bool(one and other) and SequenceMatcher(None, one, other, autojunk=False).ratio() < SPELLED_ALIKE


def _rivalled(name: str, fresh: str, came: Iterable[str], owner: str, old: Side, new: Side) -> bool:
    """Whether another new member of the struct, of the type of the old one, has a name that is like it too."""
    return any(
        other != fresh and alike(name, other) >= SOMEWHAT_LIKE and confirmed("field", owner, name, other, old, new)
        for other in came
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
    places = found.pieces.placed.get((kind, name), {})
    made = {}
    for fresh in sorted({*counts, *bodies, *macros, *places}):
        exact, near, weak, declared = (counts[fresh][how] for how in ("exact", "near", "weak", "declared"))
        made[fresh] = Candidate(exact, near, weak, declared, body=bodies.get(fresh), wrapped=fresh in macros,
                                placed=places.get(fresh, 0))  # fmt: skip
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
