# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The part of a report that says what booted kernels answered: the same rows for every format."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from kfuncscope.model.analysis import Analysis
from kfuncscope.model.proof import Agreement, ObjectProof, ProgramProof, Proof
from kfuncscope.model.rows import Row
from kfuncscope.model.verdict import Tri, Verdict

_ORDER = (Agreement.DISAGREE, Agreement.BEYOND, Agreement.NOT_SEEN, Agreement.AGREE)
_LOADS = {Tri.YES: "loads", Tri.NO: "refused", Tri.UNKNOWN: "unknown"}

Answers = dict[tuple[str, str, str], list[tuple[str, ProgramProof]]]
"""(architecture, object, program) → [(release, answer)]."""


@dataclass(frozen=True, slots=True)
class ProofRow:
    """One answer in words; ``program`` is empty for the object as a whole."""

    agreement: Agreement
    object: str
    program: str
    predicted: str
    seen: str
    line: str


def facts(proof: Proof) -> str:
    """The boot in one line."""
    how = f"{proof.accelerator}, {proof.seconds} s" if proof.accelerator else "all answers from the cache"
    return f"{proof.uname}; libbpf {proof.libbpf}; {how}; image SHA-256 {proof.image_sha256}"


def totals(proof: Proof) -> str:
    """How many programs have each agreement, in one line."""
    counts = proof.counts()
    return ", ".join(f"{agreement.value} {counts[agreement]}" for agreement in Agreement)


def proof_rows(proof: Proof, everything: bool = False) -> list[ProofRow]:
    """What disagrees first; what agrees only where everything is asked for."""
    found = [row for one in proof.objects for row in _rows(one) if everything or row.agreement != Agreement.AGREE]
    return sorted(found, key=lambda row: (_ORDER.index(row.agreement), row.object, row.program))


def _rows(one: ObjectProof) -> Iterator[ProofRow]:
    yield ProofRow(one.agreement, one.object, "", _LOADS[one.predicted], _LOADS[one.seen], one.line)
    for p in one.programs:
        predicted = _both(p.predicted_loads, p.predicted_attaches)
        yield ProofRow(p.agreement, one.object, p.program, predicted, _both(p.seen_loads, p.seen_attaches), p.line)


def _both(loads: Tri, attaches: Tri) -> str:
    if loads != Tri.YES or attaches == Tri.UNKNOWN:
        return _LOADS[loads]
    return "loads, attaches" if attaches == Tri.YES else "loads, does not attach"


def answers(analysis: Analysis) -> Answers:
    """The answers in the order of the proofs; that for an object as a whole has no program and no section."""
    found: Answers = {}
    for proof in analysis.proof:
        for one in proof.objects:
            whole = ProgramProof(
                "", "", one.agreement, one.predicted, one.seen, failure=one.failure, line=one.line
            )  # fmt: skip
            for program in (whole, *one.programs):
                found.setdefault((proof.arch, one.object, program.program), []).append((proof.release, program))
    return found


def without_row(found: Answers, listed: Iterable[Row]) -> Answers:
    """What disagrees with a kernel and has none of these rows, which would carry it: a report must not lose it."""
    told = {(row.arch, row.object, row.program) for row in listed}
    return {
        place: given
        for place, given in found.items()
        if place not in told and any(p.agreement == Agreement.DISAGREE for _, p in given)
    }


def verdicts(analysis: Analysis) -> dict[tuple[str, str, str], Verdict]:
    """What was judged at each place that can have an answer; the object as a whole has no program."""
    found = {}
    for result in analysis.arches:
        for one in result.objects:
            found[result.arch, one.object, ""] = one.verdict
            found |= {(result.arch, one.object, p.program): p.verdict for p in one.programs}
    return found


def disagreeing(listed: list[tuple[str, ProgramProof]]) -> str:
    """What the kernels said that did otherwise than predicted, in one line."""
    return "; ".join(
        f"{release}: predicted {_both(p.predicted_loads, p.predicted_attaches)}, seen "
        f"{_both(p.seen_loads, p.seen_attaches)}{': ' if p.line else ''}{p.line}"
        for release, p in listed
        if p.agreement == Agreement.DISAGREE
    )


def words(listed: list[tuple[str, ProgramProof]]) -> str:
    """The answers for a program in one cell: ``6.12: agree (loads); 7.3: agree (refused)``."""
    return "; ".join(
        f"{release}: {p.agreement.value} ({_both(p.seen_loads, p.seen_attaches)})" for release, p in listed
    )
