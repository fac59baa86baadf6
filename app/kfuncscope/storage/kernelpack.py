# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A kernel packed into one file (``kfuncscope kernel pack``): its parts, and what was read from its image.

The file is untrusted input. What it claims of itself is kept under its own SHA-256, never under that of the package
from which it was made; its BTF and symbols are hashed once before anything that is kept by their content is used.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

from kfuncscope.errors import InputError
from kfuncscope.storage.cache import default_cache
from kfuncscope.storage.files import Input, InputProblem, KernelFiles, Later, ModuleSections
from kfuncscope.storage.pack import BROKEN, MAGIC, Pack, PackWriter, pack_head, read_table
from kfuncscope.storage.read import input_of, shown

FORMAT = "kernel-pack:1"
HEAD = pack_head(FORMAT)
LARGEST_PART = 64 << 20
MOST_MODULES = 50_000
_ALL = "checked-kernel-pack:1:"
SYMBOLS, IMAGE, LISTED = "kallsyms", "image", "listed"
"""The parts that were made from the kernel's image."""


@dataclass(frozen=True, slots=True)
class Meta:
    """What a pack says of its kernel. ``failed`` holds parts that could not be read when it was made, with source,
    reason and offset; ``sha256`` the digests of ``btf``, ``config`` and ``symbols``; ``sets`` the kfunc sets by module.
    """

    label: str
    arch: str | None
    release: str | None
    version: str | None
    version_source: str
    inputs: list[tuple[str, str, int]]
    problems: list[tuple[str, str, int | None]]
    sha256: dict[str, str]
    image: bool
    modules: list[str]
    sets: dict[str, list[tuple[str, int, int]]]
    failed: dict[str, tuple[str, str, int | None]]
    unnumbered: bool = False


def is_kernel_pack(head: bytes) -> bool:
    """Whether a file begins as a kernel pack of any version."""
    return head.startswith(MAGIC) and head[len(MAGIC) + 4 :].startswith(b"kernel-pack:")


def pack_bytes(parts: Mapping[str, bytes], meta: Meta, into: BinaryIO) -> None:
    """Write a pack; the same parts give the same bytes."""
    into.write(HEAD)
    writer = PackWriter(into, Path(), Path())
    for name, data in parts.items():
        writer.add(name, data)
    writer.end(msgspec.to_builtins(meta))


class _Parts:
    """The parts of a pack, each read and checked when it is asked for."""

    def __init__(self, path: Path, given: Input, pack: Pack) -> None:
        self.path, self.given, self._pack = path, given, pack

    def __contains__(self, name: object) -> bool:
        return name in self._pack.names()

    def read(self, name: str) -> bytes:
        """One part. Raises InputError where it is damaged, absent or too large."""
        try:
            return self._pack.part(name, LARGEST_PART)
        except BROKEN:
            raise damaged(self.path, f"{name} is not what was written") from None


def damaged(path: str | Path, why: str) -> InputError:
    """The one error of a pack that cannot be used."""
    return InputError(shown(path), f"damaged kernel pack: {why}; make it again with 'kfuncscope kernel pack'")


def from_pack(path: Path) -> KernelFiles:
    """The kernel of a pack. Raises InputError."""
    given = input_of(path)
    try:
        with path.open("rb") as file:
            pack = read_table(file, path, FORMAT)
        if pack is None:
            raise InputError(shown(path), "kernel pack of another version; make it again with 'kfuncscope kernel pack'")
        meta: Meta = msgspec.convert(pack.meta, Meta)
    except BROKEN:
        raise damaged(path, "its table cannot be read") from None
    if len(meta.modules) > MOST_MODULES:
        raise damaged(path, f"more than {MOST_MODULES} modules")
    parts = _Parts(path, given, pack)
    _check(parts, meta)
    facts = {name: partial(_told, parts, meta, name) for name in (IMAGE, LISTED)} if meta.image else {}
    return KernelFiles(
        label=meta.label, arch=meta.arch, release=meta.release, version=meta.version,
        version_source=meta.version_source, unnumbered=meta.unnumbered,
        config=parts.read("config") if "config" in parts else None,
        btf=_later(parts, meta, "btf"), symbols=_later(parts, meta, "symbols"),
        modules={name: partial(_module, parts, meta, name) for name in meta.modules},
        image=partial(_no_image, path) if meta.image else None,
        image_sha256=f"pack {given.sha256}" if meta.image else None,
        kallsyms=partial(_told, parts, meta, SYMBOLS) if meta.image else None,
        inputs=tuple(Input(*row) for row in meta.inputs), problems=tuple(InputProblem(*row) for row in meta.problems),
        facts=facts, packed=given.sha256,
        packed_at=os.fspath(path.absolute()),
    )  # fmt: skip


