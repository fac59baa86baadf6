# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What a report says, before any format: decision, reasons, findings, matrix, what could not be checked, inputs."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from kfuncscope.decision.compare import Comparison
from kfuncscope.decision.gate import ArchDecision, Decision, all_unchecked, decide
from kfuncscope.decision.policy import Waiver
from kfuncscope.decision.risk import Risk, Score, assess, known_since
from kfuncscope.model.analysis import Analysis, ArchResult, KernelInfo, ObjectInfo
from kfuncscope.model.causes import Cause, causes_of
from kfuncscope.model.inferred import inferred_line
from kfuncscope.model.origin import Origin, origin_of
from kfuncscope.model.rows import Group, groups, notable, rows
from kfuncscope.model.unchecked import Elsewhere, Unchecked, elsewhere, shared
from kfuncscope.model.verdict import SEVERITY, Finding, Verdict, worst
from kfuncscope.report.words import STATES, census_words, plural
from kfuncscope.storage.files import Input
from kfuncscope.upgrade.jsonform import Shard


@dataclass(frozen=True, slots=True)
class Arch:
    """One architecture of the strip: the result, its decision, and how many programs have each verdict.

    ``alone``: a kernel that was judged without objects and without an older kernel.
    """

    result: ArchResult
    decision: ArchDecision
    counts: Counter[Verdict]
    alone: bool = False

    @property
    def pair(self) -> str:
        """The kernels in one line; one name where a kernel was judged without an older one."""
        return self.names[1] if self.alone else " → ".join(self.names)

    @property
    def names(self) -> tuple[str, str]:
        """What to call the old and the new kernel."""
        return upgrade_names(self.result.old, self.result.new)

    @property
    def total(self) -> int:
        """How many programs were judged."""
        return sum(self.counts.values())


@dataclass(frozen=True, slots=True)
class Reason:
    """One cause, with the finding that says most about it, the highest risk score of its findings, and what a kernel
    repository says of it, where one was searched."""

    cause: Cause
    finding: Finding
    score: float
    origin: Origin | None = None

    @property
    def name(self) -> str:
        """The thing that changed in the kernel."""
        return self.cause.key.name

    @property
    def detail(self) -> str:
        """What kind of thing it is and what happened to it: ``tracepoint removed``."""
        return self.cause.key.words

    @property
    def programs(self) -> tuple[tuple[str, str], ...]:
        """(object, program) of what it hits."""
        return self.cause.programs

    @property
    def arches(self) -> tuple[str, ...]:
        """The architectures on which it does."""
        return self.cause.arches


@dataclass(frozen=True, slots=True)
class MatrixRow:
    """One program over all architectures; ``cells`` follow the architectures, None where it was not judged."""

    object: str
    package: str
    program: str
    section: str
    cells: tuple[Verdict | None, ...]

    @property
    def worst(self) -> Verdict:
        """The worst verdict of any architecture."""
        return worst(v for v in self.cells if v is not None)

    @property
    def hurt(self) -> bool:
        """Whether any architecture is on the scale: broken, wrong, at risk, degraded or in doubt."""
        return bool(SEVERITY[self.worst])


