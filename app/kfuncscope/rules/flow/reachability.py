# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Which instructions of a program can run on a kernel (R-3.11, R-3.12b): constant propagation over relocated code.

The verifier never reports what it does not reach, so a poisoned access or a missing kfunc behind a constant-false
test is harmless. Followed are registers and stack slots through 32- and 64-bit arithmetic and branches, into static
subprograms and callbacks; constants come from immediates (CO-RE patched), absent weak symbols, ``.rodata`` and
``.kconfig``. Where two paths meet with different values the value is unknown, so both sides of a test count as run.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field
from typing import Protocol

from kfuncscope.bpf.instructions import (
    ALU,
    ALU64,
    CALL,
    CALLX,
    EXIT,
    FETCH,
    GOTOX,
    JA,
    JA32,
    JMP,
    LD,
    LD_IMM64,
    LDX,
    PSEUDO_CALL,
    ST,
    STX,
    Insn,
)  # fmt: skip
from kfuncscope.bpf.object import BpfObject, Function
from kfuncscope.rules.flow.arith import M32, M64, NONZERO, STRAY, Value, arith, compare, merged, moved, pointer_sum

STEP_BUDGET = 6_000_000  # instructions simulated; beyond it everything counts as reachable

SIZES = {0x00: 4, 0x08: 2, 0x10: 1, 0x18: 8}  # bytes of a load or store by the size bits of its opcode
MOST_TARGETS = 4096  # of the jump tables of one function
CMPXCHG, LOAD_ACQ = 0xF1, 0x100  # immediates of atomic operations that change R0 or the destination

Key = tuple[str, int]  # a function: section and first instruction


class Environment(Protocol):
    """What a kernel makes of the program's instructions."""

    def immediate(self, function: Function, index: int) -> int | None:
        """The immediate after CO-RE, None where it is as in the file."""

    def address(self, function: Function, index: int) -> Value:
        """What an ld_imm64 with a relocation loads."""

    def load(self, pointer: tuple[object, ...], size: int) -> int | None:
        """Constant content of read-only data or of a kconfig value."""


@dataclass(slots=True)
class State:
    """Registers R0..R10 and stack slots (offset from the frame pointer, size → value) at one place."""

    regs: list[Value]
    stack: dict[tuple[int, int], Value] = field(default_factory=dict)

    def copy(self) -> State:
        """A state that can go its own way."""
        return State(self.regs.copy(), self.stack.copy())

    def join(self, other: State) -> bool:
        """Keep what both know; True when something was lost."""
        changed = False
        if self.regs != other.regs:
            for i, (mine, theirs) in enumerate(zip(self.regs, other.regs, strict=True)):
                if mine != theirs and (known := merged(mine, theirs)) != mine:
                    self.regs[i] = known
                    changed = True
        if self.stack and self.stack != other.stack:
            for key in [k for k, v in self.stack.items() if other.stack.get(k) != v]:
                del self.stack[key]
                changed = True
        return changed


def _fresh() -> State:
    """The state at the entry of a function whose arguments are not known."""
    return State(_registers([None] * 5))


def _registers(args: list[Value]) -> list[Value]:
    """R0..R10 at the entry of a function, and the five numbers that only damaged programs use."""
    return [None, *args, None, None, None, None, ("fp", 0), None, None, None, None, None]


