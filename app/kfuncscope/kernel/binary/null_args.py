# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The verifier's own list of tracepoint arguments that may be NULL, as it lies in a kernel image (R-7.7, R-12.22).

``raw_tp_null_args`` is an array of ``{const char *name; u64 mask}`` in read-only data, four bits of the mask for each
argument: 1 may be NULL, 2 may be an error pointer. Nothing names the array in a stripped image; it is the longest run
of such pairs whose names are those of tracepoints; among the others a single one may have no mask (0), as that of a
module of the tests has since 6.16. Point releases change the list, so the image is asked before any table.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from kfuncscope.btf.blob import Blob
from kfuncscope.btf.layout import Kind
from kfuncscope.elf.tables import SHT_NOBITS, read_elf
from kfuncscope.kernel.binary.memory import Memory

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
else:
    from kfuncscope.deferred import numpy as np

NullMasks = dict[str, frozenset[int]]

_FEWEST = 16  # entries; the first kernels that had the list had some sixty
_MOST = 4096
_ARGUMENTS = 12
_LONGEST_NAME = 64
_NAME = re.compile(rb"[a-z][a-z0-9_]{2,62}\0")
_NEVER = 0xCCCCCCCCCCCCCCCC  # bits that no argument's four have
_LARGEST = 1 << 4 * _ARGUMENTS
_ALIKE = 3  # names that must be tracepoints of this vmlinux; most of the list's are those of modules
_ANCHORS, _PLACES = 8, 24
_PAGE = 0xFFF


class MaybeNull(NamedTuple):
    """Arguments of a tracepoint that may be NULL or an error pointer, from 0 (R-7.7), and by what.

    ``disputed`` are those of which levels that speak for this kernel do not agree; ``modules`` tells whether every
    argument of a module's tracepoint may be NULL, as it is where the verifier has such a list.
    """

    arguments: frozenset[int]
    disputed: frozenset[int]
    modules: bool
    source: str


def null_args(image: bytes, blob: Blob, likely: Iterable[str]) -> NullMasks | None:
    """Tracepoint → arguments that may be NULL or an error pointer; None where the image has no such list.

    ``likely`` are names that the list probably holds: raw images do not say where they are loaded, so one of these
    texts must be found to tell it.
    """
    elf = image[:4] == b"\x7fELF"
    where = _read_only(image, blob.source) if elf else [(0, len(image))]
    anchors = [] if elf else _anchors(image, likely)
    best: NullMasks | None = None
    for start, end in where:
        for pointers, masks in _runs(image, start, end, blob.endian):
            names = _names_of_elf(image, pointers) if elf else _names_of_raw(image, pointers, anchors)
            found = {name: _arguments(mask) for name, mask in zip(names, masks, strict=True) if name}
            known = sum(1 for name in found if blob.find(f"btf_trace_{name}", Kind.TYPEDEF))
            if len(found) == len(pointers) and known >= _ALIKE and len(found) > len(best or ()):
                best = found
    return best


def _read_only(image: bytes, source: str) -> list[tuple[int, int]]:
    """Where constants lie in an ELF image (ppc64 puts those with pointers into relocated data)."""
    sections = read_elf(image, source).sections
    named = [s for s in sections if s.name in (".rodata", ".data.rel.ro") and s.type != SHT_NOBITS]
    return [(s.offset, min(s.offset + s.size, len(image))) for s in named]


def _runs(image: bytes, start: int, end: int, endian: str) -> Iterator[tuple[list[int], list[int]]]:
    """(pointers, masks) of each run of pairs long enough."""
    start = (start + 7) & ~7
    largest, never = np.uint64(_LARGEST), np.uint64(_NEVER)
    words = np.frombuffer(image, dtype=np.dtype(f"{endian}u8"), count=max(0, end - start) // 8, offset=start)
    mask_like = (words - np.uint64(1) < largest - np.uint64(1)) & ((words & never) == 0)
    for phase in (0, 1):
        good = mask_like[phase + 1 :: 2]
        pointers = words[phase::2][: len(good)]
        masks = words[phase + 1 :: 2]
        addresses = pointers >= largest if endian == "<" else pointers > np.uint64(1 << 12)
        good = good & addresses
        joined = good.copy()
        joined[1:-1] |= good[:-2] & good[2:] & addresses[1:-1] & (masks[1:-1] == 0)
        for first, last in sorted({*_stretches(good), *_stretches(joined)}):
            yield pointers[first:last].tolist(), masks[first:last].tolist()


def _stretches(good: npt.NDArray[np.bool_]) -> Iterator[tuple[int, int]]:
    edges: npt.NDArray[Any] = np.flatnonzero(np.diff(np.concatenate(([0], good.view(np.int8), [0]))))
    for first, last in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
        if _FEWEST <= last - first <= _MOST:
            yield first, last


def _text(image: bytes, at: int | None) -> str:
    found = _NAME.match(image, at, at + _LONGEST_NAME) if at is not None and at >= 0 else None
    return found[0][:-1].decode() if found else ""


def _names_of_elf(image: bytes, pointers: list[int]) -> list[str]:
    memory = Memory(image)
    return [_text(image, memory.offset(pointer)) for pointer in pointers]


def _anchors(image: bytes, likely: Iterable[str]) -> list[list[int]]:
    """Where each of the first likely texts lies."""
    found = []
    for name in list(likely)[:_ANCHORS]:
        text, at = name.encode() + b"\0", -1
        places: list[int] = []
        while len(places) < _PLACES and (at := image.find(text, at + 1)) >= 0:
            places.append(at)
        found.append(places)
    return found


def _names_of_raw(image: bytes, pointers: list[int], anchors: list[list[int]]) -> list[str]:
    """Names by the base address with which most of the likely texts are among those pointed to."""
    votes: Counter[int] = Counter()
    wanted = set(pointers)
    for places in anchors:
        votes.update({pointer - at for pointer in wanted for at in places if not (pointer - at) & _PAGE})
    if not votes:
        return [""] * len(pointers)
    base, _ = max(votes.items(), key=lambda vote: (vote[1], vote[0]))
    return [_text(image, pointer - base) for pointer in pointers]


def _arguments(mask: int) -> frozenset[int]:
    return frozenset(argument for argument in range(_ARGUMENTS) if mask >> 4 * argument & 3)
