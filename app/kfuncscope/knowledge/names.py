# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What is known of names across all levels: when they came, at which levels they are, what took their place."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, NamedTuple

from kfuncscope.knowledge.common import common_table
from kfuncscope.knowledge.knowledge import Knowledge, for_release, releases
from kfuncscope.knowledge.levels import level_key

_EXACT = re.compile(r"\d+\.\d+")
ELSEWHERE = "struct "
"""What the answer begins with where a member moved to another struct: ``struct STRUCT.MEMBER``."""
THROUGH = "->"
"""What stands in the answer where a member is reached through a pointer: ``MEMBER->MEMBER``."""
_LAST_OF_SERIES = {3: 19, 4: 20, 5: 19, 6: 19}
"""The last release before the next number before the dot."""
MOST_LINKS = 6  # pairs of levels through which a name is followed
_KINDS = ("function", "tracepoint", "lsm", "field", "enumerator")
ALWAYS = frozenset({"CONFIG_BPF", "CONFIG_BPF_SYSCALL", "CONFIG_NET"})
"""Options without which there is no BPF to speak of."""


def renames() -> Mapping[str, str]:
    """Old kfunc name → the name that took its place (R-4.8)."""
    rows = common_table("kfunc_renames")["renames"]
    return {name: row if isinstance(row, str) else row[0] for name, row in rows.items()}  # a user's own may be plain


class Known(NamedTuple):
    """A row of the list that was written by hand: what became of a name that BPF programs use.

    ``new`` are the names that a program can follow, best first, fields by their path in the struct, with ``->`` where
    it goes through a pointer, or as ``struct STRUCT.MEMBER`` where they moved to another struct; empty where nothing
    took the place. ``levels`` are the last level that was seen with the old name and the first without. ``why`` is what
    the kernel changed, ``do`` what a program can do, both as sentences, or empty.
    """

    new: tuple[str, ...]
    levels: tuple[str, str]
    why: str
    do: str

    @property
    def when(self) -> str:
        """When it happened, as a part of a sentence."""
        last, first = self.levels
        return f"in Linux {first}" if _follows(last, first) else f"between Linux {last} and {first}"

    @property
    def away(self) -> bool:
        """Whether every successor is behind a pointer or in another struct."""
        return bool(self.new) and all(is_away(new) for new in self.new)


def is_away(name: str) -> bool:
    """Whether an answer for a field is none of the struct itself: behind a pointer, or in another struct."""
    return name.startswith(ELSEWHERE) or THROUGH in name


def _follows(last: str, first: str) -> bool:
    """Whether no release of Linux is between two."""
    one, other = ((level_key(level) or ())[:2] for level in (last, first))
    if len(one) != 2 or len(other) != 2:
        return False
    return other == ((one[0] + 1, 0) if _LAST_OF_SERIES.get(one[0]) == one[1] else (one[0], one[1] + 1))


def known(kind: str, name: str) -> Known | None:
    """The row of the list written by hand, by the kinds and names of ``renamed``; a user's own rows win."""
    row = common_table("known_renames").get(kind, {}).get(name)
    if row is None:
        return None
    last, first = row["seen"]
    return Known(tuple(row["new"]), (last, first), row.get("why", ""), row.get("do", ""))


def gone(kind: str, name: str) -> str:
    """Sentences about a name that went without a successor in its own struct: when, why, what to do. Empty where the
    list has no such row."""
    row = known(kind, name)
    if row is None or (row.new and not row.away):
        return ""
    became = f"is to be found as {row.new[0].removeprefix(ELSEWHERE)}" if row.new else "is gone"
    verb = "moved" if row.new else "went"
    return " ".join(part for part in (f"{name} {became}: it {verb} {row.when}.", row.why, row.do) if part)


def renamed(kind: str, name: str) -> list[tuple[str, str]]:
    """(new name, reason) of what took the place of a name, best first.

    What the list written by hand says counts; other names are asked of the table made from sources. What the new name
    became later comes last, by either.

    Kinds: kfunc, function, tracepoint, lsm, field, enumerator, and instead: tracepoints that a function fires. Fields
    are asked for as ``STRUCT.MEMBER`` and answered by the member, by ``MEMBER.MEMBER`` within a struct of it, by
    ``MEMBER->MEMBER`` through a pointer, or by ``struct STRUCT.MEMBER`` for one of another struct. Rows of the table
    are of two levels whose sources were compared. Each name comes once, with the reason of the first row that has it.
    """
    made: dict[str, str] = {}
    for step in successions(kind, name):
        made |= {said: reason for said, reason in step.items() if said not in made}
    return list(made.items())


def successions(kind: str, name: str) -> Iterator[dict[str, str]]:
    """The answers of ``renamed`` by step, with their reasons: what took the place of a name, then what took its."""
    owner, seen = name.rpartition(".")[0], {name}
    step = _links(kind, name)
    for _ in range(MOST_LINKS + 1):
        if not step:
            return
        yield step
        full = [one for one in dict.fromkeys(_full(owner, link) for link in step) if one not in seen]
        seen.update(full)
        step = {}
        for one in full:
            for new, reason in _links(kind, one).items():
                if _full(owner, said := _said(owner, one, new)) not in seen:
                    step.setdefault(said, reason)


