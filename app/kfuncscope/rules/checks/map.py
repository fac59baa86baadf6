# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Maps on one kernel: which cannot be created, which instructions need them, and who may use them (R-0.5, R-7.15,
R-11.5, R-12.25)."""

from __future__ import annotations

from kfuncscope.bpf.loader import LIBBPF
from kfuncscope.bpf.maps import ARENA_SECTION, FLAG_NO_PREALLOC, MAP_TYPE_ARENA, MAP_TYPE_PROG_ARRAY, OLDEST_FLAGS, Map
from kfuncscope.bpf.object import Program
from kfuncscope.kernel.kernel import Kernel
from kfuncscope.knowledge.versions import sleepers_use
from kfuncscope.model.failure import Failure
from kfuncscope.model.verdict import NeedKind, Reach
from kfuncscope.rules.checks.options import MAP_TYPES, left_out
from kfuncscope.rules.context import Context
from kfuncscope.rules.problem import Message, Problem, say

_RINGS = ("BPF_MAP_TYPE_RINGBUF", "BPF_MAP_TYPE_USER_RINGBUF")


def map_fault(ctx: Context, one: Map) -> Message | None:
    """Why a kernel cannot create a map of this type with these flags; None when it can."""
    kernel = ctx.kernel
    if not kernel.map_types or not one.named or not one.type:
        return None
    name = kernel.map_types.get(one.type)
    if name is None:
        return _message(one, "{kernel} does not know map type {number}", number=one.type)
    offered = kernel.offers_map(one.type)
    if not offered and (option := left_out(kernel, MAP_TYPES.get(name.removeprefix("BPF_MAP_TYPE_"), ()))):
        return _message(one, "{kernel} is built without {option}, which this map type needs", option=option)
    if offered is False:
        return _message(one, "{kernel} is built without map type {type}", type=name.removeprefix("BPF_MAP_TYPE_"))
    if one.type == MAP_TYPE_ARENA and not (kernel.caps.arena and kernel.jit):
        return _message(one, "the JIT of {kernel} ({arch}) does not support arenas", arch=kernel.arch)
    if name in _RINGS and (one.key_size or one.value_size) and ctx.obj.loaded_by in ("", LIBBPF):
        # ringbuf_map_alloc(); libbpf hands the sizes on, even those of __type(), cilium/ebpf and aya do not.
        return _message(one, "a ring buffer has no keys and no values, but the map declares some")
    if unknown := unknown_flags(kernel, one.flags):
        return _message(one, "{kernel} does not know map flags {flags}", flags=f"{unknown:#x}")
    return None


def _message(one: Map, template: str, **fields: object) -> Message:
    return say(f"map {{map}}: {template}", map=one.name, **fields)


def unknown_flags(kernel: Kernel, flags: int) -> int:
    """Those of a map's flags that no map of this kernel takes, as far as its types tell (R-7.15)."""
    late = flags & ~OLDEST_FLAGS
    return late & ~kernel.map_flags if late and kernel.map_flags else 0


def _faults(ctx: Context) -> dict[str, Message]:
    """The maps of the object that this kernel cannot create, and why; worked out once."""
    if ctx.map_faults is None:
        ctx.map_faults = {m.name: fault for m in ctx.obj.maps.values() if (fault := map_fault(ctx, m))}
    return ctx.map_faults


def map_problems(ctx: Context, program: Program) -> list[Problem]:
    """Loads of the address of a map that cannot be created; each counts where it is reached."""
    faults = _faults(ctx)
    if not faults:
        return []
    arena = next((n for n in faults if ctx.obj.maps[n].type == MAP_TYPE_ARENA), "")
    found = []
    for function in program.functions:
        for index, ref in function.refs.items():
            name = ref.name if ref.kind == "map" else arena if ref.kind == "data" and ref.name == ARENA_SECTION else ""
            if name in faults:
                kind = ctx.kernel.map_types.get(ctx.obj.maps[name].type, f"type {ctx.obj.maps[name].type}")
                rules, place = ("R-0.5", "R-7.15"), (function, index)
                found.append(
                    Problem(NeedKind.MAP_TYPE, kind, Failure.MAP_NOT_CREATED, rules, faults[name], place=place)
                )
    return found


def sleepable_map_problems(ctx: Context, program: Program) -> list[Problem]:
    """Maps that a sleepable program may not use (R-12.25).

    A map counts wherever its address is loaded, also in code that never runs: the verifier looks at all loads of
    addresses before it follows any path (resolve_pseudo_ldimm64). Prog arrays have a rule of their own (R-12.1). A
    release newer than all tables may let more maps be used.
    """
    kernel = ctx.kernel
    if not program.section.sleepable or kernel.outdated:
        return []
    found = []
    for one in map(ctx.obj.maps.get, sorted({r.name for f in program.functions for r in f.refs.values()
                                             if r.kind == "map"})):  # fmt: skip
        name = kernel.map_types.get(one.type, "").removeprefix("BPF_MAP_TYPE_") if one is not None else ""
        if one is None or not name or one.type == MAP_TYPE_PROG_ARRAY:
            continue
        lazy = " without preallocation" if name == "HASH" and one.flags & FLAG_NO_PREALLOC else ""
        if sleepers_use(name + lazy, kernel.version) is not False:
            continue
        text = "{program} is sleepable, and {kernel} does not let sleepable programs use map {map} ({type})"
        message = say(text, program=program.name, map=one.name, type=name + lazy)
        cls = Failure.MAP_NOT_FOR_PROGRAM
        found.append(Problem(NeedKind.MAP_TYPE, kernel.map_types[one.type], cls, ("R-12.25",), message))
    return found


def object_map_problems(ctx: Context) -> list[Problem]:
    """Maps that keep the whole object from loading (R-0.5)."""
    found = []
    for name, fault in _faults(ctx).items():
        kind = ctx.kernel.map_types.get(ctx.obj.maps[name].type, f"type {ctx.obj.maps[name].type}")
        said = Message(fault.template + "; libbpf rejects the whole object", fault.fields)
        found.append(Problem(NeedKind.MAP_TYPE, kind, Failure.MAP_NOT_CREATED, ("R-0.5",), said, reach=Reach.OBJECT))
    return found