class Reachable:
    """The reachable instructions of one program: ``reached[function key]`` is one byte per instruction.

    ``folded`` maps (function key, index of a branch) to the target index of the side that is never taken.
    """

    def __init__(self, obj: BpfObject, entry: Function, env: Environment, also: tuple[Function, ...] = ()) -> None:
        self.obj, self.env = obj, env
        self.reached: dict[Key, bytearray] = {}
        self.folded: dict[tuple[Key, int], int] = {}
        self.guards: dict[Key, dict[int, int]] = {}  # see flow.guard
        self.call_guards: dict[Key, str] = {}
        self.gave_up = False
        self.hangs_on_rodata = False  # set by those who know what the environment read
        self._budget = STEP_BUDGET
        self._entries: dict[Key, State] = {}
        self._queue: list[Function] = []
        self._enter(entry, _fresh())
        for function in also:
            self._enter(function, _fresh())
        while self._queue and not self.gave_up:
            self._run(self._queue.pop())

    def is_reached(self, function: Function, index: int) -> bool:
        """Whether an instruction can run."""
        if self.gave_up:
            return True
        flags = self.reached.get((function.section, function.start))
        return flags is not None and index < len(flags) and bool(flags[index])

    def _enter(self, function: Function, state: State) -> None:
        key = (function.section, function.start)
        known = self._entries.get(key)
        if known is None:
            self._entries[key] = state
        elif not known.join(state):
            return
        if function not in self._queue:
            self._queue.append(function)

    def _run(self, function: Function) -> None:
        """One function to its fixed point, from its entry state."""
        key = (function.section, function.start)
        insns = function.insns
        flags = bytearray(len(insns))
        starts = function.leaders
        states: dict[int, State] = {0: self._entries[key].copy()}
        # A heap: what comes first in the code runs first, so that paths join before they go on.
        work, waiting = [0], {0}
        for stale in [b for b in self.folded if b[0] == key]:
            del self.folded[stale]
        taken: dict[int, set[int]] = {}
        step, budget = self._step, self._budget
        while work:
            at = heapq.heappop(work)
            waiting.discard(at)
            state = states[at].copy()
            while 0 <= at < len(insns):  # a damaged program may jump out of itself
                budget -= 1
                if budget < 0:
                    self.gave_up = True
                    return
                flags[at] = 1
                following = step(function, at, insns[at], state, taken)
                if isinstance(following, int):
                    if following not in starts:
                        at = following
                        continue
                    following = [(following, state)]
                budget -= len(following)
                for target, after in following:
                    known = states.get(target)
                    if known is None:
                        states[target] = after
                    elif not known.join(after):
                        continue
                    if target not in waiting:
                        waiting.add(target)
                        heapq.heappush(work, target)
                break
        self._budget = budget
        self.reached[key] = flags
        for branch, targets in taken.items():
            sides = {branch + 1, branch + 1 + insns[branch].off}
            for never in sides - targets:
                self.folded[key, branch] = never

    def _step(
        self, function: Function, at: int, insn: Insn, state: State, taken: dict[int, set[int]]
    ) -> int | list[tuple[int, State]]:
        """Carry out one instruction: the place that follows, or the places that can, each with a state of its own."""
        cls = insn.op & 7
        if cls in (ALU, ALU64):
            self._alu(function, at, insn, state)
        elif cls == LDX:
            state.regs[insn.dst] = self._loaded(function, at, insn, state)
        elif cls in (ST, STX):
            self._store(function, at, insn, state)
        elif insn.op == LD_IMM64:
            state.regs[insn.dst] = self._ld_imm64(function, at, insn)
            return at + 2
        elif cls == LD:
            state.regs[:6] = [None] * 6  # legacy packet access
        elif insn.op in (CALL, CALLX):
            self._call(function, at, insn, state)
        elif insn.op == EXIT:
            return []
        elif insn.op == JA:
            return at + 1 + insn.off
        elif insn.op == JA32:
            return at + 1 + insn.imm
        elif insn.op == GOTOX:
            return self._through_table(function, state)
        else:
            return self._branch(function, at, insn, state, taken)
        return at + 1

    def _through_table(self, function: Function, state: State) -> list[tuple[int, State]]:
        """Wherever the object's jump tables lead; without any, where the jump goes is known to nobody."""
        if not 0 < len(function.jump_targets) <= MOST_TARGETS:
            self.gave_up = True
            return []
        return [(i, state.copy()) for i in function.jump_targets]

    # -- values

    def _ld_imm64(self, function: Function, at: int, insn: Insn) -> Value:
        ref = function.refs.get(at)
        if ref is not None:
            if ref.kind == "func":
                callee = self.obj.callee(function, at)
                if callee is not None:
                    self._enter(callee, _fresh())
                return NONZERO
            return self.env.address(function, at)
        if insn.src:
            callee = self.obj.callee(function, at)
            if callee is not None:  # a callback whose address is already resolved
                self._enter(callee, _fresh())
            return NONZERO
        patched = self.env.immediate(function, at)
        if patched is not None:
            return patched & M64
        high = function.insns[at + 1].imm if at + 1 < len(function.insns) else 0
        return (insn.imm & M32) | (high & M32) << 32

    def _alu(self, function: Function, at: int, insn: Insn, state: State) -> None:
        regs, code = state.regs, insn.op & 0xF0
        wide = insn.op & 7 == ALU64
        if insn.op & 8:
            operand: Value = regs[insn.src]
        else:
            patched = self.env.immediate(function, at) if at in function.core else None
            operand = (insn.imm if patched is None else patched) & M64
        mine = regs[insn.dst]
        if code == 0xB0:
            regs[insn.dst] = operand if wide and not insn.off else moved(operand, insn, wide)
        elif isinstance(mine, int) and isinstance(operand, int):
            regs[insn.dst] = arith(code, mine, operand, insn, wide)
        elif code == 0xA0 and insn.op & 8 and insn.src == insn.dst:
            regs[insn.dst] = 0
        elif wide and code in (0x00, 0x10):
            regs[insn.dst] = pointer_sum(mine, operand, code == 0x10)
        else:
            regs[insn.dst] = None

    def _loaded(self, function: Function, at: int, insn: Insn, state: State) -> Value:
        pointer = state.regs[insn.src]
        size = SIZES[insn.op & 0x18]
        if not isinstance(pointer, tuple) or len(pointer) < 2 or pointer[0] == "arg":
            return None
        if insn.op & 0xE0 != 0x60:
            return None  # sign-extending and probing loads
        if pointer[0] == "fp":
            if not isinstance(pointer[1], int):
                return None
            return state.stack.get((pointer[1] + insn.off, size))
        offset = pointer[2]
        assert isinstance(offset, int)
        return self.env.load((pointer[0], pointer[1], offset + insn.off), size)

    def _store(self, function: Function, at: int, insn: Insn, state: State) -> None:
        pointer = state.regs[insn.dst]
        atomic = insn.op & 7 == STX and insn.op & 0xE0 == 0xC0
        if atomic and insn.imm == CMPXCHG:
            state.regs[0] = None
        elif atomic and insn.imm == LOAD_ACQ:
            state.regs[insn.dst] = None
            return
        elif atomic and insn.imm & FETCH:
            state.regs[insn.src] = None
        if not isinstance(pointer, tuple) or pointer[0] not in ("fp", "stray"):
            return
        if pointer == STRAY or not isinstance(pointer[1], int):
            state.stack.clear()
            return
        start, size = pointer[1] + insn.off, SIZES[insn.op & 0x18]
        if state.stack:
            for key in [k for k in state.stack if k[0] < start + size and start < k[0] + k[1]]:
                del state.stack[key]
        if atomic:
            return
        value: Value = insn.imm & M64 if insn.op & 7 == ST else state.regs[insn.src]
        if isinstance(value, int):
            value &= (1 << 8 * size) - 1
        elif size != 8:
            value = None
        if value is not None and len(state.stack) < 64:
            state.stack[start, size] = value

    def _call(self, function: Function, at: int, insn: Insn, state: State) -> None:
        callee = self.obj.callee(function, at) if insn.op == CALL and insn.src == PSEUDO_CALL else None
        if callee is not None:
            static = callee.static
            # Global subprograms are verified on their own: of their arguments only the context is known (R-3.12b).
            args: list[Value] = [
                v if (isinstance(v, tuple) and v[0] == "ctx") or (static and _passes(v)) else None
                for v in state.regs[1:6]
            ]
            self._enter(callee, State(_registers(args)))
        for value in state.regs[1:6]:
            if isinstance(value, tuple) and value[0] in ("fp", "stray"):
                lowest = value[1] if value[0] == "fp" else None
                for key in [k for k in state.stack if not isinstance(lowest, int) or k[0] + k[1] > lowest]:
                    del state.stack[key]
        state.regs[:6] = [None] * 6

    def _branch(
        self, function: Function, at: int, insn: Insn, state: State, taken: dict[int, set[int]]
    ) -> list[tuple[int, State]]:
        code, wide = insn.op & 0xF0, insn.op & 7 == JMP
        right: Value
        if insn.op & 8:
            right = state.regs[insn.src]
        else:
            right = insn.imm & M64
        jump, fall = at + 1 + insn.off, at + 1
        if code == 0xE0:  # may_goto: either way
            return [(jump, state.copy()), (fall, state)]
        outcome = compare(code, state.regs[insn.dst], right, wide)
        sides = taken.setdefault(at, set())
        if outcome is not None:
            target = jump if outcome else fall
            sides.add(target)
            return [(target, state)]
        sides.update((jump, fall))
        jumped = state.copy()
        if wide and isinstance(right, int) and state.regs[insn.dst] in (None, STRAY):
            if code == 0x10:
                jumped.regs[insn.dst] = right
            elif code == 0x50:
                state.regs[insn.dst] = right
        return [(jump, jumped), (fall, state)]


class KernelEnvironment(Environment, Protocol):
    """An environment that knows its object and the release of its kernel."""

    @property
    def release(self) -> tuple[int, int]:
        """(major, minor); (0, 0) when it is not known."""

    @property
    def bpf_object(self) -> BpfObject:
        """The object whose code is followed."""


def _passes(value: Value) -> bool:
    """Constants and pointers to data mean the same in the callee; its stack is another."""
    return not (isinstance(value, tuple) and value[0] in ("fp", "stray"))
