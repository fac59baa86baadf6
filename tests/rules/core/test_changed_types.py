# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A member of the same name and another kind of type (R-12.17): what is said, at any depth of an access."""

from __future__ import annotations

from typing import Any

import pytest

from kfuncscope.btf.ext import CoreRelo
from kfuncscope.rules.core.changed import changed_type
from kfuncscope.rules.core.spec import parse_spec
from support.btfwriter import BtfWriter


def said(local: Any, target: Any, access: str) -> str:
    """What is said of an access; both sides are made by a function that gives the struct."""
    mine, theirs = BtfWriter(), BtfWriter()
    root, candidate = local(mine), target(theirs)
    spec = parse_spec(mine.blob(), CoreRelo(0, root, access, 0))
    return changed_type(spec, theirs.blob(), candidate)


def word(w: BtfWriter) -> int:
    return w.once("int_", "int", 4, signed=True)


def holding(make: Any, name: str = "x") -> Any:
    return lambda w: w.struct("s", [("pad", word(w)), (name, make(w))])


KINDS = {
    "an integer": word, "a pointer": lambda w: w.ptr(word(w)), "an array": lambda w: w.array(word(w), 2),
    "a struct": lambda w: w.struct("in", [("a", word(w))]), "an enum": lambda w: w.enum("e", {"A": 0}),
    "a floating-point number": lambda w: w.float_("f", 8),
}  # fmt: skip


@pytest.mark.parametrize("one", KINDS)
@pytest.mark.parametrize("other", KINDS)
def test_kinds_are_named(one: str, other: str) -> None:
    """``CO-RE does not take a pointer for an integer``; nothing where the kinds fit."""
    found = said(holding(KINDS[one]), holding(KINDS[other]), "0:1")
    assert found.endswith(f"; CO-RE does not take {other} for {one}") if one != other else found == ""


def test_enums_of_two_names_are_two_types() -> None:
    found = said(holding(lambda w: w.enum("e", {"A": 0})), holding(lambda w: w.enum("g", {"A": 0})), "0:1")
    assert found == "changed from `enum e x` to `enum g x`; CO-RE does not take another for one enum"


def test_a_member_of_another_name_says_nothing() -> None:
    assert said(holding(word), holding(lambda w: w.ptr(0), "y"), "0:1") == ""


def test_members_of_members() -> None:
    """The first part that fits is followed: through structs, through arrays, and into anonymous members."""

    def outer(make: Any, *, anonymous: bool = False, array: bool = False) -> Any:
        def made(w: BtfWriter) -> int:
            inner = w.struct("" if anonymous else "in", [("a", word(w)), ("x", make(w))])
            held = w.array(inner, 3) if array else inner
            return w.struct("s", [("pad", word(w)), ("" if anonymous else "part", held)])

        return made

    pointer = KINDS["a pointer"]
    text = "changed from `int x` to `int *x`; CO-RE does not take a pointer for an integer"
    assert said(outer(word), outer(pointer), "0:1:1") == text
    assert said(outer(word, array=True), outer(pointer, array=True), "0:1:2:1") == text
    assert said(outer(word, array=True), outer(pointer), "0:1:2:1").startswith("changed from `struct in part[3]`")
    assert said(holding(word), outer(pointer, anonymous=True), "0:1") == text
    assert said(holding(word), outer(word, anonymous=True), "0:1") == ""
    assert said(outer(word, anonymous=True), holding(pointer), "0:1:1") == text
