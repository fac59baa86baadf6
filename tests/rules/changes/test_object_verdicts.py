# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""kconfig externs and how verdicts of objects are made of those of their programs (R-0.1, R-2.13, §9)."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from kfuncscope.bpf.object import read_object
from kfuncscope.intake.kernels import kernel_files
from kfuncscope.kernel.kernel import Kernel, open_kernel
from kfuncscope.model.failure import Failure
from kfuncscope.model.verdict import NeedKind, Tri, Verdict
from kfuncscope.rules.changes.change import compare
from kfuncscope.rules.judge import judge
from kfuncscope.rules.problem import Problem, Stage, say
from kfuncscope.storage.files import KernelFiles
from support.bpfwriter import FIELD_BYTE_OFFSET, ObjectBuilder, alu, core, exit_, kfunc, mov
from support.kernels import KernelBuilder, compared, judged

END = [mov(0, 0), exit_()]


def needing(*names: str, autoload: bool = True) -> ObjectBuilder:
    """One program that needs nothing, and one for each strong kfunc."""
    ob = ObjectBuilder().program("xdp", "plain", END)
    for name in names:
        ob.extern_func(name, ob.btf.proto(0))
        ob.program("xdp" if autoload else "?xdp", f"calls_{name}", [kfunc(name), *END])
    return ob


def with_kfuncs(*names: str, **given: Any) -> Kernel:
    kb = KernelBuilder("7.3")
    for name in ("bpf_other", *names):
        kb.btf.kfunc(name, 0)
    return kb.kernel(**given)


# -- kconfig


def externs(name: str, of: str, *, weak: bool = False) -> ObjectBuilder:
    ob = ObjectBuilder()
    types = {
        "int": ob.s32, "bool": ob.btf.int_("bool", 1, encoding=4), "char": ob.btf.int_("char", 1, signed=True),
        "tristate": ob.btf.enum("libbpf_tristate", {"TRI_NO": 0, "TRI_YES": 1, "TRI_MODULE": 2}),
    }  # fmt: skip
    types["text"] = ob.btf.array(types["char"], 8)
    ob.extern_kconfig(name, types[of], weak=weak)
    return ob.program("xdp", "prog", END)


@pytest.mark.parametrize(
    ("name", "of", "loads"),
    [
        ("CONFIG_HZ", "int", "yes"), ("CONFIG_HZ", "bool", "no"), ("CONFIG_HZ", "text", "no"),
        ("CONFIG_VETH", "bool", "no"), ("CONFIG_VETH", "tristate", "yes"), ("CONFIG_VETH", "char", "yes"),
        ("CONFIG_NET", "bool", "yes"), ("CONFIG_NET", "int", "no"), ("CONFIG_CC_TEXT", "text", "yes"),
        ("CONFIG_CC_TEXT", "int", "no"), ("CONFIG_GONE", "bool", "no"), ("LINUX_KERNEL_VERSION", "int", "yes"),
        ("LINUX_OF_ANOTHER_TIME", "int", "no"),
    ],
)  # fmt: skip
def test_r_2_13_values_go_into_fitting_types(name: str, of: str, loads: str) -> None:
    """A module does not go into a bool, nor y into a number; a text that is set is not missing."""
    config = {"HZ": "250", "VETH": "m", "NET": "y", "CC_TEXT": '"gcc 14"'}
    assert judged(externs(name, of), KernelBuilder("7.3").kernel(config=config)).loads == Tri(loads)


def test_r_2_13_weak_externs() -> None:
    """Absent ones are 0; one that does not fit its type is refused all the same."""
    kernel = KernelBuilder("7.3").kernel(config={"VETH": "m"})
    assert judged(externs("CONFIG_GONE", "bool", weak=True), kernel).loads == Tri.YES
    assert judged(externs("LINUX_OF_ANOTHER_TIME", "int", weak=True), kernel).loads == Tri.YES
    assert judged(externs("CONFIG_VETH", "bool", weak=True), kernel).loads == Tri.NO


@pytest.mark.parametrize(
    ("value", "size", "signed", "fits"),
    [
        ("255", 1, False, True), ("256", 1, False, False), ("65536", 2, False, False), ("8192", 2, False, True),
        ("127", 1, True, True), ("128", 1, True, False), ("-128", 1, True, True), ("-1", 4, True, True),
        ("0xffffffff81000000", 4, False, False), ("0xffffffff81000000", 8, False, True),
        ("0xffffffff81000000", 4, True, True),
    ],
)  # fmt: skip
def test_r_2_13_numbers_go_into_types_with_room(value: str, size: int, signed: bool, fits: bool) -> None:
    """libbpf refuses the object (-ERANGE) rather than cut a number off, though the extern be weak."""
    ob = ObjectBuilder()
    ob.extern_kconfig("CONFIG_X", ob.btf.int_("number", size, signed=signed), weak=True).program("xdp", "prog", END)
    kernel = KernelBuilder("7.3").kernel(config={"X": value})
    assert (judged(ob, kernel).loads == Tri.YES) == fits


