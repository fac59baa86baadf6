# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Risk as a number from 0 to 100 that shows what it is made of.

The factors are those that the kernel's kfunc documentation (Documentation/bpf/kfuncs.rst, "kfunc lifecycle
expectations") names for how stable a kfunc is treated: how widely it is used, how long it has been there, whether there
is an alternative, what it costs to support. Together they scale severity × confidence.
"""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from kfuncscope.knowledge import names
from kfuncscope.model.analysis import Analysis, CensusInfo
from kfuncscope.model.rows import Row, rows
from kfuncscope.model.verdict import Confidence, Finding, NeedKind, Verdict

SEVERITY_WEIGHT = {
    Verdict.BREAKS: 100, Verdict.SILENT: 80, Verdict.RISK: 40, Verdict.DEGRADES: 25, Verdict.UNKNOWN: 15,
    Verdict.OK: 0, Verdict.FIXED: 0, Verdict.ALREADY_BROKEN: 0,
}  # fmt: skip
CONFIDENCE_WEIGHT = {Confidence.HIGH: 1.0, Confidence.MEDIUM: 0.7, Confidence.LOW: 0.4}
WEIGHTS: dict[str, float] = {"usage": 1.0, "age": 0.5, "alternative": 1.0, "support": 0.5}
_MATURE = 30  # mainline releases, about six years: older things are treated as stable
_TYPES = 4  # kernel types in one declaration that count as a full cost of support
_MINORS = {3: 20, 4: 21, 5: 20, 6: 20}
_STRUCT = re.compile(r"\b(?:struct|union|enum)\s+(\w+)")
_TABLES = {
    NeedKind.KFUNC: "kfunc", NeedKind.HELPER: "helper", NeedKind.PROG_TYPE: "prog_type", NeedKind.MAP_TYPE: "map_type",
}  # fmt: skip
Since = Callable[[NeedKind, str], str | None]
_Value = tuple[float | None, str]
_NO_CENSUS = CensusInfo(0, 0, 0, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class Factor:
    """One reason for a score: ``value`` from 0 (speaks against risk) to 1, None where it is not known; ``said`` why."""

    name: str
    value: float | None
    weight: float
    said: str


@dataclass(frozen=True, slots=True)
class Score:
    """A score from 0 to 100 with its factors; ``subject`` is the program, object, package, architecture or finding."""

    subject: tuple[str, ...]
    score: float
    factors: tuple[Factor, ...]


@dataclass(frozen=True, slots=True)
class Risk:
    """Scores of one analysis, each list highest first. Subjects: findings by key, programs by (arch, object, program),
    objects by (arch, object), packages by (package,), architectures by (arch,)."""

    findings: Mapping[str, Score]
    programs: tuple[Score, ...]
    objects: tuple[Score, ...]
    packages: tuple[Score, ...]
    arches: tuple[Score, ...]


def assess(analysis: Analysis, weights: Mapping[str, float] | None = None, since: Since | None = None) -> Risk:
    """Score everything in an analysis. ``since`` tells the first mainline release of a need, such as "6.12"."""
    weighed = {**WEIGHTS, **(weights or {})}
    listed = [row for row in rows(analysis) if SEVERITY_WEIGHT[row.verdict]]
    users = _Users(analysis)
    findings: dict[str, Score] = {}
    for row in listed:
        score = _score(row, weighed, users, since)
        known = findings.get(row.key)
        if known is None or known.score < score.score:
            findings[row.key] = score
    return Risk(
        findings=findings,
        programs=_roll_up(listed, findings, _program_of, users.programs_of),
        objects=_roll_up(listed, findings, lambda r: (r.arch, r.object), users.programs_of),
        packages=_roll_up(listed, findings, lambda r: (r.package,), users.programs_of),
        arches=_roll_up(listed, findings, lambda r: (r.arch,), users.programs_of),
    )


def known_since(kind: NeedKind, name: str) -> str | None:
    """The first mainline release of a kfunc, helper, program or map type, from the knowledge tables."""
    table = _TABLES.get(kind)
    if table is None:
        return None
    prefix = {"prog_type": "BPF_PROG_TYPE_"}.get(table, "")
    return names.first_release(table, name if name.startswith(prefix) else prefix + name)


def _program_of(row: Row) -> tuple[str, ...]:
    return (row.arch, row.object, row.program)


class _Users:
    """Who uses what, counted over the whole analysis."""

    def __init__(self, analysis: Analysis) -> None:
        self.needs: dict[tuple[NeedKind, str], set[tuple[str, str]]] = defaultdict(set)
        self.programs_of: dict[tuple[str, ...], int] = defaultdict(int)
        objects: set[str] = set()
        for result in analysis.arches:
            for obj in result.objects:
                objects.add(obj.object)
                for program in obj.programs:
                    self._count(result.arch, obj.object, obj.package, program.program)
                    used = {(need.kind, need.name) for need in program.needs}
                    for need in used | {(finding.kind, finding.name) for finding in program.findings}:
                        self.needs[need].add((obj.package, obj.object))
                for finding in obj.findings:
                    self.needs[finding.kind, finding.name].add((obj.package, obj.object))
        self.objects = len(objects)
        self.census = analysis.census
        seen = analysis.census.uses if analysis.census else ()
        self.hosts = {(use.kind, use.name): (use.hosts, use.programs) for use in seen}
        self.runs_on = {(one.object, one.program): one.hosts for one in (analysis.census or _NO_CENSUS).programs}

    def usage(self, row: Row) -> _Value:
        """How widely the subject of a finding is used: on hosts where a census was given, else by objects."""
        finding = row.finding
        if self.census is not None and self.census.hosts:
            return self._on_hosts(finding, self.census.hosts, self.runs_on.get((row.object, row.program), 0))
        return _usage(self.needs.get((finding.kind, finding.name), set()), self.objects)

    def _on_hosts(self, finding: Finding, hosts: int, of_program: int) -> _Value:
        """Of a field no census tells who reads it: then it is as widely used as the program that was found to."""
        used, running = self.hosts.get((finding.kind, finding.name), (0, 0))
        value = math.log2(1 + max(used, of_program)) / math.log2(1 + hosts)
        if used >= of_program:
            said = f"used on {used} of {hosts} hosts of the census, by {running} running programs"
        else:
            said = f"the program runs on {of_program} of {hosts} hosts of the census"
        return min(1.0, value), said

    def _count(self, arch: str, object_: str, package: str, program: str) -> None:
        for subject in ((arch, object_, program), (arch, object_), (package,), (arch,)):
            self.programs_of[subject] += 1


def _score(row: Row, weights: Mapping[str, float], users: _Users, since: Since | None) -> Score:
    finding = row.finding
    base = SEVERITY_WEIGHT[finding.verdict] * CONFIDENCE_WEIGHT[finding.confidence]
    values: dict[str, _Value] = {
        "usage": users.usage(row),
        "age": _age(finding, since, row.new),
        "alternative": _alternative(finding),
        "support": _support(finding),
    }
    factors = [Factor(name, value, weights[name], said) for name, (value, said) in values.items()]
    severity = Factor("severity", base / 100, 1.0, _severity_words(finding))
    known = [f for f in factors if f.value is not None and f.weight]
    total = sum(f.weight for f in known)
    # Half of the score stands by severity alone: no factor can talk a break away, or make it more than one.
    share = sum(f.weight * (f.value or 0.0) for f in known) / total if total else 1.0
    return Score((row.key,), round(base * (0.5 + 0.5 * share), 1), (severity, *factors))


def _severity_words(finding: Finding) -> str:
    return f"{finding.verdict.value} ({SEVERITY_WEIGHT[finding.verdict]}) × confidence {finding.confidence.value}"


def _usage(used_by: set[tuple[str, str]], objects: int) -> _Value:
    packages, count = len({p for p, _ in used_by if p}), len(used_by)
    value = math.log2(1 + count) / math.log2(1 + max(objects, 1)) if count else 0.0
    plural = "s" if count != 1 else ""
    within = f" in {packages} package{'s' if packages != 1 else ''}" if packages else ""
    return min(1.0, value), f"used by {count} object{plural}{within} of {objects} objects given"


def _age(finding: Finding, since: Since | None, kernel: str) -> _Value:
    first = since(finding.kind, finding.name) if since else None
    born, now = release_number(first or ""), release_number(kernel)
    if born is None or now is None:
        return None, "first release not known"
    age = max(0, now - born)
    return 1 - min(age, _MATURE) / _MATURE, f"in the kernel since {first}, {age} mainline releases"


def _alternative(finding: Finding) -> _Value:
    if finding.remedy is None:
        return 1.0, "no alternative known"
    if finding.remedy.snippets:
        return 0.0, f"alternative with code: {finding.remedy.text}"
    return 0.4, f"alternative: {finding.remedy.text}"


def _support(finding: Finding) -> _Value:
    declared = finding.evidence.old or finding.evidence.new
    if not declared:
        return None, "no declaration from which to estimate the cost of supporting it"
    types = sorted(set(_STRUCT.findall(declared)))
    listed = f": {', '.join(types[:6])}" if types else ""
    said = f"its declaration ties {len(types)} kernel type{'s' if len(types) != 1 else ''}{listed}"
    return min(1.0, len(types) / _TYPES), said


def release_number(text: str) -> int | None:
    """How many mainline releases lie before the one that ``text`` names ("6.12", "Debian 7.3.4"); None if none."""
    found = re.search(r"(?<![\d.])(\d{1,2})\.(\d{1,2})(?!\d)", text)
    if found is None or int(found[1]) < 3:
        return None
    major, minor = int(found[1]), int(found[2])
    return sum(_MINORS.get(m, 20) for m in range(3, major)) + minor


def _roll_up(
    listed: Iterable[Row],
    findings: Mapping[str, Score],
    subject_of: Callable[[Row], tuple[str, ...]],
    programs: Mapping[tuple[str, ...], int],
) -> tuple[Score, ...]:
    """Scores of whole things: the worst finding in it, raised by how many of its programs are hit."""
    members: dict[tuple[str, ...], list[Row]] = defaultdict(list)
    for row in listed:
        members[subject_of(row)].append(row)
    scores = []
    for subject, of_it in members.items():
        top = max(of_it, key=lambda r: (findings[r.key].score, r.key))
        worst = findings[top.key].score
        hit = len({_program_of(r) for r in of_it if r.program})
        total = max(programs.get(subject, 0), hit, 1)
        share = 1.0 if hit == 0 else hit / total
        score = worst + (100 - worst) * 0.25 * share * (worst / 100)
        factors = (
            Factor("worst finding", worst / 100, 1.0, f"{top.finding.kind.value} {top.finding.name} ({worst:g})"),
            Factor("breadth", share, 0.25, f"{hit or total} of {total} programs hit"),
            *findings[top.key].factors[1:],
        )
        scores.append(Score(subject, round(score, 1), factors))
    return tuple(sorted(scores, key=lambda s: (-s.score, s.subject)))
