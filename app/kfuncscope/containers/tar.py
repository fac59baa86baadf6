# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The tar (ustar, GNU, pax) and cpio (newc) formats as streams of entries; small, bounded and never on disk.

Not by ``tarfile``, whose bounds do not hold (tests show each): as a stream it ends without a word at a damaged header
in the middle and where the end mark is missing, so that what follows would be skipped in silence, and it reads a pax
header of any size into memory, four times over. For the cpio format Python has no reader.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum
from functools import partial

from kfuncscope.containers.stream import Budget, Stream
from kfuncscope.errors import ArchiveError

_BLOCK = 512
_LONGEST_NAME = 1 << 16
_ZEROS = bytes(_BLOCK)


class Entry(Enum):
    """What an entry of an archive is; ``OTHER`` are devices and pipes."""

    FILE = "file"
    LINK = "symbolic link"
    HARD = "hard link"
    FOLDER = "folder"
    OTHER = "not a regular file"


_TAR_KINDS = {
    b"0": Entry.FILE, b"\0": Entry.FILE, b"7": Entry.FILE, b"1": Entry.HARD, b"2": Entry.LINK,
    b"3": Entry.OTHER, b"4": Entry.OTHER, b"6": Entry.OTHER,
}  # fmt: skip
_CPIO_KINDS = {0o100000: Entry.FILE, 0o120000: Entry.LINK, 0o040000: Entry.FOLDER}


@dataclass(frozen=True, slots=True)
class TarEntry:
    """One entry: its name as written, size, what it is, and its bytes until the next is asked for.

    The bytes of a link are the path to which it leads: from its own folder, or, if it is a hard one, from the top.
    """

    name: str
    size: int
    kind: Entry
    read: Callable[[], bytes]

    @property
    def regular(self) -> bool:
        """Whether it is a regular file."""
        return self.kind is Entry.FILE


class _Body:
    """The bytes of one entry, read at most once from the stream."""

    def __init__(self, stream: Stream, size: int, padding: int, source: str) -> None:
        self._stream = stream
        self._size = size
        self._left = size + padding
        self._source = source
        self._data: bytes | None = None

    def read(self) -> bytes:
        """The content of the entry, kept until the next one. Raises ArchiveError where the archive ends too early."""
        if self._data is None:
            self._data = self._stream.read(self._size)
            self._left -= len(self._data)
            if len(self._data) < self._size:
                raise ArchiveError(self._source, "the archive is truncated")
        return self._data

    def finish(self) -> None:
        """Go behind the entry, read or not."""
        self._data = None
        if self._stream.skip(self._left) < self._left:
            raise ArchiveError(self._source, "the archive is truncated")


def read_tar(stream: Stream, budget: Budget) -> Iterator[TarEntry]:
    """Entries of a tar stream. Raises ArchiveError on damage, and when the end mark is missing."""
    long_name: str | None = None
    long_link: bytes | None = None
    long_size: int | None = None
    while True:
        block = stream.read(_BLOCK)
        if len(block) < _BLOCK:
            raise ArchiveError(budget.source, "the archive is truncated: it has no end marker")
        if block == _ZEROS:
            return
        size = _number(block[124:136], budget.source)
        if _number(block[148:156], budget.source) != _sum(block):
            raise ArchiveError(budget.source, "damaged tar header (wrong checksum)")
        kind = block[156:157]
        if long_size is not None and kind not in b"LKxg":
            size = long_size
        # Only these carry data; a size in the header of a link or device means nothing.
        body = _Body(stream, *((size, -size % _BLOCK) if kind not in b"123456" else (0, 0)), budget.source)
        if kind in (b"L", b"K", b"x", b"g"):
            budget.enter("tar extension header", 0)
            if size > _LONGEST_NAME * 16:
                raise ArchiveError(budget.source, "tar extension header over the limit")
            if kind == b"L":
                long_name = body.read()[:_LONGEST_NAME].partition(b"\0")[0].decode("utf-8", "backslashreplace")
            elif kind == b"K":
                long_link = body.read()[:_LONGEST_NAME].partition(b"\0")[0]
            elif kind == b"x":
                pax = _pax(body.read(), budget.source)
                long_name = pax.get("path", long_name)
                if "linkpath" in pax:
                    long_link = pax["linkpath"].encode("utf-8", "replace")
                told = pax.get("size", "")
                long_size = int(told) if told.isdecimal() and len(told) < 20 else None
        else:
            name = long_name if long_name is not None else _name(block)
            what = _TAR_KINDS.get(kind, Entry.FOLDER)
            target = long_link if long_link is not None else block[157:257].partition(b"\0")[0]
            if what in (Entry.LINK, Entry.HARD):
                yield TarEntry(name, len(target), what, partial(bytes, target))
            else:
                yield TarEntry(name, size, what, body.read)
            long_name = long_link = long_size = None
        body.finish()


