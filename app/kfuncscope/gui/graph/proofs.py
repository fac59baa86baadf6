# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What booted kernels answered, by program, object and lane: the seals of proof. No Qt.

A seal belongs to a program or an object in a lane; where both kernels of a lane were booted, the worse answer counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from kfuncscope.model.proof import Agreement, ObjectProof, ProgramProof, Proof

if TYPE_CHECKING:
    from kfuncscope.gui.index import Index

Codes = NDArray[np.int8]

ORDER = (Agreement.NOT_SEEN, Agreement.AGREE, Agreement.BEYOND, Agreement.DISAGREE)
"""From no answer to the one that wants to be looked at; a seal is a place in this order, 0 where there is none."""

DISAGREE = ORDER.index(Agreement.DISAGREE)


@dataclass(frozen=True, slots=True)
class Answer:
    """What one kernel answered about a program, or about an object as a whole."""

    release: str
    proof: Proof
    one: ProgramProof | ObjectProof


@dataclass(slots=True)
class Seals:
    """The seals of a result: (things × lanes) codes, and the answers behind them."""

    programs: Codes
    objects: Codes
    of_program: dict[tuple[int, int], list[Answer]] = field(default_factory=dict)
    of_object: dict[tuple[int, int], list[Answer]] = field(default_factory=dict)

    def disagreeing(self, index: Index, lane: int) -> NDArray[np.bool_]:
        """Programs of which a kernel did otherwise than predicted, or of whose object it did."""
        lanes = slice(lane, lane + 1) if lane >= 0 else slice(0, index.overall)
        mask: NDArray[np.bool_] = (self.programs[:, lanes] == DISAGREE).any(axis=1)
        if len(mask):
            mask |= (self.objects[:, lanes] == DISAGREE).any(axis=1)[index.prog_object]
        return mask


def seals_of(index: Index, proofs: Sequence[Proof]) -> Seals:
    """The seals that some proofs give a result: each proof goes to the lanes with its architecture and release."""
    lanes = len(index.lanes)
    seals = Seals(np.zeros((len(index.programs), lanes), np.int8), np.zeros((len(index.objects), lanes), np.int8))
    programs: dict[tuple[int, str], list[int]] = {}
    for number, program in enumerate(index.programs):
        programs.setdefault((program.object, program.name), []).append(number)
    for proof in proofs:
        for lane, arch in enumerate(index.arches):
            if arch.arch == proof.arch and proof.release in (arch.old.release, arch.new.release):
                for one in proof.objects:
                    _stamp(index, seals, lane, proof, one, programs)
    return seals


def _stamp(
    index: Index, seals: Seals, lane: int, proof: Proof, one: ObjectProof, programs: dict[tuple[int, str], list[int]]
) -> None:
    oid = index.object_id(one.object)
    if oid is None or (lane, oid) not in index.object_at:
        return
    seals.of_object.setdefault((lane, oid), []).append(Answer(proof.release, proof, one))
    seals.objects[oid, lane] = max(seals.objects[oid, lane], ORDER.index(one.agreement))
    for inner in one.programs:
        for pid in programs.get((oid, inner.program), ()):
            seals.of_program.setdefault((lane, pid), []).append(Answer(proof.release, proof, inner))
            seals.programs[pid, lane] = max(seals.programs[pid, lane], ORDER.index(inner.agreement))
