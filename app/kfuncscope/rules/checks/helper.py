# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Helper calls and the instruction set on one kernel (R-6.1..R-6.4, R-11.2..R-11.4, R-11.14)."""

from __future__ import annotations

from typing import NamedTuple

from kfuncscope.bpf.object import Function, Program
from kfuncscope.kernel.kernel import Kernel
from kfuncscope.knowledge.facts import HelperAnswer
from kfuncscope.knowledge.helpers import HelperCaller, helper_allowed
from kfuncscope.knowledge.knowledge import Knowledge
from kfuncscope.knowledge.versions import first_with_instruction
from kfuncscope.model.failure import Failure
from kfuncscope.model.verdict import Confidence, NeedKind
from kfuncscope.rules.context import Context
from kfuncscope.rules.hooks.sleep import awake
from kfuncscope.rules.problem import Message, Problem, Stage, say

# Instructions that not every JIT knows, and the capability that tells.
JIT_CAPS = {
    "load-acquire or store-release": "load_acquire_store_release",
    "byte or half-word atomic or load-acquire": "load_acquire_store_release", "gotox": "indirect_jump",
    "stack argument": "stack_args",
}  # fmt: skip

AWAKE = "a non-sleepable context"
NOT_KNOWN = "; for {kernel} this is not known"  # ends what levels with tables tell differently


class _Fault(NamedTuple):
    """Why a helper cannot be called; ``awake`` only where the program cannot sleep.

    ``disputed``: levels that speak for this kernel do not agree, so that nobody knows (R-12.22).
    """

    failure: Failure
    rule: str
    said: Message
    name: str
    awake: bool = False
    disputed: bool = False


def helper_problems(ctx: Context, program: Program, callers: list[HelperCaller]) -> list[Problem]:
    """Helpers that the kernel lacks or does not give to this program; each counts where it is reached."""
    found = []
    for number, places in sorted(program.helper_calls.items()):
        fault = _judge(ctx, number, callers)
        if fault is None:
            continue
        inside = awake(ctx.obj, program) if fault.awake else set()
        for position, index in places:
            function = program.functions[position]
            if fault.awake and (function.section, function.start) not in inside:
                continue
            place = (function, index)
            found.append(_problem(fault, place))
    return found


def _problem(fault: _Fault, place: tuple[Function, int]) -> Problem:
    if not fault.disputed:
        return Problem(NeedKind.HELPER, fault.name, fault.failure, (fault.rule,), fault.said, place=place)
    rules = (fault.rule, "R-12.22")
    return Problem(NeedKind.HELPER, fault.name, Failure.NONE, rules, fault.said, Stage.NOTE,
                   confidence=Confidence.LOW, certain=False, place=place)  # fmt: skip


def _judge(ctx: Context, number: int, callers: list[HelperCaller]) -> _Fault | None:
    kernel = ctx.kernel
    name = kernel.helpers.get(number)
    cls = Failure.HELPER_NOT_AVAILABLE
    if name is None:
        if not kernel.helpers:
            return None
        return _Fault(cls, "R-6.1", say("{kernel} has no helper {number}", number=number), f"#{number}")
    full = f"bpf_{name}"
    if number == 0:
        return _Fault(cls, "R-6.1", say("helper 0 cannot be called"), "#0")
    answers = _answers(kernel.knowledge, name, callers)
    if answers and all(a.gpl_only for a in answers) and not ctx.obj.gpl:
        said = say("{name} may be called by GPL-compatible programs only", name=full)
        return _Fault(Failure.LICENCE, "R-6.4", said, full)
    given = [a for a in answers if a.allowed == "yes"]
    if sleeps(kernel, name, callers):
        said = say("{name} may sleep, but this program runs in {region}", name=full, region=AWAKE)
        return _Fault(cls, "R-6.2", said, full, awake=True)
    seen = _seen(kernel, name, callers)
    if seen is False:
        refused = next((a for a in answers if a.allowed == "no"), None)
        said = say("{kernel} refused {name} to such a program when it was probed", name=full)
        if refused is not None:
            said = say("{name}: {reason}", name=full, reason=refused.reason)
        return _Fault(cls, refused.rule if refused else "R-6.2", said, full)
    if not answers or seen:
        return None
    against = [tables.release for tables in kernel.knowledge.others if _given(tables, name, callers) is not bool(given)]
    if given:
        if not against or seen:
            return None
        text = "{name} is given in Linux {level}, not in {others}" + NOT_KNOWN
        said = say(text, name=full, level=kernel.knowledge.release, others=" and ".join(against))
        return _Fault(cls, given[0].rule, said, full, disputed=True)
    answer = next((a for a in answers if a.allowed == "unknown"), answers[0])
    if answer.allowed == "unknown":
        return None  # as nearly every helper of every program is allowed, doubt is no reason to call one broken
    said = say("{name}: {reason}", name=full, reason=answer.reason)
    if against or kernel.outdated:
        text = "{name}: {reason} in Linux {level}" + (", not in {others}" if against else "") + NOT_KNOWN
        said = say(text, name=full, reason=answer.reason, level=kernel.knowledge.release, others=" and ".join(against))
        return _Fault(cls, answer.rule, said, full, disputed=True)
    return _Fault(cls, answer.rule, said, full)


