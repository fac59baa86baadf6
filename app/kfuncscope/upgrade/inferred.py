# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Architectures without kernels of their own: judged from what their JITs can do, and marked as inferred (R-5).

Only a kernel that hides nothing tells about others: what has no BTF or no JIT refuses programs that others load, and
an object of the wrong byte order was never looked at.
"""

from __future__ import annotations

from dataclasses import replace

from kfuncscope.arch import inferred_arches
from kfuncscope.kernel.kernel import Kernel
from kfuncscope.knowledge.facts import ArchCaps
from kfuncscope.model.analysis import ArchResult, KernelInfo
from kfuncscope.model.verdict import (
    Confidence,
    Finding,
    NeedKind,
    ObjectVerdict,
    ProgramVerdict,
    Reach,
    Verdict,
    worst,
)  # fmt: skip

TRAMPOLINE_KINDS = frozenset({"fentry", "fexit", "fmod_ret", "fsession", "lsm"})
REGISTER_KINDS = frozenset({"kprobe", "kretprobe", "ksyscall", "kretsyscall", "uprobe", "uretprobe", "usdt"})


def inferred_results(known: ArchResult, old: Kernel, new: Kernel) -> list[ArchResult]:
    """One result for each other architecture, derived from the one that was really judged.

    None are derived from kernels without BTF or without JIT.
    """
    if any(kernel.vmlinux is None or not kernel.jit for kernel in (old, new)):
        return []
    return [_result(known, arch, old, new) for arch in inferred_arches() if arch != known.arch]


def _result(known: ArchResult, arch: str, old: Kernel, new: Kernel) -> ArchResult:
    caps = old.knowledge.caps(arch), new.knowledge.caps(arch)
    objects = tuple(_object(o, *caps) for o in known.objects if not _foreign(o))
    infos = [
        KernelInfo(
            f"{k.release} (inferred)", arch, k.release, 0, (("inferred", f"from {known.arch} and the JIT of {arch}"),)
        )
        for k in (old, new)
    ]
    return ArchResult(arch, infos[0], infos[1], objects, inferred=True)


def _foreign(one: ObjectVerdict) -> bool:
    """An object of the other byte order (R-1.14)."""
    return any("R-1.14" in finding.rules for program in one.programs for finding in program.findings)


def _object(one: ObjectVerdict, old: ArchCaps, new: ArchCaps) -> ObjectVerdict:
    programs = tuple(_program(p, old, new) for p in one.programs)
    verdict = worst(p.verdict for p in programs)
    changed = next((p for a, p in zip(one.programs, programs, strict=True) if a.verdict != p.verdict), None)
    reason = one.reason if changed is None else changed.findings[0].message if changed.findings else one.reason
    if verdict == Verdict.BREAKS and one.verdict not in (Verdict.BREAKS, Verdict.OK):
        verdict = one.verdict if changed is None else verdict
    return replace(one, verdict=verdict, reason=f"inferred: {reason}", programs=programs)


def lacking(program: ProgramVerdict, caps: ArchCaps) -> str:
    """The capability that a program needs and the architecture lacks; empty when it lacks none."""
    kind = program.section.split("/")[0].removesuffix(".s").removesuffix(".multi")
    if caps.jit != "ebpf" and any(n.kind == NeedKind.KFUNC for n in program.needs):
        return "an eBPF JIT"
    if any(n.kind == NeedKind.KFUNC for n in program.needs) and not caps.kfunc_call:
        return "kfunc calls"
    if (kind in TRAMPOLINE_KINDS or program.prog_type == "STRUCT_OPS") and not caps.trampoline:
        return "BPF trampolines"
    if kind in ("fentry", "fexit", "fmod_ret", "fsession", "lsm") and not caps.fentry_on_kernel_functions:
        return "trampolines on kernel functions"
    if any(n.name == "BPF_MAP_TYPE_ARENA" for n in program.needs) and not caps.arena:
        return "arenas"
    return ""


def _program(program: ProgramVerdict, old: ArchCaps, new: ArchCaps) -> ProgramVerdict:
    before, after = lacking(program, old), lacking(program, new)
    hidden = next((f for f in program.findings if any(rule.startswith("R-5.") for rule in f.rules)), None)
    weaker = tuple(replace(f, confidence=Confidence.LOW) for f in program.findings)
    if after:
        verdict = Verdict.ALREADY_BROKEN if before else Verdict.BREAKS
        text = f"the JIT of this architecture lacks {after}"
        finding = Finding(NeedKind.JIT, after, verdict, text, ("R-5.1",), "jit", Reach.PROGRAM, Confidence.MEDIUM)
        return replace(program, verdict=verdict, findings=(finding,))
    if hidden is not None:
        # What the judged architecture cannot do says nothing of this one, and kept all else from being looked at.
        note = f"not told from an architecture of which this holds: {hidden.message}"
        return replace(program, verdict=Verdict.UNKNOWN, findings=(), unchecked=(*program.unchecked, note))
    if before and program.verdict in (Verdict.OK, Verdict.FIXED):
        return replace(program, verdict=Verdict.FIXED, findings=weaker)
    if program.section.split("/")[0].partition(".")[0] in REGISTER_KINDS and program.verdict == Verdict.OK:
        note = "reads the registers of one architecture: built for another, it is another program"
        return replace(program, verdict=Verdict.UNKNOWN, findings=weaker, unchecked=(*program.unchecked, note))
    return replace(program, findings=weaker)
