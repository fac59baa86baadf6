# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Tables about names across all levels, made from the tables of each: when a name came, and what took its place.

``first_release.json`` has for each name the first mainline release. The tables of levels bracket it: absent from one,
there in the next. Where these are neighbouring series, the later one is it; else the public record of releases
(``documented.json``) is asked, and its word counts where it lies in the bracket.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from difflib import SequenceMatcher
from functools import partial
from itertools import pairwise
from typing import Any

from kfuncscope.knowledge.build.csource.ctext import find_function
from kfuncscope.knowledge.build.csource.tree import Tree
from kfuncscope.knowledge.levels import in_order, level_key, next_series

Contents = Mapping[str, Mapping[str, Any]]
"""Level → one table of it."""

_UAPI = {"map_type": "bpf_map_type", "prog_type": "bpf_prog_type", "attach_type": "bpf_attach_type",
         "link_type": "bpf_link_type"}  # fmt: skip
_NOTICE = re.compile(r"\b(?:deprecated|renamed)\b")
_LITERAL = re.compile(r'"((?:\\.|[^"\\\n])*)"')
_CALLED = re.compile(r"\b(\w+)\(\)")
_LIKE = 0.75
_RELEASE = re.compile(r"\d+\.\d+")


def notices_table(tree: Tree, kfuncs: Mapping[str, Any]) -> dict[str, Any]:
    """The ``notices`` table: kfunc → kfuncs that its own warning names to be used in its place."""
    found: dict[str, list[str]] = {}
    names = {name for row in kfuncs["sets"] for name, *_ in row["kfuncs"]}
    warns = {file: _NOTICE.search(tree.text(file)) is not None for file in {row["file"] for row in kfuncs["sets"]}}
    for row in kfuncs["sets"]:
        if not warns[row["file"]]:
            continue
        text = tree.text(row["file"])
        for name, *_ in row["kfuncs"]:
            body = find_function(text, name)
            told = "".join(_LITERAL.findall(body.body)) if body is not None else ""
            if _NOTICE.search(told):
                found[name] = [other for other in dict.fromkeys(_CALLED.findall(told)) if other in names - {name}]
    return {"notices": {name: others for name, others in sorted(found.items()) if others}}


def kfunc_renames(kfuncs: Contents, notices: Contents) -> dict[str, Any]:
    """Old kfunc → what took its place: in one set, between two levels, one name for another, of the same prototype or
    else of a like name; and what the kernel's own warning named while the old one was there."""
    made: dict[str, list[str]] = {}
    for before, after in pairwise(in_order(kfuncs)):
        old, new = _members(kfuncs[before]), _members(kfuncs[after])
        left, came = set().union(*old.values()), set().union(*new.values())
        for key, members in old.items():
            gone, fresh = sorted(members - came), sorted(new.get(key, set()) - left)
            for name in gone:
                found = _successor(name, fresh, kfuncs[before]["protos"], kfuncs[after]["protos"])
                if found:
                    made[name] = [found, before, after]
    for level in in_order(notices):
        for name, others in notices[level]["notices"].items():
            made.setdefault(name, [" / ".join(others), level, level])
    return {"renames": dict(sorted(made.items()))}


def _members(table: Mapping[str, Any]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for row in table["sets"]:
        found.setdefault(row["set"], set()).update(name for name, *_ in row["kfuncs"])
    return found


def _successor(name: str, fresh: Sequence[str], before: Mapping[str, str], after: Mapping[str, str]) -> str:
    own = before.get(name, "").replace(name, "")
    same = [one for one in fresh if own and after.get(one, "").replace(one, "") == own]
    found = max(same or fresh, key=lambda one: (_likeness(name, one), one), default="")
    return found if same or (found and _likeness(name, found) >= _LIKE) else ""


def _likeness(one: str, other: str) -> float:
    """1 where one name is the other with something before or after it; else by what they have in common."""
    if other.startswith(one) or one.startswith(other):
        return 1.0
    return SequenceMatcher(None, one, other, autojunk=False).ratio()


def first_releases(
    kfuncs: Contents, uapi: Contents, documented: Mapping[str, Mapping[str, str]]
) -> tuple[dict[str, dict[str, str]], list[str]]:
    """Kind → name → first release; and, in words, where the record contradicts the sources."""
    sources: dict[str, Callable[[str], Iterable[str]]] = {
        "kfunc": lambda level: (name for row in kfuncs[level]["sets"] for name, *_ in row["kfuncs"]),
        "helper": lambda level: (f"bpf_{name}" for name in uapi[level]["helpers"] if name != "unspec"),
        **{kind: partial(_enumerators, uapi, enum) for kind, enum in _UAPI.items()},
    }
    made, doubts = {}, list[str]()
    for kind, read in sources.items():
        levels = in_order(kfuncs if kind == "kfunc" else uapi)
        made[kind] = _dated(kind, levels, {level: frozenset(read(level)) for level in levels},
                            documented.get(kind, {}), doubts)  # fmt: skip
    return made, doubts


def _enumerators(uapi: Contents, enum: str, level: str) -> Iterable[str]:
    names = (row.split("=")[0].strip() for row in uapi[level].get(enum, ()))
    return (name for name in names if not name.startswith(("__", "MAX_")) and not name.endswith("_UNSPEC"))


def _dated(
    kind: str, levels: Sequence[str], there: Mapping[str, frozenset[str]], documented: Mapping[str, str],
    doubts: list[str],
) -> dict[str, str]:  # fmt: skip
    """The first release of each name of one kind. Of a series its oldest level counts, as stable releases add names."""
    oldest: dict[tuple[int, ...], str] = {}
    for level in levels:
        oldest.setdefault((level_key(level) or ())[:2], level)
    heads = list(oldest.values())
    made = dict(documented)  # what came and went between two levels is in no table
    for name in sorted(frozenset().union(*there.values())):
        first = next((n for n, level in enumerate(heads) if name in there[level]), None)
        told = documented.get(name)
        if first is None:  # in later point releases alone: a backport of what a later series brings
            made[name] = told or _series(next(level for level in levels if name in there[level]))
            continue
        upper, lower = heads[first], heads[first - 1] if first else ""
        fits = told is not None and _fits(told, lower, upper)
        if told is not None and not fits:
            doubts.append(f"{kind} {name}: recorded as of {told}, but {_bracket(lower, upper)}")
        if fits and told is not None:
            made[name] = told
        elif lower and _next_to(lower, upper):
            made[name] = _series(upper)
        else:
            made[name] = f"{_after(lower)} to {_series(upper)}" if lower else f"{_series(upper)} or earlier"
    return dict(sorted(made.items()))


def _fits(release: str, lower: str, upper: str) -> bool:
    at = level_key(release) or ()
    return (not lower or at > (level_key(lower) or ())[:2]) and at <= (level_key(upper) or ())[:2]


def _bracket(lower: str, upper: str) -> str:
    return f"in Linux {upper}" + (f" and not in {lower}" if lower else "")


def _series(level: str) -> str:
    found = _RELEASE.match(level)
    return found[0] if found else level


def _after(level: str) -> str:
    """The mainline release that follows a level's."""
    return ".".join(map(str, next_series(level_key(level) or (0, 0))))


def _next_to(lower: str, upper: str) -> bool:
    """Whether no mainline release lies between two series."""
    return _after(lower) == _series(upper)
