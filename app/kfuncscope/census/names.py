# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Names for the numbers of a census, and what its symbols stand for.

Numbers of the UAPI never change, so the newest tables name those of every kernel. Symbols are those of the kernel's
own functions: the verifier replaces helpers by faster ones of their family, and kfuncs by special builds.
"""

from __future__ import annotations

from functools import cache

from kfuncscope.census.records import Attachment, Running
from kfuncscope.knowledge import knowledge, names

# Kfuncs that the verifier turns into plain moves: no call of them is left in a loaded program.
NOT_VISIBLE = ("bpf_cast_to_kern_ctx", "bpf_rdonly_cast")
# Builds of a kfunc that the verifier calls in its place (specialize_kfunc), by what is added to the name.
_SPECIAL = ("_rdonly", "_locked", "_sleepable", "_non_sleepable")
# Endings of the functions by which map types serve the helpers for maps.
_OF_MAPS = {
    "_lookup_percpu_elem": "bpf_map_lookup_percpu_elem", "_lookup_elem": "bpf_map_lookup_elem",
    "_update_elem": "bpf_map_update_elem", "_delete_elem": "bpf_map_delete_elem", "_push_elem": "bpf_map_push_elem",
    "_pop_elem": "bpf_map_pop_elem", "_peek_elem": "bpf_map_peek_elem", "_map_redirect": "bpf_redirect_map",
}  # fmt: skip
# Functions behind helpers whose names neither end nor begin as the helper's (get_func_proto functions up to 7.3).
_VARIANTS = {
    "bpf_get_socket_ptr_cookie": "bpf_get_socket_cookie", "bpf_get_netns_cookie_sock": "bpf_get_netns_cookie",
    "bpf_user_rnd_u32": "bpf_get_prandom_u32", "bpf_skb_event_output": "bpf_perf_event_output",
    "bpf_xdp_event_output": "bpf_perf_event_output", "bpf_event_output_data": "bpf_perf_event_output",
    "bpf_flow_dissector_load_bytes": "bpf_skb_load_bytes", "bpf_cgroup_storage_get": "bpf_get_local_storage",
}  # fmt: skip
# Calls that the verifier makes for its own purposes.
INTERNAL = frozenset({"arch_bpf_timed_may_goto", "bpf_check_timed_may_goto"})
_PLAIN_LINKS = ("unspec", "raw_tracepoint", "tracing", "cgroup", "iter", "netns", "xdp", "perf_event", "kprobe_multi",
                "struct_ops", "netfilter", "tcx", "uprobe_multi", "netkit", "sockmap", "tracing_multi")  # fmt: skip
PERF_TYPES = {1: "uprobe", 2: "uretprobe", 3: "kprobe", 4: "kretprobe", 5: "tracepoint", 6: "perf_event"}
EVENT_TYPES = {0: "raw_tp", 1: "tracepoint", 2: "kprobe", 3: "kretprobe", 4: "uprobe", 5: "uretprobe"}


@cache
def numbered(table: str) -> dict[int, str]:
    """An enumeration of the UAPI by number, from the newest tables."""
    return knowledge.for_release(None).numbered(table)


def prog_type(number: int) -> str:
    """Program type without its prefix; its number where no table knows it."""
    return numbered("bpf_prog_type").get(number, f"BPF_PROG_TYPE_{number}").removeprefix("BPF_PROG_TYPE_")


def map_type(number: int) -> str:
    """Full name of a map type."""
    return numbered("bpf_map_type").get(number, str(number))


def attach_type(number: int) -> str:
    """Full name of an attach type."""
    return numbered("bpf_attach_type").get(number, str(number))


def link_type(number: int) -> str:
    """A link's type in lower case, as bpftool prints it."""
    return _PLAIN_LINKS[number] if 0 <= number < len(_PLAIN_LINKS) else f"link type {number}"


@cache
def _helper_names() -> frozenset[str]:
    return frozenset(f"bpf_{name}" for name in knowledge.for_release(None).uapi["helpers"])


@cache
def helper(symbol: str) -> str:
    """The helper for which the kernel calls a function; empty where that is not known."""
    name = symbol.partition(" ")[0]
    known = _helper_names()
    if name in known:
        return name
    if name in _VARIANTS:
        return _VARIANTS[name]
    for ending, helper_of_maps in _OF_MAPS.items():
        if name.endswith(ending):
            return helper_of_maps
    words = name.split("_")
    # bpf_perf_event_output_tp, bpf_skb_load_helper_8 …: the helper with an ending.
    endings = ["_".join(words[:size]) for size in range(len(words) - 1, 1, -1)]
    # bpf_sock_ops_setsockopt, bpf_xdp_fib_lookup …: the helper of one program type.
    inner = ["_".join(["bpf", *words[start:]]) for start in range(2, len(words))] if words[0] == "bpf" else []
    return next((one for one in (*endings, *inner) if one in known), "")


@cache
def kfunc(symbol: str) -> tuple[str, str]:
    """A kfunc and the module that it lies in, from its symbol; special builds count as the kfunc itself."""
    name, _, module = symbol.partition(" ")
    if not names.first_release("kfunc", name):
        for ending in _SPECIAL:
            plain = name.removesuffix(ending)
            if plain != name and names.first_release("kfunc", plain):
                return plain, module.strip("[]")
    return name, module.strip("[]")


def targets(running: Running) -> tuple[str, ...]:
    """What a program is attached to or was loaded for, by the names that section names use; sorted."""
    found = set()
    for one in running.attach:
        if one.target:
            found.add(plain_target(one))
        found |= set(one.targets)
    return tuple(sorted(found))


def plain_target(one: Attachment) -> str:
    """A target without what the kernel puts before the name."""
    if one.kind == "btf":
        for prefix in ("btf_trace_", "bpf_lsm_", "bpf_iter_"):
            if one.target.startswith(prefix):
                return one.target.removeprefix(prefix)
    return one.target


def how(one: Attachment) -> str:
    """How a program is attached, in one word."""
    if one.kind == "event":
        return EVENT_TYPES.get(one.number, "perf_event")
    if one.kind == "btf":
        return "replacement" if one.owner == "program" else "btf"
    return PERF_TYPES.get(one.perf, link_type(one.number)) if one.perf else link_type(one.number)
