# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What a booted kernel answered, beside what was predicted from its files."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum

from kfuncscope.model.verdict import Tri


class Agreement(StrEnum):
    """How the prediction compares with what the kernel did.

    BEYOND: the kernel refused for a reason that files cannot show, or nothing was predicted. NOT_SEEN: no answer.
    """

    AGREE = "agree"
    DISAGREE = "DISAGREE"
    BEYOND = "beyond the files"
    NOT_SEEN = "not seen"


@dataclass(frozen=True, slots=True)
class ProgramProof:
    """One program: predicted and seen, whether it loads and whether it attaches (``unknown`` where it was not tried).

    ``failure`` is the failure code of what was seen (in proofs of earlier versions a word of theirs),
    ``line`` the kernel's or libbpf's own words.
    """

    program: str
    section: str
    agreement: Agreement
    predicted_loads: Tri
    seen_loads: Tri
    predicted_attaches: Tri = Tri.UNKNOWN
    seen_attaches: Tri = Tri.UNKNOWN
    failure: str = field(default="", metadata={"json": "cls"})
    line: str = ""


@dataclass(frozen=True, slots=True)
class ObjectProof:
    """One object as a whole, as ``bpf_object__load()`` takes it, and its programs each alone."""

    object: str
    sha256: str
    agreement: Agreement
    predicted: Tri
    seen: Tri
    programs: tuple[ProgramProof, ...]
    failure: str = field(default="", metadata={"json": "cls"})
    line: str = ""
    cached: bool = False

    def counts(self) -> Counter[Agreement]:
        """How many programs have each agreement."""
        return Counter(p.agreement for p in self.programs)


@dataclass(frozen=True, slots=True)
class Proof:
    """One kernel that was booted. ``image_sha256`` is of the image as shipped; ``seconds`` of all its boots together.

    ``accelerator`` is ``kvm`` or ``tcg`` (emulation), empty where every answer came from the cache. ``notes`` say what
    else has to be known: modules that could not be inserted, a guest that crashed.
    """

    arch: str
    release: str
    image_sha256: str
    uname: str
    libbpf: str
    accelerator: str
    seconds: int
    objects: tuple[ObjectProof, ...]
    notes: tuple[str, ...] = ()

    def counts(self) -> Counter[Agreement]:
        """How many programs have each agreement."""
        total: Counter[Agreement] = Counter()
        for one in self.objects:
            total += one.counts()
        return total

    @property
    def disagreements(self) -> int:
        """Objects and programs of which the kernel did otherwise than predicted."""
        whole = sum(o.agreement == Agreement.DISAGREE for o in self.objects)
        return whole + self.counts()[Agreement.DISAGREE]


@dataclass(frozen=True, slots=True)
class Booting:
    """A kernel is about to be booted: the objects in the order in which they are asked about, and what will run."""

    arch: str
    release: str
    objects: tuple[str, ...]
    plan: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Seen:
    """One object has its answers."""

    arch: str
    release: str
    one: ObjectProof
