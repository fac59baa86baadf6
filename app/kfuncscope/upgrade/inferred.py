# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Architectures without kernels of their own, where asked for: what their JITs would refuse, marked as inferred (R-5).

Nothing else of the judged architecture carries over: its symbols, compiler and config are its own. Only a kernel that
hides nothing says something about others: one without BTF or JIT refuses programs that others load.
"""

from __future__ import annotations

from dataclasses import replace

from kfuncscope.arch import inferred_arches
from kfuncscope.knowledge.facts import ArchCaps
from kfuncscope.model.analysis import ArchResult, KernelInfo
from kfuncscope.model.failure import Failure
from kfuncscope.model.verdict import (
    Confidence,
    Finding,
    NeedKind,
    ObjectVerdict,
    Outcome,
    ProgramVerdict,
    Reach,
    Tri,
    Verdict,
    worst,
)  # fmt: skip
from kfuncscope.upgrade.known import KnownKernel

TRAMPOLINE_KINDS = frozenset({"fentry", "fexit", "fmod_ret", "fsession", "lsm"})


def inferred_results(known: ArchResult, old: KnownKernel, new: KnownKernel) -> list[ArchResult]:
    """One result for each other architecture, with the programs that its JITs refuse or begin to take.

    None are derived from kernels without BTF or without JIT.
    """
    if any(not kernel.facts.has_btf or not kernel.facts.jit for kernel in (old, new)):
        return []
    return [_result(known, arch, old, new) for arch in inferred_arches() if arch != known.arch]


def _result(known: ArchResult, arch: str, old: KnownKernel, new: KnownKernel) -> ArchResult:
    caps = old.knowledge.caps(arch), new.knowledge.caps(arch)
    objects = tuple(made for one in known.objects if (made := _object(one, *caps)) is not None)
    infos = [
        KernelInfo(
            f"{k.release} (inferred)", arch, k.release, 0, (("inferred", f"from the JIT of {arch} in {k.release}"),)
        )
        for k in (old, new)
    ]
    return ArchResult(arch, infos[0], infos[1], objects, inferred=True)


def _object(one: ObjectVerdict, old: ArchCaps, new: ArchCaps) -> ObjectVerdict | None:
    programs = tuple(made for p in one.programs if (made := _program(p, old, new)) is not None)
    if not programs:
        return None
    reason = f"inferred: {programs[0].findings[0].message}"
    return replace(
        one, verdict=worst(p.verdict for p in programs), reason=reason, programs=programs, findings=(), unchecked=()
    )


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


def _program(program: ProgramVerdict, old: ArchCaps, new: ArchCaps) -> ProgramVerdict | None:
    """What the JITs of both releases say of a program; None where they have no objection."""
    before, after = lacking(program, old), lacking(program, new)
    if not before and not after:
        return None
    verdict = Verdict.FIXED if not after else Verdict.ALREADY_BROKEN if before else Verdict.BREAKS
    lacks = f"the JIT of this architecture does not support {after or before}"
    text = f"{lacks} in the old release only" if not after else lacks
    reach, code = Reach.PROGRAM if after else Reach.NONE, Failure.JIT_CAPABILITY
    finding = Finding(NeedKind.JIT, after or before, verdict, text, ("R-5.1",), code, reach, Confidence.MEDIUM)
    return replace(
        program,
        verdict=verdict,
        reach=reach,
        old=_outcome(before),
        new=_outcome(after),
        findings=(finding,),
        needs=(),
        unchecked=(),
        calls=(),
    )


def _outcome(lacks: str) -> Outcome:
    if not lacks:
        return Outcome(Tri.UNKNOWN, Tri.UNKNOWN, Tri.UNKNOWN)
    text = f"the JIT of this architecture does not support {lacks}"
    return Outcome(Tri.NO, Tri.NO, Tri.UNKNOWN, Failure.JIT_CAPABILITY, text)