@dataclass(frozen=True, slots=True)
class Report:
    """All parts of a report, sorted, still raw: each format makes names harmless in its own way.

    ``analysis`` holds the architectures that were judged, ``whole`` also those that were only inferred, of which
    ``inferred`` says all in one line (empty where none was asked for). ``waived``, ``blocking`` and ``fresh`` (new or
    worse than the baseline) go by finding key; ``paths`` gives the first place of every object. ``unchecked``,
    ``elsewhere`` and ``shared`` are what model.unchecked tells of the inputs, for every format to list and count.
    """

    analysis: Analysis
    whole: Analysis
    decision: Decision
    comparison: Comparison | None
    title: str
    headline: str
    sentences: tuple[str, ...]
    arches: tuple[Arch, ...]
    reasons: tuple[Reason, ...]
    findings: tuple[Group, ...]
    matrix: tuple[MatrixRow, ...]
    unchecked: tuple[Unchecked, ...]
    elsewhere: tuple[Elsewhere, ...]
    shared: tuple[ObjectInfo, ...]
    inferred: str
    inputs: tuple[Input, ...]
    waived: dict[str, Waiver]
    blocking: frozenset[str]
    fresh: frozenset[str]
    risk: Risk
    paths: dict[str, str]
    shard: Shard | None = None

    @property
    def state(self) -> Verdict:
        """The verdict whose colour and glyph stand for the decision."""
        return STATES[self.decision.state]

    def applied(self) -> list[tuple[Waiver, int]]:
        """The waivers that tolerate something, with how many findings each."""
        return list(Counter(waiver for _, waiver in self.decision.tolerated).items())

    def waivers(self, group: Group) -> list[tuple[str, Waiver]]:
        """Which architectures of a group of findings are tolerated, and by which waiver."""
        return [(row.arch, self.waived[row.key]) for row in group.rows if row.key in self.waived]

    def stands(self, group: Group) -> list[str]:
        """How a group stands in the decision: ``blocks``, ``waived``, ``new``, by any of its findings."""
        sets = (("blocks", self.blocking), ("waived", self.waived), ("new", self.fresh))
        return [word for word, keys in sets if any(row.key in keys for row in group.rows)]

    def score(self, group: Group) -> float:
        """The highest risk score of a group of findings."""
        top = self.top(group)
        return top.score if top else 0.0

    def top(self, group: Group) -> Score | None:
        """The highest risk score of a group with its factors; None where nothing is at risk."""
        scores = [self.risk.findings[r.key] for r in group.rows if r.key in self.risk.findings]
        return max(scores, key=lambda s: s.score, default=None)

    def kernel(self, group: Group) -> KernelInfo:
        """The new kernel of a group: that of its first architecture."""
        return next(a.result.new for a in self.arches if a.result.arch == group.row.arch)

    def names(self, group: Group) -> tuple[str, str]:
        """What to call the kernels of a group: those of its first architecture."""
        return next((a.names for a in self.arches if a.result.arch == group.row.arch), (group.row.old, group.row.new))


def make(
    analysis: Analysis,
    decision: Decision | None = None,
    comparison: Comparison | None = None,
    risk: Risk | None = None,
    shard: Shard | None = None,
) -> Report:
    """Everything a report shows of an analysis; the default policy decides where no decision is given."""
    decision = decision or decide(analysis, comparison=comparison)
    whole, analysis = analysis, replace(analysis, arches=tuple(a for a in analysis.arches if not a.inferred))
    risk = risk or assess(analysis, decision.weights, known_since)
    listed = list(notable(rows(analysis)))
    gate = analysis.gate
    arches = tuple(Arch(a, decision.arch(a.arch), a.counts(), gate and a.old == a.new) for a in analysis.arches)
    not_checked = all_unchecked(analysis, decision)
    return Report(
        analysis=analysis,
        whole=whole,
        decision=decision,
        comparison=comparison,
        title=_title(analysis),
        headline=decision.headline,
        sentences=tuple(_sentences(analysis, decision, comparison, len(not_checked))),
        arches=arches,
        reasons=tuple(_reasons(analysis, risk)),
        findings=tuple(groups(listed)),
        matrix=tuple(_matrix(analysis)),
        unchecked=not_checked,
        elsewhere=elsewhere(analysis),
        shared=shared(analysis),
        inferred=inferred_line(whole),
        inputs=tuple(_inputs(analysis)),
        waived=decision.waived(),
        blocking=frozenset(row.key for row in decision.blocking),
        fresh=comparison.fresh() if comparison else frozenset(),
        risk=risk,
        paths={o.name: o.places[0].path if o.places else o.name for o in analysis.objects},
        shard=shard,
    )


def _title(analysis: Analysis) -> str:
    pairs = list(dict.fromkeys(upgrade_names(a.old, a.new) for a in analysis.arches))
    if not pairs:
        return "no kernels"
    old, new = pairs[0]
    if analysis.gate:
        more = f" and {plural(len(pairs) - 1, 'other')}" if len(pairs) > 1 else ""
        return f"{new}{more}" if old == new else f"{new}{more} against {old}"
    more = f" and {plural(len(pairs) - 1, 'other pair')}" if len(pairs) > 1 else ""
    return f"{old} → {new}{more}"


def upgrade_names(old: KernelInfo, new: KernelInfo) -> tuple[str, str]:
    """What to call the two kernels of a pair: their releases, where these tell them apart."""
    if old.release and new.release and old.release != new.release:
        return old.release, new.release
    return old.label, new.label


def _programs(arches: Sequence[ArchResult], verdict: Verdict) -> tuple[int, int]:
    """How many programs have a verdict anywhere, and on how many architectures any does."""
    found = {(o.object, p.program): None for a in arches for o in a.objects for p in o.programs if p.verdict is verdict}
    return len(found), sum(bool(a.counts()[verdict]) for a in arches)


