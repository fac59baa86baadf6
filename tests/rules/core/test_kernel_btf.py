# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Kernels without BTF, and with BTF that is wrong itself (R-12.11, R-12.12); wider numbers (R-12.19)."""

from __future__ import annotations

import struct

import pytest

from kfuncscope.kernel.kernel import Kernel, open_kernel
from kfuncscope.model.verdict import Tri, Verdict
from kfuncscope.rules.checks.faults import kernel_faults
from kfuncscope.rules.judge import ProgramJudgement
from kfuncscope.storage.files import KernelFiles
from support.bpfwriter import (
    ENUMVAL_VALUE,
    FIELD_BYTE_OFFSET,
    ObjectBuilder,
    alu,
    core,
    exit_,
    jmp,
    kfunc,
    ld_imm64,
    mov,
    subprog,
)  # fmt: skip
from support.btfwriter import STATIC, BtfWriter
from support.kernels import CONFIG, KernelBuilder, compared, judged, only

END = [mov(0, 0), exit_()]


# -- without BTF


def dispatcher(context: str = "xdp_md", *, static: bool = False, called: bool = True) -> ObjectBuilder:
    """A program that hands its context to ``slot``."""
    ob = ObjectBuilder()
    proto = ob.btf.proto(ob.s32, [("ctx", ob.btf.ptr(ob.btf.struct(context, [("data", ob.u32)])))])
    ob.subprogram("slot", END, proto=proto, **({"linkage": STATIC} if static else {}))
    skip = [] if called else [mov(3, 0), jmp("==", 3, 0, "out")]
    return ob.program("xdp", "main", [*skip, subprog("slot", static=static), "out:", *END], proto=proto)


def bare(option: str | None, release: str = "6.12") -> Kernel:
    """A kernel of which no BTF was given; DEBUG_INFO_BTF as its config says, no config for None."""
    config = None
    if option is not None:
        rows = {**CONFIG, **({"DEBUG_INFO_BTF": "y"} if option == "y" else {})}
        config = "".join(f"CONFIG_{k}={v}\n" for k, v in rows.items()).encode()
    return open_kernel(KernelFiles("test", "arm", release, b"", config))


@pytest.mark.parametrize(
    ("ob", "option", "loads"),
    [
        (dispatcher(), "n", Tri.NO), (dispatcher(), "y", Tri.UNKNOWN), (dispatcher(), None, Tri.UNKNOWN),
        (dispatcher(static=True), "n", Tri.YES), (dispatcher("own_type"), "n", Tri.YES),
        (dispatcher("__sk_buff"), "n", Tri.NO), (dispatcher(called=False), "n", Tri.YES),
    ],
)  # fmt: skip
def test_r_12_11_global_functions_that_take_the_context(ob: ObjectBuilder, option: str | None, loads: Tri) -> None:
    """The verifier looks the type of the context up in the kernel's BTF; static functions need none."""
    found = only(ob, bare(option))
    assert found.loads == loads
    if loads != Tri.YES:
        assert found.first is not None and found.first.rules == ("R-12.11",)


@pytest.mark.parametrize(
    ("option", "loads", "words"),
    [
        ("n", Tri.NO, "has no BTF, which libbpf needs to load this object"),
        ("y", Tri.UNKNOWN, "is built with BTF, but it was not given"),
        (None, Tri.UNKNOWN, "may have BTF, but it was not given"),
    ],
)
def test_r_3_1_the_reason_says_whether_a_kernel_has_btf(option: str | None, loads: Tri, words: str) -> None:
    """Only a configuration without DEBUG_INFO_BTF says that there is none."""
    ob = ObjectBuilder()
    task = ob.btf.struct("task_struct", [("pid", ob.s32)])
    ob.program("xdp", "prog", [core(mov(1, 0), task, "0:0", FIELD_BYTE_OFFSET), *END])
    found = judged(ob, bare(option))
    assert found.loads == loads
    assert [words in problem.message for problem in found.problems] == [True]


def test_r_12_11_kernels_that_verify_every_global_function() -> None:
    """Before 6.8 a function counts though nothing calls it; with BTF none does."""
    assert only(dispatcher(called=False), bare("n", "6.1")).loads == Tri.NO
    assert only(dispatcher(), KernelBuilder("6.12").kernel()).loads == Tri.YES


# -- modules of another build


def base(*, shift: bool = False) -> KernelBuilder:
    """A kernel; ``shift`` makes another build of it, whose strings lie three bytes further."""
    kb = KernelBuilder("7.3")
    if shift:
        kb.btf.string("new")
    kb.hook("some_function_of_the_kernel")
    kb.btf.struct("some_struct", [("a", kb.u32)])
    return kb


def module(kb: KernelBuilder) -> BtfWriter:
    """A module that has a function of its own, and a struct by a name of the kernel's."""
    made = BtfWriter(base=kb.btf)
    made.struct("some_struct", [("a", kb.u32), ("b", kb.u32)])
    made.func("only_in_module", kb.s32)
    made.kfunc("bpf_of_module", kb.s32)
    return made


def with_module(blob: bytes, *, shift: bool = False, config: dict[str, str] = CONFIG) -> Kernel:
    return base(shift=shift).kernel(modules={"ext4": blob}, config=config, symbols=["some_function_of_the_kernel"])


def traced(name: str = "only_in_module") -> ObjectBuilder:
    return ObjectBuilder().program(f"fentry/{name}", "prog", END)


def told(found: ProgramJudgement) -> str:
    return found.first.message if found.first is not None else ""


