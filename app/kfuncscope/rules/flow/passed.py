# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""NULL that a program passes to functions of its own as a constant (R-12.26)."""

from __future__ import annotations

from typing import NamedTuple

from kfuncscope.bpf.instructions import CALL, PSEUDO_CALL, Insn
from kfuncscope.bpf.object import BpfObject, Function
from kfuncscope.rules.flow.reachability import Environment, Reachable, State

REGISTERS = range(1, 6)


class NullPassed(NamedTuple):
    """A call, the function that is called, and the number of the argument, from 0, that is NULL on some path."""

    function: Function
    at: int
    callee: Function
    number: int


class PassedReach(Reachable):
    """``nulls``: what is passed as the constant 0, by (section, start, instruction, number of the argument)."""

    def __init__(self, obj: BpfObject, entry: Function, env: Environment) -> None:
        self.nulls: dict[tuple[str, int, int, int], NullPassed] = {}
        super().__init__(obj, entry, env)

    def _call(self, function: Function, at: int, insn: Insn, state: State) -> None:
        callee = self.obj.callee(function, at) if insn.op == CALL and insn.src == PSEUDO_CALL else None
        if callee is not None:
            for number, register in enumerate(REGISTERS):
                if state.regs[register] == 0:
                    self.nulls[function.section, function.start, at, number] = NullPassed(function, at, callee, number)
        super()._call(function, at, insn, state)


def nulls_passed(obj: BpfObject, entry: Function, env: Environment) -> list[NullPassed]:
    """Every constant NULL that is passed to a function of the object, in order."""
    follower = PassedReach(obj, entry, env)
    return [] if follower.gave_up else [one for _, one in sorted(follower.nulls.items())]
