# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The collector, on a kernel that the test makes up: what it lists, what it leaves out, when it refuses."""

from __future__ import annotations

import ast
import json
import os
import re
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from kfuncscope.census import collector
from kfuncscope.census.collector import RefusedError
from support.bpfkernel import BASE, BpfKernel
from support.btfwriter import BtfWriter
from support.pages import DOCS

VERMIN = Path(sys.executable).with_name("vermin")
SOURCE = Path(collector.__file__).read_text(encoding="utf-8")


def insns(*rows: tuple[int, int, int, int]) -> bytes:
    """Little-endian instructions: opcode, source register, offset, immediate."""
    return b"".join(struct.pack("<BBhi", op, src << 4, off, imm) for op, src, off, imm in rows)


def vmlinux() -> tuple[BtfWriter, dict[str, int]]:
    """A kernel's BTF and the ids of its functions."""
    w = BtfWriter()
    s32 = w.int_("int", 4, signed=True)
    w.struct("many", [("a", s32), ("b", s32)])
    w.enum("word", {"A": 1})
    return w, {name: w.func(name, s32, [("x", s32)]) for name in ("do_exit", "bpf_far", "bpf_lsm_file_open")}


def collected(kernel: BpfKernel, monkeypatch: pytest.MonkeyPatch, machine: str = "x86_64", **more: Any) -> list[Any]:
    """The lines of a census of the kernel."""
    kernel.install(monkeypatch, machine)
    return list(collector.collect(**more))


def test_the_file_is_for_python_3_6_and_needs_the_standard_library_alone() -> None:
    tree = ast.parse(SOURCE, feature_version=(3, 6))
    imported = {a.name for n in ast.walk(tree) if isinstance(n, ast.Import) for a in n.names}
    imported |= {n.module or "" for n in ast.walk(tree) if isinstance(n, ast.ImportFrom)}
    assert imported <= sys.stdlib_module_names
    assert "__future__" not in imported  # annotations came with 3.7
    strings = [n for n in ast.walk(tree) if isinstance(n, ast.JoinedStr)]
    assert not strings  # `=` and nested quotes in them came later, and are easily written
    with pytest.raises(SyntaxError):
        ast.parse("(x := 1)", feature_version=(3, 6))  # the check can fail


def test_vermin_finds_nothing_newer_than_python_3_6() -> None:
    """It knows from which version on each name of the standard library is there; CLOCK_BOOTTIME came with 3.7."""
    for wanted, status in (("-t=3.6-", 0), ("-t=3.5-", 1)):
        run = subprocess.run([VERMIN, wanted, "--no-tips", collector.__file__], capture_output=True, text=True)
        assert run.returncode == status, run.stdout


@pytest.mark.parametrize(
    ("user", "release", "btf", "refused"),
    [
        (0, "5.0.0", False, False), (0, "4.20.17", False, True), (0, "4.18.0-553.el8.x86_64", True, False),
        (0, "6.12.107+deb13-amd64", True, False), (1000, "6.12.107", True, True),
    ],
)  # fmt: skip
def test_refusals(user: int, release: str, btf: bool, refused: bool) -> None:
    if not refused:
        collector.refuse_unfit(user, release, btf)
        return
    with pytest.raises(RefusedError) as why:
        collector.refuse_unfit(user, release, btf)
    assert "\n" not in str(why.value)


def test_hidden_addresses_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    kernel = BpfKernel(tmp_path, {"__bpf_call_base": 0})
    kernel.install(monkeypatch)
    assert collector.main([]) == 3
    told = capsys.readouterr()
    assert not told.out
    assert "kptr_restrict" in told.err and told.err.count("\n") == 1


def test_symbols_that_cannot_be_read_are_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    BpfKernel(tmp_path).install(monkeypatch)
    monkeypatch.setattr(collector, "KALLSYMS", str(tmp_path / "none"))
    assert collector.main([]) == 3
    told = capsys.readouterr()
    assert not told.out
    assert told.err == f"census: {tmp_path / 'none'}: No such file or directory\n"


