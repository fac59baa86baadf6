# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The BPF objects in one file, whatever it is: the file itself, carved out of it, or in the archive that it is."""

from __future__ import annotations

import contextlib
import io
from collections import deque
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import BinaryIO, TypedDict

from kfuncscope.containers.archive import Package, inner_kind, read_all
from kfuncscope.containers.carve import ELF, carve
from kfuncscope.containers.detect import ARCHIVES, COMPRESSED, HEAD, Kind, detect
from kfuncscope.containers.links import ArchiveLinks
from kfuncscope.containers.skeleton import has_literals, is_skeleton, light_skeleton, light_words, literals
from kfuncscope.containers.stream import Budget, TooLargeError
from kfuncscope.containers.tar import Entry
from kfuncscope.containers.unpack import bare_name, peel
from kfuncscope.containers.words import finder
from kfuncscope.elf.tables import EM_BPF, elf_machine
from kfuncscope.errors import InputError
from kfuncscope.intake.bpftrace import is_script
from kfuncscope.intake.loaders import loader_in, together
from kfuncscope.storage import lookup
from kfuncscope.storage.cache import Cache, default_cache
from kfuncscope.storage.catalogue.form import is_catalogue
from kfuncscope.storage.catalogue.reader import Reader
from kfuncscope.storage.catalogue.records import OWN, owned
from kfuncscope.storage.files import UNKNOWN_LOADER, Elsewhere, InputProblem, Loader, Place
from kfuncscope.storage.read import input_of, read_file, shown

VERSION = 6
"""Part of the cache key; raised whenever what is found or stored changes."""

LIGHT = (
    "a light skeleton (bpftool gen skeleton -L): its loader program creates the maps and loads the programs, "
    "and no BPF object is left to judge; give the object that it was made from"
)
OBJECT_NAME = ".bpf.o"
"""How the name of a file ends that is meant to be an object: one that cannot be read is listed."""

UNLIKE_ITS_NAME = "named like a BPF object, but no BPF object was found in it"
_OF_SKELETON = Loader("libbpf")
_RELOCATABLE = (b"\1\0", b"\0\1")  # the type of ELF files that are neither programs nor libraries: modules, say
_WAITING = 24 << 20
_WAITING_PER_BYTE = 4  # of the archive: its programs are seldom more, even where they are most of it
_OBJECT_ENDINGS = (".o", ".bpf", ".elf", ".so")
_ARCHIVE_ENDINGS = (".tar", ".tgz", ".txz", ".cpio")


@dataclass(frozen=True, slots=True)
class FoundObject:
    """One object: its bytes, or the text of a bpftrace script, its place, a short name for it, and what loads it.

    ``elsewhere`` stands for the bytes where another machine has read them.
    """

    data: bytes
    place: Place
    name: str
    loader: Loader = UNKNOWN_LOADER
    elsewhere: Elsewhere | None = None


@dataclass(slots=True)
class Found:
    """What one file held, and what it says of itself if it is a package."""

    objects: list[FoundObject] = field(default_factory=list)
    problems: list[InputProblem] = field(default_factory=list)
    package: Package = field(default_factory=Package)


class ObjectsMeta(TypedDict):
    """What a pack of objects says of them: package, path, offset, name and loader of each (name, bounds of its
    version, where it is); and path, reason and offset of problems."""

    objects: list[tuple[str, str, int, str, tuple[str, str, str, str]]]
    problems: list[tuple[str, str, int | None]]


def scan_file(path: Path, known_as: str) -> Found:
    """The BPF objects in the file, which reports call ``known_as``. Raises InputError when it cannot be read."""
    head = _head(path)
    if is_catalogue(head):
        return _catalogued(path)
    kind = detect(head)
    if kind in COMPRESSED:
        with path.open("rb") as file:
            kind = inner_kind(file, kind, shown(path))
    if kind in ARCHIVES:
        return _cached_archive(path)
    data = peel(read_file(path), shown(path))
    found = Found()
    _scan_bytes(data, Place("", shown(path)), known_as, found)
    return found


def _head(path: Path) -> bytes:
    try:
        if not lookup.is_file(path):
            raise InputError(shown(path), "not a regular file" if lookup.exists(path) else "No such file or directory")
        with path.open("rb") as file:
            return file.read(HEAD)
    except (OSError, ValueError) as error:
        raise InputError(shown(path), getattr(error, "strerror", None) or str(error)) from error


def is_bpf(data: bytes) -> bool:
    """Whether ``data`` begins as a 64-bit ELF file for BPF, of either byte order."""
    return elf_machine(data) == EM_BPF


