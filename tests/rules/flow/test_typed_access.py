# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Typed pointers: what the verifier refuses behind them, and what a probe reads there all the same (R-12.4..R-12.7)."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from kfuncscope.kernel.kernel import Kernel
from kfuncscope.model.failure import Failure
from kfuncscope.model.verdict import ProgramVerdict, Tri, Verdict
from kfuncscope.resources import resource
from kfuncscope.rules.checks.typed_access import RETURNS
from support.bpfwriter import (
    FIELD_BYTE_OFFSET,
    FIELD_EXISTS,
    ObjectBuilder,
    Reg,
    alu,
    call,
    core,
    exit_,
    ja,
    jmp,
    jmp32,
    kfunc,
    ldx,
    mov,
)  # fmt: skip
from support.kernels import KernelBuilder, compared, only, rules

END = [mov(0, 0), exit_()]
X86 = (112, 104, 96)  # places of the first arguments in struct pt_regs


def arg(slot: int, to: int = 2) -> Any:
    """to = ctx[slot]."""
    return ldx(8, to, 1, 8 * slot)


def probe_read(size: int = 8) -> Any:
    """bpf_probe_read_kernel(fp - 8, size, r3)."""
    return [mov(1, Reg(10)), alu("+", 1, -8), mov(2, size), call(113)]


Build = Callable[[KernelBuilder], int]


def pair(kb: KernelBuilder) -> int:
    """``struct pair { u64 first; struct inner *next; u32 flags:3; int list[4]; }`` of 40 bytes, with a hole at 20."""
    inner = kb.btf.once("struct", "inner", [("value", kb.s32)])
    return kb.btf.once(
        "struct", "pair",
        [("first", kb.u64), ("next", kb.btf.ptr(inner)), ("flags", kb.u32), ("list", kb.btf.array(kb.s32, 4), 24 * 8)],
        40,
    )  # fmt: skip


def kernel(*args: str, release: str = "7.3") -> Kernel:
    """A kernel whose hook ``f`` has these arguments: ``u32``, ``pair``, ``other``, ``flexible``."""
    kb = KernelBuilder(release)
    made = {
        "u32": lambda: kb.u32,
        "pair": lambda: kb.btf.ptr(kb.btf.const(pair(kb))),
        "other": lambda: kb.btf.ptr(kb.btf.once("struct", "other", [("start", kb.u64), ("size", kb.u64)])),
        "larger": lambda: kb.btf.ptr(kb.btf.once("struct", "larger", [("base", pair(kb)), ("more", kb.u64)])),
        "open": lambda: kb.btf.ptr(
            kb.btf.once("struct", "open", [("count", kb.u64), ("items", kb.btf.array(kb.u32, 0))])
        ),
    }  # fmt: skip
    rows = [(f"a{i}", made[word]()) for i, word in enumerate(args)]
    kb.hook("f", rows)
    kb.tracepoint("f", rows)
    for name in ("pair", "other", "larger"):
        made[name]()
    kb.ops("my_ops", [("cb", kb.callback(rows))])
    kb.btf.kfunc("bpf_pair", kb.btf.ptr(pair(kb)))
    kb.btf.kfunc("bpf_node", kb.btf.ptr(kb.btf.struct("bpf_rb_node", [("opaque", kb.u64)])))
    return kb.kernel(symbols=["f", "bpf_pair", "bpf_node"])


def prog(*code: Any, section: str = "fentry/f") -> ObjectBuilder:
    return ObjectBuilder().program(section, "prog", [*code, *END])


