# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A problem: one reason why a program, or an object, does not load or attach on one kernel."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from kfuncscope.bpf.object import Function
from kfuncscope.model.failure import Failure
from kfuncscope.model.verdict import About, Confidence, NeedKind, Reach

THIS_KERNEL = "this kernel"


class Stage(StrEnum):
    """What fails (R-0.x): the program's load, its attaching, or the object whatever the program; or nobody knows."""

    LOAD = "load"
    ATTACH = "attach"
    OBJECT = "object"
    NOTE = "note"  # not judged, as this release has no tables; reported, and assumed to be harmless


@dataclass(frozen=True, slots=True)
class Message:
    """A sentence and its values: ``{name}`` in ``template`` stands for a field, ``{kernel}`` for the kernel.

    The text is made together with the finding, where it is known which kernel is meant. Use ``say`` to make one.
    """

    template: str
    fields: tuple[tuple[str, object], ...] = ()

    def text(self, kernel: str = THIS_KERNEL) -> str:
        """The sentence."""
        return self.template.format_map({"kernel": kernel, **dict(self.fields)})

    @property
    def about(self) -> About:
        """What the fields name: ``map``, ``arg`` (from 1), ``attach``, ``region``, ``struct``, ``symbols``, and options
        by their ``CONFIG_``."""
        told = dict(self.fields)
        options = (v for v in told.values() if isinstance(v, str) and v.startswith("CONFIG_"))
        number, symbols = told.get("arg", 0), told.get("symbols", ())
        return About(
            map=str(told.get("map", "")),
            options=tuple(dict.fromkeys(options)),
            argument=number if isinstance(number, int) else 0,
            attach_type=str(told.get("attach", "")),
            region=str(told.get("region", "")),
            struct=str(told.get("struct", "")),
            symbols=symbols if isinstance(symbols, tuple) else (),
        )


def say(template: str, /, **fields: object) -> Message:
    """A message: ``say("kfunc {name} does not exist in {kernel}", name=name)``."""
    return Message(template, tuple(fields.items()))


@dataclass(frozen=True, slots=True)
class Problem:
    """``failure`` says what fails; ``certain`` is False where the files cannot tell.

    ``place`` is the instruction that fails, as (function, index); an unconditional problem has none.
    """

    kind: NeedKind
    name: str
    failure: Failure
    rules: tuple[str, ...]
    said: Message
    stage: Stage = Stage.LOAD
    reach: Reach = Reach.PROGRAM
    confidence: Confidence = Confidence.HIGH
    certain: bool = True
    place: tuple[Function, int] | None = None
    guard: str = ""

    @property
    def message(self) -> str:
        """The sentence about the kernel that was judged."""
        return self.said.text()
