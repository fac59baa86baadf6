# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Take the compression off bytes, within bounds: xz, gzip, zstd, bzip2, lz4 and lzma.

Every decoder is fed step by step and stopped at the limit, so that a bomb costs no more than the limit allows.
"""

from __future__ import annotations

import io
import lzma

import lz4.block
import lz4.frame
import zstandard

from kfuncscope.containers.detect import COMPRESSED, HEAD, Kind, detect
from kfuncscope.containers.stream import (
    DAMAGE,
    FAR_MEMORY,
    FAR_ROOM,
    SMALL,
    STEPPERS,
    ZSTD_WINDOW,
    room,
    xz_memory,
    zstd_room,
)
from kfuncscope.errors import ArchiveError

LIMIT = 768 << 20
"""Most bytes that one file may become when uncompressed."""

_STEP = 1 << 20
_LAYERS = 4
_LZ4_LEGACY = b"\x02\x21\x4c\x18"


def decompress(data: bytes | memoryview, kind: Kind, source: str, limit: int = LIMIT, *, tail: bool = False) -> bytes:
    """Bytes of ``data`` uncompressed once.

    ``tail`` allows unrelated bytes after the compressed stream (a payload inside an image). Raises ArchiveError when
    the data is damaged, cut short, or larger than ``limit`` when uncompressed.
    """
    if kind not in COMPRESSED:
        raise ArchiveError(source, f"{kind.value} is not a compression format")
    try:
        if kind is Kind.ZSTD:
            return _zstd(data, source, limit, tail)
        if data[:4] == _LZ4_LEGACY:
            return _lz4_legacy(data, source, limit)
        return _stepped(data, kind, source, limit, tail)
    except DAMAGE as error:
        raise ArchiveError(source, f"damaged {kind.value} data: {error}") from error


def _over(source: str, kind: Kind, limit: int) -> ArchiveError:
    return ArchiveError(source, f"{kind.value} data exceeds the limit of {limit} bytes")


def _stepped(data: bytes | memoryview, kind: Kind, source: str, limit: int, tail: bool) -> bytes:
    """Decode with little memory where that is enough: nothing tells beforehand how far xz data reaches back."""
    try:
        return _steps(data, kind, source, limit, tail, xz_memory(len(data)))
    except lzma.LZMAError:
        if len(data) > SMALL:
            raise
        return _steps(data, kind, source, min(limit, FAR_ROOM), tail, FAR_MEMORY)


def _steps(data: bytes | memoryview, kind: Kind, source: str, limit: int, tail: bool, memory: int) -> bytes:
    """Decode one stream, and those that follow it directly; trailing NUL bytes are padding."""
    # BytesIO hands its buffer over without a copy, which a list of pieces would need at the end.
    out = io.BytesIO()
    while True:
        decoder = STEPPERS[kind](memory)
        rest = data
        while not decoder.eof:
            piece = decoder.decompress(rest, min(_STEP * 16, limit + 1 - out.tell()))
            rest = b""
            out.write(piece)
            if out.tell() > limit:
                raise _over(source, kind, limit)
            if not piece and not decoder.eof:
                raise ArchiveError(source, f"{kind.value} data is truncated", len(data))
        data = (decoder.unused_data or b"").lstrip(b"\0")
        if not data or tail:
            break
        if detect(data[:HEAD]) is not kind:
            raise ArchiveError(source, f"bytes that are not {kind.value} data follow the stream")
    return out.getvalue()


def _zstd(data: bytes | memoryview, source: str, limit: int, tail: bool) -> bytes:
    """Decode all frames, or with ``tail`` the first one.

    The decoder ends quietly at a cut frame, so the frames' ends are looked for first.
    """
    at = 0
    while at < len(data):
        end = zstd_frame_end(data, at)
        if end is None:
            raise ArchiveError(source, "zstd data is truncated or damaged", at)
        at = end
        if tail:
            break
    out, limit = io.BytesIO(), zstd_room(data, limit)
    decoder = zstandard.ZstdDecompressor(max_window_size=ZSTD_WINDOW)
    with decoder.stream_reader(io.BytesIO(memoryview(data)[:at]), read_across_frames=True) as reader:
        while piece := reader.read(_STEP * 4):
            out.write(piece)
            if out.tell() > limit:
                raise _over(source, Kind.ZSTD, limit)
    return out.getvalue()


def zstd_frame_end(data: bytes | memoryview, at: int) -> int | None:
    """Offset just behind the zstd frame (or skippable frame) at ``at``, or None if it does not end inside ``data``."""
    if len(data) - at < 8:
        return None
    magic = int.from_bytes(data[at : at + 4], "little")
    if 0x184D2A50 <= magic <= 0x184D2A5F:
        end = at + 8 + int.from_bytes(data[at + 4 : at + 8], "little")
        return end if end <= len(data) else None
    if magic != 0xFD2FB528:
        return None
    descriptor = data[at + 4]
    single = descriptor >> 5 & 1
    size_bytes = (single, 2, 4, 8)[descriptor >> 6]
    at += 5 + (0 if single else 1) + (0, 1, 2, 4)[descriptor & 3] + size_bytes
    while at + 3 <= len(data):
        block = int.from_bytes(data[at : at + 3], "little")
        at += 3 + (1 if block >> 1 & 3 == 1 else block >> 3)
        if block & 1:
            at += 4 if descriptor & 4 else 0
            return at if at <= len(data) else None
    return None


def _lz4_legacy(data: bytes | memoryview, source: str, limit: int) -> bytes:
    """The format of ``lz4 -l``, which kernel images use: blocks of at most 8 MB, each with its size before it."""
    out = io.BytesIO()
    at = 4
    while at + 4 <= len(data):
        size = int.from_bytes(data[at : at + 4], "little")
        if size == 0x184C2102:
            at += 4
            continue
        # A kernel image has its own bytes behind the last block: the first impossible size ends the stream.
        if size == 0 or at + 4 + size > len(data) or size > (8 << 20) + (1 << 16):
            break
        piece = lz4.block.decompress(data[at + 4 : at + 4 + size], uncompressed_size=8 << 20)
        out.write(piece)
        if out.tell() > limit:
            raise _over(source, Kind.LZ4, limit)
        at += 4 + size
        if len(piece) < 8 << 20:
            break
    if not out.tell():
        raise ArchiveError(source, "lz4 data is truncated", at)
    return out.getvalue()


def peel(data: bytes, source: str, limit: int = LIMIT) -> bytes:
    """Take off every layer of compression, or return ``data`` as it is when it is not compressed.

    What becomes larger than ``room`` is taken for a bomb, as in archives.
    """
    limit = min(limit, room(len(data)))
    for _ in range(_LAYERS):
        kind = detect(data[:HEAD])
        if kind not in COMPRESSED:
            return data
        data = decompress(data, kind, source, limit)
    raise ArchiveError(source, f"compressed more than {_LAYERS} times over")


def bare_name(name: str) -> str:
    """File name without the suffixes of compression."""
    while name.endswith((".xz", ".gz", ".zst", ".bz2", ".lz4", ".lzma")):
        name = name.rpartition(".")[0]
    return name
