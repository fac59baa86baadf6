# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Records of trace events: their ends, their members, and those of system calls (R-12.8, R-12.9)."""

from __future__ import annotations

import pytest

from kfuncscope.kernel.kernel import Kernel
from kfuncscope.model.verdict import ProgramVerdict, Tri, Verdict
from support.bpfwriter import FIELD_BYTE_OFFSET, FIELD_EXISTS, ObjectBuilder, core, exit_, jmp32, ldx, mov
from support.kernels import KernelBuilder, compared, only, rules

END = [mov(0, 0), exit_()]


def with_record(*fields: tuple[str, int], entry: int = 8, flexible: bool = True) -> Kernel:
    """A kernel with the event ``sched/moved``: members of 4 bytes or more after ``struct trace_entry``."""
    kb = KernelBuilder("7.3")
    ent = kb.btf.struct("trace_entry", [(f"common_{i}", kb.u32) for i in range(entry // 4)])
    rows = [("ent", ent), *((name, kb.btf.array(kb.u32, size // 4) if size > 4 else kb.u32) for name, size in fields)]
    if flexible:
        rows.append(("__data", kb.btf.array(kb.btf.int_("char", 1), 0)))
    kb.btf.struct("trace_event_raw_moved", rows)
    kb.tracepoint("moved")
    return kb.kernel()


def reads(offset: int, size: int = 4, *, section: str = "tracepoint/sched/moved", guard: bool = False) -> ObjectBuilder:
    """A program that reads the context at a fixed offset, or (``guard``) only where the member ``tail`` exists."""
    ob = ObjectBuilder()
    code = [ldx(size, 2, 1, offset), *END]
    if guard:
        record = ob.btf.struct("trace_event_raw_moved", [("tail", ob.u32)])
        code = [
            core(mov(3, 1), record, "0:0", FIELD_EXISTS),
            jmp32("==", 3, 0, "out"),
            ldx(size, 2, 1, offset),
            "out:",
            *END,
        ]
    return ob.program(section, "prog", code)


@pytest.mark.parametrize(
    ("offset", "size", "attaches"), [(12, 4, Tri.YES), (12, 8, Tri.NO), (16, 4, Tri.NO), (0, 8, Tri.YES)]
)
def test_r_12_8_reads_past_the_last_field(offset: int, size: int, attaches: Tri) -> None:
    """The record of two words ends at byte 16; it loads all the same."""
    found = only(reads(offset, size), with_record(("a", 4), ("b", 4)))
    assert (found.loads, found.attaches) == (Tri.YES, attaches)
    if attaches == Tri.NO:
        assert found.first is not None and "R-12.8" in found.first.rules
        assert found.first.message.endswith(
            f"up to byte {offset + size} of a record that ends at byte 16 in this kernel"
        )


def test_r_12_8_padding_does_not_count() -> None:
    """The end is that of the last field, not of the struct; without the flexible end no file tells it."""
    assert only(reads(16), with_record(("a", 4), ("b", 4), flexible=False)).attaches == Tri.YES
    assert only(reads(16), with_record(("a", 8))).attaches == Tri.NO


def test_r_12_8_only_reads_that_run_count() -> None:
    """The kernel notes what its verifier walks."""
    assert only(reads(16, guard=True), with_record(("a", 4), ("b", 4))).attaches == Tri.YES
    assert only(reads(20, guard=True), with_record(("a", 4), ("tail", 4))).attaches == Tri.NO


def verdict(ob: ObjectBuilder, old: Kernel, new: Kernel) -> ProgramVerdict:
    return compared(ob, old, new).programs[0]


def test_r_12_8_and_r_7_8_what_an_upgrade_does() -> None:
    """Past the new end: BREAKS at attach. On another member: SILENT. In place: OK."""
    old, new = with_record(("comm", 16), ("pid", 4)), with_record(("name", 4), ("pid", 4))
    found = verdict(reads(24), old, new)
    assert (found.verdict, found.reach, found.new.loads) == (Verdict.BREAKS, "attach", Tri.YES)
    found = verdict(reads(12), old, new)
    assert (found.verdict, found.findings[0].rules) == (Verdict.SILENT, ("R-7.8",))
    assert "reads `comm` at fixed offset 12, which now holds `pid` (4 bytes)" in found.findings[0].message
    assert verdict(reads(12), new, new).verdict == Verdict.OK
    assert verdict(reads(24), new, new).verdict == Verdict.ALREADY_BROKEN


# -- system calls


def with_calls(
    entry: int = 8, *, args: int = 3, named: bool = True, user: bool = False, wrapped: bool = True
) -> Kernel:
    """A kernel with the three records of an entered system call; ``trace_entry`` has ``entry`` bytes."""
    kb = KernelBuilder("6.12")
    ent = kb.btf.struct("trace_entry", [(f"common_{i}", kb.u32) for i in range(entry // 4)])
    six = kb.btf.array(kb.u64, 6)
    kb.btf.struct("trace_event_raw_sys_enter", [("ent", ent), ("id", kb.s64), ("args", six)])
    kb.btf.struct("trace_event_raw_sys_exit", [("ent", ent), ("id", kb.s64), ("ret", kb.s64)])
    kb.btf.struct("syscall_trace_enter", [("ent", ent), ("nr", kb.s32), ("args", kb.btf.array(kb.u64, 0))])
    kb.btf.struct("syscall_trace_exit", [("ent", ent), ("nr", kb.s32), ("ret", kb.s64)])
    kb.btf.struct("syscall_metadata", [("name", kb.u64), *([("user_mask", kb.u32)] if user else [])])
    if named:
        kb.hook("__do_sys_openat", [(f"a{i}", kb.s32) for i in range(args)])
    kb.hook("__x64_sys_openat")
    return kb.kernel()


def call_args(index: int, *, root: str = "trace_event_raw_sys_enter", event: str = "sys_enter_openat") -> ObjectBuilder:
    """A program that reads ``args[index]`` (or ``ret``) by CO-RE through one of the records."""
    ob = ObjectBuilder()
    ent = ob.btf.struct("trace_entry", [("common_0", ob.u32), ("common_1", ob.u32)])
    last = ("ret", ob.u64) if event.startswith("sys_exit") else ("args", ob.btf.array(ob.u64, 6))
    record = ob.btf.struct(root, [("ent", ent), ("id", ob.u64), last])
    access = "0:2" if last[0] == "ret" else f"0:2:{index}"
    code = [core(ldx(8, 2, 1, 16 + 8 * index), record, access, FIELD_BYTE_OFFSET), *END]
    return ob.program(f"tracepoint/syscalls/{event}", "prog", code)


@pytest.mark.parametrize(
    ("ob", "new", "result"),
    [
        (call_args(1), 8, Verdict.OK),
        (call_args(1), 12, Verdict.SILENT),
        (call_args(0, root="trace_event_raw_sys_exit", event="sys_exit_openat"), 12, Verdict.BREAKS),
        (call_args(0, root="trace_event_raw_sys_exit", event="sys_exit_openat"), 8, Verdict.OK),
        (reads(24, 8, section="tp/syscalls/sys_enter_openat"), 12, Verdict.OK),
        (reads(8, 4, section="tp/syscalls/sys_enter_openat"), 12, Verdict.SILENT),
        (reads(8, 4, section="tp/syscalls/sys_enter_openat"), 8, Verdict.OK),
    ],
)  # fmt: skip
def test_r_12_9_the_record_of_a_system_call_is_another(ob: ObjectBuilder, new: int, result: Verdict) -> None:
    """With a ``trace_entry`` of 12 bytes the number moves and the arguments stay, whatever sys_enter's struct says."""
    found = verdict(ob, with_calls(), with_calls(new))
    assert found.verdict == result
    if result == Verdict.SILENT:
        assert found.findings[0].rules[0] == "R-12.9"


def test_r_12_9_what_both_kernels_read_wrongly_is_no_change() -> None:
    """Two kernels with the longer entry do the same."""
    assert verdict(call_args(1), with_calls(12), with_calls(12)).verdict == Verdict.OK


@pytest.mark.parametrize(("wrapped", "attaches"), [(True, Tri.YES), (False, Tri.NO)])
def test_r_12_8_a_wrapped_call_does_not_tell_its_arguments(wrapped: bool, attaches: Tri) -> None:
    """``sys_openat(const struct pt_regs *)`` has one parameter, whatever the call has; unwrapped it has its own."""
    kb = KernelBuilder("6.12", "ppc64le")
    ent = kb.btf.struct("trace_entry", [("common_0", kb.u32), ("common_1", kb.u32)])
    kb.btf.struct("syscall_trace_enter", [("ent", ent), ("nr", kb.s32), ("args", kb.btf.array(kb.u64, 0))])
    registers = kb.btf.ptr(kb.btf.const(kb.registers))
    kb.hook("sys_openat", [("regs", registers)] if wrapped else [("dfd", kb.s32)])
    assert only(reads(24, 8, section="tp/syscalls/sys_enter_openat"), kb.kernel()).attaches == attaches


@pytest.mark.parametrize(
    ("index", "kernel", "attaches"),
    [
        (2, with_calls(), Tri.YES), (3, with_calls(), Tri.NO), (3, with_calls(args=4), Tri.YES),
        (3, with_calls(named=False), Tri.YES), (4, with_calls(named=False), Tri.NO), (0, with_calls(args=0), Tri.NO),
    ],
)  # fmt: skip
def test_r_12_8_system_calls_end_with_their_arguments(index: int, kernel: Kernel, attaches: Tri) -> None:
    """As many as the call has by its function in the BTF, or by the table: openat has four."""
    assert only(call_args(index), kernel).attaches == attaches


@pytest.mark.parametrize(
    ("event", "user", "last", "size"),
    [
        ("openat", False, 40, 8), ("openat", True, 48, 4), ("close", False, 16, 8), ("close", True, 16, 8),
        ("mount", True, 64, 4), ("renameat2", True, 60, 4), ("gettid", False, 8, 4), ("bpf", False, 56, 8),
        ("bpf", True, 72, 4),
    ],
)  # fmt: skip
def test_r_12_8_ends_of_system_calls_by_the_table(event: str, user: bool, last: int, size: int) -> None:
    """Seen in the format files of 7.3.4: four bytes more for each argument whose user data is copied behind them."""
    kernel = with_calls(named=False, user=user)
    for offset, end in ((last, last + size), (last + size, last + 2 * size)):
        ob = reads(offset, size, section=f"tp/syscalls/sys_enter_{event}")
        assert ("R-12.8" in rules(only(ob, kernel))) == (end > last + size)


@pytest.mark.parametrize(("args", "last"), [(7, 5), (3, 2)])
def test_r_12_8_a_system_call_has_at_most_six_arguments(args: int, last: int) -> None:
    """SYSCALL_DEFINE_MAXARGS."""
    for index, attaches in ((last, Tri.YES), (last + 1, Tri.NO)):
        ob = reads(16 + 8 * index, 8, section="tp/syscalls/sys_enter_openat")
        assert only(ob, with_calls(args=args)).attaches == attaches
