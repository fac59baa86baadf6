# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""BPF objects from any files a person gives: each object once, with all the places it came from."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from kfuncscope.errors import InputError
from kfuncscope.intake.files import ObjectFile, Place, Problem
from kfuncscope.intake.read import Progress, read_file

_EM_BPF = 247


@dataclass(slots=True)
class _Found:
    data: bytes
    places: list[Place] = field(default_factory=list)


def object_files(
    paths: Sequence[str | Path], progress: Progress | None = None
) -> tuple[list[ObjectFile], list[Problem]]:
    """The BPF objects in ``paths`` (files, or folders read recursively), sorted by name, and what could not be read.

    Equal objects are one ObjectFile with all their places.
    """
    found: dict[str, _Found] = {}
    problems: list[Problem] = []
    files = [pair for given in paths for pair in _files_below(Path(given))]
    for done, (path, inner) in enumerate(files):
        if progress:
            progress(done, len(files), str(path))
        try:
            _add(found, path, inner)
        except InputError as error:
            problems.append(Problem(error.source, error.reason, error.offset))
    if progress:
        progress(len(files), len(files), "")
    return _named(found), sorted(problems, key=lambda p: (p.path, p.offset or 0))


def _files_below(given: Path) -> Iterator[tuple[Path, str]]:
    """Each file with the path by which it is known: below the given folder, or its own name."""
    if not given.is_dir():
        yield given, given.name
        return
    for folder, folders, names in os.walk(given):
        folders.sort()
        for name in sorted(names):
            path = Path(folder, name)
            if path.is_file() and not path.is_symlink():
                yield path, PurePosixPath(path.relative_to(given)).as_posix()


def _add(found: dict[str, _Found], path: Path, inner: str) -> None:
    data = read_file(path)
    if not is_bpf(data):
        return
    digest = hashlib.sha256(data).hexdigest()
    found.setdefault(digest, _Found(data)).places.append(Place(str(path), inner))


def is_bpf(data: bytes) -> bool:
    """Whether ``data`` begins as a 64-bit ELF file for BPF, of either byte order."""
    if data[:5] != b"\x7fELF\x02" or data[5:6] not in (b"\x01", b"\x02"):
        return False
    return int.from_bytes(data[18:20], "little" if data[5] == 1 else "big") == _EM_BPF


def _named(found: dict[str, _Found]) -> list[ObjectFile]:
    objects: list[ObjectFile] = []
    taken: set[str] = set()
    for digest, item in sorted(found.items(), key=lambda pair: (pair[1].places[0].path, pair[0])):
        name = item.places[0].path
        if name in taken:
            name = f"{name}#{digest[:8]}"
        taken.add(name)
        objects.append(ObjectFile(name, item.data, digest, tuple(item.places)))
    return sorted(objects, key=lambda o: o.name)
