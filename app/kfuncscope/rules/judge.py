# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""One object on one kernel: which of its programs load and attach, and why not (R-0.1..R-0.7).

A program is judged as if it were the only one switched on and what the rest of the object lacks were left out; what
the object as a whole needs is judged beside it.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from kfuncscope.bpf.instructions import CALL
from kfuncscope.bpf.loader import CILIUM, LIBBPF
from kfuncscope.bpf.object import BpfObject, Function, Program
from kfuncscope.kernel.kernel import Kernel
from kfuncscope.knowledge.helpers import HelperCaller
from kfuncscope.knowledge.kfunc_filters import Caller
from kfuncscope.model.failure import Failure
from kfuncscope.model.verdict import Confidence, NeedKind, Outcome, Reach, Tri
from kfuncscope.rules.checks.externs import users_of
from kfuncscope.rules.checks.global_functions import global_function_problems
from kfuncscope.rules.checks.helper import helper_problems, instruction_problems
from kfuncscope.rules.checks.jit import jit_problems
from kfuncscope.rules.checks.kfunc import extern_problems, kfunc_problems
from kfuncscope.rules.checks.loader import loader_problems
from kfuncscope.rules.checks.managed import managed_problems
from kfuncscope.rules.checks.map import map_problems, object_map_problems, sleepable_map_problems
from kfuncscope.rules.checks.regions import protection_problems, region_problems
from kfuncscope.rules.checks.tail_calls import owner_problems, sleeper_problems, tail_call_problems
from kfuncscope.rules.checks.typed_access import allocation_problems, typed_problems
from kfuncscope.rules.context import Context
from kfuncscope.rules.core.changed import changed_type
from kfuncscope.rules.core.spec import FIELD_BASED, ReloKind, SpecError, parse_spec, spec_text
from kfuncscope.rules.flow.guard import find_guard
from kfuncscope.rules.hooks.attach import attach_problems
from kfuncscope.rules.hooks.global_context import global_context_problems, lacks_btf
from kfuncscope.rules.hooks.hook import target_problems, type_problems
from kfuncscope.rules.hooks.replace import Targets, fitting
from kfuncscope.rules.hooks.struct_ops import struct_ops_problems, table_problems, uses
from kfuncscope.rules.problem import Message, Problem, Stage, say


@dataclass(slots=True)
class ProgramJudgement:
    """What one kernel does with one program. ``guarded`` are problems in code that cannot run there."""

    program: Program
    problems: list[Problem] = field(default_factory=list)
    guarded: list[Problem] = field(default_factory=list)

    def _stage(self, stage: Stage) -> list[Problem]:
        return [p for p in self.problems if p.stage == stage]

    @property
    def loads(self) -> Tri:
        """Yes, no, or unknown."""
        return _tri(self._stage(Stage.LOAD))

    @property
    def attaches(self) -> Tri:
        """No for a program that does not load; otherwise as its hook allows."""
        loads = self.loads
        return loads if loads != Tri.YES else _tri(self._stage(Stage.ATTACH))

    @property
    def first(self) -> Problem | None:
        """The problem that decides: load before attach, certain before uncertain."""
        told = [p for p in self.problems if p.stage != Stage.NOTE]
        order = sorted(told, key=lambda p: (p.stage != Stage.LOAD, not p.certain))
        return order[0] if order else None


@dataclass(slots=True)
class ObjectJudgement:
    """What one kernel does with one object; ``problems`` are those of the object as a whole."""

    context: Context
    programs: list[ProgramJudgement]
    problems: list[Problem]
    _loads: Tri | None = field(default=None, repr=False, compare=False)

    @property
    def loads(self) -> Tri:
        """Whether the object loads with every autoload program switched on (R-0.6); worked out when first asked."""
        if self._loads is None:
            answers = {_tri(self.problems), *(p.loads for p in self.programs if p.program.autoload)}
            self._loads = next((a for a in (Tri.NO, Tri.UNKNOWN) if a in answers), Tri.YES)
        return self._loads

    def outcome(self, index: int) -> Outcome:
        """The outcome of the program at a position."""
        judged = self.programs[index]
        first = judged.first
        if first is None:
            return Outcome(judged.loads, judged.attaches, self.loads)
        return Outcome(judged.loads, judged.attaches, self.loads, first.failure, first.message)


