# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The life of what kernels offer: every kfunc, helper and hook over the releases known and the kernels loaded."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from kfuncscope.rules.verdict import Evidence, NeedKind, Verdict
from kfuncscope.upgrade.analysis import Analysis


class State(StrEnum):
    """What a kernel says of a name."""

    PRESENT = "present"
    ABSENT = "absent"
    UNREGISTERED = "registered no more"
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

    ``seen`` is in order of release. ``verdict`` is the worst that the upgrade does to any use of it. ``stability`` is
    a sentence: age, how often prototype or flags changed, deprecation. ``replaced_by`` is empty where nothing is known.
    """

    kind: NeedKind
    name: str
    sets: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()
    prog_types: tuple[str, ...] = ()
    module: str = ""
    prototype: str = ""
    first_release: str = ""
    seen: tuple[Seen, ...] = ()
    users: tuple[str, ...] = ()
    replaced_by: str = ""
    stability: str = ""
    verdict: Verdict = Verdict.OK


def from_analysis(analysis: Analysis) -> list[OfferRow]:
    """The kfuncs, helpers and hooks that this session's programs use, as far as the analysis alone tells."""
    users: dict[tuple[NeedKind, str], dict[str, None]] = {}
    evidence: dict[tuple[NeedKind, str], Evidence] = {}
    worst_of: dict[tuple[NeedKind, str], Verdict] = {}
    states: dict[tuple[NeedKind, str], dict[tuple[str, str], State]] = {}
    order = list(Verdict)
    for arch in analysis.arches:
        for obj in arch.objects:
            for prog in obj.programs:
                cls = {(f.kind, f.name): f for f in prog.findings}
                for need in prog.needs:
                    key = (need.kind, need.name)
                    if need.kind not in (NeedKind.KFUNC, NeedKind.HELPER, NeedKind.HOOK):
                        continue
                    users.setdefault(key, {})[f"{obj.object}/{prog.program}"] = None
                    worst_of[key] = min(worst_of.get(key, Verdict.FIXED), need.verdict, key=order.index)
                    found = cls.get(key)
                    if found is not None:
                        evidence.setdefault(key, found.evidence)
                    pair = states.setdefault(key, {})
                    pair[f"{arch.arch} {arch.old.release}", arch.old.release] = _old_state(need.verdict)
                    pair[f"{arch.arch} {arch.new.release}", arch.new.release] = _new_state(need.verdict, found)
    rows = []
    for key in sorted(users, key=lambda k: (k[0].value, k[1])):
        said = evidence.get(key, Evidence())
        seen = tuple(
            Seen(kernel, release, state, loaded=True, arch=kernel.split()[0])
            for (kernel, release), state in states[key].items()
        )
        rows.append(
            OfferRow(
                key[0],
                key[1],
                prototype=said.old or said.new,
                seen=seen,
                users=tuple(users[key]),
                verdict=worst_of[key],
            )
        )
    return rows


def _old_state(verdict: Verdict) -> State:
    return State.ABSENT if verdict in (Verdict.ALREADY_BROKEN, Verdict.FIXED) else State.PRESENT


def _new_state(verdict: Verdict, found: object) -> State:
    cls = getattr(found, "cls", "")
    if "not_registered" in cls:
        return State.UNREGISTERED
    if "not_found" in cls:
        return State.ABSENT
    return State.UNKNOWN if verdict is Verdict.UNKNOWN else State.PRESENT
