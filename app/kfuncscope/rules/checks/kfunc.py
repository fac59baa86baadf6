# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""kfunc calls and ksym variables on one kernel (R-2.8..R-2.12, R-3.12, R-4.1..R-4.3, R-11.9..R-11.12)."""

from __future__ import annotations

from kfuncscope.bpf.instructions import CALL, LD_IMM64
from kfuncscope.bpf.object import Function, Program
from kfuncscope.kernel.kfuncs import Kfunc
from kfuncscope.knowledge.kfunc_filters import Caller
from kfuncscope.knowledge.versions import Fact, since
from kfuncscope.model.verdict import Confidence, NeedKind, Reach
from kfuncscope.rules.checks.sleep import awake, may_sleep
from kfuncscope.rules.context import Context, Resolved
from kfuncscope.rules.problem import Problem, Stage


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
                placed += [_at(p, function, index) for p in seen[ref.name][1]]
                if resolved.kfunc is not None and may_sleep(ctx.kernel, resolved.kfunc):
                    inside = awake(ctx.obj, program) if inside is None else inside
                    if (function.section, function.start) in inside:
                        placed.append(_at(_sleeps(resolved), function, index))
            elif op == LD_IMM64:
                always += _address(ctx, resolved, (function, index))
    return always, placed


def _at(problem: Problem, function: Function, index: int) -> Problem:
    return Problem(
        problem.kind, problem.name, problem.cls, problem.rules, problem.message, problem.stage, problem.reach,
        problem.confidence, problem.certain, (function, index),
    )  # fmt: skip


def _sleeps(resolved: Resolved) -> Problem:
    name = resolved.extern.lookup
    message = f"{name} may sleep, where this program may not"
    return Problem(NeedKind.KFUNC, name, "kfunc_not_allowed", ("R-4.5",), message)