def sleeps(kernel: Kernel, name: str, callers: list[HelperCaller]) -> bool:
    """Whether a helper, in the form that these callers get, may sleep."""
    given = [a for a in _answers(kernel.knowledge, name, callers) if a.allowed == "yes"]
    return bool(given) and all(a.might_sleep for a in given)


def _seen(kernel: Kernel, name: str, callers: list[HelperCaller]) -> bool | None:
    """Whether the booted kernel let one of the callers have the helper; None where it was not asked about all."""
    if kernel.features is not None:
        said = [kernel.features.may_call(name, c.prog_type, c.attach_type, c.sleepable) for c in callers]
        if said and None not in said:
            return any(said)
    if kernel.probed is None:
        return None
    told = [kernel.probed.may_call_helper(name, c.prog_type, c.attach_type, c.sleepable) for c in callers]
    return None if not told or None in told else any(told)


def _answers(tables: Knowledge, name: str, callers: list[HelperCaller]) -> list[HelperAnswer]:
    return [helper_allowed(tables, name, caller) for caller in callers]


def _given(tables: Knowledge, name: str, callers: list[HelperCaller]) -> bool:
    """Whether a level gives the helper, or may, to any of the callers."""
    return any(answer.allowed != "no" for answer in _answers(tables, name, callers))


def instruction_problems(ctx: Context, program: Program) -> list[Problem]:
    """Instructions that the release, or the JIT, does not know; dead ones count too (R-11.14)."""
    kernel = ctx.kernel
    found: dict[str, Problem] = {}
    for position, index, name in program.later_instructions:
        function = program.functions[position]
        if name in found:
            continue
        first = first_with_instruction(name)
        seen = kernel.probed.has_instruction(name) if kernel.probed is not None else None
        if seen:
            continue
        if seen is False:
            message = say("{kernel} refused {name} instructions when it was probed", name=name)
            found[name] = Problem(NeedKind.INSN, name, Failure.INSN_UNSUPPORTED, ("R-11.14",), message)
        elif any(kernel.version) and kernel.version < first:
            release = ".".join(map(str, first))
            message = say("{name} instructions need Linux {release} or newer", name=name, release=release)
            found[name] = Problem(NeedKind.INSN, name, Failure.INSN_UNSUPPORTED, ("R-11.14",), message)
        elif name in JIT_CAPS and kernel.jit and not getattr(kernel.caps, JIT_CAPS[name]):
            message = say(
                "the JIT of {kernel} ({arch}) does not support {name} instructions", arch=kernel.arch, name=name
            )
            cls, place = Failure.INSN_UNSUPPORTED, (function, index)
            found[name] = Problem(NeedKind.INSN, name, cls, ("R-5.1",), message, place=place)
    return list(found.values())
