# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""As much of x86-64 machine code as following constants through init functions takes.

``decode`` gives the length and parts of one instruction of general-purpose code. ``Step`` does to a register file what
is exactly known (constants, copies, sums, loads, comparisons) and forgets what an instruction could change otherwise.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

RAX, RCX, RDX, RBX, RSP, RBP, RSI, RDI = range(8)
CLOBBERED_BY_CALL = (RAX, RCX, RDX, RSI, RDI, 8, 9, 10, 11)
_MASK = (1 << 64) - 1

Registers = tuple[int | None, ...]
"""Values of the sixteen registers, None where not known."""

_INVALID = frozenset(
    {0x06, 0x07, 0x0E, 0x16, 0x17, 0x1E, 0x1F, 0x27, 0x2F, 0x37, 0x3F, 0x60, 0x61, 0x62, 0x82, 0x9A, 0xC4, 0xC5}
    | {0xCE, 0xD4, 0xD5, 0xD6, 0xEA}
)
_PREFIXES = frozenset((0x26, 0x2E, 0x36, 0x3E, 0x64, 0x65, 0x66, 0x67, 0xF0, 0xF2, 0xF3))
_MODRM = frozenset(
    [op for op in range(0x40) if op & 7 < 4]
    + [0x63, 0x69, 0x6B, *range(0x80, 0x90), 0xC0, 0xC1, 0xC6, 0xC7, *range(0xD0, 0xD4), *range(0xD8, 0xE0)]
    + [0xF6, 0xF7, 0xFE, 0xFF]
)
_IMM8 = frozenset(
    [op for op in range(0x40) if op & 7 == 4]
    + [0x6A, 0x6B, *range(0x70, 0x80), 0x80, 0x83, 0xA8, *range(0xB0, 0xB8), 0xC0, 0xC1, 0xC6, 0xCD]
    + [*range(0xE0, 0xE8), 0xEB]
)
_IMM32 = frozenset([op for op in range(0x40) if op & 7 == 5] + [0x68, 0x69, 0x81, 0xA9, 0xC7, 0xE8, 0xE9])
_TWO_BARE = frozenset(
    {5, 6, 7, 8, 9, 0x0B, 0x0E, 0x77, 0xA0, 0xA1, 0xA2, 0xA8, 0xA9, 0xAA, *range(0x30, 0x38), *range(0x80, 0x90)}
    | set(range(0xC8, 0xD0))
)
_CONTROL = frozenset((0x0F20, 0x0F21, 0x0F22, 0x0F23))  # moves of control registers: the operand is a register always
_SSE4A = 0x0F78  # immediates by prefix; without one it is vmread
_TWO_IMM8 = frozenset((0x70, 0x71, 0x72, 0x73, 0xA4, 0xAC, 0xBA, 0xC2, 0xC4, 0xC5, 0xC6))


class Loaded(int):
    """A number read from the image, which the kernel may have changed since: good as a value, not to decide a jump."""


@dataclass(frozen=True, slots=True)
class Insn:
    """One instruction. ``op`` is the opcode (0x0Fxx for two bytes); registers carry the REX bits; ``rm`` is None and
    ``address`` tells (base, index, scale, displacement) where the operand is in memory; base -1 stands for RIP.
    """

    length: int
    op: int
    wide: bool
    narrow: bool
    reg: int
    rm: int | None
    address: tuple[int | None, int | None, int, int] | None
    imm: int


def decode(code: bytes, at: int) -> Insn | None:
    """The instruction at ``at``; None for what general-purpose code does not hold, or at the end of ``code``."""
    try:
        return _decode(code, at)
    except IndexError:
        return None


def _decode(code: bytes, start: int) -> Insn | None:
    at, narrow, short = start, False, False  # by a prefix: operands of 16 bits, addresses of 32
    while code[at] in _PREFIXES:
        narrow |= code[at] == 0x66
        short |= code[at] == 0x67
        at += 1
        if at - start > 14:
            return None
    rex = 0
    if code[at] & 0xF0 == 0x40:
        rex = code[at]
        at += 1
        if code[at] in _PREFIXES or code[at] & 0xF0 == 0x40:
            return None  # a REX prefix that does not stand right before the opcode: no compiler writes it
    op = code[at]
    at += 1
    if op == 0x0F:
        op, at, modrm, size = _escaped(code, at)
        if op == _SSE4A:
            return None
    else:
        modrm = op in _MODRM
        size = 1 if op in _IMM8 else 4 if op in _IMM32 else _odd_size(op, rex, short)
        if op in _INVALID:
            return None
        if op in (0xF6, 0xF7) and code[at] & 0x30 == 0:
            size = 1 if op == 0xF6 else 4
    # A prefix 66 makes immediates of 16 bits, unless REX.W makes the operands 64 bits wide.
    if size == 4 and narrow and not rex & 8 and op not in (0xE8, 0xE9) and op < 0x100:
        size = 2
    reg, rm, address = op & 7 | (rex & 1) << 3, None, None
    if op in _CONTROL:
        reg, rm, at = code[at] >> 3 & 7 | (rex & 4) << 1, code[at] & 7 | (rex & 1) << 3, at + 1
    elif modrm:
        reg = code[at] >> 3 & 7 | (rex & 4) << 1
        rm, address, at = _operand(code, at, rex)
    if at + size > len(code):
        return None
    imm = int.from_bytes(code[at : at + size], "little", signed=size < 8)
    return Insn(at + size - start, op, bool(rex & 8), narrow, reg, rm, address, imm)


