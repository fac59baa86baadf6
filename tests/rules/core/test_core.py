# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""CO-RE relocation record by record (R-3.1..R-3.10), and libbpf's own answer to the same cases.

What the corpus of real objects does not exercise is here: type mismatches, bitfields, access sizes, ambiguity, limits.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from kfuncscope.rules.core.spec import MAX_SPEC, Accessor, SpecError, find_member, spec_text
from support import libbpf
from support.bpfwriter import (
    ENUMVAL_EXISTS,
    ENUMVAL_VALUE,
    FIELD_BYTE_OFFSET,
    FIELD_BYTE_SIZE,
    FIELD_EXISTS,
    FIELD_LSHIFT,
    FIELD_RSHIFT,
    FIELD_SIGNED,
    TYPE_EXISTS,
    TYPE_ID_LOCAL,
    TYPE_ID_TARGET,
    TYPE_MATCHES,
    TYPE_SIZE,
    alu,
    ld_imm64,
    ldsx,
    ldx,
    mov,
    mov32,
    st,
    stx,
)  # fmt: skip
from support.btfwriter import BtfWriter
from support.corecases import Case, patched, told
from support.kernels import KernelBuilder

CASES: dict[str, Callable[[Case], None]] = {}
# Where libbpf of another age, or of another host, answers otherwise by its own rules.
OURS_ONLY: set[str] = set()


def case(make: Callable[[Case], None]) -> Callable[[Case], None]:
    """A case for every test below."""
    CASES[make.__name__] = make
    return make


def ours(make: Callable[[Case], None]) -> Callable[[Case], None]:
    """A case that the installed libbpf may answer otherwise, for the reason in its words."""
    OURS_ONLY.add(make.__name__)
    return case(make)


def s32(w: BtfWriter) -> int:
    return w.once("int_", "int", 4, signed=True)


def u32(w: BtfWriter) -> int:
    return w.once("int_", "unsigned int", 4)


def u64(w: BtfWriter) -> int:
    return w.once("int_", "unsigned long", 8)


def u16(w: BtfWriter) -> int:
    return w.once("int_", "unsigned short", 2)


def u8(w: BtfWriter) -> int:
    return w.once("int_", "unsigned char", 1)


# -- fields


@case
def field_moved(c: Case) -> None:
    """R-3.5: every question about a plain field that moved and changed its type."""
    t = c.local.struct("task", [("pid", s32(c.local)), ("flags", u64(c.local))])
    c.kernel.struct("task", [("new", u64(c.kernel)), ("flags", u32(c.kernel)), ("pid", u16(c.kernel))])
    c.ask(t, "0:0", FIELD_BYTE_OFFSET, 12)
    c.ask(t, "0:0", FIELD_BYTE_SIZE, 2)
    c.ask(t, "0:0", FIELD_SIGNED, 0)
    c.ask(t, "0:0", FIELD_EXISTS, 1)
    shift = (64 - 16, 64 - 16) if c.endian == "<" else (48, 48)
    c.ask(t, "0:0", FIELD_LSHIFT, shift[0])
    c.ask(t, "0:0", FIELD_RSHIFT, shift[1])
    c.ask(t, "0:1", FIELD_BYTE_OFFSET, 8)


@case
def field_gone(c: Case) -> None:
    """R-3.5: without a target values are poison and existence is 0."""
    t = c.local.struct("task", [("pid", s32(c.local))])
    c.kernel.struct("task", [("tgid", s32(c.kernel))])
    for kind in (FIELD_BYTE_OFFSET, FIELD_BYTE_SIZE, FIELD_SIGNED, FIELD_LSHIFT, FIELD_RSHIFT):
        c.ask(t, "0:0", kind, "poisoned")
    c.ask(t, "0:0", FIELD_EXISTS, "absent")


@case
def type_gone(c: Case) -> None:
    """R-3.5: a type without candidates: existence, size and id are 0, fields poison."""
    t = c.local.struct("gone", [("x", s32(c.local))])
    e = c.local.enum("gone_enum", {"GONE_A": 3})
    for kind in (TYPE_EXISTS, TYPE_SIZE, TYPE_ID_TARGET, TYPE_MATCHES):
        c.ask(t, "0", kind, "absent")
    c.ask(t, "0:0", FIELD_BYTE_OFFSET, "poisoned")
    c.ask(t, "0:0", FIELD_EXISTS, "absent")
    c.ask(e, "0", ENUMVAL_EXISTS, "absent", ld_imm64(1, 1))
    c.ask(e, "0", ENUMVAL_VALUE, "poisoned", ld_imm64(1, 3))


@case
def flavours(c: Case) -> None:
    """R-3.1: ``___flavour`` is cut off on both sides; only the last one."""
    old = c.local.struct("task___old", [("state", s32(c.local))])
    two = c.local.struct("task___a___b", [("state", s32(c.local))])
    not_one = c.local.struct("task__old", [("state", s32(c.local))])
    c.kernel.struct("task", [("pad", u64(c.kernel)), ("state", s32(c.kernel))])
    c.ask(old, "0:0", FIELD_BYTE_OFFSET, 8)
    c.ask(two, "0:0", FIELD_EXISTS, "absent")  # looks for task___a
    c.ask(not_one, "0:0", FIELD_EXISTS, "absent")


@case
def flavour_in_the_kernel(c: Case) -> None:
    """R-3.1: kernels hold flavoured types too (struct nf_conn___init); what does not match is ignored."""
    t = c.local.struct("nf_conn", [("mark", u32(c.local))])
    c.kernel.struct("nf_conn", [("pad", u64(c.kernel)), ("mark", u32(c.kernel))])
    inner = c.kernel.struct("nf_conn_inner", [("x", u32(c.kernel))])
    c.kernel.struct("nf_conn___init", [("ct", inner)])
    c.ask(t, "0:0", FIELD_BYTE_OFFSET, 8)


