# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Decode the symbol table that a kernel carries for itself (CONFIG_KALLSYMS) out of an uncompressed image.

Names are packed: each is a length and that many bytes, and each byte stands for a token, a piece of a name. Nothing
tells where the tables are, so they are found by what must be true of them:

- ``token_table``: 256 texts ended by NUL; a digit's byte stands for the digit itself, which is the pattern looked for;
- ``token_index``: behind it, where each of the 256 texts begins, as 16-bit numbers; they must agree with the table;
- ``names``: before both; the packed names, the number of symbols right before them;
- ``markers``: between names and tokens, where every 256th name begins; they must agree with the names.

The order of names is that of addresses. The addresses themselves are stored in another way in every few releases: see
``kernel.binary.addresses``.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from kfuncscope.errors import ImageError

if TYPE_CHECKING:
    import numpy as np
else:
    from kfuncscope.deferred import numpy as np

_DIGITS = re.compile(b"".join(bytes([digit, 0]) for digit in b"0123456789"))
_FIRST_DIGIT = ord("0")
_LONGEST_TABLE = 0x10000
_FEWEST = 512
_MOST = 4_000_000
_LONGEST_NAME = 1024
_BLOCK = 256
_TYPES = frozenset(b"?ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")


class NameTable(NamedTuple):
    """The names as they lie in an image: lines of "type name", where the packed names begin, where the index of the
    tokens ends, and the byte order (``<`` or ``>``)."""

    lines: list[bytes]
    names: int
    tokens_end: int
    order: str


def decode_kallsyms(image: bytes, source: str) -> bytes:
    """Lines "type name" of every symbol in the image, in the order of addresses. Raises ImageError without any."""
    return b"\n".join(name_table(image, source).lines) + b"\n"


_LAST: dict[tuple[int, int], NameTable] = {}  # of the image read last, by its length and hash: names, then addresses


def name_table(image: bytes, source: str) -> NameTable:
    """The names with their places. Raises ImageError where the image has none.

    What one call finds is kept for one more: names are read for the list of symbols, and again beside their addresses.
    """
    key = (len(image), hash(image))
    if (known := _LAST.pop(key, None)) is not None:
        return known
    for table, end, tokens, order in _token_tables(image):
        for start, count in _name_tables(image, table, order):
            names = _names(image, start, count, tokens)
            if names is not None:
                _LAST.clear()
                _LAST[key] = found = NameTable(names, start, end, order)
                return found
    raise ImageError(source, "no symbol table in this image")


def _token_tables(image: bytes) -> Iterator[tuple[int, int, list[bytes], str]]:
    """(offset, end of the index, the 256 tokens, byte order) of each place that holds a token table and its index."""
    for match in _DIGITS.finditer(image):
        end = match.start()
        for _ in range(_BLOCK - _FIRST_DIGIT):
            end = image.find(b"\0", end, match.start() + _LONGEST_TABLE) + 1
            if end == 0:
                break
        if end == 0:
            continue
        for index in range(end, end + 16):
            for order in "<>":
                tokens = _tokens(image, match.start(), index, order)
                if tokens is not None:
                    yield tokens[0], index + 2 * _BLOCK, tokens[1], order


def _tokens(image: bytes, digit: int, index: int, order: str) -> tuple[int, list[bytes]] | None:
    """The table whose token "0" is at ``digit``, if the words at ``index`` are its index."""
    raw = image[index : index + 2 * _BLOCK]
    if len(raw) < 2 * _BLOCK:
        return None
    starts = struct.unpack(f"{order}{_BLOCK}H", raw)
    start = digit - starts[_FIRST_DIGIT]
    if starts[0] != 0 or start < 0 or starts[_BLOCK - 1] + start >= index:
        return None
    tokens: list[bytes] = []
    for number, at in enumerate(starts):
        end = image.find(b"\0", start + at, index)
        if end < 0 or (number + 1 < _BLOCK and starts[number + 1] != end + 1 - start):
            return None
        tokens.append(image[start + at : end])
    return start, tokens


def _name_tables(image: bytes, before: int, order: str) -> Iterator[tuple[int, int]]:
    """(offset, number of symbols) of what can be the names, by the markers; nearest to the tokens first."""
    for width in (4, 8):
        for markers, values in _marker_tables(image, before, order, width):
            last = values[-1]
            # The names end where the markers begin, so they begin no further back than the last block is long.
            for start in range(markers - last - 2, max(markers - last - _BLOCK * _LONGEST_NAME, 8), -1):
                for gap in (4, 8):
                    (count,) = struct.unpack_from(order + "I", image, start - gap)
                    if (count - 1) // _BLOCK == len(values) - 1 and _agree(image, start, values):
                        yield start, count


def _marker_tables(image: bytes, before: int, order: str, width: int) -> Iterator[tuple[int, list[int]]]:
    """(offset, values) of rising rows of words from zero on that end before ``before``, the longest first."""
    # With three bytes for each symbol between them and the tokens (6.2 and 6.3), markers can be far before these.
    first = max(0, before - 16 * _MOST) & ~7
    words = np.frombuffer(image[first : first + (before - first) // width * width], dtype=f"{order}u{width}")
    steps = np.diff(words.astype(np.int64))
    good = (steps >= 2 * _BLOCK) & (steps <= _BLOCK * _LONGEST_NAME)
    edges = np.flatnonzero(np.diff(np.concatenate(([0], good.view(np.int8), [0]))))
    runs = [(int(end - start), int(start)) for start, end in zip(edges[::2], edges[1::2], strict=True)]
    for length, start in sorted(runs, reverse=True)[:64]:
        zeros = np.flatnonzero(words[start : start + length + 1] == 0)
        if len(zeros) and length >= 1:
            at = start + int(zeros[0])
            yield first + at * width, words[at : start + length + 1].tolist()


def _agree(image: bytes, start: int, markers: list[int]) -> bool:
    """Whether walking the packed names of the first blocks arrives at their markers."""
    at = start
    for marker in markers[1:4]:
        for _ in range(_BLOCK):
            size, at = _size(image, at)
            at += size
            if size == 0 or at > start + marker:
                return False
        if at != start + marker:
            return False
    return len(markers) > 1


def _size(image: bytes, at: int) -> tuple[int, int]:
    """(length of the packed name at ``at``, where it begins); a length above 127 takes two bytes (since 6.1)."""
    if at + 2 > len(image):
        return 0, at
    size = image[at]
    return (size, at + 1) if size < 128 else (size & 127 | image[at + 1] << 7, at + 2)


def _names(image: bytes, start: int, count: int, tokens: list[bytes]) -> list[bytes] | None:
    """All names with their types before them, or None when they are none."""
    if not _FEWEST <= count <= _MOST:
        return None
    lines: list[bytes] = []
    token, join = tokens.__getitem__, b"".join
    several = any(b"\n" in one for one in tokens)  # and no name has one where none of its tokens has
    at = start
    for _ in range(count):
        size, at = _size(image, at)
        name = join(map(token, image[at : at + size]))
        if not 1 < len(name) <= _LONGEST_NAME or name[0] not in _TYPES or (several and b"\n" in name):
            return None
        lines.append(b"%c %b" % (name[0], name[1:]))
        at += size
    return lines
