# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Read files from the disk: bounded, hashed, with every system error turned into an InputError."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Callable
from pathlib import Path

from kfuncscope.errors import InputError
from kfuncscope.storage.digests import Digests, file_digest
from kfuncscope.storage.files import Input

LARGEST = 4 << 30
"""Largest file that is read at all, in bytes."""

READ_WHOLE = 1 << 30
"""Largest file that is read into memory, in bytes."""

_REMEMBERED = 4 << 20

Progress = Callable[[int, int, str], None]
"""Told (done, total, label) as work goes on; it cancels by raising, and its exception goes through unchanged."""


def read_file(path: Path, limit: int = READ_WHOLE) -> bytes:
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
            state = os.fstat(file.fileno())
            if stat.S_ISREG(state.st_mode) and state.st_size > limit:
                raise too_large(path, limit)
            # Files of /sys and /proc tell the size 0 or a page; so read one byte more than allowed and look.
            data = file.read(limit + 1)
    except (OSError, ValueError) as error:
        raise InputError(shown(path), getattr(error, "strerror", "") or str(error)) from error
    if len(data) > limit:
        raise too_large(path, limit)
    return data


def too_large(path: str | Path, limit: int) -> InputError:
    """The error of a file over a limit."""
    return InputError(shown(path), f"larger than the limit of {limit} bytes")


_STANDING: dict[str, str] = {}


def stand_for(path: str, name: str) -> None:
    """Show the file at ``path`` as ``name`` from now on: it holds what came from elsewhere, in a folder of this run."""
    _STANDING[path] = name


def shown(path: str | Path) -> str:
    """A path as text that can be written anywhere: bytes of a name that are not UTF-8 become escapes."""
    text = os.fsencode(path).decode("utf-8", "backslashreplace")
    return _STANDING.get(text, text)


def as_input(path: Path, data: bytes) -> Input:
    """The record of an input that was read whole."""
    return Input(shown(path), hashlib.sha256(data).hexdigest(), len(data))


def input_of(path: Path) -> Input:
    """The record of an input that is read as a stream.

    The hash of a large file is remembered, as hashing 100 MB takes longer than everything else of a second opening.
    """
    try:
        state = path.stat()
        if not stat.S_ISREG(state.st_mode):
            raise InputError(shown(path), "not a regular file")
        if state.st_size > LARGEST:
            raise too_large(path, LARGEST)
        if state.st_size <= _REMEMBERED:
            return Input(shown(path), file_digest(os.fspath(path)), state.st_size)
    except (OSError, ValueError) as error:
        raise InputError(shown(path), getattr(error, "strerror", "") or str(error)) from error
    digests = Digests(shown(path.absolute()))
    found = Input(shown(path), digests.of(path), state.st_size)
    digests.keep()
    return found
