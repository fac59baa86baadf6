# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A small upgrade on two architectures for tests of executors, and a way to make its workers die.

``deadly`` patches what judges an object: the process ends at once for an object whose name holds ``killer``, or at the
first object of all where it shall die only once. A worker of Dask that is started with ``PATCH`` does the same.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from kfuncscope.session.session import KernelRef, Session
from kfuncscope.upgrade.executors import tasks
from support.bpfwriter import ObjectBuilder, exit_, mov
from support.kernels import KernelBuilder

ONCE, KILLER = "FARM_DIES_ONCE", "killer"
PATCH = "from support.farms import deadly; deadly()\n"
_real = tasks.judge_file


def deadly() -> None:
    """From now on judging ends the process: for an object called ``killer``, or once where FARM_DIES_ONCE names a file
    that is not there yet."""
    tasks.judge_file = _judge


def harmless() -> None:
    """Undo ``deadly``."""
    tasks.judge_file = _real


def _judge(work: tasks.Work, *rest: Any) -> Any:
    if KILLER in work.file.name:
        os._exit(9)
    mark = os.environ.get(ONCE)
    if mark is not None:
        try:
            os.close(os.open(mark, os.O_CREAT | os.O_EXCL))
        except FileExistsError:
            pass
        else:
            os._exit(9)
    return _real(work, *rest)


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
