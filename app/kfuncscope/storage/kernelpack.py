# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A kernel packed into one file (``kfuncscope kernel pack``): its parts, columns of them, what was read from its image.

The file is opened by its table alone, which has the SHA-256 of each part; a part is checked when it is first used. The
columns are used where they lie, by a memory map where only this user can write to the file. The file is untrusted
input: what it claims of itself is kept under its own name alone, which is the SHA-256 of what its table says.
"""

from __future__ import annotations

import hashlib
import mmap
import os
import re
import stat
import sys
from array import array
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path

import msgspec

from kfuncscope.arch import arch_named
from kfuncscope.errors import InputError
from kfuncscope.storage.cache import default_cache
from kfuncscope.storage.digests import now_ns, settled, signature
from kfuncscope.storage.files import Columns, Input, InputProblem, KernelFiles, Later, ModuleSections
from kfuncscope.storage.pack import BROKEN, MAGIC, Pack, pack_head, read_table, unzstd
from kfuncscope.storage.read import shown

FORMAT = "kernel-pack:2"
HEAD = pack_head(FORMAT)
LARGEST_PART = 64 << 20
LARGEST_TABLE = 4 << 20
LARGEST_ROWS = 16 << 20
MOST_MODULES = 50_000
MOST_OF_MODULES = 1 << 30
"""Bytes of the sections of all modules; those of Debian's kernels have 75 MB."""

_CHECKED = "checked-kernel-pack:2:"
SYMBOLS, IMAGE, LISTED = "kallsyms", "image", "listed"
"""The parts that were made from the kernel's image."""

BTF = "btf/data"
TEXTS = ("btf", SYMBOLS, "symbols")
"""What has columns, which are not compressed: ``btf/starts`` and so on, ``btf/data`` being the BTF itself."""

MODULES, SECTIONS = "modules", "sections"
STRINGS, USES, BORROWED = "names/strings", "names/base", "names/borrowed"
"""The strings of all modules, the offsets at which they use the kernel's own, and those names, a NUL before each."""

_VERSION = re.compile(r"\d{1,4}\.\d{1,4}(\.\d{1,6})?")
_SOURCES = ("image", "package", "config", "")


