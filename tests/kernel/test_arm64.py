# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Program types of kfunc sets from arm64 code (R-4.1): instructions, and init functions in raw images."""

from __future__ import annotations

import random
import struct

import pytest

from kfuncscope.kernel.binary.addresses import RAW_BASES
from kfuncscope.kernel.binary.arm64 import NOTHING, Follower, branch, condition, ends, step
from kfuncscope.kernel.binary.btfids import KfuncSet
from kfuncscope.kernel.binary.registration import registered
from support.btfwriter import BtfWriter
from support.imagewriter import longs

PACIASP, RET, NOP, BRK, ZERO = 0xD503233F, 0xD65F03C0, 0xD503201F, 0xD4210000, 31
KSETS, REGISTER, OTHER = 0x8000, 0x4000, 0x5000
A, B = KSETS + 0x38, KSETS + 0x50
SCHED_CLS, XDP, TRACING = 3, 6, 26


def adrp(register: int, to: int, at: int) -> int:
    pages = (to >> 12) - (at >> 12) & 0x1FFFFF
    return 0x90000000 | (pages & 3) << 29 | pages >> 2 << 5 | register


def add(to: int, of: int, number: int) -> int:
    return 0x91000000 | number << 10 | of << 5 | to


def movz(register: int, number: int, *, wide: bool = False) -> int:
    return (0xD2800000 if wide else 0x52800000) | number << 5 | register


def mov(to: int, of: int, *, wide: bool = True) -> int:
    return (0xAA0003E0 if wide else 0x2A0003E0) | of << 16 | to


