# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Capabilities of the JIT that programs ask for: sessions, exceptions, instructions, arguments, stack (R-12.3, R-5.1).

A capability that only makes programs faster (inlined per-CPU access, timed loops) is in no table.
"""

from __future__ import annotations

from collections.abc import Iterator

from kfuncscope.bpf.instructions import ATOMIC_DW, ATOMIC_W, CALL, FETCH, Insn, later_instruction
from kfuncscope.bpf.object import Function, Program
from kfuncscope.kernel.kernel import Kernel
from kfuncscope.knowledge.versions import Fact, first_with_instruction, since
from kfuncscope.model.failure import Failure
from kfuncscope.model.verdict import NeedKind
from kfuncscope.rules.context import Context, Resolved
from kfuncscope.rules.flow.stack import MOST_STACK, deepest
from kfuncscope.rules.hooks.struct_ops import uses
from kfuncscope.rules.problem import Problem, say

SESSIONS = frozenset({"TRACE_FSESSION", "TRACE_FSESSION_MULTI"})
THROW = "bpf_throw"
IN_REGISTERS = 5  # arguments that a BPF call passes in registers
ARENA_SUFFIXES = ("__arena", "__arena__nullable")
# Instructions that a JIT may lack while the interpreter has them, and the capability that tells.
INTERPRETED = {
    "sign-extending load": "cpuv4", "sign-extending move": "cpuv4", "gotol": "cpuv4", "bswap": "cpuv4",
    "signed division": "cpuv4",
}  # fmt: skip
# Program types whose stack the JIT may move out of the kernel's (bpf_enable_priv_stack).
PRIVATE_STACK = frozenset({"KPROBE", "TRACEPOINT", "PERF_EVENT", "RAW_TRACEPOINT", "TRACING"})
NESTED = frozenset({("sched_ext_ops", "dispatch"), ("sched_ext_ops", "sub_caps_updated")})

Place = tuple[Function, int]


def supports(kernel: Kernel, capability: str) -> bool:
    """Whether the JIT of a kernel has a capability, with the options that it asks for beside the JIT."""
    needed = kernel.caps.needs.get(capability, ())
    built = all(kernel.option(option.removeprefix("CONFIG_")) != "n" for option in needed)
    return kernel.jit and built and bool(getattr(kernel.caps, capability))


def jit_problems(ctx: Context, program: Program) -> list[Problem]:
    """What the JIT refuses: programs for what they are, and instructions and calls where they are reached.

    A kernel that does not know the attach type refuses the program for that alone (R-11.13).
    """
    kernel, found = ctx.kernel, []
    attach = program.section.attach_type
    known = not kernel.attach_types or f"BPF_{attach}" in kernel.attach_types
    if attach in SESSIONS and known and not supports(kernel, "fsession"):
        text = "the JIT of {arch} as {kernel} is built does not support fsession programs"
        found.append(_problem("fsession", text, kernel))
    calls = list(_calls(ctx, program))
    if not supports(kernel, "exceptions"):
        text = "the JIT of {arch} as {kernel} is built does not support exceptions (bpf_throw)"
        found += [_problem("exceptions", text, kernel, at) for one, at in calls if one.extern.lookup == THROW]
    found += _interpreted(ctx, program, bool(calls))
    for resolved, place in calls:
        found += _arguments(kernel, resolved, place)
    return found + _arena_callbacks(ctx, program) + _nested(ctx, program) + _stack(ctx, program)


def _calls(ctx: Context, program: Program) -> Iterator[tuple[Resolved, Place]]:
    """Calls of kfuncs that the kernel has."""
    for function in program.functions:
        for index, ref in function.refs.items():
            if ref.kind != "kfunc" or function.insns[index].op != CALL:
                continue
            resolved = ctx.extern(ref.name)
            if resolved is not None and resolved.status == "found":
                yield resolved, (function, index)


def _interpreted(ctx: Context, program: Program, kfuncs: bool) -> list[Problem]:
    """Instructions that the JIT lacks, in a program that the interpreter may not run.

    bpf_prog_select_runtime() leaves to the interpreter what the JIT gave up, unless the kernel is built without the
    interpreter or the program calls kfuncs.
    """
    kernel = ctx.kernel
    caps, always = kernel.caps, kernel.option("BPF_JIT_ALWAYS_ON") == "y"
    able = caps.cpuv4 and caps.atomic64 and caps.atomic_fetch
    dated = not any(kernel.version) or kernel.version >= first_with_instruction("atomic")
    if able or not kernel.jit or not dated or not (always or kfuncs):
        return []
    found = []
    why = "which has no interpreter" if always else "and the interpreter runs no program that calls kfuncs"
    text = "the JIT of {arch} does not support {name} instructions in {kernel}, {why}"
    for function in program.functions:
        for index, insn in enumerate(function.insns):
            if name := _lacking(kernel, insn):
                message = say(text, arch=kernel.arch, name=name, why=why)
                found.append(
                    Problem(NeedKind.INSN, name, Failure.INSN_UNSUPPORTED, ("R-12.3", "R-5.1"), message,
                            place=(function, index))
                )  # fmt: skip
    return found


def _lacking(kernel: Kernel, insn: Insn) -> str:
    """Name of an instruction that the interpreter has and this JIT does not; empty for others."""
    caps = kernel.caps
    if insn.op == ATOMIC_DW and not caps.atomic64:
        return "64-bit atomic"
    if insn.op in (ATOMIC_W, ATOMIC_DW) and insn.imm & FETCH and not caps.atomic_fetch:
        return "fetching atomic"
    name = later_instruction(insn)
    return name if name in INTERPRETED and not getattr(caps, INTERPRETED[name]) else ""


def _arguments(kernel: Kernel, resolved: Resolved, place: Place) -> list[Problem]:
    """kfuncs whose arguments ask the JIT for more: more than registers hold, or pointers into an arena."""
    name, blob = resolved.extern.lookup, resolved.blob
    assert blob is not None
    params = blob.params(blob.ref(resolved.type))
    if len(params) > IN_REGISTERS and not supports(kernel, "stack_args"):
        text = "{name} takes {count} arguments, and the JIT of {arch} in {kernel} passes only five"
        return [_problem("stack arguments", text, kernel, place, name=name, count=len(params))]
    if any(p.name.endswith(ARENA_SUFFIXES) for p in params) and not supports(kernel, "arena_args"):
        text = "{name} takes a pointer into an arena, which the JIT of {arch} in {kernel} does not pass to kfuncs"
        return [_problem("arena arguments", text, kernel, place, name=name)]
    return []


def _arena_callbacks(ctx: Context, program: Program) -> list[Problem]:
    """struct_ops members that get a pointer into an arena: the kernel's stub names the argument so."""
    kernel = ctx.kernel
    if program.section.prog_type != "STRUCT_OPS" or supports(kernel, "arena_args"):
        return []
    for ops, member in uses(ctx, program):
        for _, blob, func in kernel.functions(f"{ops.kernel_type}__{member.member.name}")[:1]:
            if any(p.name.endswith(ARENA_SUFFIXES) for p in blob.params(blob.ref(func))):
                text = "{name} gets a pointer into an arena, which the JIT of {arch} in {kernel} does not pass"
                name = f"{ops.kernel_type}.{member.member.name}"
                return [_problem("arena arguments", text, kernel, name=name)]
    return []


