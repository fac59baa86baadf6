# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What a scan is given: folders of packages, packages, and indexes with the pool that they list."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from kfuncscope.catalogue.entries import Entry, counted, pieces
from kfuncscope.catalogue.packages_index import read_packages
from kfuncscope.catalogue.repodata import read_primary
from kfuncscope.containers.archive import inner_kind
from kfuncscope.containers.detect import ARCHIVES, COMPRESSED, HEAD, detect
from kfuncscope.errors import CatalogueError, InputError
from kfuncscope.storage import lookup
from kfuncscope.storage.files import InputProblem
from kfuncscope.storage.links import NOT_FOLLOWED, NOT_REGULAR, Links
from kfuncscope.storage.read import shown

_MOST_FILES = 500_000
_MEANT = (".deb", ".ddeb", ".udeb", ".rpm", ".apk", ".tar", ".tgz", ".txz", ".zip", ".cpio")
_TAR = (".tar.", ".apk", ".tgz", ".txz", ".tbz", ".cpio.")


@dataclass(frozen=True, slots=True)
class Candidate:
    """One package to know: where its file is, how reports call it, and what an index says of it, if one does.

    ``wrong``: why it cannot be read at all.
    """

    path: str
    file: str
    listed: Entry | None = None
    wrong: str = ""

    @property
    def place(self) -> bytes:
        """What tells this file from all others."""
        return os.fsencode(self.path)


@dataclass(slots=True)
class Given:
    """What was found so far: problems that belong to no package, and how many files of folders are not packages.

    ``mine`` says by the name of a file in reports whether it belongs to this part of the inputs.
    """

    problems: list[InputProblem] = field(default_factory=list)
    others: int = 0
    mine: Callable[[str], bool] = lambda file: True


def candidates(paths: Sequence[str], pool: str | None, given: Given) -> Iterator[Candidate]:
    """Every package of the inputs once, in order. Raises InputError where one of the inputs cannot be used."""
    seen: set[str] = set()
    for one in _all(paths, pool, given):
        if one.path not in seen and given.mine(one.file):
            seen.add(one.path)
            yield one


def _all(paths: Sequence[str], pool: str | None, given: Given) -> Iterator[Candidate]:
    links = Links(path for path in map(Path, paths) if lookup.is_dir(path))
    for path in map(Path, paths):
        if lookup.is_dir(path):
            yield from _of_folder(path, links, given)
        elif is_package(path):
            yield Candidate(os.path.abspath(path), shown(path.name))
        else:
            yield from _of_index(path, pool)


def is_package(path: Path) -> bool:
    """Whether a file is a package or archive, by what it begins with. Raises InputError where it cannot be read."""
    try:
        if not lookup.is_file(path):
            raise InputError(shown(path), "not a regular file" if lookup.exists(path) else "No such file or directory")
        with path.open("rb") as file:
            kind = detect(file.read(HEAD))
            file.seek(0)
            if kind in COMPRESSED and any(word in path.name for word in _TAR):
                kind = inner_kind(file, kind, shown(path))
    except (OSError, ValueError) as error:
        raise InputError(shown(path), getattr(error, "strerror", None) or str(error)) from error
    return kind in ARCHIVES


def _of_folder(top: Path, links: Links, given: Given) -> Iterator[Candidate]:
    count = 0
    for folder, folders, names in os.walk(top, onerror=lambda error: given.problems.append(_unreadable(error))):
        folders.sort()
        linked = (path for path in map(Path(folder).joinpath, folders) if links.leads_out(path))
        given.problems += [InputProblem(shown(path), NOT_FOLLOWED) for path in linked]
        for name in sorted(names):
            path = Path(folder, name)
            meant = name.endswith(_MEANT) or ".tar." in name
            whole, file = os.path.abspath(path), shown(path.relative_to(top))
            if not given.mine(file):
                continue
            try:
                if not links.readable(path):
                    if meant and not links.again:
                        yield Candidate(whole, file, wrong=NOT_REGULAR)
                    continue
                count += 1
                if count > _MOST_FILES:
                    raise CatalogueError(shown(top), f"more than the limit of {_MOST_FILES} files")
                package = name.endswith((".deb", ".rpm")) or is_package(path)
            except CatalogueError:
                raise
            except (OSError, InputError) as error:
                if meant or not isinstance(error, OSError):
                    yield Candidate(whole, file, wrong=_why(error))
                continue
            if package:
                yield Candidate(whole, file)
            elif meant:
                yield Candidate(whole, file, wrong="named like a package, but not one")
            else:
                given.others += 1


def _why(error: OSError | InputError) -> str:
    return error.reason if isinstance(error, InputError) else error.strerror or str(error)


def _unreadable(error: OSError) -> InputProblem:
    return InputProblem(shown(error.filename), error.strerror or str(error))


def _of_index(path: Path, pool: str | None) -> Iterator[Candidate]:
    source = shown(path)
    parts = pieces(path, source)
    first = next(parts, b"")
    reader = read_primary if first.lstrip()[:1] == b"<" else read_packages

    def joined() -> Iterator[bytes]:
        yield first
        yield from parts

    root = os.path.abspath(pool if pool is not None else pool_of(path))
    for number, one in enumerate(counted(reader(joined(), source), source)):
        if one.wrong:
            yield Candidate(f"{root}/?{number}", one.file or one.name or f"entry {number + 1}", one, one.wrong)
        else:
            yield Candidate(os.path.normpath(f"{root}/{one.file}"), one.file, one)


def pool_of(index: Path) -> Path:
    """Where the files of an index are: beside ``dists`` for Debian's, beside ``repodata`` for rpm's, else with it."""
    whole = Path(os.path.abspath(index))
    for folder in whole.parents:
        if folder.name in ("dists", "repodata"):
            return folder.parent
    return whole.parent
