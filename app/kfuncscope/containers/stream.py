# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Read a compressed file as a stream, and count what archives make of their bytes against the limits."""

from __future__ import annotations

import bz2
import io
import lzma
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import BinaryIO, Protocol

import lz4.block
import lz4.frame
import zstandard

from kfuncscope.containers.detect import HEAD, Kind, detect
from kfuncscope.errors import ArchiveError

XZ_MEMORY = 256 << 20
ZSTD_WINDOW = 128 << 20
SMALL = 10 << 20
"""Files of up to so many bytes must not cost more than 300 MB of memory, whatever they say of themselves."""

_SMALL_ROOM = 112 << 20
_LARGEST_ROOM = 1 << 30
_PER_BYTE = 24
_SMALL_XZ_MEMORY = 80 << 20  # as xz -9 needs it
# Kernels are compressed so that their data may reach 128 MB back (zstd --ultra -22, xz --lzma2=dict=128MiB), and the
# decoder keeps as much. Small data that asks for it may become less than other small data.
_NEAR = 64 << 20
FAR_MEMORY = 144 << 20
FAR_ROOM = 88 << 20
_FRAME_HEAD = 18
_STEP = 1 << 20
DAMAGE = (
    lzma.LZMAError,
    zlib.error,
    zstandard.ZstdError,
    lz4.block.LZ4BlockError,
    OSError,
    EOFError,
    ValueError,
    RuntimeError,
    MemoryError,
)
"""What the decoders raise on damaged data."""


class TooLargeError(ArchiveError):
    """A member for which there is no room; the others can still be read."""


def room(compressed: int) -> int:
    """Most bytes that a file of so many compressed bytes may take in memory at once when it is unpacked.

    What is shipped becomes at most some ten times larger; 24 times is allowed beyond the first megabytes.
    """
    return min(_LARGEST_ROOM, max(_SMALL_ROOM, _PER_BYTE * (compressed - (SMALL >> 1))))


@dataclass(slots=True)
class Budget:
    """What one file may turn into, with everything nested in it: bytes, their ratio to the file, members, depth.

    Only above 64 MB does the ratio count: small files of zeros are harmless. ``held`` are the bytes that stay in
    memory, of objects that were found and of archives whose members are being read; ``member`` is how many there may
    be together with the member that is read.
    ``threads`` may take a part in decompression.
    """

    source: str
    compressed: int
    total: int = 12 << 30
    member: int = 0
    ratio: int = 250
    members: int = 500_000
    depth: int = 4
    held: int = 0
    threads: bool = True
    _bytes: int = 0
    _count: int = 0

    def __post_init__(self) -> None:
        self.member = self.member or room(self.compressed)

    def hold(self, size: int) -> None:
        """Count bytes that stay in memory. Raises ArchiveError over the limits."""
        self.held += size
        if self.held > self.member:
            raise ArchiveError(
                self.source,
                f"its contents take more than {self.member} bytes of memory; unpack it and pass the files",
            )

    def left(self) -> int:
        """How many more bytes there is room for."""
        return max(0, self.member - self.held)

    def spend(self, size: int) -> None:
        """Count uncompressed bytes. Raises ArchiveError over the limits."""
        self._bytes += size
        if self._bytes > self.total:
            raise ArchiveError(self.source, f"exceeds the limit of {self.total} bytes")
        if self._bytes > (64 << 20) + self.ratio * self.compressed:
            raise ArchiveError(self.source, f"expands to more than {self.ratio} times its size")

    def enter(self, name: str, size: int) -> None:
        """Count a member of ``size`` bytes. Raises ArchiveError over the limits."""
        self._count += 1
        if self._count > self.members:
            raise ArchiveError(self.source, f"holds more than {self.members} files")
        if size > _LARGEST_ROOM:
            raise ArchiveError(self.source, f"{name} is larger than the limit of {_LARGEST_ROOM} bytes")

    def admit(self, name: str, size: int) -> None:
        """Make sure that a member can be read into memory. Raises ArchiveError over the limits."""
        if size > self.left():
            why = f"too large for an archive of {self.compressed} bytes: {size} bytes, {self.left()} allowed"
            raise TooLargeError(self.source, f"{name} is {why}")

    def nested(self, source: str, size: int) -> Budget:
        """The same account one level deeper, in an archive of ``size`` bytes. Raises ArchiveError over the limits."""
        if self.depth <= 0:
            raise ArchiveError(source, "archives nested too deeply")
        self.hold(size)
        self.depth -= 1
        return self

    def leave(self, size: int) -> None:
        """Come back from ``nested``."""
        self.held -= size
        self.depth += 1


class _Stepper(Protocol):
    """The common face of the bounded decoders of bz2, lzma, lz4 and zlib."""

    @property
    def eof(self) -> bool: ...
    @property
    def unused_data(self) -> bytes | None: ...
    def decompress(self, data: bytes | memoryview, max_length: int, /) -> bytes: ...


