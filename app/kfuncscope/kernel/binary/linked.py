# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Where a variable of the kernel lies: the address that its image was linked for, and by how much a boot may move it.

libbpf puts the address of a variable without a type (``extern const void x __ksym``) into the instructions (R-2.12). A
boot with KASLR moves the whole kernel by one distance, of which x86_64 has few enough to try them all.
"""

from __future__ import annotations

from collections.abc import Mapping

from kfuncscope.errors import InputError
from kfuncscope.kernel.binary.addresses import NOWHERE, ImageSymbols
from kfuncscope.storage.cache import default_cache
from kfuncscope.storage.files import KernelFiles

VERSION = 1
"""Part of the cache key; raised whenever the reader or the stored form changes."""

MOVES: Mapping[str, range] = {"x86_64": range(0, 1 << 30, 2 << 20)}
"""Distances in bytes: x86_64 puts the kernel anywhere in KERNEL_IMAGE_SIZE, in steps of the least CONFIG_PHYSICAL_ALIGN
(find_random_virt_addr). arm64 has millions of places."""


def linked_address(files: KernelFiles, arch: str, name: str) -> int | None:
    """The address of a symbol in a kernel that was not moved, as 64 bits without a sign; None where no image was given,
    it has no such symbol, or nobody could try all distances on this architecture."""
    if files.image is None or arch not in MOVES:
        return None
    key = f"linked:{VERSION}:{files.image_sha256}:{name}" if files.image_sha256 else ""
    kept = default_cache().get(key) if key else None
    if kept is None:
        kept = _read(files, name)
        if key:
            default_cache().put(key, kept)
    return int.from_bytes(kept, "little") if len(kept) == 8 else None


def _read(files: KernelFiles, name: str) -> bytes:
    assert files.image is not None
    try:
        symbols = ImageSymbols(files.image(), files.label)
    except InputError:
        return b""
    found = symbols.place(name) if len(symbols.addresses) else None
    return b"" if found is None or found == NOWHERE else (found & (1 << 64) - 1).to_bytes(8, "little")
