# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""SHA-256 of files, remembered between runs: what a file holds counts, its times only save reading it again.

A remembered hash is believed while device, inode, size and both times are what they were, and both times were older
than the memory by more than a file system's clock may lag: a file changed within that may change again unseen.
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
import stat
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from kfuncscope.storage.cache import default_cache

VERSION = 1
"""Part of the cache key; raised whenever the stored form changes."""

_LAG = 3 * 10**9
_STEP = 4 << 20
_MOST = 200_000
_HEX = re.compile(r"[0-9a-f]{64}")
# What lies here is made when it is read, and its times say nothing of it.
_LIVING = ("/proc/", "/sys/", "/dev/")


def now_ns() -> int:
    """The time, in nanoseconds since the epoch."""
    return time.time_ns()


def file_digest(path: str) -> str:
    """SHA-256 of a file, in hex. Raises OSError."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while piece := file.read(_STEP):
            digest.update(piece)
    return digest.hexdigest()


def signature(state: os.stat_result) -> list[int]:
    """What tells that a file is still the same one, unchanged."""
    return [state.st_dev, state.st_ino, state.st_size, state.st_mtime_ns, state.st_ctime_ns]


def settled(state: os.stat_result, now: int) -> bool:
    """Whether a file has not been touched for so long that its times would tell of the next change."""
    return max(state.st_mtime_ns, state.st_ctime_ns) < now - _LAG


def known_digest(where: str, known: list[Any] | None) -> tuple[str, list[Any] | None]:
    """SHA-256 of a regular file in hex, by ``known`` (its signature and SHA-256 of an earlier time) where that holds.

    And what is to be known the next time; None where times would not tell of a change. Raises OSError.
    """
    now = now_ns()
    state = os.stat(where)
    if not stat.S_ISREG(state.st_mode):
        raise OSError(errno.EINVAL, "not a regular file", where)
    if known is not None and known[:5] == signature(state):
        return str(known[5]), known
    found = file_digest(where)
    same = settled(state, now) and signature(os.stat(where)) == signature(state)
    return found, [*signature(state), found] if same and not where.startswith(_LIVING) else None


class Digests:
    """Hashes of the files that one purpose asks for, in one table of the cache; ``keep`` writes what is new."""

    def __init__(self, purpose: str) -> None:
        self._key = f"digests:{VERSION}:{purpose}"
        self._known = dict(self._load())
        self._asked: dict[str, list[Any]] = {}

    def _load(self) -> Iterator[tuple[str, list[Any]]]:
        pack = default_cache().pack(self._key)
        rows = pack.meta.get("files") if pack is not None else None
        for path, row in rows.items() if isinstance(rows, dict) else ():
            if isinstance(row, list) and len(row) == 6 and isinstance(row[5], str) and _HEX.fullmatch(row[5]):
                yield path, row

    def of(self, path: str | Path) -> str:
        """SHA-256 of a regular file in hex. Raises OSError."""
        where = os.path.abspath(path)
        found, known = known_digest(where, self._known.get(where))
        if known is not None:
            self._asked[where] = known
        return found

    def keep(self) -> None:
        """Remember what was asked for, for the next run; the rest of the table is forgotten."""
        if not self._asked or self._asked == self._known or len(self._asked) > _MOST:
            return
        default_cache().note(self._key, {"files": self._asked})
        self._known = self._asked
