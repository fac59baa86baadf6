# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Kernels from any files a person gives: several files given together make one kernel, or several."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from kfuncscope.arch import arch_of_config
from kfuncscope.containers.archive import inner_kind
from kfuncscope.containers.detect import COMPRESSED, HEAD, Kind, detect
from kfuncscope.errors import InputError, KernelError, all_of, kept
from kfuncscope.intake import blobs, identity
from kfuncscope.intake.modules import IndexedModules, ModuleFile, ModuleIndex, PackedIndex
from kfuncscope.knowledge.levels import linux_version
from kfuncscope.storage import kernelpack, lookup
from kfuncscope.storage.digests import Digests
from kfuncscope.storage.files import InputProblem, KernelFiles, ModuleSections
from kfuncscope.storage.read import Progress, shown

if TYPE_CHECKING:
    from kfuncscope.intake import folder, package
else:
    from kfuncscope.deferred import folder, package

_LARGEST_BLOB = 256 << 20
_STEPS = 1000
_NOTHING = "not a kernel, nor a part of any kernel given"


def kernel_files(paths: Sequence[str | Path], progress: Progress | None = None) -> list[KernelFiles]:
    """The kernels in ``paths``, in the order of their first file.

    A path is raw BTF (also compressed), a kernel image, config, symbol file, package or archive; a folder with any of
    these or with ``boot`` and ``lib/modules``; the word ``running``; or
    ``btf=F,config=F,modules=D,symbols=F,probe=F``. Parts of one release and architecture become one kernel. What
    cannot be read becomes an InputProblem of the first kernel; when no kernel is left at all, the errors of all are
    raised as one.
    """
    found: list[KernelFiles] = []
    failed: list[InputError] = []
    for done, path in enumerate(paths):
        inner = _Share(progress, done, len(paths)) if progress else None
        if inner:
            inner(0, 1, str(path))
        try:
            found.extend(_from_path(path, inner))
        except InputError as error:
            failed.append(kept(error))
    if not found:
        raise all_of(failed) if failed else KernelError("kernel", "no file was given")
    merged = _merged(_without_siblings(found))
    kernels = [k for k in merged if _holds_something(k)]
    if not kernels:
        raise KernelError(str(paths[0]), "not a kernel, nor a part of one")
    empty = [entry.path for k in merged if not _holds_something(k) for entry in k.inputs]
    if failed:
        kernels[0].problems += tuple(package.problems_of(failed, kernels))
    kernels[0].problems += tuple(InputProblem(path, _NOTHING) for path in empty)
    for kernel in kernels:
        _finish(kernel)
    if progress:
        progress(len(paths) * _STEPS, len(paths) * _STEPS, "")
    return kernels


def known_kernel(path: Path) -> KernelFiles | None:
    """The kernel in a file of compressed BTF that was opened before; None for everything that must be unpacked."""
    found = blobs.known_blob(path)
    if found is not None:
        _finish(found)
    return found


def named_kernels(paths: Sequence[str]) -> tuple[list[tuple[str, KernelFiles]], list[InputProblem]]:
    """Each kernel with the path by which it was given; and what cannot be read.

    Every path is a kernel of its own, also where two are of one build; only what is not a whole kernel (the packages of
    a split build) is put together, under the first path of it.
    """
    found: list[tuple[str, KernelFiles]] = []
    failed: list[InputError] = []
    for path in paths:
        try:
            parts = _merged(_from_path(path, None))
        except InputError as error:
            failed.append(kept(error))
            continue
        for part in parts:
            home = next((k for _, k in found if _belongs(k, part) and not (k.held("btf") and part.held("btf"))), None)
            if home is None:
                found.append((path, part))
            else:
                _add(home, part)
    problems = [InputProblem(path, _NOTHING) for path, kernel in found if not _holds_something(kernel)]
    found = [(path, kernel) for path, kernel in found if _holds_something(kernel)]
    if failed:
        problems = package.problems_of(failed, [kernel for _, kernel in found]) + problems
    for _, kernel in found:
        _finish(kernel)
    return found, problems


def _holds_something(kernel: KernelFiles) -> bool:
    given = any(kernel.held(part) for part in ("btf", "config", "symbols"))
    return bool(given or kernel.image or kernel.modules or kernel.problems)


def _without_siblings(found: list[KernelFiles]) -> list[KernelFiles]:
    """Without the files that a kernel took along already, as they lie beside its BTF."""
    whole = [kernel for kernel in found if kernel.held("btf")]
    taken = {entry for kernel in whole for entry in kernel.inputs}
    return [k for k in found if k.held("btf") or not k.inputs or not taken.issuperset(k.inputs)]


class _Share:
    """Turns the progress of one file into that of all files, each of which is a thousand steps."""

    def __init__(self, progress: Progress, file: int, files: int) -> None:
        self._progress = progress
        self._file = file
        self._files = files

    def __call__(self, done: int, total: int, label: str) -> None:
        part = min(done, total) * _STEPS // max(total, 1)
        self._progress(self._file * _STEPS + part, self._files * _STEPS, label)


def _from_path(given: str | Path, progress: Progress | None) -> list[KernelFiles]:
    path = Path(given)
    try:
        if isinstance(given, str) and not lookup.exists(path):
            if given == folder.RUNNING:
                return [folder.running_system(progress, _from_file)]
            if (parts := blobs.named_parts(given)) is not None:
                return [_from_named(parts, progress)]
        if lookup.is_dir(path):
            if (parts := blobs.build_tree(path)) is not None:
                return [_from_named(parts, progress)]
            return folder.from_folder(path, progress, _from_file)
        return _from_file(path, progress)
    except OSError as error:  # of looking around; what a file's reader meets is an InputError
        raise KernelError(shown(error.filename or path), error.strerror or str(error)) from error


