# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Kernel packs in tests: made, written again as somebody who knows the form can, and asked for all they answer."""

from __future__ import annotations

import contextlib
import hashlib
import io
from pathlib import Path
from typing import Any

from kfuncscope.btf import declare
from kfuncscope.cli.inspect.files import describe_kernel
from kfuncscope.errors import InputError
from kfuncscope.intake.kernels import kernel_files
from kfuncscope.kernel.kernel import Kernel, open_kernel
from kfuncscope.kernel.packing import packed
from kfuncscope.storage import kernelpack as kpack
from kfuncscope.storage.pack import PackWriter, read_table
from support import kernelfiles as make


def pack_of(path: Path | str, into: Path) -> str:
    """Pack the kernel of a path; the path of the pack."""
    (files,) = kernel_files([path])
    into.write_bytes(packed(files))
    return str(into)


def opened(path: Path | str) -> Kernel:
    """The one kernel of a path."""
    (files,) = kernel_files([path])
    return open_kernel(files)


def told(kernel: Kernel) -> dict[str, Any]:
    """What every command says of a kernel, and of its modules."""
    unreadable = kernel.modules.read_all()
    modules = {name: kernel.modules.sections(name) for name in kernel.modules.names}
    registries = {name: sorted(r.kfuncs) for name in modules if (r := kernel.module_kfuncs(name)) is not None}
    return {**describe_kernel(kernel), "m": modules, "r": registries, "u": unreadable, "p": kernel.problems,
            "inputs": kernel.files.inputs, "probed": kernel.probed, "listed": kernel.listed}  # fmt: skip


def changed(path: Path, **words: Any) -> None:
    """Write a pack again with another account of itself and right digests, as somebody who knows the form can.

    ``parts`` replaces parts, by name.
    """
    with path.open("rb") as file:
        pack = read_table(file, path, kpack.FORMAT)
    assert pack is not None
    parts = {name: pack.part(name, 1 << 30) for name in pack.names()}
    parts |= words.pop("parts", {})
    digests = {name: hashlib.sha256(data).hexdigest() for name, data in parts.items() if name != kpack.SECTIONS}
    meta = {**pack.meta, "sha256": digests, **words}
    into = io.BytesIO()
    into.write(kpack.HEAD)
    writer = PackWriter(into, Path(), Path())
    for name, data in parts.items():
        writer.add(name, data, compress=name not in pack or pack.compressed(name))
    writer.end(meta)
    path.write_bytes(into.getvalue())


def names_of(path: Path) -> list[str]:
    """The parts of a pack that have a digest each."""
    with path.open("rb") as file:
        pack = read_table(file, path, kpack.FORMAT)
    assert pack is not None
    return [name for name in pack.names() if name != kpack.SECTIONS]


def part(path: Path, name: str) -> bytes:
    """One part of a pack, uncompressed."""
    with path.open("rb") as file:
        pack = read_table(file, path, kpack.FORMAT)
    assert pack is not None
    return pack.part(name, 1 << 30)


def asked(path: Path) -> None:
    """Ask a kernel for all that programs may ask."""
    kernel = opened(path)
    told(kernel)
    blob = kernel.vmlinux
    assert blob is not None
    for type_id in range(1, len(blob)):
        declare.declare(blob, type_id)
        blob.find(blob.name(type_id))
        with contextlib.suppress(InputError):
            blob.size(type_id)
    if kernel.symbols is not None:
        for name in ("f", "probe", "tcp_v4_connect", ""):
            kernel.symbols.types(name), kernel.symbols.clones(name)
        kernel.symbols.has_function_like("*o*e")


def with_columns(folder: Path) -> Path:
    """A pack with columns of BTF and of symbols."""
    btf = make.base()
    word = btf.int_("int", 4, signed=True)
    inner = btf.struct("inner", [("a", word), ("b", btf.array(word, 4))], 20)
    fields = [(f"field_{i}", word) for i in range(40)] + [("next", btf.ptr(inner)), ("inner", inner)]
    btf.struct("task_struct", fields, 200)
    btf.union("many", [(name, of) for name, of in fields[:9]], 8)
    btf.enum("bpf_prog_type", {"BPF_PROG_TYPE_UNSPEC": 0, "BPF_PROG_TYPE_XDP": 6})
    btf.typedef("chain", btf.const(btf.volatile(btf.typedef("chained", inner))))
    (folder / "System.map").write_text("".join(f"ffffffff8100{i:04x} {'tTdD'[i % 4]} f{i % 70}\n" for i in range(300)))
    (folder / "config").write_bytes(make.config())
    (folder / "vmlinux.btf").write_bytes(btf.build())
    return Path(
        pack_of(f"btf={folder}/vmlinux.btf,symbols={folder}/System.map,config={folder}/config", folder / "s.kpack")
    )
