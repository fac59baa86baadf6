# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What a kernel is asked by ``knowledge probe``, worked out from its BTF, and what its answers mean."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from kfuncscope.arch import arch_record, known_arches
from kfuncscope.btf.blob import Blob
from kfuncscope.btf.layout import Kind
from kfuncscope.errors import KernelError
from kfuncscope.kernel.kernel import Kernel
from kfuncscope.knowledge.probed import Probed
from kfuncscope.prove.ops_questions import (
    MOST_ARGUMENTS,
    callbacks,
    member_questions,
    pointers_to_structs,
    table_questions,
)

SLEEPABLE = 1 << 4  # BPF_F_SLEEPABLE
MAP_FLAGS = 20  # single bits of map_flags that are tried
SAMPLE_FUNCTION = "bpf_fentry_test1"  # exists in every kernel with tracing programs (net/bpf/test_run.c)
# Program types that are asked with one attach type, and those of which helpers differ by it.
_ONE = {
    "SK_LOOKUP": "BPF_SK_LOOKUP", "NETFILTER": "BPF_NETFILTER", "SK_REUSEPORT": "BPF_SK_REUSEPORT_SELECT",
}  # fmt: skip
_BY_ATTACH_TYPE = {
    "CGROUP_SKB": "BPF_CGROUP_INET_", "CGROUP_SOCK": "BPF_CGROUP_INET", "CGROUP_SOCKOPT": "BPF_CGROUP_",
    "CGROUP_SOCK_ADDR": "BPF_CGROUP_",
}  # fmt: skip
_SOCK_ADDR = ("_BIND", "_CONNECT", "SENDMSG", "RECVMSG", "GETPEERNAME", "GETSOCKNAME")
_NOT_PLAIN = frozenset({"UNSPEC", "TRACING", "LSM", "STRUCT_OPS", "EXT"})
# Map type → key size, value size, entries, flags, and what else it needs (enum bpf_map_type; kernel/bpf/*map*.c).
_MAPS: dict[str, tuple[int, int, int, int, tuple[str, ...]]] = {
    "LPM_TRIE": (8, 4, 1, 1, ()), "QUEUE": (0, 4, 1, 0, ()), "STACK": (0, 4, 1, 0, ()),
    "BLOOM_FILTER": (0, 4, 1, 0, ()), "RHASH": (4, 4, 1, 1, ()),
    "STACK_TRACE": (4, 8, 1, 0, ()), "CGROUP_STORAGE": (16, 4, 0, 0, ()), "PERCPU_CGROUP_STORAGE": (16, 4, 0, 0, ()),
    "RINGBUF": (0, 0, 4096, 0, ()), "USER_RINGBUF": (0, 0, 4096, 0, ()), "ARRAY_OF_MAPS": (4, 4, 1, 0, ("inner",)),
    "HASH_OF_MAPS": (4, 4, 1, 0, ("inner",)), "SK_STORAGE": (4, 4, 0, 1, ("btf",)),
    "INODE_STORAGE": (4, 4, 0, 1, ("btf",)),
    "TASK_STORAGE": (4, 4, 0, 1, ("btf",)), "CGRP_STORAGE": (4, 4, 0, 1, ("btf",)), "ARENA": (0, 0, 1, 1 << 10, ()),
    "REUSEPORT_SOCKARRAY": (4, 8, 1, 0, ()), "SOCKMAP": (4, 4, 1, 0, ()), "SOCKHASH": (4, 4, 1, 0, ()),
    "INSN_ARRAY": (4, 16, 1, 0, ()),
}  # fmt: skip
_NEEDS_MORE = frozenset({"UNSPEC", "STRUCT_OPS"})


def _insn(op: int, dst: int = 0, src: int = 0, off: int = 0, imm: int = 0) -> bytes:
    return struct.pack("<BBhi", op, dst | src << 4, off, imm)


def _program(*body: bytes) -> bytes:
    return b"".join(body) + _insn(0xB7) + _insn(0x95)


