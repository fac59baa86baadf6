# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Tables that are of no one release: the packaged ones and a user's own together.

One path for all: what the packaged folder has, ``tables.user_tables()`` may have too, and its rows win.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from kfuncscope.knowledge import tables


@cache
def common_table(table: str) -> dict[str, Any]:
    """A table beside the folders of releases; where several places have it, entries of the later ones win.

    Values that are objects are put together key by key, others replaced. Nothing anywhere: KnowledgeError. Kept for
    the process: rules ask with every helper call.
    """
    roots = tables.roots()
    found = [tables.read(root, table) for root in roots if tables.exists(root, table)]
    if not found:
        return tables.read(roots[-1] if roots else tables.user_tables(), table)
    made: dict[str, Any] = {}
    for part in found:
        for key, value in part.items():
            known = made.get(key)
            made[key] = {**known, **value} if isinstance(known, dict) and isinstance(value, dict) else value
    return made
