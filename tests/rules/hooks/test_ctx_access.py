# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What hooks pass and programs may read of it (R-7.3, R-7.10, R-7.12, R-11.15, R-11.16); measured on real kernels."""

from __future__ import annotations

import pytest

from kfuncscope.model.verdict import Tri
from support.bpfwriter import ObjectBuilder, exit_, ldx, mov
from support.btfwriter import VOID
from support.kernels import CONFIG, KernelBuilder, only

END = [mov(0, 0), exit_()]


def program(section: str, *slots: int) -> ObjectBuilder:
    """A program that reads slots of its context."""
    return ObjectBuilder().program(section, "prog", [*(ldx(8, 2, 1, 8 * i) for i in slots), *END])


def loads(kb: KernelBuilder, section: str, *slots: int) -> Tri:
    return only(program(section, *slots), kb.kernel()).loads


def kernel(release: str = "7.3") -> KernelBuilder:
    """Functions that return this and that."""
    kb = KernelBuilder(release)
    pair = kb.btf.struct("pair", [("a", kb.u64), ("b", kb.u64)])
    either = kb.btf.union("either", [("a", kb.u64), ("b", kb.u64)])
    kb.hook("gives_int", [("a", kb.s32)], kb.s32)
    kb.hook("gives_nothing", [("a", kb.s32)], VOID)
    kb.hook("gives_struct", [("a", kb.s32)], pair)
    kb.hook("gives_union", [("a", kb.s32)], either)
    kb.hook("gives_pointer", [("a", kb.s32)], kb.btf.ptr(pair))
    kb.hook("takes_union", [("a", either), ("b", kb.s32)])
    kb.hook("takes_large", [("a", kb.btf.union("large", [("a", kb.btf.array(kb.u64, 4))]))])
    kb.hook("takes_empty", [("a", kb.btf.struct("empty", []))])
    kb.btf.func("bpf_lsm_void", VOID, [("a", kb.s32)])
    kb.lsm("int", [("a", kb.s32)])
    kb.tracepoint("t", [("a", either)])
    return kb


@pytest.mark.parametrize("section", ["fexit", "fsession"])
def test_r_7_10_what_a_function_returns(section: str) -> None:
    """It stands after the arguments, if there is anything."""
    kb = kernel()
    assert loads(kb, f"{section}/gives_int", 0, 1) == Tri.YES
    assert loads(kb, f"{section}/gives_pointer", 1) == Tri.YES
    assert loads(kb, f"{section}/gives_nothing", 0) == Tri.YES
    assert loads(kb, f"{section}/gives_nothing", 1) == Tri.NO
    assert loads(kb, f"{section}/gives_int", 2) == Tri.NO


def test_r_7_10_what_lsm_hooks_return() -> None:
    """Some return nothing."""
    assert loads(kernel(), "lsm/int", 1) == Tri.YES
    assert loads(kernel(), "lsm/void", 1) == Tri.NO
    assert loads(kernel(), "lsm/void", 0) == Tri.YES


@pytest.mark.parametrize("release", ["6.1", "7.3"])
@pytest.mark.parametrize("section", ["fentry", "fexit"])
def test_r_7_10_functions_that_return_structs(section: str, release: str) -> None:
    """No trampoline can be built, whatever the program reads."""
    kb = kernel(release)
    assert loads(kb, f"{section}/gives_struct") == Tri.NO
    assert loads(kb, f"{section}/gives_union") == Tri.NO
    assert loads(kb, f"{section}/gives_nothing") == Tri.YES
    assert loads(kb, f"{section}/takes_empty") == Tri.NO


@pytest.mark.parametrize(
    ("release", "passed"),
    [("6.1", "no"), ("6.12", "no"), ("6.16", "no"), ("6.18", "yes"), ("7.0", "yes"), ("7.3", "yes")],
)
def test_r_7_10_unions_by_value(release: str, passed: str) -> None:
    """Older kernels know the size of structs alone; tracepoints with unions are refused where one is read."""
    kb = kernel(release)
    assert loads(kb, "fentry/takes_union") == Tri(passed)
    assert loads(kb, "fentry/takes_large") == Tri.NO
    assert loads(kb, "tp_btf/t", 0) == Tri(passed)
    assert loads(kb, "tp_btf/t") == Tri.YES


def test_r_7_3_arguments_of_callbacks() -> None:
    """A callback of the kernel's type has as many arguments as its prototype says, and no return value to read."""
    kb = KernelBuilder("7.3")
    kb.ops("tcp_congestion_ops", [("init", kb.callback([("sk", kb.btf.ptr(kb.btf.struct("sock", [("x", kb.s32)])))]))])
    for slot, expected in ((0, Tri.YES), (1, Tri.NO), (2, Tri.NO)):
        ob = program("struct_ops/prog", slot)
        table = ob.btf.struct("tcp_congestion_ops", [("init", ob.btf.ptr(ob.btf.proto(ob.s32)))])
        ob.struct_ops("table", table, 8, {0: "prog"})
        assert only(ob, kb.kernel()).loads == expected, slot


