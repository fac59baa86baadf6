# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Two analyses compared: what is new, worse, better, gone, unchanged; for CI on each candidate."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from kfuncscope.model.analysis import Analysis
from kfuncscope.model.rows import Row, by_severity, rows
from kfuncscope.model.unchecked import Unchecked
from kfuncscope.model.verdict import SEVERITY

NOT_COMPARED = "the earlier report judged this architecture and the later one does not: it was not compared"


@dataclass(frozen=True, slots=True)
class ProofChange:
    """A program whose booted kernel answered otherwise than before beside its prediction; empty where not asked."""

    arch: str
    release: str
    object: str
    program: str
    before: str
    after: str
    line: str


@dataclass(frozen=True, slots=True)
class Comparison:
    """Findings that need attention, before and after. ``worse`` and ``better`` hold (before, after) of one finding.

    ``missing`` names the architectures that only the earlier analysis judged: theirs were not compared. ``proof`` are
    programs for which the agreement of prediction and booted kernel changed.
    """

    new: tuple[Row, ...]
    worse: tuple[tuple[Row, Row], ...]
    better: tuple[tuple[Row, Row], ...]
    gone: tuple[Row, ...]
    unchanged: tuple[Row, ...]
    missing: tuple[Unchecked, ...] = ()
    proof: tuple[ProofChange, ...] = ()

    def fresh(self) -> frozenset[str]:
        """Keys of what the later analysis adds: new findings, and those that got worse."""
        return frozenset({row.key for row in self.new} | {after.key for _, after in self.worse})


def compare(before: Analysis, after: Analysis) -> Comparison:
    """Compare by finding key; of several findings with one key the worst counts.

    Architectures that were only inferred take no part: they repeat the judged one, and a second pair of kernels makes
    them vanish.
    """
    old, new = _worst_by_key(before), _worst_by_key(after)
    both = [(old[key], row) for key, row in new.items() if key in old]
    worse = [(a, b) for a, b in both if SEVERITY[b.verdict] > SEVERITY[a.verdict]]
    better = [(a, b) for a, b in both if SEVERITY[b.verdict] < SEVERITY[a.verdict]]
    same = [b for a, b in both if SEVERITY[b.verdict] == SEVERITY[a.verdict]]
    return Comparison(
        new=tuple(by_severity(row for key, row in new.items() if key not in old)),
        worse=_sorted_pairs(worse),
        better=_sorted_pairs(better),
        gone=tuple(by_severity(row for key, row in old.items() if key not in new)),
        unchanged=tuple(by_severity(same)),
        missing=tuple(Unchecked(arch, NOT_COMPARED, (), given=True) for arch in _only_before(before, after)),
        proof=tuple(_proof_changes(before, after)),
    )


def _proof_changes(before: Analysis, after: Analysis) -> Iterable[ProofChange]:
    """By kernel release, object and program; nothing where either analysis was not proved at all."""
    old, new = _agreements(before), _agreements(after)
    if not old or not new:
        return
    for key in sorted(old.keys() | new.keys()):
        was, now = old.get(key, ("", "")), new.get(key, ("", ""))
        if was[0] != now[0]:
            yield ProofChange(*key, was[0], now[0], now[1])


def _agreements(analysis: Analysis) -> dict[tuple[str, str, str, str], tuple[str, str]]:
    return {
        (proof.arch, proof.release, one.object, p.program): (p.agreement.value, p.line)
        for proof in analysis.proof
        for one in proof.objects
        for p in one.programs
    }


def _only_before(before: Analysis, after: Analysis) -> list[str]:
    earlier, later = ({a.arch: None for a in one.arches if not a.inferred} for one in (before, after))
    return [arch for arch in earlier if arch not in later]


def _worst_by_key(analysis: Analysis) -> dict[str, Row]:
    found: dict[str, Row] = {}
    inferred = {result.arch for result in analysis.arches if result.inferred}
    for row in rows(analysis):
        if not SEVERITY[row.verdict] or row.arch in inferred:
            continue
        known = found.get(row.key)
        if known is None or SEVERITY[known.verdict] < SEVERITY[row.verdict]:
            found[row.key] = row
    return found


def _sorted_pairs(pairs: Iterable[tuple[Row, Row]]) -> tuple[tuple[Row, Row], ...]:
    before = {after.key: old for old, after in pairs}
    return tuple((before[row.key], row) for row in by_severity(after for _, after in pairs))
