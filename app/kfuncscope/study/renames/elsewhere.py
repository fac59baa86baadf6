# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Members that moved to another struct: ``page.objects`` to ``slab.objects``.

BTF shows the member of the same name that is new in one other struct, and that both structs have to do with each other:
the one is in the other or pointed at by it, more members went the same way, or their names share a word. Sources show
that the functions that read the one still read a member of this name.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from kfuncscope.btf.blob import Blob
from kfuncscope.remedy.replacements.likeness import form, words
from kfuncscope.remedy.replacements.members import led_to
from kfuncscope.study.renames.chunks import Chunk
from kfuncscope.study.renames.confirm import Side
from kfuncscope.study.renames.uses import EVENT, partners

FEW = 3  # old structs with a member of the name: of more, a use does not tell whose it is
TOGETHER = 3  # members that went from the one struct to the other, which show more than sources do
KEPT, MOSTLY_KEPT = 0.2, 0.5  # of the uses of the old name are there still
_ANY = frozenset({"struct", "info", "data", "state"})  # words of any struct
_USED = re.compile(r"(?:->|\.)\s*(\w+)\b(?!\s*\()")


class Near(NamedTuple):
    """A member of that name in another struct: how many members went there, whether its type is the same, whether one
    of the two structs has the other, or points at it, and whether the old one leads to that struct, or it was there
    before, or has the old one's name and more: else it may be what functions pass on, which points at the object too.
    """

    struct: str
    member: str
    together: int
    same: bool
    reached: bool
    held: bool


class Moved(NamedTuple):
    """A member in another struct; how many uses of its name stayed in the functions that had them, of how many."""

    struct: str
    member: str
    kept: int
    of: int


def moved(
    old: Side, new: Side, old_pieces: list[Chunk], new_pieces: Mapping[tuple[str, str], list[Chunk]]
) -> dict[str, Moved]:
    """STRUCT.MEMBER that is gone → where it is now; but for those that the source still has, under an option."""
    near = dict(_candidates(old, new))
    stayed = _stayed({one.member for one in near.values()}, old_pieces, new_pieces)
    made = {}
    for full, one in near.items():
        kept, of = stayed.get(one.member, (0, 0))
        if enough(one, kept, of) and not _still(full, new_pieces):
            made[full] = Moved(one.struct, one.member, kept, of)
    return made


def enough(one: Near, kept: int, of: int) -> bool:
    """Whether so many kept uses, of all, show with the rest that a member moved."""
    if one.together >= TOGETHER:
        return True
    if one.together <= 1 and not one.held:
        return False
    surely = one.together > 1 or (one.same and one.reached)
    return bool(kept) and kept >= (KEPT if surely else MOSTLY_KEPT) * of and (one.same or one.reached)


def _still(full: str, new: Mapping[tuple[str, str], list[Chunk]]) -> bool:
    """Whether the new source of a struct has the member."""
    owner, _, name = full.partition(".")
    return any(re.search(rf"\b{name}\b", chunk.text) for chunk in new.get(("type", owner), ()))


def _candidates(old: Side, new: Side) -> Iterator[tuple[str, Near]]:
    """(STRUCT.MEMBER, what is near it)."""
    came = _came(old, new)
    for owner, names in old.things["field"].items():
        if owner.startswith(EVENT) or owner not in new.things["field"]:
            continue
        gone = names - new.things["field"][owner]
        to: Counter[str] = Counter(struct for name in gone for struct in came.get(name, ()))
        for name in sorted(gone):
            if len(old.structs_with[name]) > FEW:
                continue
            found = [(s, to[s], _same(owner, s, name, old, new)) for s in came.get(name, ()) if s != owner]
            found = [one for one in found if _related(owner, one[0], one[1], new)]
            found = [one for one in found if one[2]] or found
            if len(found) == 1:
                struct, together, same = found[0]
                leads = struct in reached(new, owner)
                held = leads or struct in old.things["field"] or set(words(owner)) <= set(words(struct))
                yield (
                    f"{owner}.{name}",
                    Near(struct, name, together, same, leads or owner in reached(new, struct), held),
                )


def _came(old: Side, new: Side) -> dict[str, list[str]]:
    """Name of a member → structs in which it is new."""
    made: dict[str, list[str]] = defaultdict(list)
    for struct in sorted(new.things["field"]):
        for name in new.things["field"][struct] - old.things["field"].get(struct, set()):
            if not struct.startswith(EVENT):
                made[name].append(struct)
    return made


def _same(owner: str, struct: str, name: str, old: Side, new: Side) -> bool:
    one, other = old.members(owner).get(name), new.members(struct).get(name)
    return one is not None and other is not None and form(old.blob, one.type) == form(new.blob, other.type)


def _related(owner: str, struct: str, together: int, new: Side) -> bool:
    """Whether two structs have to do with each other."""
    mine, theirs = set(words(owner)) - _ANY, set(words(struct)) - _ANY
    return together > 1 or bool(mine & theirs) or struct in reached(new, owner) or owner in reached(new, struct)


def reached(side: Side, owner: str) -> frozenset[str]:
    """Structs that members of a struct are or point at."""
    return frozenset(_aim(side.blob, member.type) for member in side.members(owner).values()) - {""}


def _aim(blob: Blob, type_id: int) -> str:
    found = led_to(blob, type_id)
    return blob.name(found[0]) if found is not None else ""


def _stayed(
    names: Iterable[str], old: list[Chunk], new: Mapping[tuple[str, str], list[Chunk]]
) -> dict[str, tuple[int, int]]:
    """Name of a member → its uses that the same functions still have, and its uses in the old ones."""
    wanted = frozenset(names)
    kept: Counter[str] = Counter()
    of: Counter[str] = Counter()
    for mine, theirs in partners((c for c in old if c.kind in ("function", "macro")), new):
        before = Counter(n for n in _USED.findall(mine.text) if n in wanted)
        if before:
            after = Counter(n for n in _USED.findall(theirs.text) if n in wanted)
            of.update(before)
            kept.update(before & after)
    return {name: (kept[name], of[name]) for name in of}