def _escaped(code: bytes, at: int) -> tuple[int, int, bool, int]:
    """Opcode, place after it, ModRM or not, size of the immediate: instructions that begin with 0F."""
    op = code[at]
    if op in (0x38, 0x3A):
        return 0x0F0000 | op << 8 | code[at + 1], at + 2, True, int(op == 0x3A)
    size = 1 if op in _TWO_IMM8 else 4 if 0x80 <= op < 0x90 else 0
    return 0x0F00 | op, at + 1, op not in _TWO_BARE, size


def _odd_size(op: int, rex: int, short: bool) -> int:
    """Size of an operand behind the opcode. A prefix 67 (``short``) makes addresses of 32 bits."""
    if 0xB8 <= op < 0xC0:
        return 8 if rex & 8 else 4
    if 0xA0 <= op < 0xA4:
        return 4 if short else 8
    return {0xC2: 2, 0xCA: 2, 0xC8: 3}.get(op, 0)


def _operand(code: bytes, at: int, rex: int) -> tuple[int | None, tuple[int | None, int | None, int, int] | None, int]:
    mode, low = code[at] >> 6, code[at] & 7
    at += 1
    if mode == 3:
        return low | (rex & 1) << 3, None, at
    base: int | None = low | (rex & 1) << 3
    index, scale = None, 1
    if low == 4:
        sib = code[at]
        at += 1
        scale = 1 << (sib >> 6)
        index = sib >> 3 & 7 | (rex & 2) << 2
        index = None if index == RSP else index
        base = sib & 7 | (rex & 1) << 3
        low = sib & 7
        if low == 5 and mode == 0:
            base = None
    elif low == 5 and mode == 0:
        base = -1
    size = {0: 4 if low == 5 else 0, 1: 1, 2: 4}[mode]
    if at + size > len(code):
        raise IndexError
    displacement = int.from_bytes(code[at : at + size], "little", signed=True)
    return None, (base, index, scale, displacement), at + size


Load = Callable[[int, int], int | None]
"""Reads (address, size in bytes) from the image; None where it holds nothing."""

Compared = tuple[int, int, int]
"""What the flags come from: two numbers and the bits they are compared in."""

_GROUPS = frozenset(
    {0x80, 0x81, 0x83, 0x8F, 0xC0, 0xC1, 0xC6, 0xC7, 0xD0, 0xD1, 0xD2, 0xD3, 0xF6, 0xF7, 0xFE, 0xFF}
    | {0x0F00, 0x0F01, 0x0F90, 0x0FAE, 0x0FBA, 0x0FC7}
)
# Change no register that is followed, nor the flags: push, nop, ud2, prefetch, endbr.
_HARMLESS = frozenset((0x90, 0x0F0B, 0x0F0D, 0x0F18, 0x0F1E, 0x0F1F, *range(0x50, 0x58)))
_STORES = frozenset((0x88, 0xC6, 0xC7))  # moves: to memory they change no register, and flags never
_TESTS = frozenset((0x3C, 0x3D, 0x84, 0x85, 0xA8, 0xA9))  # change flags alone
_STRING = frozenset((0x6C, 0x6D, 0x6E, 0x6F, *range(0xA4, 0xA8), *range(0xAA, 0xB0), 0x0FA6, 0x0FA7))
_ACCUMULATOR = frozenset(
    {op for op in range(0x38) if op & 7 in (4, 5)}
    | {*range(0x90, 0x9A), 0x9F, 0xA0, 0xA1, 0xD7, 0xDF, 0xE4, 0xE5, 0xEC, 0xED, 0xF6, 0xF7, 0x0FB0, 0x0FB1}
)
_FRAME = frozenset((0xC8, 0xC9))  # enter, leave
# Operands of one byte: without a REX prefix registers 4 to 7 are AH, CH, DH, BH, parts of 0 to 3.
_BYTES = frozenset(
    {op for op in range(0x40) if op & 7 in (0, 2)}
    | {0x80, 0x86, 0x88, 0x8A, *range(0xB0, 0xB8), 0xC0, 0xC6, 0xD0, 0xD2, 0xF6, 0xFE, *range(0x0F90, 0x0FA0)}
    | {0x0FB0, 0x0FC0}
)


