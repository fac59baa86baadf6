# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What the agent is to do with each object, worked out on the host: the agent itself decides as little as possible."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from kfuncscope.bpf.object import BpfObject, Program
from kfuncscope.prove.setup import ObjectSetup

PROG_ARRAY = 3

# Program types whose programs libbpf attaches by itself and which harm nothing in a guest (bpf_program__attach()).
_AUTO = frozenset({"KPROBE", "TRACEPOINT", "RAW_TRACEPOINT", "RAW_TRACEPOINT_WRITABLE", "TRACING", "LSM", "NETFILTER"})
_WAYS = {
    "XDP": "xdp", "CGROUP_SKB": "cgroup", "CGROUP_SOCK": "cgroup", "CGROUP_DEVICE": "cgroup", "CGROUP_SYSCTL": "cgroup",
    "CGROUP_SOCK_ADDR": "cgroup", "CGROUP_SOCKOPT": "cgroup", "SOCK_OPS": "cgroup", "FLOW_DISSECTOR": "netns",
    "SK_LOOKUP": "netns",
}  # fmt: skip
# Sections that need something of user space to attach to: a path and a symbol, a pattern, or a second program.
_NOT_ALONE = ("uprobe", "uretprobe", "usdt", "xdp.frags/devmap", "xdp/devmap", "xdp/cpumap", "xdp.frags/cpumap")


def attach_way(program: Program) -> str:
    """How the agent attaches a program for a moment: a word of the agent's, or empty where it does not."""
    section = program.section
    if section.name.startswith(_NOT_ALONE) or not section.prog_type:
        return ""
    if section.prog_type in _WAYS:
        return _WAYS[section.prog_type] if "/" in section.name or section.prog_type != "CGROUP_SKB" else "cgroup"
    if section.prog_type == "SCHED_CLS":
        return "tcx" if section.kind == "tcx" else ""
    if section.prog_type not in _AUTO or (section.prog_type != "NETFILTER" and not section.target):
        return ""
    return "auto"


@dataclass(frozen=True, slots=True)
class Task:
    """One object of a plan: ``index`` names it on the wire; ``programs`` are the names that may come back."""

    index: int
    name: str
    sha256: str
    data: bytes
    programs: tuple[str, ...]
    form: dict[str, Any] = field(hash=False, compare=False)

    @property
    def path(self) -> str:
        """Where the object lies in the guest."""
        return f"o/{self.index}.bpf.o"


def task(index: int, obj: BpfObject, data: bytes, sha256: str, setup: ObjectSetup, attach: bool = True) -> Task:
    """The task for one object, as the agent reads it."""
    tables = {ops.name: ops.optional for ops in obj.struct_ops}
    users: dict[str, dict[str, list[int]]] = {}  # program → struct_ops map → offsets of the members that hold it
    for ops in obj.struct_ops:
        for member in ops.members:
            if member.program:
                places = users.setdefault(member.program, {}).setdefault(ops.name, [])
                places.append(member.member.bit_offset // 8)
    programs = [
        {
            "name": p.name,
            "autoload": p.autoload,
            "attach": attach_way(p) if attach else "",
            "tables": users.get(p.name, {}),
        }
        for p in obj.programs
    ]
    form = {
        "index": index,
        "path": f"/o/{index}.bpf.o",
        "name": "".join(c if c.isalnum() or c in "_." else "_" for c in obj.name)[-60:],
        "programs": programs,
        "tables": tables,
        "tails": any(m.type == PROG_ARRAY for m in obj.maps.values()),
        "maps": setup.maps_form(obj),
        "arrays": setup.arrays_form(),
    }
    return Task(index, obj.name, sha256, data, tuple(p.name for p in obj.programs), form)