@pytest.mark.parametrize(
    ("offset", "size", "told"),
    [
        (0, 8, ""), (4, 4, ""), (8, 8, ""), (8, 4, "cannot read 4 bytes at offset 8"), (16, 4, ""),
        (20, 4, "no field at offset 20"), (24, 4, ""), (24, 8, ""), (36, 4, ""), (36, 8, "access beyond struct pair"),
        (40, 4, "access beyond struct pair"), (4, 8, "access beyond the end of first"),
    ],
)  # fmt: skip
def test_r_12_6_fixed_offsets_behind_an_argument(offset: int, size: int, told: str) -> None:
    """As the verifier walks the struct: members, holes, pointers in whole, arrays as scratch space."""
    found = only(prog(arg(0), ldx(size, 3, 2, offset)), kernel("pair"))
    assert found.loads == (Tri.NO if told else Tri.YES)
    assert told in (found.first.message if found.first else "")
    if told:
        assert rules(found) == {"R-12.6"}


@pytest.mark.parametrize(("offset", "loads"), [(0, Tri.YES), (4, Tri.NO)])
def test_r_12_6_pointers_that_are_walked(offset: int, loads: Tri) -> None:
    """A pointer that was read through a typed pointer is typed too; so is what a kfunc returns."""
    assert only(prog(arg(0), ldx(8, 3, 2, 8), ldx(4, 4, 3, offset)), kernel("pair")).loads == loads
    ob = ObjectBuilder()
    ob.extern_func("bpf_pair", ob.btf.proto(ob.btf.ptr(ob.btf.struct("pair", [("first", ob.u64)]))))
    ob.program("fentry/f", "prog", [kfunc("bpf_pair"), jmp("==", 0, 0, "out"), ldx(4, 4, 0, 36 + offset), "out:", *END])
    found = only(ob, kernel("pair"))
    assert any("bpf_pair() returns" in p.message for p in found.problems) == (loads == Tri.NO)


@pytest.mark.parametrize(("name", "struct", "loads"), [("bpf_pair", "pair", False), ("bpf_node", "bpf_rb_node", True)])
@pytest.mark.parametrize("section", ["fentry/f", "tc"])
def test_r_12_6_nodes_are_parts_of_larger_objects(section: str, name: str, struct: str, loads: bool) -> None:
    """What lies beyond a node that a kfunc returns is the program's own; of other structs nothing lies beyond."""
    ob = ObjectBuilder()
    ob.extern_func(name, ob.btf.proto(ob.btf.ptr(ob.btf.struct(struct, [("first", ob.u64)]))))
    ob.program(section, "prog", [kfunc(name), jmp("==", 0, 0, "out"), ldx(8, 4, 0, 64), "out:", *END])
    assert bool(typed_told(ob, kernel("pair"))) != loads


def of_task(section: str, *code: Any, helper: int = 158) -> ObjectBuilder:
    """A program that does this with what a helper returned, in r0, where that is not NULL."""
    return prog(call(helper), jmp("==", 0, 0, "out"), *code, "out:", section=section)


def with_task() -> Kernel:
    """``struct task_struct { u64 state; u16 short; u32 late; }``, with a hole at 10; ``struct tcp_sock`` of 8 bytes."""
    kb = KernelBuilder()
    kb.btf.struct("task_struct", [("state", kb.u64), ("short", kb.btf.int_("u16", 2)), ("late", kb.u32, 12 * 8)], 16)
    kb.btf.struct("tcp_sock", [("mss", kb.u64)], 8)
    kb.hook("f", [])
    return kb.kernel(symbols=["f"])


@pytest.mark.parametrize("section", ["kprobe/f", "raw_tp/f", "fentry/f", "tc"])
@pytest.mark.parametrize(
    ("offset", "size", "told"),
    [
        (8, 2, ""), (8, 4, "access beyond the end of short"), (10, 2, "no field at offset 10"), (12, 4, ""),
        (12, 8, "access beyond struct task_struct"), (16, 4, "access beyond struct task_struct"),
    ],
)  # fmt: skip
def test_r_12_6_what_helpers_return(section: str, offset: int, size: int, told: str) -> None:
    """The verifier knows the type of it in a program of any kind, a kprobe's too, whose arguments it does not know."""
    found = only(of_task(section, ldx(size, 3, 0, offset)), with_task())
    said = [p.message for p in found.problems if "R-12.6" in p.rules]
    assert len(said) == bool(told)
    assert all("what bpf_get_current_task_btf() returns: " in text and told in text for text in said)


