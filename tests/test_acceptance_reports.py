# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Reports as two processes write them: the same bytes, whatever the seeds of their hash tables."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from kfuncscope.report import FORMATS
from kfuncscope.resources import sample

APP = str(Path(__file__).parents[1] / "app")


def test_two_processes_write_the_same_bytes(tmp_path: Path) -> None:
    """All formats, from a run of its own and from one that finds the first one's answer in the cache."""
    old, new = sample("kernels", "6.12-x86_64"), sample("kernels", "7.3-x86_64")
    objects = [sample("objects", f"{name}.bpf.o") for name in ("rstat_bare", "sockname_exit", "runqueue_guarded")]
    names = [f"r{extension}" for extension, _ in FORMATS.values()]
    for seed in ("1", "2"):
        folder = tmp_path / seed
        folder.mkdir()
        command = [sys.executable, "-m", "kfuncscope", "check", "--old", old, "--new", new, "--fail-on", "never"]
        for name in names:
            command += ["--report", name]
        environment = {"PYTHONPATH": APP, "PYTHONHASHSEED": seed, "SOURCE_DATE_EPOCH": "1700000000"}
        subprocess.run([*command, "--", *objects], cwd=folder, env={**os.environ, **environment}, check=True,
                       capture_output=True, timeout=120)  # fmt: skip
    assert len(names) >= 11
    differing = [n for n in names if (tmp_path / "1" / n).read_bytes() != (tmp_path / "2" / n).read_bytes()]
    assert not differing
