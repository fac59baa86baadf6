# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What a kernel was given without, and what that costs: in general, and counted in a result."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from kfuncscope.model.analysis import NOT_GIVEN, ArchResult, KernelInfo
from kfuncscope.model.verdict import NeedKind, Verdict

_K = NeedKind


@dataclass(frozen=True, slots=True)
class Part:
    """One part that a kernel may come without: what stays open then, and which kinds of needs it settles."""

    name: str
    cost: str
    settles: frozenset[NeedKind]


PARTS = (
    Part(
        "BTF", "fields, types and prototypes are unknown",
        frozenset({_K.FIELD, _K.TYPE, _K.ENUMVAL, _K.KFUNC, _K.KSYM, _K.STRUCT_OPS, _K.HOOK}),
    ),
    Part(
        "config", "CONFIG_ options are unknown: what the JIT, LSM and tracing of this build support",
        frozenset({_K.KCONFIG, _K.JIT, _K.HELPER, _K.MAP_TYPE, _K.PROG_TYPE, _K.HOOK}),
    ),
    Part(
        "modules", "kfuncs, types and hooks in modules are unknown",
        frozenset({_K.KFUNC, _K.TYPE, _K.FIELD, _K.ENUMVAL, _K.STRUCT_OPS, _K.KSYM, _K.HOOK}),
    ),
    Part("symbols", "whether a function can be attached to is decided by BTF alone", frozenset({_K.HOOK, _K.KSYM})),
)  # fmt: skip
_PLURAL = {_K.TYPE: "types", _K.ENUMVAL: "enum values", _K.STRUCT_OPS: "struct_ops", _K.JIT: "JIT capabilities"}


@dataclass(frozen=True, slots=True)
class Lack:
    """A missing part and its cost in words; ``counted`` says that the words count needs of a result."""

    part: str
    cost: str
    counted: bool = False

    def __str__(self) -> str:
        return f"no {self.part}: {self.cost}"


def lacks(facts: Iterable[tuple[str, str]]) -> tuple[Lack, ...]:
    """What is missing of a kernel by its facts, and what that means for any program."""
    known = dict(facts)
    return tuple(Lack(part.name, part.cost) for part in PARTS if known.get(part.name, NOT_GIVEN) == NOT_GIVEN)


def unknown_needs(arch: ArchResult) -> set[tuple[NeedKind, str]]:
    """The needs of an architecture that could not be decided for some program."""
    return {
        (use.kind, use.name)
        for obj in arch.objects
        for program in obj.programs
        for use in program.needs
        if use.verdict is Verdict.UNKNOWN
    }


def lacks_in(kernel: KernelInfo, unknown: Iterable[tuple[NeedKind, str]]) -> tuple[Lack, ...]:
    """What is missing of one kernel of a result, with how many of the ``unknown`` needs there it would settle."""
    kinds = Counter(kind for kind, _ in set(unknown))
    return tuple(_counted(lack, kinds) for lack in lacks(kernel.facts))


def _counted(lack: Lack, kinds: Counter[NeedKind]) -> Lack:
    settles = next(part.settles for part in PARTS if part.name == lack.part)
    counts = {kind: number for kind, number in kinds.items() if kind in settles}
    if not counts:
        return lack
    said = [
        f"{number} {_PLURAL.get(kind, f'{kind.value}s') if number > 1 else kind.value}"
        for kind, number in sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
    ]
    return Lack(lack.part, f"{', '.join(said)} unknown", counted=True)
