# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Parts of a pack by memory map: columns of numbers that are searched where they lie, not read and not parsed.

Checksums and what the columns hold are checked once. The nanoseconds of the file's modification time then carry a mark
made of inode, size and seconds: whoever writes to the file, or puts another in its place, takes it away, and the next
reader checks everything again. Only the cache is mapped, whose files belong to this user and are replaced, never cut.
"""

from __future__ import annotations

import contextlib
import mmap
import os
import time
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path

from kfuncscope.storage.pack import BROKEN, Pack, remove

_SECOND = 10**9
_AGO = 10  # seconds: a mark is set in the past, so that a later writing never falls on its second


def is_marked(state: os.stat_result) -> bool:
    """Whether a file is as it was when it was checked."""
    seconds, rest = divmod(state.st_mtime_ns, _SECOND)
    return rest == _mark(state, seconds)


def _mark(state: os.stat_result, seconds: int) -> int:
    return zlib.crc32(f"checked {state.st_ino} {state.st_size} {seconds}".encode()) % _SECOND


def touch(path: Path, state: os.stat_result) -> None:
    """Note that a file is used; one that was checked stays so."""
    if is_marked(state):
        set_mark(path)
    else:
        os.utime(path)


def set_mark(path: Path) -> None:
    """Mark a file as checked. Raises OSError."""
    state = path.stat()
    seconds = int(time.time()) - _AGO
    when = seconds * _SECOND + _mark(state, seconds)
    os.utime(path, ns=(when, when))


def mapped(pack: Pack, fits: Callable[[Mapping[str, memoryview]], bool]) -> dict[str, memoryview] | None:
    """The parts of a pack that are stored as they are; None, and no pack any more, where it is damaged or not fit.

    ``fits`` looks once at what the parts hold. Only whoever wrote to the file since makes it look again.
    """
    try:
        with pack.path.open("rb") as file:
            state = os.fstat(file.fileno())
            whole = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
        parts = {name: pack.view(name, whole) for name in pack.names() if not pack.compressed(name)}
        if is_marked(state):
            return parts
        if all(zlib.crc32(part) == pack.checksum(name) for name, part in parts.items()) and fits(parts):
            with contextlib.suppress(OSError):  # without the mark the next run checks again
                set_mark(pack.path)
            return parts
    except BROKEN:
        pass
    remove(pack.path)
    return None
