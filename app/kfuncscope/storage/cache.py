# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What was derived from inputs, kept between runs: under the XDG cache directory, by content, bounded in size.

An entry is written beside its place and renamed into it, so two processes may work at once; the loser's file replaces
an equal one. Entries carry checksums: a damaged one counts as absent and is made anew. When the directory cannot be
written, a private temporary one serves for the life of the process.
"""

from __future__ import annotations

import atexit
import contextlib
import hashlib
import json
import os
import shutil
import struct
import tempfile
import time
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, BinaryIO

import zstandard

from kfuncscope.resources import user_folder

_MAGIC = b"kfscope1"
_FOOT = struct.Struct("<QII8s")
_STALE = 24 * 3600
_TOUCH = 60
_LEVEL = 3
DEFAULT_LIMIT = 4 << 30
"""Bytes the cache may hold; KFUNCSCOPE_CACHE_MB sets another bound."""

_SMALLEST_LIMIT = 256 << 20


@dataclass(frozen=True, slots=True)
class Entry:
    """One cached thing: what it is, its size in bytes and when it was last used (seconds since the epoch)."""

    key: str
    size: int
    used: float


@dataclass(frozen=True, slots=True)
class _Slot:
    offset: int
    stored: int
    size: int
    crc: int
    packed: bool


class Pack:
    """A cached file of named parts, each readable alone. ``meta`` is what its writer noted down (JSON)."""

    def __init__(self, path: Path, meta: dict[str, Any], slots: dict[str, _Slot]) -> None:
        self._path = path
        self._slots = slots
        self.meta = meta

    def names(self) -> list[str]:
        """Names of the parts, in the order they were written."""
        return list(self._slots)

    def __contains__(self, name: str) -> bool:
        return name in self._slots

    def read(self, name: str) -> bytes | None:
        """The part's bytes, or None when the file has gone or is damaged (it is then removed)."""
        slot = self._slots[name]
        try:
            with self._path.open("rb") as file:
                file.seek(slot.offset)
                stored = file.read(slot.stored)
            if len(stored) == slot.stored and zlib.crc32(stored) == slot.crc:
                return _unzstd(stored, slot.size) if slot.packed else stored
        except (OSError, zstandard.ZstdError):
            pass
        _remove(self._path)
        return None


class PackWriter:
    """Writes a pack part by part; it is in the cache only after ``close``."""

    def __init__(self, file: BinaryIO, draft: Path, target: Path) -> None:
        self._file = file
        self._draft = draft
        self._target = target
        self._slots: dict[str, _Slot] = {}
        self._zstd = zstandard.ZstdCompressor(level=_LEVEL)

    def add(self, name: str, data: bytes, *, compress: bool = True) -> None:
        """Append a part; ``compress=False`` for bytes that are compressed already. The first of a name stays."""
        if name in self._slots:
            return
        stored = self._zstd.compress(data) if compress else data
        self._slots[name] = _Slot(self._file.tell(), len(stored), len(data), zlib.crc32(stored), compress)
        self._file.write(stored)

    def close(self, meta: dict[str, Any]) -> Pack:
        """Write the table of parts and put the pack into its place."""
        rows = [[n, s.offset, s.stored, s.size, s.crc, int(s.packed)] for n, s in self._slots.items()]
        table = self._zstd.compress(json.dumps({"meta": meta, "parts": rows}).encode())
        at = self._file.tell()
        self._file.write(table)
        self._file.write(_FOOT.pack(at, len(table), zlib.crc32(table), _MAGIC))
        self._file.close()
        self._draft.replace(self._target)
        return Pack(self._target, meta, self._slots)

    def drop(self) -> None:
        """Forget what was written."""
        self._file.close()
        _remove(self._draft)