def _sentences(
    analysis: Analysis, decision: Decision, comparison: Comparison | None, not_checked: int
) -> Iterable[str]:
    if decision.reasons:
        yield f"{'; '.join(decision.reasons)}."
    yield from (_gate_sentences if analysis.gate else _upgrade_sentences)(analysis)
    if not_checked:
        yield f"{plural(not_checked, 'thing')} could not be checked in full."
    if foreign := len(elsewhere(analysis)):
        objects = plural(foreign, "object is", "objects are")
        yield f"{objects} built for another architecture than some of the kernels."
    if analysis.census is not None:
        yield f"Census: {census_words(analysis.census)}."
        yield from (f"{note}." for note in analysis.census.notes)
    if decision.fail_on:
        yield f"Decided by {decision.by}."
    if decision.tolerated:
        waivers = len({w for _, w in decision.tolerated})
        yield f"Tolerated by {plural(waivers, 'waiver')}: {plural(len(decision.tolerated), 'finding')}."
    if comparison is not None:
        yield (
            f"Against the baseline: {len(comparison.new)} new, {len(comparison.worse)} worse, "
            f"{len(comparison.better)} better, {len(comparison.gone)} gone, {len(comparison.unchanged)} unchanged."
        )


def _gate_sentences(analysis: Analysis) -> Iterable[str]:
    """What was judged of kernels without objects: checks stand in for programs."""
    checks = [program for a in analysis.arches for o in a.objects for program in o.programs]
    kernels = plural(sum(len(a.objects) for a in analysis.arches), "kernel")
    failed = sum(bool(SEVERITY[check.verdict]) for check in checks)
    said = (
        f"{plural(failed, 'check')} of {len(checks)} found something"
        if failed
        else f"{len(checks)} checks found nothing"
    )
    yield f"{said}, in {kernels} without any object."


def _upgrade_sentences(analysis: Analysis) -> Iterable[str]:
    judged = analysis.arches
    many = len(judged)
    broken, where = _programs(judged, Verdict.BREAKS)
    programs = sum(info.programs for info in analysis.objects)
    of = f"of {plural(programs, 'program')} in {plural(len(analysis.objects), 'object')}"
    if broken:
        on = f"on {where} of {plural(many, 'architecture')}" if many > 1 else f"on {judged[0].arch}"
        yield f"{plural(broken, 'program breaks', 'programs break')} {on}, {of}."
    else:
        yield f"No program breaks, {of} on {plural(many, 'architecture')}."
    silent, _ = _programs(judged, Verdict.SILENT)
    if silent:
        loads = plural(silent, "program loads but reads", "programs load but read")
        yield f"{loads} or {'does' if silent == 1 else 'do'} the wrong thing."


def _reasons(analysis: Analysis, risk: Risk) -> list[Reason]:
    """The causes of what breaks, reads wrong data or is at risk, worst first."""
    made = []
    for cause in causes_of(analysis):
        if SEVERITY[cause.verdict] < SEVERITY[Verdict.RISK]:
            continue
        shown = [r for r in cause.rows if r.verdict is cause.verdict]
        best = max(shown, key=lambda r: (r.finding.remedy is not None, len(r.finding.evidence.old), r.key))
        score = max((risk.findings[r.key].score for r in cause.rows if r.key in risk.findings), default=0.0)
        made.append(Reason(cause, best.finding, score, origin_of(analysis.origins, cause.key)))
    return made


def _matrix(analysis: Analysis) -> list[MatrixRow]:
    cells: dict[tuple[str, str], list[Verdict | None]] = {}
    about: dict[tuple[str, str], tuple[str, str]] = {}
    for column, result in enumerate(analysis.arches):
        for obj in result.objects:
            for program in obj.programs:
                place = (obj.object, program.program)
                about.setdefault(place, (obj.package, program.section))
                cells.setdefault(place, [None] * len(analysis.arches))[column] = program.verdict
    made = [
        MatrixRow(object_, about[object_, program][0], program, about[object_, program][1], tuple(line))
        for (object_, program), line in cells.items()
    ]
    severity: dict[str, int] = defaultdict(int)
    for row in made:
        severity[row.object] = max(severity[row.object], SEVERITY[row.worst])
    return sorted(made, key=lambda r: (-severity[r.object], r.object, -SEVERITY[r.worst], r.program))


def _inputs(analysis: Analysis) -> list[Input]:
    found = [i for a in analysis.arches for kernel in (a.old, a.new) for i in kernel.inputs]
    return list(dict.fromkeys(found))
