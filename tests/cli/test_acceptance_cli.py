# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The command line as its users meet it: wrong usage, inputs that are not there, kernels in parts, odd names."""

from __future__ import annotations

import csv
import io
import os
import runpy
from pathlib import Path

import pytest

from kfuncscope.cli.main import main
from kfuncscope.resources import sample
from support.bpfwriter import ObjectBuilder, exit_, kfunc, mov
from support.kernels import KernelBuilder

END = [mov(0, 0), exit_()]
CONFIG = b"# Linux/x86 7.3.4 Kernel Configuration\nCONFIG_X86_64=y\nCONFIG_BPF_SYSCALL=y\nCONFIG_BPF_JIT=y\n"


@pytest.fixture
def given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with kernels ``old`` and ``new`` and objects ``a.bpf.o`` and ``b.bpf.o`` in ``objects``."""
    for name, release in (("old", "6.12"), ("new", "7.3")):
        kernel = KernelBuilder(release)
        kernel.btf.kfunc("bpf_other", 0)
        (tmp_path / name).mkdir()
        (tmp_path / name / "vmlinux.btf").write_bytes(kernel.build())
    (tmp_path / "objects").mkdir()
    for name in ("a", "b"):
        made = ObjectBuilder().program("xdp", name, END).build()
        (tmp_path / "objects" / f"{name}.bpf.o").write_bytes(made)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


PAIR = ["--old", "old", "--new", "new"]


@pytest.mark.parametrize(
    "command",
    [
        ["judge", "--kernel", "new"],
        ["judge", "--kernel", "new", "--section-type", "x", "objects"],
        ["relocate", "--kernel", "new"],
        ["relocate", "--kernel", "new", "--kernel", "old", "objects"],
        ["object"],
        ["check", *PAIR],
        ["check", *PAIR, "objects", "--shard", "3/2"],
        ["check", *PAIR, "objects", "--report", "x.unheard"],
        ["check", *PAIR, "objects", "--report", "nowhere/x.html"],
        ["check", *PAIR, "objects", "--fail-on", "nothing"],
        ["check", *PAIR, "objects", "--fail-on", "new"],
        ["check", *PAIR, "objects", "--annotate", "mail"],
        ["explain", "objects/a.bpf.o:nobody", *PAIR],
        ["diff", *PAIR, "--kind", "nonsense"],
        ["path", "--step", "old", "objects"],
        ["path", "--step", "old", "--step", "new"],
        ["path"],
        ["usage", "--kind", "nonsense", "objects"],
    ],
    ids=" ".join,
)
def test_wrong_usage_is_told_apart(command: list[str], given: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit 2, a reason, and nothing on standard output: no input is at fault."""
    assert main(command) == 2
    told = capsys.readouterr()
    assert told.err.startswith("kfuncscope: ") and not told.out


