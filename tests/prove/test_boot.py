# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Boots against recorded wires: crashes, hangs, floods, cancelling, no room; a stand-in plays QEMU's part."""

from __future__ import annotations

import errno
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import pytest

from kfuncscope.bpf.object import read_object
from kfuncscope.errors import InputError, KernelError
from kfuncscope.prove import keep
from kfuncscope.prove.guest import boot, qemu, wire
from kfuncscope.prove.guest.agent import line_of
from kfuncscope.prove.guest.boot import BootRun, Guest
from kfuncscope.prove.guest.initramfs import UserSpace
from kfuncscope.prove.guest.qemu import Limits
from kfuncscope.prove.kernels import BootKernel
from kfuncscope.prove.plan import Task, task
from kfuncscope.prove.setup import ObjectSetup
from support.bpfwriter import ObjectBuilder, exit_, mov

HELLO = line_of({"r": "hello", "uname": ["Linux", "x", "7.3"], "python": "3.13"}) + line_of(
    {"r": "ready", "libbpf": "v1.7"}
)
END = line_of({"r": "end"})
FATAL = line_of({"r": "fatal", "why": "OSError: x"})
PANIC = b"[    1.0] Kernel panic - not syncing: Fatal exception\r\n"


def begin(index: int) -> bytes:
    return line_of({"r": "begin", "o": index})


def answered(index: int) -> bytes:
    records: list[dict[str, object]] = [
        {"r": "object", "o": index, "load": 0, "lines": []},
        {"r": "prog", "o": index, "p": "p", "load": 0, "lines": [], "attach": 0, "log": False},
        {"r": "done", "o": index, "weak": [], "nomap": []},
    ]
    return begin(index) + b"".join(map(line_of, records))


