# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Kernels in folders: a root with boot/ and lib/modules/, one of these alone, packages; and the running system."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from kfuncscope.arch import arch_of_release, arch_of_uname
from kfuncscope.containers.detect import ARCHIVES, COMPRESSED, HEAD, detect
from kfuncscope.containers.unpack import peel
from kfuncscope.errors import InputError, KernelError, kept
from kfuncscope.intake import blobs, package
from kfuncscope.intake.layout import Role, part_of
from kfuncscope.intake.modules import ModuleFile
from kfuncscope.intake.symbols import real_symbols
from kfuncscope.storage import lookup
from kfuncscope.storage.files import InputProblem, KernelFiles
from kfuncscope.storage.links import Links
from kfuncscope.storage.read import Progress, as_input, read_file

RUNNING = "running"
"""The word that stands for the running system where a path may be given."""

_SYS_BTF = Path("/sys/kernel/btf")


def running_system(
    progress: Progress | None, read: Callable[[Path, Progress | None], list[KernelFiles]]
) -> KernelFiles:
    """The kernel this system runs: its BTF, the modules loaded now, its config and symbols. Raises InputError."""
    release = platform.release()
    path = _SYS_BTF / "vmlinux"
    data = read_file(path)
    kernel = KernelFiles(release, _machine(), release, data, inputs=(as_input(path, data),))
    names = sorted(p.name for p in _SYS_BTF.iterdir() if p.name != "vmlinux")
    kernel.modules = {name: ModuleFile(str(_SYS_BTF / name)) for name in names}
    for config in (Path("/proc/config.gz"), Path(f"/boot/config-{release}"), Path(f"/lib/modules/{release}/config")):
        if lookup.is_file(config):
            kernel.config = peel(read_file(config), str(config))
            break
    try:
        kernel.symbols = real_symbols(read_file(Path("/proc/kallsyms")))
    except InputError as error:
        kernel.problems += (InputProblem(error.source, error.reason),)
    for image in (Path(f"/boot/vmlinuz-{release}"), Path(f"/lib/modules/{release}/vmlinuz")):
        # The image adds the kfunc sets; it is often readable by root alone.
        if lookup.is_file(image) and os.access(image, os.R_OK):
            found = read(image, progress)[0]
            kernel.image, kernel.image_sha256, kernel.kallsyms = found.image, found.image_sha256, found.kallsyms
            kernel.inputs += found.inputs
            break
    return kernel


def _machine() -> str | None:
    return arch_of_uname(platform.machine(), sys.byteorder == "little")


def from_folder(
    folder: Path, progress: Progress | None, read: Callable[[Path, Progress | None], list[KernelFiles]]
) -> list[KernelFiles]:
    """The kernels in a folder, parts of them to be merged by release. ``read`` opens one file.

    Raises KernelError when there is nothing of a kernel in it.
    """
    for name in ("vmlinux.btf", "vmlinux.btf.xz", "vmlinux.btf.zst", "vmlinux.btf.gz"):
        path = folder / name
        if lookup.is_file(path):
            return [blobs.from_blob(path, blobs.unpacked(path))]
    if folder == _SYS_BTF:
        return [running_system(progress, read)]
    found: list[KernelFiles] = []
    failed: list[InputError] = []
    links = Links([folder])
    for path in _files_of(folder, links):
        try:
            found.extend(read(path, progress))
        except InputError as error:
            failed.append(kept(error))
    wanted = {k.release for k in found if k.release}
    for release_folder in _module_folders(folder):
        if not wanted or release_folder.name in wanted or release_folder.parent == folder.parent:
            found.extend(_from_modules(release_folder, progress, read, links))
    if not found:
        if failed:
            raise KernelError(failed[0].source, failed[0].reason, failed[0].offset)
        raise KernelError(str(folder), "no kernel in this folder")
    found[0].problems += tuple(package.problems_of(failed, found))
    return found


def _files_of(folder: Path, links: Links) -> Iterator[Path]:
    """Files directly in ``folder`` or its boot/ that are packages or by their names parts of a kernel."""
    for place in (folder, folder / "boot"):
        if not lookup.is_dir(place):
            continue
        for path in sorted(place.iterdir()):
            part = part_of(path.name)
            meant = part is not None and part.role is not Role.MODULE
            if _readable(path, links, meant) and (meant or _is_package(path)):
                yield path


def _readable(path: Path, links: Links, meant: bool) -> bool:
    """Whether to read a file of the folder: where it is ``meant``, also a link that leads nowhere, to be told so."""
    try:
        return links.readable(path)
    except OSError:
        return meant


def _is_package(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            kind = detect(file.read(HEAD))
    except OSError:
        return False
    return kind in ARCHIVES or (kind in COMPRESSED and ".tar" in path.name)


def _module_folders(folder: Path) -> Iterator[Path]:
    """Folders ``lib/modules/R`` that belong to ``folder``: itself, below it, or beside it when it is a boot folder."""
    if folder.parent.name == "modules" and folder.parent.parent.name == "lib":
        yield folder
        return
    if folder.name == "modules" and folder.parent.name == "lib":
        roots = [folder]
    else:
        base = folder.parent if folder.name == "boot" else folder
        roots = [base / "usr/lib/modules", base / "lib/modules"]
    seen: set[Path] = set()
    for root in roots:
        for place in sorted(root.iterdir()) if lookup.is_dir(root) else []:
            if lookup.is_dir(place) and place.resolve() not in seen:
                seen.add(place.resolve())
                yield place


def _from_modules(
    folder: Path, progress: Progress | None, read: Callable[[Path, Progress | None], list[KernelFiles]], links: Links
) -> list[KernelFiles]:
    """One ``lib/modules/R``: its modules, and the image, config and symbols that stand in it."""
    found: list[KernelFiles] = []
    problems: list[InputProblem] = []
    for path in sorted(folder.iterdir()):
        part = part_of(f"lib/modules/{folder.name}/{path.name}")
        if part and part.role is not Role.MODULE and _readable(path, links, True):
            try:
                found.extend(read(path, progress))
            except InputError as error:
                problems.append(InputProblem(error.source, error.reason, error.offset))
    for kernel in found:
        kernel.release = folder.name
    modules = dict(blobs.modules_below(folder))
    own = KernelFiles(folder.name, arch_of_release(folder.name), folder.name, modules=modules)
    own.problems = tuple(problems)
    return [*found, own] if modules or problems else found
