# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Values and arithmetic of BPF registers as the constant propagation knows them (RFC 9669)."""

from __future__ import annotations

from collections.abc import Callable

from kfuncscope.bpf.instructions import Insn

M32 = 0xFFFFFFFF
M64 = 0xFFFFFFFFFFFFFFFF

# A value: None (unknown), an int (64 bits, unsigned), NONZERO, STRAY, or a pointer ("fp", offset or None), ("data",
# section, offset), ("kconfig", name, offset).
Value = int | tuple[object, ...] | None
NONZERO: tuple[object, ...] = ("nonzero",)
STRAY: tuple[object, ...] = ("stray",)  # unknown, and perhaps a pointer into the stack: it may change any slot


def merged(mine: Value, theirs: Value) -> Value:
    """What two paths leave in a register on which they do not agree."""
    if mine == theirs:
        return mine
    return STRAY if any(isinstance(v, tuple) and v[0] in ("fp", "stray") for v in (mine, theirs)) else None


def as_signed(value: int, bits: int) -> int:
    """The low ``bits`` of a value read as a signed number."""
    value &= (1 << bits) - 1
    return value - (1 << bits) if value >> (bits - 1) else value


def moved(operand: Value, insn: Insn, wide: bool) -> Value:
    """What a move leaves in its register, sign-extending ones included."""
    if insn.op & 8 and insn.off in (8, 16, 32) and isinstance(operand, int):
        return as_signed(operand, insn.off) & (M64 if wide else M32)
    if wide:
        return None if insn.off and not isinstance(operand, int) else operand
    return operand & M32 if isinstance(operand, int) else None


def arith(code: int, left: int, right: int, insn: Insn, wide: bool) -> Value:
    """Binary arithmetic on constants, 32 or 64 bits wide, as the instruction set defines it."""
    bits, mask = (64, M64) if wide else (32, M32)
    left, right = left & mask, right & mask
    if code in (0x30, 0x90):
        return divided(code == 0x90, left, right, insn.off == 1, bits)
    if code == 0xD0:
        return swapped(insn, left)
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
        0xC0: lambda: as_signed(left, bits) >> shift,
    }
    make = simple.get(code)
    return make() & mask if make else None


def divided(modulo: bool, left: int, right: int, signed: bool, bits: int) -> int:
    """Division by zero gives 0, modulo zero leaves the dividend (RFC 9669)."""
    mask = (1 << bits) - 1
    if right == 0:
        return left if modulo else 0
    if not signed:
        return left % right if modulo else left // right
    one, other = as_signed(left, bits), as_signed(right, bits)
    quotient = abs(one) // abs(other) * (1 if (one < 0) == (other < 0) else -1)
    return (one - quotient * other if modulo else quotient) & mask


def swapped(insn: Insn, value: int) -> Value:
    """A byte swap; None for swaps to a fixed order, which depend on the machine."""
    size = {16: 2, 32: 4, 64: 8}.get(insn.imm)
    if size is None:
        return None
    value &= (1 << 8 * size) - 1
    if insn.op == 0xD7:
        return int.from_bytes(value.to_bytes(size, "little"), "big")
    return None  # to a fixed byte order: depends on the machine


def pointer_sum(mine: Value, operand: Value, minus: bool) -> Value:
    """A pointer with a constant added or taken away; a stack pointer stays one whatever is added."""
    if isinstance(operand, tuple) and not minus and isinstance(mine, int):
        mine, operand = operand, mine
    if not isinstance(mine, tuple):
        return None
    if mine == NONZERO or mine[0] == "arg":
        return None
    if mine == STRAY:
        return STRAY
    if isinstance(operand, int):
        by = -as_signed(operand, 64) if minus else as_signed(operand, 64)
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


def compare(code: int, left: Value, right: Value, wide: bool) -> bool | None:
    """The outcome of a conditional jump, None where it is not constant."""
    if isinstance(left, int) and isinstance(right, int):
        bits, mask = (64, M64) if wide else (32, M32)
        if code in _COMPARISONS:
            return _COMPARISONS[code](left & mask, right & mask)
        if code in _SIGNED:
            return _SIGNED[code](as_signed(left, bits), as_signed(right, bits))
        return None
    if wide and isinstance(left, tuple) and left[0] not in ("arg", "stray") and right == 0:
        return {0x10: False, 0x50: True}.get(code)
    return None