def test_r_12_6_what_helpers_return_and_others_read() -> None:
    """Of another helper nothing is known; helpers that read memory take any address; each helper has its own type."""
    assert not typed_told(of_task("kprobe/f", ldx(4, 3, 0, 16), helper=35), with_task())
    assert not typed_told(of_task("kprobe/f", mov(3, Reg(0)), alu("+", 3, 16), *probe_read()), with_task())
    (said,) = typed_told(of_task("tc", ldx(4, 3, 0, 8), helper=137), with_task())
    assert "what bpf_skc_to_tcp_sock() returns: access beyond struct tcp_sock" in said


@pytest.mark.parametrize("relocated", [False, True])
def test_r_12_6_the_remedy_names_the_struct(relocated: bool) -> None:
    """Of a read at a fixed offset; one by CO-RE is only as wide as it was built."""
    ob = ObjectBuilder()
    task = ob.btf.struct("task_struct", [("a", ob.u64), ("short", ob.u32)])
    read = ldx(4, 3, 0, 8)
    ob.program(
        "tc",
        "prog",
        [
            call(158),
            mov(3, Reg(0)),
            core(read, task, "0:1", FIELD_BYTE_OFFSET) if relocated else read,
            mov(0, 0),
            exit_(),
        ],
    )
    kernels = []
    for release, size in (("6.12", 4), ("7.3", 2)):
        kb = KernelBuilder(release)
        kb.btf.struct("task_struct", [("a", kb.u64), ("short", kb.btf.int_("short", size))])
        kernels.append(kb.kernel())
    (program,) = compared(ob, *kernels).programs
    (made,) = [f.remedy for f in program.findings if f.failure is Failure.TYPED_ACCESS_REJECTED]
    assert made is not None and ("BPF_CORE_READ_BITFIELD" in made.text) == relocated
    assert ("declare struct task_struct with" in made.text) != relocated


def typed_told(ob: ObjectBuilder, kernel: Kernel) -> list[str]:
    return [p.message for p in only(ob, kernel).problems if "R-12.6" in p.rules]


def test_helpers_that_return_typed_pointers_have_these_numbers() -> None:
    """As the UAPI counts them."""
    levels = json.loads(resource("knowledge/uapi.json").read_text())["helpers"][""]
    for number, (name, _) in RETURNS.items():
        known = {names[number] for names in levels.values() if names and len(names) > number}
        assert known == {name.removeprefix("bpf_")}


def test_r_12_6_arrays_without_length() -> None:
    """A last member without length goes on past the struct."""
    assert only(prog(arg(0), ldx(4, 3, 2, 16)), kernel("open")).loads == Tri.YES
    assert only(prog(arg(0), ldx(4, 3, 2, 16)), kernel("other")).loads == Tri.NO


def test_r_12_6_paths_that_disagree_say_nothing() -> None:
    """Where two paths leave different pointers in a register, the value has no type."""
    code = [arg(0), arg(1, 3), arg(2, 4), jmp("==", 4, 0, "on"), mov(2, Reg(3)), "on:", ldx(8, 5, 2, 24)]
    assert only(prog(*code), kernel("pair", "other", "u32")).loads == Tri.YES
    assert only(prog(arg(1), ldx(8, 5, 2, 24)), kernel("pair", "other", "u32")).loads == Tri.NO


@pytest.mark.parametrize("section", ["fentry/f", "tp_btf/f", "struct_ops/cb"])
def test_r_12_4_an_argument_that_became_a_number(section: str) -> None:
    """A direct read is refused; a helper reads whatever address the number makes; unused it is no matter."""

    def upgrade(*code: Any) -> ProgramVerdict:
        ob = prog(*code, section=section)
        if section.startswith("struct_ops"):
            table = ob.btf.struct("my_ops", [("cb", ob.btf.ptr(ob.btf.proto(ob.s32)))])
            ob.struct_ops("table", table, 8, {0: "prog"})
        return compared(ob, kernel("pair", "pair"), kernel("pair", "u32")).programs[0]

    found = upgrade(arg(1), ldx(8, 3, 2, 0))
    assert (found.verdict, found.findings[0].rules) == (Verdict.BREAKS, ("R-12.4",))
    assert "argument 2 is `unsigned int a1`" in found.findings[0].message
    found = upgrade(arg(1, 3), probe_read())
    assert (found.verdict, found.findings[0].rules) == (Verdict.SILENT, ("R-12.4",))
    assert upgrade(arg(0), ldx(8, 3, 2, 0)).verdict == Verdict.OK