def _tri(problems: list[Problem]) -> Tri:
    if any(p.certain for p in problems):
        return Tri.NO
    return Tri.UNKNOWN if problems else Tri.YES


def judge(obj: BpfObject, kernel: Kernel, targets: Targets | None = None) -> ObjectJudgement:
    """Judge every program of an object on a kernel; ``targets`` are functions of the set that programs may replace."""
    ctx = Context(obj, kernel, targets=targets)
    if obj.endian != kernel.endian:
        return _foreign(ctx)
    if kernel.vmlinux is None and (need := needs_kernel_btf(obj)):
        return _without_btf(ctx, need)
    programs = [judge_program(ctx, p) for p in obj.programs]
    return ObjectJudgement(ctx, programs, [] if obj.loader_issue else object_problems(ctx, programs))


def _foreign(ctx: Context) -> ObjectJudgement:
    order = {"<": "little", ">": "big"}
    text = "the object is {mine}-endian, {kernel} is {theirs}-endian"
    message = say(text, mine=order[ctx.obj.endian], theirs=order[ctx.kernel.endian])
    problem = Problem(NeedKind.OBJECT, "endianness", Failure.ENDIANNESS, ("R-1.14",), message, reach=Reach.OBJECT)
    return ObjectJudgement(ctx, [ProgramJudgement(p, [problem]) for p in ctx.obj.programs], [problem])


def needs_kernel_btf(obj: BpfObject) -> str:
    """What makes libbpf ask for the kernel's BTF before anything is loaded; empty when nothing does (§0)."""
    if any(f.relos for f in obj.functions.values()):
        return "CO-RE records"
    if any(e.kind == "kfunc" or (e.kind == "ksym" and e.typed) for e in obj.externs.values()):
        return "kfuncs or typed kernel variables"
    if obj.struct_ops:
        return "struct_ops"
    return next((f"SEC({p.section.name})" for p in obj.programs if p.autoload and _asks_for_btf(p)), "")


def _asks_for_btf(program: Program) -> bool:
    """The target is looked up in the kernel's BTF; a replacement's in that of another program (R-2.5)."""
    return program.section.attach_btf and program.section.prog_type != "EXT"


def _without_btf(ctx: Context, need: str) -> ObjectJudgement:
    message = say("{kernel} has no BTF, which libbpf needs to load this object: it has {need}", need=need)
    certain = bool(lacks_btf(ctx.kernel))
    if not certain:
        built = "is built with" if ctx.kernel.option("DEBUG_INFO_BTF") == "y" else "may have"
        message = say("{kernel} {built} BTF, but it was not given: {need} cannot be judged", built=built, need=need)
    problem = Problem(
        NeedKind.OBJECT, "BTF", Failure.NO_KERNEL_BTF, ("R-0.1", "R-3.1"), message, reach=Reach.OBJECT, certain=certain,
        confidence=Confidence.HIGH if certain else Confidence.LOW,
    )  # fmt: skip
    return ObjectJudgement(ctx, [ProgramJudgement(p, [problem]) for p in ctx.obj.programs], [problem])


def object_problems(ctx: Context, programs: list[ProgramJudgement]) -> list[Problem]:
    """What makes libbpf refuse the whole object, whatever its programs do (R-0.1..R-0.3, R-0.5, R-12.1, R-12.14,
    R-12.20).

    A program that cannot do without what is refused gets the problem, too: alone it would load no more than the object.
    """
    found = object_map_problems(ctx)
    refused = [(problem, users_of(ctx, problem)) for problem in extern_problems(ctx)]
    too_old = loader_problems(ctx, bool(needs_kernel_btf(ctx.obj)))
    for problem, involved in refused + owner_problems(ctx) + too_old:
        if problem.kind is not NeedKind.LOADER or problem.reach is Reach.OBJECT:
            found.append(problem)
        for judged in programs if involved else ():
            if judged.program.name not in involved:
                continue
            if not any((p.kind, p.name) == (problem.kind, problem.name) for p in judged.problems):
                alone = Stage.LOAD if problem.kind == NeedKind.LOADER else Stage.OBJECT
                judged.problems.append(replace(problem, stage=alone))
    for ops in ctx.obj.struct_ops:
        if not ops.optional:
            found += table_problems(ctx, ops)
    return found


