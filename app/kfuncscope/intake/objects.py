# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""BPF objects from any files a person gives: each object once, with all the places it came from."""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from kfuncscope.containers.unpack import bare_name
from kfuncscope.errors import InputError
from kfuncscope.intake.bpftrace import as_object, is_script
from kfuncscope.intake.loaders import named_for, together
from kfuncscope.intake.scan import OBJECT_NAME, UNLIKE_ITS_NAME, Found, FoundObject, is_bpf, scan_file
from kfuncscope.storage.files import Elsewhere, InputProblem, Loader, ObjectFile, Place
from kfuncscope.storage.links import NOT_FOLLOWED, NOT_REGULAR, Links
from kfuncscope.storage.read import Progress, shown

if TYPE_CHECKING:
    from concurrent import futures
else:
    from kfuncscope.deferred import futures

_MOST_FILES = 500_000
_MEANT = (".o", ".deb", ".ddeb", ".rpm", ".tar", ".tar.gz", ".tar.xz", ".tar.zst", ".tgz", ".zip")
"""Endings of names that are meant to hold objects: a link of such a name that leads nowhere is listed."""

Scan = Callable[[Sequence[tuple[Path, str]]], Iterable[tuple[Path, Found | InputProblem]]]
"""What reads files, each with the name by which it is known, in their order."""


@dataclass(slots=True)
class _Object:
    """One object with its places and the name that each place suggests."""

    data: bytes
    elsewhere: Elsewhere | None
    places: dict[Place, str] = field(default_factory=dict)
    loaders: dict[Place, Loader] = field(default_factory=dict)
    given: dict[str, None] = field(default_factory=dict)


def object_files(
    paths: Sequence[str | Path], progress: Progress | None = None, scan: Scan | None = None
) -> tuple[list[ObjectFile], list[InputProblem]]:
    """The BPF objects in ``paths``, sorted by name, and what could not be read.

    A path is an object, a program or library with objects inside, a bpftrace script (``.bt``), a package or archive,
    each also compressed, or a folder of these, read recursively. Equal objects are one ObjectFile with all places.
    ``scan`` reads the files, with their names, in place of ``scan_all``.
    """
    problems: list[InputProblem] = []
    empty = dict.fromkeys(map(Path, paths))  # what was named, unlike a file of a folder, is meant to hold something
    below = list(_files_below(paths, problems, empty))
    files = [(path, name) for _, path, name in below]
    objects: dict[str, _Object] = {}
    for done, ((given, _, _), (path, found)) in enumerate(zip(below, (scan or scan_all)(files), strict=True)):
        if progress:
            progress(done, len(files), shown(path))
        if isinstance(found, InputProblem):
            problems.append(found)
            continue
        problems.extend(found.problems)
        if found.objects:
            empty.pop(given, None)
        elif not found.problems and path != given and bare_name(path.name).endswith(OBJECT_NAME):
            problems.append(InputProblem(shown(path), UNLIKE_ITS_NAME))
        for item in found.objects:
            try:
                data = _object_of(item)
            except InputError as error:
                problems.append(InputProblem(error.source, error.reason, error.offset))
                continue
            far = item.elsewhere
            digest = hashlib.sha256(data).hexdigest() if far is None else far.sha256
            one = objects.setdefault(digest, _Object(data, far))
            one.places.setdefault(item.place, item.name)
            one.loaders.setdefault(item.place, item.loader)
            one.given[shown(given)] = None
    if progress:
        progress(len(files), len(files), "")
    told = [Path(problem.path) for problem in problems]
    problems += [
        InputProblem(shown(p), "no BPF object was found in it")
        for p in empty
        if not any(t.is_relative_to(p) for t in told)
    ]
    return _named(objects), sorted(set(problems), key=lambda p: (p.path, p.offset or 0, p.reason))


def _object_of(item: FoundObject) -> bytes:
    """The object's bytes; those of a script as bpftrace compiles it, or with its hooks alone."""
    if item.elsewhere is not None or is_bpf(item.data) or not is_script(item.place.path, item.data):
        return item.data
    package = f"{item.place.package}: " if item.place.package else ""
    return as_object(item.data, f"{package}{item.place.path}")


