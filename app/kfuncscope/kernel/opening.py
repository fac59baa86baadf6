# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Open a kernel's BTF and symbols: what is derived from them is kept for the next run that judges one object.

Kept are columns of numbers beside the bytes themselves, so that a known kernel is opened by a memory map.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping

from kfuncscope.btf.blob import Blob
from kfuncscope.btf.names import Buffer
from kfuncscope.errors import BtfError
from kfuncscope.kernel.symbols import Symbols
from kfuncscope.storage.cache import default_cache
from kfuncscope.storage.files import Columns, KernelFiles, Later
from kfuncscope.storage.mapped import mapped

VERSION = 3
"""Part of the cache key; raised whenever the stored form changes."""

_WORTH_IT = 1 << 20
DATA = "data"


def open_vmlinux(files: KernelFiles) -> Blob | None:
    """The BTF of the kernel itself; None where none was given. Raises BtfError."""
    if not files.held("btf"):
        return None
    if (made := _made_elsewhere(files.held("btf"), _holds)) is not None:
        return Blob(made[DATA], files.label, known=made)
    key = f"btf:{VERSION}:{sys.byteorder}:{files.part_digest('btf')}"
    if (known := _kept(key, lambda parts: prepared_blob(parts, files.label) is not None)) is not None:
        return Blob(known[DATA], files.label, known=known)
    data = files.btf or b""
    blob = Blob(data, files.label)
    if len(data) >= _WORTH_IT:
        default_cache().put_parts(key, {DATA: data, **blob.derived()})
    return blob


def _made_elsewhere(held: object, bounded: Callable[[Columns], bool]) -> Columns | None:
    """Columns that lie beside the bytes in a pack of the kernel. Raises InputError."""
    return held.columns(bounded) if isinstance(held, Later) and held.columns is not None else None


def _kept(key: str, fits: Callable[[Mapping[str, Buffer]], bool]) -> Mapping[str, Buffer] | None:
    pack = default_cache().pack(key)
    return mapped(pack, fits) if pack is not None else None


def _holds(parts: Mapping[str, Buffer]) -> bool:
    """Whether columns in a pack are those of the BTF beside them. Raises BtfError for BTF that nobody could use."""
    return DATA in parts and Blob(parts[DATA], "BTF", known=parts).holds(parts)


def prepared_blob(parts: Mapping[str, Buffer], source: str) -> Blob | None:
    """The blob of bytes and columns that somebody else may have made; None where they are not of one another."""
    try:
        blob = Blob(parts[DATA], source, known=parts)
        return blob if blob.fits(parts) else None
    except (BtfError, KeyError, ValueError, TypeError):
        return None


def open_symbols(files: KernelFiles, source: str) -> Symbols | None:
    """The symbol list that was given, called ``source`` in errors; None where there is none. Raises KernelError."""
    if not files.held("symbols"):
        return None
    if (made := _made_elsewhere(files.held("symbols"), Symbols.bounded)) is not None:
        return Symbols(b"", source, made)
    return kept_symbols(lambda: files.symbols or b"", files.part_digest("symbols"), source)


def kept_symbols(read: Callable[[], bytes], content: str, source: str) -> Symbols:
    """A symbol list and its index, kept by what identifies its content (where that is not empty). Raises InputError."""
    if (made := _made_elsewhere(read, Symbols.bounded)) is not None:
        return Symbols(b"", source, made)
    key = f"symbols:{VERSION}:{sys.byteorder}:{content}" if content else ""
    if key and (known := _kept(key, Symbols.fits)) is not None:
        return Symbols(b"", source, known)
    data = read()
    found = Symbols(data, source)
    if key and len(data) >= _WORTH_IT:
        default_cache().put_parts(key, found.derived())
    return found
