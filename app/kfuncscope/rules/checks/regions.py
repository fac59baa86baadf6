# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Calls where a program holds a lock or may not be interrupted: what may sleep, bpf_throw() and global functions
(R-4.5, R-12.3, R-12.24).

A region lasts from its first call to its last one. An instruction counts as inside where every path to it is.
"""

from __future__ import annotations

from kfuncscope.bpf.instructions import CALL, PSEUDO_CALL
from kfuncscope.bpf.object import Function, Program
from kfuncscope.knowledge.helpers import HelperCaller
from kfuncscope.knowledge.versions import Fact, since
from kfuncscope.model.failure import Failure
from kfuncscope.model.verdict import NeedKind
from kfuncscope.rules.checks.helper import sleeps
from kfuncscope.rules.context import Context
from kfuncscope.rules.flow.guard import successors
from kfuncscope.rules.flow.reachability import Reachable
from kfuncscope.rules.hooks.sleep import may_sleep
from kfuncscope.rules.problem import Problem, say

RCU, LOCK = "an RCU read section", "a lock"
PREEMPT, IRQ = "a section without preemption", "a section without interrupts"
REGIONS = (RCU, LOCK, PREEMPT, IRQ)  # promises keep them by their places
KFUNCS = {
    "bpf_rcu_read_lock": (RCU, True), "bpf_rcu_read_unlock": (RCU, False),
    "bpf_preempt_disable": (PREEMPT, True), "bpf_preempt_enable": (PREEMPT, False),
    "bpf_local_irq_save": (IRQ, True), "bpf_local_irq_restore": (IRQ, False),
}  # fmt: skip
HELPERS = {93: (LOCK, True), 94: (LOCK, False)}  # bpf_spin_lock, bpf_spin_unlock
THROW = "bpf_throw"
Held = frozenset[str]


def region_problems(ctx: Context, program: Program, callers: list[HelperCaller]) -> list[Problem]:
    """Calls inside a region that the verifier does not allow there; each counts where it is reached.

    A program that cannot sleep at all is refused for that alone.
    """
    found = []
    for function, index, region in guarded_calls(ctx, program):
        if (name := _global(ctx, function, index)) and _closed(ctx, region):
            message = say("{name} is a global function, but the program calls it in {region}", name=name, region=region)
            found.append(Problem(NeedKind.OBJECT, name, Failure.GLOBAL_CALL, ("R-12.24",), message,
                                 place=(function, index)))  # fmt: skip
            continue
        what = _call(ctx, program, function, index, callers)
        if what is not None:
            kind, name, does = what
            message = say("{name} {does}, but the program calls it in {region}", name=name, does=does, region=region)
            cited = ("R-12.3",) if name == THROW else ("R-4.5", "R-6.2")
            code = Failure.KFUNC_NOT_ALLOWED if kind == NeedKind.KFUNC else Failure.HELPER_NOT_AVAILABLE
            found.append(Problem(kind, name, code, cited, message, place=(function, index)))
    return found


def _global(ctx: Context, function: Function, index: int) -> str:
    """The name of the global function that an instruction calls; empty where it does not."""
    insn = function.insns[index]
    callee = ctx.obj.callee(function, index) if insn.op == CALL and insn.src == PSEUDO_CALL else None
    return callee.name if callee is not None and not callee.static else ""


def _closed(ctx: Context, region: str) -> bool:
    """Whether a kernel lets no global function be called in a region (check_func_call)."""
    return region == LOCK or (region == PREEMPT and since(Fact.GLOBAL_CALLS, ctx.kernel.version) is False)


def guarded_calls(ctx: Context, program: Program) -> list[tuple[Function, int, str]]:
    """Every reached call inside a region as (function, instruction, the first of its regions)."""
    if program.regions is not None:
        return [(program.function, index, region) for index, region in program.regions.items()]
    found = []
    for function in program.functions:
        effects = _effects(ctx, function)
        if any(opens for _, opens in effects.values()):
            inside = held(function, effects, ctx.reachable(program))
            found += [(function, at, sorted(r)[0]) for at, r in inside.items() if r and function.insns[at].op == CALL]
    return found


def region_of(ctx: Context, program: Program) -> dict[tuple[int, int], str]:
    """The region of each call that has one, by place of the function and instruction.

    That of bpf_throw() outside of the main function is left out, as nothing is asked there.
    """
    places = {id(function): at for at, function in enumerate(program.functions)}
    return {
        (places[id(function)], index): region
        for function, index, region in guarded_calls(ctx, program)
        if function is program.function or not _throws(ctx, function, index)
    }


def _throws(ctx: Context, function: Function, index: int) -> bool:
    ref = function.refs.get(index)
    extern = ctx.obj.externs.get(ref.name) if ref is not None and ref.kind == "kfunc" else None
    return extern is not None and extern.lookup == THROW


def _call(
    ctx: Context, program: Program, function: Function, index: int, callers: list[HelperCaller]
) -> tuple[NeedKind, str, str] | None:
    """Kind, name and trouble of a call that no region allows; None for any other instruction."""
    insn, ref = function.insns[index], function.refs.get(index)
    if insn.op != CALL:
        return None
    if ref is not None:
        resolved = ctx.extern(ref.name) if ref.kind == "kfunc" else None
        if resolved is None or resolved.status != "found":
            return None
        if resolved.extern.lookup == THROW:
            if function is not program.function:
                return None  # 6.12 looks at what is held in the main function alone
            return NeedKind.KFUNC, THROW, "ends the program"
        if program.section.sleepable and resolved.kfunc is not None and may_sleep(ctx.kernel, resolved.kfunc):
            return NeedKind.KFUNC, resolved.extern.lookup, "may sleep"
        return None
    name = ctx.kernel.helpers.get(insn.imm) if insn.src == 0 and program.section.sleepable else None
    if name is None or not sleeps(ctx.kernel, name, callers):
        return None
    return NeedKind.HELPER, f"bpf_{name}", "may sleep"


def _effects(ctx: Context, function: Function) -> dict[int, tuple[str, bool]]:
    """Instruction → the region that it begins (True) or ends."""
    found = {}
    for index, insn in enumerate(function.insns):
        if insn.op != CALL:
            continue
        ref = function.refs.get(index)
        if ref is None:
            effect = HELPERS.get(insn.imm) if insn.src == 0 else None
        else:
            extern = ctx.obj.externs.get(ref.name) if ref.kind == "kfunc" else None
            effect = KFUNCS.get(extern.lookup) if extern is not None else None
        if effect is not None:
            found[index] = effect
    return found


def held(function: Function, effects: dict[int, tuple[str, bool]], reach: Reachable) -> dict[int, Held]:
    """For each reached instruction the regions in which it is on every path."""
    states: dict[int, Held] = {0: frozenset()}
    work = [0]
    while work:
        at = work.pop()
        after = states[at]
        if at in effects:
            region, opens = effects[at]
            after = after | {region} if opens else after - {region}
        for target in successors(function, at):
            if not 0 <= target < len(function.insns) or not reach.is_reached(function, target):
                continue
            known = states.get(target)
            joined = after if known is None else known & after
            if joined != known:
                states[target] = joined
                work.append(target)
    return states
