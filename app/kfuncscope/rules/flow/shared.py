# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""One walk through a program for all kernels that answer it alike (R-3.11): five architectures are ten kernels.

A walk asks its environment, and what it finds hangs on the answers alone. So they are kept beside it, in their order,
and the next kernel is asked the same: as long as it answers the same, its walk would take the same way.
"""

from __future__ import annotations

import copy

from kfuncscope.bpf.object import Function, Program
from kfuncscope.knowledge.versions import Fact, since
from kfuncscope.rules.flow.arith import Value
from kfuncscope.rules.flow.reachability import Environment, KernelEnvironment, Reachable

MOST_WALKS = 16  # kept of one program: kernels that differ from all of these walk alone

Place = tuple[Function, int]
Pointer = tuple[object, ...]


class Answers(Environment):
    """Hands the questions of one walk on to an environment, each once, and keeps what it answered in that order."""

    def __init__(self, env: Environment) -> None:
        self._env = env
        self._immediates: dict[tuple[int, int], int | None] = {}
        self._addresses: dict[tuple[int, int], Value] = {}
        self._loads: dict[tuple[Pointer, int], int | None] = {}
        self._asked: list[tuple[str, object, int, Value]] = []

    def immediate(self, function: Function, index: int) -> int | None:
        """The immediate after CO-RE."""
        key = (id(function), index)
        if key not in self._immediates:
            self._immediates[key] = found = self._env.immediate(function, index)
            self._asked.append(("immediate", function, index, found))
        return self._immediates[key]

    def address(self, function: Function, index: int) -> Value:
        """What an ld_imm64 with a relocation loads."""
        key = (id(function), index)
        if key not in self._addresses:
            self._addresses[key] = found = self._env.address(function, index)
            self._asked.append(("address", function, index, found))
        return self._addresses[key]

    def load(self, pointer: Pointer, size: int) -> int | None:
        """Constant content behind a pointer."""
        key = (pointer, size)
        if key not in self._loads:
            self._loads[key] = found = self._env.load(pointer, size)
            self._asked.append(("load", pointer, size, found))
        return self._loads[key]

    def are_those_of(self, env: Environment) -> bool:
        """Whether another environment answers the same; it is asked no further than to the first difference."""
        return all(getattr(env, what)(of, number) == answer for what, of, number, answer in self._asked)

    def end(self) -> None:
        """The walk is over: let go of the environment, which holds a kernel."""
        del self._env


def reachability(ctx: KernelEnvironment, program: Program) -> Reachable:
    """What of a program can run on the context's kernel; older ones verify every global subprogram (R-3.12b)."""
    every = since(Fact.LAZY_GLOBALS, ctx.release) is False
    walks: list[tuple[bool, Answers, Reachable]] = program.function.walks
    for asked_every, answers, flow in walks:
        if asked_every == every and answers.are_those_of(ctx):
            return copy.copy(flow)
    also = tuple(f for f in program.functions[1:] if not f.static) if every else ()
    answers = Answers(ctx)
    flow = Reachable(ctx.bpf_object, program.function, answers, also)
    answers.end()
    if len(walks) < MOST_WALKS:
        walks.append((every, answers, flow))
    return copy.copy(flow)
