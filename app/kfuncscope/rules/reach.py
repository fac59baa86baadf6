# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Which instructions of a program can run on a kernel (R-3.11, R-3.12b): constant propagation over relocated code.

The verifier never reports what it does not reach, so a poisoned access or a missing kfunc behind a constant-false
test is harmless. Followed are registers and stack slots through 32- and 64-bit arithmetic and branches, into static
subprograms and callbacks; constants come from immediates (CO-RE patched), absent weak symbols, ``.rodata`` and
``.kconfig``. Where two paths meet with different values the value is unknown, so both sides of a test count as run.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from kfuncscope.bpf.instructions import (
    ALU,
    ALU64,
    CALL,
    CALLX,
    EXIT,
    JA,
    JA32,
    JMP,
    JMP32,
    LD,
    LD_IMM64,
    LDX,
    PSEUDO_CALL,
    ST,
    STX,
    Insn,
)  # fmt: skip
from kfuncscope.bpf.object import BpfObject, Function, Program

M32 = 0xFFFFFFFF
M64 = 0xFFFFFFFFFFFFFFFF
STEP_BUDGET = 6_000_000  # instructions simulated; beyond it everything counts as reachable

# A value: None (unknown), an int (64 bits, unsigned), NONZERO, or a pointer ("fp", offset or None), ("data", section,
# offset), ("kconfig", name, offset).
Value = int | tuple[object, ...] | None
NONZERO: tuple[object, ...] = ("nonzero",)
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
        return State(self.regs.copy(), self.stack.copy())

    def join(self, other: State) -> bool:
        """Keep what both know; True when something was lost."""
        changed = False
        for i, (mine, theirs) in enumerate(zip(self.regs, other.regs, strict=True)):
            if mine is not None and mine != theirs:
                self.regs[i] = None
                changed = True
        lost = [k for k, v in self.stack.items() if other.stack.get(k) != v]
        for key in lost:
            del self.stack[key]
        return changed or bool(lost)


def _fresh() -> State:
    """The state at the entry of a function whose arguments are not known."""
    return State(_registers([None] * 5))


def _registers(args: list[Value]) -> list[Value]:
    """R0..R10 at the entry of a function, and the five numbers that only damaged programs use."""
    return [None, *args, None, None, None, None, ("fp", 0), None, None, None, None, None]