@case
def anonymous_members(c: Case) -> None:
    """R-3.2, R-3.3: anonymous structs and unions are passed through on both sides, however they are nested."""
    inner = c.local.struct("", [("a", u32(c.local)), ("b", u32(c.local))])
    outer = c.local.union("", [("", inner), ("raw", u64(c.local))])
    t = c.local.struct("req", [("head", u64(c.local)), ("", outer), ("tail", u64(c.local))])
    one = c.kernel.struct("", [("pad", u64(c.kernel)), ("b", u32(c.kernel)), ("a", u32(c.kernel))])
    two = c.kernel.struct("", [("", one)])
    c.kernel.struct("req", [("tail", u64(c.kernel)), ("", two), ("raw", u64(c.kernel))])
    c.ask(t, "0:1:0:0", FIELD_BYTE_OFFSET, 20)
    c.ask(t, "0:1:0:1", FIELD_BYTE_OFFSET, 16)
    c.ask(t, "0:1:1", FIELD_BYTE_OFFSET, 24)
    c.ask(t, "0:2", FIELD_BYTE_OFFSET, 0)


@case
def moved_into_a_named_struct(c: Case) -> None:
    """R-3.13: a field that moved into a member with a name is gone."""
    t = c.local.struct("req", [("len", u32(c.local))])
    inner = c.kernel.struct("", [("len", u32(c.kernel))])
    c.kernel.struct("req", [("opts", inner)])
    c.ask(t, "0:0", FIELD_EXISTS, "absent")
    c.ask(t, "0:0", FIELD_BYTE_OFFSET, "poisoned")


@case
def arrays(c: Case) -> None:
    """R-3.3: elements move with the element's size; an index must lie inside the kernel's array."""
    element = c.local.struct("el", [("x", u32(c.local)), ("y", u32(c.local))])
    t = c.local.struct("box", [("n", u32(c.local)), ("els", c.local.array(element, 8))])
    bigger = c.kernel.struct("el", [("x", u32(c.kernel)), ("z", u64(c.kernel)), ("y", u32(c.kernel))])
    c.kernel.struct("box", [("n", u64(c.kernel)), ("els", c.kernel.array(bigger, 4))])
    c.ask(t, "0:1:2:1", FIELD_BYTE_OFFSET, 8 + 2 * 24 + 16)
    c.ask(t, "0:1:3:0", FIELD_EXISTS, 1)
    c.ask(t, "0:1:4:0", FIELD_EXISTS, "absent")
    c.ask(t, "2:0", FIELD_BYTE_OFFSET, 2 * (8 + 4 * 24))
    c.ask(t, "0:1:1", FIELD_BYTE_OFFSET, 8 + 24)
    c.ask(t, "0:1:1", FIELD_BYTE_SIZE, 24)


@case
def flexible_arrays(c: Case) -> None:
    """R-3.3: an array of no elements at the end may be indexed at will, elsewhere it may not."""
    t = c.local.struct("rec", [("n", u32(c.local)), ("data", c.local.array(u32(c.local), 8))])
    c.kernel.struct("rec", [("n", u64(c.kernel)), ("data", c.kernel.array(u32(c.kernel), 0))], 8)
    c.ask(t, "0:1:5", FIELD_BYTE_OFFSET, 8 + 20)
    t2 = c.local.struct("rec2", [("n", u32(c.local)), ("data", c.local.array(u32(c.local), 8))])
    c.kernel.struct("rec2", [("data", c.kernel.array(u32(c.kernel), 0)), ("n", u64(c.kernel))])
    c.ask(t2, "0:1:0", FIELD_EXISTS, "absent")
    t3 = c.local.struct("rec3", [("n", u32(c.local)), ("data", c.local.array(u32(c.local), 0))])
    c.kernel.struct("rec3", [("n", u64(c.kernel)), ("data", c.kernel.array(u32(c.kernel), 6))])
    c.ask(t3, "0:1:3", FIELD_BYTE_OFFSET, 8 + 12)
    c.ask(t3, "0:1:6", FIELD_EXISTS, "absent")


@case
def array_of_arrays(c: Case) -> None:
    """R-3.2: several dimensions."""
    t = c.local.struct("grid", [("g", c.local.array(c.local.array(u32(c.local), 3), 2))])
    k = c.kernel
    k.struct("grid", [("p", u64(k)), ("g", k.array(k.array(u32(k), 5), 4))])
    c.ask(t, "0:0:1:2", FIELD_BYTE_OFFSET, 8 + 1 * 20 + 2 * 4)


@case
def struct_and_union(c: Case) -> None:
    """R-3.4: struct and union members may stand for each other; root types may not."""
    inner = c.local.struct("in", [("x", u32(c.local))])
    t = c.local.struct("out", [("in", inner)])
    other = c.kernel.union("in", [("x", u32(c.kernel)), ("y", u64(c.kernel))])
    c.kernel.struct("out", [("p", u64(c.kernel)), ("in", other)])
    c.ask(t, "0:0:0", FIELD_BYTE_OFFSET, 8)
    c.ask(inner, "0:0", FIELD_EXISTS, "absent")


