# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""From two releases to the commit between them: those that changed what a file declares, newest first, each proven by
reading all files that declare the thing.

A commit is proven where the declaration stands in every parent as it was, and after it as it is in the new release. A
declaration that a commit takes to another file is followed there: that is a move, not a removal.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import NamedTuple

from kfuncscope.commits.declared import Subject
from kfuncscope.commits.git import Git, TimeOverError
from kfuncscope.commits.history import History, Touch
from kfuncscope.commits.locate import Facts, Places, declaring, facts, read

_FIRST, _MORE, _AT_ONCE = 16, 4, 128  # commits whose files are read at once: few at first, as the newest may do
_MOST_MERGES = 400
_MOVES = 8
_EARLIER = 3
_MERGES = (
    "log", "--format=%H %P", "--no-ext-diff", "--no-textconv", "--no-color", "--full-history", "-m", "--first-parent",
    "--merges", f"--max-count={_MOST_MERGES}",
)  # fmt: skip

Declared = frozenset[tuple[str, str, bool]]


class Step(NamedTuple):
    """One commit that made the change; ``proven`` as the module says. ``earlier`` changed the declaration before it."""

    commit: str
    proven: bool
    earlier: tuple[str, ...] = ()


def step(history: History, subject: Subject, files: list[str], places: Places, built: bool = False) -> Step | None:
    """The last commit that brought the declaration into the state that it has at the end; None where none is found.

    ``files`` declare it at either end, as ``places`` knows them. With ``built`` a difference of storage class or of the
    options around the declaration counts too.
    """
    known = list(dict.fromkeys(files))
    for _ in range(_MOVES):
        walk = _Walk(history, subject, known, places, built)
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
    def __init__(self, history: History, subject: Subject, files: list[str], places: Places, built: bool) -> None:
        self.git: Git = history.git
        self.history, self.span, self.subject, self.files, self.built = history, history.span, subject, files, built
        self.places = places
        self._facts: dict[str, Facts] = {}
        self._parents: dict[str, tuple[str, ...]] = {}
        self._declared: dict[str, Declared] = {}

    def run(self) -> Step | None:
        self._load([self.span.old, self.span.new])
        self.end = self._facts[self.span.new]
        likely: Step | None = None
        for stage in (self._changing, self._merges):
            made: list[Step] = []
            final: Step | None = None
            for part in stage():
                self._load([one for c in part for one in (c, *self._parents[c])])
                made += [s for c in part if (s := self._judged(c)) is not None]
                proven = [s for s in made if s.proven]
                final = next((s for s in proven if self._same(self._facts[s.commit], self.end)), None)
                older = proven[proven.index(final) + 1 :] if final is not None else []
                if final is not None and (not self.end.exists or len(older) >= _EARLIER):
                    break
            if final is not None:
                return final._replace(earlier=tuple(s.commit for s in older[:_EARLIER]) if self.end.exists else ())
            if any(s.proven for s in made):
                return None
            likely = likely or (made[0] if made else None)
        return likely

    def _changing(self) -> Iterator[list[str]]:
        """The commits after which a file declares something else than in each of their parents, newest first."""
        touched, at, size = self.history.touching(self.files), 0, _FIRST
        while part := touched[at : at + size]:
            self._read(part)
            self._parents.update((one.commit, one.parents) for one in part)
            yield [one.commit for one in part if any(self._differs(*blobs) for blobs in one.files.values())]
            at, size = at + size, min(size * _MORE, _AT_ONCE)

    def _read(self, touched: list[Touch]) -> None:
        """Read what versions of files declare, each once."""
        blobs = {b for one in touched for before, after in one.files.values() for b in (*before, after) if b.strip("0")}
        word = self.subject.word.encode()
        for blob, content in self.git.contents(blobs - self._declared.keys()).items():
            listed = read(content.decode("utf-8", "replace"), self.subject) if word in content else ()
            self._declared[blob] = frozenset((one.seen, one.built, one.main) for one in listed)

    def _differs(self, before: tuple[str, ...], after: str) -> bool:
        none: Declared = frozenset()
        now = self._declared.get(after, none)
        return all(self._declared.get(one, none) != now for one in before)

    def _merges(self) -> Iterator[list[str]]:
        """Merges that bring together what no parent had: the thing stood in another file in each of them."""
        between = f"{self.span.old}..{self.span.new}"
        out = self.git.run(*_MERGES, rf"-G\b{self.subject.word}\b", between, "--", *self.files)
        commits = []
        for line in out.decode("ascii", "replace").splitlines():
            commit, *parents = line.split()
            self._parents[commit] = tuple(parents)
            commits.append(commit)
        listed = list(dict.fromkeys(commits))
        yield from (listed[at : at + _FIRST] for at in range(0, len(listed), _FIRST))

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