# Each instruction that came after 5.10, and constructs that not every JIT takes.
_ONE_TO_R1, _STACK = _insn(0xB7, 1, imm=1), _insn(0x7A, 10, off=-8, imm=1)
INSTRUCTIONS: dict[str, bytes] = {
    "plain": _program(),
    "atomic64_fetch_add": _program(_STACK, _ONE_TO_R1, _insn(0xDB, 10, 1, -8, 0x01)),
    "atomic64_xchg": _program(_STACK, _ONE_TO_R1, _insn(0xDB, 10, 1, -8, 0xE1)),
    "atomic64_cmpxchg": _program(_STACK, _insn(0xB7), _ONE_TO_R1, _insn(0xDB, 10, 1, -8, 0xF1)),
    "atomic64_or": _program(_STACK, _ONE_TO_R1, _insn(0xDB, 10, 1, -8, 0x40)),
    "ldsx8": _program(_STACK, _insn(0x91, 1, 10, -8)),
    "ldsx32": _program(_STACK, _insn(0x81, 1, 10, -8)),
    "movsx8": _program(_ONE_TO_R1, _insn(0xBF, 2, 1, 8)),
    "sdiv": _program(_ONE_TO_R1, _insn(0x37, 1, off=1, imm=2)),
    "smod": _program(_ONE_TO_R1, _insn(0x97, 1, off=1, imm=2)),
    "bswap64": _program(_ONE_TO_R1, _insn(0xD7, 1, imm=64)),
    "gotol": _program(_insn(0x06, imm=0)),
    "may_goto": _program(_insn(0xE5, off=1), _insn(0xB7)),
    "load_acquire": _program(_STACK, _insn(0xDB, 1, 10, -8, 0x100)),
    "store_release": _program(_STACK, _ONE_TO_R1, _insn(0xDB, 10, 1, -8, 0x110)),
    "jump32": _program(_ONE_TO_R1, _insn(0x16, 1, imm=1)),
    "subprogram": _insn(0x85, src=1, imm=1) + _insn(0x95) + _insn(0xB7) + _insn(0x95),
}


CONSTRUCTS = frozenset({"tail_call_beside_subprogram"})
"""What the guest makes programs of by itself, as they need a map; answered among the instructions."""


def _swapped(code: bytes) -> bytes:
    """Instructions for a big-endian kernel."""
    out = b""
    for op, registers, off, imm in struct.iter_unpack("<BBhi", code):
        out += struct.pack(">BBhi", op, (registers & 15) << 4 | registers >> 4, off, imm)
    return out


@dataclass(slots=True)
class Questions:
    """The plan for the guest, and the lists that its bitmaps count along."""

    plan: dict[str, Any]
    kfuncs: list[str] = field(default_factory=list)
    hooks: list[str] = field(default_factory=list)
    members: dict[str, list[str]] = field(default_factory=dict)


def questions(kernel: Kernel) -> Questions:
    """Work out the questions. Raises KernelError for a kernel without BTF, or an architecture without a number."""
    blob = kernel.vmlinux
    if blob is None:
        raise KernelError(kernel.label, "no BTF: what to ask is worked out from it")
    if kernel.arch not in known_arches():
        raise KernelError(kernel.label, f"the number of bpf() on {kernel.arch} is not known")
    types = _enum(blob, "bpf_prog_type", "BPF_PROG_TYPE_")
    attach = _enum(blob, "bpf_attach_type", "")
    kfuncs = sorted({k.name: k.proto for k in kernel.kfuncs.kfuncs.values()}.items()) if kernel.kfuncs else []
    hooks = sorted((n.removeprefix("bpf_lsm_"), i) for n, i in _functions(blob, "bpf_lsm_") if n != "bpf_lsm_")
    asked = Questions({}, [name for name, _ in kfuncs], [name for name, _ in hooks])
    ops = member_questions(kernel, blob)
    asked.members = {name: [member for _, member, _ in callbacks(blob, struct)] for name, struct, _, _ in ops}
    asked.plan = {
        "bpf": arch_record(kernel.arch).bpf_syscall,
        "callers": _callers(blob, types, attach, ops),
        "last_helper": max(kernel.helpers, default=0),
        "kfuncs": [i for _, i in kfuncs],
        "hooks": [i for _, i in hooks] if "LSM" in types else [],
        "lsm": [types.get("LSM", 0), attach.get("BPF_LSM_MAC", 0), SLEEPABLE],
        "tracing": [types.get("TRACING", 0), attach.get("BPF_TRACE_RAW_TP", 0)],
        "tracepoints": tracepoints(blob) if "TRACING" in types else [],
        "instructions": [[n, (c if kernel.endian == "<" else _swapped(c)).hex()] for n, c in INSTRUCTIONS.items()],
        "types": [[name, number] for name, number in types.items() if name not in _NOT_PLAIN],
        "last_attach_type": max((v for n, v in attach.items() if not n.startswith("__")), default=0),
        "struct_ops": ops,
        "tables": table_questions(kernel, blob),
        "struct_ops_type": types.get("STRUCT_OPS", 0),
        "maps": _maps(kernel),
        "map_flags": MAP_FLAGS,
        "map_btf": _map_btf(kernel.endian).hex(),
    }
    return asked


def _enum(blob: Blob, name: str, prefix: str) -> dict[str, int]:
    for enum in blob.find(name, Kind.ENUM):
        found = {e.name.removeprefix(prefix): e.value for e in blob.enumerators(enum)}
        return {n: v for n, v in found.items() if not n.startswith("__")}
    return {}


