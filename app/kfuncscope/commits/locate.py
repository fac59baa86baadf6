# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Where things are declared at one commit: one ``git grep`` for all names, then the readers on what it found.

git tries the patterns of several ``-e`` one after the other on each file; one pattern of alternatives costs
about as much as one name.
"""

from __future__ import annotations

import fnmatch
import os
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from kfuncscope.commits.declared import Declaration, Subject
from kfuncscope.commits.git import Git, GitError, TimeOverError
from kfuncscope.commits.patterns import PATTERNS, WORD, Pattern
from kfuncscope.knowledge.build.csource.ctext import strip_comments

FOLDERS = (
    ("include", "kernel", "mm", "fs", "net", "block", "security", "io_uring"),
    ("drivers", "arch", "ipc", "init", "lib", "crypto", "sound", "virt"),
)
"""Where kernels declare what programs use: the second part, much the larger, only for what the first lacks."""
_REGISTERS = ":(exclude)drivers/gpu/drm/amd/include"
"""Half of all that is below ``drivers``: the numbers of registers."""
MOST_FILES = 300
_PATHS_AT_ONCE = 400
_BLOBS_AT_ONCE = 2_000  # held in memory
_NAMES_AT_ONCE = 200  # alternatives of one pattern


@dataclass(frozen=True, slots=True)
class Facts:
    """What some files declare of a thing at one commit, in no order. ``exists`` holds what makes the thing exist."""

    seen: tuple[str, ...] = ()
    built: tuple[str, ...] = ()
    exists: bool = False


def pattern(subject: Subject) -> Pattern:
    """The row of the table for a subject."""
    return WORD if subject.how == "word" else PATTERNS[subject.how]


def read(text: str, subject: Subject) -> list[Declaration]:
    """The declarations of a thing in one file."""
    if subject.word not in text:
        return []
    plain = text if pattern(subject).files != "*.[ch]" else strip_comments(text)
    return list(pattern(subject).reader(plain, subject))


def facts(texts: Iterable[str], subject: Subject) -> Facts:
    """The declarations of a thing in several files together: moving one from file to file changes nothing."""
    found = [one for text in texts for one in read(text, subject)]
    return Facts(
        tuple(sorted({one.seen for one in found})), tuple(sorted({f"{one.seen} {one.built}" for one in found})),
        any(one.main for one in found),
    )  # fmt: skip


def candidates(git: Git, commit: str, subjects: Sequence[Subject], folders: Sequence[str]) -> dict[Subject, list[str]]:
    """Files below some folders that may declare each subject."""
    found: dict[Subject, dict[str, None]] = defaultdict(dict)
    for files in dict.fromkeys(pattern(s).files for s in subjects):
        asked = [s for s in subjects if pattern(s).files == files]
        paths = [f"{folder}/{files}" for folder in folders]
        _grep(git, commit, asked, [*paths, _REGISTERS], found, literal=False)
    return {subject: list(paths) for subject, paths in found.items()}


def _grep(
    git: Git, commit: str, subjects: Sequence[Subject], paths: Sequence[str],
    found: dict[Subject, dict[str, None]], literal: bool,
) -> None:  # fmt: skip
    asked = ["-z", "-o", "-I", "-E", *_expressions(subjects)]
    out = git.run("grep", *asked, commit, "--", *paths, ok=(0, 1), literal=literal)
    for path, subject in _matches(out, subjects):
        found[subject][path.partition(":")[2]] = None


def _expressions(subjects: Sequence[Subject]) -> list[str]:
    """Arguments of git grep for some subjects: few patterns, each of many alternatives."""
    forms = [_bounded(form) for form in dict.fromkeys(map(_form, subjects))]
    parts = [forms[at : at + _NAMES_AT_ONCE] for at in range(0, len(forms), _NAMES_AT_ONCE)]
    return [word for part in parts for word in ("-e", "|".join(part))]


def _matches(out: bytes, subjects: Sequence[Subject]) -> Iterator[tuple[str, Subject]]:
    """(what git calls the file, a subject that the match may be of), from what git grep printed."""
    by_word: dict[str, list[Subject]] = defaultdict(list)
    for subject in subjects:
        by_word[_word(_form(subject))].append(subject)
    for line in out.split(b"\n"):
        path, zero, match = line.partition(b"\0")
        if zero:
            for subject in by_word.get(_word(match.decode("utf-8", "replace")), ()):
                yield os.fsdecode(path), subject


def _bounded(form: str) -> str:
    """A form that begins and, where it ends in a letter, ends at the bounds of a word."""
    return rf"\b{form}\b" if re.search(r"\w$", form) else rf"\b{form}"


def _form(subject: Subject) -> str:
    return pattern(subject).locate.format(name=subject.name or subject.member, member=subject.member)


def _word(match: str) -> str:
    """The name that a match, or the pattern for it, ends in; a helper's without its prefix."""
    found = re.findall(r"\w+", match)
    return str(found[-1]).removeprefix("bpf_") if found else ""


