# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The kernels of a session as results name them, opened only where an object must be judged."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from kfuncscope.errors import InputError, each
from kfuncscope.intake.image import image_held
from kfuncscope.intake.kernels import kernel_files, known_kernel
from kfuncscope.model.analysis import NOT_GIVEN, KernelInfo
from kfuncscope.session.session import KernelRef
from kfuncscope.storage.files import InputProblem, KernelFiles
from kfuncscope.storage.read import Progress
from kfuncscope.upgrade import memo
from kfuncscope.upgrade.memo import KernelFacts, Late

if TYPE_CHECKING:
    from kfuncscope.kernel.kernel import Kernel
    from kfuncscope.knowledge.knowledge import Knowledge

K = TypeVar("K")


class UnknownError(Exception):
    """What is known alone was asked for, and something is not: an object must be judged or a kernel be opened."""


class KnownKernel:
    """One kernel: what results say of it, from an earlier run where it was the same, else from opening it now.

    ``digest`` is what verdicts depend on: every part, and what it is taken for; None where that cannot be known.
    Raises UnknownError in place of opening it with ``known_only``.
    """

    def __init__(
        self, files: KernelFiles, ref: KernelRef, progress: Progress | None = None, known_only: bool = False
    ) -> None:
        self.files = files
        self.ref = ref
        self._closed = known_only
        content = memo.content_digest(files)
        self.key = memo.facts_key(files, content, ref.arch, ref.release)
        known = self._before = memo.load_facts(self.key)
        if known is None:
            known = facts_of(self.opened, progress)
            memo.store_facts(self.key, known)
        self.facts: KernelFacts = known
        self.digest = content and f"{content} {known.arch} {known.release}"
        self.label = ref.label or known.release or files.label
        self.late: Late = memo.load_late(self.key)

    @cached_property
    def opened(self) -> Kernel:
        """The kernel itself. Raises InputError where the files do not make one."""
        if self._closed:
            raise UnknownError(self.files.label)
        return opened_as(self.files, self.ref, self._before)

    def shown(self) -> Late:
        """What showed of the kernel while objects were judged in this process, beside its facts."""
        if "opened" not in self.__dict__:
            return Late()
        problems = tuple(p for p in dict.fromkeys(self.opened.problems) if p not in self.facts.problems)
        return Late(problems, tuple(self.opened.modules.problems))

    def learn(self, late: Late) -> None:
        """Take in what showed of the kernel, and keep it for results that judge nothing again."""
        more = self.late.with_more(late)
        if more != self.late:
            memo.store_late(self.key, late)
        self.late = more

    @property
    def release(self) -> str:
        """Release as its files tell it, or as it was given."""
        return self.facts.release

    @property
    def arch(self) -> str:
        """Architecture, in the kernel community's word."""
        return self.facts.arch

    @property
    def knowledge(self) -> Knowledge:
        """The tables of its release."""
        from kfuncscope.knowledge.knowledge import for_release

        return for_release(self.facts.release or None)

    @property
    def info(self) -> KernelInfo:
        """The kernel as results name it."""
        known = self.facts
        faults = known.faults
        if self.late.modules:
            from kfuncscope.rules.checks.faults import module_faults

            faults += module_faults(self.late.modules)
        return KernelInfo(self.label, known.arch, known.release, known.kfuncs, known.facts, self.files.inputs, faults)


def known_kernels(
    refs: Iterable[KernelRef], progress: Progress | None = None, known_only: bool = False
) -> tuple[list[KnownKernel], list[InputProblem]]:
    """Every kernel of a list; what cannot be opened is a problem.

    With ``known_only`` nothing is unpacked or opened: UnknownError where something would be.
    """
    return _kernels_of(
        refs, lambda files, ref: KnownKernel(files, ref, progress, known_only), lambda one: one.facts.problems,
        _known_files if known_only else kernel_files,
    )  # fmt: skip


def _known_files(paths: list[str]) -> list[KernelFiles]:
    found = known_kernel(Path(paths[0])) if len(paths) == 1 else None
    if found is None:
        raise UnknownError(*paths[:1])
    return [found]


def open_refs(refs: Iterable[KernelRef]) -> tuple[list[Kernel], list[InputProblem]]:
    """Open every kernel of a list; what cannot be opened is a problem."""
    return _kernels_of(refs, opened_as, lambda kernel: kernel.problems)