def judge_program(ctx: Context, program: Program) -> ProgramJudgement:
    """Judge one program, as if it were the only one switched on."""
    obj = ctx.obj
    judged = ProgramJudgement(program)
    if not program.section.prog_type:
        text = 'unknown program type for section "{section}"; set it with --section-type {section}=TYPE'
        message = say(text, section=program.section.name)
        judged.problems = [_unknown(program, Failure.UNKNOWN_SECTION, ("R-2.2",), message)]
        return judged
    if obj.loaded_by == CILIUM and (name := _unlinked(program)):
        message = say("{name} is defined in another object, which this one has to be linked with", name=name)
        judged.problems = [_unknown(program, Failure.OBJECT_REFUSED, ("R-12.20", "R-2.7"), message)]
        return judged
    always = type_problems(ctx, program) or target_problems(ctx, program)
    if program.section.prog_type == "STRUCT_OPS":
        always += struct_ops_problems(ctx, program)
    always += instruction_problems(ctx, program) + sleeper_problems(ctx, program) + jit_problems(ctx, program)
    always += managed_problems(ctx, program) + sleepable_map_problems(ctx, program)
    kfunc_always, placed = kfunc_problems(ctx, program, _kfunc_callers(ctx, program))
    always += kfunc_always
    placed += _core_problems(ctx, program)
    placed += helper_problems(ctx, program, _helper_callers(ctx, program))
    placed += region_problems(ctx, program, _helper_callers(ctx, program)) + protection_problems(ctx, program)
    placed += typed_problems(ctx, program) + allocation_problems(ctx, program) + global_context_problems(ctx, program)
    placed += global_function_problems(ctx, program)
    placed += map_problems(ctx, program) + tail_call_problems(ctx, program)
    placed += [p for p in always if p.place is not None]
    judged.problems = [p for p in always if p.place is None]
    hard = _core_errors(ctx, program)
    judged.problems += hard
    if placed:
        _weigh(ctx, program, placed, judged)
    if obj.loader_issue:
        # Another loader than libbpf may take the object; what the kernel lacks is reported all the same.
        issue = say("{issue}", issue=obj.loader_issue)
        refused = _unknown(program, Failure.OBJECT_REFUSED, ("R-2.1", "R-2.7", "R-2.15"), issue)
        if obj.loader.chosen and obj.loaded_by == LIBBPF:
            refused = replace(refused, certain=True, confidence=Confidence.HIGH)
        judged.problems.insert(0, refused)
    judged.problems += attach_problems(ctx, program)
    return judged


def _unlinked(program: Program) -> str:
    """A symbol of another object that the program calls; empty where there is none.

    cilium/ebpf leaves the number as it stands where one is only loaded.
    """
    for function in program.functions:
        for index, ref in function.refs.items():
            if ref.kind == "unknown" and function.insns[index].op == CALL:
                return ref.name
    return ""


def _unknown(program: Program, cls: Failure, rules: tuple[str, ...], message: Message) -> Problem:
    return Problem(NeedKind.OBJECT, program.section.name, cls, rules, message, certain=False, confidence=Confidence.LOW)


def _weigh(ctx: Context, program: Program, placed: list[Problem], judged: ProgramJudgement) -> None:
    """Sort problems by whether their instruction can run (R-3.11)."""
    flow = ctx.reachable(program)
    # `const volatile` values are only defaults: what hangs on them is less certain.
    folded = ctx.without_rodata().reachable(program) if flow.hangs_on_rodata else None
    for problem in placed:
        assert problem.place is not None
        if flow.is_reached(*problem.place):
            judged.problems.append(problem)
            continue
        by_rodata = folded is not None and folded.is_reached(*problem.place)
        confidence = Confidence.MEDIUM if by_rodata else problem.confidence
        guard = find_guard(flow, program, *problem.place)
        if by_rodata:
            guard += " (a const volatile value that the loader may set)"
        judged.guarded.append(replace(problem, guard=guard, confidence=confidence))


