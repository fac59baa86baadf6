# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Which instructions can run (R-3.11, R-3.12b): guards of every form, values through memory and calls, bounds.

Each program calls helper 999, which no kernel has: whether that counts tells whether the call is reached.
"""

from __future__ import annotations

import random
import struct
import time
from collections.abc import Callable
from typing import Any

import pytest

from kfuncscope.kernel.kernel import Kernel
from kfuncscope.model.verdict import Confidence, Tri
from support.bpfwriter import (
    ENUMVAL_EXISTS,
    FIELD_EXISTS,
    TYPE_SIZE,
    Insn,
    ObjectBuilder,
    Reg,
    alu,
    alu32,
    atomic,
    call,
    call_rel,
    core,
    exit_,
    ja,
    jmp,
    jmp32,
    kfunc,
    ld_imm64,
    ld_sym,
    ldsx,
    ldx,
    line,
    mov,
    mov32,
    st,
    stx,
    subprog,
)  # fmt: skip
from support.btfwriter import STATIC
from support.elfwriter import ElfWriter
from support.kernels import CONFIG, KernelBuilder, classes, judged, only

BAD = call(999)
GOTOX = Insn(0x0D, 1)
END = [mov(0, 0), exit_()]


@pytest.fixture(scope="module")
def kernel() -> Kernel:
    """A kernel of 7.3 that holds struct here { int yes; } and kfuncs."""
    return make("7.3")


def make(release: str, config: dict[str, str] | None = None) -> Kernel:
    """A kernel with a struct, an enum and two kfuncs."""
    kb = KernelBuilder(release)
    kb.btf.struct("here", [("yes", kb.s32)])
    kb.btf.enum("modes", {"MODE_A": 5})
    kb.btf.kfunc("bpf_rcu_read_lock", 0)
    kb.btf.var("per_cpu_thing", kb.s32)
    return kb.kernel(config={**CONFIG, "HZ": "250", **(config or {})})


def reached(code: list[Any], kernel: Kernel, ob: ObjectBuilder | None = None, **subprograms: list[Any]) -> bool:
    """Whether ``BAD`` is reached in a socket filter with this code."""
    ob = ob or ObjectBuilder()
    for name, body in subprograms.items():
        ob.subprogram(name, body, linkage=STATIC)
    ob.program("socket", "prog", code)
    found = only(ob, kernel)
    assert classes(found) in ([], ["helper_not_available"])
    assert bool(found.problems) != bool(found.guarded)
    return bool(found.problems)


# -- constants and comparisons

M = (1 << 64) - 1
COMPARE = {
    "==": lambda a, b: a == b, "!=": lambda a, b: a != b, ">": lambda a, b: a > b, ">=": lambda a, b: a >= b,
    "<": lambda a, b: a < b, "<=": lambda a, b: a <= b, "&": lambda a, b: bool(a & b),
}  # fmt: skip
SIGNED = {
    "s>": lambda a, b: a > b, "s>=": lambda a, b: a >= b, "s<": lambda a, b: a < b, "s<=": lambda a, b: a <= b,
}  # fmt: skip
NUMBERS = (0, 1, 7, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0x100000000, 1 << 63, M)


def _signed(value: int, bits: int) -> int:
    value &= (1 << bits) - 1
    return value - (1 << bits) if value >> (bits - 1) else value


@pytest.mark.parametrize("bits", [64, 32])
@pytest.mark.parametrize("op", [*COMPARE, *SIGNED])
def test_compares_of_constants(op: str, bits: int, kernel: Kernel) -> None:
    """R-3.11: 64- and 32-bit compares, signed and unsigned, against registers; 32-bit ones see the low halves only."""
    jump = jmp if bits == 64 else jmp32
    rng = random.Random(f"{op}{bits}")
    pairs = [(a, b) for a in NUMBERS for b in NUMBERS]
    for a, b in rng.sample(pairs, 10):
        mask = (1 << bits) - 1
        if op in COMPARE:
            taken = COMPARE[op](a & mask, b & mask)
        else:
            taken = SIGNED[op](_signed(a, bits), _signed(b, bits))
        code = [ld_imm64(2, a), ld_imm64(3, b), jump(op, 2, Reg(3), "out"), BAD, "out:", *END]
        assert reached(code, kernel) == (not taken), (hex(a), hex(b))


def test_compare_with_a_negative_immediate(kernel: Kernel) -> None:
    """R-3.11: immediates are sign-extended to 64 bits; 32-bit compares do not care."""
    assert not reached([mov(2, -1), jmp("==", 2, -1, "out"), BAD, "out:", *END], kernel)
    assert reached([ld_imm64(2, 0xFFFFFFFF), jmp("==", 2, -1, "out"), BAD, "out:", *END], kernel)
    assert not reached([ld_imm64(2, 0xFFFFFFFF), jmp32("==", 2, -1, "out"), BAD, "out:", *END], kernel)


def _most(mask: int) -> int:
    """The largest shift."""
    return 63 if mask >> 32 else 31


ARITHMETIC: dict[str, Any] = {
    "+": lambda a, b, m: a + b, "-": lambda a, b, m: a - b, "*": lambda a, b, m: a * b, "|": lambda a, b, m: a | b,
    "&": lambda a, b, m: a & b, "^": lambda a, b, m: a ^ b, "/": lambda a, b, m: a // b if b else 0,
    "%": lambda a, b, m: a % b if b else a,
    "<<": lambda a, b, m: a << (b & _most(m)), ">>": lambda a, b, m: a >> (b & _most(m)),
    "s>>": lambda a, b, m: _signed(a, _most(m) + 1) >> (b & _most(m)),
}  # fmt: skip


@pytest.mark.parametrize("wide", [True, False])
@pytest.mark.parametrize("op", ARITHMETIC)
def test_arithmetic_of_constants(op: str, wide: bool, kernel: Kernel) -> None:
    """R-3.11: 64- and 32-bit arithmetic; division by zero gives 0, modulo zero the dividend."""
    mask = M if wide else 0xFFFFFFFF
    rng = random.Random(f"{op}{wide}")
    for a, b in [(7, 0), *rng.sample([(a, b) for a in NUMBERS for b in NUMBERS], 8)]:
        want = ARITHMETIC[op](a & mask, b & mask, mask) & mask
        make = alu if wide else alu32
        code = [
            ld_imm64(2, a), ld_imm64(3, b), make(op, 2, Reg(3)), ld_imm64(4, want), jmp("==", 2, Reg(4), "out"), BAD,
            "out:", *END,
        ]  # fmt: skip
        assert not reached(code, kernel), (op, hex(a), hex(b))


def test_other_arithmetic(kernel: Kernel) -> None:
    """R-3.11: negation, sign-extending moves, signed division, byte swaps; xor with itself is 0."""

    def gives(code: list[Any], value: int) -> bool:
        return not reached([*code, ld_imm64(4, value), jmp("==", 2, Reg(4), "out"), BAD, "out:", *END], kernel)

    assert gives([mov(2, 5), alu("neg", 2)], M - 4)
    assert gives([mov(2, 5), alu32("neg", 2)], 0xFFFFFFFB)
    assert gives([ld_imm64(3, 0x180), alu("=", 2, Reg(3), off=8)], M - 0x7F)
    assert gives([ld_imm64(3, 0x180), alu32("=", 2, Reg(3), off=8)], 0xFFFFFF80)
    assert gives([mov(2, -7), alu("/", 2, 2, off=1)], M - 2)
    assert gives([mov(2, -7), alu("%", 2, 2, off=1)], M)
    assert gives([ld_imm64(2, 0x0102), alu("end", 2, 16)], 0x0201)
    assert gives([alu("^", 2, Reg(2))], 0)
    assert gives([mov(2, -1), mov32(2, -1)], 0xFFFFFFFF)


def test_unknown_values_keep_both_sides(kernel: Kernel) -> None:
    """R-3.11: what a helper returns or the context holds is not known."""
    assert reached([call(7), jmp("==", 0, 0, "out"), BAD, "out:", *END], kernel)
    assert reached([ldx(4, 2, 1, 0), jmp("!=", 2, 0, "out"), BAD, "out:", *END], kernel)
    join = [ldx(4, 2, 1, 0), mov(3, 0), jmp("!=", 2, 0, "set"), mov(3, 1), "set:", jmp("==", 3, 0, "out"), BAD, "out:"]
    assert reached([*join, *END], kernel)


def test_a_value_that_both_paths_agree_on_survives_the_join(kernel: Kernel) -> None:
    """R-3.11: joined paths keep what they have in common."""
    code = [
        mov(3, 0),
        ldx(4, 2, 1, 0),
        jmp("!=", 2, 0, "other"),
        mov(4, 1),
        "other:",
        jmp("==", 3, 0, "out"),
        BAD,
        "out:",
    ]
    assert not reached([*code, *END], kernel)


def test_an_equality_tells_the_value(kernel: Kernel) -> None:
    """R-3.11: behind ``== 5`` the register is 5."""
    code = [call(7), jmp("!=", 0, 5, "out"), jmp("==", 0, 5, "out"), BAD, "out:", *END]
    assert not reached(code, kernel)


# -- guards


def test_core_guards_fold(kernel: Kernel) -> None:
    """R-3.11: FIELD_EXISTS as ``if w1 == 0``, ENUMVAL_EXISTS in an ld_imm64, TYPE_SIZE as a number."""
    ob = ObjectBuilder()
    here = ob.btf.struct("here", [("yes", ob.s32), ("no", ob.s32)])
    enum = ob.btf.enum("modes", {"MODE_A": 5, "MODE_B": 6})
    cases = [
        ([core(mov(2, 1), here, "0:1", FIELD_EXISTS), jmp32("==", 2, 0, "out")], False),
        ([core(mov(2, 1), here, "0:0", FIELD_EXISTS), jmp32("==", 2, 0, "out")], True),
        ([core(ld_imm64(2, 1), enum, "1", ENUMVAL_EXISTS), jmp("==", 2, 0, "out")], False),
        ([core(mov(2, 8), here, "0", TYPE_SIZE), jmp("!=", 2, 8, "out")], False),
    ]
    for code, expected in cases:
        fresh = ObjectBuilder()
        fresh.btf = ob.btf
        assert reached([*code, BAD, "out:", *END], kernel, fresh) == expected


@pytest.mark.parametrize("release", ["6.1", "6.12", "7.3"])
def test_weak_kfunc_that_is_absent_is_zero(release: str) -> None:
    """R-2.11, R-3.11: the address of an absent weak kfunc is 0, in every form of the test."""
    for jump in (jmp("==", 2, 0, "out"), jmp32("==", 2, 0, "out")):
        ob = ObjectBuilder().extern_func("bpf_absent", weak=True)
        assert not reached([ld_sym(2, "bpf_absent"), jump, BAD, "out:", *END], make(release), ob)
    ob = ObjectBuilder().extern_func("bpf_absent", weak=True)
    code = [ld_sym(2, "bpf_absent"), mov(3, 0), jmp("!=", 2, Reg(3), "call"), ja("out"), "call:", BAD, "out:", *END]
    assert not reached(code, make(release), ob)


def test_weak_kfunc_that_exists_is_not_zero(kernel: Kernel) -> None:
    """R-11.12: from 6.12 on the address of a kfunc is known not to be 0 (6.1: R-11.11)."""
    ob = ObjectBuilder()
    ob.extern_func("bpf_rcu_read_lock", ob.btf.proto(0), weak=True)
    code = [ld_sym(2, "bpf_rcu_read_lock"), jmp("!=", 2, 0, "out"), BAD, "out:", *END]
    assert not reached(code, kernel, ob)


def test_typed_variables_are_not_folded(kernel: Kernel) -> None:
    """R-11.12: a struct-typed variable that exists is not trusted: both branches live; an absent one is 0."""
    ob = ObjectBuilder()
    ob.extern_var("per_cpu_thing", ob.s32, weak=True)
    assert reached([ld_sym(2, "per_cpu_thing"), jmp("!=", 2, 0, "out"), BAD, "out:", *END], kernel, ob)
    ob = ObjectBuilder()
    ob.extern_var("no_such_thing", ob.s32, weak=True)
    assert not reached([ld_sym(2, "no_such_thing"), jmp("==", 2, 0, "out"), BAD, "out:", *END], kernel, ob)


def test_rodata_decides_with_medium_confidence(kernel: Kernel) -> None:
    """R-3.11: the loader may set a ``const volatile``; .data and .bss are no constants."""
    for size, value in ((1, b"\0"), (4, bytes(4)), (8, bytes(8))):
        ob = ObjectBuilder().variable(".rodata", "enabled", value)
        ob.program("socket", "prog", [ld_sym(1, "enabled"), line(ldx(size, 2, 1, 0), 4, "if (enabled)"),
                                      jmp("==", 2, 0, "out"), BAD, "out:", *END])  # fmt: skip
        found = only(ob, kernel)
        assert found.loads == Tri.YES
        assert [p.confidence for p in found.guarded] == [Confidence.MEDIUM]
        assert "const volatile" in found.guarded[0].guard
        assert "test.bpf.c:4 if (enabled)" in found.guarded[0].guard
    for section in (".data", ".bss"):
        ob = ObjectBuilder().variable(section, "enabled", bytes(4))
        assert reached([ld_sym(1, "enabled"), ldx(4, 2, 1, 0), jmp("==", 2, 0, "out"), BAD, "out:", *END], kernel, ob)


def test_rodata_with_offsets_and_byte_order() -> None:
    """R-3.11: members of a constant struct, in the object's byte order."""
    for arch, endian in (("x86_64", "<"), ("s390x", ">")):
        kernel = KernelBuilder("7.3", arch).kernel()
        ob = ObjectBuilder(endian)
        ob.variable(".rodata", "cfg", (5).to_bytes(4, "little" if endian == "<" else "big") + bytes(4))
        code = [ld_sym(1, "cfg"), ldx(4, 2, 1, 0), jmp("==", 2, 5, "next"), BAD, "next:", alu("+", 1, 4),
                ldx(4, 3, 1, 0), jmp("==", 3, 0, "out"), BAD, "out:", *END]  # fmt: skip
        assert not reached(code, kernel, ob)


