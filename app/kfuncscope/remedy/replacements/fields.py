# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Which member of a struct took the place of one that is gone.

The same name with another type comes first; then what the table of renames says; then a new member of the same type
between the same neighbours, or of the same type and nearly the same name; then one of another struct to which the
table says that it moved. What is less sure is not named.
"""

from __future__ import annotations

from typing import NamedTuple

from kfuncscope.btf.blob import Blob, Member, essential_name
from kfuncscope.btf.declare import members_flat, type_text
from kfuncscope.btf.layout import COMPOSITES, Kind
from kfuncscope.errors import BtfError
from kfuncscope.kernel.kernel import Kernel
from kfuncscope.knowledge.names import is_away, known, renamed
from kfuncscope.remedy.replacements.elsewhere import elsewhere
from kfuncscope.remedy.replacements.inside import moved
from kfuncscope.remedy.replacements.likeness import alike, form
from kfuncscope.remedy.replacements.members import find
from kfuncscope.rules.core.spec import Accessor, Spec, spec_text

NAME_ALONE = 0.8  # likeness of names that tells, where the place does not
NAME_IN_PLACE = 0.3  # where the neighbours are the same
MOST = 3
Path = tuple[Member, ...]
"""A member, or one of a struct and one in it, and so on."""


class FieldPlace(NamedTuple):
    """A member on the new kernel, why it is thought to be the one, and its path from the struct that the program has,
    where that goes through a pointer: then the spec is of the struct that the path ends in."""

    spec: Spec
    reason: str
    path: str = ""

    @property
    def name(self) -> str:
        """The member for people: its path, or the text of its spec."""
        return f"struct {self.path}" if self.path else spec_text(self.spec)


def replaced_fields(spec: Spec, old: Kernel, new: Kernel) -> list[FieldPlace]:
    """Members of the new kernel in place of the one that a spec of the old kernel ends at, best first."""
    root = essential_name(spec.blob.name(spec.root))
    for kind in (Kind.STRUCT, Kind.UNION):
        for _, blob, struct in new.types(root, kind):
            try:
                return _walk(spec, blob, struct)[:MOST]
            except BtfError:
                return []
    first = next((s for s in spec.steps[1:] if s.name), None)
    if first is None or new.vmlinux is None or known("field", f"{root}.{first.name}") is None:
        return []
    return _elsewhere(spec, first, new.vmlinux)  # the struct is gone: only what the list says of it counts


def _walk(spec: Spec, blob: Blob, struct: int) -> list[FieldPlace]:
    """Follow the spec's names on the new kernel up to the one that is not there."""
    named = [s for s in spec.steps[1:] if s.name]
    steps = [Accessor(struct, 0, "")]
    holder, bits = struct, 0
    for position, step in enumerate(named):
        found = find(blob, holder, step.name)
        last = position + 1 == len(named)
        if found is None or (last and blob is not None):
            told = known("field", _full(spec, step)) is not None
            made = ([] if told else _inside(spec, step, blob, holder)) or _in_place(spec, step, blob, holder)
            places = [FieldPlace(_ending(blob, struct, steps, bits, path), reason) for path, reason in made]
            return places or _elsewhere(spec, step, blob)
        inner, index, member = found
        steps.append(Accessor(inner, index, member.name))
        bits += member.bit_offset
        below = blob.skip(member.type)
        while blob.kind(below) == Kind.ARRAY:
            below = blob.skip(blob.array(below).type)
        if blob.kind(below) not in COMPOSITES:
            text = type_text(blob, member.type, member.name)
            whole = Spec(blob, struct, tuple(steps), bits)
            return [FieldPlace(whole, f"it is now `{text}`")] if blob.kind(blob.skip(member.type)) != Kind.ARRAY else []
        holder = below
    return []


def _ending(blob: Blob, struct: int, steps: list[Accessor], bits: int, path: Path) -> Spec:
    """The spec of a member, or of one in its struct, at the end of the steps."""
    holder = steps[-1]
    below = struct
    if len(steps) > 1:
        below = blob.skip(blob.members(holder.type)[holder.place].type)
        while blob.kind(below) == Kind.ARRAY:
            below = blob.skip(blob.array(below).type)
    ended = list(steps)
    for member in path:
        found = find(blob, below, member.name)
        assert found is not None
        ended.append(Accessor(found[0], found[1], member.name))
        bits += member.bit_offset
        below = blob.skip(member.type)
    return Spec(blob, struct, tuple(ended), bits)


def _elsewhere(spec: Spec, step: Accessor, blob: Blob) -> list[FieldPlace]:
    """The one that moved to another struct, as a path of that."""
    found = elsewhere(_full(spec, step), blob)
    if found is None:
        return []
    there = find(blob, found.struct, found.member)
    assert there is not None
    end = _ending(blob, found.struct, [Accessor(found.struct, 0, "")], 0, (there[2],))
    return [FieldPlace(end, found.reason, found.path)]


def _full(spec: Spec, step: Accessor) -> str:
    """STRUCT.MEMBER of what a step names."""
    return f"{essential_name(spec.blob.name(_outer(spec, step)))}.{step.name}"


