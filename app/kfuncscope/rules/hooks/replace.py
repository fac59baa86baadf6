# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""freplace: programs that take the place of a function of another program of the same set (R-12.18, R-2.5).

What the kernel compares is in kernel/bpf/btf.c, btf_check_func_type_match(): both functions global, the same number of
arguments, and types of the same kind and size; pointers are to structs of one name.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from kfuncscope.bpf.object import BpfObject, Function, Program
from kfuncscope.btf.blob import Blob
from kfuncscope.btf.layout import ENUMS, Kind
from kfuncscope.kernel.kernel import Kernel
from kfuncscope.model.failure import Failure
from kfuncscope.model.verdict import Confidence, NeedKind, Reach
from kfuncscope.rules.context import Context
from kfuncscope.rules.problem import Message, Problem, Stage, say

MOST_TARGETS = 64  # functions of one name that are looked at
NOT_EXTENDED = frozenset({"TRACE_FENTRY", "TRACE_FEXIT", "TRACE_FSESSION"})

# A type as the kernel compares it: kind, size, and the name of the struct behind a pointer.
Shape = tuple[Kind, int, str]


class Target(NamedTuple):
    """A function of an object of the set that a program may replace; ``shape`` is its prototype, return type first."""

    object: str
    name: str
    static: bool
    prog_type: str
    attach_type: str
    shape: tuple[Shape, ...]


Targets = dict[str, list[Target]]


def wanted(objects: Iterable[BpfObject]) -> set[str]:
    """Names of the functions that programs of these objects replace."""
    return {p.section.target for o in objects for p in o.programs if p.section.prog_type == "EXT" and p.section.target}


def targets_in(obj: BpfObject, names: set[str]) -> list[Target]:
    """The functions of an object that have one of these names, once for each type of program that runs them."""
    found: dict[Target, None] = {}
    for program in obj.programs:
        for function in program.functions:
            if function.name in names:
                section = program.section
                found[Target(obj.name, function.name, function.static, section.prog_type, section.attach_type,
                             _shape_of(obj.btf, function))] = None  # fmt: skip
    return list(found)


def _shape_of(btf: Blob | None, function: Function) -> tuple[Shape, ...]:
    if btf is None or not function.proto:
        return ()
    params = btf.params(function.proto)
    return (_shape(btf, btf.ref(btf.ref(function.proto))), *(_shape(btf, p.type) for p in params))


def _shape(btf: Blob, type_id: int) -> Shape:
    bare = btf.skip(type_id)
    kind = Kind(btf.kind(bare))
    if kind == Kind.PTR:
        return kind, 0, btf.name(btf.skip(btf.ref(bare)))
    return kind, btf.size(bare) if kind == Kind.INT or kind in ENUMS else 0, ""


def candidates(ctx: Context, program: Program) -> list[Target]:
    """Functions of the set by the name that a program replaces."""
    return ctx.targets.get(program.section.target, [])[:MOST_TARGETS]


def fitting(ctx: Context, program: Program) -> list[Target]:
    """Those that the kernel lets the program replace."""
    return [t for t in candidates(ctx, program) if not _mismatch(ctx, program, t)]


def replace_problems(ctx: Context, program: Program) -> list[Problem]:
    """Why a program cannot replace the function that its section names, in any object of the set."""
    name = program.section.target
    if not name:
        return [_problem(program, say("the function to replace is set at run time"), certain=False)]
    found = candidates(ctx, program)
    if not found:
        message = say("the program replaces function {name} of another program, which was not given", name=name)
        return [_problem(program, message, certain=False)]
    reasons = [_mismatch(ctx, program, target) for target in found]
    if all(reasons):
        text = "the program cannot replace {name} of {object}: {reason}"
        return [_problem(program, say(text, name=name, object=found[0].object, reason=reasons[0]))]
    return []


def _problem(program: Program, message: Message, certain: bool = True) -> Problem:
    name = program.section.target or program.section.kind
    cls = Failure.ATTACH_TARGET_REJECTED if certain else Failure.FREPLACE_TARGET
    return Problem(NeedKind.HOOK, name, cls, ("R-2.5", "R-12.18"), message, certain=certain,
                   confidence=Confidence.HIGH if certain else Confidence.LOW)  # fmt: skip


def _mismatch(ctx: Context, program: Program, target: Target) -> str:
    """Why the kernel does not let a program replace this function; empty where it does."""
    if target.prog_type == "EXT":
        return "it is a replacement itself"
    if target.attach_type in NOT_EXTENDED:
        return "fentry and fexit programs cannot be replaced"
    if target.static:
        return "the function is static"
    mine = _shape_of(ctx.obj.btf, program.function)
    if not mine or not target.shape:
        return "one of the two objects has no BTF for its functions"
    if len(mine) != len(target.shape):
        return f"it takes {len(target.shape) - 1} arguments, but {program.name} takes {len(mine) - 1}"
    if mine[0][0] != target.shape[0][0]:
        return "they return different types"
    for number, (one, other) in enumerate(zip(mine[1:], target.shape[1:], strict=True), 1):
        if one != other:
            return f"argument {number} has a different type"
    return ""


def replace_attach_problems(kernel: Kernel, program: Program) -> list[Problem]:
    """A replacement is attached by a trampoline (R-5.1)."""
    if kernel.caps.trampoline and kernel.jit:
        return []
    message = say("{kernel} has no BPF trampolines on {arch}, so no function can be replaced", arch=kernel.arch)
    name, cls = program.section.target, Failure.ATTACH_FAILED
    return [Problem(NeedKind.HOOK, name, cls, ("R-5.1", "R-12.18"), message, Stage.ATTACH, Reach.ATTACH)]
