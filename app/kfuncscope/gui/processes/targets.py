# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What the window has other processes do. An analysis is sent in small parts, so that no thread stalls on it."""

from __future__ import annotations

import contextlib
import signal
import time
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from kfuncscope.errors import InputError
from kfuncscope.model.analysis import Analysis, ArchResult
from kfuncscope.model.causes import CauseKey
from kfuncscope.session.grouping import groups
from kfuncscope.session.session import KernelRef, Session
from kfuncscope.storage.files import InputProblem

if TYPE_CHECKING:
    from kfuncscope.prove.session import Event

Send = Callable[[tuple[Any, ...]], None]
CHUNK = 20  # objects in a message
SOON = 0.25  # seconds; an architecture that was there sooner was known before, as the others may be: all come at once


def analyse_in_process(send: Send, session: Session) -> None:
    """Analyse a session (in the other process) and send the result."""
    from kfuncscope.commits.recorded import with_recorded
    from kfuncscope.upgrade.ahead import ahead
    from kfuncscope.upgrade.analyse import analyse

    def progress(done: int, total: int, text: str) -> None:
        send(("progress", done, total, text))

    session = with_policy(session)
    if session.running:
        from kfuncscope.census.running import of_session

        send_analysis(send, with_recorded(of_session(session, progress)))
        return
    sent: list[ArchResult] = []

    def arrived(part: Analysis) -> None:
        if [arch.objects for arch in part.arches] == [arch.objects for arch in sent]:
            return  # it went ahead
        _send_lanes(send, part.arches, sent)
        send(("part", (_bare(part), ())))
        send(("ready",))

    begun = time.monotonic()
    with contextlib.suppress(InputError):  # the whole analysis says why
        part = ahead(session, progress)
        if part is not None and time.monotonic() - begun > SOON:
            arrived(part)
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
    if not session.policy:
        return session
    from kfuncscope.decision.policy import load

    try:
        return replace(session, loaders={**load(session.policy).loaders, **session.loaders})
    except InputError:
        return session  # whoever decides by it tells why


def send_analysis(
    send: Send,
    analysis: Analysis,
    steps: tuple[ArchResult, ...] = (),
    sent: list[ArchResult] | None = None,
) -> None:
    """Send an analysis: the objects a few at a time, then the frame without them. ``sent`` are lanes already there."""
    _send_lanes(send, (*analysis.arches, *steps), sent if sent is not None else [])
    send(("part", (_bare(analysis), tuple(replace(s, objects=()) for s in steps))))


def _bare(analysis: Analysis) -> Analysis:
    return replace(analysis, arches=tuple(replace(a, objects=()) for a in analysis.arches))


def _send_lanes(send: Send, arches: tuple[ArchResult, ...], sent: list[ArchResult]) -> None:
    """Send the objects of each lane unless the receiver has the same of it; ``sent`` says what that is."""
    for lane, arch in enumerate(arches):
        if lane < len(sent) and sent[lane].objects == arch.objects:
            continue
        send(("part", (lane, None)))
        for start in range(0, len(arch.objects), CHUNK):
            send(("part", (lane, arch.objects[start : start + CHUNK])))
        sent[lane : lane + 1] = [arch]


def commit_in_process(send: Send, clone: str, releases: tuple[str, str], key: CauseKey) -> None:
    """Search a clone for the commit behind one cause (in the other process) and send its origin."""
    from kfuncscope.commits.git import Git
    from kfuncscope.commits.search import Search

    signal.signal(signal.SIGTERM, _ended)  # so that git ends with the search
    send(("progress", 0, 0, key.title))
    send(("part", Search.between_releases(Git(clone), releases, [key]).origin(key)))


def offers_in_process(send: Send, session: Session) -> None:
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


def compare_in_process(send: Send, old: KernelRef, new: KernelRef, deep: bool) -> None:
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


def census_in_process(send: Send) -> None:
    """Collect what runs on this machine (in the other process) as lines of a census file; the strict level of it."""
    import json

    from kfuncscope.census import collector

    send(("progress", 0, 0, "collecting"))
    try:
        for line in collector.collect("", False):
            send(("part", json.dumps(line, separators=(",", ":")) + "\n"))
    except collector.RefusedError as why:
        raise InputError("census", str(why)) from why


def describe_in_process(send: Send, refs: list[KernelRef]) -> None:
    """Say of each kernel what it is (in the other process), as soon as it is known."""
    from kfuncscope.upgrade.describe import describe

    send(("progress", 0, len(refs), ""))
    for done, (ref, given) in enumerate(describe(refs), 1):
        send(("part", ((tuple(ref.files), ref.arch, ref.release), given)))
        send(("progress", done, len(refs), ref.label))
        send(("ready",))


def prove_in_process(send: Send, session: Session, judged: frozenset[str], guest: tuple[str, ...] = ()) -> None:
    """Boot (in the other process) and send each event; KVM where it works, else emulation.

    Ended from outside, it removes its guest's files. ``guest`` are packages of the user space, else this machine's.
    """
    from kfuncscope.model.proof import Booting, Seen
    from kfuncscope.prove.prove import Options
    from kfuncscope.prove.session import prove_session

    signal.signal(signal.SIGTERM, _ended)
    total = done = 0

    def tell(event: Event) -> None:
        nonlocal total, done
        if isinstance(event, Booting):
            total += len(event.objects)
            send(("progress", done, total, f"booting {event.release}"))
        elif isinstance(event, Seen):
            done += 1
            send(("progress", done, total, event.one.object))
        send(("part", event))
        send(("ready",))

    send(("progress", 0, 0, "reading kernels and objects"))
    prove_session(session, judged, Options(guest=guest, section_types=dict(session.section_types)), tell)


def _ended(number: int, _frame: object) -> None:
    raise SystemExit(128 + number)
