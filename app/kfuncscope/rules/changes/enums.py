# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Enumerators that are compared as numbers, and whose numbers changed (R-12.10).

A compiler puts in the value that its vmlinux.h gave. The object's own BTF tells which enumerator was meant; where that
enum is not in it, the old kernel's does, with less certainty.
"""

from __future__ import annotations

from kfuncscope.bpf.object import Program
from kfuncscope.btf.blob import Blob
from kfuncscope.btf.layout import Kind
from kfuncscope.model.verdict import Confidence, Evidence, Finding, NeedKind, Verdict
from kfuncscope.rules.changes.evidence import site
from kfuncscope.rules.checks.typed_access import typed_uses
from kfuncscope.rules.context import Context
from kfuncscope.rules.core.spec import ReloKind

M32 = 0xFFFFFFFF
CUT = 8  # bytes of an enum whose record has room for 4


def enum_findings(old: Context, new: Context, program: Program) -> list[Finding]:
    """One finding for each enumerator that is compared and has another value on the new kernel."""
    found: dict[str, Finding] = {}
    for use in typed_uses(new, program):
        if use.kind != "compare":
            continue
        blob = new.kernel.modules.blob(use.module) if use.module else new.kernel.vmlinux
        name = blob.name(use.struct) if blob is not None else ""
        if blob is None or not name:
            continue
        value, mine, before = int(use.detail), _values(new.obj.btf, name), _values(old.kernel.vmlinux, name)
        after = {e.name: e.value for e in blob.enumerators(use.struct)}
        for one in [n for n, v in (mine or before).items() if _same(v, value)]:
            if not _same(before.get(one), value) or _same(after.get(one), value):
                continue
            text = _text(one, value, after)
            verdict = Verdict.SILENT if mine else Verdict.RISK
            found.setdefault(
                one,
                Finding(NeedKind.ENUMVAL, f"enum {name}.{one}", verdict, text, ("R-12.10",),
                        confidence=Confidence.HIGH if mine else Confidence.MEDIUM,
                        evidence=Evidence(f"{one} = {before[one]}", f"{one} = {after[one]}" if one in after else ""),
                        sites=(site(use.function, use.at, True),)),
            )  # fmt: skip
    return list(found.values())


def cut_findings(old: Context, new: Context, program: Program) -> list[Finding]:
    """R-12.12: relocated enumerators of 64 bits whose values the new kernel's BTF cuts to 32."""
    found: dict[str, Finding] = {}
    for function in program.functions:
        before = old.relocs(function)
        for index, now in new.relocs(function).items():
            was, relo = before.get(index), function.relos[function.core[index]][1]
            if relo.kind != ReloKind.ENUMVAL_VALUE or now.target is None or was is None or was.new == now.new:
                continue
            blob, root = now.target.blob, now.target.blob.skip(now.target.root)
            cut = blob.kind(root) == Kind.ENUM and blob.size(root) == CUT
            if not cut or not new.reachable(program).is_reached(function, index):
                continue
            name = f"enum {blob.name(root)}.{now.target.steps[0].name}"
            text = f"{name} had the value {was.new:#x}; the new kernel's BTF cuts it to {now.new:#x}"
            found[name] = Finding(NeedKind.ENUMVAL, name, Verdict.SILENT, text, ("R-12.12", "R-3.5"),
                                  evidence=Evidence(f"{was.new:#x}", f"{now.new:#x}"),
                                  sites=(site(function, index, True),))  # fmt: skip
    return list(found.values())


def _values(blob: Blob | None, name: str) -> dict[str, int]:
    if blob is None:
        return {}
    for kind in (Kind.ENUM, Kind.ENUM64):
        for enum in blob.find(name, kind):
            return {e.name: e.value for e in blob.enumerators(enum)}
    return {}


def _same(one: int | None, other: int) -> bool:
    """Equal in the 32 bits that an instruction compares with."""
    return one is not None and one & M32 == other & M32


def _text(name: str, value: int, after: dict[str, int]) -> str:
    means = next((n for n, v in after.items() if _same(v, value)), "")
    now = f"{name} is now {after[name]}" if name in after else f"{name} no longer exists"
    stands = f"which now means {means}" if means else "which no longer means anything"
    return f"the program compares with {value} for {name}, {stands}; {now}"
