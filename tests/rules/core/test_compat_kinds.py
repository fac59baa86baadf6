# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Every kind of type against every other (R-3.4, R-3.9, R-3.10), and the text of accesses."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from typing import Any

import pytest

from kfuncscope.btf.blob import Blob
from kfuncscope.rules.core.compat import fields_are_compat, types_are_compat, types_match
from kfuncscope.rules.core.spec import Accessor, Spec, spec_text
from support.btfwriter import BtfWriter

Make = Callable[[BtfWriter], int]


def word(w: BtfWriter) -> int:
    return w.once("int_", "int", 4, signed=True)


# One of each kind, and neighbours that differ in one thing.
TYPES: dict[str, Make] = {
    "void": lambda w: 0,
    "int": word,
    "other int": lambda w: w.int_("other", 4, signed=True),
    "unsigned": lambda w: w.int_("int", 4),
    "long": lambda w: w.int_("int", 8, signed=True),
    "float": lambda w: w.float_("f", 4),
    "pointer": lambda w: w.ptr(word(w)),
    "pointer to void": lambda w: w.ptr(0),
    "array": lambda w: w.array(word(w), 3),
    "longer array": lambda w: w.array(word(w), 4),
    "array of pointers": lambda w: w.array(w.ptr(word(w)), 3),
    "struct": lambda w: w.struct("s", [("a", word(w))]),
    "other struct": lambda w: w.struct("t", [("a", word(w))]),
    "larger struct": lambda w: w.struct("s", [("a", word(w)), ("b", word(w))]),
    "union": lambda w: w.union("s", [("a", word(w))]),
    "declared struct": lambda w: w.fwd("s"),
    "declared union": lambda w: w.fwd("s", union=True),
    "other declaration": lambda w: w.fwd("t"),
    "enum": lambda w: w.enum("e", {"A": 1, "B": 2}),
    "other enum": lambda w: w.enum("g", {"A": 1, "B": 2}),
    "anonymous enum": lambda w: w.enum("", {"A": 1, "B": 2}),
    "larger enum": lambda w: w.enum("e", {"A": 1, "B": 2, "C": 3}),
    "renamed enum": lambda w: w.enum("e", {"A": 1, "D": 2}),
    "small enum": lambda w: w.enum("e", {"A": 1, "B": 2}, 1),
    "enum64": lambda w: w.enum64("e", {"A": 1, "B": 2}),
    "function": lambda w: w.proto(word(w), [("a", word(w))]),
    "function of two": lambda w: w.proto(word(w), [("a", word(w)), ("b", word(w))]),
    "function of a pointer": lambda w: w.proto(word(w), [("a", w.ptr(word(w)))]),
    "function that returns nothing": lambda w: w.proto(0, [("a", word(w))]),
}
NUMBERS = ("int", "other int", "unsigned", "long")
POINTERS = ("pointer", "pointer to void")
ARRAYS = ("array", "longer array")
RECORDS = ("struct", "other struct", "larger struct", "union")
NAMED_E = ("enum", "larger enum", "renamed enum", "small enum", "enum64", "anonymous enum")
DECLARED = (("declared struct", "declared union"), ("other declaration",))


def groups(*of: tuple[str, ...]) -> set[tuple[str, str]]:
    """All pairs within each group."""
    return {pair for group in of for pair in product(group, group)}


# R-3.4: kinds count, sizes and signs do not; enums and declarations by name, unless one has none.
FIELDS = groups(
    NUMBERS, ("float",), POINTERS, ARRAYS, ("array of pointers",), RECORDS, NAMED_E, ("other enum", "anonymous enum"),
    *DECLARED,
)  # fmt: skip
# R-3.9: of functions every argument and the result; names never.
PROTOTYPES = groups(
    ("void",), NUMBERS, ("pointer",), ("pointer to void",), ARRAYS, ("array of pointers",),
    ("struct", "other struct", "larger struct"), ("union",), ("declared struct", "declared union", "other declaration"),
    (*NAMED_E, "other enum"), ("function",), ("function of two",), ("function of a pointer",),
    ("function that returns nothing",),
)  # fmt: skip
# R-3.10: names, sizes, signs; a struct or enum may have more members on the kernel.
EXACT = groups(*((name,) for name in TYPES if name != "float"), ("enum", "larger enum")) | {("struct", "larger struct")}
EXACT -= {("larger enum", "enum")}


