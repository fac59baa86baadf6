# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Addresses of the symbols that a kernel image carries for itself (CONFIG_KALLSYMS), beside their names.

``kallsyms_offsets`` has 32 bits for each symbol. Up to 6.3 it lies before the names, in later releases behind the index
of the tokens, with ``kallsyms_relative_base`` after it. A number counts from that base, or, where the symbols of each
CPU are absolute, ``-1 - number`` does; from 7.2 on it counts from the place of the number itself, there is no base, and
the numbers are aligned to their own four bytes.
Which of these an image has follows from what must be true: addresses rise.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from functools import cached_property
from typing import TYPE_CHECKING

from kfuncscope.intake.kallsyms import NameTable, name_table
from kfuncscope.kernel.binary.memory import Memory

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
else:
    from kfuncscope.deferred import numpy as np

if TYPE_CHECKING:
    Addresses = npt.NDArray[np.int64]


NOWHERE = -1 << 62
"""Stands for a symbol without an address in the image (variables of each CPU)."""

# Where raw arm64 images are linked to run (KIMAGE_VADDR): from 6.6, from 5.11, before.
RAW_BASES = (0xFFFF800080000000 - (1 << 64), 0xFFFF800008000000 - (1 << 64), 0xFFFF800010000000 - (1 << 64))
_TEXT = b"tTwW"
_LARGEST_ARRAY = 1 << 20
_LEAST_SPAN = 1 << 20  # bytes between the first symbol and the last of any kernel
_MOST_SPAN = 1 << 31
_BEFORE_NAMES = (8, 4)  # bytes from the number of symbols to the names


def in_order(values: Addresses) -> Addresses:
    """Each value once, the lowest first. numpy's unique() hashes first, which takes ten times as long here."""
    found: Addresses = np.sort(values)
    kept: Addresses = found[np.concatenate((found[:1] == found[:1], found[1:] != found[:-1]))]
    return kept


def among(values: Addresses, known: Addresses) -> npt.NDArray[np.bool_]:
    """Which values are among the known ones, which are in order."""
    if not len(known):
        return np.zeros(len(values), dtype=np.bool_)
    at = np.minimum(np.searchsorted(known, values), len(known) - 1)
    found: npt.NDArray[np.bool_] = known[at] == values
    return found


class ImageSymbols:
    """The symbols of an image with their addresses, and what lies there. In a raw image places in the file count.

    Raises ImageError where the image has no symbols; ``addresses`` is empty where it does not tell addresses.
    """

    def __init__(self, image: bytes, source: str) -> None:
        self.image = image
        self._elf = image[:4] == b"\x7fELF"
        self._table = name_table(image, source)
        found = symbol_addresses(image, self._table, self._elf)
        self.addresses: Addresses = np.zeros(0, dtype=np.int64) if found is None else found
        self.bases: tuple[int, ...] = (0,) if self._elf else RAW_BASES

    def name(self, at: int) -> str:
        """The name of the symbol at a position."""
        return self._table.lines[at][2:].decode("utf-8", "replace")

    def code(self) -> npt.NDArray[np.bool_]:
        """Which symbols are functions with an address."""
        lines = self._table.lines
        is_code = np.fromiter((line[0] in _TEXT for line in lines), dtype=np.bool_, count=len(lines))
        found: npt.NDArray[np.bool_] = is_code & (self.addresses != NOWHERE)
        return found

    def words(self) -> Addresses:
        """The image as signed 64-bit words."""
        order = self._table.order
        return np.frombuffer(self.image, dtype=f"{order}i8", count=len(self.image) // 8)

    @cached_property
    def _places(self) -> dict[bytes, int]:
        pairs = zip(self._table.lines, self.addresses.tolist(), strict=True)
        return {line[2:]: address for line, address in pairs if address != NOWHERE}

    @cached_property
    def _sorted(self) -> Addresses:
        return in_order(self.addresses[self.addresses != NOWHERE])

    @cached_property
    def _names(self) -> dict[int, list[str]]:
        found: dict[int, list[str]] = {}
        for line, address in zip(self._table.lines, self.addresses.tolist(), strict=True):
            found.setdefault(address, []).append(line[2:].decode("utf-8", "replace"))
        return found

    def place(self, name: str) -> int | None:
        """The address of a symbol; None where there is none of that name."""
        return self._places.get(name.encode())

    def pointers(self, first: str, end: str = "") -> list[list[str]] | None:
        """The names that each pointer of an array points to, none for a null pointer or one to no symbol.

        The array begins at a symbol and ends at another, else at whatever symbol comes next. None where the image has
        no such symbol, or nothing but zeros there (images that fill it when they relocate themselves).
        """
        start, stop = self.place(first), self.place(end) if end else None
        if start is None or (end and stop is None):
            return None
        if stop is None:
            after = int(np.searchsorted(self._sorted, start, side="right"))
            stop = int(self._sorted[after]) if after < len(self._sorted) else start
        at = Memory(self.image).offset(start + (1 << 64)) if self._elf else start
        count = (stop - start) // 8
        if at is None or not 0 < count <= _LARGEST_ARRAY or at + 8 * count > len(self.image):
            return None
        values = np.frombuffer(self.image, dtype=f"{self._table.order}i8", count=count, offset=at)
        base = max(self.bases, key=lambda one: int(among(values - one, self._sorted).sum()))
        found = [self._names.get(value - base, []) if value else [] for value in values.tolist()]
        return found if any(found) else None


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
    for at in sorted({_up(table.tokens_end, 4), _up(table.tokens_end)}):
        if at + 4 * count <= len(image):
            place = Memory(image).address(at) if elf else at
            if (found := _from_place(_numbers(image, at, count, order), place)) is not None:
                return found
    return None


def _places(image: bytes, table: NameTable) -> Iterator[tuple[int, int]]:
    """(offset of the numbers, offset of the base) where they can be."""
    size = 4 * len(table.lines)
    behind = _up(table.tokens_end)
    yield behind, _up(behind + size)
    for gap in _BEFORE_NAMES:
        number = table.names - gap
        if struct.unpack_from(f"{table.order}I", image, number)[0] == len(table.lines):
            yield number - 8 - _up(size), number - 8


def _up(at: int, step: int = 8) -> int:
    return (at + step - 1) & -step


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
