# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""LSM hooks: prototypes, where BPF may sleep, and from which it is shut out (R-7.12)."""

from __future__ import annotations

from typing import Any

from kfuncscope.knowledge.build.csource.ctext import calls, gates_at, options, split_args, squeeze
from kfuncscope.knowledge.build.csource.tree import Tree
from kfuncscope.knowledge.build.id_sets import IdSets

_DEFS = "include/linux/lsm_hook_defs.h"
_BPF = "kernel/bpf/bpf_lsm.c"
_VERIFIER = "kernel/bpf/verifier.c"


def lsm_table(tree: Tree, ids: IdSets) -> dict[str, Any]:
    """The ``lsm`` table: hook → [return type, arguments, sleepable, shut to BPF, config options]."""
    lists = {one.name: {entry.name.removeprefix("bpf_lsm_") for entry in one.entries} for one in ids.in_file(_BPF)}
    sleepable = lists.get("sleepable_lsm_hooks", set())
    if tree.exists(_VERIFIER):  # where the set was at first, with a single hook (5.10)
        for one in ids.in_file(_VERIFIER):
            if one.name == "btf_sleepable_lsm_hooks":
                sleepable |= {entry.name.removeprefix("bpf_lsm_") for entry in one.entries}
    disabled = lists.get("bpf_lsm_disabled_hooks", set())
    hooks = {}
    for call in calls(tree.text(_DEFS), "LSM_HOOK"):
        ret, _default, name, *rest = [squeeze(part) for part in split_args(call.args)]
        gates = options(gates_at(tree.regions(_DEFS), call.start))
        args = [] if rest == ["void"] else rest
        hooks[name] = [ret, args, int(name in sleepable), int(name in disabled), gates]
    void = sorted(entry for entry in lists.get("untrusted_lsm_hooks", set()))
    return {"hooks": hooks, "untrusted": void}
