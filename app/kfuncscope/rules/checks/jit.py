# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Capabilities of the JIT that single program types and kfuncs ask for: sessions and exceptions (R-12.3, R-5.1)."""

from __future__ import annotations

from kfuncscope.bpf.instructions import CALL
from kfuncscope.bpf.object import Program
from kfuncscope.kernel.kernel import Kernel
from kfuncscope.model.failure import Failure
from kfuncscope.model.verdict import NeedKind
from kfuncscope.rules.context import Context
from kfuncscope.rules.problem import Problem, say

SESSIONS = frozenset({"TRACE_FSESSION", "TRACE_FSESSION_MULTI"})
THROW = "bpf_throw"


def supports(kernel: Kernel, capability: str) -> bool:
    """Whether the JIT of a kernel has a capability, with the options that it asks for beside the JIT."""
    needed = kernel.caps.needs.get(capability, ())
    built = all(kernel.option(option.removeprefix("CONFIG_")) != "n" for option in needed)
    return kernel.jit and built and bool(getattr(kernel.caps, capability))


def jit_problems(ctx: Context, program: Program) -> list[Problem]:
    """fsession programs, refused whatever they do, and calls of bpf_throw(), which count where they are reached.

    A kernel that does not know the attach type refuses the program for that alone (R-11.13).
    """
    kernel, found = ctx.kernel, []
    attach = program.section.attach_type
    known = not kernel.attach_types or f"BPF_{attach}" in kernel.attach_types
    if attach in SESSIONS and known and not supports(kernel, "fsession"):
        text = "the JIT of {arch} as {kernel} is built does not support fsession programs"
        found.append(_problem("fsession", text, kernel))
    if supports(kernel, "exceptions"):
        return found
    for function in program.functions:
        for index, ref in function.refs.items():
            if ref.kind == "kfunc" and function.insns[index].op == CALL and _throws(ctx, ref.name):
                text = "the JIT of {arch} as {kernel} is built does not support exceptions (bpf_throw)"
                found.append(_problem("exceptions", text, kernel, (function, index)))
    return found


def _throws(ctx: Context, name: str) -> bool:
    resolved = ctx.extern(name)
    return resolved is not None and resolved.status == "found" and resolved.extern.lookup == THROW


def _problem(name: str, text: str, kernel: Kernel, place: object = None) -> Problem:
    message = say(text, arch=kernel.arch)
    return Problem(NeedKind.JIT, name, Failure.JIT_CAPABILITY, ("R-12.3", "R-5.1"), message, place=place)  # type: ignore[arg-type]
