# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A file of the cache: named parts with checksums, each readable alone, and a table of them at the end.

What is damaged, or of another form, counts as absent.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import struct
import zlib
from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO

import msgspec
import zstandard

MAGIC = b"kfscope1"
_FOOT = struct.Struct("<QII8s")
_LEVEL = 3
_LARGEST_TABLE = 256 << 20
_LARGEST_PART = 1 << 30
BROKEN = (
    OSError,
    ValueError,
    KeyError,
    TypeError,
    RecursionError,
    MemoryError,
    struct.error,
    zstandard.ZstdError,
    msgspec.MsgspecError,
)


@dataclass(frozen=True, slots=True)
class Slot:
    """Where a part lies: offset, bytes there, bytes of the part itself, CRC-32 of what is stored, compressed or not."""

    offset: int
    stored: int
    size: int
    crc: int
    packed: bool


class Pack:
    """A cached file of named parts, each readable alone. ``meta`` is what its writer noted down (JSON)."""

    def __init__(self, path: Path, meta: dict[str, Any], slots: dict[str, Slot]) -> None:
        self.path = path
        self._slots = slots
        self.meta = meta

    def names(self) -> list[str]:
        """Names of the parts, in the order they were written."""
        return list(self._slots)

    def __contains__(self, name: str) -> bool:
        return name in self._slots

    def slot(self, name: str) -> Slot:
        """Where a part lies. Raises KeyError."""
        return self._slots[name]

    def size(self, name: str) -> int:
        """Bytes of a part, 0 where there is none."""
        return self._slots[name].size if name in self._slots else 0

    def compressed(self, name: str) -> bool:
        """Whether a part is stored compressed, so that it can only be read."""
        return self._slots[name].packed

    def checksum(self, name: str) -> int:
        """CRC-32 of a part as it is stored."""
        return self._slots[name].crc

    def view(self, name: str, whole: memoryview) -> memoryview:
        """A part as it is stored, in the bytes of the whole file. Raises ValueError where it reaches past the end."""
        slot = self._slots[name]
        if slot.offset + slot.stored > len(whole):
            raise ValueError("damaged")
        return whole[slot.offset : slot.offset + slot.stored]

    def part(self, name: str, most: int) -> bytes:
        """The part's bytes, at most so many. Raises one of BROKEN where the file is damaged, and leaves it alone."""
        slot = self._slots[name]
        if max(slot.size, slot.stored) > most:
            raise ValueError("too large")
        with self.path.open("rb") as file:
            return _plain(_stored(file, slot), slot)

    def read(self, name: str) -> bytes | None:
        """The part's bytes, or None when the file has gone or is damaged (it is then removed)."""
        found = self.read_all([name])
        return found[name] if found is not None else None

    def read_all(self, names: Collection[str]) -> dict[str, bytes] | None:
        """Several parts at once; None when any of them is damaged (the file is then removed)."""
        try:
            with self.path.open("rb") as file:
                return {name: _plain(_stored(file, self._slots[name]), self._slots[name]) for name in names}
        except BROKEN:
            remove(self.path)
            return None

    def copy(self, names: Collection[str], writer: PackWriter) -> None:
        """Hand parts on as they are stored. Raises where one is damaged."""
        with self.path.open("rb") as file:
            for name in names:
                writer.take(name, _stored(file, self._slots[name]), self._slots[name])


def pack_head(key: str) -> bytes:
    """How the file of a pack begins that is kept under ``key``."""
    return MAGIC + struct.pack("<I", len(key.encode())) + key.encode()