def _check(parts: _Parts, meta: Meta) -> None:
    """Hash what is known by its hash elsewhere, once for each pack."""
    key = _ALL + parts.given.sha256
    if default_cache().pack(key) is not None:
        return
    if set(meta.sha256) != {name for name in ("btf", "config", "symbols") if name in parts}:
        raise damaged(parts.path, "digests are missing")
    for name, digest in meta.sha256.items():
        if hashlib.sha256(parts.read(name)).hexdigest() != digest:
            raise damaged(parts.path, f"{name} has another SHA-256")
    default_cache().note(key, {})


def _later(parts: _Parts, meta: Meta, name: str) -> Later | None:
    return Later(partial(parts.read, name), meta.sha256[name]) if name in parts else None


def _told(parts: _Parts, meta: Meta, name: str) -> bytes:
    _told_failed(meta, name)
    return parts.read(name)


def _module(parts: _Parts, meta: Meta, name: str) -> ModuleSections:
    btf, base, ids = (f"modules/{name}/{part}" for part in ("btf", "base", "ids"))
    _told_failed(meta, f"modules/{name}")
    read = {part: parts.read(part) for part in (btf, base, ids) if part in parts}
    sets = tuple(meta.sets.get(name, ()))
    return ModuleSections(read.get(btf, b""), read.get(base, b""), read.get(ids, b""), sets)


def _told_failed(meta: Meta, name: str) -> None:
    if name in meta.failed:
        source, reason, offset = meta.failed[name]
        raise InputError(source, reason, offset)


def _no_image(path: Path) -> bytes:
    raise InputError(shown(path), "a kernel pack holds no image; give the kernel's package")


def gathered(files: KernelFiles, made: Mapping[str, Callable[[], bytes]]) -> tuple[dict[str, bytes], Meta]:
    """The parts of a kernel and what the pack says of it; ``made`` reads the parts that come from its image."""
    parts: dict[str, bytes] = {}
    failed: dict[str, tuple[str, str, int | None]] = {}
    sets: dict[str, list[tuple[str, int, int]]] = {}
    for name in ("btf", "config", "symbols"):
        if data := getattr(files, name):
            parts[name] = data
    for name, read in (made if files.image is not None else {}).items():
        try:
            parts[name] = read()
        except InputError as error:
            failed[name] = error.source, error.reason, error.offset
    for name, sections in _modules(files):
        if isinstance(sections, InputError):
            failed[f"modules/{name}"] = sections.source, sections.reason, sections.offset
            continue
        rows = {"btf": sections.btf, "base": sections.btf_base, "ids": sections.btf_ids}
        parts.update({f"modules/{name}/{part}": data for part, data in rows.items() if data})
        if sections.set8:
            sets[name] = list(sections.set8)
    for name, data in parts.items():
        if len(data) > LARGEST_PART:
            raise InputError(files.label, f"{name} of {len(data)} bytes is larger than a kernel pack can hold")
    meta = Meta(
        files.label, files.arch, files.release, files.version, files.version_source,
        [(i.path, i.sha256, i.size) for i in files.inputs], [(p.path, p.reason, p.offset) for p in files.problems],
        {n: hashlib.sha256(parts[n]).hexdigest() for n in ("btf", "config", "symbols") if n in parts},
        files.image is not None, sorted(files.modules), sets, failed, files.unnumbered,
    )  # fmt: skip
    return parts, meta


def _modules(files: KernelFiles) -> Iterator[tuple[str, Any]]:
    for name in sorted(files.modules):
        try:
            yield name, files.modules[name]()
        except InputError as error:
            yield name, error
