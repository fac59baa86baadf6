# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Read files from the disk: bounded, hashed, with every system error turned into an InputError."""

from __future__ import annotations

import hashlib
import os
import stat
import time
from collections.abc import Callable
from pathlib import Path

from kfuncscope.errors import InputError
from kfuncscope.storage.cache import default_cache
from kfuncscope.storage.files import Input

LARGEST = 4 << 30
"""Largest file that is read at all, in bytes."""

_READ_WHOLE = 1 << 30
_REMEMBERED = 4 << 20
_STEP = 4 << 20

Progress = Callable[[int, int, str], None]
"""Told (done, total, label) as work goes on; it cancels by raising, and its exception goes through unchanged."""


def read_file(path: Path, limit: int = _READ_WHOLE) -> bytes:
    """The bytes of a regular file. Raises InputError when it cannot be read or is larger than ``limit``."""
    try:
        # Asked before opening, because opening a FIFO would wait for a writer.
        regular = stat.S_ISREG(path.stat().st_mode)
    except (OSError, ValueError) as error:
        raise InputError(shown(path), getattr(error, "strerror", "") or str(error)) from error
    if not regular:
        raise InputError(shown(path), "not a regular file")
    return read_bounded(path, limit)


def read_bounded(path: str | Path, limit: int) -> bytes:
    """The bytes of a file, or of a pipe as shells give for ``<(command)``; else as ``read_file``."""
    try:
        with open(path, "rb") as file:
            # Files of /sys and /proc tell the size 0 or a page; so read one byte more than allowed and look.
            data = file.read(limit + 1)
    except (OSError, ValueError) as error:
        raise InputError(shown(path), getattr(error, "strerror", "") or str(error)) from error
    if len(data) > limit:
        raise InputError(shown(path), f"larger than the limit of {limit} bytes")
    return data


def shown(path: str | Path) -> str:
    """A path as text that can be written anywhere: bytes of a name that are no UTF-8 become escapes."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def as_input(path: Path, data: bytes) -> Input:
    """The record of an input that was read whole."""
    return Input(shown(path), hashlib.sha256(data).hexdigest(), len(data))


def input_of(path: Path) -> Input:
    """The record of an input that is read as a stream.

    The hash of a large file is remembered by device, inode, size and times, as hashing 100 MB takes longer than
    everything else of a second opening.
    """
    try:
        state = path.stat()
        if not stat.S_ISREG(state.st_mode):
            raise InputError(shown(path), "not a regular file")
        if state.st_size > LARGEST:
            raise InputError(shown(path), f"larger than the limit of {LARGEST} bytes")
        key = f"sha256:{state.st_dev}:{state.st_ino}:{state.st_size}:{state.st_mtime_ns}:{state.st_ctime_ns}"
        # A file changed within the clock's step may change again without new times: such a hash is not remembered.
        large = state.st_size > _REMEMBERED and time.time() - state.st_ctime > 5
        known = default_cache().get(key) if large else None
        if known is not None and len(known) == 64:
            return Input(shown(path), known.decode("ascii", "replace"), state.st_size)
        digest = hashlib.sha256()
        with path.open("rb") as file:
            while piece := file.read(_STEP):
                digest.update(piece)
    except OSError as error:
        raise InputError(shown(path), error.strerror or str(error)) from error
    except ValueError as error:
        raise InputError(shown(path), str(error)) from error
    if large:
        default_cache().put(key, digest.hexdigest().encode())
    return Input(shown(path), digest.hexdigest(), state.st_size)
