# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The guest's agent without a guest: its passes over an object against a libbpf that answers as the test says."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kfuncscope.bpf.elf import STB_WEAK
from kfuncscope.bpf.object import read_object
from kfuncscope.prove import plan
from kfuncscope.prove.guest import agent, agent_load, agent_probe, wire
from kfuncscope.prove.seen import BootSeen, ObjectSeen
from kfuncscope.prove.setup import ObjectSetup
from support.bpfwriter import ObjectBuilder, exit_, kfunc, mov

CODE = [mov(0, 0), exit_()]


class FakeLibbpf:
    """Loads an object as ``refuses`` says: given the programs that are on, (errno, what libbpf says)."""

    last: FakeLibbpf

    def __init__(self, data: bytes, refuses: Callable[[set[str], set[str]], tuple[int, list[str]]]) -> None:
        FakeLibbpf.last = self
        self.names = [p.name for p in read_object(data, "x").programs]
        self.refuses = refuses
        self.said: list[str] = []
        self.on: set[str] = set()
        self.attached: list[str] = []
        self.loads = 0
        self.loaded = False
        self.data = b""
        self.tables = [ops.name for ops in read_object(data, "x").struct_ops]
        self.members = ctypes.create_string_buffer(64)  # of the one struct_ops map, as its user sees them

    def walk(self, name: str, obj: int) -> list[int]:
        return [100 + i for i in range(len(self.names))] if name.endswith("program") else [900] * len(self.tables)

    def text(self, name: str, pointer: int) -> str:
        return self.names[pointer - 100] if pointer < 900 else self.tables[0]

    def call(self, name: str, *arguments: Any) -> int:
        if name == "bpf_object__open_mem":
            self.on, self.data, self.loaded = set(), bytes(arguments[0]), False
            self.members[:] = b"\1" * 64
            return 1 << 40
        if name == "bpf_map__initial_value":
            ctypes.cast(arguments[1], ctypes.POINTER(ctypes.c_size_t))[0] = 64
            return ctypes.addressof(self.members)
        if name == "bpf_program__set_autoload" and arguments[1].value:
            self.on.add(self.names[arguments[0] - 100])
        if name == "bpf_object__load":
            self.loads += 1
            weak = {s.name for s in read_object(self.data, "x").elf.symbols if s.bind == STB_WEAK and not s.shndx}
            rc, said = self.refuses(self.on, weak)
            self.said += said
            self.loaded = rc == 0
            return rc
        if name == "bpf_program__fd":
            return 5 if self.loaded and self.names[arguments[0] - 100] in self.on else -2
        if name == "bpf_program__attach":
            self.attached.append(self.names[arguments[0] - 100])
            return -22 if self.attached[-1] == "shy" else 1 << 41
        return 0


def answers(
    tmp_path: Path, data: bytes, refuses: Callable[[set[str], set[str]], tuple[int, list[str]]]
) -> tuple[ObjectSeen, FakeLibbpf]:
    task = plan.task(0, read_object(data, "x"), data, "00", ObjectSetup())
    task.form["path"] = str(tmp_path / "object")
    (tmp_path / "object").write_bytes(data)
    reading, writing = os.pipe()
    fake = FakeLibbpf(data, refuses)
    try:
        agent_load.Object(fake, agent.Wire(writing), task.form).run()  # type: ignore[arg-type]
    finally:
        os.close(writing)
    seen = BootSeen()
    with open(reading, "rb") as file:
        for record in wire.Wire().feed(file.read()):
            assert seen.take(record, {0: task})
    return seen.objects[0], fake


def three(names: tuple[str, ...] = ("a", "b", "c")) -> bytes:
    builder = ObjectBuilder()
    for name in names:
        builder.program("?kprobe/x" if name == "off" else "kprobe/x", name, CODE)
    return builder.build()


def test_an_object_that_loads_is_asked_once(tmp_path: Path) -> None:
    seen, fake = answers(tmp_path, three(), lambda on, weak: (0, []))
    assert (seen.load, seen.done, fake.loads) == (0, True, 1)
    assert {n: (p.load, p.attach) for n, p in seen.programs.items()} == dict.fromkeys("abc", (0, 0))
    assert fake.attached == ["a", "b", "c"]


def test_a_program_that_fails_is_taken_out_and_the_others_are_asked_without_it(tmp_path: Path) -> None:
    def refuses(on: set[str], weak: set[str]) -> tuple[int, list[str]]:
        return (-13, ["prog 'b': BPF program load failed: Permission denied"]) if "b" in on else (0, [])

    seen, fake = answers(tmp_path, three(), refuses)
    assert seen.load == -13
    assert {n: p.load for n, p in seen.programs.items()} == {"a": 0, "b": -13, "c": 0}
    assert fake.loads == 2
    assert seen.programs["b"].attach is None


def test_programs_that_are_off_are_asked_after_the_object(tmp_path: Path) -> None:
    seen, _ = answers(tmp_path, three(("a", "off")), lambda on, weak: (-1, ["x"]) if "off" in on else (0, []))
    assert seen.load == 0
    assert {n: p.load for n, p in seen.programs.items()} == {"a": 0, "off": -1}


def test_a_failure_that_names_nothing_leads_to_one_load_for_each_program(tmp_path: Path) -> None:
    def refuses(on: set[str], weak: set[str]) -> tuple[int, list[str]]:
        return (-22, ["failed"]) if len(on) > 1 or "c" in on else (0, [])

    seen, _ = answers(tmp_path, three(), refuses)
    assert {n: p.load for n, p in seen.programs.items()} == {"a": 0, "b": 0, "c": -22}


