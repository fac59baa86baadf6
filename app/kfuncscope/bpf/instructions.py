# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""BPF instructions: decoding, and the few opcodes that the rules speak of (linux/bpf.h, RFC 9669)."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from functools import partial
from typing import NamedTuple

CALL = 0x85
CALLX = 0x8D
EXIT = 0x95
JA = 0x05
JA32 = 0x06
GOTOX = 0x0D  # to an address out of a jump table
LD_IMM64 = 0x18
ATOMIC_W, ATOMIC_DW, FETCH = 0xC3, 0xDB, 0x01  # atomic operations; the bit of those that return the old value
STACK_ARGS = 11  # register through which arguments beyond the fifth are passed
PSEUDO_CALL = 1  # src_reg of a call: a subprogram (before libbpf: also kfuncs)

# Instruction classes (low three bits of the opcode).
LD, LDX, ST, STX, ALU, JMP, JMP32, ALU64 = range(8)

_LOW, _HIGH = bytes(b & 15 for b in range(256)), bytes(b >> 4 for b in range(256))


class Insn(NamedTuple):
    """One 8-byte slot; the second slot of an ld_imm64 has opcode 0 and holds the high half in ``imm``."""

    op: int
    dst: int
    src: int
    off: int
    imm: int

    @property
    def insn_class(self) -> int:
        """Instruction class: LD .. ALU64."""
        return self.op & 7


_insn = partial(tuple.__new__, Insn)  # what Insn(...) does in the end; a file has thousands


def decode(code: bytes, endian: str) -> list[Insn]:
    """Decode whole slots; in big-endian objects the two register nibbles are swapped too."""
    count = len(code) // 8
    code = code[: 8 * count]
    low, high = code[1::8].translate(_LOW), code[1::8].translate(_HIGH)
    dst, src = (low, high) if endian == "<" else (high, low)
    offs = struct.unpack(f"{endian}{4 * count}h", code)[1::4]
    imms = struct.unpack(f"{endian}{2 * count}i", code)[1::2]
    return list(map(_insn, zip(code[::8], dst, src, offs, imms, strict=True)))


# Opcodes of the instructions that came after 5.10, all or with certain operands; see later_instruction.
LATER_OPS = frozenset(
    {0x81, 0x89, 0x91, JA32, GOTOX, 0xD7, 0xBC, 0xBF, 0xE5, 0xC3, 0xDB, 0xD3, 0xCB}
    | {code | source | cls for code in (0x30, 0x90) for source in (0, 8) for cls in (ALU, ALU64)}
)


def later_instruction(insn: Insn) -> str | None:
    """Name of an instruction newer than 5.10 (R-11.14, R-12.23), as knowledge.versions has it; None for old ones."""
    op, cls = insn.op, insn.op & 7
    if STACK_ARGS in (insn.src, insn.dst):
        return "stack argument"
    if op in (0x81, 0x89, 0x91):
        return "sign-extending load"
    if op == JA32:
        return "gotol"
    if op == GOTOX:
        return "gotox"
    if op == 0xD7:
        return "bswap"
    if op in (0xBC, 0xBF) and insn.off:
        return "addr_space_cast" if op == 0xBF and insn.off == 1 else "sign-extending move"
    if cls in (ALU, ALU64) and op & 0xF0 in (0x30, 0x90) and insn.off == 1:
        return "signed division"
    if op == 0xE5:
        return "may_goto"
    if op in (0xC3, 0xDB) and insn.imm in (0x100, 0x110):
        return "load-acquire or store-release"
    if op in (0xC3, 0xDB) and insn.imm:
        return "atomic"  # all but the oldest, which only adds
    if op in (0xD3, 0xCB):
        return "byte or half-word atomic or load-acquire"
    return None


def leaders(insns: Sequence[Insn], jump_targets: Iterable[int]) -> frozenset[int]:
    """Instructions where paths can meet: the targets of jumps and what follows a conditional one."""
    found = {0, *jump_targets}
    for at, insn in enumerate(insns):
        if insn.op & 7 not in (JMP, JMP32) or insn.op in (CALL, CALLX, EXIT):
            continue
        if insn.op == JA32:
            found.add(at + 1 + insn.imm)
        else:
            found.add(at + 1 + insn.off)
            if insn.op != JA:
                found.add(at + 1)
    return frozenset(i for i in found if 0 <= i < len(insns))