class _Gzip:
    """zlib keeps unread input in ``unconsumed_tail``; this gives it back by itself as bz2 and lzma do."""

    def __init__(self) -> None:
        self._inner = zlib.decompressobj(wbits=31)
        self._rest = b""

    @property
    def eof(self) -> bool:
        return self._inner.eof

    @property
    def unused_data(self) -> bytes:
        return self._inner.unused_data

    def decompress(self, data: bytes | memoryview, max_length: int, /) -> bytes:
        out = self._inner.decompress(self._rest + data if self._rest else data, max_length)
        self._rest = self._inner.unconsumed_tail
        return out


STEPPERS: dict[Kind, Callable[[int], _Stepper]] = {
    Kind.XZ: lambda memory: lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=memory),
    Kind.LZMA: lambda memory: lzma.LZMADecompressor(lzma.FORMAT_ALONE, memlimit=memory),
    Kind.GZIP: lambda memory: _Gzip(),
    Kind.BZIP2: lambda memory: bz2.BZ2Decompressor(),
    Kind.LZ4: lambda memory: lz4.frame.LZ4FrameDecompressor(),
}
"""Decoders by kind, each made with the memory that it may take."""


def xz_memory(compressed: int) -> int:
    """How much memory the decoder of so many bytes may take: of large ones any that xz itself asks for."""
    return _SMALL_XZ_MEMORY if compressed <= SMALL else XZ_MEMORY


def zstd_room(data: bytes | memoryview, limit: int) -> int:
    """Most bytes that zstd data may become, of ``limit`` at the most. What its decoder keeps to reach far back takes
    the same memory once more, so a small file that may do so becomes less."""
    if len(data) > SMALL or zstandard.get_frame_parameters(data[:_FRAME_HEAD]).window_size <= _NEAR:
        return limit
    return min(limit, FAR_ROOM)


class Stream:
    """The uncompressed bytes of ``file`` from its position on, counted against a budget.

    ``pieces`` gives them where they are made in another way.
    """

    def __init__(self, file: BinaryIO, kind: Kind, budget: Budget, pieces: Iterator[bytes] | None = None) -> None:
        self._file = file
        self._pieces = pieces
        self._kind = kind
        self._budget = budget
        self._spare = b""
        self._at = 0
        self._decoder: _Stepper | None = None
        self._pending = b""
        self._zstd = None
        if kind is Kind.ZSTD:
            context = zstandard.ZstdDecompressor(max_window_size=ZSTD_WINDOW)
            self._zstd = context.stream_reader(file, read_across_frames=True, read_size=_STEP, closefd=False)
        elif kind in STEPPERS:
            self._decoder = STEPPERS[kind](xz_memory(budget.compressed))

    def read(self, size: int) -> bytes:
        """``size`` bytes, fewer only at the end. Raises ArchiveError on damaged data and over the limits."""
        rest = None
        while size > 0:
            # The spare bytes are not cut shorter each time: a block of 24 MB would be copied for every small read.
            there = len(self._spare) - self._at
            if not there:
                self._spare, self._at = self._more(), 0
                if not self._spare:
                    break
                continue
            taken = min(size, there)
            if rest is None and taken == size:
                piece = self._spare[self._at : self._at + taken]
                self._at += taken
                return piece
            if rest is None:
                # BytesIO hands its buffer over; pieces in a list would all be there twice when they are joined.
                rest = io.BytesIO()
            rest.write(memoryview(self._spare)[self._at : self._at + taken])
            self._at += taken
            size -= taken
        return b"" if rest is None else rest.getvalue()

    def skip(self, size: int) -> int:
        """Pass over ``size`` bytes; returns how many there were."""
        done = 0
        while done < size:
            piece = self.read(min(size - done, _STEP))
            if not piece:
                break
            done += len(piece)
        return done

    def _more(self) -> bytes:
        try:
            piece = self._next()
        except DAMAGE as error:
            raise ArchiveError(self._budget.source, f"damaged {self._kind.value} data: {error}") from error
        self._budget.spend(len(piece))
        return piece

    def _next(self) -> bytes:
        if self._pieces is not None:
            return next(self._pieces, b"")
        if self._zstd is not None:
            return self._zstd.read(_STEP)
        if self._decoder is None:
            return self._file.read(_STEP)
        while True:
            if self._decoder.eof:
                rest = (self._decoder.unused_data or b"").lstrip(b"\0") or self._file.read(_STEP).lstrip(b"\0")
                if not rest or detect(rest[:HEAD]) is not self._kind:
                    return b""
                self._decoder = STEPPERS[self._kind](xz_memory(self._budget.compressed))
                self._pending = rest
            piece = self._decoder.decompress(self._pending, _STEP)
            self._pending = b""
            if piece or self._decoder.eof:
                if piece:
                    return piece
                continue
            self._pending = self._file.read(_STEP)
            if not self._pending:
                raise EOFError("the data is truncated")
