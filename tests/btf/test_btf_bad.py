# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Bad BTF: one BtfError with its place, in bounded time and memory; or it reads, and everything in it prints."""

from __future__ import annotations

import struct
import time
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from kfuncscope.btf.blob import Blob
from kfuncscope.btf.declare import CUT, MAX_NESTING, declare, members_flat, prototype, type_text
from kfuncscope.btf.layout import Kind
from kfuncscope.btf.table import MAX_DEPTH
from kfuncscope.errors import BtfError
from support.btfwriter import BtfWriter, patch

TYPES = 24  # where the type section of a blob with the short header begins


@contextmanager
def bounded(seconds: float = 30.0, mebibytes: int = 200) -> Iterator[None]:
    """CPU time and memory of the body; generous, a quadratic walk takes minutes and gigabytes."""
    tracemalloc.start()
    start = time.process_time()
    try:
        yield
        spent, peak = time.process_time() - start, tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert spent < seconds
    assert peak < mebibytes << 20


def sample(endian: str = "<") -> bytes:
    w = BtfWriter(endian)
    integer = w.int_("int", 4, signed=True)
    pointer = w.ptr(integer)
    w.struct("s", [("a", integer), ("p", pointer)])
    w.enum("e", {"A": 1})
    w.func("f", integer, [("x", pointer)])
    w.array(integer, 3)
    w.datasec(".data", [(w.var("v", integer), 0, 4)], 4)
    return w.build()


def refused(data: bytes, base: Blob | None = None) -> BtfError:
    with pytest.raises(BtfError) as caught:
        Blob(data, "file", base)
    assert caught.value.source == "file"
    assert caught.value.offset is not None
    assert 0 <= caught.value.offset <= len(data)
    return caught.value


@pytest.mark.parametrize("endian", ["<", ">"])
def test_every_truncation_is_refused(endian: str) -> None:
    data = sample(endian)
    Blob(data)
    for length in range(len(data)):
        refused(data[:length])


@pytest.mark.parametrize(
    ("data", "reason", "offset"),
    [
        (b"", "not BTF: begins with nothing", 0),
        (b"\x7fELF" + bytes(60), "not BTF: begins with 7f 45", 0),
        (b"\x9f\xeb\x02" + sample()[3:], "version 2", 2),
        (b"\x9f\xeb\x01\x80" + sample()[4:], "flags 0x80", 3),
        (patch(sample(), 4, 20), "header length 20", 4),
        (patch(sample(), 4, 1 << 31), "header length", 4),
        (patch(sample(), 8, 2), "aligned", TYPES + 2),
        (patch(sample(), 12, 18), "aligned", TYPES),
        (patch(sample(), 8, 0xFFFFFFFC), "truncated", None),
        (patch(sample(), 12, 0xFFFFFFFC), "truncated", TYPES),
        (patch(sample(), 16, 4), "overlap", TYPES + 4),
        (patch(sample(), 20, 0), "no string section", None),
        (patch(sample(), 20, 3), "does not end with NUL", None),
        (patch(sample(), TYPES, 1 << 20), "type 1 has the name outside the string section", TYPES),
        (patch(sample(), TYPES + 16 + 8, 99), "type 2 refers to a type that does not exist", TYPES + 16),
        (patch(sample(), TYPES + 28 + 12, 1 << 31), "type 3 has the name of a member outside", TYPES + 28),
        (patch(sample(), TYPES + 28 + 16, 99), "type 3 refers to a type that does not exist", TYPES + 28),
        (
            patch(sample(), TYPES + 28 + 4, 4 << 24 | 0xFFFFFF),
            "a STRUCT record extends past the type section",
            TYPES + 28,
        ),
        (patch(sample(), TYPES + 4, 0), "unknown kind 0", TYPES),
        (patch(sample(), TYPES + 4, 0x7F << 24), "unknown kind 127", TYPES),
    ],
)
def test_one_error_with_its_place(data: bytes, reason: str, offset: int | None) -> None:
    error = refused(data)
    assert reason in error.reason
    assert offset is None or error.offset == offset


