# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Commits in the tables: what went or changed between two levels, searched once where a clone is at hand.

``knowledge build --history`` writes them; who has no clone is then told the commit by the table. No row is written by
hand: each comes from a search, and only what the search names as a commit is kept.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from kfuncscope.commits.git import Git
from kfuncscope.commits.recorded import FIELDS, TABLE
from kfuncscope.commits.search import Progress, Search
from kfuncscope.errors import KnowledgeError
from kfuncscope.knowledge import tables
from kfuncscope.knowledge.knowledge import Knowledge
from kfuncscope.model.causes import CauseKey, Change
from kfuncscope.model.origin import Found, Origin

_NAMED = frozenset({Found.COMMIT, Found.PROBABLY})


class Recorded(NamedTuple):
    """What a search for a table came to: how many things went or changed, of how many the commit is named, and why the
    others are not, counted by reason."""

    asked: int
    named: int
    why: tuple[tuple[str, int], ...]


def differing(old: Knowledge, new: Knowledge) -> list[CauseKey]:
    """The kfuncs, helpers, tracepoints and LSM hooks that went or changed between two levels."""
    kinds: tuple[tuple[str, Mapping[str, object], Mapping[str, object]], ...] = (
        ("kfunc", _texts(old.kfuncs, "proto"), _texts(new.kfuncs, "proto")),
        ("helper", {f"bpf_{n}": "" for n in old.helpers}, {f"bpf_{n}": "" for n in new.helpers}),
        ("tracepoint", _texts(old.tracepoints, "proto"), _texts(new.tracepoints, "proto")),
        ("LSM hook", _texts(old.lsm_hooks, "ret", "args"), _texts(new.lsm_hooks, "ret", "args")),
    )
    made = []
    for kind, before, after in kinds:
        made += [CauseKey(kind, name, Change.REMOVED) for name in sorted(before.keys() - after.keys())]
        shared = sorted(before.keys() & after.keys())
        made += [CauseKey(kind, name, Change.CHANGED) for name in shared if before[name] != after[name]]
    return made


def _texts(facts: Mapping[str, object], *fields: str) -> dict[str, object]:
    return {name: tuple(str(getattr(fact, f, "")).split() for f in fields) for name, fact in facts.items()}


def record(
    git: Git, old: Knowledge, new: Knowledge, out: Path, progress: Progress = lambda done, total, what: None
) -> Recorded:
    """Search the commits between two levels and add them to the table in a folder.

    Raises GitError where the repository cannot be used, KnowledgeError where the table cannot be written.
    """
    keys = differing(old, new)
    search = Search.between_releases(git, (old.release, new.release), keys)
    found: list[Origin] = []
    why: dict[str, int] = {}
    for key in keys:
        progress(len(found), len(keys), key.title)
        origin = search.origin(key)
        if origin.found in _NAMED:
            found.append(origin)
        else:
            reason = f"{origin.found.value}: {origin.note}" if origin.note else origin.found.value
            why[reason] = why.get(reason, 0) + 1
    _write(out, found)
    return Recorded(len(keys), len(found), tuple(sorted(why.items(), key=lambda w: (-w[1], w[0]))))


def _write(out: Path, found: Iterable[Origin]) -> None:
    """Add rows to the table; a row of the same change and commit is replaced."""
    content: dict[str, Any] = dict(tables.read(out, TABLE)) if tables.exists(out, TABLE) else {}
    content["provenance"] = {
        "made": "kfuncscope knowledge build --history",
        "source": "commits of a clone of the kernel's repository, between the release tags that each row names",
    }
    for one in found:
        rows = content.setdefault(one.kind, {}).setdefault(one.name, {})
        rows[f"{one.change} {one.commit[:12]}"] = {f: str(getattr(one, f)) for f in FIELDS}
    try:
        tables.write(out, TABLE, content)
    except OSError as error:
        raise KnowledgeError(str(out), f"cannot be written: {error}") from None