def _core_problems(ctx: Context, program: Program) -> list[Problem]:
    found = []
    for function in program.functions:
        for index, reloc in ctx.relocs(function).items():
            if reloc.outcome != "poisoned":
                continue
            name = _spec_name(ctx, function, index)
            text, changed = "{name} does not exist in {kernel}", ""
            rules: tuple[str, ...] = ("R-3.3", "R-3.5")
            if reloc.reason:
                text, rules = "{name}: {reason}; libbpf poisons the access", ("R-3.8",)
            elif changed := _changed_type(ctx, function, index):
                text, rules = "{name} {changed}", ("R-12.17", "R-3.4", *rules)
            value = function.relos[function.core[index]][1].kind == ReloKind.ENUMVAL_VALUE
            kind = NeedKind.ENUMVAL if value else NeedKind.FIELD
            certain = ctx.type_seen(function, index)
            if not certain:
                text += ", unless it is in a module whose BTF was not given"
            message = say(text, name=name, reason=reloc.reason, changed=changed)
            found.append(
                Problem(kind, name, Failure.CORE_RELOC_POISONED, rules, message, certain=certain,
                        place=(function, index), confidence=Confidence.HIGH if certain else Confidence.LOW)
            )  # fmt: skip
    return found


def _changed_type(ctx: Context, function: Function, index: int) -> str:
    """What became of a field that is there under its name and does not match (R-12.17)."""
    relo, btf = function.relos[function.core[index]][1], ctx.obj.btf
    if btf is None or relo.kind not in FIELD_BASED:
        return ""
    try:
        local = parse_spec(btf, relo)
    except SpecError:
        return ""
    return next((text for blob, at in ctx.candidates(relo.type_id) if (text := changed_type(local, blob, at))), "")


def _core_errors(ctx: Context, program: Program) -> list[Problem]:
    """Hard errors of CO-RE, dead code or not (R-0.3)."""
    found = []
    for function in program.functions:
        for index, reloc in ctx.relocs(function).items():
            if reloc.outcome == "error":
                name = _spec_name(ctx, function, index)
                message = say("{name}: {reason}; libbpf rejects the object", name=name, reason=reloc.reason)
                rules, cls = ("R-0.3", reloc.rule), Failure.CORE_RELOC_ERROR
                found.append(Problem(NeedKind.FIELD, name, cls, rules, message, reach=Reach.OBJECT))
    return found


def _spec_name(ctx: Context, function: Function, index: int) -> str:
    btf = ctx.obj.btf
    assert btf is not None
    relo = function.relos[function.core[index]][1]
    try:
        return spec_text(parse_spec(btf, relo))
    except SpecError:
        return btf.name(relo.type_id) or f"type {relo.type_id}"


def _kfunc_callers(ctx: Context, program: Program) -> list[Caller]:
    section = program.section
    if section.prog_type == "EXT":
        return [Caller(t.prog_type, t.attach_type) for t in fitting(ctx, program)]
    if section.prog_type != "STRUCT_OPS":
        hook = section.target if section.prog_type == "LSM" else ""
        return [Caller(section.prog_type, section.attach_type, hook=hook)]
    return [Caller("STRUCT_OPS", "", o.kernel_type, m.member.name) for o, m in uses(ctx, program)] or [
        Caller("STRUCT_OPS")
    ]


def _helper_callers(ctx: Context, program: Program) -> list[HelperCaller]:
    section, kernel = program.section, ctx.kernel
    known: dict[str, Any] = {"config": kernel.config, "arch": kernel.arch, "off": kernel.told_off}
    if section.prog_type == "EXT" and (replaced := fitting(ctx, program)):
        return [HelperCaller(t.prog_type, t.attach_type, "", section.sleepable, **known) for t in replaced]
    if section.prog_type != "STRUCT_OPS":
        return [HelperCaller(section.prog_type, section.attach_type, section.target, section.sleepable, **known)]
    places = [(o.kernel_type, m.member.name) for o, m in uses(ctx, program)] or [("", "")]
    return [HelperCaller("STRUCT_OPS", "", "", section.sleepable, ops, member, **known) for ops, member in places]
