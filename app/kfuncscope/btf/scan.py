# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What BTF tells without being opened: where a blob ends, its strings, the names that it takes from its base.

For images that hold a blob somewhere, and for thousands of modules of which few are ever opened as a Blob.
"""

from __future__ import annotations

from array import array

from kfuncscope.btf.layout import HEADER_MAX, HEADER_MIN, KIND_MASK, VERSION, Kind, header_fields

# What a need can name in a module.
_NAMED = (Kind.STRUCT, Kind.UNION, Kind.ENUM, Kind.TYPEDEF, Kind.FUNC, Kind.VAR, Kind.ENUM64)
_SMALLEST_TYPE = 12  # bytes of a record that has nothing behind it


def btf_end(data: bytes, at: int) -> int | None:
    """Where the BTF blob whose header is at ``at`` ends, or None when it is not a valid blob (R-1.1).

    A blob has version 1, a header of 24 to 256 bytes, a type section of whole words, and a string section that begins
    and ends with NUL and lies in the data.
    """
    head = header_fields(data, at)
    if head is None or head.version != VERSION or not HEADER_MIN <= head.hdr_len <= HEADER_MAX:
        return None
    if head.type_len % 4 or head.type_len < _SMALLEST_TYPE or head.str_len < 1:
        return None
    start = at + head.hdr_len
    strings = start + head.str_off
    ends = (strings + head.str_len, start + head.type_off + head.type_len, start + head.layout_off + head.layout_len)
    if max(ends) > len(data) or data[strings] or data[strings + head.str_len - 1]:
        return None
    return max(ends)


def string_section(btf: bytes) -> bytes:
    """The string section of a blob, empty where it has no header."""
    head = header_fields(btf)
    if head is None:
        return b""
    start = head.hdr_len + head.str_off
    return btf[start : start + head.str_len]


def base_name_offsets(btf: bytes, base_size: int) -> memoryview:
    """Offsets below ``base_size`` that split BTF uses as names of functions, types and variables; maybe some more.

    The type section is not walked: every pair of words that can be a name and the info word of such a kind counts.
    That finds each real one, and accidents only cost a module opened in vain.
    """
    head = header_fields(btf)
    if head is None or not base_size:
        return memoryview(array("I"))
    import numpy as np

    start = head.hdr_len + head.type_off
    types = btf[start : start + head.type_len]
    words = np.frombuffer(types[: len(types) // 4 * 4], dtype=f"{head.endian}u4")
    if len(words) < 2:
        return memoryview(array("I"))
    kinds = (words[1:] >> 24) & KIND_MASK
    names = words[:-1]
    mask = (names > 0) & (names < base_size) & np.isin(kinds, np.array(_NAMED, dtype=np.uint32))
    return memoryview(array("I", sorted(set(names[mask].tolist()))))  # np.unique loads numpy.ma, which takes longer
