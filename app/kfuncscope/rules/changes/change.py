# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Old kernel against new kernel: findings of a program, its verdict, and the verdict of its object (R-0.1..R-0.7)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from kfuncscope.bpf.needs import program_needs
from kfuncscope.bpf.object import Program
from kfuncscope.model.failure import Failure
from kfuncscope.model.verdict import (
    SEVERITY,
    Confidence,
    Evidence,
    Finding,
    NeedKind,
    NeedUse,
    ObjectVerdict,
    ProgramVerdict,
    Reach,
    Site,
    Tri,
    Verdict,
    worst,
)  # fmt: skip
from kfuncscope.rules.changes.alternatives import Alternatives
from kfuncscope.rules.changes.arguments import argument_findings
from kfuncscope.rules.changes.clones import clone_findings
from kfuncscope.rules.changes.enums import cut_findings, enum_findings
from kfuncscope.rules.changes.evidence import (
    field_evidence,
    hook_evidence,
    kfunc_evidence,
    site,
    struct_ops_evidence,
)  # fmt: skip
from kfuncscope.rules.changes.hook_facts import option_facts
from kfuncscope.rules.changes.semantics import core_findings, kfunc_findings
from kfuncscope.rules.changes.typed import typed_findings
from kfuncscope.rules.checks.tail_calls import tail_calls
from kfuncscope.rules.context import Context
from kfuncscope.rules.judge import ObjectJudgement, ProgramJudgement
from kfuncscope.rules.problem import Problem, Stage

MOST_REASONS = 3  # that a sentence about an object names
OLD_KERNEL = "the old kernel"


def compare(old: ObjectJudgement, new: ObjectJudgement, package: str, sha256: str) -> ObjectVerdict:
    """The verdict of an object and each of its programs for one upgrade."""
    programs = tuple(_program(old, new, i) for i in range(len(new.programs)))
    own = tuple(_object_findings(old, new))
    verdict, reason = object_verdict(old, new, programs, own)
    obj = new.context.obj
    return ObjectVerdict(obj.name, package, sha256, verdict, reason, programs, own, tuple(dict.fromkeys(obj.notes)))


SYMBOL_RULES = frozenset({"R-7.9", "R-11.8"})  # what symbols settle, where the BTF alone says yes


# -- one program


def _program(old: ObjectJudgement, new: ObjectJudgement, index: int) -> ProgramVerdict:
    before, after = old.programs[index], new.programs[index]
    program = after.program
    findings = _problem_findings(old.context, new.context, before, after)
    works = works_on(after)
    if works != Tri.NO and before.loads == Tri.YES:
        findings += _guard_findings(old.context, new.context, before, after)
        findings += _meaning_findings(old.context, new.context, program)
    verdict = _verdict(before, after, findings)
    if verdict in (Verdict.BREAKS, Verdict.FIXED) and _one_sided(old.context, new.context, before, after):
        findings = [_doubted(f) if f.verdict == verdict else f for f in findings]
        verdict = Verdict.UNKNOWN
    reach = Reach.NONE
    if verdict in (Verdict.BREAKS, Verdict.ALREADY_BROKEN):
        reaches = [f.reach for f in findings if f.verdict == verdict]
        reach = next((r for r in (Reach.OBJECT, Reach.PROGRAM, Reach.ATTACH) if r in reaches), Reach.PROGRAM)
    unchecked = tuple(
        dict.fromkeys(p.message for p in after.problems if not p.certain or p.failure == Failure.RUNTIME_TARGET)
    )
    section = program.section
    return ProgramVerdict(
        program.name, section.name, section.prog_type, section.autoload, verdict, reach, old.outcome(index),
        new.outcome(index), tuple(sorted(findings, key=_order)), _needs(new.context, program, findings), unchecked,
        tail_calls(new.context.obj, program),
    )  # fmt: skip


def _one_sided(old: Context, new: Context, before: ProgramJudgement, after: ProgramJudgement) -> bool:
    """Only one kernel came with symbols, and only they tell that a function which both BTFs have is not a target."""
    if (old.kernel.symbols is None) == (new.kernel.symbols is None):
        return False
    judged = after if old.kernel.symbols is None else before
    deciding = [
        p
        for p in judged.problems
        if p.certain and p.failure != Failure.RUNTIME_TARGET and p.stage in (Stage.LOAD, Stage.ATTACH)
    ]
    name = judged.program.section.target.partition("+")[0].rpartition(":")[2]
    told = all(SYMBOL_RULES & set(p.rules) for p in deciding)
    return bool(deciding) and told and all(ctx.kernel.functions(name) for ctx in (old, new))


