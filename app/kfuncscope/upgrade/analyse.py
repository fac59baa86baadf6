# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Run a session: open its kernels and objects, hold every object against every pair, and gather the analysis."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from kfuncscope import __version__
from kfuncscope.errors import SessionError
from kfuncscope.intake.loaders import with_choices
from kfuncscope.intake.objects import object_files
from kfuncscope.model.analysis import Analysis, ArchResult, ObjectInfo
from kfuncscope.model.unchecked import unfinished
from kfuncscope.model.verdict import ObjectVerdict, Verdict
from kfuncscope.rules.changes.alternatives import variant_key
from kfuncscope.session.session import Session
from kfuncscope.storage.files import InputProblem, ObjectFile
from kfuncscope.storage.read import Progress
from kfuncscope.upgrade.executors.local import local_executor
from kfuncscope.upgrade.executors.tasks import Executor, Run, Work, carry_out
from kfuncscope.upgrade.inferred import inferred_results
from kfuncscope.upgrade.known import UnknownError
from kfuncscope.upgrade.memo import Kept
from kfuncscope.upgrade.merge import select
from kfuncscope.upgrade.pairs import KnownPair, idle, known_sides, paired, unpaired
from kfuncscope.upgrade.replaced import replaced_functions

if TYPE_CHECKING:
    from kfuncscope.upgrade.executors.farm import Farm
    from kfuncscope.upgrade.jsonform import Shard

Arrived = Callable[[Analysis], None]
Chosen = Callable[[int, Progress], Executor]
"""The executor for so many objects, which may tell progress of its own."""


@dataclass(frozen=True, slots=True)
class ObjectResult:
    """One object on every pair, or why it could not be read."""

    info: ObjectInfo | None
    verdicts: tuple[ObjectVerdict | None, ...]  # None: an architecture for which the object is not meant
    problem: InputProblem | None = None


def analyse(
    session: Session,
    progress: Progress | None = None,
    workers: int | None = None,
    shard: Shard | None = None,
    arrived: Arrived | None = None,
    farm: Farm | None = None,
    known_only: bool = False,
) -> Analysis:
    """Analyse a session, or one shard of its objects. ``progress`` gets (done, total, what) and may raise to cancel.

    ``arrived`` asks for one architecture after the other, and gets the result so far after each but the last: a
    problem in it says how much is missing, so that it is never taken for the whole. ``farm`` has objects read and
    judged on other machines in place of ``workers`` processes of this one, with the same result. ``known_only``
    opens no kernel and judges nothing: UnknownError where that would be needed.

    Objects that cannot be read become problems and the rest goes on; SessionError when no pair of kernels is there.
    What an earlier run judged is not judged again, and its kernels are not opened.
    """
    report = progress or (lambda done, total, what: None)
    report(0, 1, "opening kernels")
    kernels, problems = known_sides(session, report, known_only)
    pairs = [KnownPair(old, new, session.section_types) for old, new in paired(*kernels)]
    if not pairs:
        raise SessionError("session", "no architecture has both an old and a new kernel")
    problems += unpaired(kernels, pairs)
    for pair in pairs:
        problems += [*pair.old.facts.unreadable, *pair.new.facts.unreadable]
    report(0, 1, "reading objects")
    files, bad = _read_by(farm, session, report) if farm is not None else object_files(session.objects)
    files = with_choices(files, session.loaders)
    problems += [*bad, *idle(files, pairs)]
    targets = replaced_functions(files, session.section_types)
    if shard is not None:
        files = select(files, shard)
    part = _so_far(pairs, problems, arrived) if arrived is not None and len(pairs) > 1 else None
    executor: Chosen = (lambda objects, report: farm) if farm is not None else partial(local_executor, workers)
    if known_only:
        executor = _unless_any
    results = judged(files, Run(pairs, session.section_types, targets), executor, report, part)
    return gather(pairs, results, problems, session.infer)


def _unless_any(objects: int, progress: Progress) -> Executor:
    """An executor for no object at all."""
    if objects:
        raise UnknownError(f"{objects} objects")
    return local_executor(1, objects, progress)


def _read_by(farm: Farm, session: Session, report: Progress) -> tuple[list[ObjectFile], list[InputProblem]]:
    """The objects as other machines read them; read here where a program may replace a function of another object."""
    found = object_files(session.objects, scan=lambda files: farm.scan(files, lambda what: report(0, 1, what)))
    return object_files(session.objects) if farm.replaces else found


def _so_far(
    pairs: list[KnownPair], problems: list[InputProblem], arrived: Arrived
) -> Callable[[list[ObjectResult]], None]:
    """Hand on what is judged of the first pairs, marked as a part of the whole."""

    def hand_on(results: list[ObjectResult]) -> None:
        ready = len(results[0].verdicts) if results else 0
        part = unfinished(pair.new.arch for pair in pairs[ready:])
        arrived(gather(pairs[:ready], results, [*problems, part]))

    return hand_on