@pytest.mark.parametrize(
    ("name", "value", "held"),
    [("CONFIG_HZ", 250, True), ("CONFIG_HZ", 1000, False), ("CONFIG_BPF_JIT", 1, True), ("CONFIG_NOT_THERE", 0, True),
     ("LINUX_HAS_BPF_COOKIE", 1, True)],
)  # fmt: skip
def test_kconfig_values_fold(name: str, value: int, held: bool, kernel: Kernel) -> None:
    """R-2.13: .kconfig values are constants of the kernel at hand."""
    ob = ObjectBuilder()
    of = ob.btf.enum("libbpf_tristate", {"TRI_NO": 0, "TRI_YES": 1, "TRI_MODULE": 2}) if value == 1 else ob.s32
    ob.extern_kconfig(name, of, weak=True)
    size = 4
    code = [ld_sym(1, name), ldx(size, 2, 1, 0), jmp("==", 2, value, "out"), BAD, "out:", *END]
    assert reached(code, kernel, ob) == (not held)


@pytest.mark.parametrize(
    ("release", "value", "held"),
    [("7.3.4", 7 << 16 | 3 << 8 | 4, True), ("7.3.4", 7 << 16 | 3 << 8, False), ("7.3", 7 << 16 | 3 << 8, False),
     ("5.10.0-32-amd64", 5 << 16 | 10 << 8, False), ("6.1.300", 6 << 16 | 1 << 8 | 255, True)],
)  # fmt: skip
def test_the_version_of_a_kernel_is_no_abi_name_r_12_21(release: str, value: int, held: bool) -> None:
    """Its x.y.z is a constant where that is known, and nothing folds where only the series is."""
    builder = KernelBuilder("7.3")
    builder.release = release
    ob = ObjectBuilder()
    ob.extern_kconfig("LINUX_KERNEL_VERSION", weak=True)
    code = [ld_sym(1, "LINUX_KERNEL_VERSION"), ldx(4, 2, 1, 0), jmp("==", 2, value, "out"), BAD, "out:", *END]
    assert reached(code, builder.kernel(), ob) == (not held)


