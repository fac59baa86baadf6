# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Tail calls: who owns a prog array, and which builds mix tail calls with subprograms (R-12.1, R-12.2).

The first program that is loaded with a map of programs, or the first that is put into it, becomes its owner; every
other must be like it in what the kernel's own struct remembers of the owner (kernel/bpf/core.c,
bpf_prog_map_compatible). Members of that struct came by backports, so the kernel's BTF decides and not its release.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from kfuncscope.bpf.maps import MAP_TYPE_PROG_ARRAY, Map
from kfuncscope.bpf.object import BpfObject, Program
from kfuncscope.btf.blob import Blob
from kfuncscope.btf.layout import COMPOSITES, Kind
from kfuncscope.kernel.kernel import Kernel
from kfuncscope.model.failure import Failure
from kfuncscope.model.verdict import NeedKind, Reach, TailCall
from kfuncscope.rules.context import Context
from kfuncscope.rules.hooks.hook import find_hook
from kfuncscope.rules.hooks.struct_ops import kernel_type, uses
from kfuncscope.rules.problem import Message, Problem, say

TAIL_CALL, OVERRIDE_RETURN = 12, 58  # helper numbers
WITH_PROGRAMS = frozenset({MAP_TYPE_PROG_ARRAY, 14, 16})  # prog array, devmap, cpumap: map_type_contains_progs()
CGROUP_STORAGE = {19: "shared", 21: "per CPU"}  # maps whose storage is tied to one map: its cookie
# Program types that are compared by the prototype they are attached to.
BY_PROTOTYPE = frozenset({"TRACING", "LSM", "EXT", "STRUCT_OPS"})
OLDEST = frozenset({"type", "jited"})  # what every kernel compares
# Members of the kernel's struct that are compared here, with the words for a difference.
COMPARED = {
    "type": "program type", "xdp_has_frags": "XDP fragments", "sleepable": "sleepable",
    "expected_attach_type": "attach type", "attach_func_proto": "prototype of the attach target",
}  # fmt: skip


class Traits(NamedTuple):
    """What the kernel compares of a program; ``storage`` is the cgroup storage map by kind."""

    type: str
    xdp_has_frags: bool
    sleepable: bool
    expected_attach_type: str
    attach_func_proto: tuple[str, int]
    storage: tuple[tuple[str, str], ...]
    tail_calls: bool


def tail_call_problems(ctx: Context, program: Program) -> list[Problem]:
    """R-12.2: bpf_tail_call() in a program that has subprograms needs a JIT that can do both; counts where reached."""
    places = program.helper_calls.get(TAIL_CALL, [])
    kernel = ctx.kernel
    seen = kernel.probed.instructions.get("tail_call_beside_subprogram") if kernel.probed is not None else None
    both = seen if seen is not None else kernel.jit and kernel.caps.subprog_tailcalls
    if not places or len(program.functions) < 2 or both:
        return []
    text = "the JIT of {kernel} ({arch})" if kernel.jit else "{kernel}, which is built without a BPF JIT,"
    message = say(text + " does not support tail calls in a program with subprograms", arch=kernel.arch)
    name, cls, cited = "tail calls with subprograms", Failure.TAIL_CALL_IN_SUBPROGS, ("R-12.2", "R-5.1")
    return [
        Problem(NeedKind.JIT, name, cls, cited, message, place=(program.functions[position], index))
        for position, index in places
    ]


def tail_calls(obj: BpfObject, program: Program) -> tuple[TailCall, ...]:
    """The programs that a program can enter: those in the slots of maps that functions with bpf_tail_call() load."""
    callers = {program.functions[position].name for position, _ in program.helper_calls.get(TAIL_CALL, ())}
    names = {
        ref.name: None for f in program.functions if f.name in callers for ref in f.refs.values() if ref.kind == "map"
    }
    known = {p.name for p in obj.programs}
    arrays = [obj.maps[n] for n in names if n in obj.maps and obj.maps[n].type == MAP_TYPE_PROG_ARRAY]
    return tuple(dict.fromkeys(TailCall(name, m.name) for m in arrays for _, name in m.values if name in known))


