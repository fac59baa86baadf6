# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A kernel judged without objects: faults of its build, and what it lost against an older one.

The result is an analysis like any other, so that policy, waivers, baseline, reports and exit statuses are the same.
Each kernel stands in it as an object, and each check of it as a program of that object.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from kfuncscope import __version__
from kfuncscope.arch import arch_order
from kfuncscope.errors import InputError, all_of
from kfuncscope.kernel.kernel import Kernel
from kfuncscope.model.analysis import Analysis, ArchResult, KernelInfo
from kfuncscope.model.verdict import (
    SEVERITY,
    Finding,
    ObjectVerdict,
    Outcome,
    ProgramVerdict,
    Reach,
    Tri,
    Verdict,
    worst,
)
from kfuncscope.session.session import KernelRef
from kfuncscope.storage.files import InputProblem
from kfuncscope.study.kernels import build_faults, losses
from kfuncscope.upgrade.known import kernel_info, open_refs

Found = tuple[list[Finding], list[str]]  # findings, and what could not be checked


@dataclass(frozen=True, slots=True)
class Check:
    """One check: its name, what it looks at, and how."""

    name: str
    about: str
    run: Callable[[Kernel, Kernel | None], Found]


def _alone(found: Iterable[Finding]) -> Found:
    return list(found), []


def _against(compare: Callable[[Kernel, Kernel], Iterable[Finding]]) -> Callable[[Kernel, Kernel | None], Found]:
    """A check of two kernels; where one has no whole BTF nothing can be compared."""

    def run(new: Kernel, old: Kernel | None) -> Found:
        assert old is not None
        for kernel, side in ((old, "old"), (new, "new")):
            if kernel.vmlinux is None or kernel.partial:
                return [], [f"nothing to compare: the {side} kernel has no whole BTF"]
        return list(compare(old, new)), []

    return run


BUILD = (
    Check("BTF", "implicit arguments, kfunc tags, cut enumerators", lambda k, _: _alone(build_faults.btf_faults(k))),
    Check("modules", "BTF of every module", lambda k, old: _alone(build_faults.module_faults(k, old))),
    Check("options", "what the configuration leaves out", build_faults.option_faults),
)
AGAINST = (
    Check("kfuncs", "kfuncs gone, changed, no longer registered", _against(losses.lost_kfuncs)),
    Check("helpers", "helpers that are gone", _against(losses.lost_helpers)),
    Check("hooks", "tracepoints, LSM hooks and iterators gone or changed", _against(losses.lost_hooks)),
    Check("struct_ops", "types and members gone", _against(losses.lost_struct_ops)),
    Check("types", "map, program and attach types gone", _against(losses.lost_types)),
)


def gate(new: KernelRef, old: KernelRef | None = None) -> Analysis:
    """Judge every kernel of ``new``, and compare each with the one of ``old`` of its architecture and flavour.

    Raises InputError where no kernel can be opened, or none of the old ones that were given.
    """
    kernels, problems = _opened(new)
    olds: list[Kernel] = []
    if old is not None:
        olds, more = _opened(old)
        problems += more
    pairs = [(kernel, _partner(kernel, olds)) for kernel in kernels]
    problems += _unpaired(pairs, olds) if old is not None else []
    by_arch: dict[str, list[tuple[Kernel, Kernel | None]]] = {}
    for pair in pairs:
        by_arch.setdefault(pair[0].arch, []).append(pair)
    arches = [_arch(arch, by_arch[arch]) for arch in sorted(by_arch, key=arch_order)]
    for kernel in (*kernels, *olds):
        problems += build_faults.unreadable(kernel)
    return Analysis(__version__, tuple(arches), (), tuple(dict.fromkeys(problems)), gate=True)


def _opened(ref: KernelRef) -> tuple[list[Kernel], list[InputProblem]]:
    kernels, problems = open_refs([ref])
    if not kernels:
        raise all_of([InputError(one.path, one.reason, one.offset) for one in problems])
    return kernels, problems


def flavour(kernel: Kernel) -> str:
    """What tells builds of one release apart: ``cloud-amd64`` of ``7.3.4+deb13-cloud-amd64``."""
    return kernel.release.partition("-")[2]


def _partner(kernel: Kernel, olds: Sequence[Kernel]) -> Kernel | None:
    same = [old for old in olds if old.arch == kernel.arch]
    fitting = [old for old in same if flavour(old) == flavour(kernel)]
    if fitting:
        return fitting[-1]
    return same[0] if len(same) == 1 else None


def _unpaired(pairs: Sequence[tuple[Kernel, Kernel | None]], olds: Sequence[Kernel]) -> list[InputProblem]:
    used = {id(old) for _, old in pairs if old is not None}
    alone = [k for k, old in pairs if old is None] + [old for old in olds if id(old) not in used]
    why = "not compared: the other side has no kernel of its architecture and flavour"
    return [
        InputProblem(k.files.inputs[0].path if k.files.inputs else k.label, f"{k.arch} {k.label}: {why}") for k in alone
    ]


def _arch(arch: str, pairs: Sequence[tuple[Kernel, Kernel | None]]) -> ArchResult:
    objects = [_judged(new, old, f"kernel {flavour(new)}" if len(pairs) > 1 else "kernel") for new, old in pairs]
    new = _info(arch, [k for k, _ in pairs])
    olds = [old for _, old in pairs if old is not None]
    return ArchResult(arch, _info(arch, olds) if olds else new, new, tuple(objects))


def _info(arch: str, kernels: Sequence[Kernel]) -> KernelInfo:
    """Kernels of one architecture as one; their faults are findings here, so they are not repeated as notes."""
    infos = [kernel_info(kernel) for kernel in dict.fromkeys(kernels)]
    label, release = (
        ", ".join(dict.fromkeys(words)) for words in zip(*((i.label, i.release) for i in infos), strict=True)
    )
    inputs = tuple(dict.fromkeys(one for info in infos for one in info.inputs))
    return KernelInfo(
        label, arch, release, sum(i.kfuncs for i in infos), infos[0].facts if len(infos) == 1 else (), inputs
    )


def _judged(new: Kernel, old: Kernel | None, name: str) -> ObjectVerdict:
    programs = [_checked(check, new, old) for check in (*BUILD, *(AGAINST if old is not None else ()))]
    verdict = worst(p.verdict for p in programs)
    named = [p.program for p in programs if p.verdict == verdict and SEVERITY[verdict]]
    reason = f"{verdict.value} by {', '.join(named)}" if named else "no check found anything"
    digest = new.files.inputs[0].sha256 if new.files.inputs else ""
    return ObjectVerdict(name, "", digest, verdict, reason, tuple(programs))


def _checked(check: Check, new: Kernel, old: Kernel | None) -> ProgramVerdict:
    findings, dark = check.run(new, old)
    findings = sorted(findings, key=lambda f: (-SEVERITY[f.verdict], f.kind.value, f.name))
    verdict = worst(f.verdict for f in findings)
    fails = verdict in (Verdict.BREAKS, Verdict.SILENT)
    first = findings[0] if findings else None
    state = Tri.NO if fails else Tri.YES
    outcome = (
        Outcome(state, state, state, first.failure, first.message) if first and fails else Outcome(state, state, state)
    )
    return ProgramVerdict(check.name, check.about, "", True, verdict, Reach.NONE, None, outcome, tuple(findings),
                          (), tuple(dark))  # fmt: skip
