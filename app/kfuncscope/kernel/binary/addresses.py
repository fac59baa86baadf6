# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Addresses of the symbols that a kernel image carries for itself (CONFIG_KALLSYMS), beside their names.

``kallsyms_offsets`` has 32 bits for each symbol. Up to 6.3 it lies before the names, in later releases behind the index
of the tokens, with ``kallsyms_relative_base`` after it. A number counts from that base, or, where the symbols of each
CPU are absolute, ``-1 - number`` does; from 7.2 on it counts from the place of the number itself, and there is no base.
Which of these an image has is told by what must be true: addresses rise.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from kfuncscope.intake.kallsyms import NameTable
from kfuncscope.kernel.binary.memory import Memory

Addresses = npt.NDArray[np.int64]

NOWHERE = -1 << 62
"""Stands for a symbol without an address in the image (variables of each CPU)."""

_LEAST_SPAN = 1 << 20  # bytes between the first symbol and the last of any kernel
_MOST_SPAN = 1 << 31
_BEFORE_NAMES = (8, 4)  # bytes from the number of symbols to the names


def symbol_addresses(image: bytes, table: NameTable, elf: bool) -> Addresses | None:
    """The address of each name, as signed 64-bit numbers, or in a raw image its place in the file; None where no place
    holds what they must be."""
    count, order = len(table.lines), table.order
    for at, base_at in _places(image, table):
        if at < 0 or max(at + 4 * count, base_at + 8) > len(image):
            continue
        (base,) = struct.unpack_from(f"{order}q", image, base_at)
        found = _from_base(_numbers(image, at, count, order), base if elf else 0) if _is_base(base) else None
        if found is not None:
            return found
    at = _up(table.tokens_end)
    if at + 4 * count > len(image):
        return None
    return _from_place(_numbers(image, at, count, order), at if not elf else Memory(image).address(at))


def _places(image: bytes, table: NameTable) -> Iterator[tuple[int, int]]:
    """(offset of the numbers, offset of the base) where they can be."""
    size = 4 * len(table.lines)
    behind = _up(table.tokens_end)
    yield behind, _up(behind + size)
    for gap in _BEFORE_NAMES:
        number = table.names - gap
        if struct.unpack_from(f"{table.order}I", image, number)[0] == len(table.lines):
            yield number - 8 - _up(size), number - 8


def _up(at: int) -> int:
    return (at + 7) & ~7


def _is_base(base: int) -> bool:
    """An address of the kernel's half, or nothing yet: raw images that relocate themselves leave zero."""
    return base == 0 or -1 << 47 <= base < 0


def _numbers(image: bytes, at: int, count: int, order: str) -> Addresses:
    return np.frombuffer(image, dtype=f"{order}i4", count=count, offset=at).astype(np.int64)


def _from_base(numbers: Addresses, base: int) -> Addresses | None:
    unsigned = numbers & 0xFFFFFFFF
    if _rise(unsigned) and int(unsigned[-1]) < _MOST_SPAN:
        return unsigned + base
    percpu = numbers >= 0
    turned = np.where(percpu, numbers + NOWHERE, -1 - numbers)
    return np.where(percpu, NOWHERE, turned + base) if _rise(turned) and not percpu.all() else None


def _from_place(numbers: Addresses, at: int | None) -> Addresses | None:
    from_first = numbers + 4 * np.arange(len(numbers), dtype=np.int64)
    if at is None or not _rise(from_first):
        return None
    return from_first + (at if at < 1 << 63 else at - (1 << 64))


def _rise(values: Addresses) -> bool:
    return bool((np.diff(values) >= 0).all()) and int(values[-1] - values[0]) >= _LEAST_SPAN
