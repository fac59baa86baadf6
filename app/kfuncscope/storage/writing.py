# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Write the files that people ask for: whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import glob
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
        _sweep(target)
        if not _written_unnamed(target, data, before):
            _written_aside(target, data, before)
    except OSError as bad:
        raise SessionError(str(path), f"cannot be written: {bad.strerror or bad}") from bad


def _aside(target: Path) -> str:
    """How the names of files begin that are to become ``target``."""
    return f".{target.name[:40]}.kfuncscope-"


def _written_unnamed(target: Path, data: bytes, before: os.stat_result | None) -> bool:
    """Write into a file without a name, which goes with its process, and name it when it is whole.

    False where the file system has no such files.
    """
    try:
        handle = os.open(target.parent, os.O_TMPFILE | os.O_WRONLY | os.O_CLOEXEC, 0o600)
    except OSError as error:
        if error.errno in (errno.EOPNOTSUPP, errno.EISDIR, errno.ENOENT, errno.EINVAL):
            return False
        raise
    with os.fdopen(handle, "wb") as file:
        file.write(data)
        file.flush()
        _take_over(handle, before)
        temporary = target.parent / f"{_aside(target)}{os.urandom(8).hex()}"
        try:
            # With a folder's handle, which an absolute path does not need, Python calls linkat(), which follows.
            os.link(f"/proc/self/fd/{handle}", temporary, src_dir_fd=handle, follow_symlinks=True)
        except OSError:
            return False  # without /proc, say
        _moved(temporary, target)
    return True


def _written_aside(target: Path, data: bytes, before: os.stat_result | None) -> None:
    handle, temporary = tempfile.mkstemp(prefix=_aside(target), dir=target.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)  # as long as it is held, the file is not left over
            file.write(data)
            file.flush()
            _take_over(handle, before)
            os.replace(temporary, target)
    except BaseException:
        os.unlink(temporary)
        raise


def _moved(temporary: Path, target: Path) -> None:
    try:
        os.replace(temporary, target)
    except BaseException:
        os.unlink(temporary)
        raise


def _sweep(target: Path) -> None:
    """Remove what runs that were killed left of an earlier writing of this file: nobody holds the lock of it."""
    for left in target.parent.glob(glob.escape(_aside(target)) + "*"):
        with contextlib.suppress(OSError):
            handle = os.open(left, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                os.unlink(left)
            finally:
                os.close(handle)


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