class _Beside:
    """The programs and libraries of one archive, which tell what loads the objects beside them.

    Most packages hold no object, so they are looked through only when that is asked; until then so many bytes wait:
    not even ``bpf`` is looked for before, which would take as long as the search for objects.
    """

    def __init__(self, compressed: int) -> None:
        self._most = max(_WAITING, _WAITING_PER_BYTE * compressed)
        self._loaders: list[Loader] = []
        self._waiting: deque[tuple[bytes, str]] = deque()
        self._size = 0

    def add(self, data: bytes, where: str) -> None:
        """One file of the archive."""
        if data.startswith(b"\x7fELF") and data[16:18] not in _RELOCATABLE:
            self._waiting.append((data, where))
            self._size += len(data)
            while self._size > self._most:
                self._look()

    def tell(self, loader: Loader) -> None:
        """One that has been looked through."""
        self._loaders.append(loader)

    def together(self) -> Loader:
        """The loader of the package."""
        while self._waiting:
            self._look()
        return together(self._loaders)

    def _look(self) -> None:
        data, where = self._waiting.popleft()
        self._size -= len(data)
        self._loaders.append(loader_in(data, where))


def _scan_bytes(data: bytes, place: Place, name: str, found: Found, beside: _Beside | None = None) -> None:
    """Add ``data`` if it is an object, or a script of bpftrace, as a whole; else what can be carved out of it."""
    if is_bpf(data) or is_script(place.path, data):
        # Taken whole even when it is damaged, so that its reader can tell what is wrong with it.
        found.objects.append(FoundObject(data, place, name))
        return
    # Text has nothing in it but literals: neither an object nor a loader program is without NUL bytes.
    if b"\0" not in data and data[:4] != ELF and not has_literals(data):
        return
    if is_skeleton(data):
        _scan_skeleton(data, place, name, found)
        return
    find = finder(data, (ELF, *light_words(data)))
    spans = list(carve(data, find))
    loader = loader_in(data, place.path.rpartition("/")[2]) if spans else UNKNOWN_LOADER
    if beside is not None:
        if spans:
            beside.tell(loader)
        else:
            beside.add(data, place.path.rpartition("/")[2])
    light = light_skeleton(data, find)
    if light is not None and not any(start <= light < end for start, end in spans):
        found.problems.append(_light(place, light))
    for number, (start, end) in enumerate(spans, 1):
        own = name if len(spans) == 1 else f"{name}.{number}"
        found.objects.append(FoundObject(data[start:end], Place(place.package, place.path, start), own, loader))


def _scan_skeleton(data: bytes, place: Place, name: str, found: Found) -> None:
    """Add the objects in the text of a skeleton; a light one holds none, which is said."""
    for at, content in literals(data):
        if is_bpf(content):
            found.objects.append(FoundObject(content, Place(place.package, place.path, at), name, _OF_SKELETON))
        elif light_skeleton(content) is not None:
            found.problems.append(_light(place, at))


def _light(place: Place, at: int) -> InputProblem:
    path = f"{place.package}: {place.path}" if place.package else place.path
    return InputProblem(path, LIGHT, at)


def _cached_archive(path: Path) -> Found:
    """The objects in an archive, from the cache where it was read before."""
    given = input_of(path)
    key = f"objects:{VERSION}:{given.sha256}"
    cache = default_cache()
    found = _kept(cache, key)
    if found is None:
        found = read_package(path, given.size, shown(path))
        # A full disk only means that the next time is as slow as this one.
        with contextlib.suppress(OSError):
            _keep(found, cache, key)
    # The file may have moved since: what is kept tells only what is inside it, so it still holds.
    file = shown(path.name)
    objects = [replace(o, place=replace(o.place, package=owned(o.place.package, file)), name=owned(o.name, file))
               for o in found.objects]  # fmt: skip
    problems = [
        InputProblem(f"{shown(path)}{p.path}" if p.path[:1] in ("", ":") else owned(p.path, file), p.reason, p.offset)
        for p in found.problems
    ]
    return Found(objects, problems, found.package)


def read_package(path: Path, size: int, source: str = "", *, threads: bool = True) -> Found:
    """What an archive of ``size`` bytes holds, read without the cache; errors call it ``source``.

    ``threads`` may be used to decompress it; that is sooner done, and takes more of the processor.

    Its own name, where it stands for that of a package, is ``OWN``, and paths of problems do not begin with
    ``source``. Raises InputError.
    """
    found = Found()
    try:
        with path.open("rb") as file:
            if not _scan_archive(file, Budget(source, size, threads=threads), OWN, found):
                raise InputError(source, "not a package or archive")
    except OSError as error:
        raise InputError(source, error.strerror or str(error)) from error
    found.problems = [replace(one, path=one.path.removeprefix(source)) for one in found.problems]
    return found


