# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Faults of one kernel build without any program: its BTF, the BTF of its modules, options that it lacks.

``rules.checks.faults`` names what a program's verdict must mention; here the same faults have the verdict that they
mean for whoever ships the kernel.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache

from kfuncscope.btf.declare import prototype
from kfuncscope.kernel.kernel import Kernel
from kfuncscope.kernel.modules import ModuleFault
from kfuncscope.knowledge.common import common_table
from kfuncscope.knowledge.versions import Fact, since
from kfuncscope.model.failure import Failure
from kfuncscope.model.verdict import Confidence, Evidence, Finding, NeedKind, Reach, Verdict
from kfuncscope.rules.checks.faults import cut_enums, implicit_arguments
from kfuncscope.storage.files import InputProblem

FEW = 8  # names that are findings of their own, or are named in one for all
_STRUCT_OPS = {"SCHED_CLASS_EXT": "sched_ext_ops", "NET_SCH_BPF": "Qdisc_ops", "HID_BPF": "hid_bpf_ops"}


@dataclass(frozen=True, slots=True)
class Option:
    """A configuration option: what stops working without it; ``off`` is the verdict of a kernel that never had it."""

    name: str
    needs: str
    off: Verdict | None


@cache
def bpf_options() -> tuple[Option, ...]:
    """The options that decide what BPF programs find (R-5.2), by name without CONFIG_."""
    rows = common_table("bpf_options")["options"]
    return tuple(Option(n, r["needs"], Verdict(r["off"]) if "off" in r else None) for n, r in sorted(rows.items()))


def btf_faults(kernel: Kernel) -> list[Finding]:
    """What is wrong with the BTF of vmlinux: missing, partial, implicit arguments, tags, cut enumerators."""
    if kernel.vmlinux is None:
        text = "the kernel has no BTF: kfuncs, CO-RE, fentry, LSM, tp_btf and struct_ops programs cannot load"
        return [_finding("BTF", Verdict.BREAKS, text + _made_by(kernel), ("R-12.11",), Failure.NO_KERNEL_BTF)]
    if kernel.partial:
        text = "the BTF is partial: it holds no functions, so no kfunc, hook or helper can be found in it"
        return [_finding("BTF", Verdict.BREAKS, text, ("R-12.12",))]
    cut = [_finding(f.name, Verdict.RISK, f.message, f.rules) for f in cut_enums(kernel)]
    return [*_implicit(kernel), *_untagged(kernel), *cut, *_ops_missing(kernel)]


def _implicit(kernel: Kernel) -> list[Finding]:
    """R-1.18: libbpf compares prototypes, so a program that declares the kfunc without them is rejected (R-2.10)."""
    names = implicit_arguments(kernel)
    said = (
        "the BTF still shows the implicit arguments of {names}: libbpf rejects every program that declares "
        "{them} as the kernel's headers do, so no such program loads"
    )
    return _by_name(kernel, names, "implicit arguments", Verdict.BREAKS, said, ("R-1.18", "R-2.10"))


def _untagged(kernel: Kernel) -> list[Finding]:
    """R-1.17: vmlinux.h made from this BTF declares no kfunc without the tag; the kernel itself does not read tags."""
    registry = kernel.kfuncs
    assert registry is not None and kernel.vmlinux is not None
    if any(True for _ in kernel.vmlinux.tags("bpf_kfunc")):
        names = sorted(set(registry.untagged))
    elif since(Fact.KFUNC_TAGS, kernel.version):
        names = sorted(registry.kfuncs)
    else:
        return []
    said = (
        "the BTF lacks the bpf_kfunc tag of {names}: bpftool leaves {them} out of vmlinux.h, and tools that look "
        "for kfuncs by their tag find none"
    )
    return _by_name(kernel, names, "bpf_kfunc tags", Verdict.RISK, said, ("R-1.17",))


def _by_name(
    kernel: Kernel, names: Sequence[str], all_: str, verdict: Verdict, said: str, rules: tuple[str, ...]
) -> list[Finding]:
    """A finding for each name where they are few, else one for all, whose name stays the same with their number."""
    if not names:
        return []
    if len(names) <= FEW:
        return [
            _finding(name, verdict, said.format(names=name, them="it") + _made_by(kernel), rules, kind=NeedKind.KFUNC,
                     new=_declared(kernel, [name]))
            for name in names
        ]  # fmt: skip
    listed = f"{len(names)} kfuncs ({', '.join(names[:4])} and others)"
    text = said.format(names=listed, them="them") + _made_by(kernel)
    return [_finding(all_, verdict, text, rules, kind=NeedKind.KFUNC, new=_declared(kernel, names[:20]))]


def _declared(kernel: Kernel, names: Iterable[str]) -> str:
    return "\n".join(prototype(blob, func) for name in names for _, blob, func in kernel.functions(name)[:1])


def _made_by(kernel: Kernel) -> str:
    """The release of pahole that the configuration names (122 is 1.22); empty where it names none."""
    text = kernel.config.get("CONFIG_PAHOLE_VERSION", "") if kernel.config else ""
    return f" (built with pahole {text[0]}.{text[1:]})" if text.isdecimal() and len(text) > 1 and int(text) else ""


def _ops_missing(kernel: Kernel) -> list[Finding]:
    """Options that are set while the types they bring are not in the BTF: it is not this build's, or was cut."""
    found = []
    for option, type_name in _STRUCT_OPS.items():
        if kernel.config is not None and kernel.option(option) == "y" and type_name not in kernel.struct_ops:
            text = f"CONFIG_{option} is set, but the BTF has no struct_ops type {type_name}: no program of it loads"
            found.append(_finding(type_name, Verdict.BREAKS, text, ("R-7.1",), kind=NeedKind.STRUCT_OPS))
    return found


