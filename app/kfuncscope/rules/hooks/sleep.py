# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Where a program cannot sleep, and so cannot call what may (R-4.5, KF_SLEEPABLE and might_sleep)."""

from __future__ import annotations

from kfuncscope.bpf.instructions import CALL, PSEUDO_CALL
from kfuncscope.bpf.object import BpfObject, Function, Program
from kfuncscope.kernel.kernel import Kernel
from kfuncscope.kernel.kfuncs import Kfunc
from kfuncscope.knowledge.flags import SLEEPABLE, flag_set
from kfuncscope.knowledge.knowledge import Knowledge


def awake(obj: BpfObject, program: Program) -> set[tuple[str, int]]:
    """Functions, by section and start, that run where the program itself runs, and that cannot sleep there.

    Empty for a program that may sleep. A callback may run elsewhere (a work queue may sleep, whoever asks for it), so
    only what is called counts.
    """
    if program.section.sleepable:
        return set()
    found: dict[tuple[str, int], Function] = {}
    todo = [program.function]
    while todo:
        function = todo.pop()
        key = (function.section, function.start)
        if key in found:
            continue
        found[key] = function
        for index, insn in enumerate(function.insns):
            if insn.op == CALL and insn.src == PSEUDO_CALL:
                callee = obj.callee(function, index)
                if callee is not None:
                    todo.append(callee)
    return set(found)


def may_sleep(kernel: Kernel, kfunc: Kfunc) -> bool:
    """Whether a kfunc may sleep, for all that is known of this very kernel: flags of other releases prove nothing."""
    exact = kfunc.flags_source == "binary" or kernel.knowledge.agreed(lambda tables: _flags(tables, kfunc.name))
    return exact and flag_set(kfunc.flags or 0, SLEEPABLE, kernel.knowledge)


def _flags(tables: Knowledge, name: str) -> int | None:
    return tables.kfuncs[name].flags if name in tables.kfuncs else None