def _links(kind: str, name: str) -> dict[str, str]:
    """What took the place of a name at one step, with the reason of the first row that says so."""
    if (row := known(kind, name)) is not None:
        return {new: f"{'moved' if is_away(new) else 'renamed'} {row.when}" for new in row.new}
    made: dict[str, str] = {}
    for link in _rows(kind, name):
        made.setdefault(link[0], _reason(kind, link))
    return made or (dict(_renamed_kfunc(name)) if kind == "kfunc" else {})


def _full(owner: str, name: str) -> str:
    """A name with its struct or enum."""
    return name.removeprefix(ELSEWHERE) if name.startswith(ELSEWHERE) else f"{owner}.{name}" if owner else name


def _said(owner: str, link: str, name: str) -> str:
    """What a link of the chain became, said from the first struct or enum."""
    there = link.partition(".")[0]
    return name if not owner or there == owner or name.startswith(ELSEWHERE) else f"{ELSEWHERE}{there}.{name}"


def compared(old_release: str, new_release: str) -> bool:
    """Whether the table of renames was made from sources around these releases: then a name that it has not has no
    successor that sources show."""
    known = _compared_series()
    keys = [(level_key(release) or ())[:2] for release in (old_release, new_release)]
    return bool(known) and all(len(key) == 2 and known[0] <= key <= known[1] for key in keys) and keys[0] < keys[1]


@cache
def _compared_series() -> tuple[tuple[int, ...], ...]:
    """The oldest and the newest series whose sources were compared; empty for none."""
    table = common_table("renames")
    found = [level_key(level) for kind in _KINDS for name in table.get(kind, {}) for row in _rows(kind, name)
             for level in row[1:3]]  # fmt: skip
    series = [key[:2] for key in found if key is not None]
    return (min(series), max(series)) if series else ()


def _rows(kind: str, name: str) -> list[list[Any]]:
    """Rows of the table: new name, both levels, uses that became it, of how many, hundredths of the body that are the
    same, and whether the old name calls the new one now. Rows of four count lines that differ in the name alone."""
    found = common_table("renames").get(kind, {}).get(name) or []
    return found if not found or isinstance(found[0], list) else [found]


def _reason(kind: str, row: list[Any]) -> str:
    _, old_level, new_level, uses, *more = row
    if kind == "instead":
        return f"the function fires it, in Linux {old_level} and {new_level}"
    if not more:
        lines = "line" if uses == 1 else "lines"
        return f"renamed in {uses} {lines} of the source between Linux {old_level} and {new_level}"
    of, body, calls = (*more, 0, 0)[:3]
    shown = []
    if str(row[0]).startswith(ELSEWHERE):
        shown.append("it moved there" + (f" and {uses} of its {of} uses stayed as they were" if uses else ""))
    elif uses:
        shown.append(f"{uses} of {of} changed uses became it")
    if body:
        shown.append(f"{body} % of the body is the same")
    if calls:
        shown.append(f"the name is a macro or inline function in Linux {new_level} that calls it")
    shown = shown or ["it has its place in the declaration"]
    return f"{', '.join(shown)}, in the sources of Linux {old_level} and {new_level}"


def _renamed_kfunc(name: str) -> list[tuple[str, str]]:
    row = common_table("kfunc_renames")["renames"].get(name)
    if row is None:
        return []
    if isinstance(row, str):
        return [(new, "the table of renamed kfuncs names it") for new in row.split(" / ")]
    told, before, after = row
    reason = f"it took its place in its set between Linux {before} and {after}"
    if before == after:
        reason = f"the kernel's own warning names it, in Linux {before}"
    return [(new, reason) for new in told.split(" / ")]


def first_release(kind: str, name: str) -> str | None:
    """First mainline release, or in words what is known of it; kinds: kfunc, helper, prog_type, map_type, attach_type,
    link_type."""
    found = common_table("first_release").get(kind, {}).get(name)
    return found if isinstance(found, str) else None


@cache
def kfuncs_of_sets(sets: frozenset[str]) -> frozenset[str]:
    """Every kfunc that some level registers in one of these sets, and no level on conditions."""
    found: set[str] = set()
    gated: set[str] = set()
    for level in landmarks():
        for name, fact in for_release(level).kfuncs.items():
            for reg in fact.registrations:
                if reg.set in sets:
                    (gated if set(reg.config) - ALWAYS else found).add(name)
    return frozenset(found - gated)


@cache
def dated_enumerators() -> Mapping[str, str]:
    """Names of map, program and attach types → the first mainline release that has them, where it is known."""
    table = common_table("first_release")
    rows = (row for kind in ("map_type", "prog_type", "attach_type") for row in table[kind].items())
    return {name: release for name, release in rows if _EXACT.fullmatch(release)}


def module_of_prefix(prefix: str) -> tuple[str, str] | None:
    """(config option, module) of the functions whose names begin with this word; None where no table tells."""
    found = common_table("module_functions")["prefixes"].get(prefix)
    return (found[0], found[1]) if found else None


def landmarks() -> tuple[str, ...]:
    """The newest level of each series, oldest first: what a time line shows."""
    newest = {(level_key(name) or ())[:2]: name for name in releases()}
    return tuple(newest.values())


@cache
def _last_levels(asked: tuple[str, ...]) -> dict[str, str]:
    return {name: level for level in asked for name in for_release(level).kfuncs}


def last_with(kfunc: str) -> Knowledge | None:
    """The tables of the newest series that knows the kfunc; None for a name that none ever knew."""
    level = _last_levels(landmarks()).get(kfunc)
    return for_release(level) if level is not None else None
