# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Findings by cause: one thing of the kernel that changed, and all programs that it hits."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from kfuncscope.model.failure import Failure
from kfuncscope.model.rows import Row
from kfuncscope.model.verdict import SEVERITY, NeedKind, Verdict

_TRACEPOINTS = frozenset({"tp_btf", "raw_tp", "raw_tracepoint", "tracepoint", "tp"})
_MISSING = frozenset(
    {
        Failure.KFUNC_NOT_FOUND, Failure.KSYM_NOT_FOUND, Failure.KCONFIG_NOT_FOUND, Failure.CORE_RELOC_POISONED,
        Failure.ATTACH_BTF_NOT_FOUND, Failure.ATTACH_FAILED, Failure.HELPER_NOT_AVAILABLE, Failure.TYPE_UNSUPPORTED,
        Failure.STRUCT_OPS_MISMATCH, Failure.MAP_NOT_CREATED,
    }
)  # fmt: skip
_WORDS = {
    NeedKind.FIELD: "field", NeedKind.TYPE: "type", NeedKind.ENUMVAL: "enumerator", NeedKind.KSYM: "variable",
    NeedKind.KCONFIG: "option", NeedKind.INSN: "instruction",
}  # fmt: skip


class Change(StrEnum):
    """What happened to the thing."""

    REMOVED = "removed"
    CHANGED = "changed"
    REFUSED = "refused"


class CauseKey(NamedTuple):
    """What tells causes apart: the kind of thing in a word, its name, and what happened to it."""

    kind: str
    name: str
    change: Change

    @property
    def words(self) -> str:
        """What happened, without the name: ``tracepoint removed``."""
        return f"{self.kind} {self.change.value}"

    @property
    def title(self) -> str:
        """The change in a few words: ``tracepoint xdp_redirect_map removed``."""
        return f"{self.kind} {self.name} {self.change.value}"


@dataclass(frozen=True, slots=True)
class Cause:
    """One change of the kernel with the findings that follow from it, worst first; ``rows`` is never empty.

    An object stands for itself only where none of its programs is named.
    """

    key: CauseKey
    rows: tuple[Row, ...]

    @property
    def verdict(self) -> Verdict:
        """The worst verdict that it leads to."""
        return self.rows[0].verdict

    @property
    def programs(self) -> tuple[tuple[str, str], ...]:
        """(object, program) of what it hits."""
        named = {(r.object, r.program) for r in self.rows if r.program}
        known = {object_ for object_, _ in named}
        return tuple(sorted(named | {(r.object, "") for r in self.rows if r.object not in known}))

    @property
    def packages(self) -> tuple[str, ...]:
        """The packages whose programs it hits."""
        return tuple(sorted({r.package for r in self.rows if r.package}))

    @property
    def arches(self) -> tuple[str, ...]:
        """The architectures on which it does, in the order of the analysis."""
        return tuple(dict.fromkeys(r.arch for r in self.rows))

    @property
    def title(self) -> str:
        """The change in a few words, as those of its key."""
        return self.key.title

    @property
    def extent(self) -> str:
        """How far it goes: ``7 programs in 3 packages on 4 architectures``."""
        parts = [_count(len(self.programs), "program")]
        if self.packages:
            parts.append(f"in {_count(len(self.packages), 'package')}")
        parts.append(f"on {_count(len(self.arches), 'architecture')}")
        return " ".join(parts)


def _count(number: int, word: str) -> str:
    return f"{number:,} {word if number == 1 else word + 's'}"


def cause_key(row: Row) -> CauseKey:
    """The cause of one finding."""
    finding = row.finding
    kind, name = _WORDS.get(finding.kind, finding.kind.value), finding.name
    if finding.kind is NeedKind.HOOK:
        section = row.section.removeprefix("?").partition("/")[0].removesuffix(".s")
        kind = "tracepoint" if section in _TRACEPOINTS else "LSM hook" if section.startswith("lsm") else "function"
        name = name.rpartition("/")[2].partition("+")[0]
    elif finding.kind is NeedKind.ENUMVAL:
        name = name.removeprefix("enum ")
    elif finding.kind in (NeedKind.FIELD, NeedKind.TYPE):
        name = name.removeprefix("struct ").removeprefix("union ")
    return CauseKey(kind, name, _change(row))


def _change(row: Row) -> Change:
    finding = row.finding
    both = bool(finding.evidence.old) and bool(finding.evidence.new)
    if both or "R-12.17" in finding.rules:
        return Change.CHANGED if finding.evidence.old != finding.evidence.new or "R-12.17" in finding.rules else (
            Change.REFUSED
        )  # fmt: skip
    if finding.failure in _MISSING or finding.verdict is Verdict.DEGRADES:
        return Change.REMOVED
    return Change.CHANGED if finding.failure is Failure.NONE else Change.REFUSED


def causes(rows: Iterable[Row]) -> list[Cause]:
    """The causes of what is on the scale (BREAKS to DEGRADES), worst first, then by how many programs they hit."""
    by_key: dict[CauseKey, list[Row]] = defaultdict(list)
    for row in rows:
        if SEVERITY[row.verdict] > SEVERITY[Verdict.UNKNOWN]:
            by_key[cause_key(row)].append(row)
    made = [
        Cause(key, tuple(sorted(members, key=lambda r: -SEVERITY[r.verdict]))) for key, members in by_key.items()
    ]  # fmt: skip
    return sorted(made, key=lambda c: (-SEVERITY[c.verdict], -len(c.programs), c.key))


@dataclass(frozen=True, slots=True)
class CauseLine:
    """A cause as reports list it: what changed, how many programs and packages it hits, the keys of its findings."""

    kind: str
    name: str
    change: Change
    verdict: Verdict
    programs: int
    packages: int
    arches: tuple[str, ...]
    findings: tuple[str, ...]


def cause_lines(rows: Iterable[Row]) -> list[CauseLine]:
    """All causes as lines, in the order of ``causes``."""
    return [
        CauseLine(*c.key, c.verdict, len(c.programs), len(c.packages), c.arches, tuple(sorted({r.key for r in c.rows})))
        for c in causes(rows)
    ]
