# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""bpftrace scripts: probes, the objects made of them with and without bpftrace, in folders and packages."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from kfuncscope.bpf.object import read_object
from kfuncscope.elf.write import bpf_object, renamed
from kfuncscope.errors import InputError
from kfuncscope.intake import bpftrace
from kfuncscope.intake.objects import object_files
from support import archivewriter as write
from support.bpfwriter import exit_, mov, object_bytes
from support.scripts import SCRIPT

PLAIN = b"kprobe:vfs_read { @ = count(); } tracepoint:sched:sched_switch { @b = 1; }\n"


@pytest.fixture
def without(monkeypatch: pytest.MonkeyPatch) -> None:
    """No bpftrace on this machine."""
    monkeypatch.setattr(bpftrace, "_command", tuple)


def tool(folder: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    """A bpftrace that is a shell script; others are out of sight."""
    path = folder / "bpftrace"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}/usr/bin{os.pathsep}/bin")
    bpftrace._command.cache_clear()


@pytest.fixture(autouse=True)
def _forget() -> object:
    yield
    bpftrace._command.cache_clear()


def test_probes_of_a_script() -> None:
    assert [tuple(p) for p in bpftrace.probes(SCRIPT.decode())] == [
        ("BEGIN", "uprobe"), ("kprobe:vfs_read", "kprobe/vfs_read"), ("kprobe:vfs_write", "kprobe/vfs_write"),
        ("tracepoint:sched:sched_switch", "tp/sched/sched_switch"), ("uprobe:/bin/bash:readline", "uprobe"),
        ("fentry:vmlinux:vfs_open", "fentry/vmlinux:vfs_open"), ("interval:s:1", "perf_event"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("probe", "section"),
    [
        ("k:do_exit", "kprobe/do_exit"), ("kretprobe:do_exit", "kretprobe/do_exit"), ("kprobe:f+0x10", "kprobe/f+0x10"),
        ("kprobe:vfs_*", "kprobe.multi/vfs_*"), ("kprobe:nf:nf_hook", "kprobe/nf_hook"), ("t:sched:x", "tp/sched/x"),
        ("tracepoint:sched:*", ""), ("tracepoint:sched", ""), ("rawtracepoint:x", "raw_tp/x"), ("rt:x", "raw_tp/x"),
        ("kfunc:f", "fentry/f"), ("fr:nf:f", "fexit/nf:f"), ("fentry:f*", ""), ("iter:task", "iter/task"),
        ("iter:task:pin", "iter/task"), ("usdt:/x:y:z", "uprobe"), ("profile:hz:99", "perf_event"),
        ("hardware:cpu-cycles:1", "perf_event"), ("END", "uprobe"), ("unknown:x", ""),
    ],
)  # fmt: skip
def test_section_names_of_probes(probe: str, section: str) -> None:
    assert bpftrace.section_of(probe) == section


def test_structures_comments_and_strings_hold_no_probes() -> None:
    text = """
    struct kprobe { int x; };
    config = { a = 1 }
    /* kprobe:no { } */ // kprobe:no { }
    kprobe:yes { printf("} kprobe:no { %d", 1); while (1) { if (2) { } } }
    """
    assert [p.text for p in bpftrace.probes(text)] == ["kprobe:yes"]


def test_without_bpftrace_the_hooks_alone_are_judged(without: None, tmp_path: Path) -> None:
    (tmp_path / "a.bt").write_bytes(b"tracepoint:syscalls:sys_enter_* { }\n" + PLAIN)
    (file,), problems = object_files([tmp_path])
    assert not problems
    obj = read_object(file.data, file.name)
    assert [p.section.name for p in obj.programs] == ["kprobe/vfs_read", "tp/sched/sched_switch"]
    assert obj.license == "GPL"
    (note,) = [n for n in obj.notes if n.startswith(bpftrace.HOOKS_ONLY)]
    assert note.endswith("not judged: tracepoint:syscalls:sys_enter_*")


def test_scripts_in_packages(without: None, tmp_path: Path) -> None:
    package = tmp_path / "tools.deb"
    package.write_bytes(write.deb({"usr/sbin/watch.bt": PLAIN}))
    for _ in range(2):  # the second time from the cache
        (file,), problems = object_files([package])
        assert not problems and file.name.endswith("watch.bt")


def test_a_script_without_probes_is_said(without: None, tmp_path: Path) -> None:
    (tmp_path / "empty.bt").write_text("// nothing\n")
    files, problems = object_files([tmp_path / "empty.bt"])
    assert not files and "no probe" in problems[0].reason


def test_what_only_looks_like_a_script_is_none() -> None:
    assert bpftrace.is_script("x.bt", PLAIN)
    assert not bpftrace.is_script("x.txt", PLAIN)
    assert not bpftrace.is_script("x.bt", PLAIN + b"\0")
    assert not bpftrace.is_script("x.bt", b" " * (bpftrace.LARGEST + 1))
    assert bpftrace.is_script("x.bt", b" " * bpftrace.LARGEST)


@pytest.mark.parametrize("joined", [":", "_"])
def test_what_bpftrace_makes_gets_names_of_libbpf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, joined: str) -> None:
    code = b"\xb7" + bytes(7) + b"\x95" + bytes(7)
    names = [
        f"s_kprobe{joined}vfs_read_1",
        f"s_tracepoint{joined}sched{joined}sched_switch_2",
        "s_begin_3",
        "s_other_4",
    ]
    made = bpf_object([(name, f"f{i}", code) for i, name in enumerate(names)], {})
    (tmp_path / "made.o").write_bytes(made)
    tool(tmp_path, monkeypatch, f'case $1 in --help) echo "--emit-elf FILE";; *) cp {tmp_path}/made.o $2;; esac')
    obj = read_object(bpftrace.as_object(PLAIN, "a.bt"), "a.bt")
    assert [p.section.name for p in obj.programs] == [
        "kprobe/vfs_read", "tp/sched/sched_switch", "uprobe", "s_other_4",
    ]  # fmt: skip
    assert bpftrace.COMPILED in obj.notes and obj.license == "GPL"


def test_where_bpftrace_fails_the_hooks_remain(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tool(tmp_path, monkeypatch, 'case $1 in --help) echo "--emit-elf FILE";; *) exit 1;; esac')
    obj = read_object(bpftrace.as_object(PLAIN, "a.bt"), "a.bt")
    assert len(obj.programs) == 2 and any(n.startswith(bpftrace.HOOKS_ONLY) for n in obj.notes)


def test_versions_that_would_load_the_result_run_where_they_cannot(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tool(tmp_path, monkeypatch, 'echo "--emit-elf FILE --dry-run"')
    command = bpftrace._command()
    assert command[1:] == ("--map-root-user", str(tmp_path / "bpftrace"), "--dry-run")
    assert command[0].endswith("unshare")
    tool(tmp_path, monkeypatch, 'echo "no such option"')
    assert bpftrace._command() == ()


def test_sections_get_other_names_and_nothing_else_changes() -> None:
    data = object_bytes("xdp", [mov(0, 2), exit_()])
    made = renamed(data, {"xdp": "tc/ingress"}, {"license": b"MIT\0", "more": b"abc"}, "f")
    before, after = read_object(data, "f"), read_object(made, "f")
    assert [p.section.name for p in after.programs] == ["tc/ingress"]
    assert after.programs[0].function.insns == before.programs[0].function.insns
    assert after.license == before.license  # it had one
    found = after.elf.section("more")
    assert found is not None and found.data == b"abc"
    with pytest.raises(InputError, match="damaged"):
        renamed(data[:70], {}, {}, "f")
