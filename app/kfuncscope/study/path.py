# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""An upgrade in several steps (6.1 → 6.12 → 7.2 → 7.3): at which step does each program break first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from kfuncscope.model.analysis import Analysis, ArchResult
from kfuncscope.model.verdict import SEVERITY, Finding, ProgramVerdict, Verdict


@dataclass(frozen=True, slots=True)
class Step:
    """One kernel after another on one architecture, and the program's verdict for that step alone.

    Kernels are named by their releases, by their labels where these do not tell them apart.
    """

    old: str
    new: str
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class Journey:
    """One program on its way through all steps. ``first`` is the index of the step that breaks it, None if none does.

    ``findings`` are those of that step. A step whose analysis does not know the program is left out of ``steps``.
    """

    arch: str
    object: str
    program: str
    steps: tuple[Step, ...]
    first: int | None
    findings: tuple[Finding, ...] = ()

    @property
    def breaking(self) -> Step | None:
        """The step that breaks the program."""
        return None if self.first is None else self.steps[self.first]


def journeys(analyses: Sequence[Analysis], verdicts: frozenset[Verdict] = frozenset({Verdict.BREAKS})) -> list[Journey]:
    """Every program's journey through analyses of consecutive steps, by architecture, object and program.

    A step breaks a program when its verdict there is one of ``verdicts``. Each analysis compares one kernel with the
    next, so what was already broken says so (ALREADY_BROKEN) and the first step stays the one that broke it.
    Architectures that were only inferred have no kernels to walk through and are left out.
    """
    seen: dict[tuple[str, str, str], list[tuple[Step, ProgramVerdict]]] = {}
    for analysis in analyses:
        for result in (a for a in analysis.arches if not a.inferred):
            for obj in result.objects:
                for program in obj.programs:
                    place = (result.arch, obj.object, program.program)
                    seen.setdefault(place, []).append((_step(result, program), program))
    made = []
    for (arch, object_, name), passed in seen.items():
        first = next((i for i, (step, _) in enumerate(passed) if step.verdict in verdicts), None)
        findings: tuple[Finding, ...] = ()
        if first is not None:
            findings = tuple(f for f in passed[first][1].findings if f.verdict in verdicts)
        made.append(Journey(arch, object_, name, tuple(step for step, _ in passed), first, findings))
    return made


def _step(result: ArchResult, program: ProgramVerdict) -> Step:
    old, new = result.old, result.new
    if old.release and new.release and old.release != new.release:
        return Step(old.release, new.release, program.verdict)
    return Step(old.label, new.label, program.verdict)


def worst_first(listed: Sequence[Journey]) -> list[Journey]:
    """Journeys in reading order: those that break, earliest step first, then the rest by their worst step."""

    def order(journey: Journey) -> tuple[object, ...]:
        worst = max((SEVERITY[s.verdict] for s in journey.steps), default=0)
        place = (journey.arch, journey.object, journey.program)
        return (journey.first is None, journey.first or 0, -worst, *place)

    return sorted(listed, key=order)
