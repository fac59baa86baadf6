# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Whatever the bytes: one BtfError, or a blob of which every type prints and every name is found."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from test_btf_blob import every_kind
from test_btf_ext import sample as ext_sample

import kfuncscope.btf.declare as declare_module
from kfuncscope.btf.blob import Blob
from kfuncscope.btf.declare import CUT, declare, members_flat, prototype, type_text
from kfuncscope.btf.distill import relocate
from kfuncscope.btf.ext import read_ext
from kfuncscope.btf.layout import FIXED_WORDS, VLEN_WORDS, Kind
from kfuncscope.btf.summary import summarize
from kfuncscope.errors import BtfError
from support.btfwriter import BtfWriter, ExtWriter

QUICK = settings(max_examples=80, deadline=None)
LONG = settings(max_examples=3000, deadline=None)


@pytest.fixture(autouse=True, scope="module")
def small_texts() -> Iterator[None]:
    """Cut texts early: prototypes that hold each other grow to any limit, and take their time."""
    before, declare_module.MAX_NODES = declare_module.MAX_NODES, 60
    yield
    declare_module.MAX_NODES = before


WHOLE = {endian: every_kind(endian).build() for endian in "<>"}


def exercise(blob: Blob) -> None:
    """Ask a blob everything about every type."""
    for type_id in (0, *blob):
        kind, name = blob.kind(type_id), blob.name(type_id)
        assert declare(blob, type_id, offsets=True)
        assert type_text(blob, type_id, "x")
        assert not name or not name.isascii() or "\\x" in name or type_id in blob.find(name, Kind(kind))
        blob.size(type_id)
        blob.skip(type_id)
        blob.enumerators(type_id)
        if kind == Kind.FUNC:
            assert prototype(blob, type_id)
        try:
            flat = members_flat(blob, type_id)
        except BtfError as error:
            assert "anonymous structs" in error.reason
        else:
            assert all(member.name for member in flat)
    assert sum(summarize(blob).kinds.values()) == blob.own_count


def read(data: bytes, base: Blob | None = None) -> Blob | None:
    try:
        return Blob(data, "fuzz", base)
    except BtfError as error:
        assert error.source == "fuzz"
        assert error.reason
        assert error.offset is None or 0 <= error.offset <= len(data)
        return None


class Damage(NamedTuple):
    """Bytes put over others, and what is cut off the end."""

    at: int
    value: bytes
    cut: int

    def applied(self, data: bytes) -> bytes:
        at = self.at % len(data)
        damaged = data[:at] + self.value + data[at + len(self.value) :]
        return damaged[: len(damaged) - self.cut % len(damaged)] if self.cut else damaged


damage = st.builds(
    Damage,
    st.integers(0, 1 << 12),
    st.one_of(
        st.binary(min_size=1, max_size=4), st.sampled_from([b"\xff" * 4, bytes(4), b"\0\0\0\x80", b"\x01\0\0\0"])
    ),
    st.one_of(st.just(0), st.just(0), st.integers(0, 1 << 10)),
)
damages = st.lists(damage, min_size=1, max_size=6)


def check_damaged_btf(endian: str, blows: list[Damage]) -> None:
    data = WHOLE[endian]
    for blow in blows:
        data = blow.applied(data)
    blob = read(data)
    if blob is not None:
        exercise(blob)


def check_damaged_ext(endian: str, blows: list[Damage]) -> None:
    writer = ext_sample(endian)
    data = writer.build()
    for blow in blows:
        data = blow.applied(data)
    try:
        ext = read_ext(data, "fuzz", writer.btf.blob())
    except BtfError as error:
        assert error.offset is not None
        assert 0 <= error.offset <= len(data)
    else:
        for rows in (*ext.func_info.values(), *ext.line_info.values(), *ext.core_relo.values()):
            assert all(row.insn_off % 8 == 0 for row in rows)


class Record(NamedTuple):
    """One type; ids are taken modulo the number of types, so that most refer to something."""

    kind: int
    name: str
    third: int
    numbers: list[int]
    flag: bool

    def write(self, to: BtfWriter, types: int) -> None:
        kind = Kind(self.kind)
        fixed, per = FIXED_WORDS.get(kind, 0), VLEN_WORDS.get(kind, 0)
        vlen = len(self.numbers) if per else 0
        words: list[int] = []
        for i, number in enumerate(self.numbers if per else (self.numbers * fixed)[:fixed]):
            entry = [number % types, i * 32, 1]
            if kind in (Kind.STRUCT, Kind.UNION):
                entry = [to.string("m" if number % 3 else ""), number % types, i * 32]
            elif kind == Kind.FUNC_PROTO:
                entry = [to.string("p" * (number % 3)), number % types]
            elif kind in (Kind.ENUM, Kind.ENUM64):
                entry = [to.string(f"E{number}"), number, number]
            words += [*entry, 0, 0][: per or 1]
        to.raw(kind, self.name, self.third % types, (words + [0] * fixed)[: fixed + per * vlen], vlen, self.flag)