def _doubted(finding: Finding) -> Finding:
    text = f"{finding.message}; no symbols were given for the other kernel, so this may not be a change"
    return replace(finding, verdict=Verdict.UNKNOWN, message=text, confidence=Confidence.LOW, remedy=None)


def _order(finding: Finding) -> tuple[int, str, str, str]:
    return -SEVERITY[finding.verdict], finding.kind, finding.name, finding.message


def works_on(judged: ProgramJudgement) -> Tri:
    """Loads and attaches, targets that only the loader knows left aside."""
    if judged.loads != Tri.YES:
        return judged.loads
    rest = [p for p in judged.problems if p.failure != Failure.RUNTIME_TARGET and p.stage != Stage.NOTE]
    if any(p.certain for p in rest):
        return Tri.NO
    return Tri.UNKNOWN if rest else Tri.YES


def _verdict(before: ProgramJudgement, after: ProgramJudgement, findings: list[Finding]) -> Verdict:
    was, now = works_on(before), works_on(after)
    if now == Tri.NO:
        # What loaded and could not attach still let its object load; what no longer loads may take the object along.
        worse = before.loads == Tri.YES and after.loads == Tri.NO
        return Verdict.ALREADY_BROKEN if was == Tri.NO and not worse else Verdict.BREAKS
    if now == Tri.UNKNOWN:
        return worst([Verdict.UNKNOWN, *(f.verdict for f in findings)])
    if was == Tri.NO and not any(f.verdict == Verdict.SILENT for f in findings):
        return Verdict.FIXED
    return worst([Verdict.OK, *(f.verdict for f in findings)])


def _same(problem: Problem) -> tuple[object, ...]:
    return problem.kind, problem.name, problem.failure, problem.stage


def _problem_findings(old: Context, new: Context, before: ProgramJudgement, after: ProgramJudgement) -> list[Finding]:
    """One finding for each need that the new kernel does not meet; all its places together."""
    known = {_same(p) for p in before.problems if p.certain}
    broken_before = works_on(before) == Tri.NO
    loaded_before = before.loads == Tri.YES
    groups: dict[tuple[object, ...], list[Problem]] = {}
    for problem in after.problems:
        groups.setdefault(_same(problem), []).append(problem)
    found = []
    for key, problems in groups.items():
        first = problems[0]
        if first.failure == Failure.RUNTIME_TARGET or first.stage == Stage.NOTE:
            continue
        verdict = Verdict.BREAKS
        if not any(p.certain for p in problems):
            verdict = Verdict.UNKNOWN
        elif key in known or (broken_before and not (loaded_before and first.stage == Stage.LOAD)):
            verdict = Verdict.ALREADY_BROKEN
        found.append(_as_finding(old, new, after.program, problems, verdict))
    if works_on(after) == Tri.YES and broken_before:
        found += [_fixed(old, new, before.program, p) for p in _firsts(before.problems)]
    return found


def _firsts(problems: list[Problem]) -> Iterable[Problem]:
    return {_same(p): p for p in reversed(problems) if p.failure != Failure.RUNTIME_TARGET}.values()


def _fixed(old: Context, new: Context, program: Program, problem: Problem) -> Finding:
    text = f"it did not work on the old kernel: {problem.said.text(OLD_KERNEL)}"
    evidence = _evidence(old, new, program, problem)
    return Finding(problem.kind, problem.name, Verdict.FIXED, text, problem.rules, problem.failure, evidence=evidence)


def _as_finding(old: Context, new: Context, program: Program, problems: list[Problem], verdict: Verdict) -> Finding:
    first = problems[0]
    sites = tuple(site(*p.place, True) for p in problems if p.place is not None)
    if not sites and first.kind in (NeedKind.KFUNC, NeedKind.KSYM):
        sites = _sites_of(new, program, first.name)
    return Finding(
        first.kind, first.name, verdict, first.message, first.rules, first.failure, first.reach, first.confidence,
        _evidence(old, new, program, first), sites, about=first.said.about,
    )  # fmt: skip


def _sites_of(ctx: Context, program: Program, name: str) -> tuple[Site, ...]:
    lookups = {e.name for e in ctx.obj.lookups.get(name, ())}
    return tuple(
        site(f, i) for f in program.functions for i, ref in f.refs.items() if ref.name in lookups
    )  # fmt: skip