def _nested(ctx: Context, program: Program) -> list[Problem]:
    """Members of sched_ext_ops that run within each other where schedulers have sub-schedulers."""
    kernel = ctx.kernel
    if program.section.prog_type != "STRUCT_OPS" or supports(kernel, "private_stack"):
        return []
    if kernel.option("EXT_SUB_SCHED") != "y" or not since(Fact.NESTED_SCHEDULERS, kernel.version):
        return []
    for ops, member in uses(ctx, program):
        if (ops.kernel_type, member.member.name) in NESTED:
            text = "{name} needs a stack of its own, which the JIT of {arch} in {kernel} does not give it"
            return [_problem("private stack", text, kernel, name=f"{ops.kernel_type}.{member.member.name}")]
    return []


def _stack(ctx: Context, program: Program) -> list[Problem]:
    """Functions that call each other and together need more stack than there is (check_max_stack_depth).

    Where the JIT gives tracing programs a stack of their own, each function counts alone.
    """
    if len(program.functions) < 2:
        return []
    kernel = ctx.kernel
    private = supports(kernel, "private_stack") and program.section.prog_type in PRIVATE_STACK
    if private and program.section.attach_type != "TRACE_ITER":
        return []
    size, names = deepest(ctx.obj, program, ctx.reachable(program))
    if size <= MOST_STACK:
        return []
    text = "the stacks of {names} take {size} bytes together; {kernel} allows {most}"
    return [_problem("private stack", text, kernel, names=" → ".join(names), size=size, most=MOST_STACK)]


def _problem(capability: str, text: str, kernel: Kernel, place: Place | None = None, **fields: object) -> Problem:
    message = say(text, arch=kernel.arch, **fields)
    return Problem(NeedKind.JIT, capability, Failure.JIT_CAPABILITY, ("R-12.3", "R-5.1"), message, place=place)