def _sum(block: bytes) -> int:
    """The sum of a header's bytes, with blanks in place of the field that holds it.

    Adler-32 has the sum of up to 256 bytes, and one, in its low half; adding in Python takes ten times as long.
    """
    low, high = zlib.adler32(block[:256]) & 0xFFFF, zlib.adler32(block[256:]) & 0xFFFF
    return low + high - 2 - sum(block[148:156]) + 8 * ord(" ")


def _name(block: bytes) -> str:
    name = block[:100].partition(b"\0")[0]
    prefix = block[345:500].partition(b"\0")[0] if block[257:263] == b"ustar\0" else b""
    return (prefix + b"/" + name if prefix else name).decode("utf-8", "backslashreplace")


def _number(field: bytes, source: str) -> int:
    """A tar number: octal text, or base 256 when the top bit is set."""
    if field[0] & 0x80:
        value = int.from_bytes(field, "big") & ((1 << (8 * len(field) - 1)) - 1)
        if value > 1 << 48:
            raise ArchiveError(source, "damaged tar header (size)")
        return value
    text = field.strip(b" \0")
    try:
        return int(text, 8) if text else 0
    except ValueError:
        raise ArchiveError(source, "damaged tar header (number)") from None


def _pax(data: bytes, source: str) -> dict[str, str]:
    """The records ``LENGTH KEY=VALUE`` of a pax header."""
    found: dict[str, str] = {}
    at = 0
    while at < len(data):
        length, space, _ = data[at : at + 20].partition(b" ")
        if not space or not length.isdigit() or not len(length) + 1 < int(length) <= len(data) - at:
            raise ArchiveError(source, "damaged pax header")
        key, _, value = data[at + len(length) + 1 : at + int(length) - 1].partition(b"=")
        found[key.decode("utf-8", "replace")] = value.decode("utf-8", "backslashreplace")
        at += int(length)
    return found


def read_cpio(stream: Stream, budget: Budget) -> Iterator[TarEntry]:
    """Entries of a cpio stream in the "newc" format, as rpm payloads and initramfs are. Raises ArchiveError.

    Of the names of one file, which share its number, one comes with the bytes, the others empty: those are passed
    over, and one of them is an empty file at the end where none had any.
    """
    empty: dict[tuple[int, ...], str | None] = {}
    while True:
        head = stream.read(110)
        if len(head) < 110 or head[:6] not in (b"070701", b"070702"):
            raise ArchiveError(budget.source, "damaged cpio header or the archive is truncated")
        try:
            fields = [int(head[at : at + 8], 16) for at in range(6, 110, 8)]
        except ValueError:
            raise ArchiveError(budget.source, "damaged cpio header (number)") from None
        mode, links, size, name_size = fields[1], fields[4], fields[6], fields[11]
        if not 0 < name_size <= _LONGEST_NAME:
            raise ArchiveError(budget.source, "damaged cpio header (name)")
        raw = stream.read(name_size + -(110 + name_size) % 4)
        name = raw[:name_size].partition(b"\0")[0].decode("utf-8", "backslashreplace")
        if name == "TRAILER!!!":
            yield from (TarEntry(one, 0, Entry.FILE, bytes) for one in empty.values() if one is not None)
            return
        body = _Body(stream, size, -size % 4, budget.source)
        what = _CPIO_KINDS.get(mode & 0o170000, Entry.OTHER)
        if what is Entry.FILE and links > 1:
            file = (fields[0], fields[7], fields[8])
            if size:
                empty[file] = None
            else:
                empty.setdefault(file, name)
        if what is not Entry.FILE or size or links < 2:
            yield TarEntry(name, size, what, body.read)
        body.finish()
