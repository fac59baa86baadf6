# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Capabilities of the JIT that program types and kfuncs ask for (R-12.3, R-5.1)."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from msgspec.structs import fields

from kfuncscope import rules
from kfuncscope.bpf.object import read_object
from kfuncscope.kernel.kernel import Kernel
from kfuncscope.knowledge.facts import ArchCaps
from kfuncscope.model.failure import Failure
from kfuncscope.model.verdict import Tri
from kfuncscope.rules.judge import ProgramJudgement, judge
from support.bpfwriter import ObjectBuilder, Reg, alu, atomic, exit_, ja, jmp, kfunc, ldsx, mov, st, stx, subprog
from support.kernels import CONFIG, KernelBuilder, only

END = [mov(0, 0), exit_()]
BUILT = {**CONFIG, "UNWINDER_ORC": "y"}


def kernel(arch: str, release: str, config: dict[str, str] = BUILT) -> Kernel:
    kb = KernelBuilder(release, arch)
    kb.hook("f")
    kb.btf.kfunc("bpf_throw", 0, [("cookie", kb.u64)])
    return kb.kernel(config=config, symbols=["f", "bpf_throw"])


def lacking(found: ProgramJudgement) -> set[str]:
    """The capabilities that the program lacks."""
    return {p.name for p in found.problems if p.failure is Failure.JIT_CAPABILITY}


@pytest.mark.parametrize(
    ("arch", "config", "lacks"),
    [
        ("x86_64", BUILT, False),
        ("s390x", BUILT, False),
        ("arm", BUILT, True),
        ("x86_64", {k: v for k, v in BUILT.items() if k != "BPF_JIT"}, True),
    ],
)
def test_r_12_3_sessions(arch: str, config: dict[str, str], lacks: bool) -> None:
    """fsession programs need a JIT that knows them; fexit ones do not ask."""
    made = kernel(arch, "7.3", config)
    for section, expected in (("fsession/f", lacks), ("fexit/f", False)):
        ob = ObjectBuilder(made.endian).program(section, "prog", END)
        assert ("fsession" in lacking(only(ob, made))) == expected


@pytest.mark.parametrize(
    ("arch", "release", "config", "lacks"),
    [
        ("x86_64", "6.12", BUILT, False), ("x86_64", "6.12", CONFIG, True), ("arm64", "6.12", CONFIG, False),
        ("riscv64", "7.3", BUILT, True), ("ppc64le", "6.12", BUILT, True), ("ppc64le", "7.2", BUILT, False),
    ],
)  # fmt: skip
def test_r_12_3_exceptions(arch: str, release: str, config: dict[str, str], lacks: bool) -> None:
    """bpf_throw() counts where it is reached; x86_64 unwinds only with ORC."""
    made = kernel(arch, release, config)
    for guarded in (False, True):
        ob = ObjectBuilder()
        ob.extern_func("bpf_throw", ob.btf.proto(0, [("cookie", ob.u64)]))
        away = [mov(3, 0), jmp("==", 3, 0, "out")] if guarded else []
        found = only(ob.program("tc", "prog", [*away, kfunc("bpf_throw"), "out:", *END]), made)
        assert ("exceptions" in lacking(found)) == (lacks and not guarded)
        if lacks and not guarded:
            assert found.loads == Tri.NO


# -- instructions that a JIT leaves to the interpreter

ALWAYS_ON = {**CONFIG, "BPF_JIT_ALWAYS_ON": "y"}
LATER = {
    "sign-extending load": [ldsx(4, 0, 10, -8)],
    "gotol": [ja(0)._replace(code=0x06)],
    "64-bit atomic": [atomic(8, 10, -8, 1, 0)],
    "fetching atomic": [atomic(4, 10, -8, 1, 0x01)],
}


