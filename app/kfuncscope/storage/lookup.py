# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What a path is, where "may not be looked at" differs from "is not there".

``Path.is_file`` and its relatives answer False for both from Python 3.14 on, so a file in a folder that may not be
searched would be passed over in silence. These raise OSError there, on every release.
"""

from __future__ import annotations

import errno
import stat
from pathlib import Path

_ABSENT = (errno.ENOENT, errno.ENOTDIR, errno.EBADF, errno.ELOOP)


def _mode(path: Path) -> int:
    """The mode of what ``path`` leads to; 0 where there is nothing, or where no name is like this."""
    try:
        return path.stat().st_mode
    except OSError as error:
        if error.errno in _ABSENT:
            return 0
        raise
    except ValueError:  # a NUL byte in the name
        return 0


def exists(path: Path) -> bool:
    """Whether anything is there."""
    return _mode(path) != 0


def is_file(path: Path) -> bool:
    """Whether it is a regular file, or a link to one."""
    return stat.S_ISREG(_mode(path))


def is_dir(path: Path) -> bool:
    """Whether it is a folder, or a link to one."""
    return stat.S_ISDIR(_mode(path))
