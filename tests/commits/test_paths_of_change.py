# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Changes that go by other files, other branches or other hashes: the commit named is still the one that made them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest

from kfuncscope.commits.declared import Subject
from kfuncscope.commits.git import Git
from kfuncscope.commits.locate import MOST_FILES, Places
from kfuncscope.commits.search import with_origins
from kfuncscope.model.origin import Found, Origin
from kfuncscope.model.verdict import NeedKind
from support.kernelhistory import Told, analysis
from support.kernelrepo import KernelRepo

K = NeedKind
ONE = "int one(int a)\n{\n\treturn a;\n}\n"
TWO = "int two(int a)\n{\n\treturn a;\n}\n"


@pytest.fixture
def repo(tmp_path: Path) -> KernelRepo:
    """A release that has one() and two() in one file."""
    repo = KernelRepo(tmp_path / "linux")
    repo.put("kernel/a.c", ONE + TWO)
    repo.put("include/linux/a.h", "struct a {\n\tint field;\n};\n")
    repo.commit("one")
    repo.tag("v6.1")
    return repo


def origins(repo: KernelRepo, *asked: Told, git: Git | None = None, old: str = "6.1.0") -> list[Origin]:
    """What is found between a release and v6.2, which ends here."""
    repo.tag("v6.2")
    return list(with_origins(analysis(asked, old, "6.2.0"), git or Git(str(repo.root))).origins)


REMOVED = Told(K.HOOK, "one", True, "")


def test_removed_from_one_part_of_a_file_that_was_split(repo: KernelRepo) -> None:
    repo.git("rm", "-q", "kernel/a.c")
    repo.put("kernel/b.c", TWO)
    repo.put("kernel/c.c", ONE)
    repo.commit("kernel: Split a.c")
    repo.put("kernel/c.c", "/* nothing */\n")
    gone = repo.commit("kernel: Remove one()")
    assert [(o.found, o.commit) for o in origins(repo, REMOVED)] == [(Found.COMMIT, gone)]


def test_removed_at_last_from_a_copy_in_the_large_folders(repo: KernelRepo) -> None:
    """The copy is at neither release, and the first removal does not end it."""
    repo.put("drivers/copy.c", ONE)
    repo.commit("drivers: Copy one()")
    repo.put("kernel/a.c", TWO)
    repo.commit("kernel: Remove one()")
    repo.put("drivers/copy.c", "/* nothing */\n")
    gone = repo.commit("drivers: Remove one()")
    assert [(o.found, o.commit) for o in origins(repo, REMOVED)] == [(Found.COMMIT, gone)]


def test_a_field_retyped_on_its_way_to_another_header(repo: KernelRepo) -> None:
    repo.put("include/linux/a.h", "/* in b.h */\n")
    repo.put("include/linux/b.h", "struct a {\n\tlong field;\n};\n")
    moved = repo.commit("a: Move and retype")
    found = origins(repo, Told(K.FIELD, "struct a.field", False, ""))
    assert [(o.found, o.commit) for o in found] == [(Found.COMMIT, moved)]


def test_removed_restored_and_removed_between_two_releases_of_many(repo: KernelRepo) -> None:
    for number in range(2):
        repo.put("kernel/a.c", TWO)
        gone = repo.commit(f"kernel: Remove one(), {number}")
        if not number:
            repo.put("kernel/a.c", ONE + TWO)
            repo.commit("Revert")
    assert [(o.found, o.commit) for o in origins(repo, REMOVED)] == [(Found.COMMIT, gone)]


def test_the_same_change_on_two_branches(repo: KernelRepo) -> None:
    """Each of both made it; what is named is one of them, not the merge."""
    repo.git("checkout", "-q", "-b", "side")
    made = [repo.change("kernel/a.c", "one(int a)", "one(long a)", "side: a longer one")]
    repo.git("checkout", "-q", "master")
    made.append(repo.change("kernel/a.c", "one(int a)", "one(long a)", "master: a longer one"))
    repo.days += 1
    repo.git("merge", "-q", "--no-ff", "-m", "Merge branch 'side'", "side")
    (found,) = origins(repo, Told(K.HOOK, "one", False, ""))
    assert found.commit in made


def test_a_backport_has_its_own_hash(repo: KernelRepo) -> None:
    """From a release without it the commit of the main line; from a stable one that has it already, none."""
    repo.git("checkout", "-q", "-b", "stable")
    repo.put("kernel/a.c", TWO)
    repo.commit("kernel: Remove one()", f"commit {'ab' * 20} upstream.")
    repo.tag("v6.1.1")
    repo.git("checkout", "-q", "master")
    repo.put("kernel/a.c", TWO)
    gone = repo.commit("kernel: Remove one()")
    assert [(o.found, o.commit) for o in origins(repo, REMOVED)] == [(Found.COMMIT, gone)]
    later = with_origins(analysis((REMOVED,), "6.1.1", "6.2.0"), Git(str(repo.root))).origins
    assert [o.commit for o in later] == [""]


class Counted(Git):
    """git that notes the versions of files that are read by their hash."""

    def __init__(self, root: str) -> None:
        super().__init__(root)
        self.read: list[str] = []

    def contents(self, names: Iterable[str]) -> dict[str, bytes]:
        asked = list(names)
        self.read += [name for name in asked if ":" not in name]
        return super().contents(asked)


def test_each_version_of_a_file_is_searched_once(repo: KernelRepo) -> None:
    """Two removals: after the first, b.c and what is left of a.c differ from the end; after the second, b.c alone."""
    repo.put("kernel/b.c", "int b;\n")
    repo.put("kernel/a.c", TWO)
    first = repo.commit("kernel: Remove one()")
    repo.put("kernel/a.c", "/* nothing */\n")
    second = repo.commit("kernel: Remove two()")
    repo.put("kernel/b.c", "long b;\n")
    repo.commit("kernel: Another b")
    git = Counted(str(repo.root))
    found = origins(repo, REMOVED, Told(K.HOOK, "two", True, ""), git=git)
    assert {o.name: o.commit for o in found} == {"one": first, "two": second}
    others = [repo.git("rev-parse", f"{commit}:kernel/b.c") for commit in (first, second)]
    assert others[0] == others[1] and git.read.count(others[0]) == 1


@pytest.mark.parametrize("many", [MOST_FILES, MOST_FILES + 1])
def test_a_name_that_many_files_call(repo: KernelRepo, many: int) -> None:
    """A name in too many files to be read is not searched as declared; one below the bound is."""
    for number in range(many - 1):
        repo.put(f"fs/f{number}.c", f"int f{number}(int a)\n{{\n\treturn one(a) + other.one;\n}}\n")
    repo.commit("calls")
    repo.git("tag", "-d", "v6.1")
    repo.tag("v6.1")
    repo.tag("v6.2")
    places = Places(Git(str(repo.root)), "v6.1", "v6.2", [Subject("function", "one")])
    assert places.wide(Subject("function", "one")) is (many > MOST_FILES)


def test_a_common_word_without_a_declaration(repo: KernelRepo) -> None:
    """It is in very many files, called in none: what is said is that nothing declares it."""
    for number in range(MOST_FILES + 1):
        repo.put(f"fs/f{number}.c", "/* a cc of it */\n")
    repo.commit("words")
    repo.git("tag", "-d", "v6.1")
    repo.tag("v6.1")
    repo.commit("more")
    (found,) = origins(repo, Told(K.HOOK, "cc", True, ""))
    assert (found.found, found.note) == (Found.NOT_FOUND, "no declaration is recognised in v6.1")