def test_a_reader_that_goes_away_is_not_complained_about() -> None:
    """As ``collect.py | head -c 10``: the pipe is closed while lines are written, or when Python ends."""
    code = (
        "from kfuncscope.census import collector\n"
        "collector.collect = lambda host, lines: iter([{'line': 'x' * 100}] * 3)\n"
        "raise SystemExit(collector.main([]))\n"
    )
    ours, theirs = os.pipe()
    os.close(ours)
    try:
        run = subprocess.run([sys.executable, "-c", code], stdout=theirs, stderr=subprocess.PIPE, text=True)
    finally:
        os.close(theirs)
    assert (run.returncode, run.stderr) == (3, "")


def test_a_kernel_that_lists_no_programs_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kernel = BpfKernel(tmp_path)
    kernel.install(monkeypatch)

    def denied(command: int, attr: bytearray) -> int:
        raise OSError(1, "Operation not permitted")

    monkeypatch.setattr(collector, "bpf", denied)
    with pytest.raises(RefusedError, match="not permitted"):
        list(collector.collect())


def test_programs_with_calls_maps_names_and_targets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kernel = BpfKernel(
        tmp_path, {"bpf_get_current_task": BASE + 64, "bpf_near": BASE + 128, "nf_kfunc [nf]": BASE + 4096}
    )
    writer, ids = vmlinux()
    kernel.btf(1, writer.build(), "vmlinux", kernel=True)
    own = BtfWriter()
    s32 = own.int_("int", 4, signed=True)
    full, inner = (own.func(n, s32, []) for n in ("a_long_name_of_a_program", "inner"))
    kernel.btf(5, own.build())
    code = insns(
        (0x85, 0, 0, 64), (0x85, 0, 0, 12), (0x85, 2, 0, 128), (0x85, 2, 0, 4096), (0x85, 1, 0, 1), (0x95, 0, 0, 0)
    )
    kernel.program(7, type=26, name="a_long_name_of_a_program", code=code, maps=[3], btf=5, functions=[full, inner],
                   attach=(1, ids["do_exit"]), tag=bytes(range(8)))  # fmt: skip
    kernel.map(3, type=27, entries=4096)
    kernel.link(9, type=2, program=7, words={16: 24})
    head, line, end = collected(kernel, monkeypatch)
    assert (head["format"], head["version"], head["privacy"], head["release"]) == (
        "kfuncscope-census", 1, "strict", "6.12.107",
    )  # fmt: skip
    assert len(head["btf_sha256"]) == 64
    assert (line["name"], line["functions"], line["tag"]) == ("a_long_name_of_a_program", ["inner"], "0001020304050607")
    assert line["helpers"] == {"bpf_get_current_task": 1, "bpf_tail_call": 1}
    assert line["kfuncs"] == {"bpf_near": 1, "nf_kfunc [nf]": 1}
    assert line["maps"] == [[27, 4, 8, 4096, 0]]
    assert {"link": 2, "attach_type": 24} in line["attach"]
    assert {"btf": "vmlinux", "target": "do_exit"} in line["attach"]
    assert end == {"line": "end", "programs": 1, "links": 1, "gone": 0}


@pytest.mark.parametrize(
    ("machine", "named"), [("s390x", True), ("ppc64le", True), ("aarch64", False), ("x86_64", False)]
)
def test_far_calls_are_named_by_their_btf_id(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, machine: str, named: bool
) -> None:
    """Where an id is also the distance to a symbol, the architecture decides what it means."""
    writer, ids = vmlinux()
    kernel = BpfKernel(tmp_path, {"something_else": BASE + ids["bpf_far"]})
    kernel.btf(1, writer.build(), "vmlinux", kernel=True)
    kernel.program(7, type=5, name="x", code=insns((0x85, 2, 0, ids["bpf_far"]), (0x85, 2, 3, 77)))
    line = collected(kernel, monkeypatch, machine)[1]
    assert line["kfuncs"] == {"bpf_far" if named else "something_else": 1}
    assert line["kfunc_ids"] == [[77, 3]]


@pytest.mark.parametrize("machine", ["aarch64", "s390x"])
def test_a_distance_below_zero_is_no_btf_id(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, machine: str) -> None:
    """Debian's 7.3.4 on arm64: a kfunc of nf_conntrack below the kernel, the offset still the place of its module."""
    kernel = BpfKernel(tmp_path, {"bpf_xdp_ct_lookup [nf_conntrack]": BASE - 84684248})
    kernel.btf(1, vmlinux()[0].build(), "vmlinux", kernel=True)
    kernel.program(7, type=5, name="x", code=insns((0x85, 2, 1, -84684248)))
    line = collected(kernel, monkeypatch, machine)[1]
    assert line["kfuncs"] == {"bpf_xdp_ct_lookup [nf_conntrack]": 1} and "kfunc_ids" not in line


