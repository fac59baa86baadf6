# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The search: one for each cause of an analysis, whatever the number of programs that it hits."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace

from kfuncscope.commits.declared import Subject
from kfuncscope.commits.git import CancelledError, Git, GitError
from kfuncscope.commits.history import History, Range
from kfuncscope.commits.locate import Facts, Places, facts, pattern
from kfuncscope.commits.message import first_release, message, release_tag, release_tags
from kfuncscope.commits.patterns import subject_of
from kfuncscope.commits.walk import Step, step
from kfuncscope.knowledge.levels import linux_version
from kfuncscope.model.analysis import Analysis
from kfuncscope.model.causes import Cause, CauseKey, Change, causes_of
from kfuncscope.model.origin import Found, Origin

Progress = Callable[[int, int, str], None]
_MANY = 50  # files of one subject that are walked for with those of others
_MOST_WORDS = 20  # files that hold a name which no reader recognises as declared


def with_origins(analysis: Analysis, git: Git, progress: Progress = lambda done, total, what: None) -> Analysis:
    """The analysis with the origin of each of its causes.

    A cause whose search fails or takes too long says so. Raises GitError where the repository cannot be used at all,
    CancelledError where the search is cancelled.
    """
    git.check()
    tags = release_tags(git)
    by_pair: dict[tuple[str, str], list[Cause]] = defaultdict(list)
    for cause in causes_of(analysis):
        by_pair[_releases(analysis, cause)].append(cause)
    total = sum(map(len, by_pair.values()))
    found: list[Origin] = []
    for releases, causes in by_pair.items():
        search = Search(git, releases, tags, [c.key for c in causes])
        for cause in causes:
            progress(len(found), total, cause.title)
            found.append(search.origin(cause.key))
    return replace(analysis, origins=tuple(found))


def _releases(analysis: Analysis, cause: Cause) -> tuple[str, str]:
    """The releases between which a cause came about: those of the first architecture that it is on."""
    result = next(a for a in analysis.arches if a.arch == cause.arches[0])
    return result.old.release, result.new.release


def unusable(path: str) -> str:
    """Why a folder cannot be searched for commits, in one sentence; empty where it can."""
    git = Git(path)
    try:
        git.check()
        return "" if release_tags(git) else f"{path}: no tag of a Linux release; git fetch --tags may bring them"
    except GitError as error:
        return str(error)


