# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Open a kernel's BTF and symbols: what is derived from them is kept for the next run that judges one object."""

from __future__ import annotations

from kfuncscope.btf.blob import Blob
from kfuncscope.errors import BtfError
from kfuncscope.kernel.symbols import Symbols
from kfuncscope.storage.cache import default_cache
from kfuncscope.storage.files import KernelFiles

VERSION = 2
"""Part of the cache key; raised whenever the stored form changes."""

_WORTH_IT = 1 << 20


def open_vmlinux(files: KernelFiles) -> Blob | None:
    """The BTF of the kernel itself; None where none was given. Raises BtfError."""
    data = files.btf
    if not data:
        return None
    if len(data) < _WORTH_IT:
        return Blob(data, files.label)
    key = f"btf-index:{VERSION}:{files.part_digest('btf')}"
    cache = default_cache()
    pack = cache.pack(key)
    known = pack.read_all(pack.names()) if pack is not None else None
    if known is not None:
        try:
            return Blob(data, files.label, known=known)
        except (BtfError, ValueError):
            pass  # an index of another form; without it the bytes themselves tell what is wrong with them
    blob = Blob(data, files.label)
    cache.put_parts(key, blob.derived())
    return blob


def open_symbols(files: KernelFiles, source: str) -> Symbols | None:
    """The symbol list that was given, called ``source`` in errors; None where there is none. Raises KernelError."""
    if not files.held("symbols"):
        return None
    key = f"symbols:{VERSION}:{files.part_digest('symbols')}"
    cache = default_cache()
    if text := cache.get(key):
        return Symbols(b"", source, text)
    data = files.symbols or b""
    found = Symbols(data, source)
    if len(data) >= _WORTH_IT:
        cache.put_parts(key, {"": found.derived()})
    return found