def test_unknown_header_fields_are_refused() -> None:
    """R-1.2: a longer header is fine while what it adds is zero."""
    w = BtfWriter(header=48)
    w.int_("int", 4)
    assert Blob(w.build()).own_count == 1
    assert refused(patch(w.build(), 44, 1)).offset == 32


@pytest.mark.parametrize(
    ("layout_off", "layout_len", "reason"),
    [(0, 8, "overlap"), (16, 1 << 30, "truncated"), (0xFFFFFFFF, 4, "truncated")],
)
def test_bad_layout_sections_are_refused(layout_off: int, layout_len: int, reason: str) -> None:
    w = BtfWriter(header=32)
    w.int_("int", 4)
    assert reason in refused(patch(w.build(), 24, layout_off, layout_len)).reason


def test_layout_of_odd_or_too_many_kinds_is_refused() -> None:
    cut = BtfWriter(layout={20: (4, 0)})
    cut.int_("int", 4)
    assert "4-byte records" in refused(patch(cut.build(), 28, 82)).reason
    odd = BtfWriter(layout={20: (2, 0)})
    odd.int_("int", 4)
    assert "not in 4-byte words" in refused(odd.build()).reason
    many = BtfWriter(layout={200: (0, 0)})
    many.int_("int", 4)
    assert "more kinds" in refused(many.build()).reason


def test_a_layout_cannot_make_records_of_wrapping_size() -> None:
    """252 bytes times 16 million elements is more than 32 bits of words can hold, twice over."""
    w = BtfWriter(layout={20: (252, 252)})
    w.raw(20, "x", vlen=0xFFFFFF)
    w.int_("int", 4)
    assert "a kind 20 record extends past" in refused(w.build()).reason


def test_types_without_end_are_refused_when_opening() -> None:
    for kind in (Kind.TYPEDEF, Kind.CONST, Kind.VOLATILE, Kind.RESTRICT, Kind.TYPE_TAG):
        w = BtfWriter()
        w.int_("int", 4)
        w.raw(kind, "t", 3)
        w.raw(kind, "t", 2)
        error = refused(w.build())
        assert (error.offset, "or a cycle" in error.reason) == (TYPES + 16, True)
    w = BtfWriter()
    w.array(1, 2)
    assert "or a cycle" in refused(w.build()).reason


@pytest.mark.parametrize("kind", [Kind.TYPEDEF, Kind.ARRAY])
def test_deep_nesting_has_its_limit(kind: Kind) -> None:
    def nested(depth: int) -> BtfWriter:
        w = BtfWriter()
        inner = w.int_("int", 4)
        for _ in range(depth):
            inner = w.raw(kind, "t", inner) if kind == Kind.TYPEDEF else w.raw(kind, "", 0, [inner, inner, 1])
        return w

    deepest = nested(MAX_DEPTH).blob()
    assert deepest.size(MAX_DEPTH + 1) == 4
    assert declare(deepest, MAX_DEPTH + 1)
    assert "deep, or a cycle" in refused(nested(MAX_DEPTH + 1).build()).reason


@pytest.mark.parametrize("kind", [Kind.TYPEDEF, Kind.CONST, Kind.ARRAY])
def test_a_hundred_thousand_levels_are_refused_at_once(kind: Kind) -> None:
    count = 100_000
    if kind == Kind.ARRAY:
        records = b"".join(struct.pack("<6I", 0, kind << 24, 0, i, 1, 2) for i in range(count))
    else:
        records = b"".join(struct.pack("<3I", 0, kind << 24, i) for i in range(count))
    data = struct.pack("<HBBIIIII", 0xEB9F, 1, 0, 24, 0, len(records), len(records), 1) + records + b"\0"
    with bounded():
        assert "deep, or a cycle" in refused(data).reason


def test_too_many_types_are_refused() -> None:
    records = struct.pack("<3I", 0, Kind.PTR << 24, 0) * 0x100000
    data = struct.pack("<HBBIIIII", 0xEB9F, 1, 0, 24, 0, len(records), len(records), 1) + records + b"\0"
    with bounded(), pytest.raises(BtfError, match="exceed the limit of the format"):
        Blob(data)