def _functions(blob: Blob, prefix: str) -> list[tuple[str, int]]:
    return [(n, i) for i in blob.own_ids(Kind.FUNC) if (n := blob.name(i)).startswith(prefix)]


def _callers(blob: Blob, types: Mapping[str, int], attach: Mapping[str, int], ops: Sequence[Any]) -> list[list[Any]]:
    """[label, [program type, expected attach type, attach BTF id, flags]] of everything that may call."""
    found: list[list[Any]] = []
    for name, number in types.items():
        if name in _NOT_PLAIN:
            continue
        kinds = [""]
        if name in _BY_ATTACH_TYPE:
            kinds = [a for a in attach if _calls_differ(name, a)]
        elif name in _ONE:
            kinds = [_ONE[name]]
        for kind in kinds:
            label = name if not kind or name in _ONE else f"{name}/{kind.removeprefix('BPF_')}"
            flags = SLEEPABLE if name == "SYSCALL" else 0
            found.append([label, [number, attach.get(kind, 0), 0, flags]])
    return found + _traced(blob, types, attach) + _implemented(types, ops)


def _calls_differ(name: str, attach_type: str) -> bool:
    if not attach_type.startswith(_BY_ATTACH_TYPE[name]):
        return False
    if name == "CGROUP_SKB":
        return attach_type.endswith(("INGRESS", "EGRESS"))
    if name == "CGROUP_SOCKOPT":
        return attach_type.endswith("SOCKOPT")
    if name == "CGROUP_SOCK":
        return "_INET_SOCK_" in attach_type or attach_type.endswith("POST_BIND")
    return any(word in attach_type for word in _SOCK_ADDR) and not attach_type.endswith(("SOCKOPT", "POST_BIND"))


def _traced(blob: Blob, types: Mapping[str, int], attach: Mapping[str, int]) -> list[list[Any]]:
    """Callers whose program needs something of the kernel to attach to."""
    found: list[list[Any]] = []
    sample = blob.first(SAMPLE_FUNCTION, Kind.FUNC)
    if "TRACING" in types and sample:
        for word, kind in (("fentry", "BPF_TRACE_FENTRY"), ("fexit", "BPF_TRACE_FEXIT")):
            found.append([f"TRACING/{word}", [types["TRACING"], attach.get(kind, 0), sample, 0]])
    typedef = blob.first("btf_trace_sched_switch", Kind.TYPEDEF)
    if "TRACING" in types and typedef:
        found.append(["TRACING/tp_btf", [types["TRACING"], attach.get("BPF_TRACE_RAW_TP", 0), typedef, 0]])
    iterator = blob.first("bpf_iter_task", Kind.FUNC)
    if "TRACING" in types and iterator and "BPF_TRACE_ITER" in attach:
        for word, flags in (("iter", 0), ("iter.s", SLEEPABLE)):
            found.append([f"TRACING/{word}", [types["TRACING"], attach["BPF_TRACE_ITER"], iterator, flags]])
    hook = blob.first("bpf_lsm_file_open", Kind.FUNC)
    if "LSM" in types and hook:
        for word, flags in (("lsm", 0), ("lsm.s", SLEEPABLE)):
            found.append([f"LSM/{word}", [types["LSM"], attach.get("BPF_LSM_MAC", 0), hook, flags]])
        if "BPF_LSM_CGROUP" in attach:
            bind = blob.first("bpf_lsm_socket_bind", Kind.FUNC) or hook
            found.append(["LSM/lsm_cgroup", [types["LSM"], attach["BPF_LSM_CGROUP"], bind, 0]])
    return found


def _implemented(types: Mapping[str, int], ops: Sequence[Any]) -> list[list[Any]]:
    """One caller for each struct_ops type: a program for its first member that holds a function."""
    return [[f"STRUCT_OPS/{name}", [types["STRUCT_OPS"], places[0], i, 0]] for name, i, places, _ in ops if places]


def tracepoints(blob: Blob) -> list[list[Any]]:
    """[name, id of typedef btf_trace_NAME, places of arguments that point to a struct]; the first argument is data."""
    found: list[list[Any]] = []
    for type_id in blob.own_ids(Kind.TYPEDEF):
        name = blob.name(type_id)
        if not name.startswith("btf_trace_"):
            continue
        pointer = blob.skip(blob.ref(type_id))
        proto = blob.skip(blob.ref(pointer)) if blob.kind(pointer) == Kind.PTR else 0
        if not proto or blob.kind(proto) != Kind.FUNC_PROTO:
            continue
        places = pointers_to_structs(blob, proto, 1)
        if places:
            found.append([name.removeprefix("btf_trace_"), type_id, places])
    return sorted(found)