@pytest.mark.parametrize("order", [["new", "gone"], ["gone", "new"]], ids=" ".join)
def test_a_missing_kernel_leaves_the_others(order: list[str], given: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The rows of what can be judged, exit 3, and the name of what cannot."""
    assert main(["judge", "--format", "csv", "--kernel", *order, "--", "objects"]) == 3
    told = capsys.readouterr()
    assert [(r["kernel"], r["program"]) for r in rows(told.out)] == [("new", "a"), ("new", "b")]
    assert "gone" in told.err


@pytest.mark.parametrize("command", ["judge", "relocate", "kernel", "diff"])
def test_named_parts_that_are_not_there(command: str, given: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """``config=F`` that cannot be read is said, not passed over: the answer is made with less than was given."""
    parts = "btf=new/vmlinux.btf,config=none"
    rest = {
        "judge": ["--kernel", parts, "objects"], "relocate": ["--kernel", parts, "objects"], "kernel": [parts],
        "diff": ["--old", "old", "--new", parts],
    }  # fmt: skip
    assert main([command, *rest[command]]) == 3
    told = capsys.readouterr()
    assert "none: No such file" in told.err and told.out


def test_every_path_is_a_kernel_of_its_own(given: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One row for each kernel as given, also where two are one build; a path with "=" and "," is only a path."""
    (given / "new" / "config").write_bytes(CONFIG)
    same = ["new", "new/vmlinux.btf", "btf=new/vmlinux.btf,config=new/config"]
    assert main(["judge", "--format", "csv", "--kernel", *same, "objects/a.bpf.o"]) == 0
    found = rows(capsys.readouterr().out)
    assert [r["kernel"] for r in found] == same
    assert len({tuple(v for k, v in r.items() if k != "kernel") for r in found}) == 1
    odd = given / "btf=x, ünd mehr"
    (given / "new").rename(odd)
    assert main(["judge", "--format", "csv", "--kernel", odd.name, "objects/a.bpf.o"]) == 0
    assert rows(capsys.readouterr().out)[0]["kernel"] == odd.name


def test_parts_of_one_build_make_one_kernel(given: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Files of a split build given side by side are judged once, under the first of them."""
    (given / "boot").mkdir()
    config = given / "boot" / "config-7.3.4-amd64"
    config.write_bytes(CONFIG)
    symbols = given / "boot" / "System.map-7.3.4-amd64"
    symbols.write_bytes(b"".join(b"ffffffff810000%02x T symbol_%d\n" % (i, i) for i in range(200)))
    assert main(["judge", "--format", "csv", "--kernel", str(config), str(symbols), "objects/a.bpf.o"]) == 0
    assert [r["kernel"] for r in rows(capsys.readouterr().out)] == [str(config)]


def test_a_note_in_place_of_symbols_is_no_fault(given: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Debian's boot/System.map is one line that says where the real one is; beside its kernel it is nothing to tell."""
    (given / "boot").mkdir()
    (given / "boot" / "config-7.3.4-amd64").write_bytes(CONFIG)
    note = given / "boot" / "System.map-7.3.4-amd64"
    note.write_bytes(b"ffffffffffffffff B The real System.map is in another package\n")
    boot = sorted(str(p) for p in (given / "boot").iterdir())
    for kernel in (["boot"], boot):
        assert main(["judge", "--format", "csv", "--kernel", *kernel, "objects/a.bpf.o"]) == 0
        told = capsys.readouterr()
        assert len(rows(told.out)) == 1 and not told.err
    assert main(["judge", "--kernel", str(note), "objects/a.bpf.o"]) == 3
    assert "System.map" in capsys.readouterr().err
    assert main(["kernel", str(note)]) == 3


def test_unreadable_object_is_exit_3(given: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Of two objects one is damaged: the rows of the other, its name, exit 3; for each command that reads objects."""
    whole = ObjectBuilder()
    whole.extern_func("bpf_thing", whole.btf.proto(whole.s32))
    data = bytearray(whole.program("xdp", "damaged", [kfunc("bpf_thing"), *END]).build())
    data[40:48] = (1 << 40).to_bytes(8, "little")  # the section headers lie far outside
    (given / "objects" / "c.bpf.o").write_bytes(data)
    commands = [["judge", "--kernel", "new"], ["relocate", "--kernel", "new"], ["object"]]
    for command in commands:
        assert main([*command, "objects"]) == 3, command
        told = capsys.readouterr()
        assert "c.bpf.o" in told.err
        assert "xdp" in told.out or command[0] == "relocate"


def test_path_sorts_what_the_last_step_swallowed(given: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """``--step K --step K OBJECT``, as with ``--new``."""
    assert main(["path", "--step", "old", "--step", "new", "objects", "--format", "csv"]) == 0
    first = capsys.readouterr().out
    assert "a.bpf.o" in first
    assert main(["path", "objects", "--format", "csv", "--step", "old", "--step", "new"]) == 0
    assert capsys.readouterr().out == first


def test_python_m_kfuncscope(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """``python -m kfuncscope`` is the command."""
    monkeypatch.setattr("sys.argv", ["kfuncscope", "--version"])
    with pytest.raises(SystemExit) as ended:
        runpy.run_module("kfuncscope", run_name="__main__")
    assert ended.value.code == 0
    assert capsys.readouterr().out.startswith("kfuncscope ")


def test_explain_prints_code_as_code(given: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Remedies and declarations are to be copied: no escaped tabs; and how far a failure reaches is said in words."""
    kernels = ["--old", str(sample("kernels", "6.12-x86_64")), "--new", str(sample("kernels", "7.3-x86_64"))]
    assert main(["explain", f"{sample('objects', 'rstat_bare.bpf.o')}:", *kernels]) == 1
    out = capsys.readouterr().out
    assert "remedy" in out and "· the program does not load" in out and "; : " not in out
    assert "\\x09" not in out and "        css_rstat_updated___new(" in out


def test_an_architecture_without_objects_says_so(given: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """An empty line would look like "nothing breaks"."""
    big = KernelBuilder("7.3", "s390x")
    (given / "big").mkdir()
    (given / "big" / "vmlinux.btf").write_bytes(big.build())
    for side in ("old", "new"):
        (given / side / "config").write_bytes(CONFIG)
    s390x = "btf=big/vmlinux.btf"
    main(["check", "--old", "old", s390x, "--new", "new", s390x, "--", "objects"])
    assert "no object" in capsys.readouterr().out


def test_a_pipe_among_the_objects_is_not_waited_for(given: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """``*`` in a folder with a FIFO: named as no regular file, and the rest is judged."""
    os.mkfifo(given / "objects" / "pipe")
    names = sorted(str(p) for p in (given / "objects").iterdir())
    assert main(["check", "--old", "old", "--new", "new", *names, "--all"]) == 3
    out = capsys.readouterr().out
    assert "pipe: not a regular file" in out and "a.bpf.o" in out


def test_the_demo_where_nothing_can_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The picture goes to a temporary folder, and where is said; a picture that was named and cannot be is an error."""
    import kfuncscope.gui.app as app
    from kfuncscope.cli.commands import demo

    def draw(analysis: object, target: Path, *, dark: bool) -> Path:
        target.write_bytes(b"picture")
        return target

    monkeypatch.setattr(app, "render", draw)
    monkeypatch.setattr(demo, "has_display", lambda: False)
    monkeypatch.setattr("kfuncscope.session.sample.sample_session", lambda: None)
    monkeypatch.setattr("kfuncscope.upgrade.analyse.analyse", lambda *_: None)
    monkeypatch.setattr("kfuncscope.cli.commands.check.print_analysis", lambda _: None)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.chdir("/proc/self")
    assert main(["demo"]) == 0
    said = capsys.readouterr().out.strip().rpartition(" ")[2]
    assert Path(said).is_relative_to(tmp_path) and Path(said).read_bytes() == b"picture"
    assert main(["demo", "--picture", "/proc/self/no.png"]) == 3
    assert "no.png" in capsys.readouterr().err


def test_an_object_is_no_kernel(given: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A BPF object has BTF, too; taken for a kernel it would answer with nonsense."""
    assert main(["judge", "--kernel", "objects/b.bpf.o", "--", "objects/a.bpf.o"]) == 3
    told = capsys.readouterr()
    assert "a BPF object, not a kernel" in told.err
