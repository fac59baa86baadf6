# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""git as a process: what is refused, bounds of time, cancelling, and text of commits that means harm."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from kfuncscope.commits.git import CancelledError, Git, GitError, TimeOverError
from kfuncscope.commits.search import with_origins
from kfuncscope.model.origin import Found
from kfuncscope.model.verdict import NeedKind
from support.kernelhistory import ASKED, Told, analysis, history
from support.kernelrepo import KernelRepo
from support.processes import gone


@pytest.fixture(scope="module")
def repo(tmp_path_factory: pytest.TempPathFactory) -> KernelRepo:
    return history(tmp_path_factory.mktemp("linux"))


@pytest.fixture
def slow_git(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A git that never answers a log, and says the number of a process that it started."""
    folder = tmp_path / "bin"
    folder.mkdir()
    real = next(p for p in os.environ["PATH"].split(":") if os.path.isfile(f"{p}/git"))
    body = f'for w in "$@"; do case $w in log) sleep 60 & echo $! > {tmp_path}/pid; wait;; esac; done\n'
    (folder / "git").write_text(f'#!/bin/sh\n{body}exec {real}/git "$@"\n')
    (folder / "git").chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    return tmp_path / "pid"


def test_partial_clone_is_refused(repo: KernelRepo, tmp_path: Path) -> None:
    """It would fetch every file over the network, one by one."""
    clone = KernelRepo(tmp_path / "all").root / "partial"
    repo.git("-c", "protocol.file.allow=always", "-c", "uploadpack.allowFilter=true", "clone", "-q", "--bare",
             "--filter=blob:none", f"file://{repo.root}", str(clone))  # fmt: skip
    with pytest.raises(GitError, match="partial clone"):
        with_origins(analysis(ASKED[:1]), Git(str(clone)))


def test_shallow_clone_is_refused(repo: KernelRepo, tmp_path: Path) -> None:
    repo.git("clone", "-q", "--depth=2", f"file://{repo.root}", str(tmp_path / "shallow"))
    with pytest.raises(GitError, match="shallow"):
        Git(str(tmp_path / "shallow")).check()


def test_whole_bare_clone_is_read(repo: KernelRepo, tmp_path: Path) -> None:
    repo.git("clone", "-q", "--bare", f"file://{repo.root}", str(tmp_path / "bare"))
    assert with_origins(analysis(ASKED[:1]), Git(str(tmp_path / "bare"))).origins[0].found is Found.COMMIT


def test_what_is_not_a_repository(tmp_path: Path) -> None:
    with pytest.raises(GitError, match="no such folder"):
        Git(str(tmp_path / "absent")).check()
    with pytest.raises(GitError, match="not a git repository"):
        Git(str(tmp_path)).check()


def test_without_git(repo: KernelRepo, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(GitError, match="git cannot be run"):
        Git(str(repo.root)).check()


def test_a_call_that_takes_too_long(repo: KernelRepo, slow_git: Path) -> None:
    """The cause says so, the others are searched for all the same, and no process is left."""
    began = time.monotonic()
    result = with_origins(analysis((ASKED[0], ASKED[19])), Git(str(repo.root), call=1.0))
    assert [o.found for o in sorted(result.origins, key=lambda o: o.name)] == [Found.NO_CHANGE, Found.NOT_SEARCHED]
    assert "took longer than it may" in next(o.note for o in result.origins if o.name == "scx_consume")
    assert time.monotonic() - began < 20
    gone(int(slow_git.read_text()))


def test_the_time_for_all(repo: KernelRepo, slow_git: Path) -> None:
    """After it every cause says that it was not searched."""
    result = with_origins(analysis(ASKED[:6]), Git(str(repo.root), whole=1.5))
    assert {o.found for o in result.origins} == {Found.NOT_SEARCHED}
    assert sum("time for the search" in o.note for o in result.origins) >= 4
    gone(int(slow_git.read_text()))


def test_cancel(repo: KernelRepo, slow_git: Path) -> None:
    """The process ends within a moment of the wish, with what it started."""
    git = Git(str(repo.root), cancelled=slow_git.exists)
    with pytest.raises(CancelledError):
        with_origins(analysis(ASKED[:3]), git)
    for _ in range(50):
        if slow_git.read_text().strip():
            break
        time.sleep(0.02)
    gone(int(slow_git.read_text()))


def test_time_over_is_raised_at_once(repo: KernelRepo) -> None:
    with pytest.raises(TimeOverError):
        Git(str(repo.root), whole=0.0).run("version")


EVIL = "</td><script>alert(1)</script> \x1b]0;x\x07 \u202egpj.exe | [x](javascript:1) " + "long " * 60


def test_hostile_message(tmp_path: Path) -> None:
    """One line, nothing that moves a cursor or turns the direction of text, a bounded length, only links of the web."""
    repo = KernelRepo(tmp_path / "linux")
    repo.put("kernel/a.c", "int evil(void)\n{\n\treturn 0;\n}\nint b(void)\n{\n\treturn 0;\n}\n")
    repo.commit("one")
    repo.tag("v6.1")
    text = repo.text("kernel/a.c")
    repo.put("kernel/a.c", text[text.index("int b") :])
    repo.commit(EVIL, "Link: javascript:alert(1)\nLink: https://a.example/<b>\nLink: file:///etc/passwd\n")
    repo.tag("v6.2")
    (told,) = with_origins(
        analysis((Told(NeedKind.HOOK, "evil", True, ""),), "6.1.0", "6.2.0"), Git(str(repo.root))
    ).origins
    assert told.found is Found.COMMIT
    assert told.link == ""
    assert len(told.subject) <= 160 and told.subject.endswith("…")
    assert told.words.isprintable()


def test_settings_of_the_repository_start_nothing(tmp_path: Path) -> None:
    """A clone may come with settings that name programs: none of them is started."""
    repo = history(tmp_path / "linux")
    mark = tmp_path / "started"
    script = tmp_path / "evil.sh"
    script.write_text(f"#!/bin/sh\ntouch {mark}\ncat\n")
    script.chmod(0o755)
    for name in ("core.fsmonitor", "core.pager", "diff.external", "diff.evil.textconv", "diff.evil.command",
                 "filter.evil.smudge", "core.sshCommand", "gpg.program", "pager.log", "credential.helper"):  # fmt: skip
        repo.git("config", name, str(script))
    repo.git("config", "log.showSignature", "true")
    (repo.root / ".git/info/attributes").write_text("* diff=evil filter=evil\n")
    result = with_origins(analysis(ASKED[:6]), Git(str(repo.root)))
    assert [o.found for o in result.origins] == [Found.COMMIT] * 6
    assert not mark.exists()