def test_kconfig_without_a_config_is_not_known() -> None:
    """R-2.13: nothing folds where no config was given."""
    kernel = KernelBuilder("7.3").kernel(config=None)
    ob = ObjectBuilder()
    ob.extern_kconfig("CONFIG_HZ", weak=True)
    ob.program("socket", "prog", [ld_sym(1, "CONFIG_HZ"), ldx(4, 2, 1, 0), jmp("==", 2, 250, "out"), BAD, "out:", *END])
    assert only(ob, kernel).loads == Tri.NO


# -- memory


def test_stack_slots_keep_values(kernel: Kernel) -> None:
    """R-3.11: spilled and filled, by register and by immediate; overlapping writes forget."""
    fill = [ldx(8, 2, 10, -8), jmp("==", 2, 7, "out"), BAD, "out:", *END]
    assert not reached([mov(3, 7), stx(8, 10, -8, 3), *fill], kernel)
    assert not reached([st(8, 10, -8, 7), *fill], kernel)
    assert reached([st(8, 10, -8, 7), st(1, 10, -4, 1), *fill], kernel)
    assert reached([st(8, 10, -8, 7), st(4, 10, -12, 1), st(8, 10, -12, 1), *fill], kernel)
    assert not reached([st(8, 10, -8, 7), st(8, 10, -16, 1), *fill], kernel)
    through = [mov(4, 0), alu("=", 4, Reg(10)), alu("+", 4, -8), st(8, 4, 0, 7), *fill]
    assert not reached(through, kernel)


