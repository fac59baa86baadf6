# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""``kernel --gate``: a kernel made wrong in each way fails with its reason, and the real ones do not."""

from __future__ import annotations

import hashlib
import json
import os
import struct
from collections.abc import Callable
from pathlib import Path

import pytest

from kfuncscope.cli.main import main
from kfuncscope.decision.gate import decide
from kfuncscope.kernel.kernel import Kernel
from kfuncscope.knowledge.knowledge import for_release
from kfuncscope.model.analysis import Analysis
from kfuncscope.model.verdict import Verdict
from kfuncscope.resources import sample
from kfuncscope.study.kernels.build_faults import FEW, bpf_options, module_faults, option_faults
from support.btfwriter import BtfWriter
from support.kernelpackages import LEVELS, OPTIONS
from support.kernels import KernelBuilder

Make = Callable[[KernelBuilder], None]


def good(kb: KernelBuilder) -> None:
    """What every kernel here has: kfuncs with tags, hooks, a struct_ops type."""
    kb.btf.kfunc("bpf_rcu_read_lock", 0)
    kb.btf.kfunc("bpf_own", kb.s32, [("n", kb.s32)])
    kb.tracepoint("sched_switch", [("preempt", kb.s32), ("task", kb.u64)])
    kb.lsm("file_open", [("file", kb.u64)])
    kb.btf.struct("bpf_iter__task", [("meta", kb.u64)])
    kb.ops("tcp_congestion_ops", [("init", kb.callback()), ("release", kb.callback())])


def write(
    folder: Path, make: Make = good, *, release: str = "7.3", options: dict[str, str] | None = OPTIONS,
    modules: dict[str, BtfWriter | bytes] | None = None, builder: KernelBuilder | None = None,
) -> str:  # fmt: skip
    """A folder with one kernel; its name."""
    kb = builder or KernelBuilder(release)
    make(kb)
    data = kb.build()
    (folder / "modules").mkdir(parents=True)
    (folder / "vmlinux.btf").write_bytes(data)
    if options is not None:
        # A config names its kernel in its head, and so its release.
        head = f"# Linux/x86 {LEVELS[release]} Kernel Configuration\n"
        (folder / "config").write_text(head + "".join(f"CONFIG_{k}={v}\n" for k, v in options.items()))
    for name, module in (modules if modules is not None else {"fine": of_module(kb)}).items():
        content = module if isinstance(module, bytes) else module.build()
        (folder / "modules" / f"{name}.btf").write_bytes(content)
    return str(folder)


def of_module(kb: KernelBuilder, kfunc: str = "") -> BtfWriter:
    """A module's BTF on a kernel."""
    kb.build()
    made = BtfWriter(base=kb.btf)
    made.func("function_of_a_module", made.proto(kb.s32))
    if kfunc:
        made.kfunc(kfunc, kb.s32)
    return made


def gate(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str]:
    code = main(["kernel", "--gate", *words])
    return code, capsys.readouterr().out


def implicit(count: int) -> list[str]:
    return [n for n, f in sorted(for_release("7.3").kfuncs.items()) if f.flags >> 16 & 1][:count]


def with_implicit(count: int) -> Make:
    """As an old pahole leaves it: kfuncs that still show the argument that the verifier adds."""

    def make(kb: KernelBuilder) -> None:
        good(kb)
        aux = kb.btf.ptr(kb.btf.struct("bpf_prog_aux", [("x", kb.s32)]))
        for name in implicit(count):
            kb.btf.kfunc(name, kb.s32, [("x", kb.s32), ("aux", aux)])

    return make


def untagged(kb: KernelBuilder) -> None:
    kb.btf.func("bpf_rcu_read_lock", 0)
    kb.btf.func("bpf_rcu_read_unlock", 0)


def cut(kb: KernelBuilder) -> None:
    good(kb)
    kb.btf.enum("large_flags", {"ONE": 1, "LARGE": 0}, size=8)


# -- faults of the build


