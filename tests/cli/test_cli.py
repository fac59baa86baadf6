# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The command line, in process: exit codes, columns, sorting of arguments, unreadable inputs, hostile names."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest

from kfuncscope.cli.main import main
from support.bpfwriter import (
    FIELD_BYTE_OFFSET,
    FIELD_EXISTS,
    ObjectBuilder,
    core,
    exit_,
    kfunc,
    line,
    mov,
)
from support.kernels import KernelBuilder

END = [mov(0, 0), exit_()]
HOSTILE = "evil\x1b[31mred\x1b]0;title\x07\u202egnp\rname"


class Files:
    """Kernels and objects on disk; the new kernel lacks a kfunc and a hook."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.old = self._kernel("6.12", old=True)
        self.new = self._kernel("7.3", old=False)
        breaks = ObjectBuilder()
        breaks.extern_func("bpf_thing", breaks.btf.proto(breaks.s32))
        breaks.program("xdp", "uses_thing", [line(kfunc("bpf_thing"), 12, "bpf_thing();", "src/prog.bpf.c"), *END])
        breaks.program("fentry/gone", "on_gone", END)
        self.breaks = self.write("breaks.bpf.o", breaks.build())
        fine = ObjectBuilder()
        task = fine.btf.struct("task", [("pid", fine.s32), ("old", fine.s32)])
        fine.program("xdp", "fine", [core(mov(2, 0), task, "0:0", FIELD_BYTE_OFFSET),
                                     core(mov(2, 1), task, "0:1", FIELD_EXISTS), *END])  # fmt: skip
        self.fine = self.write("fine.bpf.o", fine.build())

    def _kernel(self, release: str, *, old: bool) -> str:
        kb = KernelBuilder(release)
        kb.btf.kfunc("bpf_other", 0)
        kb.btf.struct("task", [("pid", kb.s32)] if old else [("pad", kb.u64), ("pid", kb.s32)])
        if old:
            kb.btf.kfunc("bpf_thing", kb.s32)
            kb.hook("gone")
        else:
            kb.hook("came")
        return self.write(f"{release}-x86_64/vmlinux.btf", kb.build())

    def write(self, name: str, data: bytes) -> str:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        return str(path)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    return Files(tmp_path_factory.mktemp("cli"))


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


# -- check


def test_check_tells_what_breaks(files: Files, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit 1 and a table; 0 where nothing breaks."""
    assert main(["check", "--old", files.old, "--new", files.new, files.breaks, files.fine]) == 1
    out = capsys.readouterr().out
    assert "BREAKS" in out and "uses_thing" in out and "on_gone" in out
    assert main(["check", "--old", files.old, "--new", files.new, files.fine, "--all"]) == 0
    assert "fine" in capsys.readouterr().out


def test_check_sorts_what_new_swallowed(files: Files, capsys: pytest.CaptureFixture[str]) -> None:
    """``--new F OBJECT...``: the shell cannot tell kernels from objects, so content does."""
    assert main(["check", "--old", files.old, "--new", files.new, files.breaks, files.fine]) == 1
    first = capsys.readouterr().out
    assert main(["check", files.breaks, files.fine, "--old", files.old, "--new", files.new]) == 1
    assert capsys.readouterr().out == first