@pytest.mark.parametrize(("fd", "load"), [(-2, 0), (9, -22)])
def test_a_slot_of_a_program_that_is_off_is_no_fault_of_the_one_asked(tmp_path: Path, fd: int, load: int) -> None:
    """libbpf fills slots once all programs are loaded; a slot whose program is loaded and refused is a refusal."""
    builder = ObjectBuilder().prog_array("jumps", {0: "b"}, max_entries=2)
    data = builder.program("kprobe/x", "a", CODE).program("kprobe/x", "b", CODE).build()
    slot = f"libbpf: map 'jumps': failed to initialize slot [0] to prog 'b' fd={fd}: -22"

    def refuses(on: set[str], weak: set[str]) -> tuple[int, list[str]]:
        return (0, []) if on == {"b"} else (-22, [slot])

    seen, _ = answers(tmp_path, data, refuses)
    assert {n: p.load for n, p in seen.programs.items()} == {"a": load, "b": 0}


def test_a_strong_extern_that_is_missing_is_made_weak_for_the_trial(tmp_path: Path) -> None:
    builder = ObjectBuilder().extern_func("bpf_gone").program("kprobe/x", "uses", [kfunc("bpf_gone"), *CODE])
    builder.program("kprobe/x", "plain", CODE)

    def refuses(on: set[str], weak: set[str]) -> tuple[int, list[str]]:
        if "bpf_gone" not in weak:
            return -3, ["extern (func ksym) 'bpf_gone': not found in kernel or module BTFs"]
        return (-22, ["prog 'uses': failed to load: -22"]) if "uses" in on else (0, [])

    seen, _ = answers(tmp_path, builder.build(), refuses)
    assert seen.load == -3 and seen.weak == ("bpf_gone",)
    assert {n: p.load for n, p in seen.programs.items()} == {"plain": 0, "uses": -22}


def test_a_member_that_fails_is_taken_out_of_its_table(tmp_path: Path) -> None:
    """libbpf loads every program that a struct_ops map refers to, whatever is switched on."""
    builder = ObjectBuilder()
    callback = builder.btf.ptr(builder.btf.proto(builder.s32))
    ops = builder.btf.struct("my_ops", [("good", callback), ("bad", callback)])
    builder.struct_ops("table", ops, 16, {0: "good", 8: "bad"})
    for name in ("good", "bad"):
        builder.program(f"struct_ops/{name}", name, CODE)

    def refuses(on: set[str], weak: set[str]) -> tuple[int, list[str]]:
        members = FakeLibbpf.last.members.raw
        referred = {name for name, at in (("good", 0), ("bad", 8)) if any(members[at : at + 8])}
        return (-22, ["prog 'bad': failed to load: -22"]) if "bad" in referred else (0, [])

    seen, _ = answers(tmp_path, builder.build(), refuses)
    assert {name: p.load for name, p in seen.programs.items()} == {"good": 0, "bad": -22}


def test_an_attach_that_fails_is_told_with_its_errno(tmp_path: Path) -> None:
    seen, _ = answers(tmp_path, three(("shy",)), lambda on, weak: (0, []))
    assert seen.programs["shy"].attach == -22


def test_weakened_changes_the_named_undefined_symbols_alone() -> None:
    builder = (
        ObjectBuilder().extern_func("one").extern_func("two").program("xdp", "p", [kfunc("one"), kfunc("two"), *CODE])
    )
    changed = read_object(agent_load.weakened(builder.build(), {"one", "p"}), "x")
    assert changed.externs["one"].weak and not changed.externs["two"].weak
    assert next(s for s in changed.elf.symbols if s.name == "p").bind != STB_WEAK


@pytest.mark.parametrize(
    ("said", "blamed"),
    [
        (["Error in bpf_create_map_xattr(m): x", "map 'm': failed to create: Invalid argument(-22)"], ("map", "m")),
        (["prog 'p': failed to find kernel BTF type ID of 'f': -3", "map 'm': x"], ("prog", "p")),
        (["extern (kcfg) 'CONFIG_X': not set"], ("extern", "CONFIG_X")),
        (["struct_ops init_kern: struct x is not found in kernel BTF"], ("struct_ops", "")),
        (["failed to load object 'x'"], ("", "")),
    ],
)
def test_blamed_reads_libbpfs_first_line_that_names_something(said: list[str], blamed: tuple[str, str]) -> None:
    assert agent_load.blamed(said) == blamed


def test_totals_of_the_verifier_are_no_errors() -> None:
    totals = "verification time 9 usec\nstack depth 0\nprocessed 1 insns (limit 1000000) max_states_per_insn 0\n"
    totals += "subprog 7 (restore_data) static insns_self 575 insns_total 575 stack 72\n"
    assert agent_load.errors_of("R0 !read_ok\n" + totals) == ["R0 !read_ok"]


def test_bitmaps_of_the_probe_begin_with_the_lowest_bit() -> None:
    assert agent_probe.bitmap([True, False, False, False, False, False, False, False, True]) == "0101"
    assert agent_probe.bitmap([]) == "00"


def test_instructions_of_the_probe_have_the_kernels_byte_order() -> None:
    assert agent_probe.insn("<", 0x85, src=2, imm=5) == b"\x85\x20\0\0\5\0\0\0"
    assert agent_probe.insn(">", 0x85, src=2, imm=5) == b"\x85\x02\0\0\0\0\0\5"
