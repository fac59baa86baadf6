# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A kernel repository in little, with a history that a test writes commit by commit."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

_SIGNED = {
    "GIT_AUTHOR_NAME": "A. Author", "GIT_AUTHOR_EMAIL": "a@example.org", "GIT_COMMITTER_NAME": "C. Committer",
    "GIT_COMMITTER_EMAIL": "c@example.org", "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_NOSYSTEM": "1",
}  # fmt: skip
START = 1_700_000_000


class KernelRepo:
    """A git repository below ``root``; each commit is a day after the one before."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.days = 0
        root.mkdir(parents=True, exist_ok=True)
        self.git("init", "-q", "-b", "master")

    def git(self, *arguments: str) -> str:
        """What git prints."""
        date = f"{START + 86_400 * self.days} +0000"
        environment = os.environ | _SIGNED | {"GIT_AUTHOR_DATE": date, "GIT_COMMITTER_DATE": date}
        return subprocess.run(
            ["git", *arguments], cwd=self.root, env=environment, check=True, capture_output=True, text=True
        ).stdout.strip()

    def text(self, path: str) -> str:
        """A file of the work tree."""
        return (self.root / path).read_text()

    def put(self, path: str, text: str) -> None:
        """Write a file."""
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def edit(self, path: str, old: str, new: str) -> None:
        """Replace a text that is in a file once."""
        before = self.text(path)
        assert before.count(old) == 1, (path, old)
        self.put(path, before.replace(old, new))

    def commit(self, subject: str, body: str = "") -> str:
        """Commit everything; the hash."""
        self.days += 1
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "--no-verify", "-m", subject, *(("-m", body) if body else ()))
        return self.git("rev-parse", "HEAD")

    def change(self, path: str, old: str, new: str, subject: str, body: str = "") -> str:
        """Edit one place and commit it."""
        self.edit(path, old, new)
        return self.commit(subject, body)

    def tag(self, name: str) -> None:
        """Tag the last commit as a release."""
        self.git("tag", "-a", "-m", name, name)
