# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Which words of a C declaration changed."""

from __future__ import annotations

import difflib
import re

Marked = list[tuple[str, bool]]
_WORD = re.compile(r"\w+|\s+|.", re.DOTALL)
_MOST = 600


def words(old: str, new: str) -> tuple[Marked, Marked]:
    """Both texts as runs of (text, changed). Where one is empty, or both are long, nothing is marked."""
    left, right = _WORD.findall(old), _WORD.findall(new)
    if not left or not right or max(len(left), len(right)) > _MOST:
        return ([(old, False)] if old else []), ([(new, False)] if new else [])
    matcher = difflib.SequenceMatcher(a=left, b=right, autojunk=False)
    before: Marked = []
    after: Marked = []
    for word, a, b, c, d in matcher.get_opcodes():
        changed = word != "equal"
        if a < b:
            before.append(("".join(left[a:b]), changed))
        if c < d:
            after.append(("".join(right[c:d]), changed))
    return before, after
