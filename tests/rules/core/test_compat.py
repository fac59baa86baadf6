# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Type compatibility alone: depth, cycles, and types made to take for ever (R-3.4, R-3.9, R-3.10, R-11.17)."""

from __future__ import annotations

import time

import pytest

from kfuncscope.btf.blob import Blob
from kfuncscope.rules.core.compat import fields_are_compat, types_are_compat, types_match
from support.btfwriter import BtfWriter


def pointers(depth: int) -> tuple[Blob, int]:
    """An int behind a number of pointers."""
    w = BtfWriter()
    of = w.int_("int", 4, signed=True)
    for _ in range(depth):
        of = w.ptr(of)
    return w.blob(), of


@pytest.mark.parametrize(("depth", "fits"), [(0, True), (1, True), (31, True), (32, False), (40, False)])
def test_r_3_9_depth(depth: int, fits: bool) -> None:
    """libbpf gives up after 32 levels."""
    blob, of = pointers(depth)
    assert types_are_compat(blob, of, blob, of) == fits
    assert types_match(blob, of, blob, of) == fits


def web(arguments: int) -> tuple[Blob, int]:
    """A function type whose every argument is a pointer to itself."""
    w = BtfWriter()
    pointer, proto = 1, 2
    assert w.ptr(proto) == pointer
    assert w.proto(pointer, [(f"a{i}", pointer) for i in range(arguments)]) == proto
    return w.blob(), proto


@pytest.mark.parametrize("arguments", [1, 2, 8, 200])
def test_r_11_17_functions_that_take_themselves(arguments: int) -> None:
    """Without a memory of pairs already compared this would take 8 to the 16th steps."""
    blob, proto = web(arguments)
    started = time.process_time()
    assert not types_are_compat(blob, proto, blob, proto)
    assert not types_match(blob, proto, blob, proto)
    assert time.process_time() - started < 3


def test_r_11_17_functions_that_take_functions() -> None:
    """Every comparison succeeds, so every path would be walked: 6 to the 14th of them."""
    w = BtfWriter()
    of = w.int_("int", 4, signed=True)
    for _ in range(14):
        of = w.ptr(w.proto(of, [(f"a{i}", of) for i in range(6)]))
    blob = w.blob()
    started = time.process_time()
    types_are_compat(blob, of, blob, of)
    types_match(blob, of, blob, of)
    assert time.process_time() - started < 3


def nested(levels: int, width: int) -> tuple[Blob, int]:
    """Structs in structs, each holding the next several times."""
    w = BtfWriter()
    of = w.int_("int", 4, signed=True)
    for level in range(levels):
        of = w.struct(f"level{level}", [(f"m{i}", of, 0) for i in range(width)], 4)
    return w.blob(), of


def test_r_11_17_structs_within_structs() -> None:
    """Matching structs member by member is remembered pair by pair."""
    blob, of = nested(20, 6)
    started = time.process_time()
    assert types_match(blob, of, blob, of)
    other, deep = nested(60, 6)
    types_match(other, deep, other, deep)
    assert time.process_time() - started < 3


def test_r_3_4_arrays_of_arrays() -> None:
    """Elements are compared, dimensions are not."""
    w = BtfWriter()
    number = w.int_("int", 4, signed=True)
    one = w.array(w.array(number, 3), 4)
    two = w.array(w.array(w.const(number), 9), 1)
    three = w.array(w.array(w.ptr(number), 3), 4)
    blob = w.blob()
    assert fields_are_compat(blob, one, blob, two)
    assert not fields_are_compat(blob, one, blob, three)


def test_r_3_4_integers_of_the_old_bitfield_kind() -> None:
    """An int with a bit offset is compatible with nothing."""
    w = BtfWriter()
    plain = w.int_("int", 4)
    old = w.raw(1, "int", 4, [4 << 16 | 3])
    blob = w.blob()
    assert not fields_are_compat(blob, plain, blob, old)
    assert not types_are_compat(blob, old, blob, plain)
    assert fields_are_compat(blob, plain, blob, plain)


def test_r_3_10_names_and_modifiers() -> None:
    """Modifiers and typedefs are skipped, flavours cut off, names compared but for those of arguments."""
    w = BtfWriter()
    number, other = w.int_("int", 4, signed=True), w.int_("long", 4, signed=True)
    proto = w.proto(number, [("a", w.const(number))])
    renamed = w.proto(w.typedef("t", number), [("b", number)])
    strange = w.proto(number, [("a", other)])
    flavoured = w.struct("s___v2", [("x", number)])
    plain = w.struct("s", [("x", number)])
    union = w.union("s", [("x", number)])
    blob = w.blob()
    assert types_match(blob, proto, blob, renamed)
    assert not types_match(blob, proto, blob, strange)
    assert types_match(blob, flavoured, blob, plain)
    assert not types_match(blob, plain, blob, union)
