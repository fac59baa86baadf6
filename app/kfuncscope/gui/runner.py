# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What the window hands to other processes: an analysis, sent back in small parts so that no thread stalls on it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from kfuncscope.gui.index import Index
from kfuncscope.upgrade.analysis import Analysis, ArchResult
from kfuncscope.upgrade.session import Session

CHUNK = 20


def analyse_in_process(send: Callable[[tuple[Any, ...]], None], session: Session) -> None:
    """Analyse a session (in the other process) and send the result."""
    from kfuncscope.upgrade.analyse import analyse

    def progress(done: int, total: int, text: str) -> None:
        send(("progress", done, total, text))

    send_analysis(send, analyse(session, progress))


def send_analysis(send: Callable[[tuple[Any, ...]], None], analysis: Analysis) -> None:
    """Send an analysis: first the frame without objects, then the objects a few at a time."""
    bare = tuple(replace(a, objects=()) for a in analysis.arches)
    send(("part", replace(analysis, arches=bare)))
    for lane, arch in enumerate(analysis.arches):
        for start in range(0, len(arch.objects), CHUNK):
            send(("part", (lane, arch.objects[start : start + CHUNK])))


def put_together(parts: list[Any]) -> Index:
    """The index of an analysis from the parts that were sent."""
    frame: Analysis = parts[0]
    objects: list[list[Any]] = [[] for _ in frame.arches]
    for lane, some in parts[1:]:
        objects[lane].extend(some)
    arches: tuple[ArchResult, ...] = tuple(
        replace(a, objects=tuple(o)) for a, o in zip(frame.arches, objects, strict=True)
    )
    return Index(replace(frame, arches=arches))
