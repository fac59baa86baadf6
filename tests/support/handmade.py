# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Results put together by hand, not by the engine: programs, objects, kernels, and findings that tests share."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from kfuncscope.model.analysis import KernelInfo, ObjectInfo
from kfuncscope.model.verdict import (
    Confidence,
    Evidence,
    Finding,
    NeedKind,
    NeedUse,
    ObjectVerdict,
    Outcome,
    ProgramVerdict,
    Reach,
    Remedy,
    Site,
    Tri,
    Verdict,
    worst,
)
from kfuncscope.storage.files import Input, Place

V = Verdict
ARCHES = ("x86_64", "arm64", "ppc64le", "riscv64", "s390x")

DISPATCH = Finding(
    kind=NeedKind.KFUNC,
    name="scx_bpf_dispatch",
    verdict=V.BREAKS,
    message="The kfunc scx_bpf_dispatch is gone. It is a strong extern, so libbpf refuses the whole object.",
    rules=("R-2.8", "R-0.1"),
    cls="kfunc_not_found",
    reach=Reach.OBJECT,
    evidence=Evidence(
        old="void scx_bpf_dispatch(struct task_struct *p, u64 dsq_id, u64 slice, u64 enq_flags);",
        new="",
        facts=(("KF flags", "KF_RCU", ""), ("in .BTF_ids", "yes", "no")),
    ),
    sites=(Site("simple_enqueue", 21, "scx_simple.bpf.c", 58, "scx_bpf_dispatch(p, SHARED_DSQ, slice, flags);", True),),
    remedy=Remedy(
        "Call scx_bpf_dsq_insert where the kernel has it; the prototype is the same.",
        "extern void scx_bpf_dsq_insert(struct task_struct *p, u64 dsq_id, u64 slice, u64 enq_flags) __ksym __weak;\n"
        "if (bpf_ksym_exists(scx_bpf_dsq_insert))\n\tscx_bpf_dsq_insert(p, dsq_id, slice, enq_flags);",
    ),
)
FIELD = Finding(
    kind=NeedKind.FIELD,
    name="cfs_rq.nr_running",
    verdict=V.BREAKS,
    message="struct cfs_rq has no member nr_running any more; the read is reached, so the verifier refuses it.",
    rules=("R-3.1", "R-0.4"),
    cls="core_relo",
    reach=Reach.PROGRAM,
    confidence=Confidence.MEDIUM,
    evidence=Evidence(old="unsigned int nr_running;", new="", facts=(("offset", "16", ""), ("size", "4", ""))),
    sites=(
        Site("do_sample", 9, "runqlen.bpf.c", 31, "nr = BPF_CORE_READ(cfs, nr_running);", True),
        Site("do_sample", 40, "runqlen.bpf.c", 35, "", False, "runqlen.bpf.c:34 bpf_core_field_exists(...)"),
    ),
    remedy=Remedy("Read nr_queued where nr_running is absent.", "struct cfs_rq___new { unsigned int nr_queued; };"),
)
WQ = Finding(
    kind=NeedKind.KFUNC,
    name="bpf_wq_set_callback_impl",
    verdict=V.DEGRADES,
    message="The weak kfunc is not registered any more; its only call is guarded, the program takes the other branch.",
    rules=("R-11.9",),
    cls="kfunc_not_found",
    sites=(Site("hid_events", 12, "XPPen__ACK05.bpf.c", 99, "bpf_wq_set_callback(...)", False, "bpf_ksym_exists"),),
)


def sha(text: str) -> str:
    """A SHA-256 that belongs to a name."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def fine(kind: NeedKind, name: str) -> NeedUse:
    """A need that the upgrade leaves alone."""
    return NeedUse(kind, name, V.OK)


def use(finding: Finding) -> NeedUse:
    """The need that a finding is about."""
    return NeedUse(finding.kind, finding.name, finding.verdict)


def outcome(verdict: Verdict, finding: Finding | None = None) -> Outcome:
    """The new kernel's answer that goes with a verdict, for the reason that a finding gives."""
    if verdict is V.BREAKS and finding is not None:
        return Outcome(Tri.NO, Tri.NO, Tri.NO, finding.cls, finding.message)
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
        prog_type=prog_type or section.split("/")[0],
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
    worst_programs = sum(p.verdict is verdict for p in programs)
    reason = f"{worst_programs} of {len(programs)} programs: {verdict.value}"
    return ObjectVerdict(name, package, sha(name), verdict, reason, programs, findings)


def infos(objects: Iterable[ObjectVerdict]) -> tuple[ObjectInfo, ...]:
    """The objects as files of their packages."""
    return tuple(
        ObjectInfo(o.object, o.sha256, 4096, (Place(o.package, f"usr/lib/bpf/{o.object}.bpf.o"),), len(o.programs))
        for o in objects
    )


def kernel(arch: str, release: str, kfuncs: int) -> KernelInfo:
    """A kernel as results name it."""
    path = f"linux-image-{release}-{arch}.deb"
    facts = (("BTF", "5.5 MB"), ("config", "given"), ("kfuncs", f"{kfuncs}, from .BTF_ids"))
    return KernelInfo(f"Debian {release}", arch, release, kfuncs, facts, (Input(path, sha(path), 104_857_600),))
