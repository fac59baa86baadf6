# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""kfunc calls and ksym variables on one kernel (R-2.8..R-2.12, R-3.12, R-4.1..R-4.3, R-11.9..R-11.12)."""

from __future__ import annotations

from dataclasses import replace

from kfuncscope.bpf.instructions import CALL, LD_IMM64
from kfuncscope.bpf.object import Function, Program
from kfuncscope.kernel.kfuncs import Kfunc
from kfuncscope.knowledge.kfunc_filters import Caller
from kfuncscope.knowledge.versions import Fact, since
from kfuncscope.model.failure import Failure
from kfuncscope.model.verdict import Confidence, NeedKind, Reach
from kfuncscope.rules.checks.in_module import Unseen, unseen
from kfuncscope.rules.context import Context, Resolved
from kfuncscope.rules.hooks.sleep import awake, may_sleep
from kfuncscope.rules.problem import Message, Problem, Stage, say


def kfunc_problems(ctx: Context, program: Program, callers: list[Caller]) -> tuple[list[Problem], list[Problem]]:
    """(unconditional, to be weighed by reachability) problems of every kfunc call and ksym of a program."""
    always: list[Problem] = []
    placed: list[Problem] = []
    seen: dict[str, tuple[list[Problem], list[Problem]]] = {}
    inside: set[tuple[str, int]] | None = None
    for function in program.functions:
        for index, ref in function.refs.items():
            if ref.kind not in ("kfunc", "ksym"):
                continue
            resolved = ctx.extern(ref.name)
            if resolved is None:
                continue
            op = function.insns[index].op
            if ref.kind == "ksym":
                always += _variable(ctx, resolved, (function, index))
            elif op == CALL:
                if ref.name not in seen:
                    seen[ref.name] = _call(ctx, resolved, callers)
                always += seen[ref.name][0]
                placed += [replace(p, place=(function, index)) for p in seen[ref.name][1]]
                if resolved.kfunc is not None and may_sleep(ctx.kernel, resolved.kfunc):
                    inside = awake(ctx.obj, program) if inside is None else inside
                    if (function.section, function.start) in inside:
                        placed.append(replace(_sleeps(resolved), place=(function, index)))
            elif op == LD_IMM64:
                always += _address(ctx, resolved, (function, index))
    return always, placed


def _sleeps(resolved: Resolved) -> Problem:
    name = resolved.extern.lookup
    message = say("{name} may sleep, but this program runs in a non-sleepable context", name=name)
    return Problem(NeedKind.KFUNC, name, Failure.KFUNC_NOT_ALLOWED, ("R-4.5",), message)


