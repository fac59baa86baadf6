# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Arguments of hooks: what a kernel function passes, slot by slot, and which slots a program reads (R-7.10..R-7.13)."""

from __future__ import annotations

from typing import NamedTuple

from kfuncscope.bpf.instructions import Insn
from kfuncscope.bpf.object import ArgDeref, BpfObject, CtxLoad, CtxUse, Function, Program
from kfuncscope.btf.blob import Blob
from kfuncscope.btf.layout import COMPOSITES, ENUMS, Kind
from kfuncscope.rules.flow.arith import Value
from kfuncscope.rules.flow.reachability import SIZES, Reachable, State

MOST_PARTS = 4096  # slots of one argument: more than a program can read with the offset of a load


class Slot(NamedTuple):
    """Eight bytes of a hook's context: the parameter's name and type; ``part`` counts within a struct by value."""

    name: str
    type: int
    part: int = 0


def slots(blob: Blob, proto: int, skip_first: bool = False) -> list[Slot]:
    """Parameters of a prototype as context slots; a struct by value takes one for each 8 bytes."""
    found = []
    for param in blob.params(proto)[1 if skip_first else 0 :]:
        if param.type == 0:
            continue
        bare = blob.skip(param.type)
        count = max(1, (blob.size(bare) + 7) // 8) if blob.kind(bare) in COMPOSITES else 1
        count = min(count, MOST_PARTS)
        found += [Slot(param.name, param.type, part) for part in range(count)]
    return found


class _Plain:
    """An environment that knows no kernel: nothing is folded, every load of the context is seen."""

    def immediate(self, function: Function, index: int) -> int | None:
        return None

    def address(self, function: Function, index: int) -> Value:
        return None

    def load(self, pointer: tuple[object, ...], size: int) -> int | None:
        return None


class _CtxReach(Reachable):
    """Follows the context pointer and notes what is read through it."""

    loads: dict[tuple[str, int, int], CtxLoad]
    derefs: dict[tuple[str, int, int], ArgDeref]

    def __init__(self, obj: BpfObject, entry: Function) -> None:
        self.loads = {}
        self.derefs = {}
        super().__init__(obj, entry, _Plain())

    def _enter(self, function: Function, state: State) -> None:
        if not self._entries and not self.reached:
            state.regs[1] = ("ctx", "ctx", 0)
        super()._enter(function, state)

    def _loaded(self, function: Function, at: int, insn: Insn, state: State) -> Value:
        pointer = state.regs[insn.src]
        if isinstance(pointer, tuple) and pointer[0] == "ctx" and isinstance(pointer[2], int):
            size = SIZES[insn.op & 0x18]
            offset = pointer[2] + insn.off
            self.loads[function.section, function.start, at] = CtxLoad(offset, size, function, at)
            return ("arg", offset // 8) if size == 8 and offset >= 0 else None
        if isinstance(pointer, tuple) and pointer[0] == "arg":
            assert isinstance(pointer[1], int)
            self.derefs[function.section, function.start, at] = ArgDeref(pointer[1], function, at)
        return super()._loaded(function, at, insn, state)

    def _branch(
        self, function: Function, at: int, insn: Insn, state: State, taken: dict[int, set[int]]
    ) -> list[tuple[int, State]]:
        """A comparison with NULL settles an argument on both sides, in every register that holds it."""
        value = state.regs[insn.dst]
        zero = insn.imm == 0 if not insn.op & 8 else state.regs[insn.src] == 0
        if not (isinstance(value, tuple) and value[0] == "arg" and zero and insn.op & 0xF0 in (0x10, 0x50)):
            return super()._branch(function, at, insn, state, taken)
        taken.setdefault(at, set()).update((at + 1, at + 1 + insn.off))
        sides = [state.copy(), state]  # jump, fall through
        null_side = 0 if insn.op & 0xF0 == 0x10 else 1
        for side, after in enumerate(sides):
            known: Value = 0 if side == null_side else None
            after.regs = [known if r == value else r for r in after.regs]
            after.stack = {k: v for k, v in after.stack.items() if v != value}
        return [(at + 1 + insn.off, sides[0]), (at + 1, sides[1])]


class _GlobalReach(_CtxReach):
    """Follows the arguments of a global function, which is verified on its own, and what is read or written there."""

    def _enter(self, function: Function, state: State) -> None:
        if not self._entries and not self.reached:
            state.regs[1:6] = [("arg", number) for number in range(5)]
            Reachable._enter(self, function, state)
            return
        super()._enter(function, state)

    def _store(self, function: Function, at: int, insn: Insn, state: State) -> None:
        pointer = state.regs[insn.dst]
        if isinstance(pointer, tuple) and pointer[0] == "arg":
            assert isinstance(pointer[1], int)
            self.derefs[function.section, function.start, at] = ArgDeref(pointer[1], function, at)
        super()._store(function, at, insn, state)


def untested_arguments(obj: BpfObject, function: Function) -> list[ArgDeref]:
    """Reads and writes through arguments of a global function that it did not compare with NULL before."""
    if function.untested is None:
        follower = _GlobalReach(obj, function)
        function.untested = [] if follower.gave_up else [deref for _, deref in sorted(follower.derefs.items())]
    return function.untested


def ctx_loads(obj: BpfObject, program: Program) -> list[CtxLoad]:
    """Every read of the context in a program and its subprograms, in order; worked out once per program."""
    return _ctx_use(obj, program).loads


def unchecked_derefs(obj: BpfObject, program: Program) -> list[ArgDeref]:
    """Reads through arguments that the program did not compare with NULL before."""
    return _ctx_use(obj, program).derefs


def _ctx_use(obj: BpfObject, program: Program) -> CtxUse:
    if program.ctx_use is None:
        follower = _CtxReach(obj, program.function)
        loads, derefs = sorted(follower.loads.items()), sorted(follower.derefs.items())
        program.ctx_use = CtxUse([load for _, load in loads], [deref for _, deref in derefs])
    return program.ctx_use


def type_class(blob: Blob, type_id: int) -> str:
    """What an argument is to the verifier: scalar, void*, const void*, struct*, int*, pointer* ... (R-11.15)."""
    type_id = blob.skip(type_id)
    kind = blob.kind(type_id)
    if kind == Kind.INT or kind in ENUMS:
        return "scalar"
    if kind in COMPOSITES:
        return "struct"
    if kind != Kind.PTR:
        return "float" if kind == Kind.FLOAT else "other"
    target = blob.ref(type_id)
    if target == 0:
        return "void*"
    bare = blob.skip(target)
    kind = blob.kind(bare)
    if kind in COMPOSITES:
        return "struct*"
    if kind == Kind.INT:
        return "int*"
    if bare == 0:
        return "const void*"
    return "pointer*"