MISMATCHES: dict[str, tuple[Callable[[BtfWriter], int], Callable[[BtfWriter], int], bool]] = {
    "int_enum": (s32, lambda w: w.enum("e", {"A": 0}), False),
    "enum_int": (lambda w: w.enum("e", {"A": 0}), s32, False),
    "ptr_int": (lambda w: w.ptr(0), u64, False),
    "int_ptr": (u64, lambda w: w.ptr(0), False),
    "int_struct": (s32, lambda w: w.struct("atomic", [("counter", s32(w))]), False),
    "struct_int": (lambda w: w.struct("atomic", [("counter", s32(w))]), s32, False),
    "int_float": (s32, lambda w: w.float_("float", 4), False),
    "float_float": (lambda w: w.float_("float", 4), lambda w: w.float_("double", 8), True),
    "array_int": (lambda w: w.array(s32(w), 1), s32, False),
    "array_array": (lambda w: w.array(s32(w), 4), lambda w: w.array(u64(w), 2), True),
    "array_of_mismatch": (lambda w: w.array(s32(w), 4), lambda w: w.array(w.ptr(0), 4), False),
    "ptr_ptr": (lambda w: w.ptr(s32(w)), lambda w: w.ptr(w.struct("s", [])), True),
    "enum_enum64": (lambda w: w.enum("e", {"A": 0}), lambda w: w.enum64("e", {"A": 0}), True),
    "enum_other_name": (lambda w: w.enum("e", {"A": 0}), lambda w: w.enum("f", {"A": 0}), False),
    "enum_flavour": (lambda w: w.enum("e___x", {"A": 0}), lambda w: w.enum("e", {"A": 0}), True),
    "enum_anonymous": (lambda w: w.enum("", {"A": 0}), lambda w: w.enum("f", {"A": 0}), True),
    "int_signed_wider": (s32, u64, True),
    "typedef_const": (
        lambda w: w.typedef("pid_t", s32(w)), lambda w: w.const(w.volatile(w.typedef("other_t", u16(w)))), True,
    ),
}  # fmt: skip


def _mismatch(name: str) -> Callable[[Case], None]:
    mine, theirs, compatible = MISMATCHES[name]

    def make(c: Case) -> None:
        t = c.local.struct("holder", [("pad", u64(c.local)), ("f", mine(c.local))])
        c.kernel.struct("holder", [("f", theirs(c.kernel)), ("pad", u64(c.kernel))])
        c.ask(t, "0:1", FIELD_EXISTS, 1 if compatible else "absent")
        c.ask(t, "0:1", FIELD_BYTE_OFFSET, 0 if compatible else "poisoned")

    make.__name__ = f"compat_{name}"
    make.__doc__ = "R-3.4: which kinds of fields may stand for each other."
    return make


for _name in MISMATCHES:
    case(_mismatch(_name))


@case
def fwd_is_no_candidate(c: Case) -> None:
    """R-1.9: a type of which the kernel only holds a forward declaration is absent."""
    t = c.local.struct("hidden", [("x", u32(c.local))])
    c.kernel.fwd("hidden")
    c.ask(t, "0", TYPE_EXISTS, "absent")
    c.ask(t, "0:0", FIELD_BYTE_OFFSET, "poisoned")


@case
def typedef_root(c: Case) -> None:
    """R-3.1: a typedef as root needs a typedef, not what it stands for."""
    t = c.local.typedef("atomic_long_t", c.local.struct("atomic64", [("counter", u64(c.local))]))
    k = c.kernel
    k.struct("atomic_long_t", [("counter", u64(k))])
    c.ask(t, "0", TYPE_EXISTS, "absent")
    t2 = c.local.typedef("kuid_t", c.local.struct("", [("val", u32(c.local))]))
    k.typedef("kuid_t", k.struct("", [("pad", u64(k)), ("val", u64(k))]))
    c.ask(t2, "0", TYPE_SIZE, 16)
    c.ask(t2, "0:0", FIELD_BYTE_OFFSET, 8)


# -- bitfields (R-3.6)


def _bits(c: Case, kernel_at: int, kernel_size: int, width: int = 4) -> int:
    """A bitfield of 5 bits at bit 3 of an int; in the kernel ``kernel_size`` bits at ``kernel_at``."""
    t = c.local.struct("flags", [("low", u32(c.local), 0, 3), ("b", u32(c.local), 3, 5)], 4)
    of = {1: u8, 2: u16, 4: u32, 8: u64}[width](c.kernel)
    c.kernel.struct("flags", [("b", of, kernel_at, kernel_size)], 32)
    return t


def _bit_records(c: Case, t: int, offset: int, size: int, at: int, bits: int) -> None:
    """All questions about a bitfield that lies in a unit of ``size`` bytes at byte ``offset``."""
    c.ask(t, "0:1", FIELD_EXISTS, 1)
    c.ask(t, "0:1", FIELD_BYTE_OFFSET, offset)
    c.ask(t, "0:1", FIELD_BYTE_SIZE, size)
    c.ask(t, "0:1", FIELD_SIGNED, 0)
    left = 64 - (at + bits - 8 * offset) if c.endian == "<" else (8 - size) * 8 + (at - 8 * offset)
    c.ask(t, "0:1", FIELD_LSHIFT, left)
    c.ask(t, "0:1", FIELD_RSHIFT, 64 - bits)


@case
def bitfield_same_unit(c: Case) -> None:
    """R-3.6: all values of a bitfield that moved within its unit."""
    _bit_records(c, _bits(c, 9, 7), 0, 4, 9, 7)


@case
def bitfield_next_unit(c: Case) -> None:
    """R-3.6: in the second unit."""
    _bit_records(c, _bits(c, 37, 5), 4, 4, 37, 5)


@case
def bitfield_unit_doubled(c: Case) -> None:
    """R-3.6: a bitfield across two units: the unit is doubled until it covers it."""
    _bit_records(c, _bits(c, 30, 5), 0, 8, 30, 5)


@case
def bitfield_of_bytes(c: Case) -> None:
    """R-3.6: a declared type of one byte."""
    _bit_records(c, _bits(c, 17, 3, 1), 2, 1, 17, 3)


@case
def bitfield_too_wide(c: Case) -> None:
    """R-3.6: a bitfield that no 8 bytes cover is a hard error."""
    t = _bits(c, 60, 8, 8)
    c.ask(t, "0:1", FIELD_BYTE_OFFSET, "error")


