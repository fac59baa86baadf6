# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A problem: one reason why a program, or an object, does not load or attach on one kernel."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from kfuncscope.bpf.object import Function
from kfuncscope.model.verdict import Confidence, NeedKind, Reach


class Stage(StrEnum):
    """What fails (R-0.x): the program's load, its attaching, or the object whatever the program; or nobody knows."""

    LOAD = "load"
    ATTACH = "attach"
    OBJECT = "object"
    NOTE = "note"  # not judged, for want of tables of this release; told, and taken not to stand in the way


@dataclass(frozen=True, slots=True)
class Problem:
    """``cls`` is the failure class in the oracle's words; ``certain`` False where the files cannot tell.

    ``place`` is the instruction that fails, as (function, index); an unconditional problem has none.
    """

    kind: NeedKind
    name: str
    cls: str
    rules: tuple[str, ...]
    message: str
    stage: Stage = Stage.LOAD
    reach: Reach = Reach.PROGRAM
    confidence: Confidence = Confidence.HIGH
    certain: bool = True
    place: tuple[Function, int] | None = None
    guard: str = ""