class Step:
    """Registers and flags while instructions are applied to them one by one."""

    def __init__(self, registers: Registers, compared: Compared | None, load: Load) -> None:
        self.registers = list(registers)
        self.compared = compared
        self._load = load

    def run(self, insn: Insn, after: int) -> None:
        """Apply an instruction other than a jump; ``after`` is the address that follows it."""
        op, registers = insn.op, self.registers
        if 0xB8 <= op < 0xC0:
            self._put(insn.reg, insn.imm, insn)
        elif op == 0xC7 and insn.rm is not None:
            self._put(insn.rm, insn.imm, insn)
        elif op == 0x8D:
            self._put(insn.reg, self._where(insn, after), insn)
        elif op == 0x8B:
            self._put(insn.reg, self._value(insn, after), insn)
        elif op == 0x89:
            if insn.rm is not None:
                self._put(insn.rm, registers[insn.reg], insn)
        elif op in (0x31, 0x33, 0x29, 0x2B) and insn.rm == insn.reg:
            self._put(insn.reg, 0, insn)
            self.compared = (0, 0, 64)
        elif op in (0x81, 0x83):
            self._immediate(insn)
        elif op in (0x38, 0x39, 0x3A, 0x3B):
            one = registers[insn.rm] if insn.rm is not None else None
            pair = (one, registers[insn.reg])
            self._compare(*(pair if op == 0x39 else pair[::-1]), insn)
            if op in (0x38, 0x3A):
                self.compared = None
        elif op == 0x85:
            self._compare(registers[insn.reg] if insn.rm == insn.reg else None, 0, insn)
        elif op == 0xFF and insn.rm is not None and insn.reg & 7 < 2:
            self._sum(insn.rm, 1 if insn.reg & 7 == 0 else -1, insn)
        else:
            self._forget(insn)

    def jumps(self, condition: int) -> bool | None:
        """Whether a conditional jump (its condition code 0..15) is taken; None where that is not known."""
        if self.compared is None:
            return None
        one, other, bits = self.compared
        half = 1 << (bits - 1)
        signed, signed_other = (one ^ half) - half, (other ^ half) - half
        tests = {
            2: one < other,
            4: one == other,
            6: one <= other,
            0xC: signed < signed_other,
            0xE: signed <= signed_other,
        }
        found = tests.get(condition & ~1)
        return None if found is None else found != bool(condition & 1)

    def _put(self, register: int, value: int | None, insn: Insn) -> None:
        if value is not None and insn.narrow:
            value = None
        if value is not None:
            kept = value & (_MASK if insn.wide else 0xFFFFFFFF)
            value = Loaded(kept) if isinstance(value, Loaded) else kept
        self.registers[register] = value

    def _where(self, insn: Insn, after: int) -> int | None:
        if insn.address is None:
            return None
        base, index, scale, total = insn.address
        for register, factor in ((base, 1), (index, scale)):
            if register is None:
                continue
            value = after if register == -1 else self.registers[register]
            if value is None:
                return None
            total += value * factor
        return total & _MASK

    def _value(self, insn: Insn, after: int) -> int | None:
        if insn.rm is not None:
            return self.registers[insn.rm]
        where = self._where(insn, after)
        found = self._load(where, 8 if insn.wide else 4) if where is not None else None
        return None if found is None else Loaded(found)

    def _immediate(self, insn: Insn) -> None:
        kind = insn.reg & 7
        if kind == 7:
            self._compare(self.registers[insn.rm] if insn.rm is not None else None, insn.imm, insn)
        elif insn.rm is not None and kind in (0, 5):
            self._sum(insn.rm, insn.imm if kind == 0 else -insn.imm, insn)
        else:
            self._forget(insn)

    def _sum(self, register: int, add: int, insn: Insn) -> None:
        value = self.registers[register]
        self._put(register, None if value is None else value + add, insn)
        # The flags of a sum are not those of a comparison with 0; only a later cmp or test decides a jump.
        self.compared = None

    def _compare(self, one: int | None, other: int | None, insn: Insn) -> None:
        self.compared = None
        if one is None or other is None or insn.narrow or isinstance(one, Loaded) or isinstance(other, Loaded):
            return
        bits = 64 if insn.wide else 32
        self.compared = (one & (1 << bits) - 1, other & (1 << bits) - 1, bits)

    def _forget(self, insn: Insn) -> None:
        """Forget all that an instruction without a rule of its own could change."""
        op = insn.op
        if op in _HARMLESS and (op != 0x90 or insn.reg == RAX):
            return
        if op not in _STORES:
            self.compared = None
        if op in _TESTS or (op in _STORES and insn.rm is None):
            return
        changed = {insn.rm} if insn.rm is not None else set()
        if op not in _GROUPS:
            changed.add(insn.reg)
        if op in _BYTES:
            changed |= {register & 3 for register in changed if 4 <= register < 8}
        if op in _STRING:
            changed |= {RAX, RCX, RSI, RDI}
        if op in _ACCUMULATOR:
            changed |= {RAX, RDX}
        if op in _FRAME:
            changed.add(RBP)
        if op in (0x0FA2, 0x0F01, 0x0FC7, 0x0FAE) or 0x0F30 <= op < 0x0F38:
            changed |= {RAX, RCX, RDX, RBX}
        for register in changed:
            self.registers[register] = None
