# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""BPF objects cut out of other files."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kfuncscope.containers.carve import carve
from support.bpfwriter import exit_, mov, object_bytes
from support.elfwriter import ElfWriter

OBJECT = object_bytes("xdp", [mov(0, 2), exit_()])


def cut(data: bytes) -> list[tuple[int, bytes]]:
    return [(start, data[start:end]) for start, end in carve(data)]


@given(before=st.binary(max_size=70), between=st.binary(max_size=70), endian=st.sampled_from("<>"))
@settings(max_examples=60, deadline=None)
def test_objects_at_any_alignment_and_byte_order(before: bytes, between: bytes, endian: str) -> None:
    other = object_bytes("tc", [mov(0, 1), exit_()], endian=endian)
    data = before + OBJECT + between + other + b"behind"
    second = len(before) + len(OBJECT) + len(between)
    assert cut(data) == [(len(before), OBJECT), (second, other)]


def test_a_program_with_objects_inside() -> None:
    program = ElfWriter(machine=62, file_type=3)
    program.section(".rodata", b"odd" + OBJECT + b"x" * 5 + OBJECT)
    assert [data for _, data in cut(program.build())] == [OBJECT, OBJECT]


@pytest.mark.parametrize(
    ("offset", "value"),
    [
        (4, b"\x01"),  # 32 bit
        (5, b"\x03"),  # no byte order
        (18, struct.pack("<H", 62)),  # another machine
        (58, struct.pack("<H", 40)),  # section headers of 32 bit
        (60, struct.pack("<H", 0)),  # no sections
        (40, struct.pack("<Q", 1 << 40)),  # section table far outside
        (40, struct.pack("<Q", 8)),  # section table inside the header
    ],
)
def test_what_is_no_object_is_left(offset: int, value: bytes) -> None:
    assert cut(OBJECT[:offset] + value + OBJECT[offset + len(value) :]) == []


def test_a_section_that_reaches_out_of_the_file() -> None:
    (table,) = struct.unpack_from("<Q", OBJECT, 40)
    bad = bytearray(OBJECT)
    struct.pack_into("<Q", bad, table + 64 + 32, 1 << 30)
    assert cut(bytes(bad)) == []
    assert cut(OBJECT[:-1]) == []
    assert cut(OBJECT[:30]) == []


def test_false_magics_cost_little() -> None:
    assert cut(b"\x7fELF\x02" * 200_000) == []


@given(st.binary(max_size=300))
def test_any_bytes(data: bytes) -> None:
    for start, end in carve(b"\x7fELF\x02\x01" + data):
        assert 0 <= start < end
