# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Two analyses held against each other: what is new, worse, better, gone, unchanged; for CI on each candidate."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from kfuncscope.decision.policy import Decision
from kfuncscope.errors import SessionError
from kfuncscope.model.analysis import Analysis
from kfuncscope.model.rows import Row, by_severity, rows
from kfuncscope.model.verdict import SEVERITY, Verdict

FAIL_WORDS = ("breaks", "silent", "risk", "degrades", "unknown", "unread", "blocked", "needs-work", "new", "never")


@dataclass(frozen=True, slots=True)
class Comparison:
    """Findings that need attention, before and after. ``worse`` and ``better`` hold (before, after) of one finding."""

    new: tuple[Row, ...]
    worse: tuple[tuple[Row, Row], ...]
    better: tuple[tuple[Row, Row], ...]
    gone: tuple[Row, ...]
    unchanged: tuple[Row, ...]

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
    )


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


def fail_words(text: str) -> tuple[str, ...]:
    """The words of ``--fail-on``, separated by commas. Raises SessionError on one that is not known."""
    words = tuple(w.strip().lower() for w in text.split(",") if w.strip())
    strange = [w for w in words if w not in FAIL_WORDS]
    if strange or not words:
        said = strange[0] if strange else text
        raise SessionError("--fail-on", f"{said[:80]!r} is none of {', '.join(FAIL_WORDS)}")
    return words


def failures(
    analysis: Analysis, words: Sequence[str], decision: Decision, comparison: Comparison | None = None
) -> list[str]:
    """Why a run fails by the words of ``--fail-on``, one sentence each; empty when it passes.

    Verdict words count findings that no waiver tolerates. ``new`` counts what the baseline had not, or less badly,
    and what the policy blocks or wants reviewed; it needs a comparison.
    """
    if "never" in words:
        return []
    waived = decision.waived()
    inferred = {result.arch for result in analysis.arches if result.inferred}
    open_rows = [row for row in rows(analysis) if row.key not in waived and row.arch not in inferred]
    said = []
    for word in words:
        if word == "new" and comparison is None:
            raise SessionError("--fail-on", "new needs a --baseline to compare with")
        count, one, more = _count(word, open_rows, decision, comparison)
        if count:
            said.append(f"{count} {one if count == 1 else more}")
    return said


def _count(word: str, open_rows: list[Row], decision: Decision, comparison: Comparison | None) -> tuple[int, str, str]:
    """How many things a word of ``--fail-on`` counts, and what to say of one and of more."""
    if word == "new" and comparison is not None:
        fresh = comparison.fresh()
        count = len({r.key for r in (*decision.blocking, *decision.review) if r.key in fresh})
        return count, "new or worse finding", "new or worse findings"
    if word == "blocked":
        return len(decision.blocking), "finding blocks by the policy", "findings block by the policy"
    if word == "needs-work":
        count = len(decision.blocking) + len(decision.review) + decision.unread
        return count, "finding or input needs work by the policy", "findings or inputs need work by the policy"
    if word == "unread":
        return decision.unread, "input could not be read", "inputs could not be read"
    verdict = Verdict(word.upper())
    count = sum(r.verdict is verdict for r in open_rows)
    return count, f"finding with verdict {verdict.value}", f"findings with verdict {verdict.value}"
