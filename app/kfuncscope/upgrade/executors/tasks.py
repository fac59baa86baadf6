# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The work of an analysis as tasks, what an executor is, and what comes of a task that ended its worker.

A task is a few objects and the pairs of kernels on which they are to be judged. An executor runs tasks wherever it
likes and gives back what came of each in the order in which they end; the result does not depend on that order.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

from kfuncscope.errors import InputError
from kfuncscope.model.verdict import ObjectVerdict
from kfuncscope.storage.files import InputProblem, ObjectFile
from kfuncscope.storage.read import Progress
from kfuncscope.upgrade.memo import Kept, Late
from kfuncscope.upgrade.pairs import KnownPair, Pair, byte_order

if TYPE_CHECKING:
    from kfuncscope.bpf.object import BpfObject
    from kfuncscope.rules.hooks.replace import Targets

Rows = list[dict[int, Kept]]
"""What was judged of each object, by index of the pair."""

Made = tuple[Rows, list[Late]]
"""What came of a task; and what showed of the kernels meanwhile, old and new of each pair, or nothing where this
process opened them and knows it."""


@dataclass(frozen=True, slots=True)
class Work:
    """One object, and the indexes of the pairs on which it is not known."""

    file: ObjectFile
    pairs: tuple[int, ...]


Task = Sequence[Work]


@dataclass(frozen=True, slots=True)
class Failure:
    """Why there is no result of a task: the worker that ran it ended, or could not be given what it needs."""

    reason: str


@dataclass(frozen=True, slots=True)
class Run:
    """What all tasks of an analysis share."""

    pairs: list[KnownPair]
    section_types: dict[str, str]
    targets: Targets

    def needed(self, work: Iterable[Work]) -> list[KnownPair]:
        """The pairs on which an object of their byte order is to be judged."""
        asked = {(index, byte_order(one.file)) for one in work for index in one.pairs}
        return [pair for index, pair in enumerate(self.pairs) if (index, pair.endian) in asked]


class Pulse(Protocol):
    """Called again and again while tasks run, with what is being done; what it raises ends the run."""

    def __call__(self, what: str) -> None:
        """Show progress, or raise to cancel."""


class Executor(Protocol):
    """Something that runs tasks. Whatever it raises ends the analysis; what one task alone suffers is a Failure."""

    @property
    def most(self) -> int:
        """Objects that a task should have."""

    def run(self, run: Run, tasks: Sequence[Task], pulse: Pulse) -> Iterator[tuple[int, Made | Failure]]:
        """The index of each task with what came of it, in the order in which they end."""


@dataclass(frozen=True, slots=True)
class Done:
    """The rows of all work, in its order; what showed of the kernels; and the indexes of what could not be judged."""

    rows: Rows
    late: list[Late]
    failed: frozenset[int]


def carry_out(executor: Executor, run: Run, work: Sequence[Work], progress: Progress) -> Done:
    """Judge all work. An object whose worker ends each time is listed with the reason, and the rest is whole.

    A task that failed is run again, its objects one by one and nothing beside them: so it is known which one it was.
    """
    rows: dict[int, dict[int, Kept]] = {}
    late: dict[int, list[Late]] = {}
    failed: set[int] = set()

    def pulse(what: str) -> None:
        progress(len(rows), len(work), what)

    def take(first: int, made: Made) -> None:
        rows.update(enumerate(made[0], first))
        late[first] = made[1]
        pulse("analysing")

    size = executor.most
    tasks = [work[i : i + size] for i in range(0, len(work), size)]
    doubtful: list[int] = []
    for index, made in executor.run(run, tasks, pulse):
        if isinstance(made, Failure):
            doubtful += range(index * size, index * size + len(tasks[index]))
        else:
            take(index * size, made)
    for at in sorted(doubtful):
        ((_, made),) = executor.run(run, [work[at : at + 1]], pulse)
        if isinstance(made, Failure):
            failed.add(at)
            made = [dict.fromkeys(work[at].pairs, _not_judged(work[at].file, made))], []
        take(at, made)
    return Done([rows[i] for i in range(len(work))], _together(run, late), frozenset(failed))


def _not_judged(file: ObjectFile, why: Failure) -> Kept:
    return Kept(0, (), InputProblem(file.name, f"not judged: {why.reason}"), None)


def _together(run: Run, late: dict[int, list[Late]]) -> list[Late]:
    """What showed of the kernels here and in all tasks; in the order of the tasks, however they ended."""
    found = [kernel.shown() for pair in run.pairs for kernel in (pair.old, pair.new)]
    for _, shown in sorted(late.items()):
        found = [one.with_more(more) for one, more in zip(found, shown, strict=True)] if shown else found
    return found


# -- one object


def load_rules() -> None:
    """Load what judges, for processes that are forked to share; nothing needs it where all is known."""
    import kfuncscope.bpf.object
    import kfuncscope.remedy.remedies
    import kfuncscope.rules.changes.change
    import kfuncscope.rules.judge  # noqa: F401


class Opened(Protocol):
    """Two kernels of one architecture that are opened where an object of their byte order is judged."""

    @property
    def endian(self) -> str:
        """Byte order, ``<`` or ``>``."""

    @property
    def opened(self) -> Pair:
        """The kernels. Raises InputError."""


def judge_file(
    work: Work, pairs: Sequence[Opened], section_types: dict[str, str], targets: Targets | None = None
) -> dict[int, Kept]:
    """Read one object and judge it on the pairs of its byte order on which it is not known."""
    from kfuncscope.bpf.object import read_object  # with the rules, which nothing needs that is known

    file = work.file
    try:
        obj = read_object(file.data, file.name, section_types, file.loader)
        bare = Kept(len(obj.programs), tuple(dict.fromkeys(obj.notes)), None, None)
        made = {}
        for index in work.pairs:
            fits = pairs[index].endian == obj.endian
            made[index] = replace(bare, verdict=judge_pair(obj, file, pairs[index].opened, targets)) if fits else bare
        return made
    except InputError as error:
        problem = InputProblem(error.source, error.reason, error.offset)
        return dict.fromkeys(work.pairs, Kept(0, (), problem, None))


def judge_pair(obj: BpfObject, file: ObjectFile, pair: Pair, targets: Targets | None = None) -> ObjectVerdict:
    """One object on one pair."""
    from kfuncscope.remedy.remedies import remedied
    from kfuncscope.rules.changes.change import compare
    from kfuncscope.rules.judge import judge

    package = file.places[0].package if file.places else ""
    old, new = judge(obj, pair.old, targets), judge(obj, pair.new, targets)
    return remedied(compare(old, new, package, file.sha256), old, new)
