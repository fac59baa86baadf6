# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What became of each input: could not be checked and why, not of an architecture, or in several places.

Table, reports, JSON and window all list and count from here, so that their numbers are equal.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from kfuncscope.model.analysis import Analysis, ObjectInfo
from kfuncscope.model.failure import Failure
from kfuncscope.model.verdict import ProgramVerdict
from kfuncscope.storage.files import InputProblem

UNFINISHED = "analysis"  # the place of what is still analysed, in a part of a result
NO_PROGRAM = "no program was found in it"


@dataclass(frozen=True, slots=True)
class Unfinished(InputProblem):
    """The problem of a part of a result: ``missing`` architectures, which are still analysed."""

    missing: tuple[str, ...] = ()


def unfinished(missing: Iterable[str]) -> Unfinished:
    """The problem of a part of a result that lacks these architectures as yet."""
    named = tuple(missing)
    return Unfinished(UNFINISHED, f"in progress: {', '.join(named)} not analysed yet", missing=named)


def stopped(analysis: Analysis) -> tuple[Analysis, list[str]]:
    """A part of a result whose other architectures nobody analyses any more, and these; none of a whole result."""
    problems, missing = list(analysis.problems), list[str]()
    for place, problem in enumerate(problems):
        if isinstance(problem, Unfinished):
            problems[place] = InputProblem(UNFINISHED, f"cancelled: {', '.join(problem.missing)} not analysed")
            missing += problem.missing
    return replace(analysis, problems=tuple(problems)), missing


@dataclass(frozen=True, slots=True)
class Unchecked:
    """One thing that could not be read or judged in full: where, why, on which architectures (empty: on none or all).

    ``given`` marks an input that was not read, judged or compared at all: while there is one, nothing is clear.
    ``section`` is the name of a section whose program type has to be chosen, empty where that is not the reason.
    ``offset`` is the byte of the file at which reading ended, None where none is known.
    """

    where: str
    why: str
    arches: tuple[str, ...] = ()
    given: bool = False
    section: str = ""
    offset: int | None = None

    @property
    def place(self) -> str:
        """Where, with the offset, in words."""
        return f"{self.where} at offset {self.offset:#x}" if self.offset is not None else self.where


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """An object that took no part on some architectures, as its byte order is not theirs."""

    object: str
    arches: tuple[str, ...]


def unchecked(analysis: Analysis) -> tuple[Unchecked, ...]:
    """Each (place, why) once, inputs first. Architectures that were only inferred were not given and are left out."""
    found: dict[tuple[str, str], Unchecked] = {}
    for one in (*_inputs(analysis), *_judged(analysis)):
        known = found.get((one.place, one.why))
        if known is None:
            found[one.place, one.why] = one
        elif set(one.arches) - set(known.arches) or one.given > known.given:
            arches = tuple(dict.fromkeys((*known.arches, *one.arches)))
            found[one.place, one.why] = replace(known, arches=arches, given=known.given or one.given)
    return tuple(found.values())


def _inputs(analysis: Analysis) -> Iterator[Unchecked]:
    for problem in analysis.problems:
        yield Unchecked(problem.path, problem.reason, given=True, offset=problem.offset)
    for info in analysis.objects:
        if not info.programs:
            yield Unchecked(info.name, (info.notes or (NO_PROGRAM,))[-1], given=True)  # the last note is about programs


def _judged(analysis: Analysis) -> Iterator[Unchecked]:
    judged = [arch for arch in analysis.arches if not arch.inferred]
    for arch in judged:
        for kernel in (arch.old, arch.new):
            yield from (Unchecked(f"{kernel.label} ({kernel.arch})", fault.message) for fault in kernel.faults)
    # An object without programs is listed once, as an input that was not judged: its other notes limit nothing more.
    empty = {info.name for info in analysis.objects if not info.programs}
    notes = dict.fromkeys((info.name, note) for info in analysis.objects for note in info.notes)
    yield from (Unchecked(name, note) for name, note in notes if name not in empty)
    for arch in judged:
        on = (arch.arch,)
        for obj in arch.objects:
            yield from (Unchecked(obj.object, why, on) for why in obj.unchecked if (obj.object, why) not in notes)
            for program in obj.programs:
                where = f"{obj.object} · {program.program}"
                section = _untyped(program)
                yield from (Unchecked(where, why, on, section=section) for why in program.unchecked)


def _untyped(program: ProgramVerdict) -> str:
    """The section of a program whose type is not known (R-2.2), else nothing."""
    return program.section if any(f.failure is Failure.UNKNOWN_SECTION for f in program.findings) else ""


def incomplete(analysis: Analysis) -> tuple[Unchecked, ...]:
    """What was given and could not be read, judged or compared."""
    return tuple(one for one in unchecked(analysis) if one.given)


def elsewhere(analysis: Analysis) -> tuple[Elsewhere, ...]:
    """The objects that took no part on some of the architectures, as they have another byte order, by name."""
    arches = list(dict.fromkeys(arch.arch for arch in analysis.arches if not arch.inferred))
    present = {obj.object for arch in analysis.arches for obj in arch.objects}
    found = []
    for info in analysis.objects:
        if not info.judged_on and (info.name in present or not info.programs):
            continue  # not told by an earlier version; or in the list of what could not be checked
        missing = tuple(arch for arch in arches if arch not in info.judged_on)
        if missing:
            found.append(Elsewhere(info.name, missing))
    return tuple(found)


def shared(analysis: Analysis) -> tuple[ObjectInfo, ...]:
    """The objects that were found in several places with equal bytes, and judged once."""
    return tuple(info for info in analysis.objects if len(info.places) > 1)


def by_reason(listed: Iterable[Unchecked]) -> list[tuple[str, list[Unchecked]]]:
    """The same with equal reasons together, in order of first appearance."""
    groups: dict[str, list[Unchecked]] = {}
    for one in listed:
        groups.setdefault(one.why, []).append(one)
    return list(groups.items())


def by_arches(listed: Iterable[Elsewhere]) -> list[tuple[tuple[str, ...], list[str]]]:
    """Objects that miss the same architectures together."""
    groups: dict[tuple[str, ...], list[str]] = {}
    for one in listed:
        groups.setdefault(one.arches, []).append(one.object)
    return list(groups.items())
