# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""BTF as it lies on disk: header, kinds, record sizes (rules R-1.1..R-1.6; include/uapi/linux/btf.h of 7.3)."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import IntEnum
from itertools import pairwise
from typing import Literal, NamedTuple

from kfuncscope.errors import BtfError

Endian = Literal["<", ">"]
"""Byte order, as struct and numpy write it."""
VERSION = 1
MAGICS: dict[bytes, Endian] = {b"\x9f\xeb": "<", b"\xeb\x9f": ">"}
"""The first two bytes of a blob by its byte order."""
STARTS = tuple(magic + bytes([VERSION]) for magic in MAGICS)
"""Magic and version, as BTF begins in a file or inside another one."""
MAX_TYPE = 0x000F_FFFF
HEADER_MIN = 24
HEADER_FULL = 32
HEADER_MAX = 256  # no BTF header is longer
VLEN_MASK = 0xFF_FFFF
KIND_MASK = 0x7F


class Kind(IntEnum):
    """Type kinds; ``VOID`` is what type id 0 stands for."""

    VOID = 0
    INT = 1
    PTR = 2
    ARRAY = 3
    STRUCT = 4
    UNION = 5
    ENUM = 6
    FWD = 7
    TYPEDEF = 8
    VOLATILE = 9
    CONST = 10
    RESTRICT = 11
    FUNC = 12
    FUNC_PROTO = 13
    VAR = 14
    DATASEC = 15
    FLOAT = 16
    DECL_TAG = 17
    TYPE_TAG = 18
    ENUM64 = 19


NR_KINDS = 20
MODIFIERS = frozenset({Kind.VOLATILE, Kind.CONST, Kind.RESTRICT, Kind.TYPE_TAG})
MODIFIERS_AND_TYPEDEF = MODIFIERS | {Kind.TYPEDEF}
COMPOSITES = frozenset({Kind.STRUCT, Kind.UNION})
ENUMS = frozenset({Kind.ENUM, Kind.ENUM64})
# Kinds whose third word is a size in bytes.
SIZED = frozenset({Kind.INT, Kind.STRUCT, Kind.UNION, Kind.ENUM, Kind.DATASEC, Kind.FLOAT, Kind.ENUM64})