def _call(ctx: Context, resolved: Resolved, callers: list[Caller]) -> tuple[list[Problem], list[Problem]]:
    extern, kernel = resolved.extern, ctx.kernel
    name = extern.lookup
    reach = Reach.PROGRAM if extern.weak else Reach.OBJECT
    if resolved.status == "unknown" and not (kernel.jit and kernel.caps.kfunc_call):
        # Found or not, the call cannot work; only a test that keeps it away helps.
        return [], [_no_jit(ctx)]
    if resolved.status == "unknown":
        doubted = unseen(kernel, name) or Unseen("R-2.8", "it may be in a module whose BTF was not given")
        message = say("{name} is not in vmlinux; {reason}", name=name, reason=doubted.reason)
        rules = tuple(dict.fromkeys((doubted.rule, "R-2.8")))
        doubt = Problem(NeedKind.KFUNC, name, Failure.NONE, rules, message, certain=False)
        return [], [replace(doubt, confidence=Confidence.LOW)]
    if resolved.status == "missing":
        message = say("kfunc {name} does not exist in {kernel}", name=name)
        return [], [Problem(NeedKind.KFUNC, name, Failure.KFUNC_NOT_FOUND, ("R-2.8", "R-2.11"), message, reach=reach)]
    if resolved.status == "incompatible":
        message = say(
            "the prototype of {name} in {kernel} differs from the one the program was built against", name=name
        )
        return [], [Problem(NeedKind.KFUNC, name, Failure.KFUNC_NOT_FOUND, ("R-2.10", "R-3.9"), message, reach=reach)]
    always = _preconditions(ctx, resolved)
    kfunc = resolved.kfunc
    if kfunc is None:
        twin = name.endswith("_impl") and bool(kernel.functions(name.removesuffix("_impl")))
        cited = ("R-1.18", "R-3.12") if twin else ("R-4.3", "R-1.17")
        message = say("{name} is a function of {kernel} but is not registered as a kfunc", name=name)
        registry = kernel.kfuncs
        certain = registry is not None and registry.source != "knowledge"
        problem = Problem(NeedKind.KFUNC, name, Failure.KFUNC_NOT_REGISTERED, cited, message, certain=certain or twin,
                          confidence=Confidence.HIGH if certain else Confidence.LOW)  # fmt: skip
        no_address = kernel.symbols is not None and not resolved.module and not kernel.symbols.is_function(name)
        if no_address:
            always.append(_no_address(name))
        return always, [problem]
    if kernel.symbols is not None and not kfunc.module and not kernel.symbols.is_function(name):
        always.append(_no_address(name))
    seen = _seen(ctx, kfunc, callers)
    if seen:
        return always, []
    answers = [kernel.kfunc_rules.allowed(kfunc, caller) for caller in callers]
    rules = ("R-4.1", "R-4.3", "R-11.1")
    if seen is False:
        reason = next((r for a, r in answers if a == "no"), "")
        said = say("{kernel} refused {name} to such a program when it was probed", name=name)
        if reason:
            said = say("{reason}", reason=reason)
        return always, [Problem(NeedKind.KFUNC, name, Failure.KFUNC_NOT_ALLOWED, rules, said)]
    if any(a == "yes" for a, _ in answers) or not answers:
        return always, []
    newest = kernel.kfunc_rules
    disputed = any(other.disputes(newest, kfunc, c) for other in kernel.other_kfunc_rules for c in callers)
    answer, reason = next(((a, r) for a, r in answers if a == "unknown"), answers[0])
    if answer == "unknown" or disputed or (kernel.outdated and kfunc.types_source != "binary"):
        text = "{reason}" if answer == "unknown" else "{reason}, according to the tables of {release}"
        told = say(text, reason=reason, release=kernel.knowledge.told_by)
        stage = Stage.NOTE if kfunc.prog_types is None or disputed or kernel.outdated else Stage.LOAD
        return always, [
            Problem(NeedKind.KFUNC, name, Failure.NONE, rules, told, stage, certain=False, confidence=Confidence.LOW)
        ]
    agreed = kfunc.types_source == "binary" or kernel.knowledge.agreed(lambda tables: tables.kfuncs.get(kfunc.name))
    confidence = Confidence.HIGH if agreed else Confidence.MEDIUM
    said = say("{reason}", reason=reason)
    return always, [Problem(NeedKind.KFUNC, name, Failure.KFUNC_NOT_ALLOWED, rules, said, confidence=confidence)]


def _seen(ctx: Context, kfunc: Kfunc, callers: list[Caller]) -> bool | None:
    """Whether the booted kernel let one of the callers have the kfunc; None where it was not asked about all."""
    probed = ctx.kernel.probed
    if probed is None or kfunc.module:
        return None
    told = [probed.may_call_kfunc(kfunc.name, c.prog_type, c.attach_type) for c in callers]
    return None if not told or None in told else any(told)


def _no_address(name: str) -> Problem:
    message = say("{name} is in the BTF of {kernel} but has no address, so it cannot be called", name=name)
    return Problem(NeedKind.KFUNC, name, Failure.KFUNC_NOT_REGISTERED, ("R-1.18", "R-3.12"), message)


def _no_jit(ctx: Context) -> Problem:
    message = say("the JIT of {kernel} ({arch}) does not support kfunc calls", arch=ctx.kernel.arch)
    return Problem(NeedKind.JIT, "kfunc calls", Failure.JIT_NO_KFUNC, ("R-4.2", "R-5.1"), message)


def _preconditions(ctx: Context, resolved: Resolved) -> list[Problem]:
    """What any resolved kfunc call needs, dead or not (R-3.12, R-4.2)."""
    kernel, name, found = ctx.kernel, resolved.extern.lookup, []
    if not kernel.caps.kfunc_call or not kernel.jit:
        found.append(_no_jit(ctx))
    if not ctx.obj.gpl:
        text = "calling {name} needs a GPL-compatible licence; this object has {licence}"
        message = say(text, name=name, licence=ctx.obj.license or "none")
        found.append(Problem(NeedKind.KFUNC, name, Failure.LICENCE, ("R-4.2",), message))
    return found


def _address(ctx: Context, resolved: Resolved, place: tuple[Function, int]) -> list[Problem]:
    """R-11.11: older verifiers refuse the address of a kfunc that exists, even in dead code."""
    if resolved.status != "found" or since(Fact.KFUNC_ADDRESS, ctx.kernel.version) is not False:
        return []
    name = resolved.extern.lookup
    message = say("{kernel} rejects the address of a kfunc, and the program tests whether {name} exists", name=name)
    return [Problem(NeedKind.KFUNC, name, Failure.KFUNC_ADDRESS, ("R-11.11",), message)]