@case
def bitfield_became_plain(c: Case) -> None:
    """R-3.6: a bitfield that is a plain field now."""
    t = c.local.struct("flags", [("low", u32(c.local), 0, 3), ("b", u32(c.local), 3, 5)], 4)
    c.kernel.struct("flags", [("pad", u64(c.kernel)), ("b", u8(c.kernel))])
    _bit_records(c, t, 8, 1, 64, 8)


@case
def bitfield_that_a_load_reads_became_plain(c: Case) -> None:
    """R-3.8: a bitfield has no size to compare, so a load of its unit is not resized, whatever the types are."""
    t = c.local.struct("t", [("x", u32(c.local), 0, 5)], 4)
    c.kernel.struct("t", [("pad", u64(c.kernel)), ("x", u32(c.kernel))])
    c.ask(t, "0:0", FIELD_BYTE_OFFSET, "poisoned", ldx(4, 2, 1, 0))


@case
def plain_became_bitfield(c: Case) -> None:
    """R-3.6: and the other way round; the unit is that of the declared type."""
    t = c.local.struct("flags", [("low", u32(c.local)), ("b", u32(c.local))])
    c.kernel.struct("flags", [("b", u32(c.kernel), 3, 2)], 4)
    _bit_records(c, t, 0, 4, 3, 2)


@case
def signed_fields(c: Case) -> None:
    """R-3.5: signedness of integers and enums."""
    members = [("a", s32(c.local)), ("e", c.local.enum("e", {"A": 0})), ("p", c.local.ptr(0))]
    t = c.local.struct("s", members)
    k = c.kernel
    k.struct("s", [("a", k.int_("s8", 1, signed=True)), ("e", k.enum("e", {"A": -1}, signed=True)), ("p", k.ptr(0))])
    c.ask(t, "0:0", FIELD_SIGNED, 1)
    c.ask(t, "0:1", FIELD_SIGNED, 1)
    c.ask(t, "0:2", FIELD_SIGNED, 0)


# -- types


@case
def types(c: Case) -> None:
    """R-3.5, R-3.9: existence looks only at name and kind, size at the target."""
    t = c.local.struct("t", [("x", u32(c.local))])
    target = c.kernel.struct("t", [("other", u64(c.kernel)), ("more", u64(c.kernel))])
    c.ask(t, "0", TYPE_EXISTS, 1)
    c.ask(t, "0", TYPE_SIZE, 16)
    c.ask(t, "0", TYPE_ID_TARGET, target, ld_imm64(1, t))
    c.ask(t, "0", TYPE_ID_LOCAL, t, ld_imm64(1, t))
    c.ask(t, "0", TYPE_MATCHES, "absent")


@case
def type_exists_by_prototype(c: Case) -> None:
    """R-3.9: a typedef of a function pointer exists only where its prototype is compatible."""

    def made(w: BtfWriter, argument: Callable[[BtfWriter], int], name: str) -> int:
        return w.typedef(name, w.ptr(w.proto(s32(w), [("a", argument(w))])))

    same = made(c.local, s32, "same_t")
    made(c.kernel, u64, "same_t")  # integers of any size
    void = made(c.local, lambda w: w.ptr(0), "void_t")
    made(c.kernel, lambda w: w.ptr(w.struct("s", [])), "void_t")
    enum = made(c.local, s32, "enum_t")
    made(c.kernel, lambda w: w.enum("e", {"A": 0}), "enum_t")
    more = made(c.local, s32, "more_t")
    c.kernel.typedef("more_t", c.kernel.ptr(c.kernel.proto(s32(c.kernel), [])))
    c.ask(same, "0", TYPE_EXISTS, 1)
    c.ask(void, "0", TYPE_EXISTS, "absent")
    c.ask(enum, "0", TYPE_EXISTS, "absent")
    c.ask(more, "0", TYPE_EXISTS, "absent")


@case
def type_matches(c: Case) -> None:
    """R-3.10: members of the local type must all be there with matching types; more may be."""

    def make(w: BtfWriter, name: str, size: int = 4, *, extra: bool = False, signed: bool = False) -> int:
        number = w.int_("number", size, signed=signed)
        return w.struct(name, [("a", number), *([("z", u64(w))] if extra else [])])

    subset = make(c.local, "subset")
    make(c.kernel, "subset", extra=True)
    wider = make(c.local, "wider")
    make(c.kernel, "wider", 8)
    sign = make(c.local, "sign")
    make(c.kernel, "sign", signed=True)
    missing = make(c.local, "missing", extra=True)
    make(c.kernel, "missing")
    c.ask(subset, "0", TYPE_MATCHES, 1)
    c.ask(wider, "0", TYPE_MATCHES, "absent")
    c.ask(sign, "0", TYPE_MATCHES, "absent")
    c.ask(missing, "0", TYPE_MATCHES, "absent")


@case
def type_matches_behind_pointers(c: Case) -> None:
    """R-3.10: behind a pointer name and kind are enough; a forward declaration will do."""

    def make(w: BtfWriter, target: int, name: str) -> int:
        return w.struct(name, [("p", w.ptr(target))])

    one = make(c.local, c.local.struct("far", [("x", u32(c.local))]), "one")
    make(c.kernel, c.kernel.struct("far", [("y", u64(c.kernel))]), "one")
    two = make(c.local, c.local.struct("fw", [("x", u32(c.local))]), "two")
    make(c.kernel, c.kernel.fwd("fw"), "two")
    three = make(c.local, c.local.struct("near", [("x", u32(c.local))]), "three")
    make(c.kernel, c.kernel.struct("farther", [("x", u32(c.kernel))]), "three")
    four = make(c.local, c.local.fwd("un", union=True), "four")
    make(c.kernel, c.kernel.struct("un", []), "four")
    c.ask(one, "0", TYPE_MATCHES, 1)
    c.ask(two, "0", TYPE_MATCHES, 1)
    c.ask(three, "0", TYPE_MATCHES, "absent")
    c.ask(four, "0", TYPE_MATCHES, "absent")