@pytest.mark.parametrize("name", LATER)
@pytest.mark.parametrize(
    ("arch", "release", "config", "lacks"),
    [
        ("x86_64", "6.12", ALWAYS_ON, ""), ("mips64", "6.12", ALWAYS_ON, "cpuv4"),
        ("arm", "6.12", ALWAYS_ON, "atomics"),
        ("mips64", "6.12", CONFIG, ""), ("arm", "6.12", CONFIG, ""), ("x86_64", "5.10", ALWAYS_ON, ""),
    ],
)  # fmt: skip
def test_r_12_3_no_interpreter(name: str, arch: str, release: str, config: dict[str, str], lacks: str) -> None:
    """What the JIT lacks runs in the interpreter, if there is one; dead instructions are gone before the JIT runs."""
    made = KernelBuilder(release, arch).kernel(config=config)
    missing = {"cpuv4": {"sign-extending load", "gotol"}, "atomics": {"64-bit atomic", "fetching atomic"}}.get(
        lacks, set()
    )
    for guarded in (False, True):
        away = [mov(3, 0), jmp("==", 3, 0, "out")] if guarded else []
        code = [mov(1, 0), stx(8, 10, -8, 1), *away, *LATER[name], "out:", *END]
        found = only(ObjectBuilder(made.endian).program("tc", "prog", code), made)
        told = {p.name for p in found.problems if "R-12.3" in p.rules}
        assert told == ({name} if name in missing and not guarded else set())


@pytest.mark.parametrize(("calls", "refused"), [(True, True), (False, False)])
def test_r_12_3_kfuncs_are_not_interpreted(calls: bool, refused: bool) -> None:
    """i386 has kfunc calls and no 64-bit atomics: with both in it, a program runs neither way."""
    kb = KernelBuilder("6.12", "i386")
    kb.btf.kfunc("bpf_foo", kb.s32, [])
    ob = ObjectBuilder()
    ob.extern_func("bpf_foo", ob.btf.proto(ob.s32, []))
    code = [mov(1, 0), stx(8, 10, -8, 1), atomic(8, 10, -8, 1, 0), *([kfunc("bpf_foo")] if calls else []), *END]
    found = only(ob.program("tc", "prog", code), kb.kernel())
    assert ("64-bit atomic" in {p.name for p in found.problems}) == refused


# -- arguments


@pytest.mark.parametrize(
    ("arch", "release", "count", "suffix", "lacks"),
    [
        ("x86_64", "7.3", 6, "", ""), ("riscv64", "7.3", 6, "", "stack arguments"),
        ("x86_64", "7.1", 6, "", "stack arguments"),
        ("x86_64", "7.1", 5, "", ""), ("x86_64", "7.3", 1, "__arena", ""),
        ("x86_64", "7.2", 1, "__arena", "arena arguments"),
        ("riscv64", "7.3", 1, "__arena__nullable", "arena arguments"), ("riscv64", "7.3", 1, "", ""),
    ],
)  # fmt: skip
def test_r_12_3_arguments_of_kfuncs(arch: str, release: str, count: int, suffix: str, lacks: str) -> None:
    """More than five arguments, and pointers into an arena, are passed by JITs that can; counted where reached."""
    kb = KernelBuilder(release, arch)
    kb.btf.kfunc("bpf_foo", kb.s32, [(f"a{n}{suffix}", kb.u64) for n in range(count)])
    made = kb.kernel(config=CONFIG)
    for guarded in (False, True):
        ob = ObjectBuilder()
        ob.extern_func("bpf_foo", ob.btf.proto(ob.s32, [(f"a{n}", ob.u64) for n in range(count)]))
        away = [mov(3, 0), jmp("==", 3, 0, "out")] if guarded else []
        found = only(ob.program("tc", "prog", [*away, kfunc("bpf_foo"), "out:", *END]), made)
        assert lacking(found) == ({lacks} if lacks and not guarded else set())


@pytest.mark.parametrize(
    ("arch", "release", "refused"),
    [("x86_64", "7.3", False), ("riscv64", "7.3", True), ("x86_64", "7.1", True), ("arm64", "7.2", False)],
)
def test_r_12_3_stack_arguments_of_functions(arch: str, release: str, refused: bool) -> None:
    """A function with a sixth argument gets it through register 11."""
    found = only(ObjectBuilder().program("tc", "prog", [st(8, 11, -8, 1), *END]), KernelBuilder(release, arch).kernel())
    assert ("stack argument" in {p.name for p in found.problems}) == refused


@pytest.mark.parametrize(
    ("arch", "suffix", "refused"), [("x86_64", "__arena", False), ("s390x", "__arena", True), ("s390x", "", False)]
)
def test_r_12_3_arena_arguments_of_callbacks(arch: str, suffix: str, refused: bool) -> None:
    """The kernel's stub of a struct_ops member tells that an argument points into an arena."""
    kb = KernelBuilder("7.3", arch)
    kb.ops("foo_ops", [("run", kb.callback([("p", kb.btf.once("ptr", 0))]))])
    kb.hook("foo_ops__run", [(f"p{suffix}", kb.btf.once("ptr", 0))])
    made = kb.kernel()
    ob = ObjectBuilder(made.endian)
    callback = ob.btf.ptr(ob.btf.proto(ob.s32, [("p", ob.btf.once("ptr", 0))]))
    ob.program("struct_ops/run", "run", END)
    ob.struct_ops("foo", ob.btf.struct("foo_ops", [("run", callback)]), 8, {0: "run"})
    assert ("arena arguments" in lacking(only(ob, made))) == refused


