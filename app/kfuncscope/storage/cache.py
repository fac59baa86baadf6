# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What was derived from inputs, kept between runs: under the XDG cache directory, by content, bounded in size.

An entry is written beside its place and renamed into it, so two processes may work at once; the loser's file replaces
an equal one. Entries carry checksums: one that is damaged, or of another form, counts as absent and is made again. An
entry is data: JSON and bytes that their readers check. The directory belongs to its user alone; where it cannot be
written, or others can write into it, a private temporary one serves for the life of the process.
"""

from __future__ import annotations

import atexit
import contextlib
import fcntl
import hashlib
import json
import os
import shutil
import stat
import struct
import tempfile
import time
import zlib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, BinaryIO

import msgspec
import zstandard

from kfuncscope.resources import user_folder

_MAGIC = b"kfscope1"
_FOOT = struct.Struct("<QII8s")
_STALE = 24 * 3600
_TOUCH = 60
_LEVEL = 3
_LARGEST_TABLE = 256 << 20
_LARGEST_PART = 1 << 30
_UNWRITABLE = "cannot be written"
_PATIENCE = 5.0  # seconds that one waits for another who writes the same entry
_BROKEN = (
    OSError,
    ValueError,
    KeyError,
    TypeError,
    RecursionError,
    MemoryError,
    struct.error,
    zstandard.ZstdError,
    msgspec.MsgspecError,
)
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

    def size(self, name: str) -> int:
        """Bytes of a part, 0 where there is none."""
        return self._slots[name].size if name in self._slots else 0

    def read(self, name: str) -> bytes | None:
        """The part's bytes, or None when the file has gone or is damaged (it is then removed)."""
        found = self.read_all([name])
        return found[name] if found is not None else None

    def read_all(self, names: Collection[str]) -> dict[str, bytes] | None:
        """Several parts at once; None when any of them is damaged (the file is then removed)."""
        try:
            with self._path.open("rb") as file:
                return {name: _plain(_stored(file, self._slots[name]), self._slots[name]) for name in names}
        except _BROKEN:
            _remove(self._path)
            return None

    def copy(self, names: Collection[str], writer: PackWriter) -> None:
        """Hand parts on as they are stored. Raises where one is damaged."""
        with self._path.open("rb") as file:
            for name in names:
                writer.take(name, _stored(file, self._slots[name]), self._slots[name])


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
        self.take(name, stored, _Slot(0, len(stored), len(data), zlib.crc32(stored), compress))

    def take(self, name: str, stored: bytes, slot: _Slot) -> None:
        """Append a part as it is stored in another pack."""
        self._slots[name] = replace(slot, offset=self._file.tell())
        self._file.write(stored)

    def close(self, meta: dict[str, Any]) -> Pack:
        """Write the table of parts and put the pack into its place."""
        rows = [[n, s.offset, s.stored, s.size, s.crc, int(s.packed)] for n, s in self._slots.items()]
        table = self._zstd.compress(json.dumps({"meta": meta, "parts": rows}).encode())
        at = self._file.tell()
        self._file.write(table)
        self._file.write(_FOOT.pack(at, len(table), zlib.crc32(table), _MAGIC))
        self._file.flush()
        self._draft.replace(self._target)
        self._file.close()  # which gives up the lock that keeps the draft from being swept away
        return Pack(self._target, meta, self._slots)

    def drop(self) -> None:
        """Forget what was written."""
        _remove(self._draft)
        with contextlib.suppress(OSError):  # a full disk, once more
            self._file.close()


