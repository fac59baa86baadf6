# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What programs find on one kernel and no longer, or otherwise, on another: kfuncs, helpers, hooks, types of maps."""

from __future__ import annotations

from collections.abc import Iterator

from kfuncscope.btf.blob import Blob
from kfuncscope.btf.declare import prototype, type_text
from kfuncscope.btf.layout import Kind
from kfuncscope.kernel.kernel import Kernel
from kfuncscope.kernel.kfuncs import Kfunc
from kfuncscope.knowledge import names
from kfuncscope.model.failure import Failure
from kfuncscope.model.verdict import Confidence, Evidence, Finding, NeedKind, Remedy, Verdict
from kfuncscope.rules.changes.semantics import flag_changes, proto_changes
from kfuncscope.rules.core.compat import types_are_compat
from kfuncscope.study import diff


def all_kfuncs(kernel: Kernel) -> dict[str, Kfunc]:
    """Kfuncs of vmlinux and of the modules that tag theirs; those of vmlinux win."""
    found: dict[str, Kfunc] = {}
    for module in kernel.modules.names:
        blob = kernel.modules.blob(module)
        tagged = blob is not None and bool(blob.kind_counts().get(Kind.DECL_TAG))
        registry = kernel.module_kfuncs(module) if tagged else None
        found |= registry.kfuncs if registry is not None else {}
    return found | (kernel.kfuncs.kfuncs if kernel.kfuncs is not None else {})


def lost_kfuncs(old: Kernel, new: Kernel) -> Iterator[Finding]:
    """Kfuncs that are gone, whose prototype or flags changed, or that fewer program types may call."""
    before, after = all_kfuncs(old), all_kfuncs(new)
    for name, was in sorted(before.items()):
        now = after.get(name)
        if now is None:
            yield _gone_kfunc(was, old, new)
        else:
            yield from _changed_kfunc((was, old), (now, new))


def _gone_kfunc(was: Kfunc, old: Kernel, new: Kernel) -> Finding:
    name, still = was.name, bool(new.functions(was.name))
    where = f"module {was.module}" if was.module else "vmlinux"
    text = f"kfunc {name} of {where} is gone: programs with a strong extern for it do not load"
    rules: tuple[str, ...] = ("R-2.8",)
    cls, confidence = Failure.KFUNC_NOT_FOUND, Confidence.HIGH
    if still:
        text = f"{name} is still a function but no longer a kfunc: programs that call it are rejected"
        rules, cls = ("R-4.3", "R-1.17"), Failure.KFUNC_NOT_REGISTERED
    elif len(old.modules) and not len(new.modules):
        text += "; no module of the new kernel was given, and one may have it"
        confidence = Confidence.MEDIUM
    if was.source == "knowledge" or (still and new.kfuncs is not None and new.kfuncs.source == "knowledge"):
        confidence = Confidence.MEDIUM
    successor = names.renames().get(name, "")
    remedy = Remedy(f"{successor} replaces {name}.") if successor else None
    return Finding(NeedKind.KFUNC, name, Verdict.BREAKS, text, rules, cls, confidence=confidence,
                   evidence=Evidence(prototype(was.blob, was.proto)), remedy=remedy)  # fmt: skip


def _changed_kfunc(was: tuple[Kfunc, Kernel], now: tuple[Kfunc, Kernel]) -> Iterator[Finding]:
    (before, _), (after, _) = was, now
    name = before.name
    evidence = Evidence(prototype(before.blob, before.proto), prototype(after.blob, after.proto))
    mine, theirs = before.blob.ref(before.proto), after.blob.ref(after.proto)
    if not types_are_compat(before.blob, mine, after.blob, theirs):
        text = f"the prototype of {name} changed: libbpf rejects programs that declare the old one"
        yield Finding(NeedKind.KFUNC, name, Verdict.BREAKS, text, ("R-2.10", "R-3.9"), Failure.KFUNC_NOT_FOUND,
                      evidence=evidence)  # fmt: skip
        return
    for verdict, text, rules, confidence, _ in (
        *proto_changes(name, before.blob, before.proto, after.blob, after.proto),
        *flag_changes(was, now),
    ):
        yield Finding(NeedKind.KFUNC, name, verdict, text, rules, confidence=confidence, evidence=evidence)
    if before.prog_types is not None and after.prog_types is not None:
        fewer = sorted(before.prog_types - after.prog_types)
        sure = before.types_source == after.types_source
        if fewer and sure and not _serves_all(after.prog_types):
            text = f"{name} is no longer registered for {', '.join(fewer)}"
            yield Finding(NeedKind.KFUNC, name, Verdict.BREAKS, text, ("R-4.3",), Failure.KFUNC_NOT_ALLOWED,
                          confidence=Confidence.MEDIUM, evidence=evidence)  # fmt: skip


def _serves_all(types: frozenset[str]) -> bool:
    """R-4.1: a set registered for UNSPEC serves programs of every type."""
    return "UNSPEC" in types


