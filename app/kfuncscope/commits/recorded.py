# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Commits that the tables name, for causes that no search has answered. Starts no git."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from kfuncscope.knowledge import tables
from kfuncscope.knowledge.common import common_table
from kfuncscope.knowledge.levels import Key, level_key
from kfuncscope.model.analysis import Analysis, ArchResult
from kfuncscope.model.causes import CauseKey, causes_of
from kfuncscope.model.origin import Found, Origin, origin_of

TABLE = "commits"
FIELDS = ("found", "between", "commit", "author", "date", "subject", "release", "link", "upstream")
_MOST = 100  # rows of one name that are looked at


def with_recorded(analysis: Analysis) -> Analysis:
    """The analysis with the commits that the tables name, for causes that no search has answered.

    A row counts for an upgrade where its first release is after the old kernel's and not after the new one's.
    """
    rows = _rows()
    if not rows:
        return analysis
    made = [
        origin
        for cause in causes_of(analysis)
        if origin_of(analysis.origins, cause.key) is None
        and (origin := _of(rows, cause.key, next(a for a in analysis.arches if a.arch == cause.arches[0]))) is not None
    ]
    return replace(analysis, origins=(*analysis.origins, *made)) if made else analysis


def _rows() -> Mapping[str, Any]:
    if not any(tables.exists(root, TABLE) for root in tables.roots()):
        return {}
    return common_table(TABLE)


def _of(rows: Mapping[str, Any], key: CauseKey, result: ArchResult) -> Origin | None:
    """The row of a cause for an upgrade; None where there is none, or several that differ."""
    span = level_key(result.old.release), level_key(result.new.release)
    if span[0] is None or span[1] is None:
        return None
    listed = [one for one in _origins(rows, key) if _between(one.release, span[0], span[1])]
    return listed[0] if len({one.commit for one in listed}) == 1 else None


def _origins(rows: Mapping[str, Any], key: CauseKey) -> Iterator[Origin]:
    """The rows of a name as origins. The table is a file that anybody may have written: what is odd is left out."""
    try:
        held = rows.get(key.kind, {}).get(key.name, {})
        listed = list(held.items())[:_MOST]
        for label, row in listed:
            if label.partition(" ")[0] == key.change.value:
                at = {f: str(row.get(f, ""))[:400] for f in FIELDS}
                yield Origin(
                    key.kind, key.name, key.change.value, Found(at["found"]), at["between"], at["commit"],
                    at["author"], at["date"], at["subject"], at["release"], at["link"], at["upstream"],
                    note="as the table of commits has it",
                )  # fmt: skip
    except (AttributeError, TypeError, ValueError):
        return


def _between(release: str, old: Key, new: Key) -> bool:
    """Whether a release is on the way of an upgrade: mainline after the old one, or stable of the new series."""
    at = level_key(release.removeprefix("v"))
    if at is None:
        return False
    whole = [(*key, 0, 0)[:3] for key in (old, at, new)]
    return whole[0] < whole[1] <= whole[2] and (not whole[1][2] or whole[1][:2] == whole[2][:2])