@pytest.mark.parametrize(("offset", "loads"), [(0, Tri.NO), (8, Tri.YES)])
@pytest.mark.parametrize("section", ["fentry/f", "kprobe/f", "tc"])
def test_r_12_4_a_member_that_is_a_number(section: str, offset: int, loads: Tri) -> None:
    """Seen on 6.18: behind what a helper returns as well, in programs of any kind; a helper may read at its value."""
    kb = KernelBuilder()
    inner = kb.btf.struct("inner", [("value", kb.u64)])
    kb.btf.struct("task_struct", [("number", kb.u64), ("link", kb.btf.ptr(inner))])
    kb.hook("f", [])
    new = kb.kernel(symbols=["f"])
    found = only(of_task(section, ldx(8, 3, 0, offset), ldx(8, 4, 3, 0)), new)
    told = [p.message for p in found.problems if "R-12.4" in p.rules]
    assert len(told) == (loads == Tri.NO)
    assert all("what bpf_get_current_task_btf() returns->number is `unsigned long" in text for text in told)
    read = of_task(section, ldx(8, 3, 0, offset), jmp("==", 3, 0, "out"), *probe_read())
    assert not any("R-12.4" in p.rules for p in only(read, new).problems)


def test_r_12_4_a_number_on_both_kernels_is_no_change() -> None:
    assert compared(prog(arg(0, 3), probe_read()), kernel("u32"), kernel("u32")).programs[0].verdict == Verdict.OK


def reads_pair(*code: Any, guard: bool = False) -> ObjectBuilder:
    """A kprobe that reads ``pair.first`` behind an argument: the first where ``marker.old`` exists, else the second."""
    ob = ObjectBuilder()
    local = ob.btf.struct("pair", [("first", ob.u64)])
    marker = ob.btf.struct("marker", [("old", ob.u64)])
    head = [ldx(8, 3, 1, X86[0])]
    if guard:
        test = [core(mov(4, 1), marker, "0:0", FIELD_EXISTS), jmp32("!=", 4, 0, "first")]
        head = [*test, ldx(8, 3, 1, X86[1]), ja("go"), "first:", ldx(8, 3, 1, X86[0]), "go:"]
    read = [core(alu("+", 3, 0), local, "0:0", FIELD_BYTE_OFFSET), probe_read()]
    return ob.program("kprobe/f", "prog", [*head, *code, *read, *END])


def marked(old: bool, *args: str) -> Kernel:
    """A kernel whose ``marker`` has the member ``old`` or not."""
    kb = KernelBuilder("7.3")
    types = {
        "pair": kb.btf.ptr(pair(kb)), "other": kb.btf.ptr(kb.btf.struct("other", [("start", kb.u64)])), "u32": kb.u32,
        "larger": kb.btf.ptr(kb.btf.struct("larger", [("base", pair(kb)), ("more", kb.u64)])),
        "part": kb.btf.ptr(kb.btf.struct("part", [("first", kb.u64)])),
        "beyond": kb.btf.ptr(kb.btf.struct("beyond", [("first", kb.u64), ("more", kb.u64)])),
        "shifted": kb.btf.ptr(kb.btf.struct("shifted", [("first", kb.u64, 64)], 16)),
    }  # fmt: skip
    kb.btf.struct("marker", [("old" if old else "new", kb.u64)])
    kb.hook("f", [(f"a{i}", types[word]) for i, word in enumerate(args)])
    return kb.kernel(symbols=["f"])