def _maps(kernel: Kernel) -> list[list[Any]]:
    found: list[list[Any]] = []
    for number, full in sorted(kernel.map_types.items()):
        name = full.removeprefix("BPF_MAP_TYPE_").removesuffix("_DEPRECATED")
        if name not in _NEEDS_MORE:
            key, value, entries, flags, more = _MAPS.get(name, (4, 4, 1, 0, ()))
            found.append([name, number, key, value, entries, flags, list(more)])
    return found


def _map_btf(endian: str) -> bytes:
    """A BTF blob of one type, ``int`` with id 1: key and value of the local storages."""
    types = struct.pack(endian + "IIII", 1, 1 << 24, 4, 1 << 24 | 32)
    strings = b"\0int\0"
    return struct.pack(endian + "HBBIIIII", 0xEB9F, 1, 0, 24, 0, len(types), len(types), len(strings)) + types + strings


# -- answers


def names_of(bits: str, names: Sequence[str]) -> list[str]:
    """The names whose bit is set in a bitmap of the guest; bits without a name are dropped."""
    try:
        value = int.from_bytes(bytes.fromhex(bits), "little")
    except ValueError:
        return []
    return [name for at, name in enumerate(names) if value >> at & 1]


def _numbers(bits: str, count: int) -> list[int]:
    return [int(n) for n in names_of(bits, [str(n) for n in range(count)])]


def _member(asked: Questions, name: str) -> str:
    """``TYPE.MEMBER`` of a type and the place of a callback; empty where that was not asked."""
    wanted, _, place = name.partition(" ")
    for ops, _, places, _ in asked.plan["struct_ops"]:
        if ops == wanted and place.isdecimal() and int(place) in places:
            return f"{ops}.{asked.members[ops][places.index(int(place))]}"
    return ""


def answers(asked: Questions, facts: Iterable[tuple[str, str, str]], kernel: Kernel, image_sha256: str) -> Probed:
    """The facts of one boot. Answers are kept only where they are to something that was asked."""
    blob = kernel.vmlinux
    btf_sha256 = hashlib.sha256(blob.data).hexdigest() if blob is not None else ""
    probed = Probed(btf_sha256, image_sha256, kernel.release, kernel.arch)
    probed.asked_kfuncs, probed.asked_hooks = list(asked.kfuncs), list(asked.hooks)
    callers = {name for name, _ in asked.plan["callers"]}
    helpers = [kernel.helpers.get(n, "") for n in range(1, asked.plan["last_helper"] + 1)]
    attach = {v: n for n, v in _enum(blob, "bpf_attach_type", "").items()} if blob is not None else {}
    attach_names = [attach.get(n, "") for n in range(asked.plan["last_attach_type"] + 1)]
    tracepoints = {name for name, _, _ in asked.plan["tracepoints"]}
    map_names = {row[0] for row in asked.plan["maps"]}
    for kind, name, value in facts:
        if kind == "helpers" and name in callers:
            probed.helpers[name] = [n for n in names_of(value, helpers) if n]
        elif kind == "kfuncs" and name in callers:
            probed.kfuncs[name] = names_of(value, asked.kfuncs)
        elif kind == "kfuncs_unclear":
            unclear = set(names_of(value, asked.kfuncs))
            probed.asked_kfuncs = [n for n in probed.asked_kfuncs if n not in unclear]
        elif kind == "caller_refused" and name in callers:
            probed.refused.append(name)
        elif kind in ("lsm", "lsm_sleepable") and name.isdecimal():
            found = names_of(value, asked.hooks[int(name) : int(name) + 1024])
            (probed.lsm if kind == "lsm" else probed.lsm_sleepable).extend(found)
        elif kind == "null" and name in tracepoints:
            probed.null_arguments[name] = _numbers(value, MOST_ARGUMENTS)
        elif kind == "instruction" and (name in INSTRUCTIONS or name in CONSTRUCTS):
            probed.instructions[name] = value == "0"
        elif kind == "attach_types":
            probed.attach_types[name] = [n for n in names_of(value, attach_names) if n]
        elif kind == "struct_ops" and name in asked.members:
            probed.struct_ops[name] = names_of(value, asked.members[name])
        elif kind == "ops_needed" and name in asked.members:
            probed.struct_ops_needed[name] = names_of(value, asked.members[name])
        elif kind == "ops_null" and (member := _member(asked, name)):
            probed.struct_ops_null[member] = _numbers(value, MOST_ARGUMENTS)
        elif kind == "map" and name in map_names:
            rc, _, bits = value.partition(" ")
            probed.maps[name] = _numbers(bits, MAP_FLAGS) if rc == "0" else None
        elif kind == "failed":
            probed.failed.append(f"{name}: {value}")
    return probed
