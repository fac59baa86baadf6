# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A history as large as the kernel's, from source trees of some of its releases, to measure a search of commits on.

What differs between two trees is cut into its hunks; each commit carries a few of them, on one of two side branches
that are merged again. What git has to search is real text, how it got there is not: messages name files alone.

    python -m support.largehistory REPOSITORY v5.10=TREE v6.12=TREE …
"""

from __future__ import annotations

import os
import random
import re
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import IO, NamedTuple

_FILES = re.compile(r".*\.[chS]|(.*/)?Kconfig[^/]*|(.*/)?Makefile")
_HUNK = re.compile(rb"@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@")
MOST_VERSIONS = 300
"""Versions of one file between two releases: about as many as the busiest files of the kernel have."""
_BRANCH, _EVENTS = 30, 2  # commits of a side branch; files of a commit
_START, _WHO = 1_600_000_000, b"A. Author <a@example.org>"


class Event(NamedTuple):
    """A file takes on a version, which is a mark of fast-import; 0 where it goes."""

    path: bytes
    mark: int


class History:
    """Writes commits to ``git fast-import``."""

    def __init__(self, pipe: IO[bytes]) -> None:
        self._pipe = pipe
        self._marks = self.commits = 0

    def blob(self, content: bytes) -> int:
        """A version of a file; its mark."""
        self._marks += 1
        self._pipe.write(b"blob\nmark :%d\ndata %d\n%s\n" % (self._marks, len(content), content))
        return self._marks

    def commit(self, subject: bytes, events: list[Event], parents: tuple[int, ...] = ()) -> int:
        """A commit; its mark."""
        self._marks += 1
        self.commits += 1
        when = b"%s %d +0000" % (_WHO, _START + 600 * self.commits)
        lines = [b"commit refs/heads/master", b"mark :%d" % self._marks, b"author " + when, b"committer " + when]
        lines += [b"data %d" % len(subject), subject]
        lines += [b"%s :%d" % (b"merge" if n else b"from", parent) for n, parent in enumerate(parents)]
        lines += [b"M 100644 :%d %s" % (e.mark, e.path) if e.mark else b"D " + e.path for e in events]
        self._pipe.write(b"\n".join([*lines, b"", b""]))
        return self._marks

    def tag(self, name: str, commit: int) -> None:
        """A release."""
        self._pipe.write(b"reset refs/tags/%s\nfrom :%d\n\n" % (name.encode(), commit))


def files(root: Path) -> dict[bytes, Path]:
    """The source files of a tree, by path."""
    found = {}
    for folder, _, names in os.walk(root):
        for name in names:
            path = Path(folder, name)
            inside = str(path.relative_to(root))
            if _FILES.fullmatch(inside) and path.is_file() and not path.is_symlink():
                found[inside.encode()] = path
    return dict(sorted(found.items()))


def versions(old: Path, new: Path) -> Iterator[bytes]:
    """The states of a file on its way from one release to the next, the last of them as it is there."""
    before, after = (path.read_bytes().splitlines(keepends=True) for path in (old, new))
    if before == after:
        return
    words = ["git", "diff", "--no-index", "--no-color", "--no-ext-diff", "-U0", "--", str(old), str(new)]
    said = subprocess.run(words, capture_output=True).stdout
    ends = []
    for line in said.split(b"\n"):
        if found := _HUNK.match(line):
            was, length, now, size = (int(part) if part is not None else 1 for part in found.groups())
            ends.append((was + length - 1 if length else was, now + size - 1 if size else now))
    step = -(-len(ends) // MOST_VERSIONS) or 1
    for at, (was, now) in enumerate(ends, 1):
        if at % step == 0 and at < len(ends):
            yield b"".join([*after[:now], *before[was:]])
    yield b"".join(after)


def grow(history: History, base: int, old: Path, new: Path, chance: random.Random) -> int:
    """The commits from one release to the next; the last."""
    were, are = files(old), files(new)
    timed: list[tuple[float, Event]] = []
    for path in sorted(were.keys() | are.keys()):
        if path not in are:
            timed.append((chance.random(), Event(path, 0)))
        elif path not in were:
            timed.append((chance.random(), Event(path, history.blob(are[path].read_bytes()))))
        else:
            marks = [history.blob(text) for text in versions(were[path], are[path])]
            timed += zip(sorted(chance.random() for _ in marks), (Event(path, m) for m in marks), strict=True)
    timed.sort(key=lambda one: one[0])
    events = [event for _, event in timed]
    head, size = base, 2 * _BRANCH * _EVENTS
    for at in range(0, len(events), size):
        head = _merged(history, head, events[at : at + size])
    return head


def _merged(history: History, head: int, events: list[Event]) -> int:
    """Two side branches from one commit, of different files, merged one after the other."""
    sides: dict[int, list[Event]] = defaultdict(list)
    for event in events:
        sides[len(event.path) % 2].append(event)
    base = head
    for side in sides.values():
        tip = base
        for at in range(0, len(side), _EVENTS):
            part = list({e.path: e for e in side[at : at + _EVENTS]}.values())
            tip = history.commit(b"%s: Change" % part[0].path, part, (tip,))
        whole = list({e.path: e for e in side}.values())
        head = history.commit(b"Merge branch 'side'", whole, (head, tip))
    return head


def main(words: list[str]) -> None:
    """Make a repository of trees."""
    root, *given = words
    releases = [(name, Path(tree)) for name, _, tree in (word.partition("=") for word in given)]
    subprocess.run(["git", "init", "-q", "--bare", root], check=True)
    process = subprocess.Popen(["git", "fast-import", "--quiet", "--depth=50"], cwd=root, stdin=subprocess.PIPE)
    assert process.stdin is not None
    history, chance = History(process.stdin), random.Random(1)
    first, tree = releases[0]
    start = [Event(path, history.blob(place.read_bytes())) for path, place in files(tree).items()]
    head = history.commit(b"The first release", start)
    history.tag(first, head)
    for (_, old), (name, new) in pairwise(releases):
        head = grow(history, head, old, new, chance)
        history.tag(name, head)
        print(f"{name}: {history.commits} commits", flush=True)
    process.stdin.close()
    if process.wait():
        sys.exit("git fast-import failed")
    subprocess.run(["git", "commit-graph", "write", "--reachable"], cwd=root, check=True)


if __name__ == "__main__":
    main(sys.argv[1:])