def test_r_2_13_names_that_are_no_option() -> None:
    """Only CONFIG_ and LINUX_ are known: any other is refused, weak or not."""
    kernel = KernelBuilder("7.3").kernel(config={"NET": "y"})
    found = judged(externs("FEATURE_X", "int", weak=True), kernel)
    assert found.loads == Tri.NO
    assert [p.failure for p in found.problems] == ["kconfig_not_found"]


def test_r_2_13_version_of_a_kernel_whose_release_is_not_known() -> None:
    """The value is unknown, but no kernel lacks it; nor is a strong option missing where no config was given."""
    kb = KernelBuilder("7.3")
    kernel = open_kernel(KernelFiles("test", "x86_64", "", kb.build(), b"CONFIG_NET=y\n"))
    kernel.release = ""
    assert judged(externs("LINUX_KERNEL_VERSION", "int"), kernel).loads == Tri.YES
    assert judged(externs("CONFIG_NET", "bool"), KernelBuilder("7.3").kernel(config=None)).loads == Tri.UNKNOWN


# -- objects


def test_r_0_1_an_object_that_both_kernels_refuse_is_broken_as_before() -> None:
    """libbpf walks the externs of the whole object, so that programs which need nothing do not load either."""
    for autoload in (True, False):
        verdict = compared(needing("bpf_gone", autoload=autoload), with_kfuncs(), with_kfuncs())
        assert verdict.verdict == Verdict.ALREADY_BROKEN
        assert verdict.reason.startswith("neither kernel loads the object: strong extern bpf_gone does not exist")
    verdict = compared(needing("bpf_new", autoload=False), with_kfuncs(), with_kfuncs("bpf_new"))
    assert verdict.verdict == Verdict.FIXED
    assert verdict.reason.startswith("the old kernel did not load the object: strong extern bpf_new")


def test_doubt_about_the_old_kernel_is_no_excuse() -> None:
    """Without its config the old kernel may lack an option; that does not make a vanished kfunc an old fault."""
    ob = needing("bpf_thing").extern_kconfig("CONFIG_HZ")
    verdict = compared(ob, with_kfuncs("bpf_thing", config=None), with_kfuncs(config={"HZ": "250"}))
    assert (verdict.verdict, verdict.findings[0].verdict) == (Verdict.BREAKS, Verdict.BREAKS)


def test_reasons_count_what_they_do_not_name() -> None:
    def probes(*targets: str) -> ObjectBuilder:
        ob = ObjectBuilder()
        for number, target in enumerate(targets):
            ob.program(f"fentry/{target}", f"p{number}", END)
        return ob

    def hooks(*names: str) -> Kernel:
        kb = KernelBuilder("7.3")
        for name in names:
            kb.hook(name)
        return kb.kernel()

    verdict = compared(probes("aaa", "bbb", "ccc"), hooks("aaa", "bbb", "ccc"), hooks())
    assert verdict.reason == "p0 no longer loads: aaa is not in the BTF of this kernel (and 2 other programs break)"
    verdict = compared(probes("aaa", "bbb"), hooks("bbb"), hooks("bbb"))
    refused = "neither kernel loads the object: p0: aaa is not in the BTF of this kernel"
    assert (verdict.verdict, verdict.reason) == (
        Verdict.ALREADY_BROKEN, f"{refused}; 1 of 2 programs works on neither kernel, the others on both")  # fmt: skip
    verdict = compared(probes("aaa", "bbb", "ccc"), hooks("ccc"), hooks("bbb", "ccc"))
    assert (verdict.verdict, verdict.reason) == (
        Verdict.ALREADY_BROKEN,
        f"{refused}; 1 of 3 programs works on neither kernel; 1 works on the new kernel only")  # fmt: skip
    verdict = compared(probes("aaa", "bbb").program("?fentry/zzz", "off", END), hooks("bbb"), hooks("aaa", "bbb"))
    assert (verdict.verdict, verdict.reason) == (
        Verdict.FIXED, "1 of 3 programs works on neither kernel; 1 works on the new kernel only")  # fmt: skip
    verdict = compared(probes("aaa").program("?fentry/zzz", "off", END), hooks("aaa"), hooks("aaa"))
    assert (verdict.verdict, verdict.reason) == (
        Verdict.OK, "1 of 2 programs works on neither kernel, the others on both")  # fmt: skip


def hooked(*names: str) -> Kernel:
    """A kernel with these functions, each listed among its symbols."""
    kb = KernelBuilder("7.3")
    for name in names:
        kb.hook(name)
    return kb.kernel(symbols=names)