class Cache:
    """A folder of entries and packs, at most ``limit`` bytes; the least recently used go first."""

    def __init__(self, root: Path, limit: int = DEFAULT_LIMIT) -> None:
        self.root = root
        self.limit = limit
        self._open: dict[str, tuple[tuple[int, int, int], Pack]] = {}

    def get(self, key: str) -> bytes | None:
        """The bytes put under ``key``, or None when there are none or they were damaged."""
        pack = self.pack(key)
        return pack.read("") if pack is not None and "" in pack else None

    def put(self, key: str, data: bytes) -> None:
        """Keep ``data`` under ``key``."""
        with contextlib.suppress(OSError):
            writer = self.writer(key)
            try:
                writer.add("", data)
                writer.close({})
            except BaseException:
                writer.drop()
                raise
            self.trim()

    def pack(self, key: str) -> Pack | None:
        """The pack written under ``key``, or None."""
        path = self._path(key)
        try:
            state = path.stat()
            # The table of a pack with thousands of parts takes long to read, so it is kept while the file is the same.
            same, known = self._open.get(key, (None, None))
            sign = (state.st_ino, state.st_size, state.st_ctime_ns)
            if known is not None and same == sign:
                return known
            with path.open("rb") as file:
                found = _read_table(file, path, key)
            if found is not None and time.time() - state.st_mtime > _TOUCH:
                os.utime(path)
                state = path.stat()
            if found is not None and "" not in found:
                self._open[key] = (state.st_ino, state.st_size, state.st_ctime_ns), found
        except (OSError, ValueError, KeyError, TypeError, RecursionError, struct.error, zstandard.ZstdError):
            found = None
        if found is None:
            _remove(path)
        return found

    def writer(self, key: str) -> PackWriter:
        """Begin a pack for ``key``; call ``trim`` once it is closed."""
        self.root.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix="draft-", dir=self.root)
        file = os.fdopen(handle, "wb")
        head = key.encode()
        file.write(_MAGIC + struct.pack("<I", len(head)) + head)
        return PackWriter(file, Path(name), self._path(key))

    def remove(self, key: str) -> None:
        """Forget what is under ``key``."""
        _remove(self._path(key))

    def entries(self) -> list[Entry]:
        """What is in the cache, the most recently used first."""
        found = [Entry(_key_of(path), size, used) for path, size, used in self._files()]
        return sorted(found, key=lambda e: (-e.used, e.key))

    def clear(self) -> None:
        """Remove every entry, and drafts of processes that died."""
        for path in [*self.root.glob("*.kfs"), *self.root.glob("draft-*")] if self.root.is_dir() else []:
            _remove(path)

    def trim(self) -> None:
        """Remove the least recently used entries until the bound holds, and drafts older than a day."""
        files = sorted(self._files(), key=lambda f: f[2])
        total = sum(size for _, size, _ in files)
        # The newest entry stays even if it alone is over the bound: its reader is about to use it.
        for path, size, _ in files[:-1]:
            if total <= self.limit:
                break
            _remove(path)
            total -= size
        for draft in self.root.glob("draft-*"):
            with contextlib.suppress(OSError):
                if time.time() - draft.stat().st_mtime > _STALE:
                    _remove(draft)

    def _files(self) -> Iterator[tuple[Path, int, float]]:
        if not self.root.is_dir():
            return
        for path in self.root.glob("*.kfs"):
            with contextlib.suppress(OSError):
                state = path.stat()
                yield path, state.st_size, state.st_mtime

    def _path(self, key: str) -> Path:
        return self.root / (hashlib.sha256(key.encode()).hexdigest()[:40] + ".kfs")


def _unzstd(stored: bytes, size: int) -> bytes:
    return zstandard.ZstdDecompressor().decompress(stored, max_output_size=size, allow_extra_data=False)


def _read_table(file: BinaryIO, path: Path, key: str) -> Pack | None:
    head = file.read(len(_MAGIC) + 4)
    if head[: len(_MAGIC)] != _MAGIC or file.read(int.from_bytes(head[-4:], "little")) != key.encode():
        return None
    file.seek(-_FOOT.size, os.SEEK_END)
    at, size, crc, magic = _FOOT.unpack(file.read(_FOOT.size))
    file.seek(at)
    stored = file.read(size)
    if magic != _MAGIC or zlib.crc32(stored) != crc:
        return None
    table = json.loads(zstandard.ZstdDecompressor().decompress(stored))
    slots = {row[0]: _Slot(row[1], row[2], row[3], row[4], bool(row[5])) for row in table["parts"]}
    return Pack(path, table["meta"], slots)


def _key_of(path: Path) -> str:
    try:
        with path.open("rb") as file:
            head = file.read(len(_MAGIC) + 4)
            return file.read(min(int.from_bytes(head[-4:], "little"), 4096)).decode("utf-8", "replace")
    except OSError:
        return ""


def _remove(path: Path) -> None:
    with contextlib.suppress(OSError):
        path.unlink()


def _usable(root: Path) -> bool:
    try:
        root.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix="draft-", dir=root)
        os.close(handle)
        os.unlink(name)
    except OSError:
        return False
    return True


@cache
def _cache_at(root: Path, limit: int) -> Cache:
    if not _usable(root):
        root = Path(tempfile.mkdtemp(prefix="kfuncscope-"))
        atexit.register(shutil.rmtree, root, ignore_errors=True)
    return Cache(root, limit)


def default_root() -> Path:
    """Where the user's cache is meant to be: ``$XDG_CACHE_HOME/kfuncscope`` or ``~/.cache/kfuncscope``."""
    return user_folder("XDG_CACHE_HOME", ".cache") / "kfuncscope"


def default_cache() -> Cache:
    """The user's cache, or a private one for this process where that cannot be written."""
    megabytes = os.environ.get("KFUNCSCOPE_CACHE_MB", "")
    limit = int(megabytes) << 20 if megabytes.isdecimal() else DEFAULT_LIMIT
    # One kernel takes up to 150 MB; a cache that cannot hold it would be filled and emptied without end.
    return _cache_at(default_root(), max(limit, _SMALLEST_LIMIT))