records = st.lists(
    st.builds(
        Record,
        st.sampled_from([k.value for k in Kind if k]),
        st.sampled_from(["", "", "a", "ab", "struct_x", "struct_x___y", "same_start_1_same_end", "same_start_2_end"]),
        st.integers(0, 40),
        st.lists(st.integers(0, 1 << 31), max_size=5),
        st.booleans(),
    ),
    min_size=1,
    max_size=25,
)


def written(endian: str, rows: list[Record], base: BtfWriter | None = None) -> BtfWriter:
    w = BtfWriter(endian, base=base)
    types = w.next_id + len(rows)
    for row in rows:
        row.write(w, types)
    return w


def same_texts(one: Blob, other: Blob) -> bool:
    """Whether all types print alike; where a text was cut, the place of the cut may differ."""
    pairs = [(declare(one, i, offsets=True), declare(other, i, offsets=True)) for i in range(max(len(one), len(other)))]
    return all(a == b or (CUT in a and CUT in b) for a, b in pairs)


def check_any_types(rows: list[Record]) -> None:
    """Both byte orders give the same blob, or the same error."""
    little, big = (read(written(endian, rows).build()) for endian in "<>")
    assert (little is None) == (big is None)
    if little is None or big is None:
        return
    exercise(little)
    assert same_texts(little, big)
    assert [little.size(i) for i in little] == [big.size(i) for i in big]


def check_any_split(below: list[Record], above: list[Record]) -> None:
    """A split blob sees what one blob with all the types shows."""
    base_writer = written("<", below)
    split_writer = written("<", above, base_writer)
    base = read(base_writer.build())
    split = read(split_writer.build(), base) if base is not None else None
    if split is None:
        return
    exercise(split)
    together = BtfWriter()
    for row in below:
        row.write(together, 1 + len(below))
    for row in above:
        row.write(together, 1 + len(below) + len(above))
    whole = read(together.build())
    if whole is not None:
        assert same_texts(split, whole)
        for name in ("a", "ab", "struct_x", "same_start_2_end"):
            assert split.find(name) == whole.find(name)


def check_any_distilled(below: list[Record], above: list[Record]) -> None:
    """Relocation gives a blob or a BtfError, on any kernel."""
    base_writer = written("<", below)
    split = written("<", above, base_writer).build()
    kernel = every_kind().blob()
    try:
        exercise(relocate(split, base_writer.build(), kernel, "fuzz"))
    except BtfError as error:
        assert error.source.startswith("fuzz")


@QUICK
@example("<", [Damage(4, b"\x20", 0)])
@given(st.sampled_from("<>"), damages)
def test_damaged_btf(endian: str, blows: list[Damage]) -> None:
    check_damaged_btf(endian, blows)


@QUICK
@given(st.sampled_from("<>"), damages)
def test_damaged_ext(endian: str, blows: list[Damage]) -> None:
    check_damaged_ext(endian, blows)


@QUICK
@given(records)
def test_any_types(rows: list[Record]) -> None:
    check_any_types(rows)


@QUICK
@given(records, records)
def test_any_split(below: list[Record], above: list[Record]) -> None:
    check_any_split(below, above)


@QUICK
@given(records, records)
def test_any_distilled(below: list[Record], above: list[Record]) -> None:
    check_any_distilled(below, above)


def test_random_bytes_are_refused() -> None:
    @QUICK
    @given(st.binary(max_size=200), st.booleans())
    def check(data: bytes, magic: bool) -> None:
        assert read((b"\x9f\xeb\x01\0\x18\0\0\0" if magic else b"") + data) is None or magic

    check()


def test_the_fuzzed_ext_is_whole() -> None:
    """What is damaged above has something to damage."""
    writer: ExtWriter = ext_sample()
    assert len(read_ext(writer.build(), "x", writer.btf.blob()).func_info) == 2


@pytest.mark.fuzz
@LONG
@given(st.sampled_from("<>"), damages)
def test_damaged_btf_long(endian: str, blows: list[Damage]) -> None:
    check_damaged_btf(endian, blows)
    check_damaged_ext(endian, blows)


@pytest.mark.fuzz
@LONG
@given(records, records)
def test_any_types_long(below: list[Record], above: list[Record]) -> None:
    check_any_types(below)
    check_any_split(below, above)
    check_any_distilled(below, above)
