# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""``kfuncscope prove`` and ``check --prove`` without a real boot: packages, plans, exit statuses, order, sentences."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from test_initramfs import PACKAGED

from kfuncscope.cli.main import main
from kfuncscope.intake.kernels import named_kernels
from kfuncscope.intake.objects import object_files
from kfuncscope.kernel.kernel import open_kernel
from kfuncscope.prove import prove
from kfuncscope.prove.guest.agent import line_of
from kfuncscope.prove.guest.wire import Record, Wire
from support.archivewriter import arm64_image, deb
from support.bpfwriter import ObjectBuilder, call, exit_, kfunc, mov
from support.btfwriter import BtfWriter
from support.kernels import KernelBuilder, judged
from support.processes import gone

END = [mov(0, 0), exit_()]


class Place:
    """Packages of a kernel and a guest, two objects, and a stand-in for QEMU that plays records."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        kb = KernelBuilder("7.3", "arm64")
        kb.hook("do_exit", [("code", kb.s64)])
        self.kernel_image = image = arm64_image(b"Linux version 7.3-arm64 (x) " + bytes(-28 % 8) + kb.build())
        config = b"#\n# Linux/arm64 7.3 Kernel Configuration\n#\nCONFIG_BPF_JIT=y\n"
        files = {"boot/vmlinuz-7.3-arm64": image, "boot/config-7.3-arm64": config}
        self.image = self.put("linux-image-7.3-arm64.deb", deb(files, name="linux-image-7.3-arm64", arch="arm64"))
        self.bare = self.put("linux-base-7.3-arm64.deb", deb({"boot/config-7.3-arm64": config}, arch="arm64"))
        guest = {path: data.replace(b"\x3e\0", b"\xb7\0") for path, data in PACKAGED.items()}
        self.guest = self.put("guest.deb", deb(guest, arch="arm64"))
        self.fine = self.put("fine.bpf.o", ObjectBuilder().program("socket", "fine", END).build())
        self.bad = self.put("bad.bpf.o", ObjectBuilder().program("socket", "bad", [call(999), *END]).build())
        (folder / "bin").mkdir()
        shim = folder / "bin" / "qemu-system-aarch64"
        shim.write_text(f'#!/bin/sh\nexec {sys.executable} {Path(__file__).with_name("fake_qemu.py")} "$@"\n')
        shim.chmod(0o755)
        self.script = folder / "script"
        monkeypatch.setenv("FAKE_QEMU_SCRIPT", str(self.script))
        monkeypatch.setenv("PATH", f"{folder / 'bin'}:{os.environ['PATH']}")
        monkeypatch.setenv("XDG_CACHE_HOME", str(folder / "cache"))

    def put(self, name: str, data: bytes) -> str:
        (self.folder / name).write_bytes(data)
        return str(self.folder / name)

    def answers(self, *loads: tuple[str, int], end: bool = True) -> None:
        """Play a boot that gives each program in turn, one to an object, its answer."""
        out = line_of({"r": "hello", "uname": ["Linux", "(none)", "7.3-arm64"], "python": "3.13"})
        out += line_of({"r": "ready", "libbpf": "v1.7"})
        for index, (name, load) in enumerate(loads):
            said = [] if load == 0 else ["invalid func unknown#999"]
            for record in (
                {"r": "begin", "o": index}, {"r": "object", "o": index, "load": load, "lines": []},
                {"r": "prog", "o": index, "p": name, "load": load, "lines": said, "attach": None, "log": bool(said)},
                {"r": "done", "o": index, "weak": [], "nomap": []},
            ):  # fmt: skip
                out += line_of(record)
        out += line_of({"r": "end"}) if end else b""
        self.script.write_text(repr([[("console", out), ("exit", 0)]]))

    def run(self, *more: str) -> int:
        return main(["prove", "--kernel", self.image, "--guest", self.guest, "--accel", "tcg", *more])


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    return Place(tmp_path, monkeypatch)


def test_predicted_failures_are_asked_first_and_all_agree(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    place.answers(("bad", -22), ("fine", 0))
    assert place.run("--", place.fine, place.bad) == 0
    out = capsys.readouterr().out
    assert "arm64: 7.3-arm64   agree 2, DISAGREE 0, beyond the files 0, not seen 0" in out
    assert "libbpf v1.7; tcg" in out


def test_disagreements_are_shown_and_fail_where_asked(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    place.answers(("bad", 0), ("fine", 0))
    assert place.run("--fail-on", "disagree", "--", place.fine, place.bad) == 1
    lines = [line.split() for line in capsys.readouterr().out.splitlines() if line.startswith("DISAGREE")]
    assert [line[:4] for line in lines] == [
        ["DISAGREE", "bad.bpf.o", "(whole", "object)"], ["DISAGREE", "bad.bpf.o", "bad", "refused"]
    ]  # fmt: skip
    assert place.run("--", place.fine, place.bad) == 0  # from the cache


def test_json_has_the_image_and_what_ran(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    place.answers(("fine", 0))
    assert place.run("--format", "json", "--", place.fine) == 0
    (proof,) = json.loads(capsys.readouterr().out)["proof"]
    assert (proof["arch"], proof["release"], proof["libbpf"], proof["accelerator"]) == (
        "arm64",
        "7.3-arm64",
        "v1.7",
        "tcg",
    )
    assert len(proof["image_sha256"]) == 64 and proof["objects"][0]["agreement"] == "agree"


def test_only_narrows_by_prediction(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    place.answers(("bad", -22))
    assert place.run("--only", "breaks", "--format", "json", "--", place.fine, place.bad) == 0
    (proof,) = json.loads(capsys.readouterr().out)["proof"]
    assert [o["object"] for o in proof["objects"]] == ["bad.bpf.o"]
    assert place.run("--only", "silent", "--", place.fine) == 2


def test_a_plan_boots_nothing(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    assert place.run("--plan", "--", place.fine) == 0
    out = capsys.readouterr().out
    assert "qemu-system-aarch64 -nodefaults" in out and "-nic none" in out and "init " in out
    assert "objects: 1, 1 programs, 0 known already" in out
    assert not place.script.exists()


def test_a_boot_that_ends_early_keeps_what_came(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit status 3: something given has no answer."""
    place.answers(("bad", -22), end=False)
    assert place.run("--", place.fine, place.bad) == 3
    told = capsys.readouterr()
    assert "agree 1, DISAGREE 0, beyond the files 0, not seen 1" in told.out
    assert "the guest switched itself off before its last record; 1 object has no answer" in told.err


