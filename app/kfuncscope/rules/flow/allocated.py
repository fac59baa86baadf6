# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What a program reads and writes of objects that it allocates with bpf_obj_new(), which are of types of its own."""

from __future__ import annotations

from typing import NamedTuple

from kfuncscope.bpf.instructions import CALL, Insn
from kfuncscope.bpf.object import BpfObject, Function
from kfuncscope.rules.flow.arith import Value
from kfuncscope.rules.flow.reachability import SIZES, Environment, Reachable, State

ALLOCATORS = frozenset({"bpf_obj_new", "bpf_obj_new_impl"})  # (type of the object's BTF, ...)


class Access(NamedTuple):
    """``size`` bytes at ``offset`` of an object of a type in the program's BTF; ``made`` is the call that made it."""

    function: Function
    at: int
    type: int
    offset: int
    size: int
    made: tuple[Function, int]


class AllocatedReach(Reachable):
    """Values: ("new", type, call, offset), from the call on; what is loaded from such an object is a number."""

    def __init__(self, obj: BpfObject, entry: Function, env: Environment) -> None:
        self.accesses: dict[tuple[str, int, int], Access] = {}
        super().__init__(obj, entry, env)

    def _call(self, function: Function, at: int, insn: Insn, state: State) -> None:
        ref, kind = function.refs.get(at), state.regs[1]
        made = insn.op == CALL and ref is not None and ref.kind == "kfunc" and ref.name in ALLOCATORS
        super()._call(function, at, insn, state)
        if made and isinstance(kind, int):
            state.regs[0] = ("new", kind, (function, at), 0)

    def _loaded(self, function: Function, at: int, insn: Insn, state: State) -> Value:
        if self._used(function, at, insn, state.regs[insn.src]):
            return None
        return super()._loaded(function, at, insn, state)

    def _store(self, function: Function, at: int, insn: Insn, state: State) -> None:
        self._used(function, at, insn, state.regs[insn.dst])
        super()._store(function, at, insn, state)

    def _used(self, function: Function, at: int, insn: Insn, pointer: Value) -> bool:
        if not isinstance(pointer, tuple) or pointer[0] != "new":
            return False
        _, kind, made, offset = pointer
        assert isinstance(kind, int) and isinstance(made, tuple) and isinstance(offset, int)
        if at not in function.core:  # libbpf writes another offset there
            key = (function.section, function.start, at)
            self.accesses[key] = Access(function, at, kind, offset + insn.off, SIZES[insn.op & 0x18], made)
        return True

    def _branch(
        self, function: Function, at: int, insn: Insn, state: State, taken: dict[int, set[int]]
    ) -> list[tuple[int, State]]:
        """The allocation may have failed: no test of the pointer is folded."""
        known = state.regs[insn.dst]
        if not isinstance(known, tuple) or known[0] != "new":
            return super()._branch(function, at, insn, state, taken)
        taken.setdefault(at, set()).update((at + 1, at + 1 + insn.off))
        return [(at + 1 + insn.off, state.copy()), (at + 1, state)]