@pytest.mark.parametrize(
    ("new", "verdict"),
    [
        (marked(False, "other", "pair"), Verdict.DEGRADES), (marked(False, "pair", "other"), Verdict.SILENT),
        (marked(False, "other", "larger"), Verdict.DEGRADES), (marked(True, "pair", "other"), Verdict.OK),
    ],
)  # fmt: skip
def test_r_12_5_a_test_that_flips_to_a_branch_for_another_order(new: Kernel, verdict: Verdict) -> None:
    """The branch that is newly taken is read against the new prototype: another struct there is SILENT."""
    found = compared(reads_pair(guard=True), marked(True, "pair", "other"), new).programs[0]
    assert found.verdict == verdict
    if verdict == Verdict.SILENT:
        assert any("R-12.5" in f.rules and "is now a struct other" in f.message for f in found.findings)


@pytest.mark.parametrize(
    ("old", "new", "silent"),
    [("pair", "other", True), ("pair", "larger", False), ("larger", "pair", False), ("other", "other", False),
     ("other", "pair", False), ("pair", "part", False), ("pair", "beyond", True), ("pair", "shifted", True)],
)  # fmt: skip
def test_r_12_5_relocated_reads_of_another_struct(old: str, new: str, silent: bool) -> None:
    """A struct that holds the other at its start is a cast, and what both kernels do alike is no change.

    One that has only members of the other, at the same places, reads alike: sockaddr_unsized and sockaddr.
    """
    found = compared(reads_pair(), marked(True, old), marked(True, new)).programs[0]
    assert any("R-12.5" in f.rules for f in found.findings) == silent
    assert (found.verdict == Verdict.SILENT) == silent


@pytest.mark.parametrize(
    ("ops", "offset", "loads"),
    [("tcp_congestion_ops", 8, Tri.YES), ("tcp_congestion_ops", 16, Tri.NO), ("my_ops", 8, Tri.NO)],
)
def test_r_12_7_struct_ops_that_hand_out_larger_structs(ops: str, offset: int, loads: Tri) -> None:
    """tcp_congestion_ops makes ``struct tcp_sock`` of ``struct sock``."""
    kb = KernelBuilder("7.3")
    sock = kb.btf.struct("sock", [("state", kb.u64)])
    kb.btf.struct("tcp_sock", [("base", sock), ("cwnd", kb.u64)])
    kb.ops(ops, [("ssthresh", kb.callback([("sk", kb.btf.ptr(sock))]))])
    ob = prog(arg(0), ldx(8, 3, 2, offset), section="struct_ops/ssthresh")
    table = ob.btf.struct(ops, [("ssthresh", ob.btf.ptr(ob.btf.proto(ob.s32)))])
    assert only(ob.struct_ops("table", table, 8, {0: "prog"}), kb.kernel()).loads == loads


@pytest.mark.parametrize(
    ("member", "argument", "loads"), [("enqueue", 2, Tri.YES), ("enqueue", 3, Tri.NO), ("init", 2, Tri.NO)]
)
def test_r_12_7_struct_ops_that_hand_out_arguments_themselves(member: str, argument: int, loads: Tri) -> None:
    """Before 7.1 pointers to pointers are withheld; Qdisc_ops gives ``to_free`` of enqueue."""
    kb = KernelBuilder("6.17")
    skb = kb.btf.ptr(kb.btf.struct("sk_buff", [("len", kb.u32)]))
    rows = [("skb", skb), ("sch", skb), ("to_free", kb.btf.ptr(skb)), ("others", kb.btf.ptr(skb))]
    kb.ops("Qdisc_ops", [(name, kb.callback(rows)) for name in ("enqueue", "init")])
    ob = prog(arg(argument), section=f"struct_ops/{member}")
    table = ob.btf.struct("Qdisc_ops", [(member, ob.btf.ptr(ob.btf.proto(ob.s32)))])
    assert only(ob.struct_ops("table", table, 8, {0: "prog"}), kb.kernel()).loads == loads
