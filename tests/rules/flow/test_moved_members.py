# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Reads at fixed offsets behind typed pointers, where another member lies after an upgrade (R-12.6)."""

from __future__ import annotations

from typing import Any

import pytest

from kfuncscope.kernel.kernel import Kernel
from kfuncscope.model.aligned import aligned
from kfuncscope.model.causes import key_of
from kfuncscope.model.verdict import Confidence, ProgramVerdict, Verdict
from support.bpfwriter import (
    FIELD_BYTE_OFFSET,
    ObjectBuilder,
    Reg,
    alu,
    call,
    core,
    exit_,
    jmp,
    kfunc,
    ldx,
    mov,
)  # fmt: skip
from support.kernels import KernelBuilder, compared

END: list[Any] = ["out:", mov(0, 0), exit_()]
CURRENT, CURRENT_BTF, PROBE_READ, DI = 35, 158, 113, 112
LAYOUTS = {
    "old": "state tasks.next pid tgid", "moved": "state tasks.next tgid pid", "later": "state pad tasks.next pid tgid",
    "renamed": "state tasks.next number tgid", "gone": "state tasks.next wide.lock tgid",
    "same": "state tasks.next pid", "short": "state tasks.next pid.2 tgid", "other": "state tasks.prev pid tgid",
}  # fmt: skip


def kernel(layout: str, argument: str = "task_struct") -> Kernel:
    """A kernel whose ``struct task_struct`` has these members: 8 bytes for each of them but those of 2."""
    kb = KernelBuilder("7.3")
    node = kb.btf.struct("list_head", [("next", kb.u64), ("prev", kb.u64)])
    rows, at = [], 0
    for word in LAYOUTS[layout].split():
        name, _, inner = word.partition(".")
        if inner in ("next", "prev"):  # the pointer of this name is what lies there
            rows.append((name, node, 8 * (at - 8 * (inner == "prev"))))
        elif inner == "lock":
            rows.append((name, kb.btf.struct("lock", [("owner", kb.u32), ("rest", kb.u32)]), 8 * at))
        else:
            rows.append((name, kb.btf.int_("short", 2) if inner else kb.u64, 8 * at))
        at += 16 if inner == "next" else 8
    task = kb.btf.struct("task_struct", [r for r in rows if r[2] >= 0], 64)
    pointer = kb.btf.ptr(task)
    kb.hook("f", [("a", pointer if argument == "task_struct" else kb.u64)])
    kb.tracepoint("f", [("a", pointer)])
    kb.btf.kfunc("bpf_task", pointer)
    return kb.kernel(symbols=["f", "bpf_task"])


def probe(size: int, at: int) -> list[Any]:
    """bpf_probe_read_kernel(fp - 64, size, r6 + at)."""
    return [mov(1, Reg(10)), alu("+", 1, -64), mov(2, size), mov(3, Reg(6)), alu("+", 3, at), call(PROBE_READ)]


DIRECT, PROBED = [ldx(8, 2, 6, 24)], probe(8, 24)


def source(how: str) -> tuple[str, list[Any]]:
    """Section, and code that leaves a task in r6."""
    return {
        "argument": ("fentry/f", [ldx(8, 6, 1, 0)]),
        "register": ("kprobe/f", [ldx(8, 6, 1, DI)]),
        "helper": ("raw_tp/f", [call(CURRENT_BTF), mov(6, Reg(0))]),
        "address": ("raw_tp/f", [call(CURRENT), mov(6, Reg(0))]),
        "kfunc": ("tp_btf/f", [kfunc("bpf_task"), jmp("==", 0, 0, "out"), mov(6, Reg(0))]),
    }[how]


def upgrade(how: str, read: list[Any], new: str, old: str = "old") -> ProgramVerdict:
    section, head = source(how)
    ob = ObjectBuilder()
    if how == "kfunc":
        task = ob.btf.struct("task_struct", [("pid", ob.u64)])
        ob.extern_func("bpf_task", ob.btf.proto(ob.btf.ptr(task)))
    ob.program(section, "prog", [*head, *read, *END])
    return compared(ob, kernel(old), kernel(new)).programs[0]


