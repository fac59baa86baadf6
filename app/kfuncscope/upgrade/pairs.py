# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The kernels of a session as pairs, one of each architecture, and what was given and is compared with none."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, TypeVar

from kfuncscope.arch import arch_order
from kfuncscope.errors import InputError, all_of
from kfuncscope.session.session import KernelRef, Session
from kfuncscope.storage.files import InputProblem, ObjectFile
from kfuncscope.storage.read import Progress
from kfuncscope.upgrade.known import KnownKernel, known_kernels, open_refs
from kfuncscope.upgrade.memo import Verdicts

if TYPE_CHECKING:
    from kfuncscope.kernel.kernel import Kernel

NOT_JUDGED = "of another architecture: no kernel given has the byte order of the objects in it"
K = TypeVar("K", "Kernel", KnownKernel)


@dataclass(slots=True)
class Pair:
    """Two kernels of one architecture."""

    old: Kernel
    new: Kernel


class KnownPair:
    """Two kernels of one architecture as results name them, with what is kept of objects on them."""

    def __init__(self, old: KnownKernel, new: KnownKernel, section_types: dict[str, str]) -> None:
        self.old = old
        self.new = new
        self.verdicts = Verdicts((old.digest, new.digest), section_types)

    @property
    def endian(self) -> str:
        """Byte order of both, ``<`` or ``>``."""
        return self.new.facts.endian

    @cached_property
    def opened(self) -> Pair:
        """Both kernels themselves. Raises InputError where their files do not make them any more."""
        return Pair(self.old.opened, self.new.opened)


def open_kernels(session: Session) -> tuple[tuple[list[Kernel], list[Kernel]], list[InputProblem]]:
    """The kernels of both sides, and what cannot be opened. Raises InputError where a whole side cannot."""
    return _sides(session, open_refs)


def known_sides(
    session: Session, progress: Progress | None = None, known_only: bool = False
) -> tuple[tuple[list[KnownKernel], list[KnownKernel]], list[InputProblem]]:
    """As ``open_kernels``, without opening those that are known; for ``known_only`` see ``known_kernels``."""
    return _sides(session, lambda refs: known_kernels(refs, progress, known_only))


def _sides(
    session: Session, opened: Callable[[list[KernelRef]], tuple[list[K], list[InputProblem]]]
) -> tuple[tuple[list[K], list[K]], list[InputProblem]]:
    sides: list[list[K]] = []
    problems: list[InputProblem] = []
    for refs in (session.old, session.new):
        found, bad = opened(refs)
        refused: list[InputProblem] = bad
        if not found and refused:
            raise all_of([InputError(one.path, one.reason, one.offset) for one in [*problems, *refused]])
        sides.append(found)
        problems += refused
    return (sides[0], sides[1]), problems


def pair_up(old: list[Kernel], new: list[Kernel]) -> list[Pair]:
    """Open kernels as pairs; see ``paired``."""
    return [Pair(*both) for both in paired(old, new)]


def paired(old: list[K], new: list[K]) -> list[tuple[K, K]]:
    """Pairs by architecture, in the order of the old kernels; the last kernel given of an architecture counts."""
    newest = {k.arch: k for k in new}
    oldest = {k.arch: k for k in old}
    return [(k, newest[a]) for a, k in sorted(oldest.items(), key=lambda x: arch_order(x[0])) if a in newest]


def unpaired(
    kernels: tuple[Sequence[Kernel | KnownKernel], Sequence[Kernel | KnownKernel]], pairs: Sequence[Pair | KnownPair]
) -> list[InputProblem]:
    """The kernels that are compared with none, and why."""
    used = {id(k) for p in pairs for k in (p.old, p.new)}
    paired = {p.new.arch for p in pairs}
    found = []
    for listed, side, other in ((kernels[0], "old", "new"), (kernels[1], "new", "old")):
        for kernel in listed:
            if id(kernel) in used:
                continue
            name = f"{kernel.arch} kernel {kernel.release or kernel.label}"
            why = f"no counterpart: no {other} kernel of its architecture was given to compare it with"
            if kernel.arch in paired:
                why = f"not compared: another {side} kernel of its architecture was given after it"
            found.append(InputProblem(_path_of(kernel), f"{name}: {why}"))
    return found


def _path_of(kernel: Kernel | KnownKernel) -> str:
    return kernel.files.inputs[0].path if kernel.files.inputs else kernel.label


def idle(files: list[ObjectFile], pairs: list[KnownPair]) -> list[InputProblem]:
    """Pairs of kernels for which no object is meant, and inputs none of whose objects is meant for any pair.

    Nothing was judged of them, which is not the same as clear.
    """
    orders = {file.sha256: byte_order(file) for file in files}
    judged = {pair.new.facts.endian for pair in pairs}
    inputs: dict[str, set[str]] = {}
    for file in files:
        for given in file.given:
            inputs.setdefault(given, set()).add(orders[file.sha256])
    found = [InputProblem(given, NOT_JUDGED) for given, has in inputs.items() if not has & judged]
    if files:
        found += [
            InputProblem(
                _path_of(pair.new), f"nothing was judged on {pair.new.arch}: no object given has its byte order"
            )
            for pair in pairs
            if pair.new.facts.endian not in orders.values()
        ]
    return found


def byte_order(file: ObjectFile) -> str:
    """Byte order of an object as its ELF header has it, ``<`` or ``>``."""
    return file.endian
