# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Whole runs of ``check`` that are killed, have no room, no home, or a cache that nobody may write.

A few moments in the usual run; KFUNCSCOPE_KILLS sets how many, 30 for each state of the cache where it is asked for.
"""

from __future__ import annotations

import contextlib
import lzma
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from kfuncscope.storage.cache import Cache
from support.bpfwriter import ObjectBuilder, exit_, mov
from support.kernels import KernelBuilder
from support.processes import group_gone

APP = Path(__file__).parents[2] / "app"
KILLS = int(os.environ.get("KFUNCSCOPE_KILLS", "2"))
COUNT = 30  # objects, more than one process judges
REPORTS = ("r.html", "r.json", "r.md", "r.sarif")
OLD = b"a report of yesterday"
FULL = 4096  # bytes that a file may have where the disk is full


@dataclass
class Check:
    """One upgrade to check, with its reports, in a folder of its own; and what it should give."""

    folder: Path
    stdout: bytes = b""
    stderr: bytes = b""
    reports: tuple[bytes, ...] = ()
    seconds: float = 0.0

    @property
    def out(self) -> Path:
        """Where the reports are written."""
        return self.folder / "out"

    def start(self, cache: Path | None, full: bool = False) -> subprocess.Popen[bytes]:
        """Start the run in a process group of its own. ``full``: no file may grow beyond FULL bytes."""
        command = [sys.executable, "-m", "kfuncscope", "check", "--workers", "2", "--format", "json"]
        command += [word for name in REPORTS for word in ("--report", str(self.out / name))]
        command += ["--old", "old.btf.xz", "--new", "new.btf.xz", "--", "objects"]
        env = {k: v for k, v in os.environ.items() if k != "HOME"} | {"PYTHONPATH": str(APP)}
        env["XDG_CACHE_HOME"] = str(cache if cache is not None else self.folder / "no" / "such" / "home")
        bound = (lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (FULL, FULL))) if full else None
        return subprocess.Popen(
            command, cwd=self.folder, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            start_new_session=True, preexec_fn=bound,
        )  # fmt: skip

    def whole(self, cache: Path | None, full: bool = False) -> tuple[int, bytes, bytes]:
        """A run to its end: exit status, standard output, standard error."""
        run = self.start(cache, full)
        stdout, stderr = run.communicate(timeout=120)
        return run.returncode, stdout, stderr

    def written(self) -> tuple[bytes, ...]:
        """The reports as they are; empty where one is not there."""
        return tuple(path.read_bytes() if path.exists() else b"" for path in map(self.out.joinpath, REPORTS))


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> Check:
    """An upgrade that was checked twice: with an empty cache, and with a full one."""
    home = tmp_path_factory.mktemp("reference")
    made = Check(home)
    for name, release, functions in (("old", "6.12", ("gone", "kept")), ("new", "7.3", ("kept",))):
        kernel = KernelBuilder(release)
        for function in functions:
            kernel.hook(function)
        (home / f"{name}.btf.xz").write_bytes(lzma.compress(kernel.build()))
    (home / "objects").mkdir()
    for number in range(COUNT):
        (home / "objects" / f"{number:02}.bpf.o").write_bytes(_object(f"on_{number}", ("gone", "kept")[number % 2]))
    made.out.mkdir()
    begin = time.monotonic()
    status, made.stdout, made.stderr = made.whole(home / "first")
    made.seconds = time.monotonic() - begin
    made.reports = made.written()
    assert status == 1 and all(made.reports)
    assert made.whole(home / "first") == (1, made.stdout, made.stderr) and made.written() == made.reports
    return made


@pytest.fixture
def check(reference: Check, tmp_path: Path) -> Check:
    """The same in a folder of its own, without reports."""
    folder = tmp_path / "own"
    shutil.copytree(reference.folder, folder)
    for name in REPORTS:
        (folder / "out" / name).unlink()
    return replace(reference, folder=folder)


def _object(program: str, function: str) -> bytes:
    return ObjectBuilder().program(f"fentry/{function}", program, [mov(0, 0), exit_()]).build()


@pytest.mark.parametrize("warm", [False, True], ids=["empty", "warm"])
def test_killed_at_any_moment(warm: bool, check: Check, tmp_path: Path) -> None:
    """Cache and reports hold whole files or none; the next run is right, and tidies up."""
    chance = random.Random(f"kill {warm}")
    for turn in range(KILLS):
        home = tmp_path / f"cache-{turn}"
        if warm:
            shutil.copytree(check.folder / "first", home)
            (check.folder / "objects" / "00.bpf.o").write_bytes(_object(f"changed_{turn}", "gone"))
        for name in REPORTS:
            (check.out / name).write_bytes(OLD)
        run = check.start(home)
        time.sleep(chance.uniform(0, 1.1 * check.seconds))
        with contextlib.suppress(ProcessLookupError):
            os.killpg(run.pid, signal.SIGKILL)
        run.communicate()
        group_gone(run.pid)
        assert sorted(path.name for path in check.out.iterdir()) == sorted(REPORTS)
        _whole(home / "kfuncscope")
        left = check.written()
        fresh = check.whole(tmp_path / f"fresh-{turn}")
        right = check.written()
        assert all(one in (OLD, new) for one, new in zip(left, right, strict=True))
        assert check.whole(home) == fresh and check.written() == right
        assert list((home / "kfuncscope").glob("draft-*")) == []
        assert sorted(path.name for path in check.out.iterdir()) == sorted(REPORTS)


def _whole(root: Path) -> None:
    """Every entry that is in a cache can be read to its end."""
    cache = Cache(root)
    for entry in cache.entries():
        pack = cache.pack(entry.key)
        assert pack is not None, entry.key
        assert pack.read_all(pack.names()) is not None, entry.key


def test_without_a_home(check: Check) -> None:
    (check.folder / "no").write_bytes(b"no folder can be made below a file")
    assert check.whole(None) == (1, check.stdout, check.stderr)
    assert check.written() == check.reports


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_cache_that_may_not_be_written(check: Check) -> None:
    folder = check.folder / "first" / "kfuncscope"
    before = sorted(path.name for path in folder.iterdir())
    folder.chmod(0o500)
    try:
        assert check.whole(check.folder / "first") == (1, check.stdout, check.stderr)
        assert sorted(path.name for path in folder.iterdir()) == before
    finally:
        folder.chmod(0o700)
    assert check.written() == check.reports


def test_a_full_disk(check: Check, tmp_path: Path) -> None:
    """Reports that do not fit are named and the ones before stay; the verdicts are printed all the same."""
    for name in REPORTS:
        (check.out / name).write_bytes(OLD)
    status, stdout, stderr = check.whole(tmp_path / "full", full=True)
    assert status == 1 and stdout == check.stdout
    for name, data in zip(REPORTS, check.reports, strict=True):
        assert (f"{name}: cannot be written: File too large" in stderr.decode()) is (len(data) > FULL)
    assert check.written() == tuple(OLD if len(data) > FULL else data for data in check.reports)
    assert sorted(path.name for path in check.out.iterdir()) == sorted(REPORTS)
    _whole(tmp_path / "full" / "kfuncscope")
    assert list((tmp_path / "full" / "kfuncscope").glob("draft-*")) == []
    assert check.whole(tmp_path / "full") == (1, check.stdout, check.stderr)