@case
def type_matches_enums_arrays(c: Case) -> None:
    """R-3.10: enumerators of the local enum must be there by name; arrays need the same number of elements."""
    e1 = c.local.enum("e1", {"A": 0, "B": 1})
    c.kernel.enum("e1", {"B": 7, "A": 3, "C": 4})
    e2 = c.local.enum("e2", {"A": 0, "X": 1})
    c.kernel.enum("e2", {"A": 0, "B": 1, "C": 2})
    a = c.local.struct("a", [("v", c.local.array(u32(c.local), 4))])
    c.kernel.struct("a", [("v", c.kernel.array(u32(c.kernel), 5))])
    c.ask(e1, "0", TYPE_MATCHES, 1)
    c.ask(e2, "0", TYPE_MATCHES, "absent")
    c.ask(a, "0", TYPE_MATCHES, "absent")


# -- enums


@case
def enum_values(c: Case) -> None:
    """R-3.5: values by name, also negative and of 64 bits."""
    e = c.local.enum("e", {"A": 0, "B": 1, "GONE": 2})
    c.kernel.enum("e", {"X": 0, "B": 77, "A": -5}, signed=True)
    big = c.local.enum64("big", {"HUGE": 1 << 40})
    c.kernel.enum64("big", {"HUGE": 0x123456789ABCDEF0})
    c.ask(e, "0", ENUMVAL_VALUE, -5, ld_imm64(1, 0))
    c.ask(e, "1", ENUMVAL_VALUE, 77)
    c.ask(e, "2", ENUMVAL_VALUE, "poisoned")
    c.ask(e, "2", ENUMVAL_EXISTS, "absent")
    c.ask(e, "1", ENUMVAL_EXISTS, 1)
    c.ask(big, "0", ENUMVAL_VALUE, 0x123456789ABCDEF0, ld_imm64(1, 1 << 40))


@case
def enum_became_enum64(c: Case) -> None:
    """R-3.1: ENUM and ENUM64 stand for each other; flavours of enumerators are cut off."""
    e = c.local.enum("e", {"A___v2": 0})
    c.kernel.enum64("e", {"A": 9})
    c.ask(e, "0", ENUMVAL_VALUE, 9, ld_imm64(1, 0))


# -- patching (R-3.8)


@case
def loads_and_stores(c: Case) -> None:
    """R-3.8: offset and access size of loads and stores."""
    members = [("c", u8(c.local)), ("h", u16(c.local)), ("w", u32(c.local)), ("d", u64(c.local))]
    t = c.local.struct("t", [*members, ("p", c.local.ptr(0))])
    k = c.kernel
    k.struct("t", [("pad", u64(k)), ("p", k.ptr(0)), ("d", u32(k)), ("w", u64(k)), ("h", u8(k)), ("c", u16(k))])
    c.ask(t, "0:0", FIELD_BYTE_OFFSET, 34, ldx(1, 2, 1, 0), 2)
    c.ask(t, "0:1", FIELD_BYTE_OFFSET, 32, ldx(2, 2, 1, 2), 1)
    c.ask(t, "0:2", FIELD_BYTE_OFFSET, 24, stx(4, 1, 4, 2), 8)
    c.ask(t, "0:3", FIELD_BYTE_OFFSET, 16, st(8, 1, 8, 1), 4)
    c.ask(t, "0:4", FIELD_BYTE_OFFSET, 8, ldx(8, 2, 1, 16))


@case
def signed_size_change(c: Case) -> None:
    """R-3.8: a signed integer of another size cannot be read by the same instruction: poison."""

    def number(w: BtfWriter, size: int, encoding: int) -> int:
        return w.int_(f"i{size}{encoding}", size, encoding=encoding)

    k, mine = c.kernel, c.local
    t = mine.struct("t", [("ss", number(mine, 4, 1)), ("su", number(mine, 4, 1)), ("us", number(mine, 4, 0)),
                          ("bool", number(mine, 1, 4)), ("ch", number(mine, 1, 2))])  # fmt: skip
    k.struct("t", [("ss", number(k, 8, 1)), ("su", number(k, 8, 0)), ("us", number(k, 8, 1)), ("bool", number(k, 4, 0)),
                   ("ch", number(k, 2, 2))])  # fmt: skip
    for index in range(3):
        c.ask(t, f"0:{index}", FIELD_BYTE_OFFSET, "poisoned", ldx(4, 2, 1, 4 * index))
    c.ask(t, "0:3", FIELD_BYTE_OFFSET, 24, ldx(1, 2, 1, 12), 4)
    c.ask(t, "0:4", FIELD_BYTE_OFFSET, 28, ldx(1, 2, 1, 13), 2)
    c.ask(t, "0:0", FIELD_BYTE_OFFSET, 0, alu("+", 1, 0))  # an address has no access size


@case
def pointer_and_struct_sizes(c: Case) -> None:
    """R-3.8: enums, structs and anything but integers and pointers do not take another size."""
    e = c.local.enum("e", {"A": 0})
    t = c.local.struct("t", [("e", e), ("f", c.local.float_("float", 4))])
    k = c.kernel
    k.struct("t", [("e", k.enum64("e", {"A": 0})), ("f", k.float_("double", 8))])
    c.ask(t, "0:0", FIELD_BYTE_OFFSET, "poisoned", ldx(4, 2, 1, 0))
    c.ask(t, "0:1", FIELD_BYTE_OFFSET, "poisoned", ldx(4, 2, 1, 4))


