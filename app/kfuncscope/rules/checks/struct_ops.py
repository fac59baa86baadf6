# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""struct_ops on one kernel: the type, its members, and which programs may implement which (R-7.1..R-7.3, R-11.6)."""

from __future__ import annotations

from typing import NamedTuple

from kfuncscope.bpf.maps import FLAG_LINK
from kfuncscope.bpf.object import Program
from kfuncscope.bpf.struct_ops import OpsMember, StructOps
from kfuncscope.btf.blob import Blob
from kfuncscope.btf.layout import Kind
from kfuncscope.model.verdict import Confidence, NeedKind, Reach
from kfuncscope.rules.checks.ctx_access import Passed, argument_problems
from kfuncscope.rules.checks.map import unknown_flags
from kfuncscope.rules.context import Context
from kfuncscope.rules.flow.ctx_args import slots
from kfuncscope.rules.problem import Problem


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


def _problem(name: str, rules: tuple[str, ...], message: str, cls: str = "struct_ops_type_or_member") -> Problem:
    return Problem(NeedKind.STRUCT_OPS, name, cls, rules, message, reach=Reach.OBJECT)


def table_problems(ctx: Context, ops: StructOps) -> list[Problem]:
    """Why libbpf cannot fill in the kernel's table from the object's (R-7.1, R-7.2)."""
    found = kernel_type(ctx, ops.kernel_type)
    if found is None:
        message = f"the kernel has no struct_ops type {ops.kernel_type} (struct bpf_struct_ops_{ops.kernel_type})"
        return [_problem(ops.kernel_type, ("R-7.1",), message)]
    if ops.link and unknown_flags(ctx.kernel, FLAG_LINK):
        message = f"table {ops.name} is attached by a link (BPF_F_LINK), which this kernel does not know"
        return [_problem(ops.kernel_type, ("R-0.5", "R-7.15"), message, "map_not_created")]
    btf = ctx.obj.btf
    assert btf is not None
    theirs = {m.name: m for m in found.blob.members(found.type)}
    problems = []
    for mine in ops.members:
        name = f"{ops.kernel_type}.{mine.member.name}"
        other = theirs.get(mine.member.name)
        if other is None:
            if not mine.zero:
                problems.append(_problem(name, ("R-7.2",), f"{name} is set by the object but missing in this kernel"))
            continue
        if mine.member.bit_size or other.bit_size:
            problems.append(_problem(name, ("R-7.2",), f"{name} is a bitfield, which libbpf does not support"))
            continue
        one, its = btf.skip(mine.member.type), found.blob.skip(other.type)
        if btf.kind(one) != found.blob.kind(its):
            problems.append(_problem(name, ("R-7.2",), f"{name} is another kind of thing in this kernel"))
        elif btf.kind(one) == Kind.PTR:
            target = found.blob.skip(found.blob.ref(its))
            if mine.program and found.blob.kind(target) != Kind.FUNC_PROTO:
                problems.append(_problem(name, ("R-7.2",), f"{name} is no callback in this kernel"))
        elif btf.size(one) != found.blob.size(its):
            sizes = f"{btf.size(one)} bytes in the object, {found.blob.size(its)} in this kernel"
            problems.append(_problem(name, ("R-7.2",), f"{name}: {sizes}"))
    return problems


def struct_ops_problems(ctx: Context, program: Program) -> list[Problem]:
    """Why a struct_ops program does not load: no table works in which it stands, or its member is closed to it."""
    places = uses(ctx, program)
    if not places:
        message = "no struct_ops map refers to this program: libbpf refuses it"
        return [Problem(NeedKind.STRUCT_OPS, program.name, "struct_ops_type_or_member", ("R-11.17",), message)]
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
            return argument_problems(ctx, program, passed)
    return []


def member_problems(ctx: Context, program: Program, ops: StructOps, member: OpsMember) -> list[Problem]:
    """What the kernel's check_member and its stubs refuse (R-7.3, R-11.6)."""
    kernel, found = ctx.kernel, []
    name = f"{ops.kernel_type}.{member.member.name}"
    confidence = Confidence.HIGH if kernel.knowledge.borrowed_for is None else Confidence.MEDIUM
    fact = kernel.knowledge.struct_ops.get(ops.kernel_type)
    if not ctx.obj.gpl:
        message = f"struct_ops programs need a GPL compatible licence; this object has {ctx.obj.license or 'none'}"
        found.append(Problem(NeedKind.STRUCT_OPS, name, "licence", ("R-11.6",), message))
    if fact is not None and not kernel.outdated:
        why = ""
        if member.member.name in fact.unsupported:
            why = f"{name} cannot be implemented by a program"
        elif program.section.sleepable and member.member.name not in fact.sleepable:
            why = f"attach to unsupported member: {name} must not sleep"
        elif not program.section.sleepable and member.member.name in fact.must_sleep:
            why = f"{name} takes only programs that may sleep"
        if why:
            cls = "attach_target_rejected"
            found.append(Problem(NeedKind.STRUCT_OPS, name, cls, ("R-7.3", "R-11.6"), why, confidence=confidence))
    return found