def lost_helpers(old: Kernel, new: Kernel) -> Iterator[Finding]:
    """Helpers whose number is gone (R-6.1)."""
    for name in sorted(set(old.helpers.values()) - set(new.helpers.values())):
        text = f"helper bpf_{name} is gone: programs that call it are rejected"
        yield Finding(NeedKind.HELPER, f"bpf_{name}", Verdict.BREAKS, text, ("R-6.1",), Failure.HELPER_NOT_AVAILABLE)


def lost_hooks(old: Kernel, new: Kernel) -> Iterator[Finding]:
    """Tracepoints, LSM hooks and iterators that are gone, and those that pass something else."""
    for kind, rule, what in (("tracepoint", "R-7.5", "tracepoint"), ("lsm", "R-7.12", "LSM hook"),
                             ("iter", "R-7.13", "iterator")):  # fmt: skip
        before, after = diff.KINDS[kind](old), diff.KINDS[kind](new)
        for name in sorted(before.keys() - after.keys()):
            text = f"{what} {name} is gone: programs on it do not load or attach"
            yield Finding(NeedKind.HOOK, name, Verdict.BREAKS, text, (rule,), Failure.ATTACH_BTF_NOT_FOUND,
                          evidence=Evidence(before[name][0]))  # fmt: skip
        for name in sorted(before.keys() & after.keys()) if kind != "iter" else ():
            lost = _moved(_arguments(old, kind, name), _arguments(new, kind, name), kind)
            if lost:
                text = f"arguments of {what} {name} changed: {lost}"
                yield Finding(NeedKind.HOOK, name, Verdict.RISK, text, ("R-7.10",), confidence=Confidence.MEDIUM,
                              evidence=Evidence(before[name][0], after[name][0]))  # fmt: skip


def _arguments(kernel: Kernel, kind: str, name: str) -> list[str]:
    blob = kernel.vmlinux
    assert blob is not None
    if kind == "lsm":
        func = blob.own(f"bpf_lsm_{name}", Kind.FUNC)[0]
        return _types(blob, func)
    typedef = blob.own(f"btf_trace_{name}", Kind.TYPEDEF)[0]
    proto = blob.skip(blob.ref(blob.skip(blob.ref(typedef))))
    return _types(blob, proto)[1:]


def _types(blob: Blob, func: int) -> list[str]:
    return [type_text(blob, p.type) for p in blob.params(func)]


def _moved(before: list[str], after: list[str], kind: str) -> str:
    """What a program notices: another type in its place, or none. One more argument at the end moves only what an LSM
    hook returned before (R-7.12)."""
    for place, (one, other) in enumerate(zip(before, after, strict=False), 1):
        if one != other:
            return f"argument {place} was `{one}` and is `{other}`"
    if len(after) < len(before):
        return f"{len(before)} arguments became {len(after)}"
    if kind == "lsm" and len(after) > len(before):
        return f"{len(before)} arguments became {len(after)}, so the previous return value is in another slot"
    return ""


def lost_struct_ops(old: Kernel, new: Kernel) -> Iterator[Finding]:
    """struct_ops types that are gone (R-7.1), and their members (R-7.2)."""
    for name in old.struct_ops:
        if name not in new.struct_ops:
            text = f"struct_ops type {name} is gone: objects that implement it do not load"
            yield _ops(name, text, ("R-7.1",))
            continue
        before, after = _members(old, name), _members(new, name)
        for member in (m for m in before if m not in after):
            text = f"member {member} of struct_ops type {name} is gone: objects that set it do not load"
            yield _ops(f"{name}.{member}", text, ("R-7.2",), before[member])


def _members(kernel: Kernel, name: str) -> dict[str, str]:
    blob = kernel.vmlinux
    assert blob is not None
    return {m.name: type_text(blob, m.type, m.name) for m in blob.members(blob.own(name, Kind.STRUCT)[0]) if m.name}


def _ops(name: str, text: str, rules: tuple[str, ...], old: str = "") -> Finding:
    return Finding(NeedKind.STRUCT_OPS, name, Verdict.BREAKS, text, rules, Failure.STRUCT_OPS_MISMATCH,
                   evidence=Evidence(old))  # fmt: skip


def lost_types(old: Kernel, new: Kernel) -> Iterator[Finding]:
    """Types of maps and programs, and attach types, that are no longer among the enumerators (R-7.15, R-11.13)."""
    for kind, need, what in (("map_type", NeedKind.MAP_TYPE, "map type"),
                             ("prog_type", NeedKind.PROG_TYPE, "program type"),
                             ("attach_type", NeedKind.PROG_TYPE, "attach type")):  # fmt: skip
        before, after = diff.KINDS[kind](old), diff.KINDS[kind](new)
        for name in sorted(before.keys() - after.keys()):
            rule = "R-7.15" if kind == "map_type" else "R-11.13"
            text = f"{what} {name} is gone: objects that use it do not load"
            yield Finding(need, name, Verdict.BREAKS, text, (rule,), Failure.TYPE_UNSUPPORTED)