def test_r_12_12_a_module_of_another_build() -> None:
    """Names that do not begin where strings begin: a fault of the kernel, and the reason in what needs the module."""
    kb = base()
    kb.build()
    blob = module(kb).build()
    assert only(traced(), with_module(blob)).loads == Tri.YES
    other = with_module(blob, shift=True)
    found = only(traced(), other)
    assert found.loads == Tri.UNKNOWN and found.first is not None and "R-12.12" in found.first.rules
    assert "module ext4: its BTF was built with another vmlinux" in told(found)
    calls = ObjectBuilder()
    calls.extern_func("bpf_of_module", calls.btf.proto(calls.s32)).program(
        "xdp", "prog", [kfunc("bpf_of_module"), *END]
    )
    assert "another vmlinux" in told(only(calls, other))
    assert any("another vmlinux" in f.message for f in kernel_faults(other))
    assert only(traced("in_no_module"), other).loads == Tri.NO


def test_r_12_12_a_module_of_which_only_the_header_is_there() -> None:
    """24 bytes are valid BTF and hold nothing."""
    header = struct.pack("<HBBIIIII", 0xEB9F, 1, 0, 24, 0, 0, 0, 0)
    kernel = with_module(header, config={**CONFIG, "EXT4_FS": "m"})
    found = only(traced("ext4_file_open"), kernel)
    assert found.loads == Tri.UNKNOWN and "module ext4, whose BTF cannot be used" in told(found)
    assert any(f.name == "ext4" for f in kernel_faults(kernel))
    assert only(traced("ext4_file_open"), with_module(header)).loads == Tri.NO


# -- partial BTF


def test_r_12_12_a_btf_of_fields_alone() -> None:
    """bpftool gen min_core_btf: fields are judged, hooks and kfuncs are not known."""
    kb = KernelBuilder("7.3", enums=False)
    kb.btf.struct("task", [("flags", kb.u64)])
    kernel = kb.kernel(symbols=["some"])
    assert kernel.partial
    ob = ObjectBuilder()
    task = ob.btf.struct("task", [("flags", ob.u64), ("gone", ob.u64)])
    ob.extern_func("bpf_thing", ob.btf.proto(ob.s32))
    ob.program("xdp", "has", [core(alu("+", 1, 0), task, "0:0", FIELD_BYTE_OFFSET), *END])
    ob.program("xdp", "lacks", [core(alu("+", 1, 0), task, "0:1", FIELD_BYTE_OFFSET), *END])
    ob.program("xdp", "calls", [kfunc("bpf_thing"), *END])
    ob.program("fentry/f", "traces", END)
    found = {p.program: p.new for p in compared(ob, kernel, kernel).programs}
    assert [found[n].loads for n in ("has", "lacks", "calls", "traces")] == [Tri.YES, Tri.NO, Tri.UNKNOWN, Tri.UNKNOWN]
    assert "partial" in found["traces"].reason
    assert [f.rules for f in kernel_faults(kernel)] == [("R-12.12",)]
    whole = KernelBuilder("7.3").kernel()
    assert not whole.partial and only(traced("f"), whole).loads == Tri.NO


# -- enumerators cut to 32 bits

BIG = 1 << 40


def enumerated(how: str) -> Kernel:
    kb = KernelBuilder("7.3")
    if how == "whole":
        kb.btf.enum64("flags", {"ONE": 1, "LARGE": BIG})
    elif how == "cut":
        kb.btf.enum("flags", {"ONE": 1, "LARGE": 0}, size=8)
    else:
        kb.btf.enum("flags", {"ONE": 1, "LARGE": 7}, size=4)
    return kb.kernel()


def asks(place: str) -> ObjectBuilder:
    ob = ObjectBuilder()
    flags = ob.btf.enum64("flags", {"ONE": 1, "LARGE": BIG})
    value = {"0": 1, "1": BIG}[place]
    return ob.program("xdp", "prog", [core(ld_imm64(1, value), flags, place, ENUMVAL_VALUE), *END])


@pytest.mark.parametrize(
    ("old", "new", "place", "silent"),
    [("whole", "cut", "1", True), ("whole", "cut", "0", False), ("whole", "whole", "1", False),
     ("cut", "cut", "1", False), ("whole", "small", "1", False)],
)  # fmt: skip
def test_r_12_12_enumerators_that_were_cut(old: str, new: str, place: str, silent: bool) -> None:
    """An enum of 8 bytes in a record for 4: the relocated value is not the kernel's."""
    found = compared(asks(place), enumerated(old), enumerated(new)).programs[0]
    assert (found.verdict == Verdict.SILENT) == silent
    assert any("R-12.12" in f.rules for f in found.findings) == silent
    faults = [f for f in kernel_faults(enumerated(new)) if f.rules == ("R-12.12",)]
    assert bool(faults) == (new == "cut")


# -- wider numbers


@pytest.mark.parametrize(
    ("was", "now", "signed", "verdict"),
    [(4, 8, False, Verdict.OK), (4, 8, True, Verdict.RISK), (8, 4, False, Verdict.RISK), (8, 8, False, Verdict.OK)],
)
def test_r_12_19_a_wider_unsigned_number_is_no_risk(was: int, now: int, signed: bool, verdict: Verdict) -> None:
    """Compilers zero-extend an unsigned number; a signed or a narrower one may mean something else."""

    def kernel(size: int) -> Kernel:
        kb = KernelBuilder("7.3")
        kb.btf.kfunc("bpf_thing", kb.s32, [("n", kb.btf.int_("number", size, signed=signed))])
        return kb.kernel(symbols=["bpf_thing"])

    ob = ObjectBuilder()
    ob.extern_func("bpf_thing", ob.btf.proto(ob.s32, [("n", ob.u32)])).program(
        "xdp", "prog", [kfunc("bpf_thing"), *END]
    )
    assert compared(ob, kernel(was), kernel(now)).programs[0].verdict == verdict