def judged(
    files: list[ObjectFile],
    run: Run,
    executor: Chosen,
    progress: Progress,
    part: Callable[[list[ObjectResult]], None] | None = None,
) -> list[ObjectResult]:
    """Results in the order of ``files``: what is kept of earlier runs, and the rest judged and kept now.

    All pairs at once, or with ``part`` one after the other: it gets the results on the first pairs after each.
    """
    pairs = run.pairs
    kept = [pair.verdicts.known(files, run.targets) for pair in pairs]
    rounds = [(index,) for index in range(len(pairs))] if part is not None else [tuple(range(len(pairs)))]
    for number, indexes in enumerate(rounds):
        report = _share(progress, number, len(rounds), pairs[indexes[0]].new.arch)
        _judge_rest(files, run, kept, indexes, executor, report)
        ready = number + 1
        later = tuple(range(ready, len(pairs)))
        if part is not None and later and any(_missing(file, later, kept) for file in files):
            part([_result(file, pairs[:ready], [known[file.name] for known in kept[:ready]]) for file in files])
    progress(len(files), len(files), "")
    return [_result(file, pairs, [known[file.name] for known in kept]) for file in files]


def _share(progress: Progress, number: int, rounds: int, arch: str) -> Progress:
    """Progress of one round as a share of all."""
    if rounds == 1:
        return progress
    return lambda done, total, what: progress(number * total + done, rounds * total, f"{arch}: {what}")


def _judge_rest(
    files: list[ObjectFile],
    run: Run,
    kept: list[dict[str, Kept]],
    indexes: tuple[int, ...],
    executor: Chosen,
    progress: Progress,
) -> None:
    """Judge on some pairs what is not known there, and keep it."""
    work = [Work(file, missing) for file in files if (missing := _missing(file, indexes, kept))]
    done = carry_out(executor(len(work), progress), run, work, progress)
    for one, rows in zip(work, done.rows, strict=True):
        for index, found in rows.items():
            kept[index][one.file.name] = found
    sound = [one for number, one in enumerate(work) if number not in done.failed]
    for index in indexes:
        pair = run.pairs[index]
        new = [(one.file, kept[index][one.file.name]) for one in sound if index in one.pairs]
        pair.verdicts.keep(new, len(files), run.targets)
        for kernel, learnt in zip((pair.old, pair.new), done.late[2 * index : 2 * index + 2], strict=True):
            kernel.learn(learnt)


def _missing(file: ObjectFile, indexes: tuple[int, ...], kept: list[dict[str, Kept]]) -> tuple[int, ...]:
    """On which of some pairs an object is to be judged."""
    return tuple(index for index in indexes if file.name not in kept[index])


def _result(file: ObjectFile, pairs: list[KnownPair], rows: list[Kept]) -> ObjectResult:
    first = rows[0]
    # Which pair it was matters only where a process died: what cannot be read can be read for none.
    problem = next((row.problem for row in rows if row.problem is not None), None)
    if problem is not None:
        return ObjectResult(None, (), problem)
    arches = tuple(pair.new.arch for pair, row in zip(pairs, rows, strict=True) if row.verdict is not None)
    info = ObjectInfo(file.name, file.sha256, file.size, file.places, first.programs, first.notes, arches)
    return ObjectResult(info, tuple(row.verdict for row in rows))


# -- the whole


def gather(
    pairs: list[KnownPair], results: list[ObjectResult], problems: list[InputProblem], infer: bool = False
) -> Analysis:
    """Put the results of all objects together, sorted, with alternatives between objects weighed.

    With ``infer`` and one pair, other architectures follow that are told from their JITs (see ``inferred``).
    """
    found = [r for r in results if r.info is not None]
    problems = [*problems, *(r.problem for r in results if r.problem is not None)]
    arches = []
    for index, pair in enumerate(pairs):
        verdicts = weigh_variants([v for r in found if (v := r.verdicts[index]) is not None])
        arches.append(ArchResult(pair.new.arch, pair.old.info, pair.new.info, tuple(verdicts)))
    # Some parts of a kernel are read when first asked for, and found to be bad then.
    problems += [problem for pair in pairs for kernel in (pair.old, pair.new) for problem in kernel.late.problems]
    if infer and len(pairs) == 1:
        arches += inferred_results(arches[0], pairs[0].old, pairs[0].new)
    infos = tuple(r.info for r in found if r.info is not None)
    unique = {(p.path, p.reason, p.offset): p for p in problems}
    listed = tuple(sorted(unique.values(), key=lambda p: (p.path, p.offset or 0, p.reason)))
    return Analysis(__version__, tuple(arches), infos, listed)


def weigh_variants(verdicts: list[ObjectVerdict]) -> list[ObjectVerdict]:
    """Several builds of one object, of which a loader takes the one that fits: the user loses only if none is left."""
    groups: dict[tuple[str, str], list[ObjectVerdict]] = {}
    for one in verdicts:
        groups.setdefault((one.package, variant_key(one.object)), []).append(one)
    weighed = []
    for one in verdicts:
        others = [o for o in groups[one.package, variant_key(one.object)] if o is not one]
        names = {p.program for p in one.programs}
        fit = [o for o in others if _serves(o) and 2 * len(names & {p.program for p in o.programs}) > len(names)]
        if one.verdict == Verdict.BREAKS and fit:
            reason = f"{one.reason}; another build of it still works: {fit[0].object}"
            one = replace(one, verdict=Verdict.DEGRADES, reason=reason)
        weighed.append(one)
    return weighed


def _serves(one: ObjectVerdict) -> bool:
    return one.verdict in (Verdict.OK, Verdict.FIXED, Verdict.RISK, Verdict.DEGRADES)