class Machine:
    """A folder with a stand-in for QEMU in PATH."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.script = folder / "script"
        (folder / "bin").mkdir()
        for name in ("qemu-system-x86_64", "qemu-system-aarch64"):
            shim = folder / "bin" / name
            shim.write_text(f'#!/bin/sh\nexec {sys.executable} {Path(__file__).with_name("fake_qemu.py")} "$@"\n')
            shim.chmod(0o755)
        monkeypatch.setenv("PATH", f"{folder / 'bin'}:{os.environ['PATH']}")
        monkeypatch.setenv("FAKE_QEMU_SCRIPT", str(self.script))
        monkeypatch.setattr(tempfile, "tempdir", str(folder))
        self.folder = folder

    def plays(self, *runs: list[tuple[str, Any]]) -> None:
        self.script.write_text(repr(list(runs)))

    @property
    def runs(self) -> int:
        return int(self.script.with_suffix(".count").read_text())

    def left_behind(self) -> list[str]:
        return [p.name for p in self.folder.iterdir() if p.name.startswith("kfuncscope-")]


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    return Machine(tmp_path, monkeypatch)


def tasks(count: int = 3) -> list[Task]:
    data = ObjectBuilder().program("kprobe/x", "p", [mov(0, 0), exit_()]).build()
    return [task(i, read_object(data, f"object{i}"), data, f"{i:064}", ObjectSetup()) for i in range(count)]


def guest(accel: str = "tcg", arch: str = "x86_64", **limits: float) -> Guest:
    kernel = BootKernel("7.3", arch, b"image", "ab", b"CONFIG_X=y")
    return Guest(kernel, UserSpace((), b"", 0), accel=accel, limits=Limits(**limits))  # type: ignore[arg-type]


def booted(given: Guest, count: int = 3, **more: Any) -> BootRun:
    return boot.boot(given, tasks(count), **more)


def test_a_whole_run(machine: Machine) -> None:
    machine.plays([("wire", HELLO), *(("wire", answered(i)) for i in range(3)), ("wire", END), ("sleep", 60)])
    begun = time.monotonic()
    run = booted(guest())
    assert time.monotonic() - begun < 30  # QEMU is ended at the last record
    assert run.why == "" and run.boots[0].done and run.seen.libbpf == "v1.7"
    assert {i: o.programs["p"].attach for i, o in run.seen.objects.items()} == {0: 0, 1: 0, 2: 0}
    assert machine.left_behind() == []


def test_the_guest_sees_no_network_no_disk_and_runs_in_the_sandbox(machine: Machine) -> None:
    machine.plays([("wire", HELLO + END)])
    booted(guest())
    given = machine.script.with_suffix(".args0").read_text().splitlines()
    assert given[given.index("-nic") + 1] == "none" and "-nodefaults" in given
    assert given[given.index("-sandbox") + 1].startswith("on,") and "spawn=deny" in given[given.index("-sandbox") + 1]
    assert not {"-netdev", "-drive", "-hda", "-virtfs", "-fsdev"} & set(given)


def test_a_panic_names_the_object_and_the_others_are_booted_again_without_it(machine: Machine) -> None:
    machine.plays(
        [("wire", HELLO + answered(0) + begin(1)), ("console", PANIC), ("exit", 0)],
        [("wire", HELLO + answered(2) + END)],
    )
    run = booted(guest())
    assert machine.runs == 2 and run.why == ""
    assert run.seen.objects[1].broken == (
        "the guest ended while it was loaded: Kernel panic - not syncing: Fatal exception"
    )
    assert run.seen.objects[0].done and run.seen.objects[2].load == 0


@pytest.mark.parametrize("words", [PANIC + b"[    1.1]  some_function+0x1/0x2\r\n" * 60, PANIC.rstrip()])
def test_a_panic_is_told_from_behind_a_long_trace_and_at_the_very_end(machine: Machine, words: bytes) -> None:
    machine.plays([("wire", HELLO + begin(0)), ("console", words), ("exit", 0)])
    run = booted(guest(), 1)
    assert run.why == "Kernel panic - not syncing: Fatal exception" and len(run.boots[0].console) <= 40


def test_after_three_crashes_no_more_is_booted(machine: Machine) -> None:
    machine.plays(*([("wire", HELLO + begin(i)), ("console", PANIC), ("exit", 0)] for i in range(6)))
    run = booted(guest(), 6)
    assert machine.runs == boot.CRASHES + 1
    assert "Kernel panic" in run.why


def test_a_boot_that_dies_before_its_first_record_is_tried_once_more(machine: Machine) -> None:
    machine.plays([("console", PANIC), ("exit", 0)], [("wire", HELLO + END)])
    assert booted(guest()).why == "" and machine.runs == 2
    machine.script.with_suffix(".count").unlink()
    machine.plays([("console", PANIC), ("exit", 0)])
    assert "Kernel panic" in booted(guest()).why and machine.runs == 2


def test_kvm_that_hangs_gives_way_to_emulation(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(boot, "kvm_works", lambda arch: True)
    machine.plays([("sleep", 60)], [("wire", HELLO + END)])
    run = booted(guest("auto", first_kvm=0.5))
    assert [b.accel for b in run.boots] == ["kvm", "tcg"] and run.why == ""
    assert run.seen.notes == ["KVM does not work here (no sign of the guest's agent within 0 s); emulation is used"]
    assert "host" in machine.script.with_suffix(".args0").read_text().splitlines()
    assert "host" not in machine.script.with_suffix(".args1").read_text().splitlines()


@pytest.mark.parametrize(
    ("run", "limits", "told"),
    [
        ([("wire", HELLO + begin(0)), ("sleep", 60)], {"silence": 0.5}, "the guest was silent for 0 s"),
        ([("wire", HELLO + begin(0)), ("sleep", 60)], {"whole": 1.0}, "not done within 1 s"),
        ([("wire", HELLO + begin(0)), ("signal", 9)], {}, "QEMU ended with signal 9"),
        ([("wire", HELLO + begin(0)), ("exit", 1)], {}, "QEMU ended with exit status 1"),
        ([("wire", HELLO + begin(0)), ("exit", 0)], {}, "the guest switched itself off before its last record"),
        ([("wire", HELLO + FATAL), ("sleep", 60)], {}, "the agent ended: OSError: x"),
    ],
)  # fmt: skip
def test_each_way_to_end_early_has_its_sentence(
    machine: Machine, run: list[tuple[str, Any]], limits: dict[str, float], told: str
) -> None:
    machine.plays(run)
    found = booted(guest(**limits), 1)
    assert found.why == told and not found.boots[-1].done
    assert machine.left_behind() == []


def test_a_guest_that_floods_the_wire_is_ended(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "MOST_BYTES", 1 << 20)
    machine.plays([("wire", HELLO), ("flood", b"@kfs " + b"z" * 8192)])
    assert booted(guest(), 1).why == "the guest wrote more than any agent does"


def test_answers_about_what_was_not_asked_are_left_out(machine: Machine) -> None:
    stranger = line_of({"r": "prog", "o": 0, "p": "q", "load": 0, "lines": [], "attach": 0, "log": False})
    machine.plays([("wire", HELLO + begin(7) + begin(0) + stranger + answered(0) + END)])
    run = booted(guest(), 1)
    assert run.seen.objects.keys() == {0} and run.seen.objects[0].programs.keys() == {"p"}


def test_cancelling_keeps_what_was_seen(machine: Machine) -> None:
    machine.plays([("wire", HELLO + answered(0) + begin(1)), ("sleep", 60)])
    kinds: list[str] = []
    run = booted(guest(), on_record=lambda r: kinds.append(r.kind), cancelled=lambda: "done" in kinds)
    assert run.why == "cancelled" and run.seen.objects[0].done and machine.runs == 1
    assert machine.left_behind() == []


def test_one_serial_port_carries_console_and_records(machine: Machine) -> None:
    machine.plays([("console", b"[ 0.1] x\r\n" + HELLO), ("console", answered(0) + END)])
    run = booted(guest(arch="arm64"), 1)
    assert run.why == "" and run.seen.objects[0].load == 0
    assert run.boots[0].console == ("[ 0.1] x",)


def test_a_full_disk_is_said_with_what_to_do(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(boot.newc, "write", full)
    with pytest.raises(InputError, match="No space left on device; set TMPDIR"):
        booted(guest())
    assert machine.left_behind() == []


def test_without_qemu_the_line_to_type_is_given(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.rmtree(machine.folder / "bin")
    monkeypatch.setenv("PATH", str(machine.folder))
    with pytest.raises(KernelError, match="sudo apt-get install --no-install-recommends qemu-system-x86"):
        booted(guest())


def test_without_an_image_the_package_is_named() -> None:
    with pytest.raises(KernelError, match=r"linux-binary-7\.3"):
        boot.boot(Guest(BootKernel("7.3", "x86_64"), UserSpace((), b"", 0)), [])


@pytest.mark.parametrize("arch", qemu.MACHINES)
def test_every_machine_names_what_the_agent_needs(arch: str) -> None:
    machine = qemu.machine_for(arch)
    line = qemu.command(arch, machine.binary, "K", "I", "tcg", 7)
    assert ("socket,id=wire,fd=7" in line) == (machine.wire == "/dev/ttyS1")
    assert (
        f"console={'ttyS0' if arch in ('x86_64', 'riscv64') else machine.command_line.split('=')[1].split()[0]}"
        in line[-1]
    )
    with pytest.raises(KernelError, match="no virtual machine is known"):
        qemu.machine_for("m68k")


# -- the cache


def test_answers_are_kept_by_everything_that_they_depend_on(machine: Machine, own_cache: Path) -> None:
    machine.plays([("wire", HELLO + answered(0) + begin(1)), ("exit", 1)])
    run = booted(guest(), 2)
    first, second = tasks(2)
    keep.store("base", first, run.seen, "tcg")
    keep.store("base", second, run.seen, "tcg")
    kept = keep.load("base", first)
    assert kept is not None and kept.seen == run.seen.objects[0]
    assert (kept.libbpf, kept.accelerator, kept.uname) == ("v1.7", "tcg", ("Linux", "x", "7.3"))
    assert keep.load("base", second) is None  # it crashed: asked again next time
    assert keep.load("other", first) is None
    changed = tasks(1)[0]
    changed.form["maps"] = {"m": {"max_entries": 2}}
    assert keep.load("base", changed) is None


def test_a_base_key_changes_with_each_part() -> None:
    keys = {
        keep.base_key(*parts)
        for parts in (("a", "m", [b"x"], b"l", b"c"), ("b", "m", [b"x"], b"l", b"c"), ("a", "n", [b"x"], b"l", b"c"),
                      ("a", "m", [b"y"], b"l", b"c"), ("a", "m", [b"x"], b"k", b"c"), ("a", "m", [b"x"], b"l", b"d"))
    }  # fmt: skip
    assert len(keys) == 6


@pytest.mark.parametrize("form", [b"[]", b"{}", b"x", b'{"programs":{"p":[0]},"load":0}'])
def test_a_damaged_entry_counts_as_none(own_cache: Path, form: bytes) -> None:
    from kfuncscope.storage.cache import default_cache

    default_cache().put(keep._key("base", tasks(1)[0]), form)
    assert keep.load("base", tasks(1)[0]) is None