def test_stack_that_a_helper_may_write_is_forgotten(kernel: Kernel) -> None:
    """R-3.11: a call that gets a pointer to the stack may change what lies there."""
    fill = [ldx(8, 2, 10, -8), jmp("==", 2, 7, "out"), BAD, "out:", *END]
    given = [st(8, 10, -8, 7), alu("=", 1, Reg(10)), alu("+", 1, -8), mov(2, 8), call(16)]
    assert reached([*given, *fill], kernel)
    assert not reached([st(8, 10, -8, 7), mov(1, 0), call(7), *fill], kernel)


def test_unknown_stack_address_forgets_everything(kernel: Kernel) -> None:
    """R-3.11: a write at an unknown place of the stack."""
    code = [st(8, 10, -8, 7), call(7), alu("=", 3, Reg(10)), alu("+", 3, Reg(0)), st(8, 3, -16, 1),
            ldx(8, 2, 10, -8), jmp("==", 2, 7, "out"), BAD, "out:", *END]  # fmt: skip
    assert reached(code, kernel)


@pytest.mark.parametrize(
    ("imm", "known"),
    [(0x00, True), (0x01, False), (0xE1, False), (0xF1, False)],
    ids=["add", "fetch_add", "xchg", "cmpxchg"],
)  # fmt: skip
def test_atomics_change_what_they_change(imm: int, known: bool, kernel: Kernel) -> None:
    """R-3.11: fetching forms load their source register, cmpxchg loads r0; the memory is not known afterwards."""
    setup = [st(8, 10, -8, 7), mov(3, 1), mov(0, 1), atomic(8, 10, -8, 3, imm)]
    register = 0 if imm == 0xF1 else 3
    assert reached([*setup, jmp("==", register, 1, "out"), BAD, "out:", *END], kernel) == (not known)
    assert reached([*setup, ldx(8, 2, 10, -8), jmp("==", 2, 7, "out"), BAD, "out:", *END], kernel)


