# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Findings by cause: one thing of the kernel that changed, and all programs that it hits.

``hits`` is the one place that says which program a cause hits: a program that goes down with its object counts, though
it does not use the thing itself, for that is what the decision is about. Reports, the command line, waivers, notes and
the window count by it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import chain
from typing import NamedTuple

from kfuncscope.model.analysis import Analysis, ArchResult
from kfuncscope.model.failure import Failure
from kfuncscope.model.rows import Row, rows
from kfuncscope.model.verdict import SEVERITY, Finding, NeedKind, Reach, Verdict

_TRACEPOINTS = frozenset({"tp_btf", "raw_tp", "raw_tracepoint", "tracepoint", "tp"})
_MISSING = frozenset(
    {
        Failure.KFUNC_NOT_FOUND, Failure.KSYM_NOT_FOUND, Failure.KCONFIG_NOT_FOUND, Failure.CORE_RELOC_POISONED,
        Failure.ATTACH_BTF_NOT_FOUND, Failure.ATTACH_FAILED, Failure.TYPE_UNSUPPORTED, Failure.STRUCT_OPS_MISMATCH,
        Failure.MAP_NOT_CREATED,
    }
)  # fmt: skip
_NO_HELPER = "R-6.1"  # the kernel has none of this number; by other rules it has, but not for this program or place
_WORDS = {
    NeedKind.FIELD: "field", NeedKind.TYPE: "type", NeedKind.ENUMVAL: "enumerator", NeedKind.KSYM: "variable",
    NeedKind.KCONFIG: "option", NeedKind.INSN: "instruction",
}  # fmt: skip


class Change(StrEnum):
    """What happened to the thing."""

    REMOVED = "removed"
    CHANGED = "changed"
    REFUSED = "refused"
    UNKNOWN = "not known"


class CauseKey(NamedTuple):
    """What tells causes apart: the kind of thing in a word, its name, and what happened to it."""

    kind: str
    name: str
    change: Change

    @property
    def words(self) -> str:
        """What happened, without the name: ``tracepoint removed``."""
        return f"{self.kind} {self.change.value}"

    @property
    def title(self) -> str:
        """The change in a few words: ``tracepoint xdp_redirect_map removed``."""
        return f"{self.kind} {self.name} {self.change.value}"

    @property
    def note_key(self) -> str:
        """Under which a session keeps a note on the cause, which then shows at all its findings."""
        return f"cause:{self.title}"


class Hit(NamedTuple):
    """One program that a cause hits on one architecture, with the verdict that it leads to.

    ``program`` is empty for an object none of whose programs shares its verdict. ``need`` is the need of the finding.
    """

    arch: str
    object: str
    program: str
    key: CauseKey
    verdict: Verdict
    need: tuple[NeedKind, str]


@dataclass(frozen=True, slots=True)
class Cause:
    """One change of the kernel with the findings that follow from it, worst first; ``rows`` is never empty.

    ``hits`` are the programs that it hits; without them those that the rows name. An object stands for itself only
    where none of its programs is named.
    """

    key: CauseKey
    rows: tuple[Row, ...]
    hits: tuple[Hit, ...] = ()

    @property
    def verdict(self) -> Verdict:
        """The worst verdict that it leads to."""
        return self.rows[0].verdict

    @property
    def programs(self) -> tuple[tuple[str, str], ...]:
        """(object, program) of what it hits."""
        named = {(r.object, r.program) for r in self.rows if r.program}
        named |= {(h.object, h.program) for h in self.hits if h.program}
        known = {object_ for object_, _ in named}
        return tuple(sorted(named | {(r.object, "") for r in self.rows if r.object not in known}))

    @property
    def packages(self) -> tuple[str, ...]:
        """The packages whose programs it hits."""
        return tuple(sorted({r.package for r in self.rows if r.package}))

    @property
    def arches(self) -> tuple[str, ...]:
        """The architectures on which it does, in the order of the analysis."""
        return tuple(dict.fromkeys(r.arch for r in self.rows))

    @property
    def title(self) -> str:
        """The change in a few words, as those of its key."""
        return self.key.title

    @property
    def extent(self) -> str:
        """How far it goes: ``7 programs in 3 packages on 4 architectures``."""
        parts = [_count(len(self.programs), "program")]
        if self.packages:
            parts.append(f"in {_count(len(self.packages), 'package')}")
        parts.append(f"on {_count(len(self.arches), 'architecture')}")
        return " ".join(parts)


def _count(number: int, word: str) -> str:
    return f"{number:,} {word if number == 1 else word + 's'}"


def cause_key(row: Row) -> CauseKey:
    """The cause of one finding."""
    return key_of(row.finding, row.section)