@pytest.mark.parametrize(
    ("arch", "release", "sub", "member", "refused"),
    [
        ("riscv64", "7.3", "y", "dispatch", True), ("x86_64", "7.3", "y", "dispatch", False),
        ("riscv64", "7.3", "n", "dispatch", False), ("riscv64", "7.3", "y", "enqueue", False),
        ("riscv64", "7.1", "y", "dispatch", False),
    ],
)  # fmt: skip
def test_r_12_3_nested_schedulers(arch: str, release: str, sub: str, member: str, refused: bool) -> None:
    """Where schedulers nest, sched_ext_ops.dispatch runs on a private stack."""
    kb = KernelBuilder(release, arch)
    kb.ops("sched_ext_ops", [(member, kb.callback([("cpu", kb.s32)]))])
    made = kb.kernel(config={**CONFIG, "EXT_SUB_SCHED": sub, "SCHED_CLASS_EXT": "y"})
    ob = ObjectBuilder(made.endian)
    ob.program("struct_ops/run", "run", END)
    table = ob.btf.struct("sched_ext_ops", [(member, ob.btf.ptr(ob.btf.proto(ob.s32, [("cpu", ob.s32)])))])
    ob.struct_ops("foo", table, 8, {0: "run"})
    assert ("private stack" in lacking(only(ob, made))) == refused


# -- stack


def frames(section: str, sizes: list[int], *, dead: bool = False) -> ObjectBuilder:
    """A program, and functions that call each other in a row; each uses so many bytes of stack."""
    ob = ObjectBuilder()
    for number, size in enumerate(sizes):
        last = number == len(sizes) - 1
        away = [mov(3, 0), jmp("==", 3, 0, "out")] if dead and last else []
        more = [] if last else [subprog(f"f{number + 1}")]
        code = [mov(2, Reg(10)), alu("+", 2, -8), *away, st(8, 2, 8 - size, 0), "out:", *more, *END]
        if number:
            ob.subprogram(f"f{number}", code, proto=ob.btf.once("proto", ob.s32, []))
        else:
            ob.program(section, "prog", code)
    return ob


@pytest.mark.parametrize(
    ("section", "arch", "release", "sizes", "dead", "refused"),
    [
        ("xdp", "x86_64", "6.12", [256, 256], False, False), ("xdp", "x86_64", "6.12", [256, 264], False, True),
        ("xdp", "x86_64", "6.12", [256, 264], True, False), ("xdp", "x86_64", "7.3", [512, 8], False, True),
        ("kprobe/f", "x86_64", "6.12", [512, 8], False, True), ("kprobe/f", "x86_64", "7.3", [512, 512], False, False),
        ("kprobe/f", "riscv64", "7.3", [512, 8], False, True), ("xdp", "x86_64", "7.3", [512], False, False),
        ("iter/task", "x86_64", "7.3", [512, 8], False, True), ("fentry/f", "x86_64", "7.3", [512, 8], False, False),
    ],
)  # fmt: skip
def test_r_12_3_stack_of_all_frames(
    section: str, arch: str, release: str, sizes: list[int], dead: bool, refused: bool
) -> None:
    """512 bytes for all frames together, each rounded up to 16; one for each where the JIT gives private stacks."""
    made = kernel(arch, release)
    found = judge(read_object(frames(section, sizes, dead=dead).build(), "x"), made).programs[0]
    assert ("private stack" in lacking(found)) == refused


def test_every_capability_is_read() -> None:
    """A capability that is collected is read by a rule: its name stands in the code of the rules."""
    folder = Path(rules.__file__).parent
    code = "\n".join(path.read_text(encoding="utf-8") for path in folder.rglob("*.py"))
    names = {f.name for f in fields(ArchCaps) if f.type in ("bool", bool)}
    assert len(names) == 15
    unread = {n for n in names if not re.search(rf'(caps\.|"){n}\b', code)}
    assert not unread
