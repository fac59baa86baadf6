# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Plain git as a process: read-only, without network, hooks, filters or pager; bounded in time and output; cancellable.

What git prints is untrusted: paths and messages come from the repository, and it may be anybody's.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import IO

from kfuncscope.errors import InputError

CALL_SECONDS = 120.0
RUN_SECONDS = 600.0
MOST_OUTPUT = 512 << 20
MOST_BLOB = 8 << 20
_CHUNK = 1 << 20
_POLL = 0.2
_SAID = 300
_ALWAYS = (
    "--no-pager", "-c", "core.fsmonitor=false", "-c", "protocol.allow=never",
    "-c", "core.quotePath=false", "-c", "core.hooksPath=/dev/null", "-c", "log.showSignature=false",
    "-c", "i18n.logOutputEncoding=UTF-8", "-c", "color.ui=false", "-c", "grep.fallbackToNoIndex=false",
    "-c", "submodule.recurse=false", "-c", "diff.renameLimit=1000", "-c", "log.mailmap=false",
    "-c", "log.follow=false",
)  # fmt: skip
_ENVIRONMENT = {
    "GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0", "GIT_NO_LAZY_FETCH": "1", "GIT_NO_REPLACE_OBJECTS": "1",
    "LC_ALL": "C",
}  # fmt: skip


class GitError(InputError):
    """A repository that cannot be used, or an answer of git that did not come."""


class SilentError(GitError):
    """git ended with status 1 and without a word: its answer to a question is no."""


class TimeOverError(GitError):
    """A call, or the whole search, took longer than it may."""


class CancelledError(GitError):
    """Whoever asked does not want the answer any longer."""


