# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Count a census: rows of programs with the hosts they run on, and what they use with hosts and programs."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from kfuncscope.bpf.needs import program_needs
from kfuncscope.bpf.object import BpfObject, Program
from kfuncscope.census import names
from kfuncscope.census.join import Joined, Joiner
from kfuncscope.census.records import Census, Join, Running
from kfuncscope.census.seen import section_of, uses_of
from kfuncscope.model.verdict import NeedKind

Key = tuple[NeedKind, str]
USUAL = (NeedKind.KFUNC, NeedKind.HELPER, NeedKind.HOOK, NeedKind.STRUCT_OPS)


@dataclass(slots=True)
class Row:
    """A program on an architecture, on all hosts: ``hosts`` are places in ``Census.hosts``, ``running`` how often it
    runs there together, ``owners`` who holds it open."""

    program: Running
    arch: str
    joined: Joined
    hosts: set[int] = field(default_factory=set)
    running: int = 0
    owners: set[str] = field(default_factory=set)

    @property
    def partly(self) -> bool:
        """Whether something of it could not be seen: hidden instructions, calls without a name."""
        return self.program.hidden or bool(uses_of(self.program).unnamed)


@dataclass(slots=True)
class Use:
    """Something that kernels provide, and what uses it: hosts and programs by the kind of their join."""

    kind: NeedKind
    name: str
    hosts: set[int] = field(default_factory=set)
    programs: Counter[Join] = field(default_factory=Counter)
    running: int = 0
    users: set[str] = field(default_factory=set)


def rows(census: Census, joiner: Joiner) -> list[Row]:
    """Every different program on each architecture; most hosts first."""
    found: dict[tuple[int, str], Row] = {}
    for at, host in enumerate(census.hosts):
        arch = host.kernel.arch
        for one in host.programs:
            row = found.get((one.program, arch))
            if row is None:
                row = found[one.program, arch] = Row(census.programs[one.program], arch, joiner.join(one.program, arch))
            row.hosts.add(at)
            row.running += 1
            row.owners.update(one.owners)
    return sorted(found.values(), key=lambda r: (-len(r.hosts), -r.running, r.program.name, r.program.tag, r.arch))


def uses(listed: Iterable[Row], joiner: Joiner, kinds: Sequence[NeedKind] = USUAL) -> list[Use]:
    """What the programs of rows use, in the order of kinds, most hosts first."""
    found: dict[Key, Use] = {}
    for row in listed:
        who = user(row, joiner)
        for kind, name in sorted(keys(row, joiner)):
            if kind not in kinds:
                continue
            use = found.setdefault((kind, name), Use(kind, name))
            use.hosts |= row.hosts
            use.programs[row.joined.join] += 1
            use.running += row.running
            use.users.add(who)
    order = list(NeedKind)
    return sorted(found.values(), key=lambda u: (order.index(u.kind), -len(u.hosts), -u.running, u.name))


def user(row: Row, joiner: Joiner) -> str:
    """A program by the object that it was joined to, else by who holds it open."""
    if row.joined.candidates:
        best = row.joined.candidates[0]
        return f"{joiner.objects.files[best.object].name}/{joiner.objects.program(best).name}"
    owner = " ".join(sorted(row.owners)) or "?"
    return f"{owner}/{row.program.name or '?'}#{row.program.tag}"


def keys(row: Row, joiner: Joiner) -> set[Key]:
    """What the program of a row uses.

    Kfuncs are those whose calls the verifier left in, so no dead code counts; the casts that it removes, and all that
    is hidden, are taken from the object. Helpers, of which the verifier hides many, are the object's where there is
    one. Hooks are the object's too, by their full names; without an object those that the kernel tells.
    """
    seen = uses_of(row.program)
    found: set[Key] = {(NeedKind.PROG_TYPE, names.prog_type(row.program.type))}
    found |= {(NeedKind.MAP_TYPE, names.map_type(m.type)) for m in row.program.maps}
    found |= {(NeedKind.KFUNC, name) for name in seen.kfuncs}
    if row.joined.candidates:
        best = row.joined.candidates[0]
        obj = joiner.objects.read[best.object]
        return found | _of_object(row.program, obj, obj.programs[best.program])
    found |= {(NeedKind.HELPER, name) for name in seen.helpers}
    section = section_of(row.program)
    if section.prog_type == "STRUCT_OPS":
        found |= {(NeedKind.STRUCT_OPS, a.target) for a in row.program.attach if a.kind == "btf" and a.target}
    elif section.target:
        found.add((NeedKind.HOOK, section.target))
    multi = {target for one in row.program.attach for target in one.targets}
    return found | {(NeedKind.HOOK, target) for target in multi}


def _of_object(running: Running, obj: BpfObject, program: Program) -> set[Key]:
    found: set[Key] = set()
    wanted = {NeedKind.HELPER, NeedKind.HOOK, NeedKind.STRUCT_OPS, NeedKind.KSYM, NeedKind.KCONFIG}
    in_part = running.hidden or running.kfunc_ids
    for need in program_needs(obj, program, names.numbered("helpers")):
        kind = NeedKind(need.kind)
        unseen = kind is NeedKind.KFUNC and (in_part or need.name in names.NOT_VISIBLE)
        if kind in wanted or unseen:
            found.add((kind, need.name))
    return found


def summary(listed: Sequence[Row]) -> Counter[Join]:
    """How many running programs, counted on each host, have each kind of join."""
    counts: Counter[Join] = Counter()
    for row in listed:
        counts[row.joined.join] += row.running
    return counts


def programs_of_hosts(listed: Sequence[Row]) -> dict[int, list[Row]]:
    """Host → its rows."""
    found: dict[int, list[Row]] = defaultdict(list)
    for row in listed:
        for at in row.hosts:
            found[at].append(row)
    return found
