# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The part of a report that says what booted kernels answered: the same rows for every format."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from kfuncscope.model.analysis import Analysis
from kfuncscope.model.proof import Agreement, ObjectProof, ProgramProof, Proof
from kfuncscope.model.verdict import Tri

_ORDER = (Agreement.DISAGREE, Agreement.BEYOND, Agreement.NOT_SEEN, Agreement.AGREE)
_LOADS = {Tri.YES: "loads", Tri.NO: "refused", Tri.UNKNOWN: "unknown"}


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


def answers(analysis: Analysis) -> dict[tuple[str, str, str], list[tuple[str, ProgramProof]]]:
    """(architecture, object, program) → [(release, answer)] in the order of the proofs."""
    found: dict[tuple[str, str, str], list[tuple[str, ProgramProof]]] = {}
    for proof in analysis.proof:
        for one in proof.objects:
            for program in one.programs:
                found.setdefault((proof.arch, one.object, program.program), []).append((proof.release, program))
    return found


def words(listed: list[tuple[str, ProgramProof]]) -> str:
    """The answers for a program in one cell: ``6.12: agree (loads); 7.3: agree (refused)``."""
    return "; ".join(
        f"{release}: {p.agreement.value} ({_both(p.seen_loads, p.seen_attaches)})" for release, p in listed
    )
