# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What if a kfunc, helper, hook, type or member went away, changed, or stayed: who would break, told from a result.

Works on the graph of an analysis, without the kernels: a use that goes away counts as a strong one unless the analysis
knows it to be guarded. The result says in ``whatif`` what was assumed, so that it is never taken for a real one.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum

from kfuncscope.model.analysis import Analysis
from kfuncscope.model.failure import Failure
from kfuncscope.model.verdict import (
    Confidence,
    Finding,
    NeedKind,
    NeedUse,
    ObjectVerdict,
    Outcome,
    ProgramVerdict,
    Reach,
    Tri,
    Verdict,
    worst,
)


class Action(StrEnum):
    """What is assumed of a name."""

    REMOVED = "removed"
    CHANGED = "changed"
    KEPT = "kept as it was"


@dataclass(frozen=True, slots=True)
class Change:
    """One assumption. A removed or changed type takes its members (``name.member``) along."""

    kind: NeedKind
    name: str
    action: Action

    def __str__(self) -> str:
        return f"{self.kind} {self.name} {self.action}"

    def covers(self, kind: NeedKind, name: str) -> bool:
        """Whether a need falls under this assumption."""
        if (kind, name) == (self.kind, self.name):
            return True
        members = (NeedKind.FIELD, NeedKind.ENUMVAL)
        return self.kind is NeedKind.TYPE and kind in members and name.startswith(self.name + ".")


def parse(text: str) -> Change:
    """``KIND NAME removed``, ``… changed`` or ``… kept`` as an assumption. Raises ValueError, with what is expected."""
    actions = {action.value.split()[0]: action for action in Action}
    kinds = {kind.value: kind for kind in NeedKind}
    front, _, word = text.strip().rpartition(" ")
    kind = next((k for k in sorted(kinds, key=len, reverse=True) if front.startswith(k + " ")), None)
    if word not in actions or kind is None or not front[len(kind) + 1 :].strip():
        expected = f"'KIND NAME {'|'.join(actions)}'; kinds are {', '.join(sorted(kinds))}"
        raise ValueError(f"{text[:80]!r} is not {expected}")
    return Change(kinds[kind], front[len(kind) + 1 :].strip(), actions[word])


_OBJECT_WIDE = frozenset({NeedKind.KFUNC, NeedKind.KSYM, NeedKind.KCONFIG, NeedKind.STRUCT_OPS, NeedKind.MAP_TYPE})
_RULE = {True: "R-0.1", False: "R-0.6"}


def apply(analysis: Analysis, changes: Iterable[Change]) -> Analysis:
    """The analysis as it would be under the changes, in the order given; the later one of two on a name counts."""
    chosen = tuple({(c.kind, c.name): c for c in changes}.values())
    if not chosen:
        return analysis
    arches = tuple(replace(a, objects=tuple(_object(o, chosen) for o in a.objects)) for a in analysis.arches)
    return replace(analysis, arches=arches, whatif=(*analysis.whatif, *(str(c) for c in chosen)))


def users(analysis: Analysis, kind: NeedKind, name: str) -> list[tuple[str, str, str]]:
    """Who uses a name: (architecture, object, program), in the order of the analysis."""
    return [
        (arch.arch, obj.object, program.program)
        for arch in analysis.arches
        for obj in arch.objects
        for program in obj.programs
        if any((n.kind, n.name) == (kind, name) for n in program.needs)
    ]


def _hit(changes: tuple[Change, ...], kind: NeedKind, name: str) -> Change | None:
    return next((c for c in changes if c.covers(kind, name)), None)