def opened_as(files: KernelFiles, ref: KernelRef, known: KernelFacts | None = None) -> Kernel:
    """A kernel by the words that were given with its files; ``known`` is what was found of it before, with the same
    tables. Raises InputError."""
    from kfuncscope.kernel.kernel import open_kernel

    kernel = open_kernel(files, ref.arch, ref.release, None if known is None else known.bpf_as_of)
    kernel.label = ref.label or kernel.release or kernel.label
    return kernel


def _kernels_of(
    refs: Iterable[KernelRef],
    made: Callable[[KernelFiles, KernelRef], K],
    problems_of: Callable[[K], Iterable[InputProblem]],
    read: Callable[[list[str]], list[KernelFiles]] = kernel_files,
) -> tuple[list[K], list[InputProblem]]:
    """What ``made`` makes of every kernel of a list, and its problems; what cannot be read or made is one, too."""
    found: list[K] = []
    problems: list[InputProblem] = []
    for ref in refs:
        with image_held():
            try:
                parts = read(ref.files)
            except InputError as error:
                problems += [InputProblem(one.source, one.reason, one.offset) for one in each(error)]
                continue
            for files in parts:
                try:
                    found.append(made(files, ref))
                except InputError as error:
                    problems += [*files.problems, InputProblem(shown(files, error), error.reason, error.offset)]
                    continue
                problems += problems_of(found[-1])
    return found, problems


def shown(files: KernelFiles, error: InputError) -> str:
    """The file of a kernel that an error is about: the readers of BTF know a label only."""
    return files.inputs[0].path if files.inputs and error.source.startswith(files.label) else error.source


def kernel_info(kernel: Kernel) -> KernelInfo:
    """An open kernel as results name it, with the faults that have shown so far."""
    from kfuncscope.rules.checks.faults import kernel_faults

    facts, count = _facts(kernel)
    return KernelInfo(
        kernel.label, kernel.arch, kernel.release, count, facts, kernel.files.inputs, kernel_faults(kernel)
    )


def facts_of(kernel: Kernel, progress: Progress | None = None) -> KernelFacts:
    """What results say of a kernel. Every module is read for it: which cannot be is said, whatever programs ask for."""
    from kfuncscope.rules.checks.faults import kernel_faults

    facts, count = _facts(kernel)
    faults, unreadable = kernel_faults(kernel), tuple(kernel.modules.read_all(progress))
    return KernelFacts(
        kernel.arch, kernel.release, kernel.endian, kernel.vmlinux is not None, kernel.jit, count, facts,
        faults, tuple(kernel.problems), unreadable, kernel.bpf_as_of,
    )  # fmt: skip


def _facts(kernel: Kernel) -> tuple[tuple[tuple[str, str], ...], int]:
    """The lines that results show of a kernel, and how many kfuncs it has."""
    from kfuncscope.kernel.fact_sources import fact_sources, source_lines

    facts = []
    if kernel.vmlinux is not None:
        size = len(kernel.vmlinux.data)
        shown = f"{size / 1e6:.1f} MB" if size >= 100_000 else f"{size / 1e3:.1f} kB"
        facts.append(("BTF", f"{shown}, {kernel.vmlinux.own_count} types"))
    facts.append(("config", f"{len(kernel.config)} options" if kernel.config else NOT_GIVEN))
    facts.append(("modules", str(len(kernel.modules)) if len(kernel.modules) else NOT_GIVEN))
    facts.append(("symbols", "given" if kernel.symbols else NOT_GIVEN))
    registry = kernel.kfuncs
    count = len(registry.kfuncs) if registry else 0
    if registry is not None:
        callable_ = kernel.jit and kernel.caps.kfunc_call
        text = f"{count}, from {registry.source}"
        facts.append(("kfuncs", text if callable_ else f"{text}; the JIT of this build does not support kfunc calls"))
    if kernel.release_inferred:
        facts.append(("release", f"inferred from its {kernel.release_source}"))
    if kernel.bpf_as_of:
        facts.append(("BPF", f"{kernel.linux} by name, BPF as of {kernel.bpf_as_of}"))
    facts += source_lines(fact_sources(kernel).items())
    return tuple(facts), count