# -- subprograms


def test_constants_reach_static_subprograms(kernel: Kernel) -> None:
    """R-3.11: arguments of static subprograms; several calls are joined."""
    body = [jmp("==", 1, 0, "out"), BAD, "out:", *END]
    assert not reached([mov(1, 0), subprog("sub", static=True), *END], kernel, sub=body)
    assert reached([mov(1, 1), subprog("sub", static=True), *END], kernel, sub=body)
    twice = [mov(1, 0), subprog("sub", static=True), mov(1, 1), subprog("sub", static=True), *END]
    assert reached(twice, kernel, sub=body)


def test_stack_pointers_do_not_pass_into_a_callee(kernel: Kernel) -> None:
    """R-3.11: the callee has a stack of its own."""
    body = [ldx(8, 2, 10, -8), jmp("==", 2, 7, "out"), BAD, "out:", *END]
    assert reached([st(8, 10, -8, 7), alu("=", 1, Reg(10)), subprog("sub", static=True), *END], kernel, sub=body)


def test_global_subprograms_get_no_constants(kernel: Kernel) -> None:
    """R-3.12b: a global subprogram is verified on its own."""
    ob = ObjectBuilder().subprogram("sub", [jmp("==", 1, 0, "out"), BAD, "out:", *END])
    assert reached([mov(1, 0), subprog("sub"), *END], kernel, ob)


@pytest.mark.parametrize(("release", "counts"), [("6.1", True), ("6.12", False), ("7.3", False)])
def test_uncalled_global_subprograms(release: str, counts: bool) -> None:
    """R-3.12b: 6.1 verifies every global subprogram, later kernels only those that are called."""
    ob = ObjectBuilder().subprogram("sub", [BAD, *END])
    code = [mov(2, 1), jmp("!=", 2, 0, "out"), subprog("sub"), "out:", *END]
    assert reached(code, make(release), ob) == counts


