# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Read files from the disk: bounded, hashed, with every system error turned into an InputError."""

from __future__ import annotations

import hashlib
import stat
from collections.abc import Callable
from pathlib import Path

from kfuncscope.errors import InputError
from kfuncscope.intake.files import Input

LARGEST = 4 << 30
"""Largest file that is read at all, in bytes."""

Progress = Callable[[int, int, str], None]
"""Told (done, total, label) as work goes on; it cancels by raising, and its exception goes through unchanged."""


def read_file(path: Path, limit: int = LARGEST) -> bytes:
    """The bytes of a regular file. Raises InputError when it cannot be read or is larger than ``limit``."""
    try:
        # Asked before opening, because opening a FIFO would wait for a writer.
        if not stat.S_ISREG(path.stat().st_mode):
            raise InputError(str(path), "not a regular file")
        with path.open("rb") as file:
            # Files of /sys and /proc tell the size 0 or a page; so read one byte more than allowed and look.
            data = file.read(limit + 1)
    except OSError as error:
        raise InputError(str(path), error.strerror or str(error)) from error
    if len(data) > limit:
        raise InputError(str(path), f"larger than the limit of {limit} bytes")
    return data


def as_input(path: Path, data: bytes) -> Input:
    """The record of an input that was read whole."""
    return Input(str(path), hashlib.sha256(data).hexdigest(), len(data))
