# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Lists inside the verifier: NULL-able tracepoint arguments (R-7.7) and functions no program may hang on (R-7.11)."""

from __future__ import annotations

import re
from typing import Any

from kfuncscope.knowledge.build.csource.ctext import initializer, options
from kfuncscope.knowledge.build.csource.tree import Tree
from kfuncscope.knowledge.build.id_sets import Entry, IdSets


def raw_tp_null_table(tree: Tree) -> dict[str, Any]:
    """The ``raw_tp_null`` table: tracepoint → [arguments that may be NULL, arguments that may be error pointers].

    The kernel writes a hex digit for each argument, the first in the lowest: 1 = may be NULL, 2 = error pointer.
    """
    listed = initializer(tree.text("kernel/bpf/btf.c"), r"\braw_tp_null_args\s*\[\]")
    events: dict[str, list[list[int]]] = {}
    for name, masks in re.findall(r'\{\s*"(\w+)"\s*,\s*([\w\s|]+?)\s*\}', listed or ""):
        value = 0
        for mask in re.findall(r"0x[0-9a-fA-F]+|\d+", masks):
            value |= int(mask, 0)
        digits = [(value >> (4 * place)) & 0xF for place in range(16)]
        events[name] = [[i for i, d in enumerate(digits) if d & 1], [i for i, d in enumerate(digits) if d & 2]]
    return {"events": events, "known": int(listed is not None)}


def deny_table(tree: Tree, ids: IdSets) -> dict[str, Any]:
    """The ``deny`` table: each function with the config options and architectures it is listed under."""
    made: dict[str, Any] = {}
    for name, key in (("noreturn_deny", "noreturn"), ("btf_id_deny", "btf_id_deny")):
        sets = [one for one in ids.in_file("kernel/bpf/verifier.c") if one.name == name]
        made[key] = {entry.name: _needs(entry) for one in sets for entry in one.entries}
        made[f"{key}_known"] = int(bool(sets))
    return made


def _needs(entry: Entry) -> list[str]:
    """Config options; ``?`` where the condition has alternatives or negations."""
    plain = options(entry.gates)
    return plain if len(plain) == len(entry.gates) else [*plain, "?"]
