# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What lies at each offset of a struct (R-12.6), and how much stack code takes (R-12.3)."""

from __future__ import annotations

from typing import Any

import pytest

from kfuncscope.bpf.object import read_object
from kfuncscope.btf.blob import Blob
from kfuncscope.kernel.kernel import Kernel
from kfuncscope.rules.context import Context
from kfuncscope.rules.flow.shared import reachability
from kfuncscope.rules.flow.stack import deepest, frame_size
from kfuncscope.rules.flow.walk import chain, struct_behind, walk
from support.bpfwriter import ObjectBuilder, Reg, alu, alu32, call, exit_, ja, jmp, ldx, mov, st, stx, subprog
from support.btfwriter import BtfWriter
from support.kernels import KernelBuilder

END = [mov(0, 0), exit_()]


def built() -> tuple[Blob, dict[str, int]]:
    """One struct with a member of each kind, and structs of arrays without length."""
    w = BtfWriter()
    word, char = w.int_("int", 4, signed=True), w.int_("char", 1)
    long_ = w.int_("long", 8)
    inner = w.struct("inner", [("a", word), ("b", word)])
    colour = w.enum("colour", {"RED": 0})
    pair = w.array(w.struct("pair", [("x", word), ("p", w.ptr(inner), 64)], 16), 2)
    made = w.struct(
        "all",
        [
            ("n", word), ("hue", colour, 32), ("ptr", w.ptr(inner), 64), ("in", inner, 128),
            ("list", w.array(word, 3), 192), ("grid", w.array(w.array(char, 2), 2), 288), ("pairs", pair, 320),
            ("ptrs", w.array(w.ptr(inner), 2), 576),
            ("either", w.union("u", [("l", long_), ("s", word)]), 704), ("bits", word, 768, 3), ("more", word, 771, 9),
            ("late", word, 832),
        ],
        112,
    )  # fmt: skip
    names = {"all": made, "inner": inner, "colour": colour}
    names["ints"] = w.struct("ints", [("n", long_), ("rest", w.array(word, 0))])
    names["structs"] = w.struct("structs", [("n", long_), ("rest", w.array(inner, 0))])
    names["pointers"] = w.struct("pointers", [("n", long_), ("rest", w.array(w.ptr(0), 0))])
    names["empties"] = w.struct("empties", [("n", long_), ("rest", w.array(w.struct("none", []), 0))])
    names["fixed"] = w.struct("fixed", [("n", long_), ("rest", w.array(word, 1))])
    return w.blob(), names


@pytest.mark.parametrize(
    ("offset", "size", "found"),
    [
        (0, 4, "n"), (0, 1, "n"), (3, 1, "n"), (0, 8, "!beyond the end of n"), (2, 4, "!beyond the end of n"),
        (4, 4, "hue=colour"), (4, 2, "hue"), (6, 2, "hue"), (8, 8, "ptr>inner"), (8, 4, "!pointer ptr"),
        (12, 4, "!pointer ptr"), (9, 8, "!pointer ptr"), (16, 4, "a"), (20, 4, "b"), (16, 8, "!beyond the end of a"),
        (24, 4, "list"), (28, 4, "list"), (32, 4, "list"), (24, 8, "list"), (28, 8, "list"),
        (32, 8, "!beyond the end of list"), (36, 1, "grid"), (39, 1, "grid"), (36, 4, "grid"),
        (39, 2, "!beyond the end of grid"), (40, 4, "x"), (56, 4, "x"), (48, 8, "p>inner"), (64, 8, "p>inner"),
        (44, 4, "!no field at offset"), (72, 8, "ptrs>inner"), (80, 8, "ptrs>inner"), (76, 8, "!pointer ptrs"),
        (88, 8, "l"), (88, 4, "l"), (92, 4, "l"), (96, 2, "bits"), (96, 1, "bits"), (97, 1, "!no field"),
        (104, 4, "late"), (108, 4, "!no field at offset 108"), (100, 4, "!no field at offset 100"),
        (112, 1, "!beyond struct all"), (108, 8, "!beyond struct all"), (-4, 4, "!beyond struct all"),
    ],
)  # fmt: skip
def test_every_place_of_a_struct(offset: int, size: int, found: str) -> None:
    """Members in whole and in part; arrays as one piece; pointers in whole alone; gaps; ends."""
    blob, names = built()
    got = walk(blob, names["all"], offset, size)
    if found.startswith("!"):
        assert found[1:] in got.fault and not got.member
        return
    member, _, kind = found.partition("=")
    member, _, behind = member.partition(">")
    assert got[:4] == ("", member, names.get(behind, 0), names.get(kind, 0))


@pytest.mark.parametrize(
    ("struct", "offset", "size", "found"),
    [
        ("ints", 8, 4, ""), ("ints", 800, 4, ""), ("structs", 8, 4, "a"), ("structs", 12, 4, "b"),
        ("structs", 812, 4, "b"), ("structs", 8, 8, "!beyond the end of a"),
        ("pointers", 8, 8, "!beyond struct pointers at offset 8, size 8"),
        ("empties", 8, 1, "!beyond struct empties"), ("fixed", 12, 4, "!no field"),
        ("fixed", 16, 4, "!beyond struct fixed"), ("fixed", 8, 4, "rest"),
        ("ints", 0, 8, "n"), ("ints", 4, 8, "!beyond struct ints at offset 4"),
    ],
)  # fmt: skip
def test_past_the_end_of_a_struct(struct: str, offset: int, size: int, found: str) -> None:
    """A last array without length goes on, in numbers and in structs that have a size."""
    blob, names = built()
    got = walk(blob, names[struct], offset, size)
    assert (found[1:] in got.fault) if found.startswith("!") else (got.fault, got.member) == ("", found)


