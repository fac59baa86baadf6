# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""How much stack the functions of a program take together: a lower bound of check_max_stack_depth() (R-12.3)."""

from __future__ import annotations

from kfuncscope.bpf.instructions import CALL, JMP, JMP32, LDX, PSEUDO_CALL, ST, STX
from kfuncscope.bpf.object import BpfObject, Function, Program
from kfuncscope.rules.flow.reachability import Reachable

MOST_STACK = 512
MOST_FRAMES = 8
FRAME = 10  # the frame pointer
ALIGNED = 16  # bytes to which a JIT rounds each frame; the interpreter rounds to more
ADD, MOV = 0x07, 0xBF
_NO_RESULT = frozenset({ST, STX, JMP, JMP32})  # classes that change no register


def frame_size(function: Function, flow: Reachable) -> int:
    """Bytes below the frame pointer that reached instructions read, write, or take the address of.

    Addresses are followed from ``rX = r10`` to the next change of rX in the order of the code, as compilers write them.
    """
    lowest = 0
    offsets = {FRAME: 0}
    for index, insn in enumerate(function.insns):
        if not flow.is_reached(function, index):
            continue
        cls = insn.op & 7
        if cls in (ST, STX) and insn.dst in offsets:
            lowest = min(lowest, offsets[insn.dst] + insn.off)
        elif cls == LDX and insn.src in offsets:
            lowest = min(lowest, offsets[insn.src] + insn.off)
        if insn.op == MOV and not insn.off and insn.src in offsets:
            offsets[insn.dst] = offsets[insn.src]
        elif insn.op == ADD and insn.dst in offsets:
            offsets[insn.dst] += insn.imm
            lowest = min(lowest, offsets[insn.dst])
        elif insn.op == CALL:
            offsets = {r: at for r, at in offsets.items() if r > 5}
        elif cls not in _NO_RESULT and insn.dst != FRAME:
            offsets.pop(insn.dst, None)
    return -lowest


def deepest(obj: BpfObject, program: Program, flow: Reachable) -> tuple[int, list[str]]:
    """The most stack that any chain of calls takes, in bytes, and the functions of that chain."""
    sizes: dict[tuple[str, int], int] = {}
    best: tuple[int, list[str]] = (0, [])

    def walk(function: Function, before: int, names: list[str]) -> None:
        nonlocal best
        key = (function.section, function.start)
        if key not in sizes:
            sizes[key] = -(-frame_size(function, flow) // ALIGNED) * ALIGNED
        total, chain = before + sizes[key], [*names, function.name]
        if total > best[0]:
            best = total, chain
        if len(chain) >= MOST_FRAMES:
            return
        for callee in _callees(obj, function, flow):
            walk(callee, total, chain)

    walk(program.function, 0, [])
    return best


def _callees(obj: BpfObject, function: Function, flow: Reachable) -> list[Function]:
    """Functions that reached instructions call, each once."""
    found: dict[tuple[str, int], Function] = {}
    for index, insn in enumerate(function.insns):
        if insn.op == CALL and insn.src == PSEUDO_CALL and flow.is_reached(function, index):
            callee = obj.callee(function, index)
            if callee is not None:
                found[callee.section, callee.start] = callee
    return list(found.values())
