# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Functions that ftrace can patch, as the image lists them: what fentry, fexit and kprobe events attach to (R-7.9).

``__mcount_loc`` is an array of addresses, one for each call that the compiler left at the start of a function: at its
first byte, behind ENDBR or BTI, or, where arm64 keeps room before the function, 8 bytes before it. It is the longest
run of words in the image that are addresses of its functions. Functions of ``.init.text`` are gone when programs
attach.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from kfuncscope.intake.kallsyms import name_table
from kfuncscope.kernel.binary.addresses import NOWHERE, Addresses, symbol_addresses
from kfuncscope.storage.cache import default_cache
from kfuncscope.storage.files import KernelFiles

VERSION = 1
"""Part of the cache key; raised whenever the reader changes."""

CALLS_AT = {"x86_64": (0, 4), "arm64": (0, 4, -8)}
"""Architecture → bytes from a function's address to the call that ftrace patches, as kernels are built for it."""

# Where raw arm64 images are linked to run (KIMAGE_VADDR): from 6.6, from 5.11, before.
_RAW_BASES = (0xFFFF800080000000 - (1 << 64), 0xFFFF800008000000 - (1 << 64), 0xFFFF800010000000 - (1 << 64))
_FEWEST = 4096  # functions; the smallest kernel with ftrace has tens of thousands
_LONGEST_GAP = 512  # words between two of the run: places in functions without a symbol, as weak ones that lost
_TEXT = b"tTwW"


def traceable_functions(files: KernelFiles, arch: str) -> frozenset[str] | None:
    """Names of the functions of vmlinux that can be traced; None where no image was given, or it does not tell.

    Raises InputError where the image cannot be read, or has no symbols.
    """
    if files.image is None or arch not in CALLS_AT:
        return None
    key = f"traceable:{VERSION}:{files.image_sha256}" if files.image_sha256 else ""
    kept = default_cache().get(key) if key else None
    if kept is None:
        kept = b"\n".join(sorted(_functions(files.image(), CALLS_AT[arch], files.label)))
        if key:
            default_cache().put(key, kept)
    return frozenset(kept.decode("utf-8", "replace").split("\n")) if kept else None


def _functions(image: bytes, calls_at: tuple[int, ...], source: str) -> set[bytes]:
    elf = image[:4] == b"\x7fELF"
    table = name_table(image, source)
    addresses = symbol_addresses(image, table, elf)
    if addresses is None:
        return set()
    is_code = np.fromiter((line[0] in _TEXT for line in table.lines), dtype=np.bool_, count=len(table.lines))
    is_code &= addresses != NOWHERE
    patched = patched_places(image, np.unique(addresses[is_code]), calls_at, table.order, (0,) if elf else _RAW_BASES)
    if patched is None:
        return set()
    is_code &= ~_of_init(table.lines, addresses)
    found = np.zeros(len(table.lines), dtype=np.bool_)
    for distance in calls_at:
        found |= is_code & np.isin(addresses + distance, patched)
    return {table.lines[at][2:] for at in np.flatnonzero(found).tolist()}


def patched_places(
    image: bytes, functions: Addresses, calls_at: tuple[int, ...], order: str, bases: tuple[int, ...]
) -> Addresses | None:
    """The places that ftrace patches, as ``functions`` counts addresses; None where the image lists none."""
    wanted = np.unique(np.concatenate([functions + distance for distance in calls_at]))
    words = np.frombuffer(image, dtype=f"{order}i8", count=len(image) // 8)
    best: Addresses | None = None
    for base in bases:
        inside = (words >= wanted[0] + base) & (words <= wanted[-1] + base)
        at = np.flatnonzero(inside)
        values = words[at].astype(np.int64) - base
        hits = np.isin(values, wanted)
        for run in _runs(at[hits]):
            found = values[hits][run]
            if len(found) >= _FEWEST and (best is None or len(found) > len(best)):
                best = found
    return best


def _runs(places: npt.NDArray[np.intp]) -> Iterator[slice]:
    """Stretches of words that are near each other."""
    edges = np.flatnonzero(np.diff(places) > _LONGEST_GAP) + 1
    for first, end in pairwise([0, *edges.tolist(), len(places)]):
        yield slice(first, end)


def _of_init(lines: list[bytes], addresses: Addresses) -> npt.NDArray[np.bool_]:
    """Which symbols lie in the code that is freed after boot."""
    bounds = {}
    for name in (b"_sinittext", b"_einittext"):
        at = next((i for i, line in enumerate(lines) if line[2:] == name), None)
        if at is None:
            return np.zeros(len(lines), dtype=np.bool_)
        bounds[name] = int(addresses[at])
    return (addresses >= bounds[b"_sinittext"]) & (addresses < bounds[b"_einittext"])
