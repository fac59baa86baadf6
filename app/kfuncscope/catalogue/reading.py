# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Read packages in processes: a function from a task to what the package holds, and the one place that divides tasks.

Decompression takes nearly all of the time, and a package is a task of its own. A package whose process dies (of want
of memory, say) is told as such, and the others go on.
"""

from __future__ import annotations

import gc
import hashlib
import itertools
import os
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from kfuncscope import forked
from kfuncscope.containers import words
from kfuncscope.errors import ArchiveError, InputError
from kfuncscope.intake.scan import Found, read_package
from kfuncscope.storage.catalogue.records import Content, Held
from kfuncscope.storage.catalogue.writer import fits
from kfuncscope.storage.digests import known_digest, signature
from kfuncscope.storage.files import InputProblem
from kfuncscope.storage.read import LARGEST

if TYPE_CHECKING:
    import multiprocessing
    from concurrent import futures
    from concurrent.futures import Future
else:
    from kfuncscope.deferred import futures, multiprocessing

_AHEAD = 4  # tasks that wait for each process, so that none is idle
_DIED = "the process that read it ended unexpectedly, perhaps for lack of memory"


@dataclass(frozen=True, slots=True)
class Task:
    """One file to read; ``sha256`` and ``size`` are what an index says of it, empty and None where none does."""

    path: str
    sha256: str = ""
    size: int | None = None


@dataclass(frozen=True, slots=True)
class Done:
    """What came of a task: the file's SHA-256, what it holds unless that is known, the signature by which to know it.

    ``problem``: why it could not be read this time; the next time it is tried again.
    """

    sha256: str = ""
    content: Content | None = None
    signature: tuple[int, ...] = ()
    problem: InputProblem | None = None


_known: frozenset[str] = frozenset()


def read_all(tasks: Iterable[Task], known: frozenset[str], workers: int | None) -> Iterator[tuple[Task, Done]]:
    """Every task with what came of it, as they get ready. Contents of the SHA-256 in ``known`` are not read.

    In this process where there is one task, or one worker is asked for.
    """
    count = workers if workers is not None else min(os.cpu_count() or 1, 8)
    waiting = iter(tasks)
    first = list(itertools.islice(waiting, 2))
    if count < 2 or len(first) < 2:
        _begin(known)
        yield from ((task, read(task)) for task in itertools.chain(first, waiting))
        return
    rest: Iterator[Task] = itertools.chain(first, waiting)
    while True:
        lost: list[Task] = []
        yield from _in_processes(rest, known, count, lost)
        if not lost:
            return
        # Which of them it was that ended its process, each shows in a process of its own.
        for task in lost:
            again: list[Task] = []
            yield from _in_processes(iter([task]), known, 1, again)
            yield from ((one, Done(problem=InputProblem("", _DIED))) for one in again)


def _in_processes(
    tasks: Iterator[Task], known: frozenset[str], count: int, lost: list[Task]
) -> Iterator[tuple[Task, Done]]:
    """Divide tasks over processes; where one dies, those under way go into ``lost``, the rest stays in ``tasks``."""
    words.load()
    context = multiprocessing.get_context("fork")
    pool = futures.ProcessPoolExecutor(count, mp_context=context, initializer=_begin_worker, initargs=(known,))
    running: dict[Future[Done], Task] = {}
    try:
        while True:
            for task in itertools.islice(tasks, max(0, _AHEAD * count - len(running))):
                running[pool.submit(read, task)] = task
            if not running:
                break
            ready, _ = futures.wait(running, timeout=0.2, return_when=futures.FIRST_COMPLETED)
            for future in ready:
                task = running.pop(future)
                yield task, future.result()
        pool.shutdown()
    except futures.BrokenExecutor:
        lost += [task, *running.values()]
        pool.shutdown(cancel_futures=True)
    except BaseException:
        forked.end(pool)
        raise


def _begin(known: frozenset[str]) -> None:
    global _known
    _known = known


def _begin_worker(known: frozenset[str]) -> None:
    _begin(known)
    forked.begin()
    gc.freeze()  # the modules that are there: to look through them again and again takes some hundredths of the time


def read(task: Task) -> Done:
    """Hash a file and, unless what it holds is known, read it."""
    try:
        before = os.stat(task.path)
        if before.st_size > LARGEST:
            return Done(problem=InputProblem("", f"larger than the limit of {LARGEST} bytes"))
        sha256, row = known_digest(task.path, None)
        if why := _unlike(task, before.st_size, sha256):
            return Done(problem=InputProblem("", why))
        times = tuple(row[:5]) if row is not None else ()
        if sha256 in _known:
            return Done(sha256, None, times)
        content = _content(task.path, before.st_size, sha256)
        if signature(os.stat(task.path)) != signature(before):
            return Done(problem=InputProblem("", "changed while it was read"))
        return Done(sha256, content, times)
    except (OSError, ValueError) as error:
        return Done(problem=InputProblem("", getattr(error, "strerror", None) or str(error)))
    except InputError as error:
        return Done(problem=InputProblem(error.source, error.reason, error.offset))


def _unlike(task: Task, size: int, sha256: str) -> str:
    """How a file differs from what its index says; empty where it does not."""
    if task.size is not None and task.size != size:
        return f"has {size} bytes, but {task.size} by the index"
    return f"has the SHA-256 {sha256}, but {task.sha256} by the index" if task.sha256 not in ("", sha256) else ""


def _content(path: str, size: int, sha256: str) -> Content:
    """What a package holds; also that it is damaged. Raises InputError for what may be otherwise the next time."""
    try:
        found = read_package(Path(path), size, threads=False)  # there is a process for each core
    except InputError as error:
        if not _lasting(error):
            raise
        return Content(sha256, failed=True, problems=(InputProblem(error.source, error.reason, error.offset),))
    return _packed(found, sha256)


def _lasting(error: InputError) -> bool:
    """Whether the content is at fault, and not the disk or a want of memory."""
    cause = error.__cause__
    passing = isinstance(cause, MemoryError) or (isinstance(cause, OSError) and cause.errno is not None)
    return isinstance(error, ArchiveError) and not passing


def _packed(found: Found, sha256: str) -> Content:
    held, problems = [], list(found.problems)
    for one in found.objects:
        digest = hashlib.sha256(one.data).hexdigest()
        made = Held(digest, len(one.data), zlib.compress(one.data), one.place, one.name, one.loader)
        if fits(made):
            held.append(made)
        else:
            problems.append(InputProblem(f":{one.place.path}", "too large for a catalogue", one.place.offset))
    package = found.package
    return Content(sha256, package.name, package.version, package.arch, False, tuple(held), tuple(problems))
