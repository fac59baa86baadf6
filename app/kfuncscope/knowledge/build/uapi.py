# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Enumerators of the BPF user interface, and libbpf's section table (R-2.3, R-7.15)."""

from __future__ import annotations

import re
from typing import Any

from kfuncscope.knowledge.build.csource.ctext import calls, initializer, split_args, squeeze
from kfuncscope.knowledge.build.csource.tree import Tree
from kfuncscope.knowledge.build.helper_protos import helper_names

_ENUMS = ("bpf_cmd", "bpf_map_type", "bpf_prog_type", "bpf_attach_type", "bpf_link_type")


def uapi_table(tree: Tree) -> dict[str, Any]:
    """The ``uapi`` table: enum → enumerators in order; ``helpers`` → names in order of their number."""
    text = tree.text("include/uapi/linux/bpf.h")
    made: dict[str, Any] = {}
    for name in _ENUMS:
        found = re.search(rf"\benum\s+{name}\s*\{{([^}}]*)\}}", text)
        parts = [squeeze(part) for part in split_args(found[1])] if found else []
        made[name] = [part for part in parts if re.match(r"[A-Z_]", part)]
    made["helpers"] = ["unspec", *helper_names(tree)]
    return made


def sec_defs(tree: Tree) -> list[list[Any]]:
    """libbpf's section table in its own order: [section, program type, attach type, flags, attach function]."""
    text = tree.text("tools/lib/bpf/libbpf.c")
    listed = initializer(text, r"\bsection_defs\s*\[\]")
    rows = []
    for call in calls(listed or "", "SEC_DEF"):
        args = [squeeze(part) for part in split_args(call.args)]
        if len(args) < 4:
            continue
        section, prog_type, attach, flags = args[:4]
        names = [word.strip().removeprefix("SEC_") for word in flags.split("|")]
        attach_type = "" if attach in ("0", "") else attach.removeprefix("BPF_")
        kept = [name for name in names if name not in ("NONE", "0")]
        rows.append([section.strip('"'), prog_type, attach_type, kept, args[4] if len(args) > 4 else ""])
    return rows
