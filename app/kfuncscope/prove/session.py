# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Proving the kernels of a session one after the other, telling what happens as it happens."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from kfuncscope.errors import InputError, KernelError
from kfuncscope.intake.objects import object_files
from kfuncscope.kernel.kernel import Kernel
from kfuncscope.model.proof import Booting, ObjectProof, Proof, Seen
from kfuncscope.model.verdict import Tri
from kfuncscope.prove import prove
from kfuncscope.session.session import KernelRef, Session
from kfuncscope.storage.files import InputProblem, ObjectFile
from kfuncscope.upgrade.known import open_refs

Event = Booting | Seen | Proof | InputProblem
"""What is told: a boot begins, an object is done, a kernel is done, something could not be booted or answered."""


def packages_of(kernel: Kernel, given: Sequence[str]) -> list[str]:
    """The files that this kernel came from, as they were given. Raises KernelError where it came in no package."""
    paths = {entry.path for entry in kernel.files.inputs}
    mine = [path for path in given if path in paths]
    if not mine:
        raise KernelError(kernel.label, "only a kernel in packages can be booted; give the packages themselves")
    return mine


def subjects(refs: Sequence[KernelRef], files: Sequence[ObjectFile], options: prove.Options) -> Iterator[
    prove.Subject | InputProblem
]:  # fmt: skip
    """Every kernel of one side, ready to be booted, or why it cannot be."""
    given = [path for ref in refs for path in ref.files]
    for kernel in open_refs(list(refs))[0]:
        try:
            yield prove.prepare(kernel, packages_of(kernel, given), files, options)
        except InputError as error:
            yield not_booted(error)


def not_booted(error: InputError) -> InputProblem:
    """A kernel that cannot be booted, as a problem of the result."""
    return InputProblem(error.source, f"not booted: {error.reason}", error.offset)


def unanswered(proof: Proof) -> list[InputProblem]:
    """The objects about which a boot says nothing."""
    return [
        InputProblem(one.object, f"not proved on {proof.release}: {one.line or 'the boot ended early'}")
        for one in proof.objects
        if one.seen == Tri.UNKNOWN
    ]


def prove_session(
    session: Session, judged: frozenset[str], options: prove.Options, tell: Callable[[Event], None],
    cancelled: Callable[[], bool] = lambda: False,
) -> tuple[Proof, ...]:  # fmt: skip
    """Boot the new kernels of a session, then the old ones, for the objects with these SHA-256; objects that are
    predicted to fail are asked about first. What was seen before a cancel or a crash is told and kept."""
    files = [file for file in object_files(session.objects)[0] if file.sha256 in judged]
    proofs: list[Proof] = []
    for refs in (session.new, session.old):
        for subject in subjects(refs, files, options):
            if isinstance(subject, InputProblem):
                tell(subject)
                continue
            if cancelled():
                return tuple(proofs)
            arch, release = subject.kernel.arch, subject.kernel.release
            names = tuple(file.name for file, _ in subject.judged)
            tell(Booting(arch, release, names, tuple(prove.plan_lines(subject))))

            def seen(one: ObjectProof, arch: str = arch, release: str = release) -> None:
                tell(Seen(arch, release, one))

            try:
                proof = prove.run(subject, seen, cancelled)
            except InputError as error:
                tell(not_booted(error))
                continue
            proofs.append(proof)
            tell(proof)
            for problem in unanswered(proof):
                tell(problem)
    return tuple(proofs)
