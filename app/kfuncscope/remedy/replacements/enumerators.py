# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Which enumerator took the place of one that is gone: by the table of renames, or by value and name in the enum."""

from __future__ import annotations

from kfuncscope.btf.blob import Blob
from kfuncscope.btf.layout import ENUMS, Kind
from kfuncscope.kernel.kernel import Kernel
from kfuncscope.knowledge.names import ELSEWHERE, known, renamed
from kfuncscope.remedy.replacements.functions import Named
from kfuncscope.remedy.replacements.likeness import alike

LIKE = 0.75  # likeness of names with the same value
LIKE_ALONE = 0.85  # with another value
MARGIN = 0.06


def replaced_enumerators(old: tuple[Blob, int], new: tuple[Blob, int], name: str) -> list[Named]:
    """Enumerators of the new enum in place of one of the old, best first; enums as (blob, type)."""
    before = {e.name: e.value for e in old[0].enumerators(old[1])}
    after = {e.name: e.value for e in new[0].enumerators(new[1])}
    named = f"{new[0].name(new[1])}.{name}"
    told = [Named(n, why) for n, why in renamed("enumerator", named) if n in after]
    if told or name not in before or known("enumerator", named) is not None:
        return told
    found = []
    for one, value in after.items():
        likeness = alike(name, one)
        if one in before or likeness < LIKE:
            continue
        same = value == before[name]
        if not same and likeness < LIKE_ALONE:
            continue
        reason = f"same value {value}, a name like it" if same else "a new name like it in the same enum"
        found.append((likeness + (0.2 if same else 0.0), Named(one, reason)))
    found.sort(key=lambda f: (-f[0], f[1].name))
    if not found or (len(found) > 1 and found[0][0] - found[1][0] < MARGIN):
        return []
    return [named for _, named in found[:1]]


def enumerators_elsewhere(enum: str, name: str, new: Kernel) -> list[Named]:
    """Enumerators of other enums that took the place of one, as ``ENUM.NAME``, that the new kernel has."""
    found = []
    for one, why in renamed("enumerator", f"{enum}.{name}"):
        other, _, there = one.removeprefix(ELSEWHERE).partition(".")
        if one.startswith(ELSEWHERE) and _has(new, other, there):
            found.append(Named(f"{other}.{there}", why))
    return found


def _has(kernel: Kernel, enum: str, name: str) -> bool:
    types = ((blob, found) for kind in ENUMS for _, blob, found in kernel.types(enum, Kind(kind)))
    return any(e.name == name for blob, found in types for e in blob.enumerators(found))
