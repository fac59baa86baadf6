# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What the verifier goes by: NULL-able tracepoint arguments (R-7.7), functions no program may hang on (R-7.11) or that
may be overridden (R-11.7), and checks that point releases brought (R-12.22)."""

from __future__ import annotations

import re
from typing import Any

from kfuncscope.knowledge.build.csource.ctext import initializer, options
from kfuncscope.knowledge.build.csource.tree import Tree
from kfuncscope.knowledge.build.id_sets import Entry, IdSets

INJECTION = b"ALLOW_ERROR_INJECTION"
_INJECTABLE = re.compile(r"^ALLOW_ERROR_INJECTION\(\s*(\w+)\s*,\s*(\w+)\s*\)", re.M)

CHECKS = {"throw_in_subprogram": r"exception_exit\s*\|\|\s*!\s*(?:env->cur_state->)?curframe\b"}
"""Check → what stands in kernel/bpf/verifier.c where it is made.

``throw_in_subprogram``: bpf_throw() is refused in a region of a subprogram too; before, the main function counted.
"""


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


def checks_table(tree: Tree) -> dict[str, Any]:
    """The ``checks`` table: whether this verifier makes each of CHECKS."""
    text = tree.text("kernel/bpf/verifier.c")
    return {"checks": {name: int(re.search(pattern, text) is not None) for name, pattern in CHECKS.items()}}


def injection_table(tree: Tree) -> dict[str, Any]:
    """The ``injection`` table: function on the error injection list → what it returns then. System calls, which are
    put there by macros, are not among them."""
    found: dict[str, str] = {}
    for path in tree.having(INJECTION):
        found.update(_INJECTABLE.findall(tree.text(path)))
    return {"functions": dict(sorted(found.items()))}