def blobs(name: str) -> tuple[Blob, int]:
    w = BtfWriter()
    w.int_("pad", 4)
    made = TYPES[name](w)
    return w.blob(), made


@pytest.mark.parametrize("mine", TYPES)
def test_each_kind_against_each_other(mine: str) -> None:
    """The three questions for all pairs; a type of the program first, one of the kernel second."""
    for theirs in TYPES:
        (local, one), (target, other) = blobs(mine), blobs(theirs)
        got = (
            fields_are_compat(local, one, target, other), types_are_compat(local, one, target, other),
            types_match(local, one, target, other),
        )  # fmt: skip
        wanted = tuple((mine, theirs) in table for table in (FIELDS, PROTOTYPES, EXACT))
        assert got == wanted, theirs


@pytest.mark.parametrize(
    ("mine", "theirs", "fits"),
    [
        ("struct", "struct", True), ("struct", "larger struct", True), ("larger struct", "struct", True),
        ("struct", "union", False), ("union", "struct", False), ("struct", "declared struct", True),
        ("struct", "declared union", False), ("union", "declared union", True), ("union", "declared struct", False),
        ("declared struct", "struct", True), ("declared struct", "union", False), ("declared union", "union", True),
        ("declared union", "struct", False), ("declared struct", "declared union", False),
        ("declared struct", "declared struct", True), ("struct", "other struct", False),
    ],
)  # fmt: skip
def test_r_3_10_behind_a_pointer_a_declaration_stands_for_the_type(mine: str, theirs: str, fits: bool) -> None:
    """Members are not looked at, names and the kind are."""

    def behind(name: str) -> tuple[Blob, int]:
        w = BtfWriter()
        return w.ptr(TYPES[name](w)) and w.blob(), w.next_id - 1  # type: ignore[return-value]

    (local, one), (target, other) = behind(mine), behind(theirs)
    assert types_match(local, one, target, other) == fits


def test_r_3_10_members_in_any_order() -> None:
    """Each member of the program's struct needs one of its name and type; those with a flavour go by what is before."""
    w = BtfWriter()
    first = w.struct("s", [("a", word(w)), ("b", w.ptr(0))])
    turned = w.struct("s", [("b", w.ptr(0)), ("a", word(w)), ("c", word(w))])
    other = w.struct("s", [("a", word(w)), ("b", word(w))])
    flavour = w.struct("s___old", [("a", word(w))])
    blob = w.blob()
    assert types_match(blob, first, blob, turned) and types_match(blob, flavour, blob, first)
    assert not types_match(blob, turned, blob, first) and not types_match(blob, first, blob, other)


@pytest.mark.parametrize(
    ("steps", "text"),
    [
        ((("", 0),), "struct s"), ((("", 2),), "struct s[2]"), ((("", 0), ("a", 0)), "struct s.a"),
        ((("", 0), ("a", 0), ("", 0)), "struct s.a[0]"), ((("", 0), ("a", 0), ("", 3), ("b", 1)), "struct s.a[3].b"),
    ],
)  # fmt: skip
def test_the_text_of_an_access(steps: Any, text: str) -> None:
    """Members by name, elements by number; the first index only where it is not 0."""
    w = BtfWriter()
    root = w.struct("s", [("a", word(w))])
    assert spec_text(Spec(w.blob(), root, tuple(Accessor(root, place, name) for name, place in steps), 0)) == text


def test_the_text_of_other_roots() -> None:
    """Unions and enums have their keyword, other types their name."""
    w = BtfWriter()
    roots = (w.union("u", []), w.enum("e", {"A": 1}), w.enum64("f", {"A": 1}), w.typedef("t", 0), w.struct("", []))
    blob = w.blob()
    texts = [spec_text(Spec(blob, root, (), 0)) for root in roots]
    assert texts == ["union u", "enum e", "enum f", "t", "struct (anonymous)"]
    assert spec_text(Spec(blob, roots[1], (Accessor(roots[1], 0, "A"),), 0)) == "enum e.A"