class PackWriter:
    """Writes a pack part by part; it is in the cache only after ``close``."""

    def __init__(self, file: BinaryIO, draft: Path, target: Path) -> None:
        self._file = file
        self._draft = draft
        self._target = target
        self._slots: dict[str, Slot] = {}
        self._zstd = zstandard.ZstdCompressor(level=_LEVEL)

    def add(self, name: str, data: bytes, *, compress: bool = True) -> None:
        """Append a part; ``compress=False`` for bytes that are compressed already. The first of a name stays."""
        if name in self._slots:
            return
        stored = self._zstd.compress(data) if compress else data
        self.take(name, stored, Slot(0, len(stored), len(data), zlib.crc32(stored), compress))

    def take(self, name: str, stored: bytes, slot: Slot) -> None:
        """Append a part as it is stored in another pack; what is not compressed begins at a multiple of 8 bytes."""
        if not slot.packed:
            self._file.write(bytes(-self._file.tell() % 8))
        self._slots[name] = replace(slot, offset=self._file.tell())
        self._file.write(stored)

    def end(self, meta: dict[str, Any]) -> None:
        """Write the table of parts."""
        rows = [[n, s.offset, s.stored, s.size, s.crc, int(s.packed)] for n, s in self._slots.items()]
        table = self._zstd.compress(json.dumps({"meta": meta, "parts": rows}).encode())
        at = self._file.tell()
        self._file.write(table)
        self._file.write(_FOOT.pack(at, len(table), zlib.crc32(table), MAGIC))

    def close(self, meta: dict[str, Any]) -> Pack:
        """Write the table of parts and put the pack into its place."""
        self.end(meta)
        self._file.flush()
        self._draft.replace(self._target)
        self._file.close()  # which gives up the lock that keeps the draft from being swept away
        return Pack(self._target, meta, self._slots)

    def drop(self) -> None:
        """Forget what was written."""
        remove(self._draft)
        with contextlib.suppress(OSError):  # a full disk, once more
            self._file.close()


def _stored(file: BinaryIO, slot: Slot) -> bytes:
    """A part as it lies in the file. Raises ValueError where it is not what was written."""
    file.seek(slot.offset)
    stored = file.read(slot.stored)
    if len(stored) != slot.stored or zlib.crc32(stored) != slot.crc:
        raise ValueError("damaged")
    return stored


def _plain(stored: bytes, slot: Slot) -> bytes:
    return unzstd(stored, slot.size, _LARGEST_PART) if slot.packed else stored


def unzstd(stored: bytes | memoryview, size: int, most: int) -> bytes:
    """Uncompressed bytes, as many as were noted. Raises one of BROKEN.

    The frame itself tells how much room is made for it, so that is looked at first.
    """
    if zstandard.frame_content_size(stored) != size or size > most:
        raise ValueError("its size differs from the recorded one")
    return zstandard.ZstdDecompressor().decompress(stored, allow_extra_data=False) if size else b""


def read_table(file: BinaryIO, path: Path, key: str, most: int = _LARGEST_TABLE) -> Pack | None:
    """The pack in an open file, if it was kept under ``key``; None where it is not of this form.

    Its table may have ``most`` bytes.
    """
    head = file.read(len(MAGIC) + 4)
    if head[: len(MAGIC)] != MAGIC or file.read(int.from_bytes(head[-4:], "little")) != key.encode():
        return None
    file.seek(-_FOOT.size, os.SEEK_END)
    at, size, crc, magic = _FOOT.unpack(file.read(_FOOT.size))
    if magic != MAGIC or size > most:
        return None
    file.seek(at)
    stored = file.read(size)
    if zlib.crc32(stored) != crc:
        return None
    table = json.loads(unzstd(stored, zstandard.frame_content_size(stored), most))
    slots = {}
    for name, *numbers in table["parts"]:
        if not isinstance(name, str) or len(numbers) != 5 or not all(type(n) is int and n >= 0 for n in numbers):
            return None
        offset, stored_size, plain_size, checksum, packed = numbers
        slots[name] = Slot(offset, stored_size, plain_size, checksum, bool(packed))
    return Pack(path, table["meta"], slots) if isinstance(table["meta"], dict) else None


def key_of(path: Path) -> str:
    """The key that a file was kept under, empty where it cannot be read."""
    try:
        with path.open("rb") as file:
            head = file.read(len(MAGIC) + 4)
            return file.read(min(int.from_bytes(head[-4:], "little"), 4096)).decode("utf-8", "replace")
    except OSError:
        return ""


def remove(path: Path) -> None:
    """Take a file or folder away; one that is already gone is not an error."""
    with contextlib.suppress(OSError):
        try:
            path.unlink()
        except IsADirectoryError:
            shutil.rmtree(path, ignore_errors=True)