class Search:
    """The causes of one pair of releases."""

    @classmethod
    def between_releases(cls, git: Git, releases: tuple[str, str], keys: list[CauseKey]) -> Search:
        """The search for some causes. Raises GitError for a repository that cannot be used."""
        git.check()
        return cls(git, releases, release_tags(git), keys)

    def __init__(self, git: Git, releases: tuple[str, str], tags: list[str], keys: list[CauseKey]) -> None:
        self.git, self.tags, self.releases, self.why = git, tags, releases, ""
        (self.old_tag, old), (self.new_tag, new) = (release_tag(git, release) for release in releases)
        self.span = Range(old, new)
        self._history: History | None = None
        self._ends: dict[Subject, tuple[Facts, Facts]] = {}
        for release, commit in zip(releases, self.span, strict=True):
            if not commit:
                self.why = f"the repository has no tag of release {release}; git fetch --tags may bring it"
                return
        self._subjects = list(dict.fromkeys(s for key in keys if (s := subject_of(key)) is not None))
        self._words: Places | None = None
        try:
            self.places = Places(git, old, new, self._subjects)
        except CancelledError:
            raise
        except GitError as error:
            self.why = error.reason

    @property
    def between(self) -> str:
        """The two tags, with the releases that they stand for where these have no tag of their own."""
        named = [
            tag if f"{tag[1:]}.0".startswith(linux_version(release) or release) else f"{tag} (for {release[:80]})"
            for tag, release in zip((self.old_tag, self.new_tag), self.releases, strict=True)
        ]
        return " .. ".join(named)

    def origin(self, key: CauseKey) -> Origin:
        """The origin of one cause."""
        made = Origin(key.kind, key.name, key.change.value, Found.NOT_SEARCHED)
        subject = subject_of(key)
        if self.why or subject is None:
            return replace(made, note=self.why or "nothing in the source declares it by this name")
        made = replace(made, between=self.between)
        if self.git.over:
            return replace(made, note="the time for the search was over")
        try:
            return self._searched(made, key, subject)
        except CancelledError:
            raise
        except GitError as error:
            return replace(made, note=error.reason)

    def _searched(self, made: Origin, key: CauseKey, subject: Subject) -> Origin:
        if self.span.old == self.span.new:
            return replace(made, found=Found.NOT_FOUND, note=f"both kernels are of {self.old_tag} in this repository")
        files = self._files(subject)
        before, after = self._at_ends(subject)
        unread = self.places.partly
        if not before.exists:
            return replace(made, note=unread) if unread else self._by_word(made, subject)
        if not after.exists:
            doubted = key.change is not Change.REMOVED or bool(unread)
            return self._named(made, step(self.history, subject, files, self.places), doubted)
        if before.seen != after.seen:
            doubted = key.change is not Change.CHANGED
            return self._named(made, step(self.history, subject, files, self.places), doubted)
        if before.built != after.built and key.change is not Change.CHANGED:
            return self._named(made, step(self.history, subject, files, self.places, built=True), True)
        return self._unchanged(made, key, subject)

    def _files(self, subject: Subject) -> list[str]:
        """The files that declare a subject at either release."""
        return list(dict.fromkeys(path for commit in self.span for path in self.places.files(commit, subject)))

    def _at_ends(self, subject: Subject) -> tuple[Facts, Facts]:
        """What is declared of a subject at the old release and at the new one."""
        if subject not in self._ends:
            files = self._files(subject)
            texts = self.git.texts((commit, path) for commit in self.span for path in files)
            old, new = ([text for (at, _), text in texts.items() if at == commit] for commit in self.span)
            self._ends[subject] = facts(old, subject), facts(new, subject)
        return self._ends[subject]

    @property
    def history(self) -> History:
        """The commits of the range, walked once for the files of all subjects that differ between its ends."""
        if self._history is None:
            self._history = History(self.git, self.span)
            differ = [s for s in self._subjects if not self.places.wide(s) and len(set(self._at_ends(s))) > 1]
            listed = [files for s in differ if len(files := self._files(s)) <= _MANY]
            self._history.know(path for files in listed for path in files)
        return self._history

    def _unchanged(self, made: Origin, key: CauseKey, subject: Subject) -> Origin:
        same = f"its declaration is the same in {self.old_tag} and {self.new_tag}"
        if key.change is Change.REMOVED and pattern(subject).build_only:
            return replace(made, found=Found.NO_CHANGE, note=f"{same}; the cause is build or configuration")
        return replace(made, found=Found.NOT_FOUND, note=f"{same}; the cause is build, configuration or other code")

    def _by_word(self, made: Origin, subject: Subject) -> Origin:
        """Where no reader knows a declaration at the old release: the commit that took out the last of the word."""
        word = Subject("word", subject.word)
        if self._words is None:  # of all at once: it takes as long as for one
            lacking = [s for s in self._subjects if not self.places.declared(self.span.old, s)]
            self._words = Places(self.git, *self.span, [Subject("word", s.word) for s in lacking])
        if self._words.partly:
            return replace(made, note=self._words.partly)
        wide = self._words.wide(word)
        old, new = ([] if wide else self._words.files(commit, word) for commit in self.span)
        if not old or new or len(old) > _MOST_WORDS:
            return replace(made, found=Found.NOT_FOUND, note=f"no declaration is recognised in {self.old_tag}")
        return self._named(made, step(self.history, word, old, self._words), True)

    def _named(self, made: Origin, found: Step | None, doubted: bool) -> Origin:
        if found is None:
            return replace(made, found=Found.NOT_FOUND, note="the declaration differs, and no commit shows why")
        said = message(self.git, found.commit)
        return replace(
            made,
            found=Found.COMMIT if found.proven and not doubted else Found.PROBABLY,
            commit=found.commit, author=said.author, date=said.date, subject=said.subject,
            link=said.link, upstream=said.upstream, earlier=found.earlier,
            release=first_release(self.git, found.commit, self.tags, self.new_tag),
        )  # fmt: skip
