# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Renames that sources show: lines of the kernel that differ between two levels in one name alone (R-4.8)."""

from __future__ import annotations

from kfuncscope.knowledge.common import common_table
from kfuncscope.knowledge.names import renames


def renamed(kind: str, name: str) -> list[tuple[str, str]]:
    """(new name, reason) of what took the place of a name, best first.

    Kinds: kfunc, function, tracepoint, lsm, field, enumerator, and instead: tracepoints that a function fires. Fields
    are asked for as ``STRUCT.MEMBER`` and answered by the member alone.
    """
    found = common_table("renames").get(kind, {}).get(name)
    if found:
        new, old_level, new_level, lines = found
        if kind == "instead":
            return [(new, f"the function fires it, in Linux {old_level} and {new_level}")]
        uses = "line" if lines == 1 else "lines"
        return [(new, f"renamed in {lines} {uses} of the source between Linux {old_level} and {new_level}")]
    if kind == "kfunc" and (told := renames().get(name)):
        return [(new, "the table of renamed kfuncs names it") for new in told.split(" / ")]
    return []