def test_calls_within_a_section(kernel: Kernel) -> None:
    """R-2.16: a call by distance, without a relocation."""
    ob = ObjectBuilder()
    ob.program("socket", "prog", [mov(1, 0), call_rel(2), *END])
    ob.program("socket", "second", [jmp("==", 1, 0, "out"), BAD, "out:", *END], linkage=STATIC)
    from kfuncscope.bpf.object import read_object
    from kfuncscope.rules.context import Context
    from kfuncscope.rules.flow.shared import reachability

    obj = read_object(ob.build(), "t")
    first = next(p for p in obj.programs if p.name == "prog")
    assert [f.name for f in first.functions] == ["prog", "second"]
    flow = reachability(Context(obj, kernel), first)
    assert flow.is_reached(first.functions[1], 0)
    assert not flow.is_reached(first.functions[1], 1)


def test_callbacks_run_with_unknown_arguments(kernel: Kernel) -> None:
    """R-3.11: a function whose address is handed to a helper runs."""
    ob = ObjectBuilder().subprogram("cb", [jmp("==", 1, 0, "out"), BAD, "out:", *END], linkage=STATIC)
    code = [mov(1, 4), ld_sym(2, "cb", static=True), mov(3, 0), mov(4, 0), call(181), *END]
    assert reached(code, kernel, ob)
    ob = ObjectBuilder().subprogram("cb", [BAD, *END], linkage=STATIC)
    assert not reached([mov(5, 0), jmp("==", 5, 0, "out"), ld_sym(2, "cb", static=True), "out:", *END], kernel, ob)


def test_the_guard_is_told_across_a_call(kernel: Kernel) -> None:
    """R-3.11: a function that is kept away names the test before its call."""
    ob = ObjectBuilder().subprogram("sub", [BAD, *END], linkage=STATIC)
    ob.program("socket", "prog", [mov(2, 0), line(jmp("==", 2, 0, "out"), 31, "if (feature)"),
                                  subprog("sub", static=True), "out:", *END])  # fmt: skip
    found = only(ob, kernel)
    assert [p.guard for p in found.guarded] == ["test.bpf.c:31 if (feature)"]


def test_recursion_ends(kernel: Kernel) -> None:
    """R-11.17: functions that call themselves or each other."""
    a = [subprog("b", static=True), *END]
    b = [subprog("a", static=True), BAD, *END]
    assert reached([subprog("a", static=True), *END], kernel, a=a, b=b)


# -- bounds


def test_loops_end(kernel: Kernel) -> None:
    """R-3.11: jump cycles, nested, with counters: unknown after the join, both sides live."""
    loop = [mov(2, 0), "again:", alu("+", 2, 1), jmp("<", 2, 100, "again"), jmp("==", 2, 100, "out"), BAD, "out:", *END]
    assert reached(loop, kernel)
    top = [mov(6, 0), "top:", jmp("==", 6, 0, "skip"), BAD, "skip:", call(7), jmp("!=", 0, 0, "top"), *END]
    assert not reached(top, kernel)
    assert reached(["top:", BAD, ja("top")], kernel)


