# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Pack a kernel into one file that opens in milliseconds and gives the same answers: see ``storage.kernelpack``."""

from __future__ import annotations

import hashlib
import io
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import msgspec
import zstandard

from kfuncscope.btf.scan import string_section
from kfuncscope.errors import InputError, KernelError
from kfuncscope.intake.modules import NamesIndex
from kfuncscope.kernel.binary import image_facts, listed
from kfuncscope.kernel.kernel import Kernel, open_kernel
from kfuncscope.kernel.opening import DATA
from kfuncscope.storage import kernelpack
from kfuncscope.storage.files import KernelFiles, ModuleSections
from kfuncscope.storage.kernelpack import IMAGE, LISTED, SYMBOLS, Meta, ModuleRow
from kfuncscope.storage.pack import PackWriter

Failed = tuple[str, str, int | None]
_LEVEL = 3


def packed(files: KernelFiles, arch: str | None = None) -> bytes:
    """The pack of a kernel; the same parts give the same bytes. Raises InputError where the files do not make one."""
    if files.packed:
        raise KernelError(files.label, "is a kernel pack already")
    kernel = open_kernel(files, arch)
    parts, failed = _read(kernel)
    columns = _columns(kernel, parts)
    of_modules = module_parts(files.modules, string_section(files.btf or b""))
    sections = of_modules.pop(kernelpack.SECTIONS)
    parts |= of_modules
    for name, data in (parts | columns).items():
        if len(data) > kernelpack.LARGEST_PART:
            raise InputError(files.label, f"{name} of {len(data)} bytes is larger than a kernel pack can hold")
    meta = Meta(
        files.label, files.arch, files.release, files.version, files.version_source,
        [(i.path, i.sha256, i.size) for i in files.inputs], [(p.path, p.reason, p.offset) for p in files.problems],
        {name: hashlib.sha256(data).hexdigest() for name, data in (parts | columns).items()},
        files.image is not None, sorted(files.modules), failed, files.unnumbered, sys.byteorder,
    )  # fmt: skip
    return written(parts, columns, sections, meta)


def written(parts: Mapping[str, bytes], columns: Mapping[str, bytes], sections: bytes, meta: Meta) -> bytes:
    """The file: parts that are compressed, columns and the sections of modules as they are, the table."""
    into = io.BytesIO()
    into.write(kernelpack.HEAD)
    writer = PackWriter(into, Path(), Path())
    for name, data in parts.items():
        writer.add(name, data)
    for name, data in columns.items():
        writer.add(name, data, compress=False)
    writer.add(kernelpack.SECTIONS, sections, compress=False)
    writer.end(msgspec.to_builtins(meta))
    return into.getvalue()


def _read(kernel: Kernel) -> tuple[dict[str, bytes], dict[str, Failed]]:
    """The parts that are compressed, and those from the image that cannot be read."""
    files, vmlinux = kernel.files, kernel.vmlinux
    parts = {name: data for name in ("config", "symbols") if (data := getattr(files, name))}
    failed: dict[str, Failed] = {}
    if files.image is None:
        return parts, failed

    def image() -> bytes:
        return image_facts.told(files, vmlinux, kernel.likely_null_args()) if vmlinux is not None else b""

    made = {IMAGE: image, LISTED: lambda: listed.told(files, kernel.arch), SYMBOLS: files.kallsyms or bytes}
    if vmlinux is None:
        del made[IMAGE]
    for name, read in made.items():
        try:
            parts[name] = read()
        except InputError as error:
            failed[name] = error.source, error.reason, error.offset
    return parts, failed


def _columns(kernel: Kernel, parts: Mapping[str, bytes]) -> dict[str, bytes]:
    """What is derived from BTF and symbols."""
    found: dict[str, bytes] = {}
    if kernel.vmlinux is not None:
        made = {DATA: kernel.vmlinux.data, **kernel.vmlinux.derived()}
        found |= {f"btf/{name}": data for name, data in made.items()}
    text = next((name for name in ("symbols", SYMBOLS) if name in parts), "")
    if text and kernel.symbols is not None:
        found |= {f"{text}/{name}": data for name, data in kernel.symbols.derived().items()}
    return found


def module_parts(modules: Mapping[str, Callable[[], ModuleSections]], base: bytes) -> dict[str, bytes]:
    """The parts with all modules: a row for each, sorted by name, their sections, compressed, and the names in them.

    ``base`` are the strings of the kernel's own BTF.
    """
    rows: list[ModuleRow] = []
    index = NamesIndex(len(base))
    frames: list[bytes] = []
    at, zstd = 0, zstandard.ZstdCompressor(level=_LEVEL)
    for name in sorted(modules):
        try:
            read = modules[name]()
        except InputError as error:
            rows.append(ModuleRow(0, 0, b"", (0, 0, 0), [], failed=(error.source, error.reason, error.offset)))
            continue
        data = read.btf + read.btf_base + read.btf_ids
        if len(data) > kernelpack.LARGEST_PART:
            raise InputError(name, f"a module of {len(data)} bytes is larger than a kernel pack can hold")
        frame = zstd.compress(data) if data else b""
        sizes = len(read.btf), len(read.btf_base), len(read.btf_ids)
        index.add(name, read)
        names = len(index.strings[-1]), len(index.offsets[-1]) // 4
        rows.append(ModuleRow(at, len(frame), hashlib.sha256(frame).digest(), sizes, list(read.set8), names))
        frames.append(frame)
        at += len(frame)
    return {
        kernelpack.MODULES: msgspec.msgpack.encode(rows), kernelpack.SECTIONS: b"".join(frames),
        kernelpack.STRINGS: b"".join(index.strings), kernelpack.USES: kernelpack.little(b"".join(index.offsets)),
        kernelpack.BORROWED: index.borrowed(base),
    }  # fmt: skip
