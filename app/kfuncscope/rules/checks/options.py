# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Which program and map types a kernel's config compiles in: an enumerator in the BTF proves nothing (R-5.2, R-7.15).

The options are those around the entries of include/linux/bpf_types.h.
"""

from __future__ import annotations

from kfuncscope.kernel.kernel import Kernel

WHOLE = 500  # a config of fewer options is an excerpt; the smallest real ones set more

_NET = ("NET",)
_CGROUP_NET = ("NET", "CGROUP_BPF")
_EVENTS = ("BPF_EVENTS",)
_INET = ("NET", "INET")

PROG_TYPES: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(
        ("SOCKET_FILTER", "SCHED_CLS", "SCHED_ACT", "XDP", "LWT_IN", "LWT_OUT", "LWT_XMIT", "LWT_SEG6LOCAL",
         "SOCK_OPS", "SK_SKB", "SK_MSG", "FLOW_DISSECTOR"), _NET),
    **dict.fromkeys(("CGROUP_SKB", "CGROUP_SOCK", "CGROUP_SOCK_ADDR"), _CGROUP_NET),
    **dict.fromkeys(
        ("KPROBE", "TRACEPOINT", "PERF_EVENT", "RAW_TRACEPOINT", "RAW_TRACEPOINT_WRITABLE", "TRACING"), _EVENTS),
    **dict.fromkeys(("CGROUP_DEVICE", "CGROUP_SYSCTL", "CGROUP_SOCKOPT"), ("CGROUP_BPF",)),
    **dict.fromkeys(("SK_REUSEPORT", "SK_LOOKUP"), _INET),
    **dict.fromkeys(("STRUCT_OPS", "EXT"), ("BPF_JIT",)),
    "LIRC_MODE2": ("BPF_LIRC_MODE2",),
    "NETFILTER": ("NETFILTER_BPF_LINK",),
}  # fmt: skip

MAP_TYPES: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("CGROUP_ARRAY", "CGRP_STORAGE"), ("CGROUPS",)),
    **dict.fromkeys(("CGROUP_STORAGE", "CGROUP_STORAGE_DEPRECATED", "PERCPU_CGROUP_STORAGE"), ("CGROUP_BPF",)),
    "STACK_TRACE": ("PERF_EVENTS",),
    "INODE_STORAGE": ("BPF_LSM",),
    **dict.fromkeys(("DEVMAP", "DEVMAP_HASH", "SK_STORAGE", "CPUMAP"), _NET),
    "XSKMAP": ("NET", "XDP_SOCKETS"),
    **dict.fromkeys(("SOCKMAP", "SOCKHASH", "REUSEPORT_SOCKARRAY"), _INET),
    "STRUCT_OPS": ("BPF_JIT",),
}  # fmt: skip


def left_out(kernel: Kernel, options: tuple[str, ...]) -> str:
    """The first option that the kernel's config does not set, with its prefix; empty where all are, or nothing tells.

    All of these are yes or no: nothing here can be a module. An excerpt of a config says nothing of what it lacks;
    without any, a few options are known from functions that exist only with them.
    """
    found = next((f"CONFIG_{o}" for o in options if kernel.option(o) == "n"), "")
    return "" if found and kernel.config is not None and len(kernel.config) < WHOLE else found
