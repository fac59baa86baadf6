# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Programs over the kernels loaded, and what they need over all levels known: one source for each line, and so for
each cell.

A loaded kernel and the tables of its level may differ, for a distribution patches its kernels; they stand in lines of
their own. A change is looked for within a line alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from kfuncscope.model.analysis import ArchResult
from kfuncscope.model.verdict import Evidence, Finding, NeedKind, Outcome, Tri, Verdict
from kfuncscope.study.lifecycle import OfferRow, Seen, State, release_key, states_of

TABLES = "tables"
_ORDER = {verdict: place for place, verdict in enumerate(Verdict)}
_LOST = (State.ABSENT.value, State.UNREGISTERED.value)
_BAD = frozenset({Verdict.BREAKS, Verdict.SILENT})
_STATES = {
    State.PRESENT: Verdict.OK, State.ABSENT: Verdict.BREAKS, State.UNREGISTERED: Verdict.RISK,
    State.UNKNOWN: Verdict.UNKNOWN,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Cell:
    """What one source says of one release: a word, the verdict whose look it has, more about it.

    ``changed`` marks another prototype than in the cell before; ``first_bad`` the first step at which it breaks.
    """

    word: str
    look: Verdict
    more: str = ""
    changed: bool = False
    first_bad: bool = False


@dataclass(slots=True)
class Line:
    """One program (``object/program``) or one need from one source: an architecture's kernels, or the tables."""

    program: bool
    name: str
    kind: str
    source: str
    verdict: Verdict
    cells: dict[str, Cell] = field(default_factory=dict)
    object: str = ""


def releases(lines: Iterable[Line]) -> list[str]:
    """All releases that any line knows, in order of age."""
    return sorted({release for line in lines for release in line.cells}, key=lambda r: (release_key(r), r))


def program_lines(arches: Sequence[ArchResult], steps: Sequence[ArchResult] = ()) -> list[Line]:
    """Every program over the loaded kernels of each architecture: over the steps between them where there are any.

    The first cell says whether the program works on the first kernel, each later one what the step to it means.
    """
    walked = {step.arch for step in steps}
    lines: dict[tuple[str, str, str], Line] = {}
    shared: dict[Cell, Cell] = {}  # thousands of programs have a few different ones
    for step in (*steps, *(a for a in arches if a.arch not in walked and not a.inferred)):
        for obj in step.objects:
            for program in obj.programs:
                key = (step.arch, obj.object, program.program)
                line = lines.get(key)
                if line is None:
                    line = Line(True, program.program, "program", step.arch, Verdict.OK, object=obj.object)
                    lines[key] = line
                    start = _start(program.old)
                    line.cells[_label(step.old.release, step.old.label)] = shared.setdefault(start, start)
                bad = program.verdict in _BAD and not any(c.first_bad for c in line.cells.values())
                more = "\n".join(f.message for f in program.findings[:4])
                cell = Cell(_word(program.verdict), program.verdict, more, first_bad=bad)
                line.cells[_label(step.new.release, step.new.label)] = shared.setdefault(cell, cell)
                line.verdict = min(line.verdict, program.verdict, key=_ORDER.__getitem__)
    return list(lines.values())


def _label(release: str, label: str) -> str:
    return release or label


def _word(verdict: Verdict) -> str:
    return {
        Verdict.OK: "works", Verdict.BREAKS: "breaks", Verdict.SILENT: "silently different", Verdict.RISK: "risk",
        Verdict.DEGRADES: "degrades", Verdict.UNKNOWN: "unknown", Verdict.ALREADY_BROKEN: "still fails",
        Verdict.FIXED: "works again",
    }[verdict]  # fmt: skip


def _start(outcome: Outcome | None) -> Cell:
    if outcome is None:
        return Cell("not judged", Verdict.UNKNOWN)
    if Tri.NO in (outcome.loads, outcome.attaches):
        return Cell("fails", Verdict.ALREADY_BROKEN, outcome.reason)
    if outcome.loads is Tri.UNKNOWN:
        return Cell("unknown", Verdict.UNKNOWN, outcome.reason)
    return Cell("works", Verdict.OK)


def need_lines(
    offers: Iterable[OfferRow], arches: Sequence[ArchResult], steps: Sequence[ArchResult] = ()
) -> list[Line]:
    """Every need of the programs: a line for the tables where they know it, and one for each architecture's kernels.

    What a loaded kernel says itself goes before what the analysis tells of it.
    """
    known = {(row.kind, row.name): row for row in offers}
    used: dict[tuple[NeedKind, str], Verdict] = {}
    on: dict[tuple[NeedKind, str], dict[str, Verdict]] = {}
    seen: dict[tuple[NeedKind, str], dict[tuple[str, str], tuple[State, str]]] = {}
    for step, whole in (*((s, False) for s in steps), *((a, True) for a in arches if not a.inferred)):
        for obj in step.objects:
            for program in obj.programs:
                findings = {(f.kind, f.name): f for f in program.findings}
                for need in program.needs:
                    key = (need.kind, need.name)
                    if whole:
                        used[key] = min(used.get(key, Verdict.FIXED), need.verdict, key=_ORDER.__getitem__)
                        there = on.setdefault(key, {})
                        there[step.arch] = min(
                            there.get(step.arch, Verdict.FIXED), need.verdict, key=_ORDER.__getitem__
                        )
                    _add(seen.setdefault(key, {}), step, need.verdict, findings.get(key))
    lines: list[Line] = []
    for key in sorted(used, key=lambda k: (_ORDER[used[k]], k[1])):
        row = known.get(key)
        own = _of_need(key, used[key], row.seen if row is not None else (), seen.get(key, {}))
        for line in own:
            _mark_change(line, on[key].get(line.source, Verdict.OK))
            _weigh_loss(line, used[key] if line.source == TABLES else on[key].get(line.source, Verdict.OK))
        lines += own
    return lines


def _add(
    life: dict[tuple[str, str], tuple[State, str]], step: ArchResult, verdict: Verdict, found: Finding | None
) -> None:
    """What one use tells of both kernels of a step, where no other has told it; with the declarations it shows."""
    said = found.evidence if found is not None else Evidence()
    sides = zip((step.old, step.new), states_of(verdict, found), (said.old, said.new), strict=True)
    for side, state, text in sides:
        place = (step.arch, _label(side.release, side.label))
        if life.get(place, (State.UNKNOWN, ""))[0] is State.UNKNOWN or (text and not life[place][1]):
            life[place] = (state, text)


def _of_need(
    key: tuple[NeedKind, str],
    verdict: Verdict,
    offered: Sequence[Seen],
    analysed: dict[tuple[str, str], tuple[State, str]],
) -> list[Line]:
    told: dict[str, list[Seen]] = {}
    for one in offered:
        told.setdefault(one.arch if one.loaded else TABLES, []).append(one)
    asked = {(one.arch, one.release) for one in offered if one.loaded}
    for (arch, release), (state, text) in analysed.items():
        if (arch, release) not in asked:
            told.setdefault(arch, []).append(Seen(f"{arch} {release}", release, state, text, loaded=True, arch=arch))
    made = []
    for source in sorted(told, key=lambda s: (s == TABLES, s)):
        line = Line(False, key[1], key[0].value, source, verdict)
        before = ""
        bad = False
        for one in sorted(told[source], key=lambda s: release_key(s.release)):
            changed = bool(before and one.prototype and one.prototype != before)
            gone = one.state in (State.ABSENT, State.UNREGISTERED) and not bad and any(
                c.look is Verdict.OK for c in line.cells.values()
            )  # fmt: skip
            bad = bad or gone
            line.cells[one.release] = Cell(one.state.value, _STATES[one.state], one.prototype, changed, gone)
            before = one.prototype or before
        made.append(line)
    return made


def _mark_change(line: Line, verdict: Verdict) -> None:
    """A need that is there on every kernel of an architecture and yet does harm there (``verdict``) has changed: where
    its prototype did, else at the only step."""
    if verdict not in (*_BAD, Verdict.RISK) or any(cell.first_bad for cell in line.cells.values()):
        return
    changed = [release for release, cell in line.cells.items() if cell.changed]
    if not changed and len(line.cells) == 2:
        changed = list(line.cells)[-1:]
    for release in changed[:1]:
        cell = line.cells[release]
        if cell.look is Verdict.OK:
            line.cells[release] = replace(cell, word="changed", look=verdict, first_bad=verdict in _BAD)


def _weigh_loss(line: Line, verdict: Verdict) -> None:
    """What went away looks as bad as it is for the programs (``verdict``): one that asks first only loses a feature,
    and one that calls what is no longer registered breaks as well."""
    if verdict in (Verdict.BREAKS, Verdict.DEGRADES, Verdict.RISK):
        for release, cell in line.cells.items():
            if cell.word in _LOST:
                line.cells[release] = replace(
                    cell, look=verdict, first_bad=cell.first_bad and verdict is not Verdict.DEGRADES
                )