def test_another_config_is_asked_again(place: Place) -> None:
    """The config is packed into the guest, where libbpf reads it for kconfig externs."""

    def base(config: bytes) -> str:
        files = {"boot/vmlinuz-7.3-arm64": place.kernel_image, "boot/config-7.3-arm64": config}
        package = place.put("again.deb", deb(files, name="linux-image-7.3-arm64", arch="arm64"))
        kernel = open_kernel(named_kernels([package])[0][0][1])
        options = prove.Options(accel="tcg", guest=(place.guest,))
        return prove.prepare(kernel, [package], object_files([place.fine])[0], options).base

    head = b"#\n# Linux/arm64 7.3 Kernel Configuration\n#\n"
    jit, hz = head + b"CONFIG_BPF_JIT=y\n", head + b"CONFIG_HZ=250\n"
    assert base(jit) == base(jit) != base(hz)


@pytest.mark.parametrize(
    ("change", "status", "told"),
    [
        ({"kernel": "bare"}, 3, "no kernel image to boot; also give the package that holds vmlinuz"),
        ({"guest": None}, 3, "give packages of arm64 with Python and libbpf as --guest of `kfuncscope prove`"),
        ({"more": ["--timeout", "0"]}, 2, "expected a number of seconds from 1 to 3600"),
        ({"more": ["--modules", "a/b"]}, 3, "not a module name"),
        ({"more": ["--setup", "/nonexistent"]}, 3, "No such file"),
    ],
)  # fmt: skip
def test_what_cannot_work_is_said(
    place: Place, capsys: pytest.CaptureFixture[str], change: dict[str, Any], status: int, told: str
) -> None:
    guest = [] if "guest" in change else ["--guest", place.guest]
    kernel = place.bare if change.get("kernel") else place.image
    assert main(["prove", "--kernel", kernel, *guest, *change.get("more", []), "--", place.fine]) == status
    assert told in capsys.readouterr().err


def test_qemu_that_is_missing_is_named_with_the_line_to_type(
    place: Place, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(place.folder))
    assert place.run("--", place.fine) == 3
    assert "sudo apt-get install --no-install-recommends qemu-system-arm" in capsys.readouterr().err


STOPS = [(KeyboardInterrupt(), 130), (SystemExit(143), 143)]


def stopping(monkeypatch: pytest.MonkeyPatch, by: BaseException, after: int) -> None:
    """``by`` (Ctrl+C, or what SIGTERM raises) comes after so many objects are done."""
    left = [after]
    take = Wire.feed

    def feed(wire: Wire, data: bytes) -> Iterator[Record]:
        for record in take(wire, data):
            if record.kind == "begin":
                left[0] -= 1
                if left[0] < 0:
                    raise by
            yield record

    monkeypatch.setattr(Wire, "feed", feed)


def ended(*line: str) -> int:
    """The exit status, also where SystemExit carries it."""
    try:
        return main(list(line))
    except SystemExit as stop:
        assert isinstance(stop.code, int)
        return stop.code


