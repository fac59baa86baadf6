# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The life of what kernels offer, as data: each name over the releases known and the kernels loaded, and its users.

``upgrade.offers`` reads the kernels; this module does not, so that a window can show rows without loading the readers.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum

from kfuncscope.model.analysis import Analysis
from kfuncscope.model.failure import Failure
from kfuncscope.model.verdict import Evidence, Finding, NeedKind, Verdict

Key = tuple[NeedKind, str]
_GONE = frozenset({Failure.KFUNC_NOT_FOUND, Failure.ATTACH_BTF_NOT_FOUND, Failure.KSYM_NOT_FOUND})


class State(StrEnum):
    """What a kernel says of a name."""

    PRESENT = "present"
    ABSENT = "absent"
    UNREGISTERED = "no longer registered"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Seen:
    """One kernel or known release. ``loaded`` tells a kernel of this session (with its architecture) from knowledge."""

    kernel: str
    release: str
    state: State
    prototype: str = ""
    flags: tuple[str, ...] = ()
    loaded: bool = False
    arch: str = ""


@dataclass(frozen=True, slots=True)
class OfferRow:
    """One kfunc, helper or hook: where it belongs, its life, and who in this session uses it (``object/program``).

    ``seen`` is in order of release. ``verdict`` is the worst that the upgrade does to any use of it. ``life`` is
    the sentence of study/life.py, where it came with the kernels.
    ``types_from`` says where ``prog_types`` come from: the binary of a kernel, or what is known of a release.
    """

    kind: NeedKind
    name: str
    sets: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()
    prog_types: tuple[str, ...] = ()
    types_from: str = ""
    module: str = ""
    prototype: str = ""
    first_release: str = ""
    seen: tuple[Seen, ...] = ()
    users: tuple[str, ...] = ()
    life: str = ""
    verdict: Verdict = Verdict.OK


def release_key(release: str) -> tuple[int, ...]:
    """A release as numbers, so that 6.9 comes before 6.12."""
    numbers = "".join(c if c.isdecimal() else " " for c in release.split("-")[0]).split()
    return tuple(int(n[:9]) for n in numbers[:4])


def with_users(found: Iterable[OfferRow], analysis: Analysis) -> list[OfferRow]:
    """The same with who uses each in a session; what only programs name comes with what the analysis tells of it."""
    rows = {(r.kind, r.name): r for r in found}
    used = {(r.kind, r.name): r for r in from_analysis(analysis)}
    for key, row in used.items():
        known = rows.get(key)
        shown = known.prototype if known is not None and known.prototype else row.prototype
        rows[key] = (
            row
            if known is None
            else replace(known, users=row.users, verdict=row.verdict, prototype=shown, seen=known.seen or row.seen)
        )
    return sorted(rows.values(), key=lambda r: (r.kind.value, r.name))


def from_analysis(analysis: Analysis) -> list[OfferRow]:
    """The kfuncs, helpers and hooks that this session's programs use, as far as the analysis alone tells."""
    users: dict[Key, dict[str, None]] = {}
    evidence: dict[Key, Evidence] = {}
    worst_of: dict[Key, Verdict] = {}
    states: dict[Key, dict[tuple[str, str], tuple[State, str]]] = {}
    order = list(Verdict)
    for arch in analysis.arches:
        sides = (f"{arch.arch} {arch.old.release}", f"{arch.arch} {arch.new.release}")
        for obj in arch.objects:
            for prog in obj.programs:
                findings = {(f.kind, f.name): f for f in prog.findings}
                for need in prog.needs:
                    key = (need.kind, need.name)
                    if need.kind not in (NeedKind.KFUNC, NeedKind.HELPER, NeedKind.HOOK):
                        continue
                    users.setdefault(key, {})[f"{obj.object}/{prog.program}"] = None
                    worst_of[key] = min(worst_of.get(key, Verdict.FIXED), need.verdict, key=order.index)
                    found = findings.get(key)
                    if found is not None:
                        evidence.setdefault(key, found.evidence)
                    life = states.setdefault(key, {})
                    old, new = states_of(need.verdict, found)
                    life[sides[0], arch.old.release] = old, arch.arch
                    life[sides[1], arch.new.release] = new, arch.arch
    rows = []
    for key in sorted(users, key=lambda k: (k[0].value, k[1])):
        said = evidence.get(key, Evidence())
        seen = tuple(Seen(k, r, state, loaded=True, arch=arch) for (k, r), (state, arch) in states[key].items())
        who = tuple(users[key])
        row = OfferRow(*key, prototype=said.old or said.new, seen=seen, users=who, verdict=worst_of[key])
        rows.append(row)
    return rows


def states_of(verdict: Verdict, found: Finding | None) -> tuple[State, State]:
    """What a use of a name tells of both kernels: by the declarations that its finding shows, where it shows any."""
    said, cls = (found.evidence, found.failure) if found is not None else (Evidence(), Failure.NONE)
    unregistered = cls is Failure.KFUNC_NOT_REGISTERED
    if said.old or said.new:
        old = State.PRESENT if said.old else State.ABSENT
        new = State.PRESENT if said.new else State.ABSENT
        return old, State.UNREGISTERED if unregistered else new
    if verdict in (Verdict.ALREADY_BROKEN, Verdict.FIXED, Verdict.UNKNOWN):  # for whatever reason
        return State.UNKNOWN, State.UNKNOWN
    gone = State.ABSENT if cls in _GONE else State.PRESENT
    return State.PRESENT, State.UNREGISTERED if unregistered else gone