def sleeper_problems(ctx: Context, program: Program) -> list[Problem]:
    """A sleepable program uses no prog array before kernels compare who sleeps (check_map_prog_compatibility)."""
    maps = ctx.obj.maps
    arrays = sorted(n for n in _maps_of(program) if n in maps and maps[n].type == MAP_TYPE_PROG_ARRAY)
    kernel = ctx.kernel
    if not program.section.sleepable or not arrays or kernel.vmlinux is None or "sleepable" in compared_members(kernel):
        return []
    text = "{program} is sleepable, and {kernel} does not let sleepable programs use prog arrays ({map})"
    message = say(text, program=program.name, map=arrays[0])
    name = kernel.map_types.get(MAP_TYPE_PROG_ARRAY, "prog array")
    return [Problem(NeedKind.MAP_TYPE, name, Failure.MAP_NOT_FOR_PROGRAM, ("R-12.1", "R-7.15"), message)]


def compared_members(kernel: Kernel) -> frozenset[str]:
    """What this kernel remembers of a map's owner: ``struct bpf_map_owner``, else ``owner`` of ``struct bpf_map`` or
    of ``struct bpf_array_aux``; the oldest two where the BTF tells nothing."""
    for _, blob, struct in kernel.types("bpf_map_owner", Kind.STRUCT):
        return frozenset(m.name for m in blob.members(struct))
    for name in ("bpf_map", "bpf_array_aux"):
        for _, blob, struct in kernel.types(name, Kind.STRUCT):
            for member in blob.members(struct):
                if member.name == "owner" and blob.kind(blob.skip(member.type)) in COMPOSITES:
                    return frozenset(m.name for m in blob.members(blob.skip(member.type)))
    return OLDEST


def owner_problems(ctx: Context) -> list[tuple[Problem, frozenset[str]]]:
    """R-12.1: maps of programs whose users, or whose filled slots, this kernel does not take together.

    Programs are loaded in the order of the object, then slots are filled; both refusals fail bpf_object__load(). Beside
    each problem stand the programs that meet it whichever are switched on: all of a map whose slots cannot be filled.
    """
    maps = {name: one for name, one in ctx.obj.maps.items() if one.named and one.type in WITH_PROGRAMS}
    if not maps:
        return []
    members = compared_members(ctx.kernel)
    loaded = [p for p in ctx.obj.programs if p.autoload and p.section.prog_type]
    found = []
    for name, one in maps.items():
        if not any(one.type == number for number in ctx.kernel.map_types) and ctx.kernel.map_types:
            continue  # cannot be created at all, which map_problems says
        users = [p for p in loaded if name in _maps_of(p)]
        message, in_slot = _conflict(ctx, one, users, members)
        if message is not None:
            kind = ctx.kernel.map_types.get(one.type, f"type {one.type}")
            problem = Problem(
                NeedKind.MAP_TYPE, kind, Failure.PROG_ARRAY_OWNER, ("R-12.1",), message, reach=Reach.OBJECT
            )
            involved = {p.name for p in users} | {program for _, program in one.values}
            found.append((problem, frozenset(involved if in_slot else ())))
    return found


