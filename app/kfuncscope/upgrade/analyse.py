# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Run a session: open its kernels and objects, hold every object against every pair, and gather the analysis."""

from __future__ import annotations

import gc
import multiprocessing
import os
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import dataclass, replace
from multiprocessing import connection

from kfuncscope import __version__
from kfuncscope.arch import arch_order
from kfuncscope.bpf.object import BpfObject, read_object
from kfuncscope.errors import InputError, SessionError, all_of, each
from kfuncscope.intake.kernels import kernel_files
from kfuncscope.intake.objects import object_files
from kfuncscope.kernel.kernel import Kernel, open_kernel
from kfuncscope.model.analysis import Analysis, ArchResult, KernelInfo, ObjectInfo
from kfuncscope.model.verdict import ObjectVerdict, Verdict
from kfuncscope.rules.changes.alternatives import variant_key
from kfuncscope.rules.changes.change import compare
from kfuncscope.rules.checks.faults import kernel_faults
from kfuncscope.rules.checks.replace import Targets
from kfuncscope.rules.judge import judge
from kfuncscope.session.session import KernelRef, Session
from kfuncscope.storage.files import KernelFiles, ObjectFile, Problem
from kfuncscope.upgrade import memo
from kfuncscope.upgrade.inferred import inferred_results
from kfuncscope.upgrade.jsonform import Shard
from kfuncscope.upgrade.merge import select
from kfuncscope.upgrade.replaced import replaced_functions

Progress = Callable[[int, int, str], None]
NOT_JUDGED = "of another architecture: no kernel given has the byte order of the objects in it"
CHUNK = 12  # objects that a worker takes at once


@dataclass(slots=True)
class Pair:
    """Two kernels of one architecture."""

    old: Kernel
    new: Kernel


@dataclass(frozen=True, slots=True)
class ObjectResult:
    """One object on every pair, or why it could not be read."""

    info: ObjectInfo | None
    verdicts: tuple[ObjectVerdict | None, ...]  # None: an architecture for which the object is not meant
    problem: Problem | None = None


def analyse(
    session: Session, progress: Progress | None = None, workers: int | None = None, shard: Shard | None = None
) -> Analysis:
    """Analyse a session, or one shard of its objects. ``progress`` gets (done, total, what) and may raise to cancel.

    Objects that cannot be read become problems and the rest goes on; SessionError when no pair of kernels is there.
    """
    key = memo.key(session, shard)
    known = memo.load(key)
    if known is None:
        known = analyse_keeping_kernels(session, progress, workers, shard)[0]
        memo.store(key, known)
    return known


def analyse_keeping_kernels(
    session: Session, progress: Progress | None = None, workers: int | None = None, shard: Shard | None = None
) -> tuple[Analysis, list[Pair]]:
    """As ``analyse``; the pairs of open kernels come along, for those who want to ask them more."""
    report = progress or (lambda done, total, what: None)
    report(0, 1, "opening kernels")
    kernels, problems = open_kernels(session)
    pairs = pair_up(kernels[0], kernels[1])
    if not pairs:
        raise SessionError("session", "no architecture has both an old and a new kernel")
    problems += unpaired(kernels, pairs)
    for pair in pairs:
        for kernel in (pair.old, pair.new):
            problems += kernel.modules.read_all(report)
    report(0, 1, "reading objects")
    files, bad = object_files(session.objects)
    problems += [*bad, *_idle(files, pairs)]
    targets = replaced_functions(files, session.section_types)
    if shard is not None:
        files = select(files, shard)
    results = list(judged(files, pairs, session.section_types, report, workers, targets))
    return gather(pairs, results, problems, session.infer), pairs


# -- kernels


def open_refs(refs: Iterable[KernelRef]) -> tuple[list[Kernel], list[Problem]]:
    """Open every kernel of a list; what cannot be opened is a problem."""
    opened: list[Kernel] = []
    problems: list[Problem] = []
    for ref in refs:
        try:
            parts = kernel_files(ref.files)
        except InputError as error:
            problems += [Problem(one.source, one.reason, one.offset) for one in each(error)]
            continue
        for files in parts:
            try:
                kernel = open_kernel(files, ref.arch, ref.release)
            except InputError as error:
                problems += [*files.problems, Problem(_shown(files, error), error.reason, error.offset)]
                continue
            kernel.label = ref.label or kernel.release or kernel.label
            opened.append(kernel)
            problems += kernel.problems
    return opened, problems


def _shown(files: KernelFiles, error: InputError) -> str:
    """The file of a kernel that an error is about: the readers of BTF know a label only."""
    return files.inputs[0].path if files.inputs and error.source.startswith(files.label) else error.source


def open_kernels(session: Session) -> tuple[tuple[list[Kernel], list[Kernel]], list[Problem]]:
    """The kernels of both sides, and what cannot be opened. Raises InputError where a whole side cannot."""
    sides: list[list[Kernel]] = []
    problems: list[Problem] = []
    for refs in (session.old, session.new):
        opened, bad = open_refs(refs)
        if not opened and bad:
            raise all_of([InputError(one.path, one.reason, one.offset) for one in [*problems, *bad]])
        sides.append(opened)
        problems += bad
    return (sides[0], sides[1]), problems


