# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Where the bytes of a kernel image lie in memory."""

from __future__ import annotations

from bisect import bisect_right


class Memory:
    """An ELF image by virtual address, as its program headers load it. Raises InputError where it is none."""

    def __init__(self, image: bytes) -> None:
        # pyelftools takes 50 ms to load, and what an image told is in the cache when the next run asks.
        from kfuncscope.elf.segments import loaded_segments

        self.image = image
        self._loads = loaded_segments(image, "kernel image")
        self._offsets = [load.offset for load in self._loads]

    def address(self, offset: int) -> int | None:
        """The address at which a byte of the file is loaded."""
        index = bisect_right(self._offsets, offset) - 1
        if index < 0:
            return None
        load = self._loads[index]
        return load.address + offset - load.offset if offset - load.offset < load.size else None

    def offset(self, address: int) -> int | None:
        """The place in the file of an address."""
        for load in self._loads:
            if load.address <= address < load.address + load.size:
                return load.offset + address - load.address
        return None

    def load(self, address: int, size: int) -> int | None:
        """A little-endian number at an address."""
        at = self.offset(address)
        return None if at is None else int.from_bytes(self.image[at : at + size], "little")


class RawMemory:
    """A raw image, which lies in memory as it lies in the file, from an address on."""

    def __init__(self, image: bytes, base: int) -> None:
        self.image = image
        self._base = base

    def address(self, offset: int) -> int | None:
        """The address at which a byte of the file is loaded."""
        return self._base + offset if 0 <= offset < len(self.image) else None

    def offset(self, address: int) -> int | None:
        """The place in the file of an address."""
        return address - self._base if 0 <= address - self._base < len(self.image) else None

    def load(self, address: int, size: int) -> int | None:
        """A little-endian number at an address."""
        at = self.offset(address)
        return None if at is None else int.from_bytes(self.image[at : at + size], "little")