# Words (4 bytes) that follow the three words of a record: fixed, and per unit of vlen.
FIXED_WORDS = {Kind.INT: 1, Kind.ARRAY: 3, Kind.VAR: 1, Kind.DECL_TAG: 1}
VLEN_WORDS = {
    Kind.STRUCT: 3, Kind.UNION: 3, Kind.ENUM: 2, Kind.FUNC_PROTO: 2, Kind.DATASEC: 3, Kind.ENUM64: 3,
}  # fmt: skip
# Kinds whose third word is a type id rather than a size.
REFERENCES = frozenset(
    {Kind.PTR, Kind.TYPEDEF, Kind.VOLATILE, Kind.CONST, Kind.RESTRICT, Kind.FUNC, Kind.FUNC_PROTO, Kind.VAR,
     Kind.DECL_TAG, Kind.TYPE_TAG}
)  # fmt: skip
# Names of the integer that is as long as a pointer.
LONG = frozenset(
    {"long", "long int", "int long", "unsigned long", "long unsigned", "unsigned long int", "unsigned int long",
     "long unsigned int", "long int unsigned", "int unsigned long", "int long unsigned"}
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Header:
    """Where the sections of a blob lie, as absolute byte ranges (start, end); ``endian`` is ``<`` or ``>``."""

    endian: Endian
    hdr_len: int
    types: tuple[int, int]
    strings: tuple[int, int]
    layout: tuple[int, int]

    @property
    def end(self) -> int:
        """First byte after the last section."""
        return max(self.types[1], self.strings[1], self.layout[1])


class Fields(NamedTuple):
    """The fields of a header as they stand, unchecked: offsets are from the header's end."""

    endian: Endian
    version: int
    flags: int
    hdr_len: int
    type_off: int
    type_len: int
    str_off: int
    str_len: int
    layout_off: int
    layout_len: int


def header_fields(data: bytes | memoryview, at: int = 0) -> Fields | None:
    """The header at an offset, the layout section's fields 0 where it has none; None where no whole header is."""
    endian = MAGICS.get(bytes(data[at : at + 2]))
    if endian is None or at + HEADER_MIN > len(data):
        return None
    version, flags, hdr_len, type_off, type_len, str_off, str_len = struct.unpack_from(f"{endian}BB5I", data, at + 2)
    layout_off, layout_len = 0, 0
    if hdr_len >= HEADER_FULL and at + HEADER_FULL <= len(data):
        layout_off, layout_len = struct.unpack_from(f"{endian}2I", data, at + HEADER_MIN)
    return Fields(
        endian, version, flags, hdr_len, type_off, type_len, str_off, str_len, layout_off, layout_len
    )  # fmt: skip


def endianness(data: bytes | memoryview, source: str) -> Endian:
    """``<`` or ``>`` by the magic (R-1.1)."""
    magic = bytes(data[:2])
    found = MAGICS.get(magic)
    if found is None:
        begins = magic.hex(" ") or "nothing"
        raise BtfError(source, f"not BTF: begins with {begins}, not with the magic 9f eb or eb 9f", 0)
    return found


def read_header(data: bytes | memoryview, source: str) -> Header:
    """Read and check the header and the bounds of the sections (R-1.1..R-1.3)."""
    endianness(data, source)
    fields = header_fields(data)
    if fields is None:
        raise BtfError(source, f"truncated: {len(data)} bytes are too few for a BTF header of {HEADER_MIN}", len(data))
    endian, version, flags, hdr_len = fields[:4]
    if version != VERSION:
        raise BtfError(source, f"BTF version {version} is not supported (only {VERSION} is)", 2)
    if flags:
        raise BtfError(source, f"BTF header flags {flags:#x} are not supported", 3)
    if not HEADER_MIN <= hdr_len <= min(len(data), HEADER_MAX):
        raise BtfError(source, f"header length {hdr_len} is out of range", 4)
    if any(data[HEADER_FULL:hdr_len]):
        raise BtfError(source, f"header of {hdr_len} bytes has unknown fields that are not zero", HEADER_FULL)
    type_off, type_len, str_off, str_len, layout_off, layout_len = fields[4:]
    ranges = {}
    for name, off, length in (("type", type_off, type_len), ("string", str_off, str_len),
                              ("layout", layout_off, layout_len)):  # fmt: skip
        start, end = hdr_len + off, hdr_len + off + length
        if end > len(data):
            reason = f"truncated: {length} bytes of {name} section end at {end}, the data at {len(data)}"
            raise BtfError(source, reason, min(start, len(data)))
        ranges[name] = (start, end)
    if type_len % 4 or type_off % 4:
        raise BtfError(source, "type section is not a sequence of aligned 4-byte words", ranges["type"][0])
    used = sorted(r for r in ranges.values() if r[0] != r[1])
    for (_, end), (start, _) in pairwise(used):
        if start < end:
            raise BtfError(source, "sections overlap", start)
    return Header(endian, hdr_len, ranges["type"], ranges["string"], ranges["layout"])


def record_words(data: bytes | memoryview, header: Header, source: str) -> tuple[list[int], list[int]]:
    """Words after the first three by kind: (fixed, per vlen), -1 where the kind is unknown (R-1.4).

    The layout section, where there is one, adds kinds that this reader does not know.
    """
    fixed = [-1] * (KIND_MASK + 1)
    per = [0] * (KIND_MASK + 1)
    for kind in Kind:
        if kind:
            fixed[kind] = FIXED_WORDS.get(kind, 0)
            per[kind] = VLEN_WORDS.get(kind, 0)
    start, end = header.layout
    if (end - start) % 4:
        raise BtfError(source, "layout section is not made of 4-byte records", start)
    for kind_number, at in enumerate(range(start, end, 4)):
        if kind_number > KIND_MASK:
            raise BtfError(source, "layout section describes more kinds than a type can have", at)
        info_sz, elem_sz = data[at], data[at + 1]
        if kind_number < NR_KINDS:
            continue
        if info_sz % 4 or elem_sz % 4:
            raise BtfError(source, f"layout of kind {kind_number} is not in 4-byte words", at)
        fixed[kind_number], per[kind_number] = info_sz // 4, elem_sz // 4
    return fixed, per