def pair_up(old: list[Kernel], new: list[Kernel]) -> list[Pair]:
    """Pairs by architecture, in the order of the old kernels; the last kernel given of an architecture counts."""
    newest = {k.arch: k for k in new}
    oldest = {k.arch: k for k in old}
    return [Pair(k, newest[a]) for a, k in sorted(oldest.items(), key=lambda x: arch_order(x[0])) if a in newest]


def unpaired(kernels: tuple[list[Kernel], list[Kernel]], pairs: list[Pair]) -> list[Problem]:
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
            found.append(Problem(_path_of(kernel), f"{name}: {why}"))
    return found


def _path_of(kernel: Kernel) -> str:
    return kernel.files.inputs[0].path if kernel.files.inputs else kernel.label


def _idle(files: list[ObjectFile], pairs: list[Pair]) -> list[Problem]:
    """Pairs of kernels for which no object is meant, and inputs none of whose objects is meant for any pair.

    Nothing was judged of them, which is not the same as clear.
    """
    orders = {file.sha256: "<" if file.data[5:6] == b"\x01" else ">" for file in files}
    judged = {pair.new.endian for pair in pairs}
    inputs: dict[str, set[str]] = {}
    for file in files:
        for given in file.given:
            inputs.setdefault(given, set()).add(orders[file.sha256])
    found = [Problem(given, NOT_JUDGED) for given, has in inputs.items() if not has & judged]
    if files:
        found += [
            Problem(_path_of(pair.new), f"nothing was judged on {pair.new.arch}: no object given has its byte order")
            for pair in pairs
            if pair.new.endian not in orders.values()
        ]
    return found


# -- objects


_shared: tuple[list[Pair], dict[str, str], Targets] | None = None  # what forked workers inherit


def judged(
    files: list[ObjectFile],
    pairs: list[Pair],
    section_types: dict[str, str],
    progress: Progress,
    workers: int | None,
    targets: Targets,
) -> Iterator[ObjectResult]:
    """Results in the order of ``files``; over processes where there is enough to do."""
    count = workers if workers is not None else min(os.cpu_count() or 1, 8)
    if count < 2 or len(files) < 2 * CHUNK:
        for done, file in enumerate(files):
            progress(done, len(files), file.name)
            yield judge_file(file, pairs, section_types, targets)
        progress(len(files), len(files), "")
        return
    global _shared
    _shared = pairs, section_types, targets
    try:
        for pair in pairs:
            for kernel in (pair.old, pair.new):
                warm(kernel, progress)
        yield from _in_processes(files, count, progress)
    finally:
        gc.unfreeze()
        _shared = None


def warm(kernel: Kernel, progress: Progress) -> None:
    """Build what every object will ask for, so that forked workers share it; ``gc.unfreeze`` when they are done.

    Without the freeze each worker would look through the kernels for garbage again and again, and copy them by that.
    """
    kernel.modules.prepare(progress)
    if kernel.symbols is not None:
        kernel.symbols.prepare()
    _ = kernel.kfuncs, kernel.kfunc_rules, kernel.caps, kernel.helpers, kernel.map_types, kernel.lsm_hooks
    _ = kernel.knowledge.helpers, kernel.knowledge.struct_ops, kernel.knowledge.tracepoints
    if kernel.vmlinux is not None:
        kernel.vmlinux.essential("task_struct")
    kernel.knowledge.notrace("", kernel.arch)
    kernel.knowledge.syscalls(kernel.arch)
    gc.freeze()


def _in_processes(files: list[ObjectFile], count: int, progress: Progress) -> Iterator[ObjectResult]:
    chunks = [files[i : i + CHUNK] for i in range(0, len(files), CHUNK)]
    made: dict[int, list[ObjectResult]] = {}
    # Workers are forked, as they share the open kernels; the caller must not hold other threads that matter to them.
    forked = multiprocessing.get_context("fork")
    with ProcessPoolExecutor(count, mp_context=forked, initializer=_end_with_parent) as pool:
        futures: dict[Future[list[ObjectResult]], int] = {pool.submit(_judge_chunk, c): i for i, c in enumerate(chunks)}
        pending = set(futures)
        try:
            while pending:
                done, pending = wait(pending, timeout=0.2, return_when=FIRST_COMPLETED)
                for future in done:
                    made[futures[future]] = future.result()
                finished = sum(len(m) for m in made.values())
                progress(finished, len(files), "analysing")
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            for process in list((getattr(pool, "_processes", None) or {}).values()):
                process.terminate()
            raise
    for i in range(len(chunks)):
        yield from made[i]


def _end_with_parent() -> None:
    """End this worker when the process that forked it is gone, killed or hung up on: nobody else would tell it."""
    parent = multiprocessing.parent_process()
    assert parent is not None

    def watch() -> None:
        connection.wait([parent.sentinel])
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _judge_chunk(files: list[ObjectFile]) -> list[ObjectResult]:
    assert _shared is not None
    return [judge_file(f, *_shared) for f in files]


