# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Calls where a program holds a lock or may not be interrupted: what may sleep, bpf_throw() and global functions
(R-4.5, R-12.3, R-12.24). Kernel pointers from maps that are passed on where RCU protects them no more (R-12.31).

A region lasts from its first call to its last one, and through the static subprograms called within it. An instruction
counts as inside where every path to it through its function is.
"""

from __future__ import annotations

from kfuncscope.bpf.instructions import CALL, EXIT, PSEUDO_CALL
from kfuncscope.bpf.object import Function, Program
from kfuncscope.knowledge.helpers import HelperCaller
from kfuncscope.knowledge.versions import Fact, since
from kfuncscope.model.failure import Failure
from kfuncscope.model.verdict import Confidence, NeedKind
from kfuncscope.rules.checks.helper import sleeps
from kfuncscope.rules.context import Context
from kfuncscope.rules.flow.guard import successors
from kfuncscope.rules.flow.protected import ProtectedReach, Protection
from kfuncscope.rules.flow.reachability import Reachable
from kfuncscope.rules.hooks.sleep import may_sleep
from kfuncscope.rules.problem import Problem, Stage, say

RCU, LOCK = "an RCU read section", "a lock"
PREEMPT, IRQ = "a section without preemption", "a section without interrupts"
_INNER = {region: f"{region}, outside of its main function" for region in (RCU, LOCK, PREEMPT, IRQ)}
REGIONS = (RCU, LOCK, PREEMPT, IRQ, *_INNER.values())  # promises keep them by their places
KFUNCS = {
    "bpf_rcu_read_lock": (RCU, True), "bpf_rcu_read_unlock": (RCU, False),
    "bpf_preempt_disable": (PREEMPT, True), "bpf_preempt_enable": (PREEMPT, False),
    "bpf_local_irq_save": (IRQ, True), "bpf_local_irq_restore": (IRQ, False),
}  # fmt: skip
HELPERS = {93: (LOCK, True), 94: (LOCK, False)}  # bpf_spin_lock, bpf_spin_unlock
THROW, IN_SUBPROGRAM = "bpf_throw", "throw_in_subprogram"
Held = frozenset[str]
KF_RCU = 1 << 7


def region_problems(ctx: Context, program: Program, callers: list[HelperCaller]) -> list[Problem]:
    """Calls inside a region that the verifier does not allow there; each counts where it is reached.

    A program that cannot sleep at all is refused for that alone.
    """
    found = []
    for function, index, region in guarded_calls(ctx, program):
        if (callee := _callee(ctx, function, index)) is not None and _closed(ctx, region, callee.static):
            text = "{name} is a {scope} function, but the program calls it in {region}"
            message = say(text, name=callee.name, scope="static" if callee.static else "global", region=region)
            found.append(Problem(NeedKind.OBJECT, callee.name, Failure.GLOBAL_CALL, ("R-12.24",), message,
                                 place=(function, index)))  # fmt: skip
            continue
        what = _call(ctx, program, function, index, callers)
        if what is None:
            continue
        kind, name, does = what
        text = "{name} {does}, but the program calls it in {region}"
        message = say(text, name=name, does=does, region=region)
        place = (function, index)
        if name == THROW and region in _INNER.values() and region != _INNER[LOCK]:  # under a lock nothing is called
            told = {tables.makes(IN_SUBPROGRAM) for tables in (ctx.kernel.knowledge, *ctx.kernel.knowledge.others)}
            if True not in told:
                continue  # such a verifier looks at what is held in the main function alone
            if len(told) > 1:
                message = say(text + ", which some of Linux {levels} refuse", name=name, does=does, region=region,
                              levels=ctx.kernel.knowledge.told_by)  # fmt: skip
                found.append(Problem(kind, name, Failure.NONE, ("R-12.3", "R-12.22"), message, Stage.NOTE,
                                     confidence=Confidence.LOW, certain=False, place=place))  # fmt: skip
                continue
        cited = ("R-12.3",) if name == THROW else ("R-4.5", "R-6.2")
        code = Failure.KFUNC_NOT_ALLOWED if kind == NeedKind.KFUNC else Failure.HELPER_NOT_AVAILABLE
        found.append(Problem(kind, name, code, cited, message, place=place))
    return found


def _callee(ctx: Context, function: Function, index: int) -> Function | None:
    """The function of the object that an instruction calls."""
    insn = function.insns[index]
    return ctx.obj.callee(function, index) if insn.op == CALL and insn.src == PSEUDO_CALL else None


def _closed(ctx: Context, region: str, static: bool) -> bool:
    """Whether a kernel lets no such function be called in a region (check_func_call, do_check)."""
    if static:
        return region == LOCK and since(Fact.LOCKED_CALLS, ctx.kernel.version) is False
    return region == LOCK or (region == PREEMPT and since(Fact.GLOBAL_CALLS, ctx.kernel.version) is False)


def guarded_calls(ctx: Context, program: Program) -> list[tuple[Function, int, str]]:
    """Every reached call inside a region as (function, instruction, the first of its regions)."""
    if program.regions is not None:
        return [(program.function, index, region) for index, region in program.regions.items()]
    effects = [_effects(ctx, function) for function in program.functions]
    if not any(opens for one in effects for _, opens in one.values()):
        return []
    found = []
    for function, inside in zip(program.functions, _states(ctx, program, effects), strict=True):
        for at, regions in inside.items():
            if regions and function.insns[at].op == CALL:
                region = sorted(regions)[0]
                inner = function is not program.function and _throws(ctx, function, at)
                found.append((function, at, _INNER[region] if inner else region))
    return found


def _states(ctx: Context, program: Program, effects: list[dict[int, tuple[str, bool]]]) -> list[dict[int, Held]]:
    """For each function of the program, ``held`` of its instructions: a static subprogram begins with what is held at
    any of its calls."""
    reach, functions = ctx.reachable(program), program.functions
    numbers = {id(function): number for number, function in enumerate(functions)}
    calls = [
        {at: numbers[id(callee)] for at, insn in enumerate(function.insns)
         if insn.op == CALL and insn.src == PSEUDO_CALL
         and (callee := ctx.obj.callee(function, at)) is not None and callee.static and id(callee) in numbers}
        for function in functions
    ]  # fmt: skip
    for _ in functions:  # calls nest no deeper; the verifier allows no recursion
        earlier = [dict(one) for one in effects]
        for caller, targets in enumerate(calls):
            for at, called in targets.items():
                # What a subprogram ends is not held when it returns, what it leaves open on every path is.
                ended = sorted({region for region, opens in effects[called].values() if not opens})
                left = ended or sorted(_left_open(functions[called], effects[called], reach))
                if left:
                    effects[caller].setdefault(at, (left[0], not ended))
        if effects == earlier:
            break
    entered: list[Held] = [frozenset()] * len(functions)
    found = [held(function, effects[n], reach) for n, function in enumerate(functions)]
    for _ in functions:
        before = list(entered)
        for caller, inside in enumerate(found):
            for at, called in calls[caller].items():
                entered[called] |= inside.get(at, frozenset())
        if entered == before:
            break
        found = [held(function, effects[n], reach, entered[n]) for n, function in enumerate(functions)]
    return found


def _left_open(function: Function, effects: dict[int, tuple[str, bool]], reach: Reachable) -> Held:
    inside = held(function, effects, reach)
    exits = [regions for at, regions in inside.items() if function.insns[at].op == EXIT]
    return frozenset.intersection(*exits) if exits else frozenset()


def region_of(ctx: Context, program: Program) -> dict[tuple[int, int], str]:
    """The region of each call that has one, by place of the function and instruction."""
    places = {id(function): at for at, function in enumerate(program.functions)}
    return {(places[id(function)], index): region for function, index, region in guarded_calls(ctx, program)}


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


def held(
    function: Function, effects: dict[int, tuple[str, bool]], reach: Reachable, entered: Held = frozenset()
) -> dict[int, Held]:
    """For each reached instruction the regions in which it is on every path from an entry inside ``entered``."""
    states: dict[int, Held] = {0: entered}
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


def protection_problems(ctx: Context, program: Program) -> list[Problem]:
    """R-12.31: kfuncs that want a pointer under RCU, and get one from a map whose protection ended or never began."""
    if program.regions is not None:
        return []  # of a promise, which does not keep where pointers go
    asks = frozenset(
        name for name, extern in ctx.obj.externs.items() if extern.kind == "kfunc" and _wants_rcu(ctx, name)
    )
    used = {ref.name for function in program.functions for ref in function.refs.values()}
    effects = [_effects(ctx, function) for function in program.functions] if asks & used else []
    if not any(effects) or ctx.kernel.version < (6, 12):
        return []
    inside = _states(ctx, program, effects)
    if any(
        opens and region in inside[n].get(at, ())
        for n, one in enumerate(effects)
        for at, (region, opens) in one.items()
    ):
        return []  # nested: how often is not followed
    numbers = {(f.section, f.start): n for n, f in enumerate(program.functions)}
    quiet = since(Fact.QUIET_PROTECTS, ctx.kernel.version) is True
    unlock_ends = bool(ctx.kernel.functions("invalidate_rcu_protected_refs", "vmlinux"))

    def protects(regions: Held) -> bool:
        held_quiet = quiet and bool(regions & {PREEMPT, IRQ})
        return not program.section.sleepable or bool(regions & {RCU, LOCK}) or held_quiet

    def at(function: Function, index: int) -> bool:
        return protects(inside[numbers[function.section, function.start]].get(index, frozenset()))

    def ends(function: Function, index: int) -> bool:
        number = numbers[function.section, function.start]
        region, opens = effects[number].get(index, ("", True))
        left = protects(inside[number].get(index, frozenset()) - {region})
        if opens or (region == RCU and not quiet):
            return not opens
        return not left and (quiet or (region == LOCK and unlock_ends))

    found = []
    for function, index in ProtectedReach(ctx.obj, program.function, ctx, Protection(at, ends, asks)).lost.values():
        name = function.refs[index].name
        text = (
            "{name} takes a pointer that RCU protects, but in {kernel} nothing protects the one from the map any more"
        )
        found.append(Problem(NeedKind.KFUNC, name, Failure.KFUNC_NOT_ALLOWED, ("R-12.31",), say(text, name=name),
                             place=(function, index), confidence=Confidence.MEDIUM))  # fmt: skip
    return found


def _wants_rcu(ctx: Context, name: str) -> bool:
    resolved = ctx.extern(name)
    kfunc = resolved.kfunc if resolved is not None else None
    return kfunc is not None and bool((kfunc.flags or 0) & KF_RCU)
