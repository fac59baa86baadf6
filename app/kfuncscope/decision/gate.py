# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""One decision for an upgrade: what every command ends with, every report prints and the window shows.

``decide`` is the only place that turns findings, and inputs that could not be checked, into a state; the exit status
follows from the state alone.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from kfuncscope.decision.compare import Comparison
from kfuncscope.decision.exits import Exit, status
from kfuncscope.decision.policy import DEFAULT, Policy, Waiver, today
from kfuncscope.errors import SessionError
from kfuncscope.model.analysis import Analysis, ArchResult
from kfuncscope.model.rows import Row, by_severity, rows
from kfuncscope.model.unchecked import Unchecked, incomplete, unchecked
from kfuncscope.model.verdict import Verdict

VERDICT_WORDS = ("breaks", "silent", "risk", "degrades", "unknown")
FAIL_WORDS = (*VERDICT_WORDS, "unread", "blocked", "needs-work", "new", "disagree", "never")


class State(StrEnum):
    """What is decided about an upgrade, worst last."""

    CLEAR = "clear"
    INCOMPLETE = "incomplete"
    NEEDS_WORK = "needs work"
    BLOCKED = "blocked"


HEADLINES: dict[State, str] = {
    State.BLOCKED: "Upgrade blocked",
    State.NEEDS_WORK: "Upgrade needs work",
    State.INCOMPLETE: "Upgrade not fully checked",
    State.CLEAR: "Upgrade clear",
}


@dataclass(frozen=True, slots=True)
class ArchDecision:
    """The decision for one architecture, with how many findings block, need a review, are tolerated."""

    arch: str
    state: State
    blocking: int
    review: int
    tolerated: int


@dataclass(frozen=True, slots=True)
class Decision:
    """What is decided about an analysis, by a policy or by ``fail_on``, the words that replace those of the policy.

    ``reasons`` says why in sentences, empty where the upgrade is clear. ``blocking`` are the findings that fail the
    upgrade. ``review`` are those that the policy wants reviewed; under ``fail_on`` those that the policy would have
    counted and the words do not. ``missing`` lists what could not be read, judged or compared: an upgrade is never
    clear while there is any. ``unused`` waivers matched nothing, ``expired`` ones are out of date and tolerate nothing.
    ``subject`` is what the decision is about.
    """

    policy: str
    today: datetime.date
    state: State
    arches: tuple[ArchDecision, ...]
    blocking: tuple[Row, ...] = ()
    review: tuple[Row, ...] = ()
    tolerated: tuple[tuple[Row, Waiver], ...] = ()
    unused: tuple[Waiver, ...] = ()
    expired: tuple[Waiver, ...] = ()
    missing: tuple[Unchecked, ...] = ()
    fail_on: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()
    weights: Mapping[str, float] = field(default_factory=dict)
    subject: str = "Upgrade"

    @property
    def exit(self) -> Exit:
        """The exit status of a command that prints this decision."""
        return status(self.state in (State.BLOCKED, State.NEEDS_WORK), self.state is State.INCOMPLETE)

    @property
    def headline(self) -> str:
        """The decision in a few words."""
        return HEADLINES[self.state].replace("Upgrade", self.subject, 1)

    @property
    def unread(self) -> int:
        """How many inputs could not be read, judged or compared."""
        return len(self.missing)

    @property
    def by(self) -> str:
        """What decided: the policy, or the words that replace its own."""
        if not self.fail_on:
            return f"policy {self.policy}"
        return f"--fail-on {','.join(self.fail_on)}, which replaces what policy {self.policy} blocks and wants reviewed"

    def arch(self, name: str) -> ArchDecision:
        """The decision for one architecture; not fully checked where nothing was decided about it."""
        return next((a for a in self.arches if a.arch == name), ArchDecision(name, State.INCOMPLETE, 0, 0, 0))

    def waived(self) -> dict[str, Waiver]:
        """The waiver of every tolerated finding, by finding key."""
        return {row.key: waiver for row, waiver in self.tolerated}


def fail_words(text: str) -> tuple[str, ...]:
    """The words of ``--fail-on``, separated by commas. Raises SessionError on one that is not known."""
    words = tuple(dict.fromkeys(w.strip().lower() for w in text.split(",") if w.strip()))
    strange = [w for w in words if w not in FAIL_WORDS]
    if strange or not words:
        said = strange[0] if strange else text
        raise SessionError("--fail-on", f"{said[:80]!r} is none of {', '.join(FAIL_WORDS)}")
    return words


def decide(
    analysis: Analysis,
    policy: Policy = DEFAULT,
    day: datetime.date | None = None,
    *,
    fail_on: Sequence[str] = (),
    comparison: Comparison | None = None,
    unread: Sequence[Unchecked] = (),
) -> Decision:
    """The decision about an analysis on a day (today where none is given). ``unread`` adds to what it lists itself.

    Architectures without kernels of their own take no part. Raises SessionError where ``new`` has no comparison.
    """
    if "new" in fail_on and comparison is None:
        raise SessionError("--fail-on", "new needs a --baseline to compare with")
    words = () if "never" in fail_on and len(fail_on) > 1 else tuple(fail_on)
    day = day or today()
    sorted_ = _sort(analysis, policy, day, tuple(fail_on), comparison)
    missing = tuple(dict.fromkeys((*incomplete(analysis), *unread, *(comparison.missing if comparison else ()))))
    state, reasons = _state(sorted_, missing, tuple(fail_on), words)
    judged = [arch for arch in analysis.arches if not arch.inferred]
    return Decision(
        policy=policy.name,
        today=day,
        state=state,
        arches=tuple(_arch(a, sorted_, bool(missing), bool(fail_on)) for a in judged),
        blocking=tuple(by_severity(sorted_.blocking)),
        review=tuple(by_severity(sorted_.review)),
        tolerated=tuple(sorted_.tolerated),
        unused=tuple(w for i, w in enumerate(sorted_.live) if i not in sorted_.used),
        expired=tuple(w for w in policy.waivers if w.expires < day),
        missing=missing,
        fail_on=tuple(fail_on),
        reasons=tuple(reasons),
        weights=policy.weights,
        subject="Kernel" if analysis.gate else "Upgrade",
    )