def test_r_7_12_functions_that_are_no_hooks() -> None:
    """bpf_lsm_X is a hook only if there is a member X in the union of all hooks."""
    kb = KernelBuilder("7.3")
    kb.lsm("file_open")
    kb.lsm("is_sleepable_hook")
    assert loads(kb, "lsm/is_sleepable_hook") == Tri.YES  # nothing in these files tells
    kb.btf.union("security_list_options", [("file_open", kb.callback())])
    assert loads(kb, "lsm/file_open") == Tri.YES
    assert loads(kb, "lsm/is_sleepable_hook") == Tri.NO
    assert loads(kb, "lsm.s/is_sleepable_hook") == Tri.NO


def test_r_11_16_functions_that_never_return() -> None:
    """fsession wants to be there at the end, as fexit does."""
    kb = KernelBuilder("7.3")
    kb.hook("do_exit")
    assert loads(kb, "fentry/do_exit") == Tri.YES
    assert loads(kb, "fsession/do_exit") == loads(kb, "fexit/do_exit") == Tri.NO


@pytest.mark.parametrize(
    ("release", "name", "injection", "expected"),
    [
        ("7.3", "__x64_sys_open", "n", "yes"),
        ("7.1", "__x64_sys_open", "n", "yes"),
        ("6.18", "__x64_sys_open", "n", "no"),
        ("7.0", "__x64_sys_open", "n", "no"),
        ("7.3", "__ia32_sys_open", "n", "no"),
        ("7.1", "__ia32_compat_sys_open", "n", "no"),
        ("7.3", "__ia32_sys_open", "y", "yes"),
        ("6.12", "__x64_sys_open", "y", "yes"),
    ],
)
def test_r_11_7_system_calls(release: str, name: str, injection: str, expected: str) -> None:
    """Without error injection only the architecture's own prefix opens a function, not that of its 32-bit calls."""
    kb = KernelBuilder(release)
    kb.hook(name)
    k = kb.kernel(config={**CONFIG, "FUNCTION_ERROR_INJECTION": injection})
    assert only(program(f"fentry.s/{name}"), k).loads == Tri(expected)
    assert only(program(f"fmod_ret/{name}"), k).loads == Tri(expected)


@pytest.mark.parametrize(
    ("release", "expected"), [("6.12", "no"), ("6.18", "no"), ("7.0", "no"), ("7.1", "yes"), ("7.3", "yes")]
)
def test_r_11_15_pointers_to_other_things(release: str, expected: str) -> None:
    """A pointer to a pointer is handed out from 7.1 on, as an argument and as what a function returns."""
    kb = KernelBuilder(release)
    pointer = kb.btf.ptr(kb.btf.ptr(kb.s32))
    kb.tracepoint("t", [("p", pointer)])
    kb.hook("f", [("a", kb.s32)], pointer)
    assert loads(kb, "tp_btf/t", 0) == Tri(expected)
    assert loads(kb, "fexit/f", 1) == Tri(expected)
    assert loads(kb, "fexit/f", 0) == Tri.YES


@pytest.mark.parametrize(("release", "expected"), [("6.1", "yes"), ("6.12", "no"), ("7.3", "no")])
def test_r_11_17_reads_of_kernel_structs_without_a_licence(release: str, expected: str) -> None:
    """6.1 does not ask for a GPL compatible licence there yet."""
    kb = KernelBuilder(release)
    kb.hook("f", [("task", kb.btf.ptr(kb.btf.struct("task", [("pid", kb.s32)])))])
    ob = ObjectBuilder(license=None).program("fentry/f", "prog", [ldx(8, 2, 1, 0), ldx(4, 3, 2, 0), *END])
    assert only(ob, kb.kernel()).loads == Tri(expected)


@pytest.mark.parametrize("release", ["5.10", "6.1", "7.3"])
def test_r_11_15_pointers_to_integers(release: str) -> None:
    """5.10 takes those to single bytes for strings, and refuses others: ``ktime_t *now``, where it was first met."""
    kb = KernelBuilder(release)
    char = kb.btf.int_("char", 1, signed=True)
    u8 = kb.btf.typedef("u8", kb.btf.int_("unsigned char", 1))
    strings = (char, kb.btf.const(char))
    others = (kb.s64, kb.btf.typedef("ktime_t", kb.s64), u8, kb.btf.const(u8), kb.btf.volatile(char))
    kb.tracepoint("t", [(f"a{at}", kb.btf.ptr(one)) for at, one in enumerate((*strings, *others))])
    given = [loads(kb, "tp_btf/t", at) for at in range(len(strings) + len(others))]
    assert given == [Tri.YES] * len(strings) + [Tri.NO if release == "5.10" else Tri.YES] * len(others)


@pytest.mark.parametrize("release", ["5.11", "5.17"])
def test_r_11_15_pointers_to_integers_between(release: str) -> None:
    """Of releases that were not read nothing is said."""
    kb = KernelBuilder(release)
    kb.tracepoint("t", [("now", kb.btf.ptr(kb.s64))])
    assert not [p for p in only(program("tp_btf/t", 0), kb.kernel()).problems if "R-11.15" in p.rules]


def test_r_11_15_says_what_it_is() -> None:
    kb = KernelBuilder("5.10")
    kb.tracepoint("t", [("now", kb.btf.ptr(kb.s64))])
    (problem,) = only(program("tp_btf/t", 0), kb.kernel()).problems
    said = "argument now of btf_trace_t is a pointer to an integer, which this kernel does not pass to programs"
    assert str(problem.message) == said