def test_structs_behind_pointers() -> None:
    """Through names and qualifiers; not through tags, which say whose memory it is."""
    w = BtfWriter()
    struct, union = w.struct("s", []), w.union("u", [])
    yes = [w.ptr(t) for t in (struct, union, w.const(struct), w.volatile(struct), w.typedef("t", w.const(struct)))]
    no = [w.ptr(t) for t in (0, w.int_("int", 4), w.type_tag("user", struct), w.ptr(struct), w.fwd("s"))]
    blob = w.blob()
    assert [struct_behind(blob, p) for p in yes] == [struct, union, struct, struct, struct]
    assert [struct_behind(blob, p) for p in no] == [0] * 5


def test_structs_at_the_start_of_a_struct() -> None:
    """First members of first members; an anonymous one has no name, and one that begins later does not count."""
    w = BtfWriter()
    word = w.int_("int", 4)
    first = w.struct("first", [("a", word)])
    second = w.struct("second", [("base", first), ("b", word)])
    hidden = w.struct("third", [("", w.struct("", [("base", second)]))])
    late = w.struct("late", [("base", first, 32)], 8)
    blob = w.blob()
    assert chain(blob, hidden) == ["third", "second", "first"]
    assert (chain(blob, late), chain(blob, word), chain(blob, w.next_id and first)) == (["late"], [], ["first"])


# -- stack


@pytest.fixture(scope="module")
def kernel() -> Kernel:
    return KernelBuilder("7.3").kernel()


def frame(kernel: Kernel, *code: Any) -> int:
    """Bytes of stack of a program."""
    obj = read_object(ObjectBuilder().program("socket", "prog", [*code, *END]).build(), "t")
    program = obj.programs[0]
    return frame_size(program.function, reachability(Context(obj, kernel), program))


def test_bytes_below_the_frame_pointer(kernel: Kernel) -> None:
    """Stores, loads and addresses, by R10 and by copies of it; unreached code does not count."""
    copy = [alu("=", 2, Reg(10))]
    assert frame(kernel) == 0
    assert frame(kernel, st(8, 10, -8, 1)) == 8 and frame(kernel, stx(4, 10, -24, 1)) == 24
    assert frame(kernel, ldx(8, 3, 10, -16)) == 16
    assert frame(kernel, *copy, alu("+", 2, -40)) == 40
    assert frame(kernel, *copy, alu("+", 2, -40), st(8, 2, -8, 1)) == 48
    assert frame(kernel, *copy, alu("=", 3, Reg(2)), st(8, 3, -32, 1)) == 32
    assert frame(kernel, *copy, mov(2, 0), st(8, 2, -32, 1)) == 0
    assert frame(kernel, *copy, alu32("=", 2, Reg(10)), st(8, 2, -32, 1)) == 0
    assert frame(kernel, *copy, ldx(8, 2, 10, -8), st(8, 2, -32, 1)) == 8
    assert frame(kernel, *copy, call(7), st(8, 2, -32, 1)) == 0
    assert frame(kernel, alu("=", 6, Reg(10)), call(7), st(8, 6, -32, 1)) == 32
    assert frame(kernel, alu("=", 5, Reg(10)), call(7), st(8, 5, -32, 1)) == 0
    assert frame(kernel, *copy, jmp("==", 2, 0, 0), st(8, 2, -32, 1)) == 32
    assert frame(kernel, ja("out"), st(8, 10, -64, 1), "out:") == 0
    assert frame(kernel, st(8, 10, -8, 1), st(8, 10, -64, 1), st(8, 10, -16, 1)) == 64


@pytest.mark.parametrize(("size", "taken"), [(0, 0), (1, 16), (16, 16), (17, 32), (32, 32)])
def test_frames_of_a_chain_of_calls(size: int, taken: int, kernel: Kernel) -> None:
    """Each frame is rounded up to 16 bytes; the deepest chain is named."""
    body: list[Any] = [st(1, 10, -size, 1)] if size else []
    ob = ObjectBuilder()
    ob.subprogram("leaf", [st(8, 10, -32, 1), *END])
    ob.subprogram("small", [st(8, 10, -8, 1), *END])
    ob.program("socket", "prog", [*body, subprog("small"), subprog("leaf"), *END])
    obj = read_object(ob.build(), "t")
    program = obj.programs[0]
    assert deepest(obj, program, reachability(Context(obj, kernel), program)) == (taken + 32, ["prog", "leaf"])


@pytest.mark.parametrize(("members", "free"), [(["long", "parts"], True), (["parts"], False)])
def test_r_12_6_numbers_in_unions_are_read_past_their_end(members: list[str], free: bool) -> None:
    """Seen: 7.2.13 takes a read of 4 bytes at the first of four chars in a union, 6.1 does not (btf_struct_walk)."""
    w = BtfWriter()
    char, word = w.int_("char", 1), w.int_("int", 4)
    parts = w.struct("parts", [("a", char), ("b", char), ("c", char), ("d", char)])
    types = {"long": word, "parts": parts}
    union = w.union("either", [(name, types[name]) for name in reversed(members)])
    made, blob = w.struct("all", [("n", word), ("u", union)], 8), w.blob()
    assert bool(walk(blob, made, 4, 4, free_unions=True).fault) != free
    assert walk(blob, made, 4, 4).fault
    assert not walk(blob, made, 4, 1).fault
