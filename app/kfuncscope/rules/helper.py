# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Helper calls and the instruction set on one kernel (R-6.1..R-6.4, R-11.2..R-11.4, R-11.14)."""

from __future__ import annotations

from kfuncscope.bpf.instructions import LATER_OPS, required_release
from kfuncscope.bpf.object import Program
from kfuncscope.kernel.helpers import HelperCaller, helper_allowed
from kfuncscope.rules.context import Context
from kfuncscope.rules.problem import Problem
from kfuncscope.rules.verdict import Confidence, NeedKind


def helper_problems(ctx: Context, program: Program, callers: list[HelperCaller]) -> list[Problem]:
    """Helpers that the kernel lacks or does not give to this program; each counts where it is reached."""
    found = []
    for number, places in sorted(program.helper_calls.items()):
        problem = _judge(ctx, number, callers)
        if problem is not None:
            cls, rules, message, certain, confidence, name = problem
            for position, index in places:
                place = (program.functions[position], index)
                found.append(
                    Problem(
                        NeedKind.HELPER, name, cls, rules, message, certain=certain, confidence=confidence, place=place
                    )
                )
    return found


Judged = tuple[str, tuple[str, ...], str, bool, Confidence, str]


def _judge(ctx: Context, number: int, callers: list[HelperCaller]) -> Judged | None:
    kernel = ctx.kernel
    name = kernel.helpers.get(number)
    cls = "helper_unknown_or_not_allowed"
    if name is None:
        if not kernel.helpers:
            return None
        return cls, ("R-6.1",), f"this kernel has no helper number {number}", True, Confidence.HIGH, f"#{number}"
    full = f"bpf_{name}"
    if number == 0:
        return cls, ("R-6.1",), "helper number 0 cannot be called", True, Confidence.HIGH, "#0"
    answers = [helper_allowed(kernel.knowledge, name, caller) for caller in callers]
    if answers and all(a.gpl_only for a in answers) and not ctx.obj.gpl:
        message = f"{full} may only be called from GPL compatible programs"
        return "licence", ("R-6.4",), message, True, Confidence.HIGH, full
    if not answers or any(a.allowed == "yes" for a in answers):
        return None
    answer = next((a for a in answers if a.allowed == "unknown"), answers[0])
    if answer.allowed == "unknown" or kernel.outdated:
        return None  # as nearly every helper of every program is allowed, doubt is no reason to call one broken
    return cls, (answer.rule,), f"{full}: {answer.reason}", True, Confidence.HIGH, full


def instruction_problems(ctx: Context, program: Program) -> list[Problem]:
    """Instructions that the release, or the JIT, does not know; dead ones count too (R-11.14)."""
    kernel = ctx.kernel
    found: dict[str, Problem] = {}
    for position, index, name, release in new_instructions(program):
        function = program.functions[position]
        if name in found:
            continue
        if kernel.version != (0, 0) and kernel.version < release:
            since = f"{release[0]}.{release[1]}"
            message = f"{name} instructions are known from {since} on"
            found[name] = Problem(NeedKind.INSN, name, "insn_unsupported", ("R-11.14",), message)
        elif "acquire" in name and kernel.jit and not kernel.caps.load_acquire_store_release:
            message = f"the JIT of {kernel.arch} does not know {name} instructions"
            found[name] = Problem(NeedKind.INSN, name, "insn_unsupported", ("R-5.1",), message, place=(function, index))
    return list(found.values())


def new_instructions(program: Program) -> list[tuple[int, int, str, tuple[int, int]]]:
    """Instructions newer than 6.1: (position of the function, index, name, first release); once per program."""
    if program.new_insns is None:
        program.new_insns = [
            (position, index, *need)
            for position, function in enumerate(program.functions)
            for index, insn in enumerate(function.insns)
            if insn.op in LATER_OPS and (need := required_release(insn)) is not None
        ]
    rows: list[tuple[int, int, str, tuple[int, int]]] = program.new_insns
    return rows