def far_module(base: BtfWriter, *functions: str) -> tuple[bytes, list[int]]:
    """A module's BTF with functions, those in upper case kfuncs; and their ids."""
    w = BtfWriter(base=base)
    made = [(w.kfunc if f.isupper() else w.func)(f.lower(), 1, []) for f in functions]
    return w.build(), made


@pytest.mark.parametrize(
    ("other", "called", "named"),
    [
        (("x", "y", "z"), (0,), True),  # functions that are no kfuncs have these ids, too
        (("X", "y", "Z"), (0,), False),  # of another module a kfunc has this id
        (("X", "y", "Z"), (0, 1), True),  # but not both that are called with one offset
        ((), (0, 1), True),
    ],
)
def test_far_calls_into_modules_are_named_where_one_module_fits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, other: tuple[str, ...], called: tuple[int, ...], named: bool
) -> None:
    writer, _ = vmlinux()
    kernel = BpfKernel(tmp_path)
    kernel.btf(1, writer.build(), "vmlinux", kernel=True)
    data, ids = far_module(writer, "BPF_CT_A", "BPF_CT_B", "plain")
    kernel.btf(2, data, "nf_conntrack", kernel=True)
    kernel.btf(3, far_module(writer, *other)[0], "another", kernel=True)
    code = insns(*((0x85, 2, 3, ids[i]) for i in called), (0x85, 2, 3, ids[called[0]]))
    kernel.program(7, type=5, name="x", code=code)
    line = collected(kernel, monkeypatch, "s390x")[1]
    if not named:
        assert "kfuncs" not in line and line["kfunc_ids"] == [[ids[0], 3], [ids[0], 3]]
        return
    wanted = {f"bpf_ct_{'ab'[i]} [nf_conntrack]": 1 for i in called}
    assert line["kfuncs"] == wanted | {"bpf_ct_a [nf_conntrack]": 2} and "kfunc_ids" not in line


def test_hidden_instructions_are_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kernel = BpfKernel(tmp_path)
    kernel.program(7, type=5, name="x", code=bytes(64), shown=False)
    kernel.program(8, type=5, name="y", code=insns((0x95, 0, 0, 0)))
    first, second = collected(kernel, monkeypatch)[1:3]
    assert (first["insns"], first.get("hidden")) == (0, True)
    assert (second["insns"], second.get("hidden")) == (1, None)


def test_what_goes_away_meanwhile_is_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kernel = BpfKernel(tmp_path)
    kernel.program(7, type=5, name="stays")
    kernel.program(8, type=5, name="goes")
    kernel.gone = {8}
    lines = collected(kernel, monkeypatch)
    assert [line.get("name") for line in lines[1:-1]] == ["stays"]
    assert (lines[-1]["programs"], lines[-1]["gone"]) == (1, 1)


def test_links_to_events_functions_and_networks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kernel = BpfKernel(tmp_path, {"vfs_read": BASE + 16, "vfs_write": BASE + 32})
    for number in range(1, 7):
        kernel.program(number, type=2, name=f"p{number}")
    kernel.link(1, type=7, program=1, words={16: 3}, text={24: "do_exit"})
    kernel.link(2, type=7, program=2, words={16: 1}, text={24: "/home/someone/secret"})
    kernel.link(3, type=8, program=3, addresses=[BASE + 16, BASE + 32])
    kernel.link(4, type=1, program=4, text={16: "sched_switch"})
    kernel.link(5, type=11, program=5, words={16: 2, 20: 46})
    kernel.link(6, type=3, program=6, words={24: 10})
    attach = [line["attach"] for line in collected(kernel, monkeypatch)[1:-1]]
    assert attach == [
        [{"link": 7, "perf": 3, "target": "do_exit"}],
        [{"link": 7, "perf": 1}],
        [{"link": 8, "count": 2, "targets": ["vfs_read", "vfs_write"]}],
        [{"link": 1, "target": "sched_switch"}],
        [{"link": 11, "attach_type": 46}],
        [{"link": 3, "attach_type": 10}],
    ]


