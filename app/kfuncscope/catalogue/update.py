# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Bring a catalogue up to date: read what is new or changed, drop what is gone, say how much was what."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from kfuncscope.catalogue.inputs import Candidate, Given, candidates
from kfuncscope.catalogue.reading import Done, Task, read_all
from kfuncscope.errors import CatalogueError
from kfuncscope.intake.scan import VERSION
from kfuncscope.storage.catalogue.reader import Reader
from kfuncscope.storage.catalogue.records import Content, Packaged
from kfuncscope.storage.catalogue.writer import Writer
from kfuncscope.storage.digests import signature
from kfuncscope.storage.files import InputProblem
from kfuncscope.storage.read import Progress, shown
from kfuncscope.upgrade.merge import takes

if TYPE_CHECKING:
    from kfuncscope.upgrade.jsonform import Shard

_BATCH = 256  # packages of one transaction
_BATCH_BYTES = 32 << 20  # or so many of their objects
_KNOWN = tuple[str, str, str, bool]


@dataclass(slots=True)
class Scanned:
    """How many packages of a scan were what, and what could not be read.

    ``unread`` counts those that could not be read as a whole; each is new, changed or same, too. ``others`` are files
    of folders that are not packages.
    """

    new: int = 0
    changed: int = 0
    same: int = 0
    gone: int = 0
    unread: int = 0
    read: int = 0
    others: int = 0
    packages: int = 0
    with_objects: int = 0
    objects: int = 0
    problems: list[InputProblem] = field(default_factory=list)


def update(
    path: str | Path,
    inputs: Sequence[str],
    pool: str | None = None,
    progress: Progress | None = None,
    workers: int | None = None,
    shard: Shard | None = None,
) -> Scanned:
    """Scan the inputs into the catalogue at ``path``, which is made where there is none. Raises InputError.

    ``shard`` leaves packages out by their names in reports, before they are opened: other machines have them.
    The current set of the catalogue becomes what these inputs hold. Where this ends early the set stays as it was.
    """
    given = Given() if shard is None else Given(mine=partial(takes, shard))
    with Writer(path, VERSION) as writer:
        before = _current(path)
        known = writer.known()
        report = progress or (lambda done, total, what: None)
        report(0, 1, "looking for packages")
        listed = list(candidates(inputs, pool, given))
        settled, tasks = _sorted_out(listed, before, known)
        made = dict(settled)
        for candidate, done in _kept(writer, tasks, frozenset(known), workers, report):
            if done.content is not None:
                content = done.content
                known[content.sha256] = content.name, content.version, content.arch, content.failed
            made[candidate.place] = _packaged(candidate, done.sha256, known, done)
        report(1, 1, "")
        current = [made[one.place] for one in listed]
        writer.finish(current)
    result = _counted(before, current, known)
    result.read, result.others, result.problems = len(tasks), given.others, given.problems
    return _with_objects(path, result)


def _current(path: str | Path) -> dict[bytes, Packaged]:
    with Reader(path) as reader:
        return {one.place: one for one in reader.packages()}


def _sorted_out(
    listed: list[Candidate], before: dict[bytes, Packaged], known: dict[str, _KNOWN]
) -> tuple[dict[bytes, Packaged], list[Candidate]]:
    """What needs no reading, by its place; and what does."""
    settled, tasks = {}, []
    for one in listed:
        if one.wrong:
            settled[one.place] = _packaged(one, "", known, Done(problem=InputProblem("", one.wrong)))
        elif sha256 := _told(one, before.get(one.place), known):
            old = before.get(one.place)
            times = old.signature if old is not None and old.sha256 == sha256 else ()
            settled[one.place] = _packaged(one, sha256, known, Done(sha256, signature=times))
        else:
            tasks.append(one)
    return settled, tasks


def _told(one: Candidate, old: Packaged | None, known: dict[str, _KNOWN]) -> str:
    """The SHA-256 of a package whose content is known, by its index or by its times; empty where neither tells it."""
    if one.listed is not None and one.listed.sha256:
        return one.listed.sha256 if one.listed.sha256 in known else ""
    if old is None or not old.signature or old.sha256 not in known:
        return ""
    try:
        return old.sha256 if tuple(signature(os.stat(one.path))) == old.signature else ""
    except OSError:
        return ""


def _kept(
    writer: Writer, tasks: list[Candidate], known: frozenset[str], workers: int | None, report: Progress
) -> Iterator[tuple[Candidate, Done]]:
    """Read packages and keep what they hold, a batch at a time."""
    by_path = {one.path: one for one in tasks}
    batch: list[Content] = []
    size = 0
    asked = (
        Task(one.path, one.listed.sha256 if one.listed else "", one.listed.size if one.listed else None)
        for one in tasks
    )
    for number, (task, done) in enumerate(read_all(asked, known, workers)):
        candidate = by_path[task.path]
        report(number, len(tasks), candidate.file)
        if done.content is not None:
            batch.append(done.content)
            size += sum(len(one.data) for one in done.content.objects)
            done = replace(done, content=replace(done.content, objects=()))
        if len(batch) >= _BATCH or size >= _BATCH_BYTES:
            writer.add(batch)
            batch, size = [], 0
        yield candidate, done
    if batch:
        writer.add(batch)


def _packaged(one: Candidate, sha256: str, known: dict[str, _KNOWN], done: Done) -> Packaged:
    """A row of the current set; its identity is what the package itself says, or else its index."""
    listed = (one.listed.name, one.listed.version, one.listed.arch) if one.listed is not None else ("", "", "")
    told = known[sha256][:3] if sha256 else ("", "", "")
    return Packaged(one.place, one.file, sha256, *(told if any(told) else listed), done.problem, done.signature)


def _counted(before: dict[bytes, Packaged], current: list[Packaged], known: dict[str, _KNOWN]) -> Scanned:
    """A package is the same by its content, wherever its file is; changed, where one of its name was there before."""
    result = Scanned(packages=len(current))
    result.unread = sum(1 for one in current if one.problem is not None or (one.sha256 and known[one.sha256][3]))
    left = dict(before)
    other = []
    for one in current:
        old = left.pop(one.place, None)
        if old is None:
            other.append(one)
        elif old.sha256 == one.sha256:
            result.same += 1
        else:
            result.changed += 1
    moved = {old.sha256: old.place for old in left.values() if old.sha256}
    new = []
    for one in other:
        if (place := moved.get(one.sha256)) is not None and left.pop(place, None) is not None:
            result.same += 1
        else:
            new.append(one)
    named: dict[tuple[str, str], list[bytes]] = {}
    for old in left.values():
        named.setdefault((old.name, old.arch), []).append(old.place)
    for one in new:
        if one.name and (places := named.get((one.name, one.arch))):
            del left[places.pop()]
            result.changed += 1
        else:
            result.new += 1
    result.gone = len(left)
    return result


def _with_objects(path: str | Path, result: Scanned) -> Scanned:
    with Reader(path) as reader:
        objects = reader.objects()
        result.problems = [*result.problems, *reader.problems()]
    result.with_objects = len({one.file for one in objects})
    result.objects = len({one.sha256 for one in objects})
    return result


def check_inputs(inputs: Sequence[str], path: str) -> None:
    """Refuse what cannot be meant: a catalogue among the inputs. Raises CatalogueError."""
    for one in inputs:
        if os.path.exists(path) and os.path.exists(one) and os.path.samefile(one, path):
            raise CatalogueError(shown(one), "is the catalogue itself; give folders of packages or indexes")