class Cache:
    """A folder of entries and packs, at most ``limit`` bytes; the least recently used go first."""

    def __init__(self, root: Path, limit: int = DEFAULT_LIMIT) -> None:
        self.root = root
        self.limit = limit
        self._open: dict[str, tuple[tuple[int, int, int], Pack]] = {}
        self._written = limit  # bytes since the last look at what the folder holds; the first writing looks

    def get(self, key: str) -> bytes | None:
        """The bytes put under ``key``, or None when there are none or they were damaged."""
        pack = self.pack(key)
        return pack.read("") if pack is not None and "" in pack else None

    def put(self, key: str, data: bytes, meta: dict[str, Any] | None = None, *, compress: bool = True) -> None:
        """Keep ``data`` under ``key``, with what JSON can hold of notes on it."""
        self._write(key, {"": data}, meta or {}, compress)

    def note(self, key: str, meta: dict[str, Any]) -> None:
        """Keep what JSON can hold under ``key``: a pack's ``meta``."""
        self._write(key, {}, meta, True)

    def put_parts(self, key: str, parts: Mapping[str, bytes]) -> None:
        """Keep a pack of parts that are read as they are: numbers, which hardly get smaller by compression."""
        self._write(key, parts, {}, False)

    def _write(self, key: str, parts: Mapping[str, bytes], meta: dict[str, Any], compress: bool) -> None:
        """A whole pack. A cache that cannot be written only means that the next run is as slow as this one."""
        with contextlib.suppress(OSError):
            writer = self.writer(key)
            try:
                for name, data in parts.items():
                    writer.add(name, data, compress=compress)
                writer.close(meta)
            except BaseException:
                writer.drop()
                raise
            self._grown(sum(map(len, parts.values())))

    def merge(self, key: str, parts: Mapping[str, bytes], most: int) -> None:
        """Add parts to the pack of ``key``, which keeps the ``most`` newest; several processes may do so at once."""
        with contextlib.suppress(OSError), self._locked():
            known = self.pack(key)
            rest = [name for name in known.names() if name not in parts] if known is not None else []
            writer = self.writer(key)
            try:
                if known is not None:
                    with contextlib.suppress(*_BROKEN):
                        known.copy(rest[max(0, len(rest) + len(parts) - most) :], writer)
                for name, data in parts.items():
                    writer.add(name, data)
                writer.close({})
            except BaseException:
                writer.drop()
                raise
            self._grown(sum(map(len, parts.values())))

    def _grown(self, size: int) -> None:
        """Trim, but not after each small entry: looking at every file takes longer than writing one."""
        self._written += size
        if self._written >= self.limit >> 8:
            self.trim()
            self._written = 0

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        """Alone with other processes that merge. Who waits too long, or has no locks, goes on: parts may get lost."""
        self._make()
        folder = os.open(self.root, os.O_RDONLY | os.O_DIRECTORY)
        try:
            end = time.monotonic() + _PATIENCE
            while not _lock(folder) and time.monotonic() < end:
                time.sleep(0.01)
            yield
        finally:
            os.close(folder)

    def pack(self, key: str, form: Any = None) -> Pack | None:
        """The pack written under ``key``, or None.

        ``form`` is a type that its ``meta`` must fit, a TypedDict or dataclass: what somebody else wrote may not.
        """
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
            if found is not None and form is not None:
                msgspec.convert(found.meta, form)
            if found is not None and time.time() - state.st_mtime > _TOUCH:
                os.utime(path)
                state = path.stat()
            if found is not None and "" not in found:
                self._open[key] = (state.st_ino, state.st_size, state.st_ctime_ns), found
        except _BROKEN:
            found = None
        if found is None:
            _remove(path)
        return found

    def writer(self, key: str) -> PackWriter:
        """Begin a pack for ``key``; call ``trim`` once it is closed."""
        self._make()
        file, name = self._draft()
        head = key.encode()
        file.write(_MAGIC + struct.pack("<I", len(head)) + head)
        return PackWriter(file, Path(name), self._path(key))

    def _make(self) -> None:
        if not self.root.is_dir():
            self.root.parent.mkdir(parents=True, exist_ok=True)
            self.root.mkdir(mode=0o700, exist_ok=True)

    def _draft(self) -> tuple[BinaryIO, str]:
        """A new file that is locked while it is written, so that one without a lock is known to be left over."""
        while True:
            handle, name = tempfile.mkstemp(prefix="draft-", dir=self.root)
            _lock(handle, wait=True)
            with contextlib.suppress(OSError):
                # Between making and locking it may have been taken for one that was left over.
                if os.stat(name).st_ino == os.fstat(handle).st_ino:
                    return os.fdopen(handle, "wb"), name
            os.close(handle)

    def sweep(self) -> None:
        """Remove drafts of processes that died: those that are not locked; where there are no locks, after a day."""
        for draft in self.root.glob("draft-*") if self.root.is_dir() else ():
            with contextlib.suppress(OSError):
                handle = os.open(draft, os.O_RDONLY | os.O_NOFOLLOW)
                try:
                    if _lock(handle) or time.time() - os.fstat(handle).st_mtime > _STALE:
                        _remove(draft)
                finally:
                    os.close(handle)

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
        """Remove the least recently used entries until the bound holds, and what died processes left."""
        files = sorted(self._files(), key=lambda f: f[2])
        total = sum(size for _, size, _ in files)
        # The newest entry stays even if it alone is over the bound: its reader is about to use it.
        for path, size, _ in files[:-1]:
            if total <= self.limit:
                break
            _remove(path)
            total -= size
        self.sweep()

    def _files(self) -> Iterator[tuple[Path, int, float]]:
        if not self.root.is_dir():
            return
        for path in self.root.glob("*.kfs"):
            with contextlib.suppress(OSError):
                state = path.stat()
                yield path, state.st_size, state.st_mtime

    def _path(self, key: str) -> Path:
        return self.root / (hashlib.sha256(key.encode()).hexdigest()[:40] + ".kfs")