def _evidence(old: Context, new: Context, program: Program, problem: Problem) -> Evidence:
    """Both declarations; with the options that the message names, where these differ."""
    found = _declared(old, new, program, problem)
    options = option_facts(old.kernel, new.kernel, problem.said.about.options)
    return replace(found, facts=(*found.facts, *options)) if options else found


def _declared(old: Context, new: Context, program: Program, problem: Problem) -> Evidence:
    kind = problem.kind
    if kind == NeedKind.KFUNC:
        return kfunc_evidence(old.kernel, new.kernel, problem.name)
    if kind == NeedKind.HOOK:
        return hook_evidence(old.kernel, new.kernel, program)
    if kind == NeedKind.STRUCT_OPS:
        return struct_ops_evidence(old, new, problem.name)
    if kind in (NeedKind.FIELD, NeedKind.ENUMVAL) and problem.place is not None:
        return field_evidence(old, new, *problem.place)
    return Evidence()


def _guard_findings(old: Context, new: Context, before: ProgramJudgement, after: ProgramJudgement) -> list[Finding]:
    """Features that the new kernel lacks and that a test keeps away: lost, if the old kernel had them."""
    known = {_same(p) for p in before.guarded} | {_same(p) for p in before.problems}
    groups: dict[tuple[object, ...], list[Problem]] = {}
    for problem in after.guarded:
        if _same(problem) not in known and problem.certain:
            groups.setdefault(_same(problem), []).append(problem)
    if _replaced(before, after):
        return []
    found = []
    for problems in groups.values():
        first = problems[0]
        sites = tuple(site(*p.place, False, p.guard) for p in problems if p.place is not None)
        text = f"{first.message}; guarded at {first.guard}" if first.guard else first.message
        found.append(
            Finding(first.kind, first.name, Verdict.DEGRADES, text, (*first.rules, "R-3.11"), first.failure,
                    confidence=first.confidence, evidence=_evidence(old, new, after.program, first), sites=sites)
        )  # fmt: skip
    return found


def _replaced(before: ProgramJudgement, after: ProgramJudgement) -> bool:
    """The program chooses between alternatives: what was kept away on the old kernel runs on the new one."""
    now = {_same(p) for p in after.guarded} | {_same(p) for p in after.problems}
    return any(_same(p) not in now for p in before.guarded)


def _meaning_findings(old: Context, new: Context, program: Program) -> list[Finding]:
    return [
        *kfunc_findings(old, new, program),
        *core_findings(old, new, program),
        *argument_findings(old, new, program),
        *typed_findings(old, new, program),
        *enum_findings(old, new, program),
        *cut_findings(old, new, program),
        *clone_findings(old, new, program),
    ]


def _needs(ctx: Context, program: Program, findings: list[Finding]) -> tuple[NeedUse, ...]:
    """Everything the program needs, each with the worst that happened to it."""
    graded: dict[tuple[NeedKind, str], list[Verdict]] = {}
    for finding in findings:
        graded.setdefault((finding.kind, finding.name), []).append(finding.verdict)
    uses = {key: worst(verdicts) for key, verdicts in graded.items()}
    for need in program_needs(ctx.obj, program, ctx.kernel.helpers):
        name = ctx.kernel.map_types.get(int(need.name), need.name) if need.kind == "map type" else need.name
        if need.kind != "program type":  # every program has one; it is worth showing only where it is lacking
            uses.setdefault((need.kind, name), Verdict.OK)
    return tuple(NeedUse(kind, name, verdict) for (kind, name), verdict in sorted(uses.items()))


# -- the object


def _object_findings(old: ObjectJudgement, new: ObjectJudgement) -> list[Finding]:
    refused = any(p.certain for p in old.problems)
    found = []
    for problem in {_same(p): p for p in reversed(new.problems)}.values():
        verdict = Verdict.UNKNOWN
        if problem.certain:
            # What is only doubted of the old kernel does not excuse the new one.
            verdict = Verdict.ALREADY_BROKEN if refused else Verdict.BREAKS
        program = new.programs[0].program if new.programs else None
        evidence = _evidence(old.context, new.context, program, problem) if program else Evidence()
        found.append(
            Finding(problem.kind, problem.name, verdict, problem.message, problem.rules, problem.failure, problem.reach,
                    problem.confidence, evidence, about=problem.said.about)
        )  # fmt: skip
    return sorted(found, key=_order)