def key_of(finding: Finding, section: str) -> CauseKey:
    """The cause of a finding of a program in a section; an object's findings have none."""
    if finding.changed:
        kind, _, name = finding.changed.partition(" ")
        return CauseKey(kind, name, Change.CHANGED)
    if finding.kind is NeedKind.OBJECT and finding.rules and finding.verdict is not Verdict.UNKNOWN:
        return CauseKey("rule", finding.rules[0], Change.CHANGED)  # no thing of the kernel, but what it allows
    kind, name = _WORDS.get(finding.kind, finding.kind.value), finding.name
    if finding.kind is NeedKind.HOOK:
        section = section.removeprefix("?").partition("/")[0].removesuffix(".s")
        kind = "tracepoint" if section in _TRACEPOINTS else "LSM hook" if section.startswith("lsm") else "function"
        name = name.rpartition("/")[2].partition("+")[0]
    elif finding.kind is NeedKind.ENUMVAL:
        name = name.removeprefix("enum ")
    elif finding.kind in (NeedKind.FIELD, NeedKind.TYPE):
        name = name.removeprefix("struct ").removeprefix("union ")
    return CauseKey(kind, name, _change(finding))


def _change(finding: Finding) -> Change:
    if finding.verdict is Verdict.UNKNOWN:
        return Change.UNKNOWN
    if "R-12.17" in finding.rules:
        return Change.CHANGED
    if finding.evidence.old and finding.evidence.new:
        return Change.CHANGED if finding.evidence.old != finding.evidence.new else Change.REFUSED
    if finding.failure is Failure.HELPER_NOT_AVAILABLE:
        return Change.REMOVED if _NO_HELPER in finding.rules else Change.REFUSED
    if finding.failure in _MISSING or finding.verdict is Verdict.DEGRADES:
        return Change.REMOVED
    return Change.CHANGED if finding.failure is Failure.NONE else Change.REFUSED


def hits(result: ArchResult) -> Iterator[Hit]:
    """Which program each cause hits on one upgrade, UNKNOWN and worse, each pair once with its worst verdict.

    A finding hits its own program; one that takes the whole object down hits every program of the object that has the
    same verdict.
    """
    for obj in result.objects:
        found: dict[tuple[str, CauseKey], Hit] = {}
        wide: dict[tuple[CauseKey, Verdict], Finding] = {}
        for program in obj.programs:
            for finding in program.findings:
                if SEVERITY[finding.verdict]:
                    key = key_of(finding, program.section)
                    _hit(found, Hit(result.arch, obj.object, program.program, key, finding.verdict, _need(finding)))
                    if finding.reach is Reach.OBJECT:
                        wide[key, finding.verdict] = finding
        for finding in obj.findings:
            if SEVERITY[finding.verdict]:
                wide.setdefault((key_of(finding, ""), finding.verdict), finding)
        for (key, verdict), finding in wide.items():
            names = [p.program for p in obj.programs if p.verdict is verdict]
            for name in names or [""]:
                _hit(found, Hit(result.arch, obj.object, name, key, verdict, _need(finding)))
        yield from found.values()


def _need(finding: Finding) -> tuple[NeedKind, str]:
    return finding.kind, finding.name


def _hit(found: dict[tuple[str, CauseKey], Hit], hit: Hit) -> None:
    before = found.get((hit.program, hit.key))
    if before is None or SEVERITY[hit.verdict] > SEVERITY[before.verdict]:
        found[hit.program, hit.key] = hit


def causes(listed: Iterable[Row], hit: Iterable[Hit] = ()) -> list[Cause]:
    """The causes of what is on the scale (BREAKS to DEGRADES), worst first, then by how many programs they hit."""
    by_key: dict[CauseKey, list[Row]] = defaultdict(list)
    for row in listed:
        if SEVERITY[row.verdict] > SEVERITY[Verdict.UNKNOWN]:
            by_key[cause_key(row)].append(row)
    struck: dict[CauseKey, list[Hit]] = defaultdict(list)
    for one in hit:
        struck[one.key].append(one)
    made = [
        Cause(key, tuple(sorted(members, key=lambda r: -SEVERITY[r.verdict])), tuple(struck.get(key, ())))
        for key, members in by_key.items()
    ]
    return sorted(made, key=lambda c: (-SEVERITY[c.verdict], -len(c.programs), c.key))


def causes_of(analysis: Analysis) -> list[Cause]:
    """The causes of an analysis, without the architectures that were only inferred."""
    judged = tuple(a for a in analysis.arches if not a.inferred)
    return causes(rows(replace(analysis, arches=judged)), chain.from_iterable(map(hits, judged)))


@dataclass(frozen=True, slots=True)
class CauseLine:
    """A cause as reports list it: what changed, how many programs and packages it hits, the keys of its findings."""

    kind: str
    name: str
    change: Change
    verdict: Verdict
    programs: int
    packages: int
    arches: tuple[str, ...]
    findings: tuple[str, ...]


def cause_lines(listed: Iterable[Cause]) -> list[CauseLine]:
    """Causes as lines, in their order."""
    return [
        CauseLine(*c.key, c.verdict, len(c.programs), len(c.packages), c.arches, tuple(sorted({r.key for r in c.rows})))
        for c in listed
    ]
