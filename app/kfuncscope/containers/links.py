# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Links inside an archive: whether what they lead to is in it, where it is read in its own place."""

from __future__ import annotations

from bisect import bisect_left

from kfuncscope.containers.archive import Member
from kfuncscope.containers.tar import Entry
from kfuncscope.containers.unpack import bare_name
from kfuncscope.errors import InputError

_LONGEST = 4096  # of a path, as Linux has it
_MOST_KEPT = 16 << 20
_PER_NAME = 150  # bytes that a string and its place in a set take beyond its letters
_HOPS = 40  # as Linux follows them
_STEPS = 100_000


class ArchiveLinks:
    """The names of an archive: its files, and its links with their targets.

    Not more than 16 MB of them are kept, and paths are not followed for longer than a second or so: beyond that, a link
    counts as one that leads nowhere.
    """

    def __init__(self) -> None:
        self._files: set[str] = set()
        self._links: dict[str, str] = {}
        self._sorted: list[str] = []
        self._kept = 0
        self._steps = 0

    def add(self, member: Member) -> str:
        """Know a member. Why a link cannot be followed, empty where nothing is wrong with it so far."""
        target = ""
        if member.kind in (Entry.LINK, Entry.HARD):
            if member.size > _LONGEST:
                return "a link with a target that is too long"
            try:
                target = member.read().decode("utf-8", "backslashreplace")[:_LONGEST]
            except InputError as error:
                return error.reason
            if member.kind is Entry.HARD:
                target = "/" + target
        self._kept += len(member.path) + len(target) + _PER_NAME
        if self._kept <= _MOST_KEPT and len(member.path) <= _LONGEST:
            if target:
                self._links[member.path] = target
            elif member.kind is Entry.FILE:
                self._files.add(member.path)
        elif target:
            return "a link, and there are too many names in the archive to follow it"
        return ""

    def dangling(self, ending: str) -> list[tuple[str, str]]:
        """(path, target) of each link of a name with this ending that leads to nothing in the archive."""
        self._sorted = sorted(self._files) if self._links else []
        return [(p, t) for p, t in self._links.items() if bare_name(p).endswith(ending) and not self._leads(p)]

    def _leads(self, path: str) -> bool:
        """Whether a path leads to a file or folder of the archive, also through links to folders."""
        rest, at, hops = path.split("/")[::-1], list[str](), 0
        while rest:
            part = rest.pop()
            self._steps += 1
            if self._steps > _STEPS:
                return False
            if part in ("", "."):
                continue
            if part == "..":
                del at[-1:]
                continue
            here = "/".join((*at, part))
            target = self._links.get(here)
            if target is None:
                at.append(part)
                continue
            hops += 1
            if hops > _HOPS:
                return False
            if target.startswith("/"):
                at.clear()
            rest += target.split("/")[::-1]
        whole = "/".join(at)
        first = bisect_left(self._sorted, f"{whole}/")
        below = self._sorted[first : first + 1]
        return not whole or whole in self._files or bool(below and below[0].startswith(f"{whole}/"))