class Reach:
    """The reachable instructions of one program: ``reached[function key]`` is one byte per instruction.

    ``folded`` maps (function key, index of a branch) to the target index of the side that is never taken.
    """

    def __init__(self, obj: BpfObject, entry: Function, env: Environment, also: tuple[Function, ...] = ()) -> None:
        self.obj, self.env = obj, env
        self.reached: dict[Key, bytearray] = {}
        self.folded: dict[tuple[Key, int], int] = {}
        self.guards: dict[Key, dict[int, int]] = {}  # see rules.guard
        self.call_guards: dict[Key, str] = {}
        self.gave_up = False
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
        starts = _leaders(function)
        states: dict[int, State] = {0: self._entries[key].copy()}
        work, waiting = (
            [0],
            {0},
        )  # a heap: what comes first in the code runs first, so that paths join before they go on
        for stale in [b for b in self.folded if b[0] == key]:
            del self.folded[stale]
        taken: dict[int, set[int]] = {}
        while work:
            at = heapq.heappop(work)
            waiting.discard(at)
            state = states[at].copy()
            while 0 <= at < len(insns):  # a damaged program may jump out of itself
                self._budget -= 1
                flags[at] = 1
                following = self._step(function, at, insns[at], state, taken)
                if self._budget < 0:
                    self.gave_up = True
                    return
                if len(following) == 1 and following[0][0] not in starts:
                    at = following[0][0]
                    continue
                for target, after in following:
                    known = states.get(target)
                    if known is None:
                        states[target] = after.copy()
                    elif not known.join(after):
                        continue
                    if target not in waiting:
                        waiting.add(target)
                        heapq.heappush(work, target)
                break
        self.reached[key] = flags
        for branch, targets in taken.items():
            sides = {branch + 1, branch + 1 + insns[branch].off}
            for never in sides - targets:
                self.folded[key, branch] = never

    def _step(
        self, function: Function, at: int, insn: Insn, state: State, taken: dict[int, set[int]]
    ) -> list[tuple[int, State]]:
        """Carry out one instruction; the places that can follow, each with its state."""
        cls = insn.op & 7
        if cls in (ALU, ALU64):
            self._alu(function, at, insn, state)
        elif cls == LDX:
            state.regs[insn.dst] = self._loaded(insn, state)
        elif cls in (ST, STX):
            self._store(function, at, insn, state)
        elif insn.op == LD_IMM64:
            state.regs[insn.dst] = self._ld_imm64(function, at, insn)
            return [(at + 2, state)]
        elif cls == LD:
            state.regs[:6] = [None] * 6  # legacy packet access
        elif insn.op in (CALL, CALLX):
            self._call(function, at, insn, state)
        elif insn.op == EXIT:
            return []
        elif insn.op == JA:
            return [(at + 1 + insn.off, state)]
        elif insn.op == JA32:
            return [(at + 1 + insn.imm, state)]
        elif insn.op in (0x0D, 0x0E):  # indirect jump through a table: anywhere
            return [(i, state) for i in sorted(_leaders(function))]
        else:
            return self._branch(function, at, insn, state, taken)
        return [(at + 1, state)]

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
            regs[insn.dst] = _moved(operand, insn, wide)
        elif isinstance(mine, int) and isinstance(operand, int):
            regs[insn.dst] = _arith(code, mine, operand, insn, wide)
        elif code == 0x80 and isinstance(mine, int):
            regs[insn.dst] = (-mine) & (M64 if wide else M32)
        elif code in (0xA0, 0x90) and insn.op & 8 and insn.src == insn.dst and code == 0xA0:
            regs[insn.dst] = 0
        elif wide and code in (0x00, 0x10):
            regs[insn.dst] = _pointer_sum(mine, operand, code == 0x10)
        else:
            regs[insn.dst] = None

    def _loaded(self, insn: Insn, state: State) -> Value:
        pointer = state.regs[insn.src]
        size = _SIZES[insn.op & 0x18]
        if not isinstance(pointer, tuple) or len(pointer) < 2 or pointer[0] == "arg":
            return None
        if pointer[0] == "fp":
            if not isinstance(pointer[1], int):
                return None
            return state.stack.get((pointer[1] + insn.off, size))
        if insn.op & 0xE0 != 0x60:
            return None  # sign-extending and probing loads
        offset = pointer[2]
        assert isinstance(offset, int)
        return self.env.load((pointer[0], pointer[1], offset + insn.off), size)

    def _store(self, function: Function, at: int, insn: Insn, state: State) -> None:
        pointer = state.regs[insn.dst]
        atomic = insn.op & 7 == STX and insn.op & 0xE0 == 0xC0
        if atomic:
            if insn.imm & 0xF1 == 0xE1 or insn.imm in (0xE1, 0xF1):
                state.regs[insn.src] = None
            if insn.imm == 0xF1:
                state.regs[0] = None
            if insn.imm & 1 or insn.imm == 0x100:
                state.regs[insn.src if insn.imm != 0x100 else insn.dst] = None
        if not isinstance(pointer, tuple) or pointer[0] != "fp":
            return
        if not isinstance(pointer[1], int):
            state.stack.clear()
            return
        start, size = pointer[1] + insn.off, _SIZES[insn.op & 0x18]
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
            if isinstance(value, tuple) and value[0] == "fp":
                lowest = value[1]
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
        outcome = _compare(code, state.regs[insn.dst], right, wide)
        sides = taken.setdefault(at, set())
        if outcome is not None:
            target = jump if outcome else fall
            sides.add(target)
            return [(target, state)]
        sides.update((jump, fall))
        jumped = state.copy()
        if wide and isinstance(right, int) and state.regs[insn.dst] is None:
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


def reachability(ctx: KernelEnvironment, program: Program) -> Reach:
    """What of a program can run on the context's kernel; 6.1 verifies every global subprogram (R-3.12b)."""
    also: tuple[Function, ...] = ()
    if (0, 0) < ctx.release < (6, 2):
        also = tuple(f for f in program.functions[1:] if not f.static)
    return Reach(ctx.bpf_object, program.function, ctx, also)


def _passes(value: Value) -> bool:
    """Constants and pointers to data mean the same in the callee; its stack is another."""
    return not (isinstance(value, tuple) and value[0] == "fp")


_SIZES = {0x00: 4, 0x08: 2, 0x10: 1, 0x18: 8}


def _signed(value: int, bits: int) -> int:
    value &= (1 << bits) - 1
    return value - (1 << bits) if value >> (bits - 1) else value


def _moved(operand: Value, insn: Insn, wide: bool) -> Value:
    if insn.op & 8 and insn.off in (8, 16, 32) and isinstance(operand, int):
        return _signed(operand, insn.off) & (M64 if wide else M32)
    if wide:
        return None if insn.off and not isinstance(operand, int) else operand
    return operand & M32 if isinstance(operand, int) else None


