# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What a BPF program can name in a kernel, by BTF, and what of it went and came between two levels."""

from __future__ import annotations

from collections import defaultdict
from typing import NamedTuple

from kfuncscope.btf.blob import Blob
from kfuncscope.btf.declare import members_flat
from kfuncscope.btf.layout import ENUMS, Kind
from kfuncscope.errors import BtfError

Things = dict[str, dict[str, set[str]]]
"""Kind → where it stands (a struct or enum; empty for the others) → names."""
SPELLED = {"tracepoint": ("trace_",), "lsm": ("security_", "")}
"""How sources spell a thing: a tracepoint as its call; a hook as the function that runs it, or bare."""
_MADE = ("bpf_lsm_", "__bpf_trace_", "__traceiter_", "__probestub_")


class Changed(NamedTuple):
    """Names of one side that the other has not, as the source spells them → kinds."""

    words: dict[str, frozenset[str]]
    owners: dict[tuple[str, str], frozenset[str]]
    """(kind field or enumerator, name) → the structs or enums it is gone from, or new in."""
    places: dict[str, frozenset[str]]
    """Kind → all these structs or enums."""


def things(blob: Blob) -> Things:
    """What BTF has, by kind and by where it stands: functions, tracepoints, LSM hooks, enumerators and fields."""
    functions = set(blob.own_names(Kind.FUNC))
    typedefs = blob.own_names(Kind.TYPEDEF)
    made: Things = {
        "function": {"": {n for n in functions if not n.startswith(_MADE)}},
        "tracepoint": {"": {n.removeprefix("btf_trace_") for n in typedefs if n.startswith("btf_trace_")}},
        "lsm": {"": {n.removeprefix("bpf_lsm_") for n in functions if n.startswith("bpf_lsm_")}},
    }
    made["enumerator"], made["field"] = defaultdict(set), defaultdict(set)
    for enum in (i for kind in ENUMS for i in blob.own_ids(Kind(kind))):
        made["enumerator"][blob.name(enum)] |= {e.name for e in blob.enumerators(enum)}
    for struct in (i for kind in (Kind.STRUCT, Kind.UNION) for i in blob.own_ids(kind)):
        try:
            members = {m.name for m in members_flat(blob, struct)}
        except BtfError:
            continue
        if blob.name(struct):
            made["field"][blob.name(struct)] |= members
    return made


def lost(one: Things, other: Things) -> Changed:
    """What the one has and the other has not, in structs and enums that both have."""
    words: dict[str, set[str]] = defaultdict(set)
    owners: dict[tuple[str, str], set[str]] = defaultdict(set)
    for kind, places in one.items():
        for owner, names in places.items():
            for name in names - other[kind].get(owner, set()) if owner in other[kind] else ():
                for front in SPELLED.get(kind, ("",)):
                    words[front + name].add(kind)
                if owner or kind == "enumerator":
                    owners[kind, name].add(owner)
    all_of = {kind: frozenset(o for (of, _), found in owners.items() if of == kind for o in found) for kind in one}
    by_name = {key: frozenset(found) for key, found in owners.items()}
    return Changed({w: frozenset(k) for w, k in words.items()}, by_name, all_of)
