# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Pack a kernel into one file that opens in milliseconds and gives the same answers: see ``storage.kernelpack``."""

from __future__ import annotations

import io

from kfuncscope.errors import KernelError
from kfuncscope.kernel.binary import image_facts, listed
from kfuncscope.kernel.kernel import open_kernel
from kfuncscope.storage.files import KernelFiles
from kfuncscope.storage.kernelpack import IMAGE, LISTED, SYMBOLS, gathered, pack_bytes


def packed(files: KernelFiles, arch: str | None = None) -> bytes:
    """The pack of a kernel; the same parts give the same bytes. Raises InputError where the files do not make one."""
    if files.packed:
        raise KernelError(files.label, "is a kernel pack already")
    kernel = open_kernel(files, arch)
    vmlinux = kernel.vmlinux

    def image() -> bytes:
        return image_facts.told(files, vmlinux, kernel.likely_null_args()) if vmlinux is not None else b""

    made = {IMAGE: image, LISTED: lambda: listed.told(files, kernel.arch), SYMBOLS: files.kallsyms or bytes}
    if vmlinux is None:
        del made[IMAGE]
    parts, meta = gathered(files, made)
    into = io.BytesIO()
    pack_bytes(parts, meta, into)
    return into.getvalue()