def test_a_million_instructions_finish(kernel: Kernel) -> None:
    """R-3.11: 150,000 instructions with branches everywhere stay within a bounded number of steps."""
    rng = random.Random(1)
    count = 150_000
    code: list[Any] = [mov(6, 0)]
    for i in range(count // 3):
        code += [call(7), jmp("==", 0, i % 100, 1 + rng.randrange(20)), mov(6 + i % 3, i % 5)]
    code += [mov(0, 0)] * 30 + [BAD, *END]
    ob = ObjectBuilder()
    ob.program("socket", "prog", code)
    started = time.process_time()
    found = only(ob, kernel)
    assert found.loads == Tri.NO
    assert time.process_time() - started < 20


def test_many_guarded_places_finish(kernel: Kernel) -> None:
    """R-11.17: thousands of guarded problems in one long function do not each walk the whole function."""
    body = [mov(2, 0), jmp("==", 2, 0, "out"), *[BAD] * 4000, *[mov(3, 1)] * 20000, "out:", *END]
    ob = ObjectBuilder()
    ob.program("socket", "prog", body)
    started = time.process_time()
    found = only(ob, kernel)
    assert found.loads == Tri.YES
    assert time.process_time() - started < 5


@pytest.mark.parametrize("off", [-3, -30000, 30000])
def test_jumps_out_of_the_function_are_no_crash(off: int, kernel: Kernel) -> None:
    """A damaged program: jumps that leave it."""
    ob = ObjectBuilder()
    ob.program("socket", "prog", [mov(2, 0), call(7), jmp("==", 0, 0, off), ja(off), *END])
    assert only(ob, kernel).loads in (Tri.YES, Tri.NO)


def test_registers_that_do_not_exist_are_no_crash(kernel: Kernel) -> None:
    """A damaged program: registers 11 to 15."""
    for number in (11, 15):
        ob = ObjectBuilder()
        ob.program("socket", "prog", [mov(number, 0), alu("+", 1, Reg(number)), ldx(8, number, number), *END])
        assert only(ob, kernel).loads in (Tri.YES, Tri.NO)


def test_a_wide_load_cut_off_at_the_end_is_no_crash(kernel: Kernel) -> None:
    """A damaged program: the second half of an ld_imm64 is missing."""
    ob = ObjectBuilder()
    ob.program("socket", "prog", [mov(0, 0), ld_imm64(1, 5)[0]])
    assert only(ob, kernel).loads in (Tri.YES, Tri.NO)


def test_unresolved_call_of_a_weak_kfunc_counts_only_where_reached(kernel: Kernel) -> None:
    """R-2.11: one guard covers other calls as well."""
    ob = ObjectBuilder().extern_func("bpf_absent", weak=True).extern_func("bpf_absent_put", weak=True)
    code = [ld_sym(2, "bpf_absent"), line(jmp("==", 2, 0, "out"), 9, "if (bpf_ksym_exists(bpf_absent))"),
            kfunc("bpf_absent"), kfunc("bpf_absent_put"), "out:", *END]  # fmt: skip
    ob.program("socket", "prog", code)
    found = only(ob, kernel)
    assert found.loads == Tri.YES
    assert {p.name for p in found.guarded} == {"bpf_absent", "bpf_absent_put"}
    assert {p.guard for p in found.guarded} == {"test.bpf.c:9 if (bpf_ksym_exists(bpf_absent))"}


# -- pointers that two paths leave different


@pytest.mark.parametrize("other", [[alu("+", 2, -16)], [mov(2, 0)]], ids=["another_slot", "null"])
def test_a_store_through_either_of_two_pointers(other: list[Any], kernel: Kernel) -> None:
    """``int a = 0, *p = x ? &a : &b; *p = 1; if (a) BAD``: what p points to is not known, so neither is a."""
    choose = [mov(2, Reg(10)), jmp("==", 1, 7, "second"), alu("+", 2, -8), ja("store"), "second:", *other]
    store = ["store:", jmp("==", 2, 0, "out"), st(8, 2, 0, 1), ldx(8, 3, 10, -8), jmp("==", 3, 0, "out"), BAD]
    assert reached([st(8, 10, -8, 0), *choose, *store, "out:", *END], kernel)


def test_a_call_with_either_of_two_pointers(kernel: Kernel) -> None:
    """The same, and a helper (probe_read_kernel) writes."""
    choose = [mov(1, Reg(10)), jmp("==", 6, 7, "second"), alu("+", 1, -8), ja("go"), "second:", alu("+", 1, -16)]
    code = ["go:", mov(2, 8), mov(3, 0), call(113), ldx(8, 3, 10, -8), jmp("==", 3, 0, "out"), BAD, "out:", *END]
    ob = ObjectBuilder().program("kprobe/f", "prog", [mov(6, Reg(1)), st(8, 10, -8, 0), *choose, *code])
    assert classes(only(ob, kernel)) == ["helper_not_available", "attach_failed"]


def test_a_sign_extending_load_of_the_stack(kernel: Kernel) -> None:
    """``s32 a = -1; if ((s64)a == -1) BAD``"""
    code = [st(4, 10, -4, -1), ldsx(4, 1, 10, -4), jmp("!=", 1, -1, "out"), BAD, "out:", *END]
    assert reached(code, kernel)


# -- jump tables


def tables(*places: int) -> Callable[[ElfWriter], None]:
    """Adds a jump table that leads to these instructions of their section."""

    def add(elf: ElfWriter) -> None:
        elf.section(".jumptables", struct.pack(f"<{len(places)}Q", *(8 * p for p in places)))

    return add


def switch(*, table: bool = True, guard: bool = False) -> ObjectBuilder:
    """Two cases behind a jump through a table, both ending in a jump of their own; the second calls ``BAD``."""
    second = [mov(2, 0), jmp("==", 2, 0, "out"), BAD] if guard else [BAD]
    code = [ld_imm64(1, 0), GOTOX, "a:", mov(0, 1), ja("out"), "b:", *second, "out:", *END]
    ob = ObjectBuilder()
    ob.program("socket", "pad", END).program("socket", "prog", code)
    if table:
        ob.elf_hook = tables(2 + 3, 2 + 5)
    return ob


@pytest.mark.parametrize("table", [True, False])
def test_r_2_15_cases_of_a_jump_table_are_reached(table: bool, kernel: Kernel) -> None:
    """The table tells where a ``gotox`` leads; without one it may lead anywhere."""
    found = judged(switch(table=table), kernel).programs[1]
    assert classes(found) == ["helper_not_available"]


def test_r_2_15_tests_behind_a_jump_table_fold(kernel: Kernel) -> None:
    """A case is followed like any other code, and what a test keeps away in it is told."""
    found = judged(switch(guard=True), kernel).programs[1]
    assert found.loads == Tri.YES
    assert [p.guard for p in found.guarded] == ["the test at instruction 6 of prog"]


@pytest.mark.parametrize(("release", "arch", "loads"), [("6.12", "x86_64", Tri.NO), ("7.3", "x86_64", Tri.YES),
                                                        ("7.3", "riscv64", Tri.NO)])  # fmt: skip
def test_r_11_14_jumps_through_tables_by_release_and_jit(release: str, arch: str, loads: Tri) -> None:
    """``gotox`` came with 6.19, to the JITs of x86_64, arm64 and ppc64."""
    ob = ObjectBuilder().program("socket", "prog", [ld_imm64(1, 0), GOTOX, *END])
    ob.elf_hook = tables(3)
    assert only(ob, KernelBuilder(release, arch).kernel()).loads == loads


def test_guards_behind_further_branches(kernel: Kernel) -> None:
    """Code behind both sides of a test that itself never runs is kept away by the same guard."""
    for dead in (
        [jmp("==", 7, 0, "other"), BAD, "other:", mov(0, 0)],
        [jmp("==", 7, 0, "other"), ja("out"), "other:", BAD],
        [jmp32("==", 7, 0, "other"), ja("out"), "other:", BAD],
    ):
        code = [mov(2, 0), line(jmp("==", 2, 0, "out"), 31, "if (feature)"), *dead, "out:", *END]
        found = only(ObjectBuilder().program("socket", "prog", [call(7), mov(7, Reg(0)), *code]), kernel)
        assert [p.guard for p in found.guarded] == ["test.bpf.c:31 if (feature)"]


@pytest.mark.parametrize(("size", "known"), [(8, True), (4, False)])
def test_addresses_on_the_stack(size: int, known: bool, kernel: Kernel) -> None:
    """An address that is not NULL stays so in a slot of eight bytes; four bytes of it may be zero."""
    ob = ObjectBuilder()
    ob.extern_func("bpf_rcu_read_lock", ob.btf.proto(0, []), weak=True)
    code = [ld_sym(2, "bpf_rcu_read_lock"), stx(size, 10, -8, 2), ldx(size, 3, 10, -8), jmp("!=", 3, 0, "out")]
    assert reached([*code, BAD, "out:", *END], kernel, ob) != known


@pytest.mark.parametrize(("off", "known"), [(0, True), (32, False)])
def test_moves_of_addresses(off: int, known: bool, kernel: Kernel) -> None:
    """A plain move keeps an address that is not NULL; one that extends its low half may make 0 of it."""
    ob = ObjectBuilder()
    ob.extern_func("bpf_rcu_read_lock", ob.btf.proto(0, []), weak=True)
    code = [ld_sym(2, "bpf_rcu_read_lock"), alu("=", 3, Reg(2), off=off), jmp("!=", 3, 0, "out")]
    assert reached([*code, BAD, "out:", *END], kernel, ob) != known