@pytest.mark.parametrize(("by", "status"), STOPS)
def test_what_was_seen_before_an_interrupt_is_printed_and_kept(
    place: Place, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, by: BaseException, status: int
) -> None:
    place.answers(("bad", -22), ("fine", 0))
    line = ["prove", "--kernel", place.image, "--guest", place.guest, "--accel", "tcg"]
    with monkeypatch.context() as only:
        stopping(only, by, 1)
        assert ended(*line, "--", place.fine, place.bad) == status
    told = capsys.readouterr()
    assert "agree 1, DISAGREE 0, beyond the files 0, not seen 1" in told.out and "; tcg, " in told.out
    assert "the last boot ended early: cancelled; 1 object has no answer" in told.err
    assert place.run("--plan", "--", place.fine, place.bad) == 0
    assert "objects: 2, 2 programs, 1 known already" in capsys.readouterr().out


@pytest.mark.parametrize(("by", "status"), STOPS)
def test_a_check_that_is_interrupted_prints_its_analysis(
    place: Place, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, by: BaseException, status: int
) -> None:
    place.answers(("bad", -22), ("fine", 0))
    stopping(monkeypatch, by, 1)
    line = ["check", "--prove", "--accel", "tcg", "--guest", place.guest, "--old", place.image, "--new", place.image]
    assert ended(*line, "--", place.fine, place.bad) == status
    told = capsys.readouterr()
    assert told.out.count("agree 1, DISAGREE 0, beyond the files 0, not seen 1") == 1
    assert "exit status 3" in told.out and "fine.bpf.o: not proved on 7.3-arm64" in told.out + told.err


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_ending_the_program_ends_the_guest(place: Place, number: int) -> None:
    """Nothing is left behind; after SIGKILL only the temporary files are."""
    place.script.write_text(repr([[("console", b"x\n"), ("sleep", 60)]]))
    code = (  # a job in the background may ignore SIGINT
        "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler); "
        "from kfuncscope.cli.main import main; sys.exit(main(sys.argv[1:]))"
    )
    line = [sys.executable, "-c", code, "prove", "--kernel", place.image, "--guest", place.guest,
            "--accel", "tcg", "--", place.fine]  # fmt: skip
    env = {**os.environ, "TMPDIR": str(place.folder), "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(line, env=env, stderr=subprocess.DEVNULL) as process:
        running = place.script.with_suffix(".pid")
        for _ in range(600):
            if running.exists() and running.read_text():
                break
            time.sleep(0.05)
        process.send_signal(number)
        process.wait(30)
    gone(int(running.read_text()))
    if number != signal.SIGKILL:
        assert not list(place.folder.glob("kfuncscope-*"))


def test_check_proves_both_kernels(place: Place, capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    """Exit status 3, for the image of this test holds no symbol table; nothing else is missing."""
    place.answers(("fine", 0))
    line = ["check", "--prove", "--accel", "tcg", "--guest", place.guest, "--format", "json"]
    assert main([*line, "--old", place.image, "--new", place.image, "--fail-on", "disagree", "--", place.fine]) == 3
    told = capsysbinary.readouterr()
    analysis = json.loads(told.out)["analysis"]
    assert [p["release"] for p in analysis["proof"]] == ["7.3-arm64", "7.3-arm64"]
    assert [o["agreement"] for p in analysis["proof"] for o in p["objects"]] == ["agree", "agree"]
    assert [p["reason"] for p in analysis["problems"]] == ["no symbol table in this image"]


def test_check_says_what_was_not_proved(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    place.answers(end=False)
    line = ["check", "--prove", "--accel", "tcg", "--guest", place.guest, "--old", place.image, "--new", place.image]
    assert main([*line, "--", place.fine]) == 3
    assert "fine.bpf.o: not proved on 7.3-arm64: the boot ended early" in capsys.readouterr().err
    bare = ["check", "--prove", "--guest", place.guest, "--old", place.image, "--new", place.image, place.bare]
    assert main([*bare, "--", place.fine]) == 3


def test_modules_in_which_something_was_found_are_wanted() -> None:
    kb = KernelBuilder("7.3")
    kb.build()
    modules = {}
    for name, kfunc_name in (("nf_conntrack", "bpf_ct_thing"), ("other", "bpf_other")):
        modules[name] = BtfWriter(base=kb.btf)
        modules[name].kfunc(kfunc_name, 0)
    kernel = kb.kernel(modules=modules)
    builder = ObjectBuilder()
    builder.extern_func("bpf_ct_thing", builder.btf.proto(0))
    judged(builder.program("xdp", "p", [kfunc("bpf_ct_thing"), *END]), kernel)
    assert kernel.modules.answering() == {"bpf_ct_thing": {"nf_conntrack"}}


def test_an_old_libbpf_is_noted() -> None:
    assert prove._libbpf_note("v1.3") == [
        "libbpf v1.3 is older than 1.4: it refuses objects by itself; give a newer one with --guest"
    ]
    assert prove._libbpf_note("v1.4") == prove._libbpf_note("v1.10") == prove._libbpf_note("") == []
