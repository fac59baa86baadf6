# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Reports as two processes write them: the same bytes, whatever the seeds of their hash tables."""

from __future__ import annotations

import csv
import io
import os
import subprocess
import sys
from pathlib import Path

import pytest

from kfuncscope.cli.main import main
from kfuncscope.report import FORMATS
from kfuncscope.resources import sample

APP = str(Path(__file__).parents[2] / "app")


def test_two_processes_write_the_same_bytes(tmp_path: Path) -> None:
    """All formats, from a run of its own and from one that finds the first one's answer in the cache."""
    old, new = sample("kernels", "6.12-x86_64"), sample("kernels", "7.3-x86_64")
    objects = [sample("objects", f"{name}.bpf.o") for name in ("rstat_bare", "sockname_exit", "runqueue_guarded")]
    names = [f"r{one.extension}" for one in FORMATS.values()]
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


def test_inferred_architectures_are_no_news(tmp_path: Path, capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    """A breakage of one judged architecture is one new finding; those inferred from it repeat it, and fail no gate."""
    old, new = str(sample("kernels", "6.12-x86_64")), str(sample("kernels", "7.3-x86_64"))
    fine, bad = str(sample("objects", "xdp_count.bpf.o")), str(sample("objects", "rstat_bare.bpf.o"))
    reports = [str(tmp_path / "before.json"), str(tmp_path / "after.json")]
    for path, objects in zip(reports, ([fine], [fine, bad]), strict=True):
        assert main(["check", "--old", old, "--new", new, "--report", path, "--fail-on", "never", "--", *objects]) == 0
    capsysbinary.readouterr()
    assert main(["compare", *reports, "--format", "csv", "--fail-on", "new"]) == 1
    found = list(csv.DictReader(io.StringIO(capsysbinary.readouterr().out.decode())))
    assert {(r["change"], r["arch"]) for r in found} == {("new", "x86_64")}


def test_a_path_names_releases(capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    """Steps are told by release, not by the names of files."""
    steps = [word for r in ("6.12", "7.3") for word in ("--step", str(sample("kernels", f"{r}-x86_64")))]
    assert main(["path", *steps, "--format", "csv", str(sample("objects", "rstat_bare.bpf.o"))]) == 1
    found = list(csv.DictReader(io.StringIO(capsysbinary.readouterr().out.decode())))
    assert {r["breaks at"] for r in found if r["breaks at"]} == {"6.12.107 → 7.3.4"}


def test_a_reader_that_stops_reading_opens_no_gate(tmp_path: Path) -> None:
    """``check ... | head -1``: the reports are written and the exit status still says that something breaks."""
    old, new = sample("kernels", "6.12-x86_64"), sample("kernels", "7.3-x86_64")
    report = tmp_path / "r.json"
    command = [sys.executable, "-m", "kfuncscope", "check", "--old", old, "--new", new, "--report", report]
    made = subprocess.Popen(
        [*command, "--", sample("objects", "rstat_bare.bpf.o")], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": APP},
    )  # fmt: skip
    assert made.stdout is not None and made.stderr is not None
    made.stdout.close()
    said = made.stderr.read()
    made.stderr.close()
    assert made.wait(timeout=60) == 1, said
    assert report.stat().st_size > 1000 and b"Traceback" not in said and b"Exception" not in said
