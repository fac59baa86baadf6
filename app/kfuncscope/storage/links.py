# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Symbolic links in folders: a link to a regular file stands for that file, which is read once."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from pathlib import Path

from kfuncscope.storage import lookup

NOT_FOLLOWED = "a link to a folder, which is not followed; give the folder itself"
NOT_REGULAR = "not a regular file"


class Links:
    """Which files of a walk to read: regular ones, and links to regular ones that are not read in their own place.

    ``roots`` are the files and folders that are read anyway. Links to folders are not followed, so a walk ends; those
    that lead out of the roots are to be listed.
    """

    def __init__(self, roots: Iterable[Path]) -> None:
        self._roots = [Path(os.path.realpath(root)) for root in roots]
        self._seen: set[str] = set()
        self.again = False
        """Whether the last link led to a file that is read in another place."""

    def readable(self, path: Path) -> bool:
        """Whether to read the file here. Raises OSError for a link that leads nowhere, or in a circle."""
        self.again = False
        mode = path.lstat().st_mode
        if not stat.S_ISLNK(mode):
            return stat.S_ISREG(mode)
        target = os.path.realpath(path, strict=True)
        if not lookup.is_file(Path(target)):
            return False
        self.again = target in self._seen or self._in_roots(target)
        self._seen.add(target)
        return not self.again

    def leads_out(self, folder: Path) -> bool:
        """Whether a folder that a walk found is a link to one that is not read anyway: what is below it is not."""
        return folder.is_symlink() and not self._in_roots(os.path.realpath(folder))

    def _in_roots(self, target: str) -> bool:
        return any(Path(target).is_relative_to(root) for root in self._roots)
