# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A part of an analysis for a report: some programs, one architecture, or everything without the folders of inputs."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace

from kfuncscope.model.analysis import Analysis, ArchResult
from kfuncscope.model.proof import Proof
from kfuncscope.model.verdict import ObjectVerdict, ProgramVerdict, Verdict
from kfuncscope.storage.files import InputProblem


def verdicts_named(text: str) -> tuple[Verdict, ...]:
    """The verdicts of a list separated by commas (``breaks,already-broken``). Raises ValueError on another word."""
    known = {v.value.lower(): v for v in Verdict}
    words = dict.fromkeys(w.strip().lower().replace("-", "_") for w in text.split(",") if w.strip())
    if strange := sorted(words.keys() - known.keys()):
        raise ValueError(f"{strange[0][:80]!r} is not a verdict; expected {', '.join(sorted(known))}")
    return tuple(known[word] for word in words)


Keep = Callable[[ArchResult, ObjectVerdict, ProgramVerdict], bool]


def narrow(analysis: Analysis, keep: Keep, arches: tuple[ArchResult, ...] | None = None) -> Analysis:
    """Only the programs for which ``keep`` is true, of all architectures or of those in ``arches``.

    A result that lacks programs says so as a problem, so that no report of a part is ever clear.
    """
    kept = []
    for arch in analysis.arches if arches is None else arches:
        objects = []
        for obj in arch.objects:
            left = tuple(p for p in obj.programs if keep(arch, obj, p))
            if left:
                objects.append(replace(obj, programs=left))
        kept.append(replace(arch, objects=tuple(objects)))
    left_programs, all_programs = (_programs(some) for some in (kept, analysis.arches))
    if left_programs == all_programs:
        return replace(analysis, arches=tuple(kept))
    noun = "verdict" if all_programs == 1 else "verdicts"
    reason = f"contains {left_programs:,} of {all_programs:,} {noun}; filters or a selection removed the others"
    problems = (InputProblem("this report", reason), *analysis.problems)
    return replace(analysis, arches=tuple(kept), problems=problems, proof=_proof_of(analysis, kept))


def _proof_of(analysis: Analysis, kept: list[ArchResult]) -> tuple[Proof, ...]:
    """What booted kernels answered about the programs that are left."""
    left = {(a.arch, o.object, p.program) for a in kept for o in a.objects for p in o.programs}
    proofs = []
    for proof in analysis.proof:
        objects = []
        for one in proof.objects:
            programs = tuple(p for p in one.programs if (proof.arch, one.object, p.program) in left)
            if programs:
                objects.append(replace(one, programs=programs))
        proofs.append(replace(proof, objects=tuple(objects)))
    return tuple(proofs)


def _programs(arches: tuple[ArchResult, ...] | list[ArchResult]) -> int:
    return sum(len(o.programs) for a in arches for o in a.objects)


def redact(analysis: Analysis) -> Analysis:
    """The analysis without the folders of inputs: every path is cut to its last part."""
    objects = tuple(
        replace(o, places=tuple(replace(p, path=_base(p.path)) for p in o.places)) for o in analysis.objects
    )
    problems = tuple(replace(p, path=_base(p.path)) for p in analysis.problems)
    arches = []
    for arch in analysis.arches:
        old, new = (
            replace(k, inputs=tuple(replace(i, path=_base(i.path)) for i in k.inputs)) for k in (arch.old, arch.new)
        )
        arches.append(replace(arch, old=old, new=new))
    return replace(analysis, arches=tuple(arches), objects=objects, problems=problems)


def _base(path: str) -> str:
    return os.path.basename(path.rstrip("/")) or path