def test_owners_and_events_without_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kernel = BpfKernel(tmp_path)
    kernel.program(7, type=5, name="traced")
    kernel.queries[4] = (7, 1, "sched_switch")
    kernel.process(4242, "/usr/bin/bpftrace (deleted)", {4: ("anon_inode:[perf_event]", ""), 5: ("/etc/passwd", "")})
    kernel.process(4243, "/opt/agent/bin/agentd", {3: ("anon_inode:bpf-prog", "prog_type:\t5\nprog_id:\t7\n")})
    lists = tmp_path / "lists"
    lists.mkdir()
    (lists / "bpftrace.list").write_text("/.\n/usr\n/usr/bin/bpftrace\n")
    monkeypatch.setattr(collector, "DPKG_LISTS", str(lists))
    line = collected(kernel, monkeypatch)[1]
    assert line["owners"] == ["agentd", "bpftrace"]
    assert line["attach"] == [{"event": 1, "target": "sched_switch"}]


def test_nothing_private_is_in_a_strict_census(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    writer, _ = vmlinux()
    kernel = BpfKernel(tmp_path)
    kernel.btf(1, writer.build(), "vmlinux", kernel=True)
    own = BtfWriter()
    own.string("if (customer_secret == 42)")
    kernel.btf(5, own.build())
    kernel.program(7, type=2, name="watch", maps=[3], btf=5)
    kernel.map(3, type=2, name="customers")
    kernel.link(2, type=7, program=7, words={16: 1}, text={24: "/home/alice/bin/payroll"})
    kernel.link(3, type=12, program=7, words={52: 4}, text={16: "/home/alice/bin/payroll"})
    kernel.process(4243, "/home/alice/bin/agentd", {3: ("anon_inode:bpf-prog", "prog_id:\t7\n")})
    text = "\n".join(map(json.dumps, collected(kernel, monkeypatch)))
    private = ["alice", "/home", "payroll", "customers", "customer_secret", "0123456789abcdef0123", os.uname().nodename]
    private += [f"{BASE:x}", "uid", "4243"]
    assert [word for word in private if word in text] == []
    assert '"owners": ["agentd"]' in text


def test_more_is_added_when_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kernel = BpfKernel(tmp_path)
    head = collected(kernel, monkeypatch, host="web-1", with_lines=True)[0]
    assert (head["host"], head["privacy"]) == ("web-1", "host+source-lines")


def test_names_of_types_in_the_kernel_and_its_modules() -> None:
    writer, ids = vmlinux()
    base = collector.Btf(writer.build())
    assert base.names({ids["do_exit"]}) == {ids["do_exit"]: "do_exit"} and base.names(set()) == {}
    module = BtfWriter(base=writer)
    mine = module.func("nf_hook", 1, [])
    found = collector.Btf(module.build(), base)
    assert found.names({mine}) == {mine: "nf_hook"}


def test_unknown_kinds_are_passed_over_with_a_layout_and_stop_without() -> None:
    for layout, expected in (({20: (4, 8)}, "late"), (None, "")):
        w = BtfWriter(layout=layout)
        w.raw(20, "new", 0, [1, 2, 3], vlen=1)
        late = w.func("late", proto=0)
        assert collector.Btf(w.build()).names({late}).get(late, "") == expected


def test_every_key_is_documented(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The page says what is collected: each key of each line that the collector's source can write."""
    page = DOCS.joinpath("census.md").read_text(encoding="utf-8")
    kernel = BpfKernel(tmp_path)
    kernel.program(7, type=5, name="x", code=bytes(64), shown=False)
    lines = collected(kernel, monkeypatch, host="web-1", with_lines=True)
    tree = ast.parse(SOURCE)
    written = {
        n.slice.value for n in ast.walk(tree) if isinstance(n, ast.Subscript) and isinstance(n.slice, ast.Constant)
        and isinstance(n.value, ast.Name) and n.value.id in ("line", "one") and isinstance(n.slice.value, str)
    }  # fmt: skip
    assert {"host", "hidden", "source_lines", "attach_type", "targets"} <= written | set(lines[0])
    keys = written.union(*lines) | {"link", "event", "btf", "kfunc_ids"}
    assert {key for key in keys if not re.search(rf'[`"]{key}[`"]', page)} == set()
