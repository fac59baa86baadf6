# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Which test keeps an instruction from running: the folded branch nearest before it, as source line (R-3.11)."""

from __future__ import annotations

from collections.abc import Sequence

from kfuncscope.bpf.instructions import CALL, CALLX, EXIT, GOTOX, JA, JA32, JMP, JMP32, LD_IMM64
from kfuncscope.bpf.object import Function, Program
from kfuncscope.rules.flow.reachability import Reachable


def successors(function: Function, at: int) -> Sequence[int]:
    """Every instruction that can follow one, tests not evaluated."""
    insn = function.insns[at]
    cls = insn.op & 7
    if insn.op == EXIT:
        return []
    if insn.op == GOTOX:
        return function.jump_targets
    if insn.op == JA:
        return [at + 1 + insn.off]
    if insn.op == JA32:
        return [at + 1 + insn.imm]
    if insn.op == LD_IMM64:
        return [at + 2]
    if cls in (JMP, JMP32) and insn.op not in (CALL, CALLX):
        return [at + 1, at + 1 + insn.off]
    return [at + 1]


def find_guard(flow: Reachable, program: Program, function: Function, index: int, depth: int = 0) -> str:
    """``file:line text`` of the test that keeps an instruction away; a plain word where no line is known."""
    key = (function.section, function.start)
    if key not in flow.reached:
        if key not in flow.call_guards:
            flow.call_guards[key] = _guard_of_call(flow, program, function, depth)
        return flow.call_guards[key]
    if key not in flow.guards:
        flow.guards[key] = _guards(flow, function)
    branch = flow.guards[key].get(index)
    return "code that no path reaches" if branch is None else describe(function, branch)


def _guards(flow: Reachable, function: Function) -> dict[int, int]:
    """For each instruction behind folded branches the nearest of them; one walk for the whole function."""
    key = (function.section, function.start)
    found: dict[int, int] = {}
    queue = []
    for branch, never in sorted((at, never) for (owner, at), never in flow.folded.items() if owner == key):
        if 0 <= never < len(function.insns) and never not in found:
            found[never] = branch
            queue.append(never)
    for place in queue:
        for following in successors(function, place):
            if 0 <= following < len(function.insns) and following not in found:
                found[following] = found[place]
                queue.append(following)
    return found


def _guard_of_call(flow: Reachable, program: Program, function: Function, depth: int) -> str:
    """A function that is never called: what keeps its calls away."""
    if depth > 8:
        return "a function that is never called"
    for caller in program.functions:
        for at, insn in enumerate(caller.insns):
            if insn.op not in (CALL, LD_IMM64) or flow.obj.callee(caller, at) is not function or caller is function:
                continue
            if not flow.is_reached(caller, at):
                return find_guard(flow, program, caller, at, depth + 1)
    return "a function that is never called"


def describe(function: Function, index: int) -> str:
    """``file:line text`` of an instruction."""
    line = function.line_at(index)
    if line is None:
        return f"the test at instruction {index} of {function.name}"
    return f"{line.file.rsplit('/', 1)[-1]}:{line.line} {line.text.strip()}".strip()
