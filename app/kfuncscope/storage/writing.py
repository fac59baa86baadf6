# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Write the files that people ask for: whole or not at all."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from kfuncscope.errors import SessionError


def write_file(path: str | Path, data: bytes) -> None:
    """Write a file that is whole or not there. Raises SessionError where that cannot be done.

    A link stays one; what is there and no file, as a device or a pipe, is written into and not replaced.
    """
    try:
        target = Path(os.path.realpath(path))
        if target.exists() and not target.is_file():
            target.write_bytes(data)
            return
        handle, temporary = tempfile.mkstemp(prefix=f".{target.name[:40]}.", dir=target.parent)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
            os.chmod(temporary, 0o666 & ~_umask())
            os.replace(temporary, target)
        except BaseException:
            os.unlink(temporary)
            raise
    except OSError as bad:
        raise SessionError(str(path), f"cannot be written: {bad.strerror or bad}") from bad


def _umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask
