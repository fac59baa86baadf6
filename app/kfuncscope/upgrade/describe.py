# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What each kernel of a session is, before anything is judged: release, level, architecture, parts, what is missing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from kfuncscope.model.analysis import NOT_GIVEN
from kfuncscope.session.session import KernelRef
from kfuncscope.storage.files import InputProblem
from kfuncscope.storage.read import Progress
from kfuncscope.study.kernels.lacks import Lack, lacks
from kfuncscope.upgrade.known import KnownKernel, known_kernels


@dataclass(frozen=True, slots=True)
class Described:
    """One kernel: ``level`` names the releases whose tables are used, ``borrowed`` says that it has none of its own.

    ``parts`` are (label, value) of what is there, ``lacks`` what is not and what that costs.
    """

    arch: str
    release: str
    level: str
    borrowed: bool
    parts: tuple[tuple[str, str], ...]
    lacks: tuple[Lack, ...]


@dataclass(frozen=True, slots=True)
class Given:
    """What one reference of a session turned out to be: its kernels, and what could not be read."""

    kernels: tuple[Described, ...]
    problems: tuple[InputProblem, ...]


def describe(refs: Iterable[KernelRef], progress: Progress | None = None) -> Iterator[tuple[KernelRef, Given]]:
    """Each reference with what it is. What is read for it is kept and serves the analysis that follows."""
    for ref in refs:
        kernels, problems = known_kernels([ref], progress)
        yield ref, Given(tuple(_described(kernel) for kernel in kernels), tuple(problems))


def _described(kernel: KnownKernel) -> Described:
    facts, tables = kernel.facts.facts, kernel.knowledge
    there = tuple((label, value) for label, value in facts if value != NOT_GIVEN)
    borrowed = tables.borrowed_for is not None
    return Described(kernel.arch, kernel.release, tables.told_by, borrowed, there, lacks(facts))
