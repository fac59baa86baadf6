# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Which source each kind of fact about a kernel comes from: the kernel itself, its image, BTF, config, or tables."""

from __future__ import annotations

from collections.abc import Iterable

from kfuncscope.kernel.features import SOURCE
from kfuncscope.kernel.kernel import Kernel
from kfuncscope.model.analysis import KNOWN_FROM
from kfuncscope.model.failure import Failure
from kfuncscope.model.verdict import Finding, NeedKind

ASKED, IMAGE, BTF, CONFIG = "the booted kernel", "the image", "BTF", "BTF and config"
_LABELS = (KNOWN_FROM, "told by ")  # the second in reports of earlier versions

_KFUNCS = {"binary": IMAGE, "tags": "tags in the BTF"}


def fact_sources(kernel: Kernel) -> dict[str, str]:
    """Kind of fact → its best source. A kind of which several sources tell a part is named by the one asked first."""
    tables = table_words(kernel)
    registry, probed, listed = kernel.kfuncs, kernel.probed, kernel.listed
    found: dict[str, str] = {}
    if kernel.vmlinux is not None:
        found["types and functions"] = BTF
    if registry is not None:
        found["kfuncs and their flags"] = _KFUNCS.get(registry.source, tables)
        by_code = any(k.types_source == "binary" for k in registry.kfuncs.values())
        asked = probed is not None and bool(probed.kfuncs)
        found["kfuncs by program type"] = ASKED if asked else IMAGE if by_code else tables
    found["helpers by program type"] = ASKED if probed is not None and probed.helpers else tables
    features = kernel.features
    if features is not None and features.helpers:
        found["helpers by program type"] = SOURCE
    found["LSM hooks"] = ASKED if probed is not None and probed.asked_hooks else kernel.lsm_hooks.source or tables
    null = kernel.maybe_null("").source
    found["NULL arguments of tracepoints"] = {"the kernel's image": IMAGE}.get(null, null)
    found["functions that can be traced"] = IMAGE if listed.traceable is not None else tables
    found["system calls"] = IMAGE if listed.syscalls is not None else tables
    found["trace events"] = IMAGE if listed.events is not None else BTF
    by_config = CONFIG if kernel.config else BTF
    asked_maps = probed is not None and bool(probed.maps)
    found["map types"] = ASKED if asked_maps else IMAGE if listed.map_types is not None else by_config
    found["program types"] = IMAGE if listed.prog_types is not None else by_config
    if features is not None:
        found |= {"map types": SOURCE} if features.maps else {}
        found |= {"program types": SOURCE} if features.programs else {}
    found["instructions"] = ASKED if probed is not None and probed.instructions else "the release"
    found["JIT"] = tables
    found["NULL arguments of callbacks"] = ASKED if probed is not None and probed.struct_ops_null else BTF
    found["struct_ops members"] = ASKED if probed is not None and probed.struct_ops else tables
    return found


def table_words(kernel: Kernel) -> str:
    """The tables that speak for a kernel: of its own level, or of neighbours."""
    own = kernel.knowledge.borrowed_for is None
    return f"tables of Linux {kernel.knowledge.told_by}" + ("" if own else ", its neighbours")


def source_lines(sources: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """(``known from SOURCE``, the kinds of facts that it gives), in the order in which sources first appear."""
    kinds: dict[str, list[str]] = {}
    for kind, source in sources:
        kinds.setdefault(KNOWN_FROM + source, []).append(kind)
    return [(label, ", ".join(names)) for label, names in kinds.items()]


_BY_NEED = {
    NeedKind.KFUNC: "kfuncs and their flags", NeedKind.HELPER: "helpers by program type",
    NeedKind.FIELD: "types and functions", NeedKind.TYPE: "types and functions",
    NeedKind.ENUMVAL: "types and functions", NeedKind.HOOK: "types and functions", NeedKind.MAP_TYPE: "map types",
    NeedKind.PROG_TYPE: "program types", NeedKind.JIT: "JIT", NeedKind.INSN: "instructions",
    NeedKind.STRUCT_OPS: "struct_ops members",
}  # fmt: skip
_BY_FAILURE = {
    Failure.KFUNC_NOT_ALLOWED: "kfuncs by program type", Failure.NULL_CHECK_MISSING: "NULL arguments of tracepoints",
}  # fmt: skip


def source_of(finding: Finding, section: str, facts: Iterable[tuple[str, str]]) -> str:
    """The source of the fact that a finding rests on, out of the lines that results show of a kernel; empty: none."""
    failure = next((code for code in _BY_FAILURE if code == finding.failure), None)
    kind = _BY_FAILURE[failure] if failure is not None else _BY_NEED.get(finding.kind, "")
    if finding.kind is NeedKind.STRUCT_OPS and failure is Failure.NULL_CHECK_MISSING:
        kind = "NULL arguments of callbacks"
    if finding.kind is NeedKind.HOOK and failure is None:
        if section.startswith("lsm"):
            kind = "LSM hooks"
        elif finding.failure == Failure.ATTACH_FAILED and section.startswith(("tp/", "tracepoint/")):
            kind = "system calls" if "/syscalls/" in section else "trace events"
        elif finding.failure == Failure.ATTACH_FAILED:
            kind = "functions that can be traced"
    for label, kinds in facts:
        source = next((label.removeprefix(begin) for begin in _LABELS if label.startswith(begin)), "")
        if source and kind in kinds.split(", "):
            return source
    return ""