def _stored(file: BinaryIO, slot: _Slot) -> bytes:
    """A part as it lies in the file. Raises ValueError where it is not what was written."""
    file.seek(slot.offset)
    stored = file.read(slot.stored)
    if len(stored) != slot.stored or zlib.crc32(stored) != slot.crc:
        raise ValueError("damaged")
    return stored


def _plain(stored: bytes, slot: _Slot) -> bytes:
    return _unzstd(stored, slot.size, _LARGEST_PART) if slot.packed else stored


def _unzstd(stored: bytes, size: int, most: int) -> bytes:
    """Uncompressed bytes. The frame itself tells how much room is made for it, so that is looked at first."""
    if zstandard.frame_content_size(stored) != size or size > most:
        raise ValueError("its size differs from the recorded one")
    return zstandard.ZstdDecompressor().decompress(stored, allow_extra_data=False) if size else b""


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
    table = json.loads(_unzstd(stored, zstandard.frame_content_size(stored), _LARGEST_TABLE))
    slots = {}
    for name, *numbers in table["parts"]:
        if not isinstance(name, str) or len(numbers) != 5 or not all(type(n) is int and n >= 0 for n in numbers):
            return None
        offset, stored_size, plain_size, checksum, packed = numbers
        slots[name] = _Slot(offset, stored_size, plain_size, checksum, bool(packed))
    return Pack(path, table["meta"], slots) if isinstance(table["meta"], dict) else None


def _key_of(path: Path) -> str:
    try:
        with path.open("rb") as file:
            head = file.read(len(_MAGIC) + 4)
            return file.read(min(int.from_bytes(head[-4:], "little"), 4096)).decode("utf-8", "replace")
    except OSError:
        return ""


def _remove(path: Path) -> None:
    with contextlib.suppress(OSError):
        try:
            path.unlink()
        except IsADirectoryError:
            shutil.rmtree(path, ignore_errors=True)


def _lock(handle: int, *, wait: bool = False) -> bool:
    """Lock an open file for this process; False where another has it, or the file system has no locks."""
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except OSError:
        return False
    return True


def refusal(root: Path) -> str:
    """Why a folder is not used as cache; empty when it can be, or can be made. Whoever writes there writes verdicts."""
    try:
        Cache(root)._make()
        state = root.stat()
        if state.st_uid != os.geteuid():
            return "belongs to another user"
        if state.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            return f"can be written by others; chmod 700 {root} makes it yours"
        handle, name = tempfile.mkstemp(prefix="draft-", dir=root)
        os.close(handle)
        os.unlink(name)
    except OSError:
        return _UNWRITABLE
    return ""


_refused: dict[Path, str] = {}


def refused() -> list[str]:
    """Folders that this process did not use because others could write into them, once each, to be told."""
    lines = [f"cache {root} is not used: it {why}" for root, why in _refused.items() if why != _UNWRITABLE]
    _refused.clear()
    return lines


@cache
def _cache_at(root: Path, limit: int) -> Cache:
    if why := refusal(root):
        _refused[root] = why
        root = Path(tempfile.mkdtemp(prefix="kfuncscope-"))
        atexit.register(shutil.rmtree, root, ignore_errors=True)
    found = Cache(root, limit)
    found.sweep()
    return found


def default_root() -> Path:
    """Where the user's cache is meant to be: ``$XDG_CACHE_HOME/kfuncscope`` or ``~/.cache/kfuncscope``."""
    return user_folder("XDG_CACHE_HOME", ".cache") / "kfuncscope"


def default_cache() -> Cache:
    """The user's cache, or a private one for this process where that cannot be written."""
    megabytes = os.environ.get("KFUNCSCOPE_CACHE_MB", "")
    limit = int(megabytes) << 20 if megabytes.isdecimal() else DEFAULT_LIMIT
    # One kernel takes up to 150 MB; a cache that cannot hold it would be filled and emptied without end.
    return _cache_at(default_root(), max(limit, _SMALLEST_LIMIT))