class Git:
    """git in one repository. ``call`` and ``whole`` bound one call and all of them, in seconds."""

    def __init__(
        self, path: str, call: float = CALL_SECONDS, whole: float = RUN_SECONDS,
        cancelled: Callable[[], bool] = lambda: False,
    ) -> None:  # fmt: skip
        self.path = path
        self.calls = 0
        self._call = call
        self._end = time.monotonic() + whole
        self._cancelled = cancelled

    @property
    def over(self) -> bool:
        """Whether the time for all calls has passed."""
        return time.monotonic() >= self._end

    def check(self) -> None:
        """Raise GitError where the path is not a repository with its whole history on this machine."""
        if not os.path.isdir(self.path):
            raise GitError(self.path, "no such folder; a clone of the kernel's repository is needed")
        folder = Path(self.path, os.fsdecode(self.run("rev-parse", "--git-common-dir")).strip())
        if self.run("rev-parse", "--is-shallow-repository").strip() == b"true":
            raise GitError(self.path, "a shallow clone, which lacks history; git fetch --unshallow gets it")
        promised = self.run("config", "--get-regexp", r"^(extensions\.partialclone|remote\..*\.promisor)$", ok=(0, 1))
        if promised.strip() or any((folder / "objects" / "pack").glob("*.promisor")):
            raise GitError(self.path, "a partial clone, which would fetch each file over the network; clone it whole")

    def run(self, *arguments: str, stdin: bytes = b"", ok: Sequence[int] = (0,), literal: bool = True) -> bytes:
        """What git prints for some arguments; paths among them are not patterns unless ``literal`` is False.

        Raises GitError on another status, TimeOverError, CancelledError.
        """
        self.calls += 1
        end = min(time.monotonic() + self._call, self._end)
        environment = {k: v for k, v in os.environ.items() if not k.startswith("GIT_")} | _ENVIRONMENT
        environment["GIT_LITERAL_PATHSPECS"] = str(int(literal))
        with tempfile.TemporaryFile() as given, tempfile.TemporaryFile() as said:
            given.write(stdin)
            given.seek(0)
            try:
                process = subprocess.Popen(
                    ["git", *_ALWAYS, *arguments], cwd=self.path, env=environment, stdin=given,
                    stdout=subprocess.PIPE, stderr=said, start_new_session=True,
                )  # fmt: skip
            except OSError as error:
                raise GitError(self.path, f"git cannot be run: {error.strerror}") from None
            try:
                out = self._read(process, arguments[0], end)
                status = process.wait(max(end - time.monotonic(), 1.0))
            except subprocess.TimeoutExpired:
                raise TimeOverError(self.path, f"git {arguments[0]} does not end") from None
            finally:
                _stop(process)
            if status not in ok:
                said.seek(0)
                words = _first_line(said)
                kind = SilentError if status == 1 and not words else GitError
                raise kind(self.path, f"git {arguments[0]}: {words or f'exit status {status}'}")
            return out

    def _read(self, process: subprocess.Popen[bytes], word: str, end: float) -> bytes:
        assert process.stdout is not None
        parts: list[bytes] = []
        size = 0
        with selectors.DefaultSelector() as selector:
            selector.register(process.stdout, selectors.EVENT_READ)
            while True:
                if self._cancelled():
                    raise CancelledError(self.path, "cancelled")
                if time.monotonic() >= end:
                    raise TimeOverError(self.path, f"git {word} took longer than it may")
                if not selector.select(_POLL):
                    continue
                part = os.read(process.stdout.fileno(), _CHUNK)
                if not part:
                    return b"".join(parts)
                parts.append(part)
                size += len(part)
                if size > MOST_OUTPUT:
                    raise GitError(self.path, f"git {word} printed more than {MOST_OUTPUT >> 20} MB")

    def resolve(self, tag: str) -> str:
        """The commit of a tag; empty where the repository has no such tag."""
        found = self.run("rev-parse", "--verify", "--quiet", f"refs/tags/{tag}^{{commit}}", ok=(0, 1, 128))
        return found.decode("ascii", "replace").strip()

    def has(self, ancestor: str, commit: str) -> bool:
        """Whether a commit, or a tag, has another in its history."""
        with contextlib.suppress(_NotSoError):
            self._so("merge-base", "--is-ancestor", ancestor, commit)
            return True
        return False

    def _so(self, *arguments: str) -> None:
        try:
            self.run(*arguments)
        except SilentError:
            raise _NotSoError from None

    def texts(self, wanted: Iterable[tuple[str, str]]) -> dict[tuple[str, str], str]:
        """(commit, path) → text of the file there; files that are absent, or absurdly large, are left out."""
        asked = [one for one in dict.fromkeys(wanted) if "\n" not in one[1]]
        held = self.contents(f"{commit}:{path}" for commit, path in asked)
        return {one: held[name].decode("utf-8", "replace") for one in asked if (name := ":".join(one)) in held}

    def contents(self, names: Iterable[str]) -> dict[str, bytes]:
        """Files by what git calls them, a hash or ``commit:path``; what is absent or absurdly large is left out."""
        asked = list(dict.fromkeys(names))
        if not asked:
            return {}
        out = self.run("cat-file", "--batch", stdin=os.fsencode("".join(f"{name}\n" for name in asked)))
        found, at = {}, 0
        for one in asked:
            end = out.index(b"\n", at)
            words = out[at:end].rsplit(b" ", 2)
            at = end + 1
            if len(words) < 3 or not words[2].isdigit() or out[at - 1 - len(b" missing") : at - 1] == b" missing":
                continue
            size = int(words[2])
            if words[1] == b"blob" and size <= MOST_BLOB:
                found[one] = out[at : at + size]
            at += size + 1
        return found


class _NotSoError(Exception):
    """git answered no."""


def _first_line(said: IO[bytes]) -> str:
    lines = said.read(_SAID * 4).decode("utf-8", "replace").strip().splitlines()
    return "".join(c if c.isprintable() else "?" for c in lines[0][:_SAID]) if lines else ""


def _stop(process: subprocess.Popen[bytes]) -> None:
    """End a process that still runs, with what it started: the session is its own."""
    if process.poll() is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    if process.stdout is not None:
        process.stdout.close()