class Code:
    """A raw image with one init function at 0x1000; ``build`` gives its bytes."""

    def __init__(self, at: int = 0x1000) -> None:
        self.start, self.words = at, [PACIASP]

    @property
    def at(self) -> int:
        return self.start + 4 * len(self.words)

    def put(self, *words: int) -> Code:
        self.words += words
        return self

    def kset(self, register: int, to: int) -> Code:
        """adrp and add."""
        return self.put(adrp(register, to, self.at), add(register, register, to & 0xFFF))

    def call(self, to: int = REGISTER, *, last: bool = False) -> Code:
        return self.put((0x14000000 if last else 0x94000000) | (to - self.at) // 4 & 0x3FFFFFF)

    def jump(self, op: int, register: int, over: int) -> Code:
        """cbz (0x34), cbnz (0x35) over so many instructions."""
        return self.put(op << 24 | (over + 1) << 5 | register)

    def build(self, *more: Code) -> bytes:
        image = bytearray(0x9000)
        image[0x38:0x3C] = b"ARMd"
        for code in (self, *more):
            data = struct.pack(f"<{len(code.words)}I", *code.words)
            image[code.start : code.start + len(data)] = data
        return bytes(image)


def told(code: Code, *more: Code) -> dict[int, set[int]] | None:
    return Follower(code.build(*more), (A, B)).registrations(64)


def test_types_of_each_set() -> None:
    code = Code().kset(1, A).put(movz(0, XDP)).call().put(movz(0, SCHED_CLS)).kset(1, A).call()
    code.kset(1, B).put(movz(0, TRACING, wide=True)).call(last=True)
    assert told(code) == {A: {XDP, SCHED_CLS}, B: {TRACING}}


def test_a_set_next_to_another_is_reached_from_it() -> None:
    """Compilers keep the address of one variable and add to it (-fsection-anchors)."""
    code = Code().kset(19, A).put(mov(1, 19), movz(0, XDP)).call()
    code.put(add(1, 19, B - A), movz(0, TRACING)).call().put(RET)
    assert told(code) == {A: {XDP}, B: {TRACING}}


def test_a_function_without_any_address_of_its_own_set_is_found_by_the_call() -> None:
    """No pair of instructions there makes the address of a kset: it is added twice."""
    first = Code().kset(1, A).put(movz(0, XDP)).call().put(RET)
    other = Code(0x2000)
    other.put(adrp(19, KSETS, other.at), add(20, 19, 0x30), add(1, 20, B - KSETS - 0x30), movz(0, TRACING)).call()
    assert told(first, other.put(RET)) == {A: {XDP}, B: {TRACING}}


@pytest.mark.parametrize(("op", "known"), [(0x35, True), (0x34, False)])
def test_what_a_call_returned_is_zero_where_the_branch_says_so(op: int, known: bool) -> None:
    """``ret = ret ?: register(0, &set)`` passes the 0 of the call before, in a copy of it; cbnz leaves 0 behind it, cbz
    does not, and then nothing is known of any set."""
    code = Code().kset(1, B).put(movz(0, XDP)).call().put(mov(2, 0, wide=False)).jump(op, 2, 3).kset(1, A).call()
    assert told(code.put(RET)) == ({A: {0}, B: {XDP}} if known else None)


def test_sets_that_are_passed_elsewhere_are_for_no_program() -> None:
    """register_btf_fmodret_id_set(&kset)."""
    code = Code().kset(0, A).call(OTHER).kset(1, B).put(movz(0, XDP)).call().put(RET)
    assert told(code) == {A: set(), B: {XDP}}


def test_a_set_that_was_not_found_elsewhere_says_nothing_about_others() -> None:
    """The address that is passed is known, and of no kset that is asked about; one that is not known may be of any."""
    code = Code().kset(1, A).put(movz(0, XDP)).call().kset(1, B + 24).put(movz(0, TRACING)).call()
    assert told(code) == {A: {XDP}, B: set()}
    assert told(code.put(mov(1, 9), movz(0, TRACING)).call().put(RET)) is None


@pytest.mark.parametrize(
    "spoilt",
    [
        0xB94003E0,  # ldr w0, [sp]
        0xF84047E0,  # ldr x0, [sp], #4
        0xA94007E0,  # ldp x0, x1, [sp]
        0x1A9F17E0,  # cset w0, eq
        0x11000400,  # add w0, w0, #1
        0xD5384100,  # mrs x0, sp_el0
        0x910003E0,  # mov x0, sp
        0xF2A00020,  # movk x0, #1, lsl 16: a number that is no program type
        0x12800000,  # mov w0, #-1
        0xD63F0060,  # blr x3
        0xB8200040,  # ldadd w0, w0, [x2]
        0x08DFFC40,  # ldarb w0, [x2]
        0x58000040,  # ldr x0, a literal
    ],
)
def test_one_call_that_is_not_understood_leaves_all_sets_to_the_tables(spoilt: int) -> None:
    code = Code().kset(1, A).put(movz(0, XDP)).call().kset(1, B).put(movz(0, XDP), spoilt).call()
    assert told(code.put(RET)) is None


@pytest.mark.parametrize(
    "harmless",
    [
        0xB90003E0,  # str w0, [sp]
        0xA9BF07E0,  # stp x0, x1, [sp, #-16]!
        0xF94003E2,  # ldr x2, [sp]
        0xEB02001F,  # cmp x0, x2
        0xFD4003E0,  # ldr d0, [sp]
        0x12800002,  # mov w2, #-1
        0xD5033FBF,  # dmb
        NOP,
        PACIASP,
    ],
)
def test_what_writes_other_registers_changes_nothing(harmless: int) -> None:
    code = Code().kset(1, A).put(movz(0, XDP), harmless).call().put(RET)
    assert told(code) == {A: {XDP}, B: set()}


def test_a_call_elsewhere_forgets_what_it_may_write() -> None:
    kept = Code().kset(19, A).put(movz(20, XDP)).call(OTHER).put(mov(1, 19), mov(0, 20)).call().put(RET)
    assert told(kept) == {A: {XDP}, B: set()}
    lost = Code().kset(19, A).put(movz(9, XDP)).call(OTHER).put(mov(1, 19), mov(0, 9)).call().put(RET)
    assert told(lost) is None


STR, LDR = 0xF9000FE1, 0xF9400FE1  # x1 at [sp, #24]


@pytest.mark.parametrize(
    ("between", "known"),
    [
        (NOP, True),
        (0x910003FD, True),  # mov x29, sp
        (0xF9400FE2, True),  # ldr x2, [sp, #24]
        (0xF90013E2, True),  # str x2, [sp, #32]
        (0xA94107E2, True),  # ldp x2, x1, [sp, #16]
        (0xF9000FE2, False),  # str x2, [sp, #24]
        (0xB9001FE2, False),  # str w2, [sp, #28]
        (0xA9010BE2, False),  # stp x2, x2, [sp, #16]
        (0xF90013A2, False),  # str x2, [x29, #32]
        (0xF8410FE2, False),  # ldr x2, [sp, #16]!
        (0xA8C207E2, False),  # ldp x2, x1, [sp], #32
        (0xD10083FF, False),  # sub sp, sp, #32
        (0x910063E2, False),  # add x2, sp, #24
        (0x8B2263FF, False),  # add sp, sp, x2
        (0x910063A2, False),  # add x2, x29, #24
        (0xAA1D03E2, False),  # mov x2, x29
        (0xAA1303E2, True),  # mov x2, x19
    ],
)
def test_a_kset_kept_on_the_stack(between: int, known: bool) -> None:
    """Debian's 7.2.13 keeps one there over the first call. What may have written over it makes it unknown."""
    code = Code().kset(1, A).put(STR, movz(0, XDP)).call().put(between, LDR, movz(0, TRACING)).call().put(RET)
    assert told(code) == ({A: {XDP, TRACING}, B: set()} if known else None)


def test_a_kset_on_a_stack_that_others_can_write() -> None:
    """The address of the stack was handed on before: the call may write there."""
    code = Code().put(0x910003E2).kset(1, A).put(STR, movz(0, XDP)).call().put(LDR, movz(0, TRACING)).call()
    assert told(code.put(RET)) is None


def test_both_ways_of_a_branch_count() -> None:
    code = Code().kset(1, A).put(movz(0, XDP)).jump(0x35, 3, 1).put(movz(0, TRACING)).call().put(RET)
    assert told(code) == {A: {XDP, TRACING}, B: set()}


def test_code_behind_the_end_of_a_function_is_not_of_it() -> None:
    for last in (RET, BRK, 0xD61F0200, 0xD65F0BFF, 0):  # ret, brk, br x16, retaa, udf
        code = Code().kset(1, A).put(movz(0, XDP)).call().put(last).kset(1, B).put(movz(0, TRACING)).call(OTHER)
        assert told(code) == {A: {XDP}, B: set()}, hex(last)


@pytest.mark.parametrize(
    ("word", "at", "to"),
    [
        (0x94000001, 0x100, 0x104),
        (0x97FFFFFF, 0x100, 0xFC),
        (0x14000010, 0, 0x40),
        (0xB4000040, 0, None),
        (NOP, 0, None),
    ],
)
def test_where_branches_go(word: int, at: int, to: int | None) -> None:
    assert branch(word, at) == to


@pytest.mark.parametrize(
    ("word", "to"),
    [
        (0x54000040, 0x108),
        (0xB4FFFFE0, 0xFC),
        (0x35000041, 0x108),
        (0x37F80060, 0x10C),
        (0x3607FFE3, 0xFC),
        (RET, None),
    ],
)
def test_where_conditional_branches_go(word: int, to: int | None) -> None:
    assert condition(word, 0x100) == to


def test_constants() -> None:
    """Both sides of each: movz and movn, shifted or not, 32 and 64 bits; adr and adrp before and behind the place."""
    nothing = step(NOP, 0, NOTHING)
    for word, expected in (
        (0x528000C0, 6), (0x52A000C0, 6 << 16), (0x12800000, 0xFFFFFFFF), (0x92800000, (1 << 64) - 1),
        (0xD2C00020, 1 << 32), (0x10000040, 0x5008), (0x70FFFFE0, 0x4FFF), (0xF0000000, 0x8000), (0xF0FFFFE0, 0x4000),
    ):  # fmt: skip
        assert step(word, 0x5000, nothing)[0] == expected, hex(word)
    known = (0x10, *nothing[1:])
    assert step(0xD1004000, 0, known)[0] == 0 and step(0x91404000, 0, known)[0] == 0x10010
    assert step(0xF2A00020, 0, known)[0] == 0x10010 and step(0xF2A00020, 0, nothing)[0] is None
    assert step(0x2A1F03E0, 0, known)[0] == 0 and ends(RET) and not ends(0xD63F0000)


TYPES = {"BPF_PROG_TYPE_UNSPEC": 0, "BPF_PROG_TYPE_XDP": XDP, "BPF_PROG_TYPE_TRACING": TRACING}


@pytest.mark.parametrize("number", [XDP, 9])
@pytest.mark.parametrize("base", RAW_BASES)
@pytest.mark.parametrize("filled", [True, False])
def test_a_raw_image_tells_types_of_its_sets(base: int, number: int, filled: bool) -> None:
    """A number that the kernel's enum does not have is no program type: then nothing is known. Pointers are in place,
    or the image fills them in when it starts (Debian's 6.1)."""
    w = BtfWriter()
    long = w.int_("long", 8)
    w.struct("btf_kfunc_id_set", [("owner", long), ("set", long), ("filter", long)])
    w.enum("bpf_prog_type", TYPES)
    image = bytearray(Code().kset(1, A).put(movz(0, number)).call().kset(1, B).put(movz(0, TRACING)).call().build())
    sets = [KfuncSet(0x6000, 1, {1: 0}), KfuncSet(0x6100, 1, {2: 0}), KfuncSet(0x6200, 1, {3: 0})]
    address = base % (1 << 64)
    pointers = {A + 8: 0x6000, B + 8: 0x6100, B + 16: 0x1000}
    if filled:
        for at, to in pointers.items():
            image[at : at + 8] = longs(address + to)
    else:
        rows = [longs(address + at, 0x403, address + to) for at, to in pointers.items()]
        image[0x7000 : 0x7000 + 120] = b"".join([*rows, longs(address + 0x20000, 0x403, 1), longs(3, 0x403, 1)])
    found = registered(bytes(image), w.blob(), sets)
    if number == XDP:
        types = frozenset({"XDP"}), frozenset({"TRACING"}), frozenset()
        assert tuple(s.prog_types for s in found) == types and [s.filter for s in found] == [False, True, False]
    else:
        assert found == sets
    image[0x38] = 0
    assert registered(bytes(image), w.blob(), sets) == sets


def test_any_code_ends() -> None:
    """Random instructions around a reference: some answer, or none, and no error."""
    chance = random.Random(7)
    for _ in range(60):
        code = Code().kset(1, A).put(movz(0, XDP)).call()
        code.put(*(chance.getrandbits(32) for _ in range(40))).kset(1, B).call(last=True)
        code.words[chance.randrange(len(code.words))] ^= 1 << chance.randrange(32)
        found = told(code)
        assert found is None or found.keys() == {A, B}