@dataclass(frozen=True, slots=True)
class Meta:
    """What a pack says of its kernel. ``failed`` holds parts that could not be read when it was made, with source,
    reason and offset; ``sha256`` the digest of each part but ``sections``, uncompressed; ``byteorder`` is that of the
    columns, as ``sys.byteorder`` has it.
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
    failed: dict[str, tuple[str, str, int | None]]
    unnumbered: bool
    byteorder: str


@dataclass(frozen=True, slots=True)
class ModuleRow:
    """One module in the part ``modules``: its sections ``.BTF``, ``.BTF.base`` and ``.BTF_ids`` behind each other as
    one zstd frame in ``sections`` (offset, bytes, SHA-256), their sizes, its kfunc sets; or why they were not read.

    ``names``: how many bytes of ``names/strings`` and words of ``names/base`` are its own, in the order of rows.
    """

    offset: int
    stored: int
    sha256: bytes
    sizes: tuple[int, int, int]
    sets: list[tuple[str, int, int]]
    names: tuple[int, int] = (0, 0)
    failed: tuple[str, str, int | None] | None = None


def is_kernel_pack(head: bytes) -> bool:
    """Whether a file begins as a kernel pack of any version."""
    return head.startswith(MAGIC) and head[len(MAGIC) + 4 :].startswith(b"kernel-pack:")


def identity(meta: Meta) -> str:
    """The name of what a pack holds, by which it is kept: a digest of its table, and so of all digests in that."""
    return hashlib.sha256(msgspec.json.encode(meta)).hexdigest()


class Parts:
    """The parts of an open pack, each checked when it is first used. Raises InputError where one is not as it was."""

    def __init__(self, path: Path, pack: Pack, meta: Meta) -> None:
        self.path, self.meta, self._pack = path, meta, pack
        self.identity = identity(meta)
        with path.open("rb") as file:
            self._state = os.fstat(file.fileno())
            self._map = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)) if self._ours() else None

    def __reduce__(self) -> tuple[Callable[[Path, str], Parts], tuple[Path, str]]:
        """In another process the file is opened again; it must be the same pack."""
        return _again, (self.path, self.identity)

    def __contains__(self, name: str) -> bool:
        return name in self._pack

    def _ours(self) -> bool:
        """Whether nobody else can write to the file, who could change under our hands what was checked."""
        mine = self._state.st_uid in (os.geteuid(), 0)
        return mine and not self._state.st_mode & (stat.S_IWGRP | stat.S_IWOTH)

    def _stored(self, offset: int, size: int) -> memoryview:
        """Bytes of the file. Raises one of BROKEN."""
        if size > LARGEST_PART:
            raise ValueError("too large")
        if self._map is not None:
            found = self._map[offset : offset + size]
        else:
            with self.path.open("rb") as file:
                file.seek(offset)
                found = memoryview(file.read(size))
        if len(found) != size:
            raise ValueError("past the end")
        return found

    def read(self, name: str) -> bytes:
        """One part."""
        try:
            slot = self._pack.slot(name)
            stored = self._stored(slot.offset, slot.stored)
            data = unzstd(stored, slot.size, LARGEST_PART) if slot.packed else bytes(stored)
        except BROKEN:
            raise damaged(self.path, f"{name} is not what was written") from None
        self._check(name, data)
        return data

    def _check(self, name: str, data: bytes | memoryview) -> None:
        if hashlib.sha256(data).hexdigest() != self.meta.sha256[name]:
            raise damaged(self.path, f"{name} has another SHA-256")

    # -- columns

    def columns(self, text: str, bounded: Callable[[Columns], bool]) -> Columns | None:
        """The columns of one of ``TEXTS`` by name; None where they are of another byte order."""
        if self.meta.byteorder != sys.byteorder:
            return None
        names = {name.removeprefix(f"{text}/"): name for name in self._pack.names() if name.startswith(f"{text}/")}
        if not names:
            return None
        if any(self._pack.compressed(name) for name in names.values()):
            raise damaged(self.path, f"{text} has no columns")
        try:
            slots = {short: self._pack.slot(name) for short, name in names.items()}
            found = {short: self._stored(slot.offset, slot.stored) for short, slot in slots.items()}
        except BROKEN:
            raise damaged(self.path, f"columns of {text} are not what was written") from None
        if text not in self._known():
            for short, column in found.items():
                self._check(names[short], column)
            if not bounded(found):
                raise damaged(self.path, f"columns of {text} do not fit each other")
            self._remember(text)
        return found

    @property
    def _key(self) -> str:
        return f"{_CHECKED}{self.identity}:{os.path.abspath(self.path)}"

    def _known(self) -> list[str]:
        """The parts whose columns were checked in this very file; a file that was read and not mapped may change."""
        kept = default_cache().pack(self._key) if self._map is not None else None
        known = kept.meta.get("parts") if kept is not None and kept.meta.get("file") == signature(self._state) else None
        return known if isinstance(known, list) else []

    def _remember(self, text: str) -> None:
        if self._map is not None and settled(self._state, now_ns()):
            parts = sorted({text, *(name for name in self._known() if name in TEXTS)})
            default_cache().note(self._key, {"file": signature(self._state), "parts": parts})

    # -- modules

    @cached_property
    def rows(self) -> dict[str, ModuleRow]:
        """What the pack says of each module."""
        try:
            if self._pack.size(MODULES) > LARGEST_ROWS:
                raise ValueError("too large")
            rows = msgspec.msgpack.decode(self.read(MODULES), type=list[ModuleRow])
            found = dict(zip(self.meta.modules, rows, strict=True))
        except BROKEN:
            raise damaged(self.path, "its table of modules cannot be read") from None
        sizes = [sum(row.sizes) for row in rows]
        if sum(sizes) > MOST_OF_MODULES or any(min(*row.sizes, *row.names) < 0 for row in rows):
            raise damaged(self.path, f"sections of modules have more than {MOST_OF_MODULES} bytes")
        return found

    def module(self, name: str) -> ModuleSections:
        """The sections of one module."""
        row = self.rows[name]
        if row.failed:
            raise InputError(*row.failed)
        size = sum(row.sizes)
        data = b""
        try:
            if size:
                home = self._pack.slot(SECTIONS)
                if not 0 <= row.offset <= row.offset + row.stored <= home.stored:
                    raise ValueError("outside")
                stored = self._stored(home.offset + row.offset, row.stored)
                if hashlib.sha256(stored).digest() != row.sha256:
                    raise ValueError("another SHA-256")
                data = unzstd(stored, size, LARGEST_PART)
        except BROKEN:
            raise damaged(self.path, f"module {name} is not what was written") from None
        first, second = row.sizes[0], row.sizes[0] + row.sizes[1]
        return ModuleSections(data[:first], data[first:second], data[second:], tuple(row.sets))


def _again(path: Path, known_as: str) -> Parts:
    found = open_parts(path)
    if found.identity != known_as:
        raise InputError(shown(path), "another kernel pack lies here now")
    return found


class PackedModules(Mapping[str, Callable[[], ModuleSections]]):
    """The modules of a pack by name."""

    def __init__(self, parts: Parts) -> None:
        self.parts = parts
        self._names = dict.fromkeys(parts.meta.modules)

    def __getitem__(self, name: str) -> Callable[[], ModuleSections]:
        if name not in self._names:
            raise KeyError(name)
        return partial(self.parts.module, name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


def little(words: bytes) -> bytes:
    """Words of 32 bits as a pack has them outside of columns, which is little-endian; and back."""
    if sys.byteorder == "little":
        return words
    turned = array("I", words)
    turned.byteswap()
    return turned.tobytes()


def damaged(path: str | Path, why: str) -> InputError:
    """The one error of a pack that cannot be used."""
    return InputError(shown(path), f"damaged kernel pack: {why}; make it again with 'kfuncscope kernel pack'")


def open_parts(path: Path) -> Parts:
    """Open a pack by its table. Raises InputError."""
    try:
        with path.open("rb") as file:
            pack = read_table(file, path, FORMAT, LARGEST_TABLE)
        if pack is None:
            raise InputError(shown(path), "kernel pack of another version; make it again with 'kfuncscope kernel pack'")
        meta: Meta = msgspec.convert(pack.meta, Meta)
        if set(meta.sha256) != {name for name in pack.names() if name != SECTIONS}:
            raise damaged(path, "digests are missing")
        if why := _unsound(meta, pack):
            raise damaged(path, why)
        return Parts(path, pack, meta)
    except BROKEN:
        raise damaged(path, "its table cannot be read") from None


def _unsound(meta: Meta, pack: Pack) -> str:
    """What in a table no pack says; empty where that is nothing."""
    if len(meta.modules) > MOST_MODULES:
        return f"more than {MOST_MODULES} modules"
    if any(name not in pack for name in (MODULES, SECTIONS, STRINGS, USES, BORROWED)) or len(set(meta.modules)) != len(
        meta.modules
    ):
        return "its modules are not listed"
    if meta.arch is not None and arch_named(meta.arch) is None:
        return "unknown architecture"
    if meta.version_source not in _SOURCES or (meta.version is not None and not _VERSION.fullmatch(meta.version)):
        return "its version is not a version"
    return ""


def from_pack(path: Path) -> KernelFiles:
    """The kernel of a pack. Raises InputError."""
    parts = open_parts(path)
    meta = parts.meta
    facts = {name: partial(_told, parts, name) for name in (IMAGE, LISTED)} if meta.image else {}
    return KernelFiles(
        label=meta.label, arch=meta.arch, release=meta.release, version=meta.version,
        version_source=meta.version_source, unnumbered=meta.unnumbered,
        config=parts.read("config") if "config" in parts else None,
        btf=_later(parts, BTF, "btf"), symbols=_later(parts, "symbols", "symbols"), modules=PackedModules(parts),
        image=partial(_no_image, path) if meta.image else None,
        image_sha256=f"pack {parts.identity}" if meta.image else None,
        kallsyms=_symbols(parts) if meta.image else None,
        inputs=tuple(Input(*row) for row in meta.inputs), problems=tuple(InputProblem(*row) for row in meta.problems),
        facts=facts, packed=parts.identity, packed_at=os.fspath(path.absolute()),
    )  # fmt: skip


def _later(parts: Parts, name: str, text: str) -> Later | None:
    if name not in parts:
        return None
    return Later(partial(parts.read, name), parts.meta.sha256[name], partial(parts.columns, text))


def _symbols(parts: Parts) -> Callable[[], bytes]:
    return _later(parts, SYMBOLS, SYMBOLS) or partial(_told, parts, SYMBOLS)


def _told(parts: Parts, name: str) -> bytes:
    if name in parts.meta.failed:
        raise InputError(*parts.meta.failed[name])
    if name not in parts:
        raise damaged(parts.path, f"{name} is missing")
    return parts.read(name)


def _no_image(path: Path) -> bytes:
    raise InputError(shown(path), "a kernel pack holds no image; give the kernel's package")
