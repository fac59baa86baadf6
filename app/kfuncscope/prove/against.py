# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Where a kernel's own answers and the tables of its release differ: work for whoever keeps the tables."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from kfuncscope.btf.layout import Kind
from kfuncscope.kernel.kernel import Kernel
from kfuncscope.knowledge.helpers import HelperCaller, helper_allowed
from kfuncscope.knowledge.kfunc_filters import Caller
from kfuncscope.knowledge.probed import BY_HOOK, Probed
from kfuncscope.knowledge.versions import Fact, since
from kfuncscope.prove.questions import tracepoints

_ATTACH = {"fentry": "TRACE_FENTRY", "fexit": "TRACE_FEXIT", "tp_btf": "TRACE_RAW_TP"}


@dataclass(frozen=True, slots=True)
class Difference:
    """One fact: what it is about, who calls, which helper, kfunc, hook or argument, and both answers."""

    kind: str
    caller: str
    name: str
    table: str
    kernel: str


def differences(probed: Probed, kernel: Kernel) -> list[Difference]:
    """Every answer of the kernel that the tables contradict; where they say "unknown" nothing differs."""
    return [*_helpers(probed, kernel), *_kfuncs(probed, kernel), *_hooks(probed, kernel), *_arguments(probed, kernel)]


def _caller(label: str) -> tuple[str, str] | None:
    """Program type and attach type of a caller that the tables can be asked about without a target."""
    kind, _, rest = label.partition("/")
    if kind == "TRACING":
        return (kind, _ATTACH[rest]) if rest in _ATTACH else None
    return None if kind in ("LSM", "STRUCT_OPS") else (kind, rest)


def _helpers(probed: Probed, kernel: Kernel) -> Iterator[Difference]:
    for label, seen in sorted(probed.helpers.items()):
        given = _caller(label)
        if given is None:
            continue
        caller = HelperCaller(
            *given, sleepable=label == "SYSCALL", config=kernel.config, arch=kernel.arch, off=kernel.told_off
        )
        for number, name in sorted(kernel.helpers.items()):
            if not number or name in BY_HOOK:
                continue
            told = helper_allowed(kernel.knowledge, name, caller).allowed
            if told != "unknown" and (told == "yes") != (name in seen):
                yield Difference("helper", label, name, told, "yes" if name in seen else "no")


def _kfuncs(probed: Probed, kernel: Kernel) -> Iterator[Difference]:
    registry = kernel.kfuncs
    for label, seen in sorted(probed.kfuncs.items()):
        given = _caller(label)
        if given is None or registry is None or label in probed.refused:
            continue
        for one in sorted(registry.kfuncs.values(), key=lambda k: k.name):
            told = kernel.kfunc_rules.allowed(one, Caller(*given))[0]
            if one.name in probed.asked_kfuncs and told != "unknown" and (told == "yes") != (one.name in seen):
                yield Difference("kfunc", label, one.name, told, "yes" if one.name in seen else "no")


def _hooks(probed: Probed, kernel: Kernel) -> Iterator[Difference]:
    table = kernel.knowledge.lsm_hooks
    for hook in probed.asked_hooks:
        fact = table.get(hook)
        if fact is None or _takes_struct(kernel, hook):
            continue
        if fact.bpf_disabled == (hook in probed.lsm):
            yield Difference("LSM hook", "", hook, *_words(not fact.bpf_disabled, hook in probed.lsm))
        elif hook in probed.lsm and fact.sleepable != (hook in probed.lsm_sleepable):
            sleeps = hook in probed.lsm_sleepable
            yield Difference("sleepable LSM hook", "", hook, *_words(fact.sleepable, sleeps))


def _takes_struct(kernel: Kernel, hook: str) -> bool:
    """Whether a hook is refused for a struct by value, which the rules tell by its prototype (R-7.10)."""
    if since(Fact.STRUCT_ARGS, kernel.version) is not False:
        return False
    for _, blob, func in kernel.functions(f"bpf_lsm_{hook}", "vmlinux"):
        if any(blob.kind(blob.skip(param.type)) == Kind.STRUCT for param in blob.params(func)):
            return True
    return False


def _arguments(probed: Probed, kernel: Kernel) -> Iterator[Difference]:
    if not since(Fact.RAW_TP_NULL, kernel.version) or kernel.vmlinux is None:
        return
    table = kernel.knowledge.raw_tp_null_args
    for name, _, places in tracepoints(kernel.vmlinux):  # those of modules were not asked
        fact, seen = table.get(name), set(probed.null_arguments.get(name, ()))
        told = set(fact.nullable - fact.is_err) & set(places) if fact is not None else set()
        for argument in sorted(told ^ seen):
            yield Difference("NULL argument", name, str(argument), *_words(argument in told, argument in seen))


def _words(told: bool, seen: bool) -> tuple[str, str]:
    return "yes" if told else "no", "yes" if seen else "no"
