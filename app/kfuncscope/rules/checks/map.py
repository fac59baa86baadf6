# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Maps on one kernel: which cannot be created, and which instructions need them (R-0.5, R-7.15, R-11.5)."""

from __future__ import annotations

from kfuncscope.bpf.maps import ARENA_SECTION, MAP_TYPE_ARENA, OLDEST_FLAGS, Map
from kfuncscope.bpf.object import Program
from kfuncscope.kernel.kernel import Kernel
from kfuncscope.model.verdict import NeedKind, Reach
from kfuncscope.rules.checks.options import MAP_TYPES, left_out
from kfuncscope.rules.context import Context
from kfuncscope.rules.problem import Problem


def map_fault(ctx: Context, one: Map) -> str:
    """Why a kernel cannot create a map of this type with these flags; empty when it can."""
    kernel = ctx.kernel
    if not kernel.map_types or not one.named or not one.type:
        return ""
    name = kernel.map_types.get(one.type)
    if name is None:
        return f"map type {one.type} is unknown to this kernel"
    if option := left_out(kernel, MAP_TYPES.get(name.removeprefix("BPF_MAP_TYPE_"), ())):
        return f"this kernel is built without {option}, which it needs"
    if one.type == MAP_TYPE_ARENA and not (kernel.caps.arena and kernel.jit):
        return f"the JIT of {kernel.arch} as this kernel is built has no arenas"
    if unknown := unknown_flags(kernel, one.flags):
        return f"map flags {unknown:#x} are unknown to this kernel"
    return ""


def unknown_flags(kernel: Kernel, flags: int) -> int:
    """Those of a map's flags that no map of this kernel takes, as far as its types tell (R-7.15)."""
    late = flags & ~OLDEST_FLAGS
    return late & ~kernel.map_flags if late and kernel.map_flags else 0


def _faults(ctx: Context) -> dict[str, str]:
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
                message = f"map {name} ({kind}): {faults[name]}"
                found.append(
                    Problem(
                        NeedKind.MAP_TYPE,
                        kind,
                        "map_not_created",
                        ("R-0.5", "R-7.15"),
                        message,
                        place=(function, index),
                    )
                )
    return found


def object_map_problems(ctx: Context) -> list[Problem]:
    """Maps that keep the whole object from loading (R-0.5)."""
    found = []
    for name, fault in _faults(ctx).items():
        kind = ctx.kernel.map_types.get(ctx.obj.maps[name].type, f"type {ctx.obj.maps[name].type}")
        message = f"map {name}: {fault}; libbpf refuses the whole object"
        found.append(Problem(NeedKind.MAP_TYPE, kind, "map_not_created", ("R-0.5",), message, reach=Reach.OBJECT))
    return found
