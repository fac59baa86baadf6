# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Every kind of change in a history that the test writes: the commit named is the one that made it, or none is."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from kfuncscope.commits.git import Git, TimeOverError
from kfuncscope.commits.search import with_origins
from kfuncscope.model.analysis import Analysis
from kfuncscope.model.origin import Found, Origin, origin_of
from kfuncscope.model.verdict import NeedKind
from support.kernelhistory import ASKED, Told, analysis, history
from support.kernelrepo import KernelRepo

K = NeedKind


def named(found: Analysis, one: Told) -> Origin:
    """The origin of the cause that a question is about."""
    names = {one.name, one.name.removeprefix("struct "), one.name.removeprefix("enum ")}
    change = "removed" if one.removed else "changed"
    return next(o for o in found.origins if o.name in names and o.change == change)


@pytest.fixture(scope="module")
def repo(tmp_path_factory: pytest.TempPathFactory) -> KernelRepo:
    return history(tmp_path_factory.mktemp("linux"))


@pytest.fixture(scope="module")
def found(repo: KernelRepo) -> Analysis:
    return with_origins(analysis(ASKED), Git(str(repo.root)))


@pytest.mark.parametrize("one", ASKED, ids=lambda one: f"{one.name}-{'removed' if one.removed else 'changed'}")
def test_commit_of_each_change(found: Analysis, one: Told) -> None:
    """The right commit with the right certainty, or the true reason why none is named."""
    origin = named(found, one)
    assert (origin.found, origin.subject) == (one.found, one.subject), origin.words
    assert bool(origin.commit) == bool(one.subject)
    assert origin.commit or origin.note


def test_what_is_said_of_a_commit(repo: KernelRepo, found: Analysis) -> None:
    """Hash, author, author's date, the first release, and of several links the one to the discussion."""
    origin = named(found, ASKED[0])
    assert origin.commit == repo.git("log", "--format=%H", "--grep=^sched_ext: Rename scx_consume")
    assert (origin.author, origin.date) == ("A. Author", repo.git("show", "-s", "--format=%as", origin.commit))
    assert (origin.release, origin.link) == ("v6.13", "https://lore.kernel.org/r/2024@example.org")
    assert origin.between == "v6.12 (for 6.12.107+deb13-amd64) .. v6.16 (for 6.16.3)"
    assert origin_of(found.origins, ("kfunc", "scx_consume", "removed")) is origin
    assert "first in v6.13" in origin.words and "scx_move_local()" in origin.words


@pytest.mark.parametrize(
    "name, release",
    [("hrtimer_init", "v6.14"), ("gone_in_merge", "v6.15"), ("hid_old_place", "v6.16"), ("scx_move", "v6.13")],
)
def test_first_release(repo: KernelRepo, found: Analysis, name: str, release: str) -> None:
    """As git describe says it, which looks at all tags; a candidate does not count as a release."""
    origin = next(o for o in found.origins if o.name == name)
    assert origin.release == release
    described = repo.git("describe", "--contains", "--match", "v*", "--exclude", "*-rc*", origin.commit)
    assert described.partition("~")[0].partition("^")[0] == release


def test_one_search_for_each_cause(repo: KernelRepo) -> None:
    """Ten programs with the same causes take as many calls of git as one."""
    calls = []
    for copies in (1, 10):
        git = Git(str(repo.root))
        with_origins(analysis(ASKED[:4], copies=copies), git)
        calls.append(git.calls)
    assert calls[0] == calls[1]


def test_twenty_causes_take_little_time(repo: KernelRepo) -> None:
    """Git on a small history: what is measured is what the search itself adds."""
    began = time.monotonic()
    result = with_origins(analysis(ASKED[:20]), Git(str(repo.root)))
    print(f"20 causes: {time.monotonic() - began:.2f} s")
    assert len(result.origins) == 20
    assert time.monotonic() - began < 60


def test_two_changes_name_the_last_and_the_one_before(tmp_path: Path) -> None:
    repo = KernelRepo(tmp_path / "linux")
    repo.put("kernel/a.c", "int twice(int a)\n{\n\treturn a;\n}\n")
    repo.commit("one")
    repo.tag("v6.1")
    first = repo.change("kernel/a.c", "(int a)", "(int a, int b)", "two parameters")
    last = repo.change("kernel/a.c", "(int a, int b)", "(int a, long b)", "a longer one")
    repo.tag("v6.2")
    result = with_origins(analysis((Told(K.HOOK, "twice", False, ""),), "6.1.0", "6.2.0"), Git(str(repo.root)))
    assert [(o.commit, o.earlier, o.found) for o in result.origins] == [(last, (first,), Found.COMMIT)]


