# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Kernels from any files a person gives: several files given together make one kernel, or several."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from kfuncscope.errors import InputError, KernelError
from kfuncscope.intake import blobs
from kfuncscope.intake.detect import HEAD, Kind, detect
from kfuncscope.intake.files import KernelFiles, Problem
from kfuncscope.intake.read import Progress, read_file
from kfuncscope.intake.unpack import peel


def kernel_files(paths: Sequence[str | Path], progress: Progress | None = None) -> list[KernelFiles]:
    """The kernels in ``paths``, in the order of their first file.

    A path is raw BTF (also xz, gz, zst) or ``btf=F,config=F,modules=D,symbols=F``. What cannot be read becomes a
    Problem of the kernel it was given with; when nothing at all is readable, the first InputError is raised.
    """
    kernels: list[KernelFiles] = []
    failed: list[InputError] = []
    for done, path in enumerate(paths):
        if progress:
            progress(done, len(paths), str(path))
        try:
            kernels.extend(_from_path(path))
        except InputError as error:
            failed.append(error)
    if progress:
        progress(len(paths), len(paths), "")
    if not kernels:
        raise failed[0] if failed else KernelError("kernel", "no file was given")
    kernels[0].problems += tuple(Problem(e.source, e.reason, e.offset) for e in failed)
    return kernels


def _from_path(given: str | Path) -> list[KernelFiles]:
    path = Path(given)
    if isinstance(given, str) and not path.exists() and (parts := blobs.named_parts(given)) is not None:
        return [blobs.from_named(given, parts)]
    if path.is_dir():
        return _from_folder(path)
    data = read_file(path)
    plain = peel(data, str(path))
    if detect(plain[:HEAD]) is Kind.BTF:
        return [blobs.from_blob(path, data, plain)]
    raise KernelError(str(path), f"no kernel in it ({detect(plain[:HEAD]).value})")


def _from_folder(folder: Path) -> list[KernelFiles]:
    for name in ("vmlinux.btf", "vmlinux.btf.xz", "vmlinux.btf.zst", "vmlinux.btf.gz"):
        if (folder / name).is_file():
            return _from_path(folder / name)
    raise KernelError(str(folder), "no kernel in this folder")
