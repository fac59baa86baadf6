# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Write the files that people ask for: whole or not at all."""

from __future__ import annotations

import os
import stat
import tempfile
from pathlib import Path

from kfuncscope.errors import SessionError


def write_file(path: str | Path, data: bytes) -> None:
    """Write a file that is whole or not there. Raises SessionError where that cannot be done.

    A link stays one; what is there and no file, as a device or a pipe, is written into and not replaced. A file that
    is written over keeps its mode, owner and group: what was private stays private.
    """
    try:
        target = Path(os.path.realpath(path))
        before = target.stat() if target.exists() else None
        if before is not None and not stat.S_ISREG(before.st_mode):
            target.write_bytes(data)
            return
        handle, temporary = tempfile.mkstemp(prefix=f".{target.name[:40]}.", dir=target.parent)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
                _take_over(handle, before)
            os.replace(temporary, target)
        except BaseException:
            os.unlink(temporary)
            raise
    except OSError as bad:
        raise SessionError(str(path), f"cannot be written: {bad.strerror or bad}") from bad


def _take_over(handle: int, before: os.stat_result | None) -> None:
    """Give a new file the mode, owner and group of the one that it replaces; the usual mode where there was none."""
    if before is None:
        os.fchmod(handle, 0o666 & ~_umask())
        return
    mode = stat.S_IMODE(before.st_mode) & 0o777
    made = os.fstat(handle)
    if (made.st_uid, made.st_gid) != (before.st_uid, before.st_gid):
        try:
            os.fchown(handle, before.st_uid, before.st_gid)
        except OSError:
            # Only root gives files away. Where at least the group can stay it does; what was for another group is for
            # the owner alone then, and never for more people than before.
            try:
                os.fchown(handle, -1, before.st_gid)
            except OSError:
                mode &= ~0o070
    os.fchmod(handle, mode)


def _umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask
