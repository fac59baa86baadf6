# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What a program needs of a kernel, with every place that uses it; kernels are not looked at here (design: Words)."""

from __future__ import annotations

from typing import NamedTuple

from kfuncscope.bpf.instructions import LD_IMM64
from kfuncscope.bpf.object import BpfObject, Function, Program
from kfuncscope.model.verdict import NeedKind


class Need(NamedTuple):
    """One need: kind, name, and its places as (function, instruction).

    ``strong`` is None where binding plays no role. ``tested`` tells that the program takes the address of a weak
    symbol, which is how it asks whether the symbol exists.
    """

    kind: NeedKind
    name: str
    places: tuple[tuple[Function, int], ...]
    strong: bool | None = None
    tested: bool = False


def program_needs(obj: BpfObject, program: Program, helper_names: dict[int, str] | None = None) -> list[Need]:
    """Needs in a stable order: program type, hook, struct_ops, kfuncs, ksyms, kconfig, helpers, map types."""
    section = program.section
    found = [Need(NeedKind.PROG_TYPE, section.prog_type or "unknown", ())]
    if section.target and section.prog_type not in ("STRUCT_OPS", "SYSCALL"):
        found.append(Need(NeedKind.HOOK, section.target, ()))
    for ops in obj.struct_ops:
        found += [
            Need(NeedKind.STRUCT_OPS, f"{ops.kernel_type}.{m.member.name}", ())
            for m in ops.members
            if m.program == program.name
        ]
    found += _externs(obj, program)
    names = helper_names or {}
    for number, places in sorted(program.helper_calls.items()):
        at = tuple((program.functions[position], index) for position, index in places)
        found.append(Need(NeedKind.HELPER, f"bpf_{names[number]}" if number in names else f"#{number}", at))
    return found + _maps(obj, program)


def _externs(obj: BpfObject, program: Program) -> list[Need]:
    places: dict[tuple[str, str], list[tuple[Function, int]]] = {}
    tested = set()
    for function in program.functions:
        for index, ref in function.refs.items():
            if ref.kind in ("kfunc", "ksym", "kconfig"):
                places.setdefault((ref.kind, ref.name), []).append((function, index))
                if function.insns[index].op == LD_IMM64:
                    tested.add(ref.name)
    found = []
    for (kind, name), at in sorted(places.items()):
        extern = obj.externs.get(name)
        strong = not extern.weak if extern else None
        lookup = extern.lookup if extern else name
        found.append(Need(NeedKind(kind), lookup, tuple(at), strong, kind == "kfunc" and name in tested))
    return found


def _maps(obj: BpfObject, program: Program) -> list[Need]:
    places: dict[int, list[tuple[Function, int]]] = {}
    for function in program.functions:
        for index, ref in function.refs.items():
            if ref.kind == "map" and ref.name in obj.maps:
                places.setdefault(obj.maps[ref.name].type, []).append((function, index))
    return [Need(NeedKind.MAP_TYPE, str(kind), tuple(at)) for kind, at in sorted(places.items())]