# -- what opens, though nobody would write it: everything in it prints, nothing runs away


def printed(blob: Blob) -> list[str]:
    texts = [declare(blob, i, offsets=True) for i in blob] + [type_text(blob, i, "x") for i in blob]
    assert all(texts)
    return texts


def test_a_hundred_thousand_pointers_print() -> None:
    w = BtfWriter()
    for i in range(100_000):
        w.ptr(i)
    blob = w.blob()
    with bounded():
        text = type_text(blob, 100_000, "x")
        assert CUT in text
        assert len(text) < 200
        assert type_text(blob, 3, "x") == "void ***x"
        for i in range(1, 100_000, 997):
            assert len(type_text(blob, i)) < 200


def test_pointer_cycles_print() -> None:
    w = BtfWriter()
    w.ptr(2)
    w.const(1)
    w.func("loop", 1, [("x", 2)])
    blob = w.blob()
    assert CUT in type_text(blob, 1)
    assert CUT in declare(blob, 3)
    assert CUT in declare(blob, 4)


def test_a_typedef_of_a_pointer_to_itself_prints() -> None:
    w = BtfWriter()
    w.ptr(2)
    w.typedef("self", 1)
    assert declare(w.blob(), 2) == "typedef self *self;"


def test_a_prototype_of_itself_prints() -> None:
    w = BtfWriter()
    w.ptr(2)
    w.proto(1, [("f", 1), ("g", 1), ("h", 1)])
    w.func("quine", proto=2)
    blob = w.blob()
    with bounded():
        assert CUT in prototype(blob, 3)
        assert max(map(len, printed(blob))) < 1 << 18


def test_a_struct_that_holds_itself_by_value() -> None:
    w = BtfWriter()
    w.struct("russian", [("doll", 1, 0), ("", 1, 0)], 8)
    blob = w.blob()
    assert declare(blob, 1) == "struct russian {\n\tstruct russian doll;\n\tstruct russian;\n};"
    with pytest.raises(BtfError, match="anonymous structs nested deeper than"):
        members_flat(blob, 1)
    assert blob.size(1) == 8


def test_anonymous_structs_that_hold_themselves_print() -> None:
    w = BtfWriter()
    w.struct("", [("", 2, 0), ("", 2, 0)], 8)
    w.struct("", [("", 1, 0), ("", 1, 0)], 8)
    blob = w.blob()
    with bounded():
        assert CUT in printed(blob)[0]
        with pytest.raises(BtfError, match="anonymous structs nested deeper than"):
            members_flat(blob, 1)


def test_structs_that_double_at_every_level_stay_small() -> None:
    """40 levels of two anonymous members each: 2**40 members, were they counted one by one."""
    w = BtfWriter()
    inner = w.struct("", [("a", 0, 0)], 4)
    for _ in range(40):
        inner = w.struct("", [("", inner, 0), ("", inner, 0)], 4)
    w.struct("top", [("", inner, 0)], 4)
    blob = w.blob()
    with bounded():
        assert CUT in declare(blob, len(blob) - 1)
        for type_id in blob:
            if type_id <= 10:
                assert len(members_flat(blob, type_id)) == 1 << type_id - 1
            elif type_id > 20:
                with pytest.raises(BtfError, match="anonymous structs"):
                    members_flat(blob, type_id)


@pytest.mark.parametrize("order", [1, -1])
def test_whether_a_struct_is_too_deep_does_not_hang_on_who_asked_first(order: int) -> None:
    w = BtfWriter()
    inner = w.struct("", [("a", 0, 0)], 4)
    for _ in range(30):
        inner = w.struct("", [("", inner, 32)], 4)
    blob = w.blob()
    flat: dict[int, int] = {}
    for type_id in list(blob)[::order]:
        try:
            flat[type_id] = members_flat(blob, type_id)[0].bit_offset
        except BtfError:
            flat[type_id] = -1
    assert [flat[i] for i in blob] == [32 * i for i in range(MAX_NESTING + 1)] + [-1] * (30 - MAX_NESTING)


