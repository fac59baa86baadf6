# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The result of an analysis as plain data: what windows show, reports print and CI compares."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from kfuncscope.model.origin import Origin
from kfuncscope.model.proof import Proof
from kfuncscope.model.verdict import Finding, NeedKind, ObjectVerdict, Verdict, worst
from kfuncscope.storage.files import Input, InputProblem, Place

NOT_GIVEN = "not given"
"""The value of a part in ``KernelInfo.facts`` that a kernel came without."""
KNOWN_FROM = "known from "
"""Begins the labels of those that name a source; the kinds of facts that it gives follow as the value."""


@dataclass(frozen=True, slots=True)
class KernelInfo:
    """One kernel as results name it. ``facts`` are (label, value) lines: BTF size, config, kfuncs and their source."""

    label: str
    arch: str
    release: str
    kfuncs: int
    facts: tuple[tuple[str, str], ...] = ()
    inputs: tuple[Input, ...] = ()
    faults: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True)
class ArchResult:
    """One upgrade on one architecture. ``inferred`` marks an architecture judged without kernels of its own."""

    arch: str
    old: KernelInfo
    new: KernelInfo
    objects: tuple[ObjectVerdict, ...]
    inferred: bool = False

    @property
    def verdict(self) -> Verdict:
        """The worst verdict of any object here."""
        return worst(o.verdict for o in self.objects)

    def counts(self) -> Counter[Verdict]:
        """How many programs have each verdict."""
        return Counter(p.verdict for o in self.objects for p in o.programs)


@dataclass(frozen=True, slots=True)
class ObjectInfo:
    """One object that was analysed, with every place it came from and what could not be read of it.

    ``judged_on`` are the architectures it took part in: an object of one byte order stays away from the others.
    """

    name: str
    sha256: str
    size: int
    places: tuple[Place, ...]
    programs: int
    notes: tuple[str, ...] = ()
    judged_on: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class HostUse:
    """One thing that kernels provide, and on how many hosts how many running programs use it."""

    kind: NeedKind
    name: str
    hosts: int
    programs: int


@dataclass(frozen=True, slots=True)
class RunsOn:
    """A program of an analysed object that runs on hosts; ``join`` says how it was recognised there. ``on`` are places
    in ``CensusInfo.names``."""

    object: str
    program: str
    hosts: int
    running: int
    join: str
    on: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class CensusInfo:
    """What a census says about an analysis: hosts, running programs by the kind of their join (exact, likely, kernel
    only), what they use, and where the programs of the analysed objects run. ``partly`` counts those of which
    something could not be seen; ``notes`` say what limits the whole; ``names`` are those of the first hosts."""

    hosts: int
    running: int
    exact: int
    likely: int
    kernel_only: int
    partly: int
    uses: tuple[HostUse, ...] = ()
    programs: tuple[RunsOn, ...] = ()
    notes: tuple[str, ...] = ()
    names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Analysis:
    """Everything one run found. ``whatif`` lists the hypothetical changes that are in it; empty for a real result.

    ``proof`` holds what the kernels themselves answered, where they were booted.
    ``census`` is there where one was given: how widely things are used is then counted on hosts.
    ``origins`` name the commits behind the causes, where a kernel repository was searched for them.
    ``gate`` marks kernels that were judged without objects: each is an object here, and each check of it a program.
    """

    version: str
    arches: tuple[ArchResult, ...]
    objects: tuple[ObjectInfo, ...]
    problems: tuple[InputProblem, ...] = ()
    whatif: tuple[str, ...] = ()
    proof: tuple[Proof, ...] = ()
    census: CensusInfo | None = None
    gate: bool = False
    origins: tuple[Origin, ...] = ()

    @property
    def verdict(self) -> Verdict:
        """The worst verdict of any architecture."""
        return worst(a.verdict for a in self.arches)
