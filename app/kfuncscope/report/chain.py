# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""One finding as a proof: need, instruction, source line, rule in words, old fact, new fact, verdict, remedy."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from kfuncscope.kernel.fact_sources import source_of
from kfuncscope.model.aligned import Row, aligned
from kfuncscope.model.analysis import KernelInfo
from kfuncscope.model.catalogue import finding_title, rule
from kfuncscope.model.catalogue import title as rule_title
from kfuncscope.model.looks import REACHES
from kfuncscope.model.verdict import Finding, ProgramVerdict, Reach, Remedy, Site
from kfuncscope.study.life import life_of

MOST_SITES = 8
WIDTH = 46  # of a column of the terminal


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule that decided: its id, its title, what it says."""

    id: str
    title: str
    statement: str


@dataclass(frozen=True, slots=True)
class Fact:
    """What both kernels say of one thing."""

    label: str
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class Chain:
    """The steps of one finding, in the order of the proof.

    ``declarations`` are both declarations part by part; where they are equal, or of two kinds, there are none and
    ``old`` and ``new`` hold the texts. ``facts`` come first where they are what differs. ``source`` says where the fact
    about the new kernel is from.
    """

    need: str
    message: str
    sites: tuple[Site, ...]
    rules: tuple[Rule, ...]
    declarations: tuple[Row, ...]
    old: str
    new: str
    facts: tuple[Fact, ...]
    source: str
    verdict: str
    failure: str
    confidence: str
    reach: str
    life: str
    remedy: Remedy | None


def chain(finding: Finding, section: str, kernel: KernelInfo) -> Chain:
    """The proof of one finding of a program in a section."""
    evidence = finding.evidence
    rows = aligned(evidence.old, evidence.new) if evidence.old and evidence.new and evidence.old != evidence.new else []
    known = [(one, rule(one)) for one in finding.rules]
    return Chain(
        need=f"{finding.kind.value} {finding.name}",
        message=finding.message,
        sites=finding.sites,
        rules=tuple(Rule(one, rule_title(one), r.statement if r is not None else "") for one, r in known),
        declarations=tuple(rows),
        old=evidence.old,
        new=evidence.new,
        facts=tuple(Fact(*f) for f in sorted(evidence.facts, key=lambda f: f[1] == f[2])),
        source=source_of(finding, section.lstrip("?"), kernel.facts),
        verdict=finding.verdict.value,
        failure=finding_title(finding) if finding.failure else "",
        confidence=finding.confidence.value,
        reach=REACHES[finding.reach] if finding.reach is not Reach.NONE else "",
        life=life_of(finding, section),
        remedy=finding.remedy,
    )


def chains(program: ProgramVerdict, whole: Iterable[Finding], kernel: KernelInfo) -> list[Chain]:
    """The proofs of a program's findings, and of those of its object that it does not have itself."""
    told = {(f.kind, f.name, f.failure) for f in program.findings}
    more = (f for f in whole if (f.kind, f.name, f.failure) not in told)
    return [chain(f, program.section, kernel) for f in (*program.findings, *more)]


def place(site: Site) -> str:
    """A site as one line: source line, instruction, whether it is reached."""
    where = f"{site.file}:{site.line} " if site.file else ""
    state = "" if site.reachable is None else ", reachable" if site.reachable else ", not reachable"
    return f"{where}(insn {site.insn} of {site.function}{state})"


def columns(one: Chain) -> Iterator[tuple[str, str, str, str]]:
    """(mark, label, old, new) of what both kernels say, what differs first: declarations, then facts.

    The mark is ``-`` for what is removed, ``+`` for what is added, ``~`` for what changed or moved, empty for equals.
    """
    same = one.old and one.old == one.new
    if same:
        yield from ((_mark(f.old, f.new), f.label, f.old, f.new) for f in one.facts)
        return
    for row in one.declarations:
        mark = "" if row.equal else _mark(row.old, row.new, moved=True)
        yield mark, row.place, row.old, row.new
    yield from ((_mark(f.old, f.new), f.label, f.old, f.new) for f in one.facts)


def _mark(old: str, new: str, *, moved: bool = False) -> str:
    if old == new and not moved:
        return ""
    return "-" if old and not new else "+" if new and not old else "~"


def lines(one: Chain, names: tuple[str, str]) -> Iterator[str]:
    """The proof as plain text, one step after the other; names from inputs are still raw."""
    yield f"need: {one.need}"
    for site in one.sites[:MOST_SITES]:
        yield f"at {place(site)}  {site.text}".rstrip()
        if site.guard:
            yield f"  guarded at {site.guard}"
    if len(one.sites) > MOST_SITES:
        yield f"and at {len(one.sites) - MOST_SITES} more places"
    for known in one.rules:
        yield f"rule {known.id}  {known.title}".rstrip()
        if known.statement and known is one.rules[0]:
            yield f"  {known.statement}"
    yield from _two(one, names)
    if one.source:
        yield f"fact about the new kernel from {one.source}"
    reach = f" · {one.reach}" if one.reach else ""
    yield f"verdict: {one.verdict}, confidence {one.confidence}{reach}"
    if one.life:
        yield f"life: {one.life}"


def _two(one: Chain, names: tuple[str, str]) -> Iterator[str]:
    listed = [(mark, label, old or "–", new or "–") for mark, label, old, new in columns(one)]
    if listed:
        first = max(len(label) for _, label, _, _ in listed)
        width = min(max(len(names[0]), *(len(old) for *_, old, _ in listed)), WIDTH)
        yield f"  {'':{first + 2}} {names[0]:{width}} │ {names[1]}"
        for mark, label, old, new in listed:
            yield f"{mark or ' '} {label:{first + 2}} {old:{width}} │ {new}"
    if one.declarations:
        return
    if one.old and one.old == one.new:
        yield "declaration, the same on both kernels:"
        yield from (f"  {line}" for line in one.old.splitlines())
        return
    for name, text in zip(names, (one.old, one.new), strict=True):
        if one.old or one.new:
            yield f"{name}:"
            yield from (f"  {line}" for line in (text or "(absent)").splitlines())