def _files_below(
    paths: Sequence[str | Path], problems: list[InputProblem], empty: dict[Path, None]
) -> Iterator[tuple[Path, Path, str]]:
    """The given path, each file of it, and the name by which that is known: its path below the folder, or its own.

    A folder with a link to a file that is read in another place is taken out of ``empty``.
    """
    count = 0
    links = Links(map(Path, paths))
    for given in map(Path, paths):
        if not os.path.isdir(given):
            yield given, given, shown(given.name)
            continue
        for folder, folders, names in os.walk(given, onerror=lambda e: problems.append(_unreadable(e))):
            folders.sort()
            linked = (path for path in map(Path(folder).joinpath, folders) if links.leads_out(path))
            problems.extend(InputProblem(shown(path), NOT_FOLLOWED) for path in linked)
            for name in sorted(names):
                path = Path(folder, name)
                try:
                    readable = links.readable(path)
                except OSError as error:
                    if not os.path.islink(path) or name.endswith(_MEANT):
                        problems.append(_unreadable(error, path))
                    continue
                if links.again:
                    empty.pop(given, None)
                if not readable:
                    if not links.again and bare_name(name).endswith(OBJECT_NAME):
                        problems.append(InputProblem(shown(path), NOT_REGULAR))
                    continue
                count += 1
                if count > _MOST_FILES:
                    problems.append(InputProblem(str(given), f"more than {_MOST_FILES} files; the rest is left out"))
                    return
                yield given, path, shown(path.relative_to(given))


def _unreadable(error: OSError, path: Path | None = None) -> InputProblem:
    return InputProblem(shown(path or error.filename), error.strerror or str(error))


def scan_all(files: Sequence[tuple[Path, str]]) -> Iterator[tuple[Path, Found | InputProblem]]:
    """Every file's objects in order, read by threads (decompression and reading release the GIL)."""

    def scan(pair: tuple[Path, str]) -> tuple[Path, Found | InputProblem]:
        try:
            return pair[0], scan_file(*pair)
        except InputError as error:
            return pair[0], InputProblem(error.source, error.reason, error.offset)

    if len(files) < 2:
        yield from map(scan, files)
        return
    pool = futures.ThreadPoolExecutor(min(8, os.cpu_count() or 1))
    try:
        for at in range(0, len(files), 64):
            yield from pool.map(scan, files[at : at + 64])
    finally:
        pool.shutdown(cancel_futures=True)


def _named(objects: dict[str, _Object]) -> list[ObjectFile]:
    """Give each object the name of its first place; where that is not unique, more of the path or the hash."""
    rows = []
    for digest, item in objects.items():
        places = tuple(sorted(item.places, key=lambda p: (p.package, p.path, p.offset)))
        rows.append((digest, item.data, places, item.places[places[0]]))
    short = Counter(name for _, _, _, name in rows)
    longer = Counter(_long(places[0]) for _, _, places, _ in rows)
    taken: set[str] = set()
    named: list[ObjectFile] = []
    for digest, data, places, name in sorted(rows, key=lambda row: (row[3], row[0])):
        if short[name] > 1:
            name = _long(places[0])
            if longer[name] > 1:
                name = f"{name}#{digest[:8]}"
        # A name of one form can equal another's of the other form; hashes differ, so this ends.
        while name in taken:
            name = f"{name}#{digest[:8]}"
        taken.add(name)
        loader = together(objects[digest].loaders[place] for place in places)
        loader = loader if loader.name else named_for(place.path for place in places)
        one = objects[digest]
        named.append(ObjectFile(name, data, digest, places, tuple(sorted(one.given)), loader, one.elsewhere))
    return sorted(named, key=lambda o: o.name)


def _long(place: Place) -> str:
    package = place.package.partition(" ")[0]
    where = f"{package}/{place.path}" if package else place.path
    return f"{where}@{place.offset:#x}" if place.offset else where
