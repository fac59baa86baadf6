# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Whether processes still run. One that ended and that nobody waited for (a zombie) does not: in a container whose
first process is not an init, orphans stay so for good."""

from __future__ import annotations

import time
from pathlib import Path

import pytest


def _stat(process: str) -> list[str]:
    """State, parent, group, … of a process as ``/proc`` has them; nothing of one that is gone."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


def runs(process: int) -> bool:
    """Whether a process is there and has not ended."""
    return _stat(str(process))[:1] not in ([], ["Z"])


def members(group: int) -> list[int]:
    """The processes of a group that have not ended."""
    rows = ((int(entry.name), _stat(entry.name)) for entry in Path("/proc").iterdir() if entry.name.isdigit())
    return [process for process, row in rows if row and row[0] != "Z" and row[2] == str(group)]


def gone(process: int, seconds: float = 5) -> None:
    """Wait until a process has ended; the test fails where it does not."""
    end = time.monotonic() + seconds
    while runs(process):
        if time.monotonic() > end:
            pytest.fail(f"process {process} still runs")
        time.sleep(0.02)


def group_gone(group: int, seconds: float = 20) -> None:
    """Wait until no process of a group is left; the test fails where one is."""
    end = time.monotonic() + seconds
    while left := members(group):
        if time.monotonic() > end:
            pytest.fail(f"processes {left} outlived the run that was killed")
        time.sleep(0.01)
