# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""struct_ops on one kernel: the type, its members, and which programs may implement which (R-7.1..R-7.3, R-11.6)."""

from __future__ import annotations

from typing import NamedTuple

from kfuncscope.bpf.maps import FLAG_LINK
from kfuncscope.bpf.object import Program
from kfuncscope.bpf.struct_ops import OpsMember, StructOps
from kfuncscope.btf.blob import Blob
from kfuncscope.btf.layout import Kind
from kfuncscope.knowledge.knowledge import Knowledge
from kfuncscope.model.failure import Failure
from kfuncscope.model.verdict import Confidence, NeedKind, Reach
from kfuncscope.rules.checks.map import unknown_flags
from kfuncscope.rules.context import Context
from kfuncscope.rules.flow.ctx_args import slots, type_class, unchecked_derefs
from kfuncscope.rules.hooks.ctx_access import Passed, argument_problems
from kfuncscope.rules.problem import Message, Problem, Stage, say

_CLOSED = "{kernel} does not let programs implement {name}"
_NULLABLE, _ARENA = "__nullable", "__arena"  # ends of the names of arguments in the kernel's stubs of callbacks


class KernelType(NamedTuple):
    """A struct_ops type of a kernel: module, blob, struct id."""

    module: str
    blob: Blob
    type: int


def uses(ctx: Context, program: Program) -> list[tuple[StructOps, OpsMember]]:
    """Where the object's tables hold a program."""
    return [(ops, m) for ops in ctx.obj.struct_ops for m in ops.members if m.program == program.name]


def kernel_type(ctx: Context, name: str) -> KernelType | None:
    """``struct X`` beside ``struct bpf_struct_ops_X`` that has a member of it (R-7.1)."""
    for module, blob, value in ctx.kernel.types(f"bpf_struct_ops_{name}", Kind.STRUCT):
        for type_id in blob.find(name, Kind.STRUCT):
            if any(blob.skip(m.type) == type_id for m in blob.members(value)):
                return KernelType(module, blob, type_id)
    return None


def _problem(
    name: str, rules: tuple[str, ...], message: Message, cls: Failure = Failure.STRUCT_OPS_MISMATCH
) -> Problem:
    return Problem(NeedKind.STRUCT_OPS, name, cls, rules, message, reach=Reach.OBJECT)


def table_problems(ctx: Context, ops: StructOps) -> list[Problem]:
    """Why libbpf cannot fill in the kernel's table from the object's (R-7.1, R-7.2)."""
    found = kernel_type(ctx, ops.kernel_type)
    if found is None:
        message = say("{kernel} has no struct_ops type {type} (struct bpf_struct_ops_{type})", type=ops.kernel_type)
        return [_problem(ops.kernel_type, ("R-7.1",), message)]
    if ops.link and unknown_flags(ctx.kernel, FLAG_LINK):
        message = say("{kernel} does not know BPF_F_LINK, by which table {map} is attached", map=ops.name)
        return [_problem(ops.kernel_type, ("R-0.5", "R-7.15"), message, Failure.MAP_NOT_CREATED)]
    btf = ctx.obj.btf
    assert btf is not None
    theirs = {m.name: m for m in found.blob.members(found.type)}
    problems = []
    for mine in ops.members:
        name = f"{ops.kernel_type}.{mine.member.name}"
        other = theirs.get(mine.member.name)
        if other is None:
            if not mine.zero:
                message = say("the object sets {name}, which {kernel} does not have", name=name)
                problems.append(_problem(name, ("R-7.2",), message))
            continue
        if mine.member.bit_size or other.bit_size:
            message = say("{name} is a bitfield, which libbpf does not support", name=name)
            problems.append(_problem(name, ("R-7.2",), message))
            continue
        one, its = btf.skip(mine.member.type), found.blob.skip(other.type)
        if btf.kind(one) != found.blob.kind(its):
            problems.append(_problem(name, ("R-7.2",), say("{name} has a different kind in {kernel}", name=name)))
        elif btf.kind(one) == Kind.PTR:
            target = found.blob.skip(found.blob.ref(its))
            if mine.program and found.blob.kind(target) != Kind.FUNC_PROTO:
                problems.append(_problem(name, ("R-7.2",), say("{name} is not a callback in {kernel}", name=name)))
        elif btf.size(one) != found.blob.size(its):
            text = "{name} has {mine} bytes in the object and {theirs} in {kernel}"
            message = say(text, name=name, mine=btf.size(one), theirs=found.blob.size(its))
            problems.append(_problem(name, ("R-7.2",), message))
    return problems


def struct_ops_problems(ctx: Context, program: Program) -> list[Problem]:
    """Why a struct_ops program does not load: no table works in which it stands, or its member is closed to it."""
    places = uses(ctx, program)
    if not places:
        message = say("no struct_ops map refers to this program, so libbpf rejects it")
        return [Problem(NeedKind.STRUCT_OPS, program.name, Failure.STRUCT_OPS_MISMATCH, ("R-11.17",), message)]
    first: list[Problem] = []
    for ops, member in places:
        problems = table_problems(ctx, ops) + member_problems(ctx, program, ops, member)
        problems += _callback_problems(ctx, program, ops, member)
        if not problems:
            return []
        first = first or problems
    return first