def _call(ctx: Context, resolved: Resolved, callers: list[Caller]) -> tuple[list[Problem], list[Problem]]:
    extern, kernel = resolved.extern, ctx.kernel
    name = extern.lookup
    reach = Reach.PROGRAM if extern.weak else Reach.OBJECT
    if resolved.status == "unknown" and not (kernel.jit and kernel.caps.kfunc_call):
        # Found or not, the call cannot work; only a test that keeps it away helps.
        message = f"{name} could not be called if it were there: no JIT of this kernel calls kfuncs"
        return [], [Problem(NeedKind.JIT, "kfunc calls", "jit_no_kfunc", ("R-4.2", "R-5.1"), message)]
    if resolved.status == "unknown":
        message = f"{name} is not in vmlinux; it may live in a module whose BTF was not given"
        return [], [Problem(NeedKind.KFUNC, name, "", ("R-2.8",), message, certain=False, confidence=Confidence.LOW)]
    if resolved.status == "missing":
        message = f"kfunc {name} does not exist in this kernel"
        return [], [Problem(NeedKind.KFUNC, name, "kfunc_not_found", ("R-2.8", "R-2.11"), message, reach=reach)]
    if resolved.status == "incompatible":
        message = f"the prototype of {name} does not fit the one the program was built for"
        return [], [Problem(NeedKind.KFUNC, name, "kfunc_not_found", ("R-2.10", "R-3.9"), message, reach=reach)]
    always = _preconditions(ctx, resolved)
    kfunc = resolved.kfunc
    if kfunc is None:
        twin = name.endswith("_impl") and bool(kernel.functions(name.removesuffix("_impl")))
        told = ("R-1.18", "R-3.12") if twin else ("R-4.3", "R-1.17")
        message = f"{name} is a function of this kernel but not registered as a kfunc"
        registry = kernel.kfuncs
        certain = registry is not None and registry.source != "knowledge"
        problem = Problem(NeedKind.KFUNC, name, "kfunc_not_allowed", told, message, certain=certain or twin,
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
    if seen is False:
        refused = f"the kernel refused {name} to such a program when it was asked"
        reason = next((r for a, r in answers if a == "no"), refused)
        return always, [Problem(NeedKind.KFUNC, name, "kfunc_not_allowed", ("R-4.1", "R-4.3", "R-11.1"), reason)]
    if any(a == "yes" for a, _ in answers) or not answers:
        return always, []
    newest = kernel.kfunc_rules
    disputed = any(older.disputes(newest, kfunc, c) for older in kernel.older_kfunc_rules for c in callers)
    answer, reason = next(((a, r) for a, r in answers if a == "unknown"), answers[0])
    rules = ("R-4.1", "R-4.3", "R-11.1")
    if answer == "unknown" or disputed or (kernel.outdated and kfunc.types_source != "binary"):
        doubt = reason if answer == "unknown" else f"{reason}, by the tables of {kernel.knowledge.release}"
        stage = Stage.NOTE if kfunc.prog_types is None or disputed or kernel.outdated else Stage.LOAD
        return always, [
            Problem(NeedKind.KFUNC, name, "", rules, doubt, stage, certain=False, confidence=Confidence.LOW)
        ]
    confidence = Confidence.HIGH if kernel.knowledge.borrowed_for is None else Confidence.MEDIUM
    return always, [Problem(NeedKind.KFUNC, name, "kfunc_not_allowed", rules, reason, confidence=confidence)]


def _seen(ctx: Context, kfunc: Kfunc, callers: list[Caller]) -> bool | None:
    """Whether the booted kernel let one of the callers have the kfunc; None where it was not asked about all."""
    probed = ctx.kernel.probed
    if probed is None or kfunc.module:
        return None
    told = [probed.may_call_kfunc(kfunc.name, c.prog_type, c.attach_type) for c in callers]
    return None if not told or None in told else any(told)


def _no_address(name: str) -> Problem:
    message = f"{name} is in the BTF but has no address: the kernel cannot call it"
    return Problem(NeedKind.KFUNC, name, "kfunc_not_allowed", ("R-1.18", "R-3.12"), message)


def _preconditions(ctx: Context, resolved: Resolved) -> list[Problem]:
    """What any resolved kfunc call needs, dead or not (R-3.12, R-4.2)."""
    kernel, name, found = ctx.kernel, resolved.extern.lookup, []
    if not kernel.caps.kfunc_call or not kernel.jit:
        message = f"JIT does not support calling kernel functions on {kernel.arch} as this kernel is built"
        found.append(Problem(NeedKind.JIT, "kfunc calls", "jit_no_kfunc", ("R-4.2", "R-5.1"), message))
    if not ctx.obj.gpl:
        message = f"calling {name} needs a GPL compatible licence; this object has {ctx.obj.license or 'none'}"
        found.append(Problem(NeedKind.KFUNC, name, "licence", ("R-4.2",), message))
    return found


def _address(ctx: Context, resolved: Resolved, place: tuple[Function, int]) -> list[Problem]:
    """R-11.11: older verifiers refuse the address of a kfunc that exists, even in dead code."""
    if resolved.status != "found" or since(Fact.KFUNC_ADDRESS, ctx.kernel.version) is not False:
        return []
    message = f"this kernel refuses the address of {resolved.extern.lookup} (a test whether it exists)"
    return [Problem(NeedKind.KFUNC, resolved.extern.lookup, "kfunc_address", ("R-11.11",), message)]


def _variable(ctx: Context, resolved: Resolved, place: tuple[Function, int]) -> list[Problem]:
    extern, kernel = resolved.extern, ctx.kernel
    if resolved.status == "incompatible":
        message = f"variable {extern.name} has another type in this kernel"
        return [Problem(NeedKind.KSYM, extern.name, "ksym_not_found", ("R-2.12",), message, reach=Reach.OBJECT)]
    if not extern.typed or resolved.status != "found" or resolved.module:
        return []
    # the variable needs an address, and data symbols are listed only with CONFIG_KALLSYMS_ALL.
    listed = kernel.symbols is not None and kernel.symbols.types(extern.name)
    if listed or kernel.option("KALLSYMS_ALL") != "n":
        return []
    message = f"variable {extern.name} has no address: the kernel lists no data symbols (CONFIG_KALLSYMS_ALL)"
    return [Problem(NeedKind.KSYM, extern.name, "ksym_addr_not_found", ("R-11.10",), message)]


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
        cls = {"kfunc": "kfunc_not_found", "ksym": "ksym_not_found"}.get(extern.kind, "kconfig_not_found")
        rules: tuple[str, ...] = {"kfunc": ("R-0.1", "R-2.8"), "ksym": ("R-0.1", "R-2.12")}.get(
            extern.kind, ("R-0.1", "R-2.13")
        )
        rules = rules if extern.kind == "kfunc" else (*rules, "R-12.14")
        told = not name.startswith("CONFIG_") or extern.kind != "kconfig" or ctx.kernel.config is not None
        certain = told and resolved.status != "unknown"
        message = _extern_message(ctx, resolved)
        found.append(Problem(kind, extern.lookup, cls, rules, message, reach=Reach.OBJECT, certain=certain))
    return found


def _extern_message(ctx: Context, resolved: Resolved) -> str:
    extern = resolved.extern
    binding = "weak" if extern.weak else "strong"
    config = ctx.kernel.config
    if extern.kind == "kconfig" and not extern.name.startswith(("CONFIG_", "LINUX_")):
        return f"{extern.name} is neither an option of a kernel nor a value of libbpf's: it refuses the whole object"
    if extern.kind == "kconfig" and resolved.status == "incompatible":
        value = (config or {}).get(extern.name, "")
        return f"{extern.name} is {value!r} in this kernel, which its type cannot hold: libbpf refuses the whole object"
    if resolved.status == "unknown":
        lacks = "modules" if extern.typed else "symbols"
        return f"whether this kernel has {extern.lookup} is not known: its {lacks} were not given"
    if extern.kind == "kconfig" and config is None and extern.name.startswith("CONFIG_"):
        return f"whether this kernel sets {extern.name} is not known: its config was not given"
    if extern.kind == "kconfig":
        return f"strong extern {extern.name} is not set in this kernel: libbpf refuses the whole object"
    what = "does not exist" if resolved.status == "missing" else "does not fit its declaration"
    return f"{binding} extern {extern.lookup} {what} in this kernel: libbpf refuses the whole object"