def _object(obj: ObjectVerdict, changes: tuple[Change, ...]) -> ObjectVerdict:
    programs = tuple(_program(p, changes) for p in obj.programs)
    findings = tuple(f for f in obj.findings if not _kept(changes, f))
    if programs == obj.programs and findings == obj.findings:
        return obj
    wide = sorted(
        {f.name for p in programs for f in p.findings if f.failure is Failure.WHAT_IF and f.reach is Reach.OBJECT}
    )
    if wide:
        programs = tuple(_down(p, wide) for p in programs)
    elif findings != obj.findings:
        programs = tuple(p if p.findings else replace(p, verdict=worst(f.verdict for f in findings)) for p in programs)
    verdict = worst([*(f.verdict for f in findings), *(p.verdict for p in programs if p.autoload)])
    broken = sum(p.verdict is Verdict.BREAKS for p in programs)
    reason = f"what if: {broken} of {len(programs)} programs break" if broken else f"what if: {verdict.value.lower()}"
    return replace(obj, programs=programs, findings=findings, verdict=verdict, reason=reason)


def _kept(changes: tuple[Change, ...], finding: Finding) -> bool:
    change = _hit(changes, finding.kind, finding.name)
    return change is not None and change.action is Action.KEPT


def _down(program: ProgramVerdict, names: list[str]) -> ProgramVerdict:
    """A program that goes down with its object (R-0.1): an extern is resolved for the object as a whole."""
    if program.verdict in (Verdict.BREAKS, Verdict.ALREADY_BROKEN):
        return program
    outcome = Outcome(Tri.NO, Tri.NO, Tri.NO, Failure.WHAT_IF, f"what if: the object needs {', '.join(names)}")
    return replace(program, verdict=Verdict.BREAKS, reach=Reach.OBJECT, new=outcome)


def _program(program: ProgramVerdict, changes: tuple[Change, ...]) -> ProgramVerdict:
    touched = [(n, c) for n in program.needs if (c := _hit(changes, n.kind, n.name)) is not None]
    if not touched:
        return program
    findings = {(f.kind, f.name): f for f in program.findings}
    others = [f for f in program.findings if (f.kind, f.name) not in {(n.kind, n.name) for n, _ in touched}]
    made = [f for n, c in touched if (f := _finding(n, c, findings.get((n.kind, n.name)))) is not None]
    state = {(f.kind, f.name): f.verdict for f in made}
    names = {(n.kind, n.name) for n, _ in touched}
    needs = tuple(
        NeedUse(n.kind, n.name, state.get((n.kind, n.name), Verdict.OK)) if (n.kind, n.name) in names else n
        for n in program.needs
    )
    every = (*made, *others)
    verdict = worst(f.verdict for f in every)
    if program.verdict is Verdict.ALREADY_BROKEN:
        verdict = program.verdict
    reach = next((f.reach for f in every if f.verdict is verdict), Reach.NONE)
    breaks = verdict is Verdict.BREAKS
    new = Outcome(Tri.NO, Tri.NO, Tri.NO, Failure.WHAT_IF, "what if") if breaks else Outcome(Tri.YES, Tri.YES, Tri.YES)
    if verdict is program.verdict:
        new = program.new
    return replace(program, verdict=verdict, reach=reach, new=new, findings=every, needs=needs)


def _finding(need: NeedUse, change: Change, real: Finding | None) -> Finding | None:
    if change.action is Action.KEPT:
        return None
    guarded = real is not None and bool(real.sites) and all(s.guard or s.reachable is False for s in real.sites)
    wide = need.kind in _OBJECT_WIDE
    if change.action is Action.CHANGED:
        verdict, said = Verdict.RISK, f"What if {need.kind} {need.name} changed: this use has to be checked."
    elif guarded:
        verdict, said = (
            Verdict.DEGRADES,
            f"What if {need.kind} {need.name} was removed: the use is guarded, so a feature is lost.",
        )
    else:
        far = "libbpf would reject the whole object" if wide else "this program would not load"
        verdict, said = Verdict.BREAKS, f"What if {need.kind} {need.name} was removed: {far}, unless the use is weak."
    breaks = verdict is Verdict.BREAKS
    reach = (Reach.OBJECT if wide else Reach.PROGRAM) if breaks else Reach.NONE
    rules = (_RULE[wide],) if breaks else ()
    sites = real.sites if real is not None else ()
    return Finding(need.kind, need.name, verdict, said, rules, Failure.WHAT_IF, reach, Confidence.MEDIUM, sites=sites)
