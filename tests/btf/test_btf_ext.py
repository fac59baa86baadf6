# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The .BTF.ext reader (R-1.14)."""

from __future__ import annotations

import struct

import pytest

from kfuncscope.btf.ext import CoreRelo, FuncInfo, LineInfo, read_ext
from kfuncscope.errors import BtfError
from support.btfwriter import BtfWriter, ExtWriter, patch


def sample(endian: str = "<", **options: object) -> ExtWriter:
    w = BtfWriter(endian)
    integer = w.int_("int", 4)
    function = w.func("f", integer)
    ext = ExtWriter(w, **options)  # type: ignore[arg-type]
    ext.func("xdp", 0, function)
    ext.func("xdp", 64, function)
    ext.func("tc", 0, function)
    ext.line("xdp", 8, "a.c", "\tx = y;", 350, 29)
    ext.line("xdp", 16, "a.c", "\treturn x;", (1 << 22) - 1, 1023)
    ext.core("xdp", 8, integer, "0:1:2", 12)
    return ext


@pytest.mark.parametrize("endian", ["<", ">"])
@pytest.mark.parametrize("sizes", [(8, 16, 16), (12, 32, 20)], ids=["known", "longer"])
@pytest.mark.parametrize("header", [32, 48])
def test_records_by_section(endian: str, sizes: tuple[int, int, int], header: int) -> None:
    """Records are stepped over by their own size, which may exceed what is known."""
    writer = sample(endian, sizes=sizes, header=header)
    data = writer.build()
    ext = read_ext(data, "o", writer.btf.blob())
    assert ext.endian == endian
    assert ext.func_info == {"xdp": [FuncInfo(0, 3), FuncInfo(64, 3)], "tc": [FuncInfo(0, 3)]}
    assert ext.line_info == {
        "xdp": [LineInfo(8, "a.c", "\tx = y;", 350, 29), LineInfo(16, "a.c", "\treturn x;", (1 << 22) - 1, 1023)]
    }
    assert ext.core_relo == {"xdp": [CoreRelo(8, 1, "0:1:2", 12)]}


def test_old_header_has_no_core_records() -> None:
    writer = sample(header=24)
    ext = read_ext(writer.build(), "o", writer.btf.blob())
    assert (len(ext.func_info), len(ext.line_info), ext.core_relo) == (2, 1, {})


def test_empty() -> None:
    w = BtfWriter()
    ext = read_ext(ExtWriter(w).build(), "o", w.blob())
    assert (ext.func_info, ext.line_info, ext.core_relo) == ({}, {}, {})


def test_blocks_of_one_section_are_joined() -> None:
    w = BtfWriter()
    function = w.func("f", w.int_("int", 4))
    name = w.string("xdp")
    blocks = struct.pack("<I", 8) + 2 * struct.pack("<IIII", name, 1, 8, function)
    data = struct.pack("<HBBIIIII", 0xEB9F, 1, 0, 24, 0, len(blocks), 0, 0) + blocks
    assert read_ext(data, "o", w.blob()).func_info == {"xdp": 2 * [FuncInfo(8, function)]}


# Word 8 of the file is the record size of func_info, then: section name, count, (insn_off, type_id)...
@pytest.mark.parametrize(
    ("at", "value", "reason", "offset"),
    [
        (4, 20, "header length 20", 4),
        (4, 300, "header length 300", 4),
        (12, 1 << 20, "truncated: 1048576 bytes of func_info", 32),
        (12, 22, "aligned", 32),
        (28, 1 << 31, "truncated", None),
        (32, 4, "record size 4", 32),
        (32, 10, "record size 10", 32),
        (32, 1 << 20, "record size 1048576", 32),
        (36, 1 << 20, "section name is outside", 36),
        (40, 1 << 30, "truncated: 1073741824 func_info records", 36),
        (44, 4, "not a multiple of 8", 44),
        (56, 99, "type 99, which does not exist", 52),
    ],
)
def test_bad_input_is_refused_with_its_place(at: int, value: int, reason: str, offset: int | None) -> None:
    writer = sample()
    data = patch(writer.build(), at, value)
    with pytest.raises(BtfError, match=reason) as caught:
        read_ext(data, "o", writer.btf.blob())
    assert caught.value.source == "o"
    assert offset is None or caught.value.offset == offset


def test_strings_outside_the_btf_are_refused() -> None:
    writer = sample()
    writer._rows[1]["xdp"].append((24, 1, 1 << 20, 0))
    with pytest.raises(BtfError, match="line_info record names a string outside"):
        read_ext(writer.build(), "o", writer.btf.blob())
    writer = sample()
    writer._rows[2]["xdp"].append((24, 1, 1 << 20, 0))
    with pytest.raises(BtfError, match="core_relo record names a string outside"):
        read_ext(writer.build(), "o", writer.btf.blob())


def test_other_headers_are_refused() -> None:
    writer = sample()
    data, blob = writer.build(), writer.btf.blob()
    for bad, reason in (
        (b"", "not BTF"),
        (data[:7], "are not enough"),
        (b"\x7fELF" + data[4:], "not BTF"),
        (data[:2] + b"\x02" + data[3:], "version 2"),
        (data[:3] + b"\x01" + data[4:], "flags"),
    ):
        with pytest.raises(BtfError, match=reason):
            read_ext(bad, "o", blob)
    longer = sample(header=40).build()
    with pytest.raises(BtfError, match="unknown fields"):
        read_ext(patch(longer, 32, 1), "o", blob)


def test_every_truncation_is_refused_or_read() -> None:
    writer = sample()
    data, blob = writer.build(), writer.btf.blob()
    for length in range(len(data)):
        with pytest.raises(BtfError):
            read_ext(data[:length], "o", blob)
