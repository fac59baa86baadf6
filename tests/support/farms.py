# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A small upgrade on two architectures for tests of executors; workers that die; a Dask scheduler with two workers.

``deadly`` patches what judges an object: the process ends at once for an object whose name holds ``killer``, and once
where the file that FARM_FUSE names is there. As a preload of a Dask worker the module does the same, and hides files
from it: those below a folder ``hidden``, and from the first of the workers those below ``half-hidden``.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from distributed import Client

from kfuncscope.errors import InputError
from kfuncscope.session.session import KernelRef, Session
from kfuncscope.upgrade.executors import tasks
from support.bpfwriter import ObjectBuilder, exit_, mov
from support.kernels import KernelBuilder

FUSE, KILLER = "FARM_FUSE", "killer"
APP, TESTS = Path(__file__).parents[2] / "app", Path(__file__).parents[1]
_real = tasks.judge_file


def deadly() -> None:
    """From now on judging may end the process."""
    tasks.judge_file = _judge


def harmless() -> None:
    """Undo ``deadly``."""
    tasks.judge_file = _real


def _judge(work: tasks.Work, *rest: Any) -> Any:
    if KILLER in work.file.name:
        os._exit(9)
    if fuse := os.environ.get(FUSE):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(fuse)
            os._exit(9)
    return _real(work, *rest)


def dask_setup(worker: Any) -> None:
    """Called by a Dask worker that has this module as its preload."""
    from kfuncscope.upgrade.executors import worker as far

    deadly()
    seen = far.input_of

    def input_of(path: Path) -> Any:
        if "hidden" in path.parts or ("half-hidden" in path.parts and str(worker.name).endswith("0")):
            raise InputError(str(path), "hidden")
        return seen(path)

    far.input_of = input_of


@dataclass
class Farm:
    """A running scheduler with its workers, whose first death they die when ``fuse`` is written."""

    address: str
    fuse: Path
    cache: Path
    scheduler: subprocess.Popen[bytes]

    def kill_scheduler(self) -> None:
        """End the scheduler at once."""
        self.scheduler.kill()


def _end_with_parent() -> None:
    """A farm outlives no test run, however that ends."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


@contextlib.contextmanager
def dask_farm(folder: Path, workers: int = 2, **more: str) -> Iterator[Farm]:
    """A Dask scheduler on loopback and processes that work for it; ``more`` is of their environment."""
    found, fuse, cache = folder / "scheduler.json", folder / "fuse", folder / "worker-cache"
    environment = os.environ | {
        "PYTHONPATH": f"{APP}:{TESTS}", "XDG_CACHE_HOME": str(cache), FUSE: str(fuse),
        "DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": "1", "DASK_TEMPORARY_DIRECTORY": str(folder),
        "DASK_DISTRIBUTED__WORKER__MEMORY__TERMINATE": "false", **more,
    }  # fmt: skip
    scheduler = ["scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard", "--scheduler-file", str(found)]
    worker = ["worker", "--nworkers", str(workers), "--nthreads", "1", "--no-dashboard", "--preload", "support.farms",
              "--scheduler-file", str(found), "--host", "127.0.0.1"]  # fmt: skip
    running: list[subprocess.Popen[bytes]] = []
    with (folder / "farm.log").open("wb") as log:
        try:
            for words in (scheduler, worker) if workers else (scheduler,):
                command = [sys.executable, "-c", "from dask.cli import run_cli; run_cli()", *words]
                running.append(
                    subprocess.Popen(
                        command, env=environment, stdout=log, stderr=log, start_new_session=True,
                        preexec_fn=_end_with_parent,
                    )
                )  # fmt: skip
            end = time.monotonic() + 60
            while not found.exists() or not found.read_text().endswith("}"):
                assert time.monotonic() < end, (folder / "farm.log").read_text()
                time.sleep(0.05)
            address = json.loads(found.read_text())["address"]
            if workers:
                with Client(address, timeout=60) as client:
                    client.wait_for_workers(workers, timeout=60)
            yield Farm(address, fuse, cache, running[0])
        finally:
            for process in running:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait()


def kernel(folder: Path, release: str, arch: str, *functions: str) -> str:
    """A kernel's BTF with some functions."""
    kb = KernelBuilder(release, arch)
    for name in functions:
        kb.hook(name)
    path = folder / f"{release}-{arch}.btf"
    path.write_bytes(kb.build())
    return str(path)


def object_of(program: str, function: str, section: str = "fentry") -> bytes:
    """An object with one program on a function."""
    return ObjectBuilder().program(f"{section}/{function}", program, [mov(0, 0), exit_()]).build()


def upgrade(folder: Path, count: int, *more: str) -> Session:
    """Two pairs of kernels, and so many objects, every other of which breaks; ``more`` are names of further ones."""
    sides = []
    for release, functions in (("6.12", ("gone", "kept")), ("7.3", ("kept",))):
        paths = [kernel(folder, release, arch, *functions) for arch in ("x86_64", "arm64")]
        sides.append([KernelRef([path]) for path in paths])
    home = folder / "objects"
    home.mkdir()
    for number in range(count):
        (home / f"{number:03}.bpf.o").write_bytes(object_of(f"on_{number}", ("gone", "kept")[number % 2]))
    for name in more:
        (home / f"{name}.bpf.o").write_bytes(object_of(f"on_{name}", "kept"))
    return Session(old=sides[0], new=sides[1], objects=[str(home)])