def _arith(code: int, left: int, right: int, insn: Insn, wide: bool) -> Value:
    """Binary arithmetic on constants, 32 or 64 bits wide, as the instruction set defines it."""
    bits, mask = (64, M64) if wide else (32, M32)
    left, right = left & mask, right & mask
    if code in (0x30, 0x90):
        return _divided(code == 0x90, left, right, insn.off == 1, bits)
    if code == 0xD0:
        return _swapped(insn, left if wide else left & M64)
    shift = right & (bits - 1)
    simple: dict[int, Callable[[], int]] = {
        0x00: lambda: left + right,
        0x10: lambda: left - right,
        0x20: lambda: left * right,
        0x40: lambda: left | right,
        0x50: lambda: left & right,
        0x60: lambda: left << shift,
        0x70: lambda: left >> shift,
        0x80: lambda: -left,
        0xA0: lambda: left ^ right,
        0xC0: lambda: _signed(left, bits) >> shift,
    }
    make = simple.get(code)
    return make() & mask if make else None


def _divided(modulo: bool, left: int, right: int, signed: bool, bits: int) -> int:
    """Division by zero gives 0, modulo zero leaves the dividend (RFC 9669)."""
    mask = (1 << bits) - 1
    if right == 0:
        return left if modulo else 0
    if not signed:
        return left % right if modulo else left // right
    one, other = _signed(left, bits), _signed(right, bits)
    quotient = abs(one) // abs(other) * (1 if (one < 0) == (other < 0) else -1)
    return (one - quotient * other if modulo else quotient) & mask


def _swapped(insn: Insn, value: int) -> Value:
    size = {16: 2, 32: 4, 64: 8}.get(insn.imm)
    if size is None:
        return None
    value &= (1 << 8 * size) - 1
    if insn.op == 0xD7:
        return int.from_bytes(value.to_bytes(size, "little"), "big")
    return None  # to a fixed byte order: depends on the machine


def _pointer_sum(mine: Value, operand: Value, minus: bool) -> Value:
    if isinstance(operand, tuple) and not minus and isinstance(mine, int):
        mine, operand = operand, mine
    if not isinstance(mine, tuple):
        return None
    if mine == NONZERO or mine[0] == "arg":
        return None
    if isinstance(operand, int):
        by = -_signed(operand, 64) if minus else _signed(operand, 64)
        last = mine[-1]
        return (*mine[:-1], last + by) if isinstance(last, int) else mine
    return ("fp", None) if mine[0] == "fp" else None


_COMPARISONS: dict[int, Callable[[int, int], bool]] = {
    0x10: lambda a, b: a == b, 0x20: lambda a, b: a > b, 0x30: lambda a, b: a >= b, 0x40: lambda a, b: bool(a & b),
    0x50: lambda a, b: a != b, 0xA0: lambda a, b: a < b, 0xB0: lambda a, b: a <= b,
}  # fmt: skip
_SIGNED: dict[int, Callable[[int, int], bool]] = {
    0x60: lambda a, b: a > b, 0x70: lambda a, b: a >= b, 0xC0: lambda a, b: a < b, 0xD0: lambda a, b: a <= b,
}  # fmt: skip


def _compare(code: int, left: Value, right: Value, wide: bool) -> bool | None:
    """The outcome of a conditional jump, None where it is not constant."""
    if isinstance(left, int) and isinstance(right, int):
        bits, mask = (64, M64) if wide else (32, M32)
        if code in _COMPARISONS:
            return _COMPARISONS[code](left & mask, right & mask)
        if code in _SIGNED:
            return _SIGNED[code](_signed(left, bits), _signed(right, bits))
        return None
    if wide and isinstance(left, tuple) and left[0] != "arg" and right == 0 and code in (0x10, 0x50):
        return code == 0x50
    return None


def _leaders(function: Function) -> frozenset[int]:
    """Instructions where paths can meet: the targets of jumps and what follows a conditional one."""
    known = function.leaders
    if known is None:
        found = {0}
        for at, insn in enumerate(function.insns):
            cls = insn.op & 7
            if cls not in (JMP, JMP32) or insn.op in (CALL, CALLX, EXIT):
                continue
            if insn.op == JA32:
                found.add(at + 1 + insn.imm)
            else:
                found.add(at + 1 + insn.off)
                if insn.op != JA:
                    found.add(at + 1)
        known = frozenset(i for i in found if 0 <= i < len(function.insns))
        function.leaders = known
    return known