def built_for(offset: int, *, declared: bool = True) -> ProgramVerdict:
    """An object with a struct of its own that has ``pid`` at this offset, and reads at 24."""
    ob = ObjectBuilder()
    if declared:
        ob.btf.struct("task_struct", [("pid", ob.u64, 8 * offset), ("other", ob.u64, 8 * (40 - offset))], 64)
    ob.program("raw_tp/f", "prog", [call(CURRENT_BTF), mov(6, Reg(0)), *DIRECT, *END])
    return compared(ob, kernel("old"), kernel("moved")).programs[0]


UNSURE = "; the object's BTF does not say which member it means"


def told(found: ProgramVerdict) -> list[str]:
    """What is said of moved members: a risk, as these objects do not say which member they mean."""
    said = [
        f.message.partition(": ")[2] for f in found.findings if f.rules == ("R-12.6",) and f.verdict == Verdict.RISK
    ]
    assert all(text.endswith(UNSURE) for text in said)
    return [text.removesuffix(UNSURE) for text in said]


HOW = [("argument", DIRECT), ("argument", PROBED), ("register", PROBED), ("helper", DIRECT), ("helper", PROBED),
       ("address", PROBED), ("kfunc", DIRECT)]  # fmt: skip


@pytest.mark.parametrize(("how", "read"), HOW)
@pytest.mark.parametrize("new", ["old", "moved"])
def test_r_12_6_a_member_that_moved_away_from_a_fixed_offset(how: str, read: list[Any], new: str) -> None:
    """Behind an argument, a register of a probe, and what helpers and kfuncs return alike."""
    found = upgrade(how, read, new)
    assert found.verdict == (Verdict.RISK if new == "moved" else Verdict.OK)
    if new == "moved":
        (said,) = told(found)
        assert "the program reads `pid` of struct task_struct at fixed offset 24 behind" in said
        assert said.endswith("where `tgid` lies now")


@pytest.mark.parametrize(
    ("new", "end"),
    [
        ("later", "where `tasks.prev` lies now"), ("renamed", ""), ("gone", "where `wide.owner` lies now"),
        ("same", ""), ("other", "where `tgid` lies now"),
    ],
)  # fmt: skip
def test_r_12_6_renamed_gone_and_later(new: str, end: str) -> None:
    """A member of another name and the same type in the place of one that is gone was renamed, as far as types tell."""
    found = upgrade("helper", [ldx(4, 2, 6, 24)], new)
    assert [said[-len(end) :] for said in told(found)] == [end] * bool(end)


def test_r_12_6_members_are_known_by_their_path() -> None:
    """``next`` of one list is not that of another."""
    assert told(upgrade("helper", [ldx(8, 2, 6, 8)], "other", "old"))[0].endswith("where `tasks.prev` lies now")
    assert not told(upgrade("helper", [ldx(8, 2, 6, 8)], "moved", "old"))


@pytest.mark.parametrize(("size", "silent"), [(2, False), (4, True)])
def test_r_12_6_a_helper_that_reads_more_than_is_left_of_a_member(size: int, silent: bool) -> None:
    """A direct read is refused there; bpf_probe_read_kernel() reads on into what lies behind."""
    found = upgrade("address", probe(size, 24), "short")
    assert (found.verdict == Verdict.RISK) == silent
    assert [said.rpartition(", ")[2] for said in told(found)] == ["where no member of 4 bytes lies now"] * silent
    assert upgrade("helper", [ldx(size, 2, 6, 24)], "short").verdict == (Verdict.BREAKS if silent else Verdict.OK)


@pytest.mark.parametrize("added", [False, True])
def test_r_12_6_what_core_moves_is_not_fixed(added: bool) -> None:
    ob = ObjectBuilder()
    task = ob.btf.struct("task_struct", [("state", ob.u64), ("pid", ob.u64, 24 * 8)], 32)
    load = core(ldx(8, 2, 6, 24), task, "0:1", FIELD_BYTE_OFFSET)
    code = [core(alu("+", 6, 24), task, "0:1", FIELD_BYTE_OFFSET), probe(8, 0)] if added else load
    ob.program("raw_tp/f", "prog", [call(CURRENT_BTF), mov(6, Reg(0)), *code, *END])
    assert compared(ob, kernel("old"), kernel("moved")).programs[0].verdict == Verdict.OK