def judge_file(
    file: ObjectFile, pairs: list[Pair], section_types: dict[str, str], targets: Targets | None = None
) -> ObjectResult:
    """Read one object and judge it on every pair of its byte order."""
    try:
        obj = read_object(file.data, file.name, section_types)
        meant = [pair.new.endian == obj.endian for pair in pairs]
        verdicts = tuple(
            judge_pair(obj, file, pair, targets) if fits else None for pair, fits in zip(pairs, meant, strict=True)
        )
    except InputError as error:
        return ObjectResult(None, (), Problem(error.source, error.reason, error.offset))
    notes = tuple(dict.fromkeys(obj.notes))
    arches = tuple(p.new.arch for p, fits in zip(pairs, meant, strict=True) if fits)
    info = ObjectInfo(file.name, file.sha256, len(file.data), file.places, len(obj.programs), notes, arches)
    return ObjectResult(info, verdicts)


def judge_pair(obj: BpfObject, file: ObjectFile, pair: Pair, targets: Targets | None = None) -> ObjectVerdict:
    """One object on one pair."""
    package = file.places[0].package if file.places else ""
    return compare(judge(obj, pair.old, targets), judge(obj, pair.new, targets), package, file.sha256)


# -- the whole


def gather(pairs: list[Pair], results: list[ObjectResult], problems: list[Problem], infer: bool = False) -> Analysis:
    """Put the results of all objects together, sorted, with alternatives between objects weighed.

    With ``infer`` and one pair, other architectures follow that are told from their JITs (see ``inferred``).
    """
    found = [r for r in results if r.info is not None]
    problems = [*problems, *(r.problem for r in results if r.problem is not None)]
    arches = []
    for index, pair in enumerate(pairs):
        verdicts = weigh_variants([v for r in found if (v := r.verdicts[index]) is not None])
        arches.append(ArchResult(pair.new.arch, kernel_info(pair.old), kernel_info(pair.new), tuple(verdicts)))
    # Some parts of a kernel are read when first asked for, and found to be bad then.
    problems += [problem for pair in pairs for kernel in (pair.old, pair.new) for problem in kernel.problems]
    if infer and len(pairs) == 1:
        arches += inferred_results(arches[0], pairs[0].old, pairs[0].new)
    infos = tuple(r.info for r in found if r.info is not None)
    unique = {(p.path, p.reason, p.offset): p for p in problems}
    listed = tuple(sorted(unique.values(), key=lambda p: (p.path, p.offset or 0, p.reason)))
    return Analysis(__version__, tuple(arches), infos, listed)


def weigh_variants(verdicts: list[ObjectVerdict]) -> list[ObjectVerdict]:
    """Several builds of one object, of which a loader takes the one that fits: the user loses only if none is left."""
    groups: dict[tuple[str, str], list[ObjectVerdict]] = {}
    for one in verdicts:
        groups.setdefault((one.package, variant_key(one.object)), []).append(one)
    weighed = []
    for one in verdicts:
        others = [o for o in groups[one.package, variant_key(one.object)] if o is not one]
        names = {p.program for p in one.programs}
        fit = [o for o in others if _serves(o) and 2 * len(names & {p.program for p in o.programs}) > len(names)]
        if one.verdict == Verdict.BREAKS and fit:
            reason = f"{one.reason}; another build of it still works: {fit[0].object}"
            one = replace(one, verdict=Verdict.DEGRADES, reason=reason)
        weighed.append(one)
    return weighed


def _serves(one: ObjectVerdict) -> bool:
    return one.verdict in (Verdict.OK, Verdict.FIXED, Verdict.RISK, Verdict.DEGRADES)


def kernel_info(kernel: Kernel) -> KernelInfo:
    """A kernel as results name it."""
    facts = []
    if kernel.vmlinux is not None:
        facts.append(("BTF", f"{len(kernel.vmlinux.data) / 1e6:.1f} MB, {kernel.vmlinux.own_count} types"))
    facts.append(("config", f"{len(kernel.config)} options" if kernel.config else "not given"))
    facts.append(("modules", str(len(kernel.modules)) if len(kernel.modules) else "not given"))
    facts.append(("symbols", "given" if kernel.symbols else "not given"))
    registry = kernel.kfuncs
    count = len(registry.kfuncs) if registry else 0
    if registry is not None:
        callable_ = kernel.jit and kernel.caps.kfunc_call
        told = f"{count}, told by {registry.source}" + (
            "" if callable_ else "; this build has no JIT that can call them"
        )
        facts.append(("kfuncs", told))
    if kernel.release_source.startswith("types"):
        facts.append(("release", f"told by its {kernel.release_source}"))
    if kernel.probed is not None:
        facts.append(("asked", "booted: helpers, kfuncs, LSM hooks and NULL arguments as the kernel itself answered"))
    if kernel.knowledge.borrowed_for is not None:
        facts.append(("knowledge", f"borrowed from {kernel.knowledge.release}"))
    return KernelInfo(
        kernel.label, kernel.arch, kernel.release, count, tuple(facts), kernel.files.inputs, kernel_faults(kernel)
    )
