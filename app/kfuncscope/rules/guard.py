# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Which test keeps an instruction from running: the folded branch nearest before it, as source line (R-3.11)."""

from __future__ import annotations

from kfuncscope.bpf.instructions import CALL, CALLX, EXIT, JA, JA32, JMP, JMP32, LD_IMM64, Insn
from kfuncscope.bpf.object import Function, Program
from kfuncscope.rules.reach import Reach

MAX_BACK = 100_000


def successors(insns: list[Insn], at: int) -> list[int]:
    """Every instruction that can follow one, tests not evaluated."""
    insn = insns[at]
    cls = insn.op & 7
    if insn.op == EXIT:
        return []
    if insn.op == JA:
        return [at + 1 + insn.off]
    if insn.op == JA32:
        return [at + 1 + insn.imm]
    if insn.op == LD_IMM64:
        return [at + 2]
    if cls in (JMP, JMP32) and insn.op not in (CALL, CALLX):
        return [at + 1, at + 1 + insn.off]
    return [at + 1]


def find_guard(reach: Reach, program: Program, function: Function, index: int, depth: int = 0) -> str:
    """``file:line text`` of the test that keeps an instruction away; a plain word where no line is known."""
    key = (function.section, function.start)
    if key not in reach.reached:
        return _guard_of_call(reach, program, function, depth)
    before: dict[int, list[int]] = {}
    for at in range(len(function.insns)):
        for target in successors(function.insns, at):
            before.setdefault(target, []).append(at)
    seen, queue = {index}, [index]
    for place in queue:
        for earlier in before.get(place, []):
            if reach.folded.get((key, earlier)) == place:
                return describe(function, earlier)
            if earlier not in seen and len(seen) < MAX_BACK:
                seen.add(earlier)
                queue.append(earlier)
    return "code that no path reaches"


def _guard_of_call(reach: Reach, program: Program, function: Function, depth: int) -> str:
    """A function that is never called: what keeps its calls away."""
    if depth > 8:
        return "a function that is never called"
    for caller in program.functions:
        for at, insn in enumerate(caller.insns):
            if insn.op not in (CALL, LD_IMM64) or reach.obj.callee(caller, at) is not function or caller is function:
                continue
            if not reach.is_reached(caller, at):
                return find_guard(reach, program, caller, at, depth + 1)
    return "a function that is never called"


def describe(function: Function, index: int) -> str:
    """``file:line text`` of an instruction."""
    line = function.line_at(index)
    if line is None:
        return f"the test at instruction {index} of {function.name}"
    return f"{line.file.rsplit('/', 1)[-1]}:{line.line} {line.text.strip()}".strip()
