# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""How alike two names and two types are."""

from __future__ import annotations

from difflib import SequenceMatcher

from kfuncscope.btf.blob import Blob
from kfuncscope.btf.declare import type_text
from kfuncscope.btf.layout import COMPOSITES, ENUMS, MODIFIERS, Kind


def words(name: str) -> list[str]:
    """A name in its words: ``__nr_queued`` is nr, queued."""
    return [w for w in name.lower().split("_") if w]


def alike(one: str, other: str, least: float = 0.0) -> float:
    """From 0 to 1: words that both names share, and letters where a word only changed a little.

    What is below ``least`` may come out smaller than it is, as letters are compared only where they can reach it.
    """
    mine, theirs = words(one), words(other)
    if not mine or not theirs:
        return 0.0
    shared = sum(min(mine.count(w), theirs.count(w)) for w in set(mine))
    by_words = 2 * shared / (len(mine) + len(theirs))
    letters = SequenceMatcher(None, "_".join(mine), "_".join(theirs), autojunk=False)
    if letters.real_quick_ratio() < least or letters.quick_ratio() < least:
        return by_words
    return max(by_words, letters.ratio())


def form(blob: Blob, type_id: int) -> str:
    """A type as two kernels share it: spelled, without modifiers, typedefs of numbers as the numbers."""
    while blob.kind(type_id) in MODIFIERS:
        type_id = blob.ref(type_id)
    bare = blob.skip(type_id)
    kind = blob.kind(bare)
    if kind == Kind.INT or kind in ENUMS:
        return f"{'enum' if kind in ENUMS else 'int'}{blob.size(bare)}"
    if kind in COMPOSITES:
        return f"{blob.name(bare) or blob.name(type_id) or 'unnamed'}"
    if kind == Kind.PTR:
        return f"*{_pointed(blob, blob.ref(bare))}"
    return type_text(blob, bare)


def _pointed(blob: Blob, type_id: int) -> str:
    bare = blob.skip(type_id)
    kind = blob.kind(bare)
    if kind in COMPOSITES or kind == Kind.FWD:
        return blob.name(bare)
    if kind == Kind.FUNC_PROTO:
        return (
            "(" + ",".join(form(blob, p.type) for p in blob.params(bare) if p.type) + ")" + form(blob, blob.ref(bare))
        )
    return "*" if kind == Kind.PTR else type_text(blob, bare)