def _conflict(ctx: Context, one: Map, users: list[Program], members: frozenset[str]) -> tuple[Message | None, bool]:
    """Why the load of the object fails at a map of programs, and whether at a slot; None where it does not."""
    owner: Program | None = None
    for program, slot in _entries(ctx, one, users):
        where = f"slot [{slot}] of map {one.name}" if slot is not None else f"map {one.name}"
        if program is None:
            continue
        if slot is not None and not program.autoload:
            text = "{where} holds {program}, whose autoload is off, so libbpf cannot fill the slot"
            return say(text, where=where, program=program.name), True
        if slot is not None and one.max_entries and slot >= one.max_entries:
            text = "{where} is beyond its {count} entries, so libbpf cannot fill the slot"
            return say(text, where=where, count=one.max_entries), True
        if OVERRIDE_RETURN in program.helper_calls:
            text = "{program} calls bpf_override_return(), so it cannot be used with {where}"
            return say(text, program=program.name, where=where), slot is not None
        if owner is None:
            owner = program
            continue
        if differs := _difference(ctx, one, (owner, program), members):
            does = "is in" if slot is not None else "uses"
            text = "{program} {does} {where}, whose owner is {owner}: {kernel} rejects it, as they differ in {differs}"
            names = {"program": program.name, "owner": owner.name}
            return say(text, does=does, where=where, differs=differs, **names), slot is not None
    return None, False


def _entries(ctx: Context, one: Map, users: list[Program]) -> Iterator[tuple[Program | None, int | None]]:
    """Programs in the order in which the kernel meets them at a map, with the slot they are put into, if any."""
    for program in users:
        yield program, None
    by_name = {p.name: p for p in ctx.obj.programs}
    for slot, name in one.values:
        yield by_name.get(name), slot


def _maps_of(program: Program) -> frozenset[str]:
    """Maps whose address any instruction loads, dead or not: the kernel counts them before it looks further."""
    return frozenset(ref.name for f in program.functions for ref in f.refs.values() if ref.kind == "map")


def _difference(ctx: Context, one: Map, pair: tuple[Program, Program], members: frozenset[str]) -> str:
    """What a kernel with these members finds different in two programs of one map; empty where nothing."""
    owner, other = (_traits(ctx, p) for p in pair)
    for member, words in COMPARED.items():
        if member not in members or (member == "expected_attach_type" and one.type != MAP_TYPE_PROG_ARRAY):
            continue
        if member == "attach_func_proto" and owner.type not in BY_PROTOTYPE:
            continue
        mine, theirs = getattr(owner, member), getattr(other, member)
        if mine == theirs:
            continue
        if isinstance(mine, str):
            return f"{words} ({mine or 'none'} and {theirs or 'none'})"
        return words
    if "storage_cookie" in members:
        mine, theirs = dict(owner.storage), dict(other.storage)
        for kind in CGROUP_STORAGE.values():
            if mine.get(kind) != theirs.get(kind) and (theirs.get(kind) or other.tail_calls):
                return f"{kind} cgroup storage"
    return ""


def _traits(ctx: Context, program: Program) -> Traits:
    section = program.section
    storage = tuple(
        sorted((CGROUP_STORAGE[m.type], name) for name in _maps_of(program)
               if (m := ctx.obj.maps.get(name)) is not None and m.type in CGROUP_STORAGE)
    )  # fmt: skip
    return Traits(
        section.prog_type, "XDP_FRAGS" in section.flags, section.sleepable, section.attach_type,
        _prototype(ctx, program), storage, TAIL_CALL in program.helper_calls,
    )  # fmt: skip


def _prototype(ctx: Context, program: Program) -> tuple[str, int]:
    """(module, FUNC_PROTO) that a program is attached to; a name of its own where the kernel lacks the target."""
    section = program.section
    if section.prog_type not in BY_PROTOTYPE:
        return "", 0
    if section.prog_type == "STRUCT_OPS":
        for ops, member in uses(ctx, program):
            found = kernel_type(ctx, ops.kernel_type)
            if found is not None:
                return found.module, _member_prototype(found.blob, found.type, member.member.name)
    hook = find_hook(ctx.kernel, program) if section.attach_btf and section.prog_type != "EXT" else None
    return (hook.module, hook.proto) if hook is not None else (section.target, 0)


def _member_prototype(blob: Blob, struct: int, name: str) -> int:
    for member in blob.members(struct):
        if member.name == name:
            return blob.skip(blob.ref(blob.skip(member.type)))
    return 0