@case
def odd_sizes(c: Case) -> None:
    """R-3.8: an integer of 16 bytes, or an access that is not of the field's size, is a hard error."""
    t = c.local.struct("t", [("x", u64(c.local))])
    c.kernel.struct("t", [("x", c.kernel.int_("u128", 16))])
    c.ask(t, "0:0", FIELD_BYTE_OFFSET, "error", ldx(8, 2, 1, 0))


@case
def access_of_another_size(c: Case) -> None:
    """R-3.8: the instruction reads another size than the program's own field has."""
    t = c.local.struct("t", [("x", u64(c.local))])
    c.kernel.struct("t", [("x", u32(c.kernel))])
    c.ask(t, "0:0", FIELD_BYTE_OFFSET, "error", ldx(4, 2, 1, 0))


@case
def offset_limit(c: Case) -> None:
    """R-3.8: offset 32767 fits an instruction, 32768 is a hard error; an ALU immediate takes both."""
    t = c.local.struct("t", [("x", u8(c.local)), ("y", u8(c.local))])
    k = c.kernel
    k.struct("t", [("pad", k.array(u8(k), 32767)), ("x", u8(k)), ("y", u8(k))])
    c.ask(t, "0:0", FIELD_BYTE_OFFSET, 32767, ldx(1, 2, 1, 0))
    c.ask(t, "0:1", FIELD_BYTE_OFFSET, 32768, mov(2, 1))


@case
def offset_beyond_limit(c: Case) -> None:
    """R-3.8: -ERANGE."""
    t = c.local.struct("t", [("y", u8(c.local))])
    k = c.kernel
    k.struct("t", [("pad", k.array(u8(k), 32768)), ("y", u8(k))])
    c.ask(t, "0:0", FIELD_BYTE_OFFSET, "error", ldx(1, 2, 1, 0))


@case
def unexpected_immediate(c: Case) -> None:
    """R-3.8: an instruction that does not hold the record's own value."""
    t = c.local.struct("t", [("pad", u64(c.local)), ("x", u32(c.local))])
    c.kernel.struct("t", [("x", u32(c.kernel))])
    c.ask(t, "0:1", FIELD_BYTE_OFFSET, "error", mov(1, 7))


@case
def record_on_a_register(c: Case) -> None:
    """R-3.8: a move between registers has no immediate to patch."""
    t = c.local.struct("t", [("x", u32(c.local))])
    c.kernel.struct("t", [("x", u32(c.kernel))])
    c.ask(t, "0:0", FIELD_BYTE_OFFSET, "error", mov(1, 0)._replace(code=0xBF, src=2))


@case
def narrow_moves(c: Case) -> None:
    """R-3.8: 32-bit moves are patched too."""
    t = c.local.struct("t", [("x", u32(c.local))])
    c.kernel.struct("t", [("pad", u64(c.kernel)), ("x", u32(c.kernel))])
    c.ask(t, "0:0", FIELD_BYTE_OFFSET, 8, mov32(1, 0))


@ours
def sign_extending_load(c: Case) -> None:
    """R-3.8: loads of cpu v4 (older libbpf does not know them)."""
    t = c.local.struct("t", [("x", s32(c.local))])
    c.kernel.struct("t", [("pad", u64(c.kernel)), ("x", s32(c.kernel))])
    c.ask(t, "0:0", FIELD_BYTE_OFFSET, 8, ldsx(4, 2, 1, 0))


@ours
def array_element_size(c: Case) -> None:
    """R-3.8: libbpf of 7.x holds the sizes of array elements against each other, older ones those of whole arrays."""
    t = c.local.struct("t", [("x", c.local.array(u8(c.local), 16))])
    c.kernel.struct("t", [("pad", u64(c.kernel)), ("x", c.kernel.array(u8(c.kernel), 32))])
    c.ask(t, "0:0", FIELD_BYTE_OFFSET, 8, ldx(1, 2, 1, 0))


@case
def pointers_of_a_32_bit_kernel(c: Case) -> None:
    """R-3.8: they have the size of its ``long``; loads of them shrink, and elements of arrays lie closer."""
    small = c.endian == "<"
    if small:
        c.kernels = KernelBuilder("7.3", "arm")
    t = c.local.struct("t", [("p", c.local.ptr()), ("q", c.local.array(c.local.ptr(), 3))])
    c.kernel.struct("t", [("pad", u32(c.kernel)), ("p", c.kernel.ptr()), ("q", c.kernel.array(c.kernel.ptr(), 3))])
    c.ask(t, "0:0", FIELD_BYTE_OFFSET, 8, ldx(8, 2, 1, 0), size=4 if small else 0)
    c.ask(t, "0:1:2", FIELD_BYTE_OFFSET, 24 if small else 32, ldx(8, 2, 1, 24), size=4 if small else 0)
    c.ask(t, "0:0", FIELD_BYTE_SIZE, 4 if small else 8)
    c.ask(t, "0:1", FIELD_BYTE_SIZE, 12 if small else 24)


@case
def high_enumerators(c: Case) -> None:
    """R-3.5: libbpf reads those of an ENUM as signed, though it is not, and those of an ENUM64 as they are."""
    e, f = c.local.enum("e", {"HIGH": 0x8000_0001}), c.local.enum64("f", {"HIGH": 1 << 63 | 1})
    c.kernel.enum("e", {"HIGH": 0x8000_0002})
    c.kernel.enum64("f", {"HIGH": 1 << 63 | 2})
    c.ask(e, "0", ENUMVAL_VALUE, 2 - (1 << 31), ld_imm64(1, 0xFFFF_FFFF_8000_0001))
    c.ask(f, "0", ENUMVAL_VALUE, 1 << 63 | 2, ld_imm64(1, 1 << 63 | 1))