def test_check_gives_json(files: Files, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    """The whole analysis, the same every time."""
    command = ["check", "--format", "json", "--old", files.old, "--new", files.new, files.breaks]
    assert main(command) == 1
    first = capfdbinary.readouterr().out
    assert main(command) == 1
    assert capfdbinary.readouterr().out == first
    found = json.loads(first)
    text = json.dumps(found)
    assert '"BREAKS"' in text and "bpf_thing" in text and "src/prog.bpf.c" in text


def test_usage_errors(files: Files, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit 2: no command, unknown options, missing kernels."""
    assert main([]) == 2
    assert main(["check", "--new", files.new, files.fine]) == 2
    assert "--old" in capsys.readouterr().err
    for command in (["check", "--old", files.old, files.fine], ["nonsense"], ["diff", "--old", files.old]):
        with pytest.raises(SystemExit) as ended:
            main(command)
        assert ended.value.code == 2
    capsys.readouterr()


def test_unreadable_inputs(files: Files, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit 3: files that are not there, or not what they should be; the others go on."""
    junk = files.write("junk.bpf.o", b"\x7fELF" + bytes(60))
    assert main(["check", "--old", files.old, "--new", files.folder.as_posix() + "/none.btf", files.fine]) == 3
    assert "none.btf" in capsys.readouterr().err
    assert main(["check", "--old", files.old, "--new", files.new, junk]) == 3
    capsys.readouterr()
    assert main(["check", "--old", files.old, "--new", files.new, junk, files.fine]) == 3
    assert "junk" in capsys.readouterr().out
    truncated = files.write("bad/7.3-x86_64/vmlinux.btf", Path(files.new).read_bytes()[:1000])
    assert main(["judge", "--kernel", truncated, files.fine]) == 3
    assert "vmlinux.btf" in capsys.readouterr().err


# -- judge, relocate, explain, diff


def test_judge_columns(files: Files, capsys: pytest.CaptureFixture[str]) -> None:
    """One row for each kernel and program, with the columns that the acceptance names."""
    assert main(["judge", "--format", "csv", "--kernel", files.old, files.new, files.breaks, files.fine]) == 0
    found = rows(capsys.readouterr().out)
    assert list(found[0]) == ["kernel", "arch", "object", "program", "section", "loads", "attaches", "object_loads",
                              "class", "reason"]  # fmt: skip
    assert len(found) == 6
    assert {r["object"] for r in found} == {files.breaks, files.fine}
    by = {(r["kernel"], r["program"]): r for r in found}
    assert by[files.old, "uses_thing"]["loads"] == "yes"
    broken = by[files.new, "uses_thing"]
    assert (broken["loads"], broken["attaches"], broken["object_loads"]) == ("unknown", "unknown", "no")
    assert by[files.new, "on_gone"]["class"] == "attach_btf_not_found"
    assert {r["arch"] for r in found} == {"x86_64"}


def test_judge_takes_named_parts(files: Files, capsys: pytest.CaptureFixture[str]) -> None:
    """``--kernel btf=F,config=F,symbols=F``."""
    options = ("BPF_SYSCALL", "BPF_JIT", "BPF_EVENTS", "KPROBES")
    config = files.write("parts/config", "".join(f"CONFIG_{o}=y\n" for o in options).encode())
    symbols = files.write("parts/symbols", b"T came\nT other\n")
    given = f"btf={files.new},config={config},symbols={symbols}"
    probe = files.write("probe.bpf.o", ObjectBuilder().program("kprobe/elsewhere", "probe", END).build())
    assert main(["judge", "--format", "csv", "--kernel", given, probe]) == 0
    row = rows(capsys.readouterr().out)[0]
    assert (row["loads"], row["attaches"]) == ("yes", "no")


def test_relocate_columns(files: Files, capsys: pytest.CaptureFixture[str]) -> None:
    """One row for each record."""
    assert main(["relocate", "--format", "csv", "--kernel", files.new, files.fine]) == 0
    found = rows(capsys.readouterr().out)
    assert list(found[0]) == ["object", "program", "section", "record", "kind", "spec", "outcome", "old", "new"]
    assert [(r["kind"], r["outcome"], r["old"], r["new"]) for r in found] == [
        ("byte_off", "patched", "0", "8"), ("field_exists", "absent", "1", "0"),
    ]  # fmt: skip


def test_explain_goes_from_verdict_to_line(files: Files, capsys: pytest.CaptureFixture[str]) -> None:
    """The chain: verdict, rule, instruction, source line, declarations, remedy."""
    assert main(["explain", f"{files.breaks}:on_gone", "--old", files.old, "--new", files.new]) == 1
    out = capsys.readouterr().out
    for text in ("BREAKS", "R-2.5", "gone", "need: hook", "  int gone", "  (absent)", "remedy"):
        assert text in out, text
    assert main(["explain", f"{files.fine}:fine", "--old", files.old, "--new", files.new]) == 0
    capsys.readouterr()
    assert main(["explain", f"{files.breaks}:nobody", "--old", files.old, "--new", files.new]) == 2
    assert "uses_thing" in capsys.readouterr().err


def test_diff(files: Files, capsys: pytest.CaptureFixture[str]) -> None:
    """What went, came and changed; by kind; as CSV and JSON."""
    assert main(["diff", "--old", files.old, "--new", files.new, "--kind", "kfunc", "--format", "csv"]) == 0
    found = rows(capsys.readouterr().out)
    assert [(r["kind"], r["name"], r["change"], r["old"]) for r in found] == [
        ("kfunc", "bpf_thing", "removed", "int bpf_thing(void)"),
    ]  # fmt: skip
    assert main(["diff", "--old", files.old, "--new", files.new, "--kind", "type", "--kind", "function", "--format",
                 "json"]) == 0  # fmt: skip
    names = {(r["name"], r["change"]) for r in json.loads(capsys.readouterr().out)}
    assert {("came", "added"), ("gone", "removed"), ("struct task", "changed")} <= names
    assert main(["diff", "--old", files.old, "--new", files.new, "--kind", "nonsense"]) == 2
    capsys.readouterr()


# -- kernel, object, knowledge, cache


def test_kernel_and_object(files: Files, capsys: pytest.CaptureFixture[str]) -> None:
    """What the one offers and the other needs, as text and JSON."""
    assert main(["kernel", files.new, "--format", "json"]) == 0
    kernel = json.loads(capsys.readouterr().out)
    assert (kernel["arch"], kernel["release"][:3], sorted(kernel["kfuncs"])) == ("x86_64", "7.3", ["bpf_other"])
    assert kernel["btf"]["types"] > 10
    assert (kernel["kfuncs"]["bpf_other"]["from"], kernel["kfuncs"]["bpf_other"]["types_from"]) == ("tags", "")
    assert main(["kernel", files.new]) == 0
    (row,) = [line.split() for line in capsys.readouterr().out.splitlines() if "bpf_other" in line]
    assert row == ["bpf_other", "?", "?", "tags", "nothing", "nothing"]
    assert main(["object", files.breaks, "--format", "json"]) == 0
    (obj,) = json.loads(capsys.readouterr().out)
    needs = {(n["kind"], n["name"], n["strong"]) for p in obj["programs"] for n in p["needs"]}
    assert ("kfunc", "bpf_thing", True) in needs and ("hook", "gone", None) in needs
    sites = [s for p in obj["programs"] for n in p["needs"] for s in n["sites"] if s["file"]]
    assert (sites[0]["file"], sites[0]["line"]) == ("src/prog.bpf.c", 12)
    assert main(["object", files.fine]) == 0
    assert 'SEC("xdp")' in capsys.readouterr().out


def test_knowledge_and_cache(capsys: pytest.CaptureFixture[str]) -> None:
    """The releases with tables; what the cache holds."""
    assert main(["knowledge", "list"]) == 0
    out = capsys.readouterr().out
    assert all(f"\n{r}:" in f"\n{out}" for r in ("5.10.223", "6.1.192", "6.12.117", "7.3.4"))
    assert main(["cache"]) == 0
    assert main(["cache", "clear"]) == 0
    assert "removed" in capsys.readouterr().out


def test_section_types_given_by_hand(files: Files, capsys: pytest.CaptureFixture[str]) -> None:
    """A section that libbpf does not know."""
    path = files.write("strange.bpf.o", ObjectBuilder().program("odd_sock", "prog", END).build())
    assert main(["judge", "--format", "csv", "--kernel", files.new, path]) == 0
    assert rows(capsys.readouterr().out)[0]["class"] == "unknown_section"
    assert main(["judge", "--format", "csv", "--section-type", "odd_sock=xdp", "--kernel", files.new, path]) == 0
    assert rows(capsys.readouterr().out)[0]["loads"] == "yes"
    assert main(["judge", "--section-type", "nonsense", "--kernel", files.new, path]) == 2
    capsys.readouterr()


# -- names that mean harm


@pytest.mark.parametrize(
    "command",
    [
        ["check", "--all"],
        ["judge"],
        ["judge", "--format", "csv"],
        ["relocate"],
        ["relocate", "--format", "csv"],
        ["explain"],
        ["object"],
        ["diff", "--kind", "function"],
        ["kernel"],
    ],
    ids=lambda c: "_".join(c).replace("--", ""),
)
def test_no_terminal_escapes(command: list[str], files: Files, capsys: pytest.CaptureFixture[str]) -> None:
    """Names with escape sequences, direction marks and carriage returns cannot reach the terminal."""
    ob = ObjectBuilder()
    task = ob.btf.struct("task", [(HOSTILE, ob.s32)])
    ob.extern_func(HOSTILE, ob.btf.proto(ob.s32))
    ob.program(f"fentry/{HOSTILE}", HOSTILE, [core(mov(2, 0), task, "0:0", FIELD_BYTE_OFFSET),
                                            line(kfunc(HOSTILE), 3, HOSTILE, HOSTILE), *END])  # fmt: skip
    path = files.write("evil\x1b[31m.bpf.o", ob.build())
    kb = KernelBuilder("7.3")
    kb.btf.kfunc(HOSTILE, kb.s32)
    hostile_kernel = files.write("hostile/7.3-x86_64/vmlinux.btf", kb.build())
    arguments: dict[str, list[Any]] = {
        "check": ["--old", hostile_kernel, "--new", files.new, path],
        "judge": ["--kernel", files.new, path], "relocate": ["--kernel", files.new, path],
        "explain": [f"{path}:", "--old", hostile_kernel, "--new", files.new], "object": [path],
        "diff": ["--old", hostile_kernel, "--new", files.new], "kernel": [hostile_kernel],
    }  # fmt: skip
    main([*command, *arguments[command[0]]])
    told = capsys.readouterr()
    for text in (told.out, told.err):
        assert not set("\x1b\x07\u202e\r\x00") & set(text)
    assert "evil" in told.out
