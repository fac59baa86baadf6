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
import os
import shutil
import stat
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

from kfuncscope.resources import user_folder
from kfuncscope.storage.mapped import set_mark, touch
from kfuncscope.storage.pack import BROKEN, Pack, PackWriter, key_of, pack_head, read_table, remove

_STALE = 24 * 3600
_TOUCH = 60
_UNWRITABLE = "cannot be written"
_PATIENCE = 5.0  # seconds that one waits for another who writes the same entry
DEFAULT_LIMIT = 4 << 30
"""Bytes the cache may hold; KFUNCSCOPE_CACHE_MB sets another bound."""

_SMALLEST_LIMIT = 256 << 20


@dataclass(frozen=True, slots=True)
class Entry:
    """One cached thing: what it is, its size in bytes and when it was last used (seconds since the epoch)."""

    key: str
    size: int
    used: float


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
        """Keep a pack of parts that are mapped as they are: numbers, which hardly get smaller by compression.

        What this process made needs no look at what it holds (see ``mapped``).
        """
        self._write(key, parts, {}, False)
        with contextlib.suppress(OSError):
            set_mark(self._path(key))

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
                    with contextlib.suppress(*BROKEN):
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
                found = read_table(file, path, key)
            if found is not None and form is not None:
                msgspec.convert(found.meta, form)
            if found is not None and time.time() - state.st_mtime > _TOUCH:
                touch(path, state)
                state = path.stat()
            if found is not None and "" not in found:
                self._open[key] = (state.st_ino, state.st_size, state.st_ctime_ns), found
        except BROKEN:
            found = None
        if found is None:
            remove(path)
        return found

    def put_file(self, key: str, data: bytes) -> None:
        """Keep bytes that are a pack with a head of their own (a kernel pack), whose file is then used as it is."""
        with contextlib.suppress(OSError):
            self._make()
            file, name = self._draft()
            try:
                file.write(data)
                file.flush()
                Path(name).replace(self._path(key))
                file.close()
            except BaseException:
                remove(Path(name))
                with contextlib.suppress(OSError):
                    file.close()
                raise
            self._grown(len(data))

    def file(self, key: str) -> Path | None:
        """The file that ``put_file`` wrote, or None."""
        path = self._path(key)
        return path if path.is_file() else None

    def writer(self, key: str) -> PackWriter:
        """Begin a pack for ``key``; call ``trim`` once it is closed."""
        self._make()
        file, name = self._draft()
        file.write(pack_head(key))
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
                        remove(draft)
                finally:
                    os.close(handle)

    def remove(self, key: str) -> None:
        """Forget what is under ``key``."""
        remove(self._path(key))

    def entries(self) -> list[Entry]:
        """What is in the cache, the most recently used first."""
        found = [Entry(key_of(path), size, used) for path, size, used in self._files()]
        return sorted(found, key=lambda e: (-e.used, e.key))

    def clear(self) -> None:
        """Remove every entry, and drafts of processes that died."""
        for path in [*self.root.glob("*.kfs"), *self.root.glob("draft-*")] if self.root.is_dir() else []:
            remove(path)

    def trim(self) -> None:
        """Remove the least recently used entries until the bound holds, and what died processes left."""
        files = sorted(self._files(), key=lambda f: f[2])
        total = sum(size for _, size, _ in files)
        # The newest entry stays even if it alone is over the bound: its reader is about to use it.
        for path, size, _ in files[:-1]:
            if total <= self.limit:
                break
            remove(path)
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