def module_faults(kernel: Kernel, old: Kernel | None = None) -> list[Finding]:
    """What is wrong with the BTF of modules. All are opened; those that ``old`` has with BTF are missed most."""
    names = kernel.modules.names
    for name in names:
        kernel.modules.blob(name)
    faults = kernel.modules.faults
    together: dict[tuple[str, ModuleFault], list[str]] = defaultdict(list)
    for problem in {p.path: p for p in reversed(kernel.modules.problems)}.values():
        together[problem.reason, faults.get(problem.path, ModuleFault.OTHER_VMLINUX)].append(problem.path)
    bare = sorted(name for name, fault in faults.items() if fault is ModuleFault.NO_BTF)
    empty = sorted(name for name, fault in faults.items() if fault is ModuleFault.NO_TYPES)
    found = []
    if empty:  # what the build makes of modules in Rust, whose types pahole leaves out
        text = (
            f"{_modules(empty)}: the BTF holds no types, as that of modules in Rust; no hook of {_it(empty)} is typed"
        )
        name = empty[0] if len(empty) == 1 else "modules without types"
        found.append(_finding(name, Verdict.DEGRADES, text, ("R-12.12",)))
    for (reason, fault), modules in sorted(together.items(), key=lambda one: one[0][0]):
        if fault in (ModuleFault.NO_BTF, ModuleFault.NO_TYPES):
            continue
        modules.sort()
        text = f"{_modules(modules)}: {reason}; kfuncs and hooks of {_it(modules)} cannot be used"
        rules = ("R-1.13",) if fault is ModuleFault.OTHER_BASE else ("R-1.12", "R-12.12")
        name = modules[0] if len(modules) == 1 else "modules that do not fit"
        found.append(_finding(name, Verdict.BREAKS, text, rules))
    return [*found, *_bare(kernel, bare, old)]


def _bare(kernel: Kernel, bare: list[str], old: Kernel | None) -> list[Finding]:
    """Modules without BTF. Where the configuration asks for none, that is what ``option_faults`` says."""
    if not bare or (len(bare) == len(kernel.modules) and kernel.option("DEBUG_INFO_BTF_MODULES") == "n"):
        return []
    had = [name for name in bare if old is not None and old.modules.blob(name) is not None]
    found = []
    if had:
        text = f"{_modules(had)}: the BTF that the old kernel has is missing; kfuncs and hooks of {_it(had)} are gone"
        name = had[0] if len(had) == 1 else "modules that lost their BTF"
        found.append(_finding(name, Verdict.BREAKS, text, ("R-1.12",)))
    rest = [name for name in bare if name not in had]
    if rest:
        text = f"{_modules(rest)} without BTF: kfuncs, fields and hooks of {_it(rest)} cannot be used"
        name = rest[0] if len(rest) == 1 else "modules without BTF"
        found.append(_finding(name, Verdict.RISK, text, ("R-1.12",)))
    return found


def _modules(names: Sequence[str]) -> str:
    listed = ", ".join(sorted(names)[:FEW])
    if len(names) == 1:
        return f"module {listed}"
    return f"{len(names)} modules ({listed}{' and others' if len(names) > FEW else ''})"


def _it(names: Sequence[str]) -> str:
    return "it" if len(names) == 1 else "them"


def option_faults(kernel: Kernel, old: Kernel | None = None) -> tuple[list[Finding], list[str]]:
    """Options switched off since ``old``, and those without which no kernel should ship; and what cannot be told."""
    found, dark = [], 0
    for option in bpf_options():
        now, was = kernel.option(option.name), old.option(option.name) if old is not None else None
        if now is None or (old is not None and was is None):
            dark += 1
        elif now == "n" and was in ("y", "m"):
            text = f"CONFIG_{option.name} is switched off: {option.needs} stop working"
            found.append(_option(option, Verdict.BREAKS, text, was))
        elif now == "n" and option.off is not None and _expected(kernel, option.name):
            text = f"CONFIG_{option.name} is not set: without it no {option.needs}"
            found.append(_option(option, option.off, text, was or ""))
    return found, [f"{dark} options are not known: no configuration was given"] if dark else []


def _expected(kernel: Kernel, option: str) -> bool:
    """Whether a kernel can have the option at all: JITs are not for every architecture, module BTF needs modules."""
    needed: dict[str, Callable[[], bool]] = {
        "BPF_JIT": lambda: kernel.caps.jit == "ebpf",
        "DEBUG_INFO_BTF_MODULES": lambda: kernel.option("MODULES") != "n",
    }
    return needed.get(option, lambda: True)()


def _option(option: Option, verdict: Verdict, text: str, was: str) -> Finding:
    name = f"CONFIG_{option.name}"
    evidence = Evidence(facts=((name, was or "not set", "not set"),))
    return Finding(NeedKind.KCONFIG, name, verdict, text, ("R-5.2",), Failure.KERNEL_FAULT, Reach.NONE,
                   Confidence.HIGH, evidence)  # fmt: skip


def unreadable(kernel: Kernel) -> list[InputProblem]:
    """Parts of the kernel that were given and cannot be read."""
    return [*kernel.problems, *kernel.modules.read_all()]


def _finding(
    name: str, verdict: Verdict, text: str, rules: tuple[str, ...], cls: Failure = Failure.KERNEL_FAULT,
    *, kind: NeedKind = NeedKind.TYPE, new: str = "",
) -> Finding:  # fmt: skip
    return Finding(kind, name, verdict, text, rules, cls, evidence=Evidence(new=new))