@case
def high_enumerators_as_compilers_write_them(c: Case) -> None:
    """R-3.8: compilers do not extend the sign, so libbpf finds another value than it expects, and refuses."""
    root = c.local.enum("e", {"HIGH": 0x8000_0001})
    c.kernel.enum("e", {"HIGH": 0x8000_0001})
    c.ask(root, "0", ENUMVAL_VALUE, "error", ld_imm64(1, 0x8000_0001))


# -- several candidates (R-3.7)


@case
def candidates_that_agree(c: Case) -> None:
    """R-3.7: duplicates with the same place of the field are no matter."""
    t = c.local.struct("irq_info", [("x", u32(c.local))])
    k = c.kernel
    k.struct("irq_info", [("pad", u64(k)), ("x", u32(k))])
    k.struct("irq_info", [("other", u64(k)), ("x", u32(k)), ("z", u64(k))])
    k.struct("irq_info", [("nothing", u64(k))])
    c.ask(t, "0:0", FIELD_BYTE_OFFSET, 8)
    c.ask(t, "0:0", FIELD_EXISTS, 1)


@case
def offset_ambiguity(c: Case) -> None:
    """R-3.7: two places of the field are a hard error."""
    t = c.local.struct("irq_info", [("x", u32(c.local))])
    c.kernel.struct("irq_info", [("pad", u64(c.kernel)), ("x", u32(c.kernel))])
    c.kernel.struct("irq_info", [("x", u32(c.kernel))])
    c.ask(t, "0:0", FIELD_BYTE_OFFSET, "error")


@case
def existence_is_ambiguous_too(c: Case) -> None:
    """R-3.7: even the question of existence fails where the candidates disagree about the offset."""
    t = c.local.struct("irq_info", [("x", u32(c.local))])
    c.kernel.struct("irq_info", [("pad", u64(c.kernel)), ("x", u32(c.kernel))])
    c.kernel.struct("irq_info", [("x", u32(c.kernel))])
    c.ask(t, "0:0", FIELD_EXISTS, "error")


@case
def value_ambiguity(c: Case) -> None:
    """R-3.7: two ids of a type are two answers."""
    t = c.local.struct("irq_info", [("x", u32(c.local))])
    c.kernel.struct("irq_info", [("x", u32(c.kernel))])
    c.kernel.struct("irq_info", [("x", u32(c.kernel)), ("y", u32(c.kernel))])
    c.ask(t, "0", TYPE_EXISTS, 1)
    c.ask(t, "0:0", FIELD_BYTE_OFFSET, 0)
    c.ask(t, "0", TYPE_ID_TARGET, "error", ld_imm64(1, t))


@case
def enum_ambiguity(c: Case) -> None:
    """R-3.7: enums of one name with other values."""
    t = c.local.enum("state", {"A": 0})
    c.kernel.enum("state", {"A": 1})
    c.kernel.enum("state", {"A": 2})
    c.ask(t, "0", ENUMVAL_VALUE, "error")


@case
def candidates_are_narrowed(c: Case) -> None:
    """R-3.7: a record keeps the candidates that it matched, so that a later one is not ambiguous."""
    t = c.local.struct("t", [("a", u32(c.local)), ("b", u32(c.local))])
    c.kernel.struct("t", [("pad", u64(c.kernel)), ("b", u32(c.kernel))])
    c.kernel.struct("t", [("a", u32(c.kernel)), ("b", u32(c.kernel))])
    c.ask(t, "0:0", FIELD_BYTE_OFFSET, 0)
    c.ask(t, "0:1", FIELD_BYTE_OFFSET, 4)


@case
def candidates_are_narrowed_too_late(c: Case) -> None:
    """R-3.7: in the other order the first record is ambiguous."""
    t = c.local.struct("t", [("a", u32(c.local)), ("b", u32(c.local))])
    c.kernel.struct("t", [("pad", u64(c.kernel)), ("b", u32(c.kernel))])
    c.kernel.struct("t", [("a", u32(c.kernel)), ("b", u32(c.kernel))])
    c.ask(t, "0:1", FIELD_BYTE_OFFSET, "error")
    c.ask(t, "0:0", FIELD_BYTE_OFFSET, 0)


# -- malformed records (R-0.3)


def _malformed(name: str, root: str, access: str, kind: int) -> None:
    def make(c: Case) -> None:
        t = c.local.struct("t", [("x", u32(c.local)), ("a", c.local.array(u32(c.local), 4))])
        e = c.local.enum("e", {"A": 0})
        anonymous = c.local.struct("", [("x", u32(c.local))])
        c.kernel.struct("t", [("x", u32(c.kernel)), ("a", c.kernel.array(u32(c.kernel), 4))])
        c.kernel.enum("e", {"A": 0})
        c.ask({"t": t, "e": e, "anonymous": anonymous}[root], access, kind, "error")

    make.__name__ = f"malformed_{name}"
    make.__doc__ = "R-0.3, R-3.2: a record that libbpf refuses."
    case(make)


_malformed("member", "t", "0:9", FIELD_BYTE_OFFSET)
_malformed("into_an_int", "t", "0:0:0", FIELD_BYTE_OFFSET)
_malformed("local_index", "t", "0:1:4", FIELD_BYTE_OFFSET)
_malformed("enumerator", "e", "5", ENUMVAL_EXISTS)
_malformed("type_with_access", "t", "0:0", TYPE_EXISTS)
_malformed("anonymous_root", "anonymous", "0:0", FIELD_BYTE_OFFSET)
_malformed("kind", "t", "0:0", 13)
_malformed("too_long", "t", "0:" + ":".join(["0"] * 70), FIELD_BYTE_OFFSET)


# -- tests