def everywhere(git: Git, commit: str, subject: Subject) -> list[str]:
    """All files that declare a subject at a commit. Raises GitError where too many hold its name."""
    paths = [p for folders in FOLDERS for p in candidates(git, commit, [subject], folders).get(subject, ())]
    if len(paths) > MOST_FILES:
        raise GitError(git.path, f"{subject.word} is in more than {MOST_FILES} files")
    return [path for (_, path), text in git.texts((commit, p) for p in paths).items() if read(text, subject)]


class Places:
    """Which files declare each subject at two commits.

    ``partly`` says what kept the large folders from being read; what stands in the others is known all the same.
    """

    def __init__(self, git: Git, old: str, new: str, subjects: Sequence[Subject]) -> None:
        self.git = git
        self._files: dict[tuple[str, Subject], list[str]] = defaultdict(list)
        self._wide: set[Subject] = set()
        self._held: dict[str, set[Subject]] = {}
        self._new, self._gone = new, list[Subject]()
        self.partly = ""
        for commit in (old, new):
            self._search(commit, subjects, FOLDERS[0])
        try:
            self._search(new, [s for s in subjects if not self._files[new, s]], FOLDERS[1])
            self._search(old, [s for s in subjects if not self._files[old, s]], FOLDERS[1])
        except TimeOverError as error:
            self.partly = error.reason
        self._gone = [s for s in subjects if not self._files[new, s] and s not in self._wide]

    def _search(self, commit: str, subjects: Sequence[Subject], folders: Sequence[str]) -> None:
        if not subjects:
            return
        for subject, paths in candidates(self.git, commit, subjects, folders).items():
            if len(paths) > MOST_FILES:
                self._wide.add(subject)
                continue
            texts = self.git.texts((commit, path) for path in paths)
            self._files[commit, subject] += [p for (_, p), text in texts.items() if read(text, subject)]

    def declared(self, commit: str, subject: Subject) -> bool:
        """Whether a file was found that declares a subject."""
        return bool(self._files[commit, subject])

    def files(self, commit: str, subject: Subject) -> list[str]:
        """The files. Raises GitError where the name is in too many to be read."""
        if subject in self._wide:
            raise GitError(self.git.path, f"{subject.word} is in more than {MOST_FILES} files")
        return self._files[commit, subject]

    def wide(self, subject: Subject) -> bool:
        """Whether the name is in too many files to be read."""
        return subject in self._wide

    def still(self, commit: str, subject: Subject) -> list[str]:
        """All files that declare at a commit what nothing declares at the new release.

        Files that are there as they are at the new release are not read again, and a version of a file is searched
        once, for all that is gone. Raises GitError where too many files hold the name.
        """
        if self.partly or subject not in self._gone:
            return everywhere(self.git, commit, subject)
        versions = self._versions(commit, pattern(subject).files)
        self._search_blobs([blob for blob in versions.values() if blob not in self._held])
        paths = [path for path, blob in versions.items() if subject in self._held[blob]]
        if len(paths) > MOST_FILES:
            raise GitError(self.git.path, f"{subject.word} is in more than {MOST_FILES} files")
        texts = self.git.texts((commit, path) for path in paths)
        return [path for (_, path), text in texts.items() if read(text, subject)]

    def _versions(self, commit: str, files: str) -> dict[str, str]:
        """path → blob of the files at a commit that are otherwise, or nowhere, at the new release."""
        folders = [folder for part in FOLDERS for folder in part]
        out = self.git.run(
            "diff-tree", "-r", "-z", "--raw", "--no-abbrev", "--no-renames", commit, self._new, "--", *folders
        )
        words = out.split(b"\0")
        found = {}
        for row, name in zip(words[::2], words[1::2], strict=False):
            mode, _, blob, *_ = row.decode("ascii", "replace").split(" ")
            path = os.fsdecode(name)
            fits = fnmatch.fnmatchcase(path, f"*/{files}") and not path.startswith(f"{_REGISTERS.partition(')')[2]}/")
            if mode.startswith(":100") and fits:
                found[path] = blob
        return found

    def _search_blobs(self, blobs: Sequence[str]) -> None:
        """Note which of what is gone some versions of files may declare; they are in the order of paths, as packed.

        Not git grep: for blobs by their hash it takes more than twice as long as reading them does.
        """
        missing = list(dict.fromkeys(blobs))
        forms = [(s, _word(_form(s)).encode(), re.compile(_bounded(_form(s)).encode())) for s in self._gone]
        for at in range(0, len(missing), _BLOBS_AT_ONCE):
            part = missing[at : at + _BLOBS_AT_ONCE]
            self._held.update((blob, set()) for blob in part)
            for blob, text in self.git.contents(part).items():
                self._held[blob].update(s for s, word, form in forms if word in text and form.search(text))


def declaring(git: Git, commit: str, subject: Subject, paths: Sequence[str]) -> list[str]:
    """Which of some files declare a subject at a commit."""
    found: dict[Subject, dict[str, None]] = defaultdict(dict)
    for at in range(0, len(paths), _PATHS_AT_ONCE):
        _grep(git, commit, [subject], paths[at : at + _PATHS_AT_ONCE], found, literal=True)
    texts = git.texts((commit, path) for path in list(found[subject])[:MOST_FILES])
    return [path for (_, path), text in texts.items() if read(text, subject)]