@pytest.mark.parametrize(
    ("one", "other", "old", "new", "verdict"),
    [
        # Both worked: two jobs on related hooks, and bpf_object__load() or attach fails with the first.
        ("fentry/f", "kprobe/__f", "f __f", "__f", Verdict.BREAKS),
        ("kprobe/f", "kprobe/__f", "f __f", "__f", Verdict.BREAKS),
        # Only one of them worked on the old kernel, so the loader chooses.
        ("fentry/f", "fentry/__f", "f", "__f", Verdict.DEGRADES),
        ("kprobe/f", "kprobe/__f", "f", "__f", Verdict.DEGRADES),
        # Either is off by default.
        ("?fentry/f", "kprobe/__f", "f __f", "__f", Verdict.DEGRADES),
        ("fentry/f", "?kprobe/__f", "f __f", "__f", Verdict.DEGRADES),
    ],
)  # fmt: skip
def test_r_12_15_alternatives_are_what_a_loader_chooses_between(
    one: str, other: str, old: str, new: str, verdict: Verdict
) -> None:
    """DEGRADES needs a sign that the loader switches programs; two programs of one hook are none."""
    ob = ObjectBuilder().program(one, "one", END).program(other, "other", END)
    assert compared(ob, hooked(*old.split()), hooked(*new.split())).verdict == verdict


def test_r_12_15_two_jobs_on_one_hook() -> None:
    """A program that no longer loads is not replaced by another on the same function."""
    ob = ObjectBuilder()
    task = ob.btf.struct("task", [("flags", ob.u64)])
    ob.program("kprobe/f", "counts", [core(alu("+", 1, 0), task, "0:0", FIELD_BYTE_OFFSET), *END])
    ob.program("kprobe/f", "times", END)
    old, new = KernelBuilder("7.3"), KernelBuilder("7.3")
    for kb, field in ((old, "flags"), (new, "state")):
        kb.hook("f")
        kb.btf.struct("task", [(field, kb.u64)])
    found = compared(ob, old.kernel(symbols=["f"]), new.kernel(symbols=["f"]))
    assert [p.verdict for p in found.programs] == [Verdict.BREAKS, Verdict.OK]
    assert found.verdict == Verdict.BREAKS


def test_r_12_15_an_object_of_which_nothing_loads_is_never_fixed() -> None:
    """The old kernel refused the whole object; the new one takes its table, and none of its programs."""
    ob = ObjectBuilder().extern_func("bpf_old_way", weak=True)
    ops = ob.btf.struct("my_ops", [("run", ob.btf.ptr(ob.btf.proto(ob.s32)))])
    ob.program("struct_ops/run", "runs", [kfunc("bpf_old_way"), *END])
    ob.struct_ops("table", ops, 8, {0: "runs"})
    old, new = KernelBuilder("7.3"), KernelBuilder("7.3")
    for kb in (old, new):
        kb.btf.kfunc("bpf_other", 0)
    new.ops("my_ops", [("run", new.callback())])
    found = compared(ob, old.kernel(), new.kernel())
    assert [p.verdict for p in found.programs] == [Verdict.ALREADY_BROKEN]
    assert found.verdict == Verdict.ALREADY_BROKEN


@pytest.mark.corpus
def test_symbols_on_one_side_alone_make_no_change(corpus: Path) -> None:
    """R-11.8: a function that only one kernel's symbols deny is no break and no repair, but not known."""
    program = ObjectBuilder().program("fentry/scx_bpf_events_impl", "probe", [mov(0, 0), exit_()]).build()
    obj = read_object(program, "o")
    with_, without = (kernel_files([corpus / "kernels" / "7.3-amd64" / "vmlinux.btf.xz"])[0] for _ in range(2))
    without.symbols = None
    told, silent = open_kernel(with_), open_kernel(without)
    for old, new in ((silent, told), (told, silent)):
        (one,) = compare(judge(obj, old), judge(obj, new), "", "").programs
        assert one.verdict is Verdict.UNKNOWN
        assert "no symbols were given for the other kernel" in one.findings[0].message
    (one,) = compare(judge(obj, told), judge(obj, told), "", "").programs
    assert one.verdict is Verdict.ALREADY_BROKEN


def test_the_reason_is_what_is_certain() -> None:
    """Load before attach, and of two reasons for one the certain one, whatever was found first."""
    ob = ObjectBuilder().program("xdp", "prog", [mov(0, 0), exit_()])
    (judged_one,) = judged(ob, KernelBuilder("7.3").kernel()).programs

    def problem(name: str, stage: Stage, certain: bool) -> Problem:
        return Problem(
            NeedKind.HELPER, name, Failure.HELPER_NOT_AVAILABLE, ("R-6.1",), say("x"), stage, certain=certain
        )

    attach, maybe = problem("attach", Stage.ATTACH, True), problem("maybe", Stage.LOAD, False)
    sure, note = problem("sure", Stage.LOAD, True), problem("note", Stage.NOTE, True)
    for problems, first in (([attach, maybe, sure], sure), ([sure, maybe], sure), ([maybe, sure], sure),
                            ([attach, maybe], maybe), ([note, attach], attach)):  # fmt: skip
        assert replace(judged_one, problems=problems).first is first
    assert replace(judged_one, problems=[note]).first is None