def _variable(ctx: Context, resolved: Resolved, place: tuple[Function, int]) -> list[Problem]:
    extern, kernel = resolved.extern, ctx.kernel
    if resolved.status == "incompatible":
        message = say("variable {name} has a different type in {kernel}", name=extern.name)
        return [Problem(NeedKind.KSYM, extern.name, Failure.KSYM_NOT_FOUND, ("R-2.12",), message, reach=Reach.OBJECT)]
    if not extern.typed or resolved.status != "found" or resolved.module:
        return []
    # the variable needs an address, and data symbols are listed only with CONFIG_KALLSYMS_ALL.
    listed = kernel.symbols is not None and kernel.symbols.types(extern.name)
    if listed or kernel.option("KALLSYMS_ALL") != "n":
        return []
    text = "variable {name} has no address: {kernel} is built without {option} and lists no data symbols"
    message = say(text, name=extern.name, option="CONFIG_KALLSYMS_ALL")
    return [Problem(NeedKind.KSYM, extern.name, Failure.KSYM_NO_ADDRESS, ("R-11.10",), message)]


def extern_problems(ctx: Context) -> list[Problem]:
    """Strong externs that libbpf cannot resolve, used or not: the whole object fails (R-0.1)."""
    found = []
    for name, extern in sorted(ctx.obj.externs.items()):
        resolved = ctx.extern(name)
        if resolved is None or resolved.status == "found" or (resolved.status == "unknown" and extern.weak):
            continue
        if extern.weak and not (extern.kind != "kfunc" and resolved.status == "incompatible"):
            continue
        kind = {"kfunc": NeedKind.KFUNC, "ksym": NeedKind.KSYM}.get(extern.kind, NeedKind.KCONFIG)
        codes = {"kfunc": Failure.KFUNC_NOT_FOUND, "ksym": Failure.KSYM_NOT_FOUND}
        cls = codes.get(extern.kind, Failure.KCONFIG_NOT_FOUND)
        rules: tuple[str, ...] = {"kfunc": ("R-0.1", "R-2.8"), "ksym": ("R-0.1", "R-2.12")}.get(
            extern.kind, ("R-0.1", "R-2.13")
        )
        rules = rules if extern.kind == "kfunc" else (*rules, "R-12.14")
        rules = (*rules, "R-12.29") if name == "LINUX_KERNEL_VERSION" else rules
        told = not name.startswith("CONFIG_") or extern.kind != "kconfig" or ctx.kernel.config is not None
        certain = told and resolved.status != "unknown"
        message = _extern_message(ctx, resolved)
        found.append(Problem(kind, extern.lookup, cls, rules, message, reach=Reach.OBJECT, certain=certain))
    return found


_REFUSED = "; libbpf rejects the whole object"


def _extern_message(ctx: Context, resolved: Resolved) -> Message:
    extern = resolved.extern
    if extern.kind == "kconfig":
        return _kconfig_message(ctx, resolved)
    if resolved.status == "unknown":
        lacks = "modules" if extern.typed else "symbols"
        return say("the {lacks} of {kernel} were not given, so it is not known whether it has {name}",
                   lacks=lacks, name=extern.lookup)  # fmt: skip
    binding = "weak" if extern.weak else "strong"
    text = "{binding} extern {name} does not exist in {kernel}"
    if resolved.status != "missing":
        text = "{binding} extern {name} has a type that does not match its declaration in {kernel}"
    return say(text + _REFUSED, binding=binding, name=extern.lookup)


def _kconfig_message(ctx: Context, resolved: Resolved) -> Message:
    name, config = resolved.extern.name, ctx.kernel.config
    if not name.startswith(("CONFIG_", "LINUX_")):
        return say("{name} is neither a CONFIG_ option nor a virtual kconfig value of libbpf" + _REFUSED, name=name)
    if name == "LINUX_KERNEL_VERSION":
        text = (
            "libbpf finds no version in {kernel}: neither its release nor its build text has three numbers" + _REFUSED
        )
        return say(text)
    if resolved.status == "incompatible":
        text = "{name} is {value} in {kernel}, which the type of the extern cannot hold" + _REFUSED
        return say(text, name=name, value=repr(config.get(name, "") if config else ""))
    if config is None and name.startswith("CONFIG_"):
        return say("the config of {kernel} was not given, so it is not known whether it sets {name}", name=name)
    return say("strong extern {name} is not set in {kernel}" + _REFUSED, name=name)
