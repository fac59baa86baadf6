# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The reader for few types and the one for many refuse the same blobs for the same reason, and find the same types."""

from __future__ import annotations

import random
import sys
from types import SimpleNamespace

import pytest
from test_btf_blob import every_kind

from kfuncscope.btf import names, table
from kfuncscope.btf.blob import Blob
from kfuncscope.btf.table import COLUMNS, MAX_DEPTH
from kfuncscope.errors import BtfError
from kfuncscope.kernel.opening import DATA, prepared_blob
from support.btfwriter import BtfWriter
from support.kernelfiles import base, split
from support.mutate import mutated


def read(monkeypatch: pytest.MonkeyPatch, data: bytes, on: Blob | None, few: int) -> tuple[object, ...]:
    """What a reader makes of a blob: its columns and where it finds names, or why it refuses it."""
    monkeypatch.setattr(table, "FEW_WORDS", few)
    monkeypatch.setattr(names, "FEW", few)
    try:
        blob = Blob(data, "b", on)
    except BtfError as error:
        return error.reason, error.offset
    found = [blob.own(blob.name(i)) for i in blob]
    return *(bytes(getattr(blob.table, name)) for name in COLUMNS), found, blob.kind_counts()


@pytest.mark.parametrize("kind", ["<", ">", "split"])
def test_both_readers_agree_on_damaged_blobs(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = base().blob()
    data, on = (split(["probe", "other"]), whole) if kind == "split" else (every_kind(kind).build(), None)
    refused = 0
    for number in range(400):
        one = data if number == 0 else mutated(random.Random(number), [data])
        few, many = (read(monkeypatch, one, on, most) for most in (1 << 20, -1))
        assert few == many, number
        refused += len(few) == 2
    assert 0 < refused < 400


@pytest.mark.parametrize("links", [MAX_DEPTH - 1, MAX_DEPTH, MAX_DEPTH + 1, MAX_DEPTH + 2])
def test_both_readers_agree_how_deep_a_chain_may_be(links: int, monkeypatch: pytest.MonkeyPatch) -> None:
    writer = BtfWriter()
    at = writer.int_("int", 4)
    for _ in range(links):
        at = writer.const(at)
    few, many = (read(monkeypatch, writer.build(), None, most) for most in (1 << 20, -1))
    assert few == many
    assert (len(few) == 2) == (links > MAX_DEPTH)


def test_a_kept_blob_is_the_same_blob() -> None:
    data = every_kind("<").build()
    plain = Blob(data)
    known = {DATA: data, **plain.derived()}
    again = prepared_blob({name: memoryview(part) for name, part in known.items()}, "b")
    assert again is not None
    assert again.data == data and again.derived() == plain.derived()
    assert [again.find(again.name(i)) for i in again] == [plain.find(plain.name(i)) for i in plain]


@pytest.mark.parametrize("part", [*COLUMNS, "order", "groups", "offsets", "by_key"])
@pytest.mark.parametrize("harm", ["cut", "longer", "absent", "beyond"])
def test_columns_of_another_blob_are_not_taken(part: str, harm: str) -> None:
    data = every_kind("<").build()
    known = {DATA: data, **Blob(data).derived()}
    assert known[part]
    known[part] = {"cut": known[part][:-4], "longer": known[part] + b"\0\1\0\0", "absent": b"",
                   "beyond": known[part][:-4] + b"\xff\xff\xff\x7f"}[harm]  # fmt: skip
    assert prepared_blob(known, "b") is None
    if harm == "absent":
        del known[part]
        assert prepared_blob(known, "b") is None


def test_flavours_of_another_blob_are_not_taken() -> None:
    writer = BtfWriter()
    writer.struct("task___old", [])
    known = {DATA: writer.build(), **writer.blob().derived()}
    assert prepared_blob(known, "b") is not None
    assert prepared_blob({**known, "flavours": b""}, "b") is None
    assert prepared_blob({**known, "flavours": b"other___old"}, "b") is None


@pytest.mark.parametrize(("loaded", "limit"), [(True, "FEW_WORDS"), (False, "UNLOADED_WORDS")])
def test_numpy_reads_what_is_too_long_for_a_walk(loaded: bool, limit: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """On both sides of each limit: the larger one counts as long as numpy is not loaded, as loading it takes longer."""
    from kfuncscope.btf import records

    read: list[object] = []
    real = records.read_many
    monkeypatch.setattr(records, "read_many", lambda *given: read.append(given) or real(*given))
    monkeypatch.setattr(table, "FEW_WORDS", 40)
    monkeypatch.setattr(table, "UNLOADED_WORDS", 80)
    modules = {"numpy": None} if loaded else {}
    monkeypatch.setattr(table, "sys", SimpleNamespace(modules=modules, byteorder=sys.byteorder))
    words: int = getattr(table, limit)
    for count in (words, words + 4):  # an INT has four words
        writer = BtfWriter()
        for number in range(count // 4):
            writer.int_(f"int{number}", 4)
        read.clear()
        blob = Blob(writer.build())
        assert blob.own_count == count // 4 and bool(read) is (count > words)