def _callback_problems(ctx: Context, program: Program, ops: StructOps, member: OpsMember) -> list[Problem]:
    """Arguments that the program reads and the kernel's callback has not (R-7.3, R-7.10)."""
    found = kernel_type(ctx, ops.kernel_type)
    if found is None:
        return []
    blob, name = found.blob, member.member.name
    for its in blob.members(found.type):
        proto = blob.skip(blob.ref(blob.skip(its.type))) if blob.kind(blob.skip(its.type)) == Kind.PTR else 0
        if its.name == name and proto and blob.kind(proto) == Kind.FUNC_PROTO:
            passed = Passed(f"{ops.kernel_type}.{name}", blob, proto, slots(blob, proto))
            return argument_problems(ctx, program, passed) + _null_problems(ctx, program, ops.kernel_type, name, passed)
    return []


def nullable_arguments(ctx: Context, ops_type: str, member: str) -> frozenset[int]:
    """Arguments of a callback, from 0, that may be NULL: as the booted kernel answered, else by the name of the
    argument in the kernel's stub of the callback (bpf_struct_ops.c, prepare_arg_info)."""
    probed = ctx.kernel.probed
    if probed is not None and probed.struct_ops_null:
        return frozenset(probed.struct_ops_null.get(f"{ops_type}.{member}", ()))
    for _, blob, func in ctx.kernel.functions(f"{ops_type}__{member}"):
        named = enumerate(p.name for p in blob.params(blob.ref(func)))
        return frozenset(at for at, name in named if name.endswith(_NULLABLE) and _ARENA not in name)
    return frozenset()


def _null_problems(ctx: Context, program: Program, ops_type: str, member: str, passed: Passed) -> list[Problem]:
    """R-7.7 for callbacks: what may be NULL must be compared with NULL before it is read through."""
    nullable = nullable_arguments(ctx, ops_type, member)
    found = []
    for deref in unchecked_derefs(ctx.obj, program) if nullable else ():
        if deref.slot not in nullable or deref.slot >= len(passed.slots):
            continue
        if type_class(passed.blob, passed.slots[deref.slot].type) != "struct*":
            continue
        text = "argument {arg} of {name} may be NULL in {kernel}; the program dereferences it without a NULL check"
        message, place = say(text, arg=deref.slot + 1, name=passed.name), (deref.function, deref.at)
        cls = Failure.NULL_CHECK_MISSING
        found.append(Problem(NeedKind.STRUCT_OPS, passed.name, cls, ("R-7.3", "R-7.7"), message, place=place))
    return found


def gap_problems(ctx: Context, program: Program) -> list[Problem]:
    """Members that the booted kernel takes no table without, and that each table of the program leaves out (R-7.3)."""
    if ctx.kernel.probed is None:
        return []
    found: list[Problem] = []
    for ops, _ in uses(ctx, program):
        needed = ctx.kernel.probed.struct_ops_needed.get(ops.kernel_type, ())
        there = {m.member.name for m in ops.members if m.program}
        lacking = [name for name in needed if name not in there]
        if not lacking:
            return []
        text = "table {table} leaves out {members}, without which {kernel} takes no {type}"
        message = say(text, table=ops.name, members=", ".join(lacking), type=ops.kernel_type)
        found.append(Problem(NeedKind.STRUCT_OPS, ops.kernel_type, Failure.ATTACH_FAILED, ("R-7.3",), message,
                             Stage.ATTACH, Reach.ATTACH))  # fmt: skip
    return found[:1]


def _closed(tables: Knowledge, ops_type: str, member: str) -> tuple[bool, bool, bool] | None:
    """What a level's tables say of a member: not to be implemented, may sleep, must sleep."""
    fact = tables.struct_ops.get(ops_type)
    if fact is None:
        return None
    return member in fact.unsupported, member in fact.sleepable, member in fact.must_sleep


def member_problems(ctx: Context, program: Program, ops: StructOps, member: OpsMember) -> list[Problem]:
    """What the kernel's check_member and its stubs refuse (R-7.3, R-11.6)."""
    kernel, found = ctx.kernel, []
    name = f"{ops.kernel_type}.{member.member.name}"
    fact = kernel.knowledge.struct_ops.get(ops.kernel_type)
    agreed = kernel.knowledge.agreed(lambda tables: _closed(tables, ops.kernel_type, member.member.name))
    if not ctx.obj.gpl:
        text = "struct_ops programs need a GPL-compatible licence; this object has {licence}"
        message = say(text, licence=ctx.obj.license or "none")
        found.append(Problem(NeedKind.STRUCT_OPS, name, Failure.LICENCE, ("R-11.6",), message))
    asked = kernel.probed.struct_ops.get(ops.kernel_type) if kernel.probed is not None else None
    if asked is not None and member.member.name not in asked:
        message = say(_CLOSED, name=name)
        found.append(Problem(NeedKind.STRUCT_OPS, name, Failure.ATTACH_TARGET_REJECTED, ("R-7.3", "R-11.6"), message))
    elif fact is not None and not kernel.outdated:
        text = ""
        if asked is None and member.member.name in fact.unsupported:
            text = _CLOSED
        elif program.section.sleepable and member.member.name not in fact.sleepable:
            text = "{name} must not sleep, but the program is sleepable"
        elif not program.section.sleepable and member.member.name in fact.must_sleep:
            text = "{name} accepts sleepable programs only"
        if text and agreed:
            cls, said = Failure.ATTACH_TARGET_REJECTED, say(text, name=name)
            found.append(Problem(NeedKind.STRUCT_OPS, name, cls, ("R-7.3", "R-11.6"), said))
        elif text:
            said = say(f"{text} in one of Linux {{levels}}", name=name, levels=kernel.knowledge.told_by)
            found.append(Problem(NeedKind.STRUCT_OPS, name, Failure.NONE, ("R-7.3", "R-11.6", "R-12.22"), said,
                                 Stage.NOTE, confidence=Confidence.LOW, certain=False))  # fmt: skip
    return found