def _inside(spec: Spec, step: Accessor, blob: Blob, holder: int) -> list[tuple[Path, str]]:
    """The one that moved into a struct in its struct."""
    if any(m.name == step.name for m in members_flat(blob, holder)):
        return []
    found = moved(spec.blob, _outer(spec, step), blob, holder, spec.blob.members(step.type)[step.place])
    return [(found[:2], found[2])] if found is not None else []


def _in_place(spec: Spec, step: Accessor, blob: Blob, holder: int) -> list[tuple[Path, str]]:
    """Members of the new struct that may stand for the one that a step of the old one names."""
    here = {m.name: m for m in members_flat(blob, holder)}
    mine = spec.blob.members(step.type)[step.place]
    if step.name in here:
        return [((here[step.name],), f"it is now `{type_text(blob, here[step.name].type, step.name)}`")]
    outer = _outer(spec, step)
    before = list(members_flat(spec.blob, outer))
    if parts := _split(spec.blob, mine, blob, here, {m.name for m in before}):
        names = ", ".join(f"`{m.name}`" for m in parts)
        return [((m,), f"split into {names}") for m in parts]
    named = _full(spec, step)
    paths = ((_path(blob, here, name), why) for name, why in renamed("field", named) if not is_away(name))
    told = [(path, why) for path, why in paths if path]
    if known("field", named) is not None:
        return told
    if told:
        return told if len(told) == 1 else []
    return [((member,), why) for member, why in _guessed(spec.blob, before, blob, list(here.values()), mine)]


def _path(blob: Blob, here: dict[str, Member], name: str) -> Path:
    """The members of ``MEMBER`` or ``MEMBER.MEMBER`` and so on; empty where one is not there."""
    found: list[Member] = []
    for part in name.split("."):
        member = here.get(part)
        if member is None:
            return ()
        found.append(member)
        below = blob.skip(member.type)
        here = {m.name: m for m in members_flat(blob, below)} if blob.kind(below) in COMPOSITES else {}
    return tuple(found)


def _split(old: Blob, gone: Member, new: Blob, here: dict[str, Member], before: set[str]) -> list[Member]:
    """The new members that a struct was split into, by its name before theirs: ``i_ctime_sec`` and ``i_ctime_nsec``."""
    if old.kind(old.skip(gone.type)) not in COMPOSITES:
        return []
    parts = [m for n, m in here.items() if n.startswith(f"{gone.name}_") and n not in before]
    plain = [m for m in parts if new.kind(new.skip(m.type)) not in COMPOSITES]
    return plain if len(plain) == len(parts) > 1 else []


def _outer(spec: Spec, step: Accessor) -> int:
    """The named struct in which a step's member stands, seen through unnamed ones."""
    steps = list(spec.steps)
    at = next(i for i, s in enumerate(steps) if s is step or s == step)
    if at <= 1:
        return spec.blob.skip(spec.root)
    above = steps[at - 1]
    if not above.name:
        return above.type if spec.blob.kind(above.type) in COMPOSITES else step.type
    below = spec.blob.skip(spec.blob.members(above.type)[above.place].type)
    return below if spec.blob.kind(below) in COMPOSITES else step.type


def _guessed(old: Blob, before: list[Member], new: Blob, after: list[Member], gone: Member) -> list[tuple[Member, str]]:
    known, now = {m.name for m in before}, {m.name for m in after}
    fresh = [m for m in after if m.name not in known]
    want = form(old, gone.type)
    place = _between(before, after, known, now, gone.name)
    found = []
    for member in fresh:
        if form(new, member.type) != want or bool(member.bit_size) != bool(gone.bit_size):
            continue
        likeness = alike(gone.name, member.name)
        alone = place is not None and place[0] == 1 and [m.name for m in place[1]] == [member.name]
        text = type_text(new, member.type)
        if alone and likeness >= NAME_IN_PLACE:
            reason = f"same type `{text}`, between the same neighbours"
            if member.bit_offset == gone.bit_offset:
                reason = f"same offset {gone.bit_offset // 8}, same type `{text}`"
            found.append((likeness + 1, member, reason))
        elif likeness >= NAME_ALONE:
            found.append((likeness, member, f"same type `{text}`, a name like it"))
    found.sort(key=lambda f: (-f[0], f[1].bit_offset, f[1].name))
    if len(found) > 1 and found[0][0] - found[1][0] < 0.05:
        return []  # two are as likely: naming one would be a guess
    return [(member, reason) for _, member, reason in found]


def _between(
    before: list[Member], after: list[Member], known: set[str], now: set[str], name: str
) -> tuple[int, list[Member]] | None:
    """How many vanished between the nearest members that stayed, and what is new between these."""
    at = next((i for i, m in enumerate(before) if m.name == name), None)
    if at is None:
        return None
    low = next((i for i in range(at - 1, -1, -1) if before[i].name in now), None)
    high = next((i for i in range(at + 1, len(before)) if before[i].name in now), None)
    places = {m.name: i for i, m in enumerate(after)}
    start = places[before[low].name] + 1 if low is not None else 0
    end = places[before[high].name] if high is not None else len(after)
    if start > end:
        return None
    gone = sum(
        m.name not in now
        for m in before[(low + 1 if low is not None else 0) : high if high is not None else len(before)]
    )
    return gone, [m for m in after[start:end] if m.name not in known]