@pytest.mark.parametrize("endian", ["<", ">"], ids=["little", "big"])
@pytest.mark.parametrize("name", CASES)
def test_records_become_what_the_rules_say(name: str, endian: str) -> None:
    """R-3.1..R-3.10 on both byte orders."""
    c = Case(endian)
    CASES[name](c)
    _, _, relocs = c.judge()
    assert [told(r) for r in relocs] == [r.expect for r in c.records]
    sizes = [r.size for r in relocs]
    assert sizes == [r.size for r in c.records]
    for reloc in relocs:
        assert (reloc.reason != "") == (reloc.outcome == "error" or reloc.rule == "R-3.8")


@pytest.fixture(scope="module")
def answers() -> dict[str, tuple[Case, libbpf.Answer]]:
    """libbpf's answers to all cases."""
    made = {}
    for name, make in CASES.items():
        if name not in OURS_ONLY:
            made[name] = Case()
            make(made[name])
    found = libbpf.ask([(c.kernels.build(), c.object_data()) for c in made.values()])
    return dict(zip(made, zip(made.values(), found, strict=True), strict=True))


@pytest.mark.parametrize("name", [n for n in CASES if n not in OURS_ONLY])
def test_libbpf_agrees(name: str, answers: dict[str, tuple[Case, libbpf.Answer]]) -> None:
    """The same instructions come out of libbpf, or it refuses the object where a hard error was expected."""
    asked, answer = answers[name]
    c = Case()
    CASES[name](c)
    obj, _, relocs = c.judge()
    if any(r.expect == "error" for r in asked.records):
        assert answer.code < 0, answer.log[-3:]
        return
    assert answer.code == 0, answer.log[-5:]
    function = obj.programs[0].function
    theirs = answer.programs["prog"]
    for index, reloc in zip(sorted(function.core), relocs, strict=True):
        following = function.insns[index + 1] if index + 1 < len(function.insns) else None
        want = patched(function.insns[index], following, reloc)
        got = theirs[index : index + len(want)]
        if want[0].op == 0x85:
            assert [(i.op, i.imm) for i in got] == [(i.op, i.imm) for i in want], f"record at {index}"
        else:
            assert got == want, f"record at {index}"


def test_modules_are_searched_only_where_vmlinux_has_no_candidate() -> None:
    """R-3.1."""
    c = Case()
    conn = c.local.struct("nf_conn", [("mark", u32(c.local))])
    task = c.local.struct("task", [("pid", u32(c.local))])
    c.kernel.struct("task", [("tgid", u32(c.kernel))])
    number = c.kernel.once("int_", "unsigned int", 4)
    c.kernels.build()
    module = BtfWriter(base=c.kernel)
    module.struct("nf_conn", [("pad", number), ("mark", number)])
    module.struct("task", [("pid", number)])
    c.modules["nf_conntrack"] = module
    c.ask(conn, "0:0", FIELD_BYTE_OFFSET, 4)
    c.ask(task, "0:0", FIELD_BYTE_OFFSET, "poisoned")
    _, _, relocs = c.judge()
    assert [told(r) for r in relocs] == [4, "poisoned"]


def test_specs_are_named_as_a_developer_would() -> None:
    """Evidence names the access on the kernel's types."""
    c = Case()
    inner = c.local.struct("", [("b", u32(c.local))])
    t = c.local.struct("box", [("els", c.local.array(c.local.struct("el", [("", inner)]), 4))])
    theirs = c.kernel.struct("", [("pad", u32(c.kernel)), ("b", u32(c.kernel))])
    c.kernel.struct("box", [("els", c.kernel.array(c.kernel.struct("el", [("", theirs)]), 4))])
    c.ask(t, "0:0:2:0:0", FIELD_BYTE_OFFSET, 20)
    _, _, relocs = c.judge()
    assert told(relocs[0]) == 20
    assert relocs[0].target is not None
    assert spec_text(relocs[0].target) == "struct box.els[2].b"


def test_cyclic_and_deep_types_answer_in_bounded_time() -> None:
    """R-11.17: types that contain themselves, and arrays of arrays of arrays."""
    c = Case()
    w = c.kernel
    number = u32(w)
    level = w.struct("", [("leaf", number)])
    for _ in range(200):
        level = w.struct("", [("", level), ("x", number)])
    w.struct("deep", [("", level)])
    t = c.local.struct("deep", [("wanted", u32(c.local))])
    c.ask(t, "0:0", FIELD_EXISTS, "error")
    mine, theirs = u32(c.local), u32(w)
    for _ in range(60):
        mine, theirs = c.local.array(mine, 1), w.array(theirs, 1)
    holder = c.local.struct("holder", [("a", mine)])
    w.struct("holder", [("a", theirs)])
    c.ask(holder, "0:0", FIELD_EXISTS, "absent")
    _, _, relocs = c.judge()
    assert told(relocs[0]) in ("error", "absent")
    assert told(relocs[1]) in (1, "absent")


@pytest.mark.parametrize(("levels", "found"), [(MAX_SPEC - 1, True), (MAX_SPEC, False)])
def test_r_3_2_members_of_anonymous_members_are_found_to_a_depth(levels: int, found: bool) -> None:
    """A member inside so many anonymous structs is found; in one more the search is refused."""
    local, target = BtfWriter(), BtfWriter()
    mine = local.struct("deep", [("x", local.int_("int", 4))])
    inner = target.struct("", [("x", target.int_("int", 4))])
    for _ in range(levels - 1):
        inner = target.struct("", [("", inner)])
    root = target.struct("deep", [("", inner)])
    step = Accessor(mine, 0, "x")
    if found:
        assert find_member(local.blob(), step, target.blob(), root) is not None
    else:
        with pytest.raises(SpecError, match="nested too deeply"):
            find_member(local.blob(), step, target.blob(), root)
