# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""CO-RE records that libbpf rejects (R-3.2, R-3.8): what is said, and the values on both sides."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from kfuncscope.rules.core.relocate import Reloc
from support.bpfwriter import (
    ENUMVAL_VALUE,
    FIELD_BYTE_OFFSET,
    FIELD_EXISTS,
    TYPE_EXISTS,
    Insn,
    ja,
    ld_imm64,
    ldx,
    mov,
    stx,
)
from support.btfwriter import BtfWriter
from support.corecases import Case


def made(access: str, kind: int, insn: Insn | list[Insn], grown: Callable[[BtfWriter], int] | None = None) -> Reloc:
    """The only record of a program on ``struct t { u32 a; u32 list[4]; u32 last[]; }``; ``grown`` changes ``a``."""
    case = Case()
    word, other = case.local.int_("u32", 4), case.kernel.int_("u32", 4)
    local = case.local.struct(
        "t", [("a", word), ("list", case.local.array(word, 4)), ("last", case.local.array(word, 0))]
    )
    first = grown(case.kernel) if grown is not None else other
    case.kernel.struct(
        "t", [("a", first), ("list", case.kernel.array(other, 2)), ("last", case.kernel.array(other, 0))]
    )
    enum = case.local.enum("e", {"A": 1, "B": 2})
    case.kernel.enum("e", {"B": 7, "A": 1})
    case.ask(enum if kind == ENUMVAL_VALUE else local, access, kind, 0, insn)
    _, _, (reloc,) = case.judge()
    return reloc


@pytest.mark.parametrize(
    ("access", "kind", "rule", "words"),
    [
        ("x", FIELD_BYTE_OFFSET, "R-3.2", "is not a list of numbers"), ("", FIELD_BYTE_OFFSET, "R-3.2", "not a list"),
        ("0:-1", FIELD_BYTE_OFFSET, "R-3.2", "is empty or too long"),
        (":".join("0" * 65), FIELD_BYTE_OFFSET, "R-3.2", "is empty or too long"),
        ("0:0", TYPE_EXISTS, "R-3.2", "of a type record"), ("1", TYPE_EXISTS, "R-3.2", "of a type record"),
        ("2", ENUMVAL_VALUE, "R-3.2", "is not the index of an enumerator"),
        ("0:0", ENUMVAL_VALUE, "R-3.2", "is not the index of an enumerator"),
        ("0:3", FIELD_EXISTS, "R-3.2", "member 3 of t does not exist"),
        ("0:1:4", FIELD_EXISTS, "R-3.3", "array index 4 is out of bounds"),
        ("0:0:0", FIELD_EXISTS, "R-3.2", "has no members"),
    ],
)  # fmt: skip
def test_access_strings_that_name_nothing(access: str, kind: int, rule: str, words: str) -> None:
    """A hard error: nothing is known of either side."""
    found = made(access, kind, mov(2, 0) if kind != ENUMVAL_VALUE else ld_imm64(2, 0))
    assert (found.outcome, found.old, found.new, found.rule) == ("error", 0, 0, rule)
    assert words in found.reason


def test_the_last_that_is_there() -> None:
    """The boundaries of the same: the last member, element, enumerator."""
    assert made("0:2:9", FIELD_EXISTS, mov(2, 1)).outcome == "patched"  # an array without length goes on
    assert made("0:1:1", FIELD_BYTE_OFFSET, mov(2, 8))[:3] == ("patched", 8, 8)
    assert made("0:1:2", FIELD_BYTE_OFFSET, mov(2, 12)).outcome == "poisoned"  # the kernel's array has two
    assert made("1", ENUMVAL_VALUE, ld_imm64(2, 2))[:3] == ("patched", 2, 7)
    assert made("0", TYPE_EXISTS, mov(2, 1))[:3] == ("patched", 1, 1)
    assert made("1:0", FIELD_BYTE_OFFSET, mov(2, 20))[:3] == ("patched", 20, 12)


@pytest.mark.parametrize(
    ("insn", "words"),
    [
        (mov(2, 5), "immediate 5 is not what the record says"),
        (ldx(4, 2, 6, 5), "offset 5 is not what the record says"),
        (stx(4, 6, 8, 2), "offset 8 is not what the record says"),
        (ld_imm64(2, 1 << 32), "immediate 0x100000000 is not what the record says"),
        (mov(2, 0)._replace(code=0xBF, src=3), "record on an instruction without an immediate"),
        (ja(0), "record on an instruction of opcode 0x5"),
    ],
)
def test_instructions_that_do_not_hold_the_value(insn: Insn | list[Insn], words: str) -> None:
    found = made("0:0", FIELD_BYTE_OFFSET, insn)
    assert (found.outcome, found.rule) == ("error", "R-3.8") and words in found.reason


def test_instructions_that_hold_it() -> None:
    """In an immediate, in an offset, in the two halves of a wide one."""
    for insn in (mov(2, 4), ldx(4, 2, 6, 4), ld_imm64(2, 4)):
        found = made("0:1:0", FIELD_BYTE_OFFSET, insn)
        assert (found.outcome, found.old, found.new) == ("patched", 4, 4)


@pytest.mark.parametrize(
    ("grown", "width", "outcome", "size", "words"),
    [
        (lambda w: w.int_("u64", 8), 4, "patched", 8, ""), (lambda w: w.int_("u16", 2), 4, "patched", 2, ""),
        (lambda w: w.int_("u8", 1), 4, "patched", 1, ""), (lambda w: w.int_("u32", 4), 4, "patched", 0, ""),
        (lambda w: w.int_("s64", 8, signed=True), 4, "poisoned", 0, "field of 4 bytes has 8 now"),
        (lambda w: w.int_("u64", 8), 2, "error", 0, "access size differs from the field's size"),
        (lambda w: w.int_("u128", 16), 4, "error", 0, "field has 16 bytes now"),
    ],
)  # fmt: skip
def test_fields_of_another_size(
    grown: Callable[[BtfWriter], int], width: int, outcome: str, size: int, words: str
) -> None:
    """R-3.8: unsigned integers may change their size where the access has the old one."""
    found = made("0:0", FIELD_BYTE_OFFSET, ldx(width, 2, 6, 0), grown)
    assert (found.outcome, found.size) == (outcome, size) and words in found.reason
