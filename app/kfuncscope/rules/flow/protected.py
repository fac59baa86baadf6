# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Kernel pointers that a program loads from values of maps: while RCU protects them, and after (R-12.31)."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from kfuncscope.bpf.instructions import CALL, Insn
from kfuncscope.bpf.object import BpfObject, Function
from kfuncscope.rules.flow.arith import Value
from kfuncscope.rules.flow.reachability import SIZES, Environment, Reachable, State

LOOKUP, SPIN_UNLOCK = 1, 94  # helpers
KEPT, LOST = "kept", "lost"


class Protection(NamedTuple):
    """What a verifier knows: ``at(function, index)`` whether a load there is protected, ``ends(function, index)``
    whether the call there ends it for pointers loaded before; ``asks`` are the kfuncs that want it of their first
    argument."""

    at: Callable[[Function, int], bool]
    ends: Callable[[Function, int], bool]
    asks: frozenset[str]


class ProtectedReach(Reachable):
    """Values: ("value", offset) in a map, ("pointer", state, 0) loaded from it. ``lost`` maps each call of a kfunc
    that wants protection, by (section, start, instruction), to (function, instruction)."""

    def __init__(self, obj: BpfObject, entry: Function, env: Environment, protection: Protection) -> None:
        self.protection = protection
        self.lost: dict[tuple[str, int, int], tuple[Function, int]] = {}
        super().__init__(obj, entry, env)

    def _loaded(self, function: Function, at: int, insn: Insn, state: State) -> Value:
        pointer = state.regs[insn.src]
        if not isinstance(pointer, tuple) or pointer[0] not in ("value", "pointer"):
            return super()._loaded(function, at, insn, state)
        if pointer[0] == "pointer" or SIZES[insn.op & 0x18] != 8:
            return None
        return ("pointer", KEPT if self.protection.at(function, at) else LOST, 0)

    def _call(self, function: Function, at: int, insn: Insn, state: State) -> None:
        ref, first = function.refs.get(at), state.regs[1]
        named = ref.name if insn.op == CALL and ref is not None and ref.kind == "kfunc" else ""
        key = (function.section, function.start, at)
        if named in self.protection.asks and first == ("pointer", LOST, 0):
            self.lost[key] = function, at
        elif named in self.protection.asks:
            self.lost.pop(key, None)
        super()._call(function, at, insn, state)
        if insn.op == CALL and insn.src == 0 and insn.imm == LOOKUP and ref is None:
            state.regs[0] = ("value", 0)
        if self.protection.ends(function, at):
            state.regs = [_lost(value) for value in state.regs]
            state.stack = {slot: _lost(value) for slot, value in state.stack.items()}

    def _branch(
        self, function: Function, at: int, insn: Insn, state: State, taken: dict[int, set[int]]
    ) -> list[tuple[int, State]]:
        """Both may be NULL: no test of them is folded."""
        known = state.regs[insn.dst]
        if not isinstance(known, tuple) or known[0] not in ("value", "pointer"):
            return super()._branch(function, at, insn, state, taken)
        taken.setdefault(at, set()).update((at + 1, at + 1 + insn.off))
        return [(at + 1 + insn.off, state.copy()), (at + 1, state)]


def _lost(value: Value) -> Value:
    return ("pointer", LOST, 0) if isinstance(value, tuple) and value[0] == "pointer" else value