def test_a_good_kernel_is_clear(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, said = gate(capsys, write(tmp_path / "k"))
    assert code == 0 and "Kernel clear (by policy built-in; exit status 0)" in said
    assert [line.split()[0] for line in said.splitlines()[2:5]] == ["BTF", "modules", "options"]


@pytest.mark.parametrize("count", [1, FEW, FEW + 1])
def test_r_1_18_implicit_arguments_left_in(count: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A build after which every sched_ext scheduler failed; from nine kfuncs on they are one finding."""
    code, said = gate(capsys, write(tmp_path / "k", with_implicit(count)), "--all")
    assert code == 1 and "Kernel blocked" in said and "[R-1.18, R-2.10]" in said
    assert "libbpf rejects every program" in said and "(built with pahole 1.24)" in said
    assert said.count("R-1.18") == (count if count <= FEW else 1)
    assert implicit(1)[0] in said


@pytest.mark.parametrize(("release", "fails"), [("7.3", True), ("6.12", True), ("6.1", False)])
def test_r_1_17_no_tags_at_all(release: str, fails: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """An old pahole writes none; Linux 6.1 asks for none."""
    code, said = gate(capsys, write(tmp_path / "k", untagged, release=release))
    assert code == (1 if fails else 0)
    assert ("lacks the bpf_kfunc tag of bpf_rcu_read_lock" in said) == fails


def test_r_1_17_one_tag_is_missing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def make(kb: KernelBuilder) -> None:
        good(kb)
        kb.btf.func("bpf_rcu_read_unlock", 0)

    code, said = gate(capsys, write(tmp_path / "k", make))
    assert code == 1 and "tag of bpf_rcu_read_unlock" in said and "tag of bpf_rcu_read_lock" not in said


def test_r_12_12_cut_enumerators(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, said = gate(capsys, write(tmp_path / "k", cut))
    assert code == 1 and "enumerators of 64 bits are cut to 32 (large_flags)" in said and "needs work" in said


def test_r_12_12_a_module_of_another_vmlinux(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Its names begin in the middle of strings of this one."""
    other, this = KernelBuilder("7.3"), KernelBuilder("7.3")
    this.btf.func("shifts_every_string_after_it", 0)
    good(other)
    code, said = gate(capsys, write(tmp_path / "k", builder=this, modules={"ext4": of_module(other)}))
    assert code == 1 and "module ext4: its BTF was built with another vmlinux" in said and "R-12.12" in said


def modules_of(parts: dict[str, bytes], options: dict[str, str] = OPTIONS) -> Kernel:
    """A kernel with these modules beside one whose BTF is good."""
    kb = KernelBuilder("7.3")
    good(kb)
    return kb.kernel(modules={"fine": of_module(kb), **parts}, config=options)


def test_r_1_12_modules_without_btf() -> None:
    """A risk by itself, a break where the kernel that is shipped has it."""
    kb = KernelBuilder("7.3")
    good(kb)
    bare, had = modules_of({"bare": b""}), modules_of({"bare": of_module(kb).build()})
    (one,) = module_faults(bare)
    assert one.verdict == Verdict.RISK and "module bare without BTF" in one.message
    (one,) = module_faults(bare, had)
    assert one.verdict == Verdict.BREAKS and "module bare: the BTF that the old kernel has is missing" in one.message
    assert module_faults(had, bare) == [] == module_faults(had)
    (one,) = module_faults(modules_of({f"m{i}": b"" for i in range(30)}))
    assert one.name == "modules without BTF" and "30 modules (m0, m1," in one.message and "and others" in one.message


def test_no_module_has_btf_as_the_configuration_says() -> None:
    off = {k: v for k, v in OPTIONS.items() if k != "DEBUG_INFO_BTF_MODULES"}
    kb = KernelBuilder("7.3")
    good(kb)
    kernel = kb.kernel(modules={"a": b"", "b": b""}, config=off)
    assert module_faults(kernel) == []
    assert [f.name for f in option_faults(kernel)[0]] == ["CONFIG_DEBUG_INFO_BTF_MODULES"]
    assert len(module_faults(kb.kernel(modules={"a": b"", "b": b""}, config=OPTIONS))) == 1


def test_r_12_12_modules_in_rust() -> None:
    """Their BTF is a header: said, but no reason to stop a kernel."""
    header = struct.pack("<HBBIIIII", 0xEB9F, 1, 0, 24, 0, 0, 0, 0)
    (one,) = module_faults(modules_of({"qt": header}))
    assert one.verdict == Verdict.DEGRADES and "module qt: the BTF holds no types" in one.message
    assert decide(Analysis("1", (), (), gate=True)).headline == "Kernel clear"


def test_a_kernel_without_btf_or_of_fields_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "bare").mkdir()
    (tmp_path / "bare" / "config").write_text("# Linux/x86 7.3.4 Kernel Configuration\nCONFIG_X86_64=y\nCONFIG_BPF=y\n")
    code, said = gate(capsys, str(tmp_path / "bare"))
    assert code == 1 and "the kernel has no BTF" in said and "CONFIG_BPF_SYSCALL is not set" in said
    partial = KernelBuilder("7.3", enums=False)
    code, said = gate(capsys, write(tmp_path / "partial", lambda _: None, builder=partial, modules={}))
    assert code == 1 and "the BTF is partial" in said


def test_an_option_whose_types_are_not_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The configuration of one build, the BTF of another."""
    options = {**OPTIONS, "SCHED_CLASS_EXT": "y"}
    code, said = gate(capsys, write(tmp_path / "k", options=options))
    assert code == 1 and "CONFIG_SCHED_CLASS_EXT is set, but the BTF has no struct_ops type sched_ext_ops" in said

    def make(kb: KernelBuilder) -> None:
        good(kb)
        kb.ops("sched_ext_ops", [("enqueue", kb.callback())])

    assert gate(capsys, write(tmp_path / "fits", make, options=options))[0] == 0


# -- what was lost


def replaced(name: str, by: Make) -> Make:
    """A kernel as ``good`` makes it, with one part left out or made otherwise."""
    parts: dict[str, Make] = {
        "lock": lambda kb: (kb.btf.kfunc("bpf_rcu_read_lock", 0), None)[1],
        "own": lambda kb: (kb.btf.kfunc("bpf_own", kb.s32, [("n", kb.s32)]), None)[1],
        "tracepoint": lambda kb: (kb.tracepoint("sched_switch", [("preempt", kb.s32), ("task", kb.u64)]), None)[1],
        "lsm": lambda kb: (kb.lsm("file_open", [("file", kb.u64)]), None)[1],
        "iter": lambda kb: (kb.btf.struct("bpf_iter__task", [("meta", kb.u64)]), None)[1],
        "ops": lambda kb: (
            kb.ops("tcp_congestion_ops", [("init", kb.callback()), ("release", kb.callback())]), None
        )[1],
    }  # fmt: skip
    assert name in parts

    def make(kb: KernelBuilder) -> None:
        for part, do in parts.items():
            (by if part == name else do)(kb)

    return make


def nothing(kb: KernelBuilder) -> None:
    """Leave it out."""


LOST: list[tuple[str, Make, str, str]] = [
    ("own", nothing, "kfunc bpf_own of vmlinux is gone", "blocked"),
    ("own", lambda kb: (kb.hook("bpf_own", [("n", kb.s32)]), None)[1], "no longer a kfunc", "blocked"),
    ("own", lambda kb: (kb.btf.kfunc("bpf_own", kb.s32), None)[1], "the prototype of bpf_own changed", "blocked"),
    ("own", lambda kb: (kb.btf.kfunc("bpf_own", kb.s32, [("n", kb.s64)]), None)[1], "argument 1 of bpf_own", "work"),
    ("tracepoint", nothing, "tracepoint sched_switch is gone", "blocked"),
    ("tracepoint", lambda kb: (kb.tracepoint("sched_switch", [("task", kb.u64), ("preempt", kb.s32)]), None)[1],
     "arguments of tracepoint sched_switch changed: argument 1 was `int` and is `unsigned long`", "work"),
    ("tracepoint", lambda kb: (kb.tracepoint("sched_switch", [("preempt", kb.s32)]), None)[1],
     "2 arguments became 1", "work"),
    ("tracepoint", lambda kb: (kb.tracepoint(
        "sched_switch", [("preempt", kb.s32), ("task", kb.u64), ("more", kb.s32)]), None)[1], "", "clear"),
    ("lsm", nothing, "LSM hook file_open is gone", "blocked"),
    ("lsm", lambda kb: (kb.lsm("file_open", [("file", kb.u64), ("kernel", kb.s32)]), None)[1],
     "the previous return value is in another slot", "work"),
    ("iter", nothing, "iterator task is gone", "blocked"),
    ("ops", nothing, "struct_ops type tcp_congestion_ops is gone", "blocked"),
    ("ops", lambda kb: (kb.ops("tcp_congestion_ops", [("release", kb.callback())]), None)[1],
     "member init of struct_ops type tcp_congestion_ops is gone", "blocked"),
]  # fmt: skip


@pytest.mark.parametrize(("part", "by", "text", "state"), LOST, ids=[f"{p}-{t[:20]}" for p, _, t, _ in LOST])
def test_what_an_older_kernel_had(
    part: str, by: Make, text: str, state: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    old = write(tmp_path / "old")
    new = write(tmp_path / "new", replaced(part, by))
    code, said = gate(capsys, new, "--against", old)
    assert text in said and f"Kernel {'needs work' if state == 'work' else state}" in said
    assert code == (0 if state == "clear" else 1)
    assert gate(capsys, old, "--against", old)[0] == 0


@pytest.mark.parametrize(
    ("enumerator", "text"),
    [("BPF_MAP_TYPE_ARENA", "map type BPF_MAP_TYPE_ARENA is gone"), ("cgrp_storage_get", "helper bpf_cgrp_storage_get"),
     ("BPF_PROG_TYPE_NETFILTER", "program type BPF_PROG_TYPE_NETFILTER"),
     ("BPF_TRACE_FSESSION", "attach type BPF_TRACE_FSESSION is gone")],
)  # fmt: skip
def test_enumerators_that_are_gone(
    enumerator: str, text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    old = write(tmp_path / "old")
    new = write(tmp_path / "new", builder=KernelBuilder("7.3").without(enumerator))
    code, said = gate(capsys, new, "--against", old, "--all")
    assert code == 1 and text in said


@pytest.mark.parametrize("option", [o.name for o in bpf_options() if o.name in OPTIONS])
def test_r_5_2_an_option_switched_off(option: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    old = write(tmp_path / "old")
    new = write(tmp_path / "new", options={k: v for k, v in OPTIONS.items() if k != option})
    code, said = gate(capsys, new, "--against", old)
    assert code == 1 and f"CONFIG_{option} is switched off" in said
    assert gate(capsys, old, "--against", new)[0] in (0, 1)  # switched on again: nothing of options
    assert "switched off" not in gate(capsys, old, "--against", new)[1]


def test_kfuncs_of_modules(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One that moves between vmlinux and a module is not lost."""
    with_it, without, moved = KernelBuilder("7.3"), KernelBuilder("7.3"), KernelBuilder("7.3")
    for kb in (with_it, without, moved):
        good(kb)
    moved.btf.kfunc("bpf_of_module", moved.s32)
    old = write(tmp_path / "old", nothing, builder=with_it, modules={"nf": of_module(with_it, "bpf_of_module")})
    new = write(tmp_path / "new", nothing, builder=without, modules={"nf": of_module(without)})
    code, said = gate(capsys, new, "--against", old)
    assert code == 1 and "kfunc bpf_of_module of module nf is gone" in said
    there = write(tmp_path / "moved", nothing, builder=moved)
    assert gate(capsys, there, "--against", old)[0] == 0


# -- the gate is that of check


def test_waivers_and_baseline(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    old, new = write(tmp_path / "old"), write(tmp_path / "new", replaced("own", nothing))
    policy = tmp_path / "policy.toml"
    policy.write_text('[[waiver]]\nowner = "me"\nreason = "unused"\nexpires = 2099-01-01\nname = "bpf_own"\n')
    report = tmp_path / "gate.json"
    code, said = gate(capsys, new, "--against", old, "--policy", str(policy), "--report", str(report))
    assert code == 0 and "Kernel clear" in said
    found = json.loads(report.read_text())
    assert found["analysis"]["gate"] is True and found["summary"]["decision"]["headline"] == "Kernel clear"
    again = ["--against", old, "--baseline", str(report), "--fail-on", "new"]
    assert gate(capsys, new, *again)[0] == 0
    worse = write(tmp_path / "worse", nothing)
    code, said = gate(capsys, worse, *again)
    assert code == 1 and "new or worse" in said


@pytest.mark.parametrize("kind", ["html", "md", "csv", "sarif", "xml", "json"])
def test_reports_speak_of_the_kernel(kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    new = write(tmp_path / "k", with_implicit(1))
    path = tmp_path / f"r.{kind}"
    assert gate(capsys, new, "--report", str(path))[0] == 1
    text = path.read_text()
    assert "Kernel blocked" in text and "Upgrade blocked" not in text and implicit(1)[0] in text
    assert "No program breaks" not in text


def test_what_cannot_be_read_or_compared_is_exit_3(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    old = write(tmp_path / "old")
    broken = write(tmp_path / "k")
    (Path(broken) / "modules" / "broken.btf.xz").write_bytes(b"\xfd7zXZ\0 and nothing more")
    assert gate(capsys, broken)[0] == 3
    assert main(["kernel", "--gate", str(tmp_path / "none")]) == 3
    capsys.readouterr()
    other = KernelBuilder("7.3", "s390x")
    (tmp_path / "z").mkdir()
    (tmp_path / "z" / "vmlinux.btf").write_bytes(other.build())
    assert main(["kernel", "--gate", str(tmp_path / "z"), "--against", old]) == 3
    assert "not compared" in capsys.readouterr().err


@pytest.mark.parametrize("words", [["--against", "k"], ["--fail-on", "breaks"], ["--report", "r.md"], ["--all"]])
def test_options_of_the_gate_need_it(words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["kernel", write(tmp_path / "k"), *words]) == 2
    assert "needs --gate" in capsys.readouterr().err


# -- real kernels

CORPUS = Path(os.environ.get("KFUNCSCOPE_CORPUS", "/nonexistent")) / "kernels"


@pytest.mark.corpus
@pytest.mark.parametrize("kernel", sorted(p.name for p in CORPUS.iterdir()) if CORPUS.is_dir() else [])
def test_real_kernels_pass_or_show_their_fault(kernel: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Debian builds s390x without the JIT, which is the only fault that these have."""
    code, said = gate(capsys, str(CORPUS / kernel), "--fail-on", "breaks,silent,risk")
    assert code == (1 if "s390x" in kernel else 0), said
    assert ("CONFIG_BPF_JIT is not set" in said) == ("s390x" in kernel)


def test_a_kernel_is_packed_into_a_file_that_is_taken_as_a_kernel(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole, pack = str(sample("kernels", "7.3-x86_64", "vmlinux.btf.xz")), str(tmp_path / "k.kpack")
    assert main(["kernel", "pack", whole, "-o", pack]) == 0
    assert "SHA-256 " + hashlib.sha256(Path(pack).read_bytes()).hexdigest() in capsys.readouterr().out
    assert main(["kernel", whole]) == 0
    told = capsys.readouterr().out
    assert main(["kernel", pack]) == 0
    assert capsys.readouterr().out == told


@pytest.mark.parametrize(
    "words",
    [["pack", "K"], ["pack", "-o", "k.kpack"], ["K", "-o", "k.kpack"], ["pack", "K", "-o", "k.kpack", "--gate"],
     ["pack", "K", "OTHER", "-o", "k.kpack"]],
)  # fmt: skip
def test_packing_asks_for_one_kernel_and_an_output(
    words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    kernels = {"K": "7.3-x86_64", "OTHER": "6.12-x86_64"}
    given = [str(sample("kernels", kernels[w], "vmlinux.btf.xz")) if w in kernels else w for w in words]
    assert main(["kernel", *given]) == 2
    assert list(tmp_path.iterdir()) == []
