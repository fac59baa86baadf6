# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Programs and objects put together by hand around findings that the engine made."""

from __future__ import annotations

from collections.abc import Iterable

from kfuncscope.bpf.sections import read_section
from kfuncscope.model.analysis import KernelInfo, ObjectInfo
from kfuncscope.model.verdict import (
    Finding,
    NeedKind,
    NeedUse,
    ObjectVerdict,
    Outcome,
    ProgramVerdict,
    Reach,
    Tri,
    Verdict,
    worst,
)
from kfuncscope.storage.files import Place
from support import upgrade
from support.upgrade import sha

V = Verdict
ARCHES = ("x86_64", "arm64", "ppc64le", "riscv64", "s390x")

DISPATCH = upgrade.finding("scx_simple")  # a strong kfunc that is gone
FIELD = upgrade.finding("runqlen")  # a field that is gone
WQ = upgrade.finding("XPPen__ACK05")  # a weak kfunc that is gone, guarded


def fine(kind: NeedKind, name: str) -> NeedUse:
    """A need that the upgrade leaves alone."""
    return NeedUse(kind, name, V.OK)


def use(finding: Finding) -> NeedUse:
    """The need that a finding is about."""
    return NeedUse(finding.kind, finding.name, finding.verdict)


def outcome(verdict: Verdict, finding: Finding | None = None) -> Outcome:
    """The new kernel's answer that goes with a verdict, for the reason that a finding gives."""
    if verdict is V.BREAKS and finding is not None:
        return Outcome(Tri.NO, Tri.NO, Tri.NO, finding.failure, finding.message)
    unknown = verdict is V.UNKNOWN
    return Outcome(Tri.UNKNOWN if unknown else Tri.YES, Tri.UNKNOWN if unknown else Tri.YES, Tri.YES)


def program(
    name: str,
    section: str,
    *findings: Finding,
    prog_type: str = "",
    needs: Iterable[NeedUse] = (),
    unchecked: tuple[str, ...] = (),
) -> ProgramVerdict:
    """A program as bad, and reaching as far, as its worst finding; ``needs`` beside those of its findings."""
    verdict = worst(f.verdict for f in findings)
    return ProgramVerdict(
        program=name,
        section=section,
        prog_type=prog_type or read_section(section).prog_type,
        autoload=True,
        verdict=verdict,
        reach=max((f.reach for f in findings), key=list(Reach)[::-1].index, default=Reach.NONE),
        old=outcome(V.OK),
        new=outcome(verdict, next((f for f in findings if f.verdict is verdict), None)),
        findings=findings,
        needs=tuple(dict.fromkeys((*map(use, findings), *needs))),
        unchecked=unchecked or tuple(f.message for f in findings if f.verdict is V.UNKNOWN),
    )


def obj(name: str, package: str, *programs: ProgramVerdict, findings: tuple[Finding, ...] = ()) -> ObjectVerdict:
    """An object whose verdict is the worst of its parts."""
    verdict = worst([*(p.verdict for p in programs), *(f.verdict for f in findings)])
    told = [*findings, *(f for p in programs for f in p.findings)]
    reason = next((f.message for f in told if f.verdict is verdict), "nothing that the object needs has changed")
    return ObjectVerdict(name, package, sha(name), verdict, reason, programs, findings)


def infos(objects: Iterable[ObjectVerdict]) -> tuple[ObjectInfo, ...]:
    """The objects as files of their packages."""
    return tuple(
        ObjectInfo(o.object, o.sha256, 4096, (Place(o.package, f"usr/lib/bpf/{o.object}.bpf.o"),), len(o.programs))
        for o in objects
    )


def kernel(arch: str, new: bool) -> KernelInfo:
    """The old or the new kernel of the upgrade."""
    return upgrade.info(arch, new)
