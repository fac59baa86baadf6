# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The parts that BTF types are made of."""

from __future__ import annotations

from typing import NamedTuple


class Member(NamedTuple):
    """Struct or union member; offsets and sizes in bits, ``bit_size`` 0 where it is not a bitfield."""

    name: str
    type: int
    bit_offset: int
    bit_size: int


class Param(NamedTuple):
    """Parameter of a function prototype; a last one of type 0 and no name means variadic."""

    name: str
    type: int


class Enumerator(NamedTuple):
    """Enumerator with its value (signed where the enum says so)."""

    name: str
    value: int


class Array(NamedTuple):
    """Array: element type, index type, number of elements."""

    type: int
    index_type: int
    nelems: int


class Int(NamedTuple):
    """Integer encoding: bits, bit offset, and the three encoding flags."""

    bits: int
    offset: int
    signed: bool
    char: bool
    bool_: bool

    @property
    def encoding(self) -> int:
        """The three flags as the format's number."""
        return self.signed | self.char << 1 | self.bool_ << 2


class SecVar(NamedTuple):
    """Entry of a DATASEC: type id (VAR or FUNC), offset and size in bytes."""

    type: int
    offset: int
    size: int
