# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Who uses what: which packages, objects and programs need each kfunc, helper and hook; no kernel is looked at.

This is the evidence that maintainers ask for before they promise to keep something.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from kfuncscope.bpf.needs import program_needs
from kfuncscope.bpf.object import read_object
from kfuncscope.errors import InputError
from kfuncscope.knowledge import knowledge
from kfuncscope.model.verdict import NeedKind
from kfuncscope.storage.files import InputProblem, ObjectFile

USUAL = (NeedKind.KFUNC, NeedKind.HELPER, NeedKind.HOOK)


@dataclass(frozen=True, slots=True)
class Use:
    """One thing that kernels offer and who needs it. ``programs`` are (object, program); ``places`` counts call sites.

    ``strong`` counts the programs that cannot do without it; None where binding plays no role. ``since`` is the first
    mainline release that has it, empty where the tables do not know.
    """

    kind: NeedKind
    name: str
    packages: tuple[str, ...]
    objects: tuple[str, ...]
    programs: tuple[tuple[str, str], ...]
    places: int
    strong: int | None
    since: str


def helper_names() -> dict[int, str]:
    """Helper number → name without ``bpf_``, from the newest kernel's enumeration."""
    newest = knowledge.for_release(None)
    return dict(enumerate(newest.uapi["helpers"]))


def map_type_names() -> dict[str, str]:
    """Map type number as text → its name, from the newest kernel's enumeration."""
    newest = knowledge.for_release(None)
    return {str(number): name for number, name in newest.numbered("bpf_map_type").items()}


def collect(
    objects: Iterable[ObjectFile],
    kinds: Sequence[NeedKind] = USUAL,
    section_types: Mapping[str, str] | None = None,
) -> tuple[list[Use], list[InputProblem]]:
    """Uses by kind, most packages first, then objects, programs, name; and the objects that could not be read."""
    places: dict[tuple[NeedKind, str], int] = defaultdict(int)
    users: dict[tuple[NeedKind, str], set[tuple[str, str]]] = defaultdict(set)
    packages: dict[tuple[NeedKind, str], set[str]] = defaultdict(set)
    strong: dict[tuple[NeedKind, str], set[tuple[str, str]]] = defaultdict(set)
    bound: set[tuple[NeedKind, str]] = set()
    problems: list[InputProblem] = []
    names, map_types = helper_names(), map_type_names()
    for file in objects:
        try:
            obj = read_object(file.data, file.name, dict(section_types or {}), file.loader)
        except InputError as error:
            problems.append(InputProblem(error.source, error.reason, error.offset))
            continue
        if obj.no_program:
            problems.append(InputProblem(file.name, obj.no_program))
        for program in obj.programs:
            for need in program_needs(obj, program, names):
                kind = need.kind
                if kind not in kinds:
                    continue
                key = (kind, map_types.get(need.name, need.name) if kind is NeedKind.MAP_TYPE else need.name)
                places[key] += len(need.places)
                users[key].add((file.name, program.name))
                packages[key] |= {place.package for place in file.places if place.package}
                if need.strong is not None:
                    bound.add(key)
                if need.strong:
                    strong[key].add((file.name, program.name))
    return [_use(key, users, packages, places, strong, bound) for key in _ordered(users, packages)], problems


_Key = tuple[NeedKind, str]


def _ordered(users: Mapping[_Key, set[tuple[str, str]]], packages: Mapping[_Key, set[str]]) -> list[_Key]:
    order = list(NeedKind)

    def rank(key: _Key) -> tuple[object, ...]:
        objects = {object_ for object_, _ in users[key]}
        return (order.index(key[0]), -len(packages[key]), -len(objects), -len(users[key]), key[1])

    return sorted(users, key=rank)


def _use(
    key: _Key,
    users: Mapping[_Key, set[tuple[str, str]]],
    packages: Mapping[_Key, set[str]],
    places: Mapping[_Key, int],
    strong: Mapping[_Key, set[tuple[str, str]]],
    bound: set[_Key],
) -> Use:
    from kfuncscope.decision.risk import known_since

    kind, name = key
    return Use(
        kind=kind,
        name=name,
        packages=tuple(sorted(packages[key])),
        objects=tuple(sorted({object_ for object_, _ in users[key]})),
        programs=tuple(sorted(users[key])),
        places=places[key],
        strong=len(strong[key]) if key in bound else None,
        since=known_since(kind, name) or "",
    )
