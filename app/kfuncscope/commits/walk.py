# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""From two releases to the commit between them: candidates by pickaxe, newest first, each proven by reading its files.

A commit is proven where the declaration stands in every parent as it was, and after it as it is in the new release. A
declaration that a commit takes to another file is followed there: that is a move, not a removal.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import NamedTuple

from kfuncscope.commits.declared import Subject
from kfuncscope.commits.git import Git, TimeOverError
from kfuncscope.commits.locate import Facts, Places, declaring, facts, read

_AT_ONCE = 16
_MOST = 400
_MOVES = 8
_EARLIER = 3
_LOG = ("log", "--format=%H %P", "--no-ext-diff", "--no-textconv", "--no-color", "--full-history")
_PLAIN = ("--no-merges",)
_MERGES = ("-m", "--first-parent", "--merges")


class Range(NamedTuple):
    """What is walked: the commits that ``new`` has and ``old`` has not."""

    old: str
    new: str


class Step(NamedTuple):
    """One commit that made the change; ``proven`` as the module says. ``earlier`` changed the declaration before it."""

    commit: str
    proven: bool
    earlier: tuple[str, ...] = ()


def step(git: Git, span: Range, subject: Subject, files: list[str], places: Places, built: bool = False) -> Step | None:
    """The last commit that brought the declaration into the state that it has at the end; None where none is found.

    ``files`` declare it at either end, as ``places`` knows them. With ``built`` a difference of storage class or of the
    options around the declaration counts too.
    """
    known = list(dict.fromkeys(files))
    for _ in range(_MOVES):
        walk = _Walk(git, span, subject, known, places, built)
        found = walk.run()
        if found is None:
            return None
        try:
            moved = [path for path in walk.elsewhere(found.commit) if path not in known]
        except TimeOverError:  # where it may have gone is not known
            return found._replace(proven=False)
        if not moved:
            return found
        known += moved
    return None


class _Walk:
    def __init__(self, git: Git, span: Range, subject: Subject, files: list[str], places: Places, built: bool) -> None:
        self.git, self.span, self.subject, self.files, self.built = git, span, subject, files, built
        self.places = places
        self._facts: dict[str, Facts] = {}
        self._parents: dict[str, list[str]] = {}

    def run(self) -> Step | None:
        self._load([self.span.old, self.span.new])
        self.end = self._facts[self.span.new]
        seen: set[str] = set()
        likely: Step | None = None
        for words in self._stages():
            made: list[Step] = []
            listed = [c for c in self._candidates(words) if c not in seen]
            for at in range(0, len(listed), _AT_ONCE):
                part = listed[at : at + _AT_ONCE]
                self._load([one for c in part for one in (c, *self._parents[c])])
                made += [s for c in part if (s := self._judged(c)) is not None]
            seen.update(listed)
            if proven := [s for s in made if s.proven]:
                return self._last(proven)
            likely = likely or (made[0] if made else None)
        return likely

    def _last(self, proven: list[Step]) -> Step | None:
        """The newest step that leads to the end, with older ones that changed the declaration on the way there."""
        final = next((s for s in proven if self._same(self._facts[s.commit], self.end)), None)
        if final is None:
            return None
        older = proven[proven.index(final) + 1 :]
        return final._replace(earlier=tuple(s.commit for s in older[:_EARLIER]) if self.end.exists else ())

    def _stages(self) -> Iterator[tuple[str, ...]]:
        """Arguments of git log. What is gone was on a line with its name; a change need not touch that line, and is
        followed by the lines of the declaration. Not -S: it misses a commit that adds the word elsewhere in the file.
        """
        touched = (rf"-G\b{self.subject.word}\b",)
        yield from ((*_PLAIN, f"-L{line},{line2}:{path}") for path, line, line2 in self._lines())
        yield (*_PLAIN, *touched)
        if self.end.exists:
            yield _PLAIN
        yield (*_MERGES, *touched)

    def _lines(self) -> Iterator[tuple[str, int, int]]:
        texts = self.git.texts((self.span.new, path) for path in self.files)
        for (_, path), text in texts.items():
            for one in read(text, self.subject):
                yield path, text.count("\n", 0, one.start) + 1, text.count("\n", 0, one.end) + 1

    def _candidates(self, words: tuple[str, ...]) -> list[str]:
        """Commits of one stage, newest first."""
        traced = words[-1].startswith("-L")
        rest = ["-s"] if traced else ["--", *self.files]
        log = [w for w in _LOG if not (traced and w == "--full-history")]
        between = f"{self.span.old}..{self.span.new}"
        out = self.git.run(*log, f"--max-count={_MOST}", *words, between, *rest)
        commits = []
        for line in out.decode("ascii", "replace").splitlines():
            commit, *parents = line.split()
            self._parents[commit] = parents
            commits.append(commit)
        return list(dict.fromkeys(commits))

    def _load(self, commits: list[str]) -> None:
        missing = [c for c in dict.fromkeys(commits) if c not in self._facts]
        texts = self.git.texts((c, path) for c in missing for path in self.files)
        for commit in missing:
            there = [texts[commit, path] for path in self.files if (commit, path) in texts]
            self._facts[commit] = facts(there, self.subject)

    def _judged(self, commit: str) -> Step | None:
        """Whether a commit changed the declaration, and whether it did so to each of its parents."""
        after, before = self._facts[commit], [self._facts[p] for p in self._parents[commit]]
        changed = [b.exists and not self._same(b, after) for b in before]
        return Step(commit, all(changed)) if any(changed) else None

    def _same(self, one: Facts, other: Facts) -> bool:
        if not (one.exists and other.exists):
            return one.exists == other.exists
        return one.built == other.built if self.built else one.seen == other.seen

    def elsewhere(self, commit: str) -> list[str]:
        """Files that declare the thing still where it should be gone, or that a commit took it from or to."""
        if not self.end.exists:
            return self.places.still(commit, self.subject)
        found: dict[str, None] = {}
        for parent in self._parents[commit]:
            out = self.git.run("diff-tree", "-r", "-z", "--no-renames", "--name-only", parent, commit)
            paths = [path for path in out.split(b"\0") if path.endswith((b".c", b".h")) or b"Kconfig" in path]
            touched = [os.fsdecode(path) for path in paths]
            for place in (parent, commit):
                found |= dict.fromkeys(declaring(self.git, place, self.subject, touched))
        return list(found)