def test_structs_that_share_a_wide_one_are_bounded_in_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kfuncscope.btf.declare.MAX_FLAT_TOTAL", 100_000)
    w = BtfWriter()
    integer = w.int_("int", 4)
    wide = w.struct("", [(f"m{i}", integer, 0) for i in range(10_000)], 4)
    for i in range(100):
        w.struct(f"s{i}", [("", wide, 0)], 4)
    blob = w.blob()
    assert len(members_flat(blob, wide + 1)) == 10_000
    with bounded(), pytest.raises(BtfError, match="in all"):
        for type_id in range(wide + 1, len(blob)):
            members_flat(blob, type_id)


def test_very_wide_structs_are_linear() -> None:
    w = BtfWriter()
    integer = w.int_("int", 4)
    w.struct("wide", [(f"m{i}", integer, 0) for i in range(30_000)], 4)
    blob = w.blob()
    with bounded():
        assert len(blob.members(2)) == 30_000
        assert declare(blob, 2).count("\n") == 30_001
        assert all(blob.members(2) is blob.members(2) for _ in range(10_000))


def test_absurd_references_print() -> None:
    """Types where they have no business: a pointer to a function, a member that is a section, a tag on a tag."""
    w = BtfWriter()
    integer = w.int_("int", 4)
    function = w.func("f", integer)
    section = w.datasec(".data", [(integer, 0, 4), (function, 0, 0)], 4)
    tag = w.decl_tag("t", w.decl_tag("u", section, 9), 3)
    w.struct("odd", [("a", function, 0), ("b", section, 0), ("c", tag, 0), ("d", 0, 0)], 4)
    w.func("no_proto", proto=integer)
    w.ptr(function)
    w.array(function, 0xFFFFFFFF)
    w.var("v", section)
    w.proto(tag, [("", section), ("x", 0), ("", 0)])
    w.raw(Kind.INT, "", 0, [0xFFFFFFFF])
    w.raw(Kind.FLOAT)
    w.raw(Kind.FWD)
    w.raw(Kind.ENUM, "", 1)
    w.raw(Kind.TYPE_TAG, "", 0)
    w.decl_tag("far", function, 1 << 30)
    w.datasec("self", [(w.next_id, 0, 0)])
    assert printed(w.blob())


def test_absurd_names_print() -> None:
    w = BtfWriter()
    w.struct("n" * 1_000_000, [("m" * 1_000_000, 0, 0)], 0)
    w.struct("bad\udcff\n", [], 0)
    w.ptr(1)
    blob = w.blob()
    assert len(declare(blob, 1)) < 2000
    assert len(type_text(blob, 3, "x")) < 2000
    assert "\\xff" in declare(blob, 2)
    with bounded():
        for _ in range(1000):
            blob.name(1)


def test_many_equal_names_are_found_once() -> None:
    """20,000 types of one name, and as many of names that differ in the middle: no walk over all for each."""
    w = BtfWriter()
    for _ in range(20_000):
        w.fwd("same")
    for i in range(20_000):
        w.fwd(f"same_start_{i:06d}_same_end")
    blob = w.blob()
    with bounded():
        for _ in range(100):
            assert len(blob.find("same", Kind.FWD)) == 20_000
        for i in range(0, 20_000, 10):
            assert len(blob.find(f"same_start_{i:06d}_same_end")) == 1


def test_a_string_section_of_one_string_is_read_once_per_name() -> None:
    """Names that are tails of one long string: each is printed, but clipped."""
    w = BtfWriter()
    w.string("t" * 200_000)
    for _ in range(2000):
        w.fwd("")
    data = bytearray(w.build())
    for i in range(2000):
        struct.pack_into("<I", data, TYPES + 12 * i, 1 + i)
    with bounded(mebibytes=600):
        blob = Blob(bytes(data))
        assert all(len(declare(blob, i)) < 600 for i in blob)
        assert blob.find("t" * 200_000) == [1]
