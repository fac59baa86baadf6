# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What the window hands to other processes: an analysis, sent back in small parts so that no thread stalls on it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from typing import Any

from kfuncscope.errors import InputError
from kfuncscope.gui.index import Index
from kfuncscope.model.analysis import Analysis, ArchResult
from kfuncscope.session.grouping import groups
from kfuncscope.session.session import KernelRef, Session
from kfuncscope.storage.files import InputProblem

CHUNK = 20


def analyse_in_process(send: Callable[[tuple[Any, ...]], None], session: Session) -> None:
    """Analyse a session (in the other process) and send the result."""
    from kfuncscope.commits.recorded import with_recorded
    from kfuncscope.upgrade.analyse import analyse

    def progress(done: int, total: int, text: str) -> None:
        send(("progress", done, total, text))

    session = with_policy(session)
    sent: list[ArchResult] = []

    def arrived(part: Analysis) -> None:
        _send_lanes(send, part.arches, sent)
        send(("part", (_bare(part), ())))
        send(("ready",))

    whole = analyse(session, progress, arrived=arrived)
    if session.census:
        from kfuncscope.census.running import attached

        whole = attached(whole, session, progress)
    whole = with_recorded(whole)
    steps: list[ArchResult] = []
    for old, new in pairwise(refs for _, refs in groups(session)) if session.path else ():
        step = replace(session, old=old, new=new, path=[])
        try:
            steps += [a for a in analyse(step, progress).arches if not a.inferred]
        except InputError:
            continue  # no architecture in common: the whole upgrade has told what is wrong with these kernels
    send_analysis(send, whole, tuple(steps), sent)


def with_policy(session: Session) -> Session:
    """A session with the loaders that its policy names (R-12.20); as it is where that cannot be read."""
    from kfuncscope.decision.policy import load

    if not session.policy:
        return session
    try:
        return replace(session, loaders={**load(session.policy).loaders, **session.loaders})
    except InputError:
        return session  # whoever decides by it tells why


def send_analysis(
    send: Callable[[tuple[Any, ...]], None],
    analysis: Analysis,
    steps: tuple[ArchResult, ...] = (),
    sent: list[ArchResult] | None = None,
) -> None:
    """Send an analysis: the objects a few at a time, then the frame without them. ``sent`` are lanes already there."""
    _send_lanes(send, (*analysis.arches, *steps), sent if sent is not None else [])
    send(("part", (_bare(analysis), tuple(replace(s, objects=()) for s in steps))))


def _bare(analysis: Analysis) -> Analysis:
    return replace(analysis, arches=tuple(replace(a, objects=()) for a in analysis.arches))


def _send_lanes(
    send: Callable[[tuple[Any, ...]], None], arches: tuple[ArchResult, ...], sent: list[ArchResult]
) -> None:
    """Send the objects of each lane unless the receiver has the same of it; ``sent`` says what that is."""
    for lane, arch in enumerate(arches):
        if lane < len(sent) and sent[lane].objects == arch.objects:
            continue
        send(("part", (lane, None)))
        for start in range(0, len(arch.objects), CHUNK):
            send(("part", (lane, arch.objects[start : start + CHUNK])))
        sent[lane : lane + 1] = [arch]


def offers_in_process(send: Callable[[tuple[Any, ...]], None], session: Session) -> None:
    """Work out what all kernels of a session offer (in the other process) and send it a few rows at a time."""
    from kfuncscope.study.offers import offers
    from kfuncscope.upgrade.known import open_refs

    send(("progress", 0, 2, "opening kernels"))
    kernels, problems = open_refs([*session.old, *session.path, *session.new])
    send(("part", problems))
    send(("progress", 1, 2, "reading what they provide"))
    rows = offers(kernels)
    for start in range(0, len(rows), 100):
        send(("part", rows[start : start + 100]))


def compare_in_process(send: Callable[[tuple[Any, ...]], None], old: KernelRef, new: KernelRef, deep: bool) -> None:
    """Compare two kernels (in the other process); ``deep`` holds all functions and types against each other as well."""
    from kfuncscope.study.diff import KINDS, QUICK, differences
    from kfuncscope.upgrade.known import open_refs

    send(("progress", 0, 2, "opening kernels"))
    kernels, problems = open_refs([old, new])
    if len(kernels) < 2:
        first = problems[0] if problems else InputProblem("comparison", "two kernels are needed")
        raise InputError(first.path, first.reason, first.offset)
    send(("progress", 1, 2, "comparing"))
    rows: list[Any] = []
    for row in differences(kernels[0], kernels[-1], tuple(KINDS) if deep else QUICK):
        rows.append(row)
        if len(rows) == 200:
            send(("part", rows))
            rows = []
    send(("part", rows))


def flat(parts: list[Any]) -> list[Any]:
    """The rows of all parts."""
    return [row for part in parts for row in part]


def put_together(parts: list[Any]) -> Index:
    """The index of an analysis from the parts that were sent; of several frames the last one counts."""
    import numpy.ma  # noqa: F401  numpy.unique wants it at its first call, which shall not be in the GUI thread

    frame, steps = next(part for part in reversed(parts) if isinstance(part[0], Analysis))
    objects: dict[int, list[Any]] = {}
    for lane, some in parts:
        if isinstance(lane, int):
            if some is None:
                objects[lane] = []
            else:
                objects[lane].extend(some)
    bare = (*frame.arches, *steps)
    every = tuple(replace(a, objects=tuple(objects.get(lane, ()))) for lane, a in enumerate(bare))
    whole = len(frame.arches)
    return Index(replace(frame, arches=every[:whole]), every[whole:])


def census_in_process(send: Callable[[tuple[Any, ...]], None]) -> None:
    """Collect what runs on this machine (in the other process) as lines of a census file; the strict level of it."""
    import json

    from kfuncscope.census import collector

    send(("progress", 0, 0, "collecting"))
    try:
        for line in collector.collect("", False):
            send(("part", json.dumps(line, separators=(",", ":")) + "\n"))
    except collector.RefusedError as why:
        raise InputError("census", str(why)) from why


def describe_in_process(send: Callable[[tuple[Any, ...]], None], refs: list[KernelRef]) -> None:
    """Say of each kernel what it is (in the other process), as soon as it is known."""
    from kfuncscope.upgrade.describe import describe

    send(("progress", 0, len(refs), ""))
    for done, (ref, given) in enumerate(describe(refs), 1):
        send(("part", ((tuple(ref.files), ref.arch, ref.release), given)))
        send(("progress", done, len(refs), ref.label))
        send(("ready",))