def object_verdict(
    old: ObjectJudgement, new: ObjectJudgement, programs: tuple[ProgramVerdict, ...], own: tuple[Finding, ...]
) -> tuple[Verdict, str]:
    """What becomes of bpf_object__load() and of attaching; alternatives count where the loader can choose (R-12.15)."""
    grave = [f for f in own if f.verdict == Verdict.BREAKS]
    if grave:
        return Verdict.BREAKS, f"the whole object no longer loads: {grave[0].message}"
    breaking = [p for p in programs if p.verdict == Verdict.BREAKS]
    known = {p.program: p for p in programs}
    alternatives = Alternatives(programs, {j.program.name: j.program for j in new.programs}) if breaking else None
    reasons, losses = [], []
    for one in breaking:
        other = alternatives.of(one, old.loads == Tri.NO) if alternatives is not None else None
        if other is not None and known[other].verdict in (Verdict.OK, Verdict.FIXED, Verdict.DEGRADES, Verdict.RISK):
            reasons.append(f"{one.program} no longer works, but {other} does the same job")
        elif not one.autoload:
            reasons.append(f"{one.program} no longer works, but is off unless the loader switches it on")
        else:
            losses.append(one)
    if losses:
        word = "attaches" if losses[0].reach == Reach.ATTACH else "loads"
        return Verdict.BREAKS, f"{losses[0].program} no longer {word}: {losses[0].new.reason}{_and_more(losses)}"
    doubts = [f for f in own if f.verdict == Verdict.UNKNOWN]
    rest = worst([*(p.verdict for p in programs if p.verdict != Verdict.BREAKS), *(f.verdict for f in doubts)])
    if reasons:
        more = f"; and {len(reasons) - MOST_REASONS} more" if len(reasons) > MOST_REASONS else ""
        return worst([Verdict.DEGRADES, rest]), "; ".join(reasons[:MOST_REASONS]) + more
    if not SEVERITY[rest] and (settled := _settled(old, new, own, programs)) is not None:
        return settled
    if not programs:
        return (Verdict.UNKNOWN if new.context.obj.notes else Verdict.OK), "the object has no programs"
    worst_program = next((p for p in programs if p.verdict == rest), None)
    why = worst_program.findings[0].message if worst_program and worst_program.findings else ""
    if not why and rest == Verdict.UNKNOWN and doubts:
        why = doubts[0].message
    if not why and worst_program and worst_program.unchecked:
        why = worst_program.unchecked[0]
    return rest, why or "nothing that the object needs has changed"


def _settled(
    old: ObjectJudgement, new: ObjectJudgement, own: tuple[Finding, ...], programs: tuple[ProgramVerdict, ...]
) -> tuple[Verdict, str] | None:
    """An object of which nothing became worse, and which a kernel refuses, or which programs leave to others."""
    broken = [p for p in programs if p.verdict == Verdict.ALREADY_BROKEN]
    if new.loads == Tri.NO:
        still = [f for f in own if f.verdict == Verdict.ALREADY_BROKEN]
        if still:
            return Verdict.ALREADY_BROKEN, f"neither kernel loads the object: {still[0].message}"
        if len(broken) == len(programs):
            return Verdict.ALREADY_BROKEN, "works on neither kernel"
        first = next((p for p in broken if p.autoload), broken[0]) if broken else programs[0]
        text = f"neither kernel loads the object: {first.program}: {first.new.reason}"
        return Verdict.ALREADY_BROKEN, f"{text}; {_partly_broken(programs)}"
    if old.loads == Tri.NO and new.loads == Tri.YES:
        before = next((p for p in old.problems if p.certain), None)
        if before is not None:
            return Verdict.FIXED, f"the old kernel did not load the object: {before.said.text(OLD_KERNEL)}"
    if broken and len(broken) == len(programs):
        return Verdict.ALREADY_BROKEN, "works on neither kernel"
    if broken:
        fixed = any(p.verdict == Verdict.FIXED for p in programs)
        return Verdict.FIXED if fixed else Verdict.OK, _partly_broken(programs)
    return None


def _and_more(losses: list[ProgramVerdict]) -> str:
    more = len(losses) - 1
    return "" if not more else f" (and {more} other program{'s break' if more > 1 else ' breaks'})"


def _partly_broken(programs: tuple[ProgramVerdict, ...]) -> str:
    """How many programs work on neither kernel, where others do."""
    broken = sum(p.verdict == Verdict.ALREADY_BROKEN for p in programs)
    fixed = sum(p.verdict == Verdict.FIXED for p in programs)
    text = f"{broken} of {len(programs)} programs {'works' if broken == 1 else 'work'} on neither kernel"
    if not fixed:
        return f"{text}, the others on both"
    return f"{text}; {fixed} {'works' if fixed == 1 else 'work'} on the new kernel only"