def test_r_12_6_of_another_struct_nothing_is_compared() -> None:
    """An argument that is no longer a task is a finding of its own."""
    ob = ObjectBuilder().program("fentry/f", "prog", [ldx(8, 6, 1, 0), *PROBED, *END])
    found = compared(ob, kernel("old"), kernel("moved", "number")).programs[0]
    assert [f.rules for f in found.findings if f.verdict == Verdict.SILENT] != [("R-12.6",)]


@pytest.mark.parametrize(
    ("offset", "declared", "confidence"),
    [(24, True, Confidence.MEDIUM), (24, False, Confidence.LOW), (16, True, None)],
)  # fmt: skip
def test_r_12_6_what_the_object_was_built_for(offset: int, declared: bool, confidence: Confidence | None) -> None:
    """Its own BTF tells which member it means; built for a third kernel, it is wrong on both alike."""
    found = built_for(offset, declared=declared)
    assert [f.confidence for f in found.findings if f.rules == ("R-12.6",)] == ([confidence] if confidence else [])
    assert (
        found.verdict == {Confidence.MEDIUM: Verdict.SILENT, Confidence.LOW: Verdict.RISK, None: Verdict.OK}[confidence]
    )


@pytest.mark.parametrize(("others", "end"), [(0, "lies now"), (1, "and so with another read"),
                                             (2, "and so with 2 other reads")])  # fmt: skip
def test_r_12_6_one_finding_for_all_reads_of_a_program(others: int, end: str) -> None:
    found = upgrade("helper", [*DIRECT, *[ldx(8, 3, 6, 32)] * others], "moved")
    (one,) = [f for f in found.findings if f.rules == ("R-12.6",)]
    assert one.message.removesuffix(UNSURE).endswith(end) and len(one.sites) == 1 + others


def test_r_12_6_what_changed_is_the_struct_and_both_layouts_are_shown() -> None:
    """The hook is as it was: the cause of all such reads is one, whatever the programs hang on."""
    found = [upgrade("helper", DIRECT, "moved"), upgrade("address", PROBED, "moved")]
    shown = [next(f for f in one.findings if f.rules == ("R-12.6",)) for one in found]
    assert {key_of(f, "raw_tp/f").title for f in shown} == {"struct task_struct changed"}
    old, new = shown[0].evidence.old, shown[0].evidence.new
    assert "pid;\t/* offset 24 */" in old and "tgid;\t/* offset 24 */" in new
    assert [row.old == row.new for row in aligned(old, new)].count(False) >= 1


@pytest.mark.parametrize(("how", "silent"), [("address", False), ("kfunc", True)])
def test_r_12_5_a_mere_address_is_no_struct_that_changed(how: str, silent: bool) -> None:
    """bpf_get_current_task() gives a number on every kernel; a kfunc gives what its prototype says."""
    section, head = source(how)
    ob = ObjectBuilder()
    other = ob.btf.struct("other", [("pid", ob.u64, 24 * 8)], 32)
    if how == "kfunc":
        ob.extern_func("bpf_task", ob.btf.proto(ob.btf.ptr(other)))
    ob.program(section, "prog", [*head, core(alu("+", 6, 24), other, "0:0", FIELD_BYTE_OFFSET), *probe(8, 0), *END])
    kernels = []
    for struct in ("other", "task_struct"):
        kb = KernelBuilder("7.3")
        made = {
            name: kb.btf.struct(name, [(member, kb.u64, 24 * 8)], 64)
            for name, member in (("other", "pid"), ("task_struct", "tgid"))
        }
        kb.hook("f")
        kb.tracepoint("f")
        kb.btf.kfunc("bpf_task", kb.btf.ptr(made[struct]))
        kernels.append(kb.kernel(symbols=["f", "bpf_task"]))
    found = compared(ob, *kernels).programs[0]
    assert any("R-12.5" in f.rules for f in found.findings) == silent
