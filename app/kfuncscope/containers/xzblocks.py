# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Decode the blocks of an .xz file side by side, as large packages are written in blocks that stand for themselves.

The index at the end of the file tells where each block is and how large it becomes. A block behind the file's own
stream header is a valid beginning of a stream, so the usual decoder reads it, and checks its checksum.
"""

from __future__ import annotations

import lzma
import os
import struct
import zlib
from collections import deque
from collections.abc import Iterator
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from concurrent import futures
    from concurrent.futures import Future
else:
    from kfuncscope.deferred import futures

_HEADER = 12
_SMALLEST = 1 << 20
_LARGEST_BLOCK = 64 << 20
_MOST_BLOCKS = 4096
_MEMORY = 256 << 20
_MOST_AHEAD = 160 << 20  # bytes of blocks that are decoded before they are asked for

Blocks = list[tuple[int, int, int]]
"""(offset in the file, stored size, uncompressed size) of each block."""


def find_blocks(file: BinaryIO, start: int, size: int) -> Blocks:
    """The blocks of the .xz data at ``start``; none when it has one block only, or is not plainly one sound stream."""
    if size < _SMALLEST:
        return []
    file.seek(start + size - _HEADER)
    footer = file.read(_HEADER)
    if footer[10:] != b"YZ" or zlib.crc32(footer[4:10]) != int.from_bytes(footer[:4], "little"):
        return []
    length = (int.from_bytes(footer[4:8], "little") + 1) * 4
    if length > size - 2 * _HEADER or length > 1 << 20:
        return []
    file.seek(start + size - _HEADER - length)
    try:
        return _parse_index(file.read(length), start + _HEADER, start + size - _HEADER - length)
    except (IndexError, struct.error):
        return []


def _parse_index(index: bytes, at: int, end: int) -> Blocks:
    if index[0] != 0 or zlib.crc32(index[:-4]) != int.from_bytes(index[-4:], "little"):
        return []
    count, place = _number(index, 1)
    if not 2 <= count <= _MOST_BLOCKS:
        return []
    blocks: Blocks = []
    for _ in range(count):
        stored, place = _number(index, place)
        size, place = _number(index, place)
        if size > _LARGEST_BLOCK:
            return []
        stored = -(-stored // 4) * 4
        blocks.append((at, stored, size))
        at += stored
    return blocks if at == end else []


def _number(data: bytes, at: int) -> tuple[int, int]:
    """An xz multibyte integer at ``at``, and where it ends."""
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128 or shift > 56:
            return value, at


def decode_blocks(file: BinaryIO, start: int, blocks: Blocks) -> Iterator[bytes]:
    """The uncompressed blocks in order, decoded by threads a few ahead. Raises LZMAError on damage."""
    file.seek(start)
    header = file.read(_HEADER)
    workers = min(4, os.cpu_count() or 1)
    pool = futures.ThreadPoolExecutor(workers)
    waiting: deque[tuple[int, Future[bytes]]] = deque()
    ahead = 0
    try:
        for at, stored, size in blocks:
            while waiting and (len(waiting) > workers or ahead + size > _MOST_AHEAD):
                ahead -= waiting[0][0]
                yield waiting.popleft()[1].result()
            file.seek(at)
            waiting.append((size, pool.submit(_decode, header + file.read(stored), size)))
            ahead += size
        while waiting:
            yield waiting.popleft()[1].result()
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _decode(data: bytes, size: int) -> bytes:
    decoder = lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_MEMORY)
    out = decoder.decompress(data, size + 1)
    # One more turn lets the decoder see the block's checksum, which stands behind its last byte.
    if not decoder.needs_input:
        out += decoder.decompress(b"", 1)
    if len(out) != size:
        raise lzma.LZMAError("the size of a block does not match the index")
    return out