def _from_file(path: Path, progress: Progress | None) -> list[KernelFiles]:
    if str(path) == "/sys/kernel/btf/vmlinux":
        return [folder.running_system(progress, _from_file)]
    if kernelpack.is_kernel_pack(_head(path)):
        return [kernelpack.from_pack(path)]
    if (known := blobs.known_blob(path)) is not None:
        return [known]
    if _is_blob(path):
        return [blobs.from_blob(path, blobs.unpacked(path, _LARGEST_BLOB))]
    return package.from_file(path, progress)


def _from_named(parts: dict[str, Path], progress: Progress | None) -> KernelFiles:
    """A kernel from named parts. Its BTF may be that of an image, which then says what else it knows."""
    if "btf" not in parts or _is_blob(parts["btf"]):
        return blobs.from_named(parts, blobs.unpacked(parts["btf"]) if "btf" in parts else None)
    found = _from_file(parts["btf"], progress)
    if len(found) != 1 or not (found[0].held("btf") or found[0].image):
        raise KernelError(shown(parts["btf"]), "neither BTF nor the image of one kernel")
    (kernel,) = found
    rest = {name: path for name, path in parts.items() if name != "btf"}
    if rest:
        _add(kernel, blobs.from_named(rest))
    return kernel


def _head(path: Path) -> bytes:
    """The first bytes of a regular file; opening a FIFO would wait for a writer."""
    if not lookup.is_file(path):
        return b""
    with path.open("rb") as file:
        return file.read(HEAD)


def _is_blob(path: Path) -> bool:
    """Whether the file is raw BTF, perhaps compressed; told from its first bytes, uncompressed."""
    if not lookup.is_file(path):
        return False
    try:
        with path.open("rb") as file:
            kind = detect(file.read(HEAD))
            file.seek(0)
            if kind in COMPRESSED:
                kind = inner_kind(file, kind, str(path))
    except OSError as error:
        raise InputError(str(path), error.strerror or str(error)) from error
    return kind is Kind.BTF


def _merged(found: list[KernelFiles]) -> list[KernelFiles]:
    """Parts of one build put together. Parts that know no release stay alone."""
    kernels: list[KernelFiles] = []
    for part in found:
        home = next((k for k in kernels if _belongs(k, part)), None)
        if home is None:
            kernels.append(part)
        else:
            _add(home, part)
    return kernels


def _belongs(kernel: KernelFiles, part: KernelFiles) -> bool:
    if not kernel.release or not part.release or not identity.same_release(kernel.release, part.release):
        return False
    if kernel.arch and part.arch and kernel.arch != part.arch:
        return False
    # Two kernels that are both whole are two kernels, even if a config's short release fits both.
    both = kernel.held("btf") and part.held("btf")
    return not (both and kernel.part_digest("btf") != part.part_digest("btf"))


def _add(kernel: KernelFiles, part: KernelFiles) -> None:
    if len(part.release or "") > len(kernel.release or ""):
        kernel.label, kernel.release = part.label, part.release
    kernel.arch = kernel.arch or part.arch
    for name in ("btf", "config", "symbols", "probe"):
        if not kernel.held(name):
            setattr(kernel, name, part.held(name))
    if kernel.image is None:
        kernel.image, kernel.image_sha256, kernel.kallsyms = part.image, part.image_sha256, part.kallsyms
        kernel.facts = part.facts
    kernel.packed, kernel.packed_at = ",".join(filter(None, (kernel.packed, part.packed))), ""
    if part.modules:
        kernel.modules = {**part.modules, **kernel.modules} if kernel.modules else part.modules
    kernel.tell_version(part.version, part.version_source)
    kernel.unnumbered = kernel.unnumbered or part.unnumbered
    kernel.inputs += tuple(i for i in part.inputs if i not in kernel.inputs)
    kernel.problems += part.problems


def _finish(kernel: KernelFiles) -> None:
    if kernel.arch is None and kernel.config:
        kernel.arch = arch_of_config(kernel.config)
    if kernel.config and (heading := identity.release_of_config(kernel.config)):
        kernel.tell_version(linux_version(heading), "config")
    if kernel.modules:
        kernel.modules_sha256 = _content_key(kernel)
        if kernel.packed_at and isinstance(kernel.modules, kernelpack.PackedModules):
            kernel.module_search = PackedIndex(kernel.modules.parts, partial(getattr, kernel, "btf"))
            return
        index = ModuleIndex(kernel.modules_sha256, kernel.modules, partial(getattr, kernel, "btf"), kernel.label)
        kernel.module_search = index
        kernel.modules = IndexedModules(index, kernel.modules)


def _content_key(kernel: KernelFiles) -> str:
    """What an index of the modules depends on: BTF, inputs, names, and what the module files on disk hold."""
    digest = hashlib.sha256(kernel.part_digest("btf").encode())
    digest.update(kernel.packed.encode())
    if kernel.packed_at:
        return digest.hexdigest()
    for entry in kernel.inputs:
        digest.update(entry.sha256.encode())
    readers = _sorted(kernel.modules)
    loose = [reader.path for _, reader in readers if isinstance(reader, ModuleFile)]
    digests = Digests(f"modules in {os.path.dirname(loose[0])}") if loose else None
    for name, reader in readers:
        digest.update(name.encode() + b"\0")
        if digests is not None and isinstance(reader, ModuleFile):
            try:
                digest.update(digests.of(reader.path).encode())
            except OSError as error:
                digest.update(str(error.strerror).encode())
    if digests is not None:
        digests.keep()
    return digest.hexdigest()


def _sorted(modules: Mapping[str, Callable[[], ModuleSections]]) -> list[tuple[str, Callable[[], ModuleSections]]]:
    return sorted(modules.items(), key=lambda pair: pair[0])
