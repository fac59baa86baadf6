# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Findings as flat rows: one per architecture, object, program and need, each with a key that outlives the run."""

from __future__ import annotations

import functools
import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from kfuncscope.model.analysis import Analysis, ArchResult
from kfuncscope.model.verdict import (
    SEVERITY,
    Finding,
    NeedKind,
    ObjectVerdict,
    ProgramVerdict,
    Verdict,
)


@dataclass(frozen=True, slots=True)
class Row:
    """One finding in its place. ``program`` and ``section`` are empty where the finding belongs to the whole object."""

    key: str
    arch: str
    old: str
    new: str
    object: str
    package: str
    program: str
    section: str
    finding: Finding

    @property
    def verdict(self) -> Verdict:
        """The verdict of the finding."""
        return self.finding.verdict


@dataclass(frozen=True, slots=True)
class Group:
    """The same finding on one or several architectures: what a reader wants to see once. ``rows`` is never empty."""

    rows: tuple[Row, ...]

    @property
    def row(self) -> Row:
        """The first of the rows; all differ in architecture only."""
        return self.rows[0]

    @property
    def finding(self) -> Finding:
        """The finding that the rows share."""
        return self.rows[0].finding

    @property
    def arches(self) -> tuple[str, ...]:
        """The architectures that have it, in the order of the analysis, each once."""
        return tuple(dict.fromkeys(r.arch for r in self.rows))


def finding_key(arch: str, object_: str, program: str, finding: Finding) -> str:
    """A short name for a finding that stays the same from run to run and from one kernel candidate to the next.

    Made of what the finding is about, never of its wording, its verdict or the kernels' names: a finding that gets
    worse is still the same one. 20 hexadecimal digits.
    """
    what = finding.failure.key or (finding.rules[0] if finding.rules else "")
    return _key((arch, object_, program, finding.kind.value, finding.name, what))


# Decision, risk, causes, summary and reports each walk all rows: made anew each time, the keys of 300 objects on five
# architectures took a tenth of a run that has nothing else to do.
@functools.lru_cache(maxsize=1 << 16)
def _key(parts: tuple[str, ...]) -> str:
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:20]


def rows(analysis: Analysis) -> Iterator[Row]:
    """All findings of an analysis in its own order, each once.

    What an object and one of its programs both say is the program's. A program whose verdict no finding explains gets a
    row made from its outcome, so that a policy cannot miss it.
    """
    for result in analysis.arches:
        for obj in result.objects:
            for finding in own_findings(obj):
                yield _row(result, obj, None, finding)
            explained = max((SEVERITY[f.verdict] for f in obj.findings), default=0)
            for program in obj.programs:
                for finding in program.findings:
                    yield _row(result, obj, program, finding)
                own = max((SEVERITY[f.verdict] for f in program.findings), default=0)
                if max(own, explained) < SEVERITY[program.verdict]:
                    yield _row(result, obj, program, _outcome(program))


def own_findings(obj: ObjectVerdict) -> tuple[Finding, ...]:
    """The findings of an object that none of its programs has, or has with a milder verdict."""
    if not obj.findings:
        return ()
    said: dict[tuple[object, ...], int] = {}
    for program in obj.programs:
        for finding in program.findings:
            key = (finding.kind, finding.name, finding.failure)
            said[key] = max(said.get(key, 0), SEVERITY[finding.verdict])
    return tuple(
        f for f in obj.findings if said.get((f.kind, f.name, f.failure), -1) < SEVERITY[f.verdict]
    )  # fmt: skip


def _row(result: ArchResult, obj: ObjectVerdict, program: ProgramVerdict | None, finding: Finding) -> Row:
    name = program.program if program else ""
    return Row(
        key=finding_key(result.arch, obj.object, name, finding),
        arch=result.arch,
        old=result.old.label,
        new=result.new.label,
        object=obj.object,
        package=obj.package,
        program=name,
        section=program.section if program else "",
        finding=finding,
    )


def _outcome(program: ProgramVerdict) -> Finding:
    reason = program.new.reason or "; ".join(program.unchecked) or "No single need explains this verdict."
    return Finding(
        kind=NeedKind.OBJECT,
        name=program.program,
        verdict=program.verdict,
        message=reason,
        rules=(),
        failure=program.new.failure,
        reach=program.reach,
    )


def by_severity(items: Iterable[Row]) -> list[Row]:
    """Rows in the order in which they should be read: worst first, then by name."""
    return sorted(items, key=_reading_order)


def _reading_order(row: Row) -> tuple[object, ...]:
    finding = row.finding
    place = (row.object, row.program, finding.kind.value, finding.name)
    return (-SEVERITY[finding.verdict], list(Verdict).index(finding.verdict), *place, row.arch, row.key)


def groups(items: Iterable[Row]) -> list[Group]:
    """Rows that differ in nothing but the architecture, put together; in reading order."""
    together: dict[tuple[object, ...], list[Row]] = defaultdict(list)
    for row in items:
        f = row.finding
        evidence = (f.evidence.old, f.evidence.new, f.evidence.facts)
        same = (row.object, row.package, row.program, f.kind, f.name, f.verdict, f.failure, f.rules, f.message)
        together[(*same, f.confidence, evidence)].append(row)
    made = [Group(tuple(members)) for members in together.values()]
    return sorted(made, key=lambda g: _reading_order(g.row))


def notable(items: Iterable[Row]) -> Iterator[Row]:
    """The rows that say more than "nothing to do"."""
    return (row for row in items if row.verdict is not Verdict.OK)