def all_unchecked(analysis: Analysis, decision: Decision | None) -> tuple[Unchecked, ...]:
    """Everything that could not be checked: what the analysis tells, and what the decision misses beside that."""
    told = unchecked(analysis)
    known = {(one.place, one.why) for one in told}
    more = decision.missing if decision else ()
    return (*told, *(one for one in more if (one.place, one.why) not in known))


@dataclass(slots=True)
class _Sorted:
    """The findings that count, each in one of three lists; ``hits`` counts them by word of ``--fail-on``."""

    live: list[Waiver]
    blocking: list[Row] = field(default_factory=list)
    review: list[Row] = field(default_factory=list)
    tolerated: list[tuple[Row, Waiver]] = field(default_factory=list)
    used: set[int] = field(default_factory=set)
    hits: dict[str, int] = field(default_factory=dict)


def _sort(
    analysis: Analysis, policy: Policy, day: datetime.date, words: tuple[str, ...], comparison: Comparison | None
) -> _Sorted:
    found = _Sorted([w for w in policy.waivers if w.expires >= day])
    fresh = comparison.fresh() if comparison else frozenset()
    inferred = {result.arch for result in analysis.arches if result.inferred}
    for row in rows(analysis):
        if row.arch in inferred:
            continue
        blocks = any(scope.matches(row) for scope in policy.block)
        counts = blocks or any(scope.matches(row) for scope in policy.review)
        hit = [word for word in words if _hits(word, row, blocks, counts, fresh)]
        if not counts and not hit:
            continue
        waiver = _waiver(found, row)
        if waiver is not None:
            found.tolerated.append((row, waiver))
            continue
        for word in hit:
            found.hits[word] = found.hits.get(word, 0) + 1
        fails = bool(hit) and "never" not in words if words else blocks
        (found.blocking if fails else found.review).append(row)
    if count := sum(proof.disagreements for proof in analysis.proof):
        found.hits["disagree"] = count
    return found


def _hits(word: str, row: Row, blocks: bool, counts: bool, fresh: frozenset[str]) -> bool:
    """Whether a word of ``--fail-on`` counts a finding, which the policy blocks, or at least counts."""
    if word == "new":
        return counts and row.key in fresh
    if word in ("blocked", "needs-work"):
        return blocks if word == "blocked" else counts
    return word in VERDICT_WORDS and row.verdict is Verdict(word.upper())


def _waiver(found: _Sorted, row: Row) -> Waiver | None:
    """The first waiver for a row; every one that matches counts as used."""
    matching = [i for i, waiver in enumerate(found.live) if waiver.scope.matches(row)]
    found.used.update(matching)
    return found.live[matching[0]] if matching else None


def _state(
    found: _Sorted, missing: Sequence[Unchecked], fail_on: tuple[str, ...], words: tuple[str, ...]
) -> tuple[State, list[str]]:
    """The state of the whole upgrade, with the sentences that say why."""
    unread = [_said(len(missing), "input", "could not be read, judged or compared")] if missing else []
    if fail_on:
        said = [_hit_sentence(word, found.hits[word]) for word in words if found.hits.get(word)]
        if "unread" in words and missing:
            return State.BLOCKED, [*said, *unread]
        state = State.BLOCKED if said else State.INCOMPLETE if missing else State.CLEAR
        return state, [*said, *unread]
    said = []
    if found.blocking:
        said.append(_said(len(found.blocking), "finding", "blocks by the policy", "block by the policy"))
    if found.review:
        said.append(_said(len(found.review), "finding", "needs work by the policy", "need work by the policy"))
    if disagree := found.hits.get("disagree"):
        said.append(_hit_sentence("disagree", disagree))  # what a kernel refused is not clear, whatever was predicted
    if said:
        return State.BLOCKED if found.blocking else State.NEEDS_WORK, [*said, *unread]
    return State.INCOMPLETE if missing else State.CLEAR, unread


def _hit_sentence(word: str, count: int) -> str:
    if word in VERDICT_WORDS:
        return _said(count, "finding", f"with verdict {word.upper()}")
    if word == "disagree":
        return _said(count, "answer", "of a booted kernel disagrees", "of booted kernels disagree")
    one, more = {
        "new": ("is new or worse", "are new or worse"),
        "blocked": ("blocks by the policy", "block by the policy"),
        "needs-work": ("blocks or needs work by the policy", "block or need work by the policy"),
    }[word]
    return _said(count, "finding", one, more)


def _said(count: int, noun: str, one: str, more: str = "") -> str:
    return f"{count} {noun if count == 1 else noun + 's'} {one if count == 1 else more or one}"


def _arch(result: ArchResult, found: _Sorted, missing: bool, words: bool) -> ArchDecision:
    blocks, asks = _on(result.arch, found.blocking), _on(result.arch, found.review)
    state = State.BLOCKED if blocks else State.NEEDS_WORK if asks and not words else State.CLEAR
    if state is State.CLEAR and missing and not result.objects:
        state = State.INCOMPLETE
    return ArchDecision(result.arch, state, blocks, asks, _on(result.arch, (row for row, _ in found.tolerated)))


def _on(arch: str, listed: Iterable[Row]) -> int:
    return sum(row.arch == arch for row in listed)