class Hurried(Git):
    """git that has no time for the large folders: where a whole tree is asked about, or only at some commits."""

    def __init__(self, root: Path, *commits: str) -> None:
        super().__init__(str(root))
        self.refused, self.large = commits, 0

    def run(self, *arguments: str, stdin: bytes = b"", ok: Sequence[int] = (0,), literal: bool = True) -> bytes:
        if {"drivers/*.[ch]", "drivers"} & set(arguments):
            self.large += 1
            if not self.refused or any(c in arguments for c in self.refused):
                raise TimeOverError(self.path, "git grep took longer than it may")
        return super().run(*arguments, stdin=stdin, ok=ok, literal=literal)


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> tuple[KernelRepo, str]:
    """A repository with things below kernel/ and drivers/, and the commit that removes one."""
    repo = KernelRepo(tmp_path_factory.mktemp("large"))
    repo.put("kernel/a.c", "int stays(int a)\n{\n\treturn a;\n}\nint goes(int a)\n{\n\treturn a;\n}\n")
    repo.put("drivers/b.c", "int driven(int a)\n{\n\treturn a;\n}\n")
    repo.commit("one")
    repo.tag("v6.1")
    repo.change("kernel/a.c", "stays(int a)", "stays(long a)", "a longer one")
    gone = repo.change("kernel/a.c", "int goes(int a)\n{\n\treturn a;\n}\n", "", "gone")
    repo.change("drivers/b.c", "(int a)", "(long a)", "a longer driver")
    repo.tag("v6.2")
    return repo, gone


LARGE = (Told(K.HOOK, "stays", False, ""), Told(K.HOOK, "goes", True, ""), Told(K.HOOK, "driven", False, ""))


def test_what_the_large_folders_hold_is_not_needed_for_the_others(large: tuple[KernelRepo, str]) -> None:
    """Without time for them a change that stands elsewhere is proven, a removal probable; only theirs is not told."""
    repo, gone = large
    asked = analysis(LARGE, "6.1.0", "6.2.0")
    result = with_origins(asked, Git(str(repo.root)))
    assert {o.name: (o.found, o.subject) for o in result.origins} == {
        "stays": (Found.COMMIT, "a longer one"), "goes": (Found.COMMIT, "gone"),
        "driven": (Found.COMMIT, "a longer driver"),
    }  # fmt: skip
    hurried = {o.name: o for o in with_origins(asked, Hurried(repo.root)).origins}
    assert (hurried["stays"].found, hurried["stays"].subject) == (Found.COMMIT, "a longer one")
    assert (hurried["goes"].found, hurried["goes"].commit) == (Found.PROBABLY, gone)
    assert (hurried["driven"].found, hurried["driven"].note) == (
        Found.NOT_SEARCHED, "git grep took longer than it may",
    )  # fmt: skip


def test_a_removal_is_probable_where_nobody_saw_that_it_did_not_move(large: tuple[KernelRepo, str]) -> None:
    repo, gone = large
    result = with_origins(analysis(LARGE[1:2], "6.1.0", "6.2.0"), Hurried(repo.root, gone))
    assert [(o.found, o.commit) for o in result.origins] == [(Found.PROBABLY, gone)]


def test_the_large_folders_are_read_for_what_is_nowhere_else(large: tuple[KernelRepo, str]) -> None:
    """Once at the new release, once after a removal; at the old one only for what is declared nowhere else there."""
    repo, _ = large
    for asked, reads in ((LARGE[:1], 0), (LARGE[:2], 2), (LARGE, 3)):
        git = Hurried(repo.root, "none")
        with_origins(analysis(asked, "6.1.0", "6.2.0"), git)
        assert git.large == reads, asked


def test_stable_commit_names_its_upstream_commit(tmp_path: Path) -> None:
    """Between two stable releases the commit of the stable tree is named, with the one that it was made from."""
    repo = KernelRepo(tmp_path / "linux")
    repo.put("kernel/a.c", "int fixed(int a)\n{\n\treturn a;\n}\nint b(void)\n{\n\treturn 0;\n}\n")
    repo.commit("one")
    repo.tag("v6.12")
    repo.tag("v6.12.1")
    text = repo.text("kernel/a.c")
    repo.put("kernel/a.c", text[text.index("int b") :])
    repo.commit("kernel: Remove fixed()", f"commit {'ab' * 20} upstream.\n\nWhy.")
    repo.tag("v6.12.2")
    repo.commit("more")
    repo.tag("v6.12.3")
    origin = with_origins(
        analysis((Told(K.HOOK, "fixed", True, ""),), "6.12.1", "6.12.3"), Git(str(repo.root))
    ).origins[0]
    assert (origin.found, origin.upstream, origin.release) == (Found.COMMIT, "ab" * 20, "v6.12.2")
    assert origin.between == "v6.12.1 .. v6.12.3"


def test_a_release_without_a_tag(repo: KernelRepo) -> None:
    """Nothing is searched, and the reason names the release and what to do."""
    result = with_origins(analysis(ASKED[:2], new="7.9.1"), Git(str(repo.root)))
    assert {o.found for o in result.origins} == {Found.NOT_SEARCHED}
    assert all("no tag of release 7.9.1" in o.note and "git fetch --tags" in o.note for o in result.origins)
