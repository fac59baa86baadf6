# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Faults of a kernel build, apart from any program: tags left out, implicit arguments left in, empty module BTF."""

from __future__ import annotations

from collections.abc import Iterable

from kfuncscope.btf.declare import prototype
from kfuncscope.btf.layout import Kind
from kfuncscope.kernel.kernel import Kernel
from kfuncscope.model.failure import Failure
from kfuncscope.model.verdict import Confidence, Evidence, Finding, NeedKind, Verdict
from kfuncscope.storage.files import InputProblem

IMPLICIT_ARGS = 1 << 16
MOST_MODULES = 8  # that are named one by one for the same fault
IMPLICIT_TYPES = frozenset({"bpf_prog_aux", "btf_struct_meta"})


def kernel_faults(kernel: Kernel) -> tuple[Finding, ...]:
    """What is wrong with the kernel's own BTF, whatever programs there are (R-1.17, R-1.18)."""
    registry = kernel.kfuncs
    if registry is None:
        return ()
    if kernel.partial:
        text = "the BTF is partial: it holds no functions, so only fields of types can be judged"
        return (_fault(kernel.label, text, ("R-12.12",)), *module_faults(kernel.modules.problems))
    found = [*cut_enums(kernel)]
    found += [
        _fault(name, f"{name} is registered as a kfunc but its BTF lacks the bpf_kfunc tag", ("R-1.17",), kernel, name)
        for name in sorted(set(registry.untagged))
    ]
    for name in implicit_arguments(kernel):
        text = f"{name} takes implicit arguments, but its BTF still shows them: programs built for it do not match"
        found.append(_fault(name, text, ("R-1.18",), kernel, name))
    return (*found, *module_faults(kernel.modules.problems))


def implicit_arguments(kernel: Kernel) -> list[str]:
    """Kfuncs of vmlinux with KF_IMPLICIT_ARGS whose prototype in the BTF still ends with such an argument (R-1.18)."""
    listed = sorted(kernel.kfuncs.kfuncs.items()) if kernel.kfuncs is not None else ()
    return [
        n for n, k in listed if k.flags is not None and k.flags & IMPLICIT_ARGS and _last_is_implicit(kernel, k.proto)
    ]


def cut_enums(kernel: Kernel) -> list[Finding]:
    """Enums of 8 bytes in records for 4: pahole before 1.24 cut their values (R-12.12)."""
    blob = kernel.vmlinux
    assert blob is not None
    cut = sorted({blob.name(i) or "an enum without a name" for i in blob.own_ids(Kind.ENUM) if blob.size(i) == 8})
    if not cut:
        return []
    named = ", ".join(cut[:MOST_MODULES]) + (" and others" if len(cut) > MOST_MODULES else "")
    text = f"enumerators of 64 bits are cut to 32 ({named}): pahole before 1.24 made this BTF"
    return [_fault(cut[0], text, ("R-12.12",))]


def module_faults(problems: Iterable[InputProblem]) -> tuple[Finding, ...]:
    """What is wrong with the BTF of modules; each is found when a program first asks for the module."""
    found = []
    by_reason: dict[str, list[str]] = {}
    for problem in problems:
        by_reason.setdefault(problem.reason, []).append(problem.path)
    for reason, modules in sorted(by_reason.items()):
        # A kernel built without BTF in its modules has thousands of them.
        named = modules if len(modules) <= MOST_MODULES else [f"{len(modules)} modules ({modules[0]} and others)"]
        found += [_fault(name, f"module {name}: {reason}", ("R-1.12",)) for name in named]
    return tuple(found)


def _fault(name: str, text: str, rules: tuple[str, ...], kernel: Kernel | None = None, func: str = "") -> Finding:
    declaration = next((prototype(b, f) for _, b, f in kernel.functions(func)), "") if kernel and func else ""
    return Finding(NeedKind.KFUNC if func else NeedKind.TYPE, name, Verdict.RISK, text, rules, Failure.KERNEL_FAULT,
                   confidence=Confidence.MEDIUM, evidence=Evidence(new=declaration))  # fmt: skip


def _last_is_implicit(kernel: Kernel, func: int) -> bool:
    blob = kernel.vmlinux
    assert blob is not None
    params = blob.params(func)
    if not params:
        return False
    bare = blob.skip(params[-1].type)
    return blob.kind(bare) == Kind.PTR and blob.name(blob.skip(blob.ref(bare))) in IMPLICIT_TYPES
