# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Executors on this machine: this process, and processes that are forked from it and share its open kernels."""

from __future__ import annotations

import gc
import mmap
import os
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from kfuncscope import forked
from kfuncscope.storage.read import Progress
from kfuncscope.upgrade.executors import tasks as judging
from kfuncscope.upgrade.executors.tasks import Executor, Failure, Made, Pulse, Run, Task
from kfuncscope.upgrade.pairs import KnownPair

if TYPE_CHECKING:
    import multiprocessing
    from concurrent import futures
    from concurrent.futures import Future

    from kfuncscope.kernel.kernel import Kernel
else:
    from kfuncscope.deferred import futures, multiprocessing

CHUNK = 12  # objects that a worker takes at once
_TURN = 0.2  # seconds until progress is told again
_DIED = "the process that judged it ended unexpectedly, and again when it was judged alone"


def local_executor(workers: int | None, objects: int, progress: Progress) -> Executor:
    """Processes where there is enough work for them (``workers`` of them, by default one a core), else this one."""
    count = workers if workers is not None else min(os.cpu_count() or 1, 8)
    return Here() if count < 2 or objects < 2 * CHUNK else Processes(count, progress)


class Here:
    """This process."""

    most = 1

    def run(self, run: Run, tasks: Sequence[Task], pulse: Pulse) -> Iterator[tuple[int, Made | Failure]]:
        """See ``Executor``."""
        _open(run, tasks)
        for index, task in enumerate(tasks):
            pulse(task[0].file.name)
            yield index, ([judging.judge_file(one, run.pairs, run.section_types, run.targets) for one in task], [])


class Processes:
    """Processes that are forked for each run, ``count`` of them.

    One that ends before its time takes its pool with it: what was begun by then failed, the rest goes on in a new one.
    """

    most = CHUNK

    def __init__(self, count: int, progress: Progress) -> None:
        self._count, self._progress = count, progress

    def run(self, run: Run, tasks: Sequence[Task], pulse: Pulse) -> Iterator[tuple[int, Made | Failure]]:
        """See ``Executor``."""
        global _shared
        _shared = _Shared(run, tasks, mmap.mmap(-1, max(1, len(tasks))))
        try:
            for pair in _open(run, tasks):
                for kernel in (pair.old.opened, pair.new.opened):
                    warm(kernel, self._progress)
            left = list(range(len(tasks)))
            while left:
                done = set()
                for index, made in self._until_broken(left, pulse):
                    done.add(index)
                    yield index, made
                begun = [index for index in left if index not in done and _shared.begun[index]]
                # Nothing may have begun: then it was not a task that ended the process, and one try less is left.
                for index in begun or [i for i in left if i not in done][:1]:
                    done.add(index)
                    yield index, Failure(_DIED)
                left = [index for index in left if index not in done]
        finally:
            gc.unfreeze()
            _shared = None

    def _until_broken(self, indexes: Sequence[int], pulse: Pulse) -> Iterator[tuple[int, Made]]:
        """What comes of tasks in one pool of processes, until all are done or a process ends before its time."""
        # Forked, as they share the open kernels; the caller must not hold other threads that matter to them.
        context = multiprocessing.get_context("fork")
        count = min(self._count, len(indexes))
        with futures.ProcessPoolExecutor(count, mp_context=context, initializer=forked.begin) as pool:
            index_of: dict[Future[Made], int] = {}
            try:
                for index in indexes:
                    index_of[pool.submit(_judge_task, index)] = index
                pending = set(index_of)
                while pending:
                    done, pending = futures.wait(pending, timeout=_TURN, return_when=futures.FIRST_COMPLETED)
                    # Sound results first: what broke the pool ends all others.
                    for future in sorted(done, key=lambda one: one.exception() is not None):
                        yield index_of[future], future.result()
                    pulse("analysing")
            except futures.BrokenExecutor:
                return
            except BaseException:
                forked.end(pool)
                raise


class _Shared:
    """What forked workers inherit; ``begun`` has a byte for each task that all of them write to."""

    def __init__(self, run: Run, tasks: Sequence[Task], begun: mmap.mmap) -> None:
        self.run, self.tasks, self.begun = run, tasks, begun


_shared: _Shared | None = None


def _judge_task(index: int) -> Made:
    assert _shared is not None
    _shared.begun[index] = 1
    run = _shared.run
    rows = [judging.judge_file(one, run.pairs, run.section_types, run.targets) for one in _shared.tasks[index]]
    return rows, [kernel.shown() for pair in run.pairs for kernel in (pair.old, pair.new)]


def _open(run: Run, tasks: Sequence[Task]) -> list[KnownPair]:
    """Open what is needed, here and not where an object is judged: a kernel that is gone is no fault of the object."""
    if tasks:
        judging.load_rules()
    needed = run.needed(one for task in tasks for one in task)
    for pair in needed:
        _ = pair.opened
    return needed


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
    _ = kernel.listed.traceable or kernel.knowledge.not_traced
    kernel.knowledge.syscalls(kernel.arch)
    gc.freeze()