def _catalogued(path: Path) -> Found:
    """What the packages hold that are in a catalogue."""
    with Reader(path) as catalogue:
        objects = [FoundObject(o.data, o.place, o.short, o.loader) for o in catalogue.objects(data=True)]
        found = Found(objects, catalogue.problems())
        if others := catalogue.read_by_others(VERSION):
            reason = f"{others} of its packages were read by another version of kfuncscope; scan again"
            found.problems.append(InputProblem(shown(path), reason))
        if not catalogue.scans():
            found.problems.append(InputProblem(shown(path), "no scan has been finished; scan again"))
        return found


def _kept(cache: Cache, key: str) -> Found | None:
    pack = cache.pack(key, ObjectsMeta)
    if pack is None:
        return None
    parts = [pack.read(str(number)) for number in range(len(pack.meta["objects"]))]
    if None in parts:
        return None
    rows = zip(parts, pack.meta["objects"], strict=True)
    objects = [
        FoundObject(data or b"", Place(p, where, at), name, Loader(*told)) for data, (p, where, at, name, told) in rows
    ]
    return Found(objects, [InputProblem(*row) for row in pack.meta["problems"]])


def _keep(found: Found, cache: Cache, key: str) -> None:
    writer = cache.writer(key)
    try:
        for number, item in enumerate(found.objects):
            writer.add(str(number), item.data)
        rows = [
            [o.place.package, o.place.path, o.place.offset, o.name,
             [o.loader.name, o.loader.oldest, o.loader.newest, o.loader.where]]
            for o in found.objects
        ]  # fmt: skip
        problems = [[p.path, p.reason, p.offset] for p in found.problems]
        writer.close({"objects": rows, "problems": problems})
    except BaseException:
        writer.drop()
        raise
    cache.trim()


def _scan_archive(file: BinaryIO, budget: Budget, known_as: str, found: Found) -> bool:
    """Add the objects in an archive; False when ``file`` is none."""
    archive = read_all(file, budget)
    if archive is None:
        return False
    package, members = archive
    found.package = package
    first = before = len(found.objects)
    beside, links = _Beside(budget.compressed), ArchiveLinks()
    title, short = package.title or known_as, package.name or known_as
    for member in members:
        source = f"{budget.source}:{member.path}"
        meant = bare_name(member.path).endswith(OBJECT_NAME)
        wrong = links.add(member)
        if member.kind is not Entry.FILE:
            if meant and (wrong or member.kind is Entry.OTHER):
                found.problems.append(InputProblem(source, wrong or member.kind.value))
            continue
        problems = len(found.problems)
        try:
            data = member.read()
        except TooLargeError as error:
            found.problems.append(InputProblem(source, error.reason))
            continue
        try:
            kind = detect(data[:HEAD])
            if _nested(data, kind, member.path):
                _scan_nested(data, budget.nested(source, len(data)), member.path.rpartition("/")[2], source, found)
                continue
            if kind in COMPRESSED and bare_name(member.path).endswith(_OBJECT_ENDINGS):
                data = peel(data, source, budget.left())
        except InputError as error:
            found.problems.append(InputProblem(error.source, error.reason, error.offset))
            continue
        _scan_bytes(data, Place(title, member.path), f"{short}/{member.path.rpartition('/')[2]}", found, beside)
        if meant and (before, problems) == (len(found.objects), len(found.problems)):
            found.problems.append(InputProblem(source, UNLIKE_ITS_NAME))
        budget.hold(sum(len(item.data) for item in found.objects[before:]))
        before = len(found.objects)
    for path, target in links.dangling(OBJECT_NAME):
        reason = f"a link to {target[:200]}, which is not in the archive"
        found.problems.append(InputProblem(f"{budget.source}:{path}", reason))
    if any(not one.loader.name for one in found.objects[first:]):
        told = beside.together()
        found.objects[first:] = [one if one.loader.name else replace(one, loader=told) for one in found.objects[first:]]
    return True


def _nested(data: bytes, kind: Kind, path: str) -> bool:
    """Whether a member is itself an archive. A Unix library (``.a``) is an ar archive, but no package."""
    if kind is Kind.DEB:
        return data[8:21] == b"debian-binary"
    return kind in ARCHIVES or (kind in COMPRESSED and bare_name(path).endswith(_ARCHIVE_ENDINGS))


def _scan_nested(data: bytes, budget: Budget, known_as: str, source: str, found: Found) -> None:
    """Add the objects in an archive inside an archive: all of them, or none when it is damaged."""
    outer, budget.source = budget.source, source
    inner = Found()
    try:
        _scan_archive(io.BytesIO(data), budget, known_as, inner)
    finally:
        budget.source = outer
        budget.leave(len(data))
    found.objects += inner.objects
    found.problems += inner.problems
