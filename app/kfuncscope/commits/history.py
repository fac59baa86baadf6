# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What the commits between two releases did to some files: one walk of git for the files of all causes together.

Walking costs about the same for one file as for thirty, as nearly every commit touches none of them; and the versions
that it names are read at once, where ``git log -G`` makes a patch of each, for each cause again.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from kfuncscope.commits.git import Git, GitError

_LOG = (
    "log", "--format=%x01%H %P", "--raw", "-c", "-z", "--no-abbrev", "--no-renames", "--full-history",
    "--no-ext-diff", "--no-textconv", "--no-color",
)  # fmt: skip
_PATHS = 2_000  # paths of one walk; one thing is in as many files only in a repository that means harm


class Range(NamedTuple):
    """What is walked: the commits that ``new`` has and ``old`` has not."""

    old: str
    new: str


class Touch(NamedTuple):
    """A commit, its parents, and what it made of the files that differ from all of these: path → (blobs before, blob
    after). The blob of a file that is not there is nothing but zeros."""

    commit: str
    parents: tuple[str, ...]
    files: dict[str, tuple[tuple[str, ...], str]]


class History:
    """The commits of a range by the files that they touch."""

    def __init__(self, git: Git, span: Range) -> None:
        self.git, self.span = git, span
        self._known: dict[frozenset[str], list[Touch]] = {}

    def know(self, paths: Iterable[str]) -> None:
        """Walk the range for some files, so that none of them is asked for by itself. Raises GitError."""
        wanted = sorted(paths)
        for at in range(0, len(wanted), _PATHS):
            self._walked(frozenset(wanted[at : at + _PATHS]))

    def touching(self, paths: Iterable[str]) -> list[Touch]:
        """The commits that touch one of some files, newest first, with what they did to these. Raises GitError."""
        asked = frozenset(paths)
        listed = next((rows for known, rows in self._known.items() if asked <= known), None)
        found = []
        for one in listed if listed is not None else self._walked(asked):
            files = {path: blobs for path, blobs in one.files.items() if path in asked}
            if files:
                found.append(one._replace(files=files))
        return found

    def _walked(self, paths: frozenset[str]) -> list[Touch]:
        if paths not in self._known:
            if len(paths) > _PATHS:
                raise GitError(self.git.path, f"more than {_PATHS} files declare what is searched for")
            out = self.git.run(*_LOG, f"{self.span.old}..{self.span.new}", "--", *sorted(paths)) if paths else b""
            self._known[paths] = list(_touches(out))
        return self._known[paths]


def _touches(out: bytes) -> Iterator[Touch]:
    """The commits that git log printed: of each a line, and of each file a row of modes and blobs, then its path."""
    current: Touch | None = None
    words = iter(out.split(b"\0"))
    for word in words:
        text = word.lstrip(b"\n")
        if text.startswith(b"\1"):
            if current is not None:
                yield current
            commit, *parents = text[1:].decode("ascii", "replace").split()
            current = Touch(commit, tuple(parents), {})
        elif text.startswith(b":") and current is not None:
            before = len(text) - len(text.lstrip(b":"))
            row = text.lstrip(b":").decode("ascii", "replace").split(" ")
            blobs = row[before + 1 : 2 * before + 2]
            current.files[os.fsdecode(next(words, b""))] = tuple(blobs[:-1]), blobs[-1]
    if current is not None:
        yield current
