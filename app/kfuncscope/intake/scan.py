# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The BPF objects in one file, whatever it is: the file itself, carved out of it, or in the archive that it is."""

from __future__ import annotations

import contextlib
import io
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import BinaryIO, TypedDict

from kfuncscope.containers.archive import inner_kind, read_archive
from kfuncscope.containers.carve import carve
from kfuncscope.containers.detect import ARCHIVES, COMPRESSED, HEAD, Kind, detect
from kfuncscope.containers.skeleton import is_skeleton, light_skeleton, literals
from kfuncscope.containers.stream import Budget, TooLargeError
from kfuncscope.containers.unpack import bare_name, peel
from kfuncscope.elf.tables import EM_BPF, elf_machine
from kfuncscope.errors import InputError
from kfuncscope.intake.bpftrace import is_script
from kfuncscope.intake.loaders import loader_in, together
from kfuncscope.storage.cache import Cache, default_cache
from kfuncscope.storage.files import UNKNOWN_LOADER, Elsewhere, InputProblem, Loader, Place
from kfuncscope.storage.read import input_of, read_file, shown

VERSION = 4
"""Part of the cache key; raised whenever what is found or stored changes."""

LIGHT = (
    "a light skeleton (bpftool gen skeleton -L): its loader program creates the maps and loads the programs, "
    "and no BPF object is left to judge; give the object that it was made from"
)
_OF_SKELETON = Loader("libbpf")
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
    """What one file held."""

    objects: list[FoundObject] = field(default_factory=list)
    problems: list[InputProblem] = field(default_factory=list)
    loaders: list[Loader] = field(default_factory=list)  # of the programs and libraries beside the objects


class ObjectsMeta(TypedDict):
    """What a pack of objects says of them: package, path, offset, name and loader of each (name, bounds of its
    version, where it is); and path, reason and offset of problems."""

    objects: list[tuple[str, str, int, str, tuple[str, str, str, str]]]
    problems: list[tuple[str, str, int | None]]


def scan_file(path: Path, known_as: str) -> Found:
    """The BPF objects in the file, which reports call ``known_as``. Raises InputError when it cannot be read."""
    head = _head(path)
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
        if not path.is_file():
            raise InputError(shown(path), "not a regular file" if path.exists() else "No such file or directory")
        with path.open("rb") as file:
            return file.read(HEAD)
    except (OSError, ValueError) as error:
        raise InputError(shown(path), getattr(error, "strerror", None) or str(error)) from error


def is_bpf(data: bytes) -> bool:
    """Whether ``data`` begins as a 64-bit ELF file for BPF, of either byte order."""
    return elf_machine(data) == EM_BPF


def _scan_bytes(data: bytes, place: Place, name: str, found: Found) -> None:
    """Add ``data`` if it is an object, or a script of bpftrace, as a whole; else what can be carved out of it."""
    if is_bpf(data) or is_script(place.path, data):
        # Taken whole even when it is damaged, so that its reader can tell what is wrong with it.
        found.objects.append(FoundObject(data, place, name))
        return
    if is_skeleton(data):
        _scan_skeleton(data, place, name, found)
        return
    spans = list(carve(data))
    loader = loader_in(data, place.path.rpartition("/")[2]) if spans or place.package else UNKNOWN_LOADER
    found.loaders.append(loader)
    light = light_skeleton(data)
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
    if (pack := cache.pack(key, ObjectsMeta)) is not None:
        parts = [pack.read(str(number)) for number in range(len(pack.meta["objects"]))]
        if None not in parts:
            # The file may have moved since: problems and places tell only what is inside it, so they still hold.
            rows = zip(parts, pack.meta["objects"], strict=True)
            objects = [
                FoundObject(data or b"", Place(p, where, at), name, Loader(*told))
                for data, (p, where, at, name, told) in rows
            ]
            return Found(
                objects, [InputProblem(f"{shown(path)}{inner}", why, at) for inner, why, at in pack.meta["problems"]]
            )
    found = Found()
    with path.open("rb") as file:
        _scan_archive(file, Budget(shown(path), given.size), shown(path.name), found)
    # A full disk only means that the next time is as slow as this one.
    with contextlib.suppress(OSError):
        _keep(found, path, cache, key)
    return found


def _keep(found: Found, path: Path, cache: Cache, key: str) -> None:
    writer = cache.writer(key)
    try:
        for number, item in enumerate(found.objects):
            writer.add(str(number), item.data)
        rows = [
            [o.place.package, o.place.path, o.place.offset, o.name,
             [o.loader.name, o.loader.oldest, o.loader.newest, o.loader.where]]
            for o in found.objects
        ]  # fmt: skip
        problems = [[p.path.removeprefix(shown(path)), p.reason, p.offset] for p in found.problems]
        writer.close({"objects": rows, "problems": problems})
    except BaseException:
        writer.drop()
        raise
    cache.trim()


def _scan_archive(file: BinaryIO, budget: Budget, known_as: str, found: Found) -> bool:
    """Add the objects in an archive; False when ``file`` is none."""
    archive = read_archive(file, budget)
    if archive is None:
        return False
    package, members = archive
    first = before = len(found.objects)
    found.loaders.clear()
    title, short = package.title or known_as, package.name or known_as
    for member in members:
        source = f"{budget.source}:{member.path}"
        try:
            data = member.read()
        except TooLargeError as error:
            found.problems.append(InputProblem(source, error.reason))
            continue
        try:
            if _nested(data, member.path):
                _scan_nested(data, budget.nested(source, len(data)), member.path.rpartition("/")[2], source, found)
                continue
            if detect(data[:HEAD]) in COMPRESSED and bare_name(member.path).endswith(_OBJECT_ENDINGS):
                data = peel(data, source, budget.left())
        except InputError as error:
            found.problems.append(InputProblem(error.source, error.reason, error.offset))
            continue
        _scan_bytes(data, Place(title, member.path), f"{short}/{member.path.rpartition('/')[2]}", found)
        budget.hold(sum(len(item.data) for item in found.objects[before:]))
        before = len(found.objects)
    beside = together(found.loaders)
    found.objects[first:] = [one if one.loader.name else replace(one, loader=beside) for one in found.objects[first:]]
    return True


def _nested(data: bytes, path: str) -> bool:
    """Whether a member is itself an archive. A Unix library (``.a``) is an ar archive, but no package."""
    kind = detect(data[:HEAD])
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
