# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""``kernel --gate`` on kernel packages: one made wrong in each way that the manual names stops, with its reason.

A package is as Debian builds it: image with BTF and symbols, configuration, modules with BTF. The folders of
``test_kernel_gate.py`` have every case of each fault; here is that a package is read to that fault.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from test_kernel_gate import OPTIONS, good, of_module, replaced, with_implicit

from kfuncscope.cli.main import main
from support.archivewriter import deb, rpm
from support.btfwriter import BtfWriter
from support.kernelpackages import KernelPackage
from support.kernels import KernelBuilder

Make = Callable[[KernelBuilder], None]


def made(
    make: Make = good, builder: KernelBuilder | None = None, options: Mapping[str, str] = OPTIONS, *, btf: bool = True,
    modules: Mapping[str, BtfWriter | bytes | None] | None = None,
) -> KernelPackage:  # fmt: skip
    """A package with one module that fits."""
    kb = builder or KernelBuilder("7.3")
    make(kb)
    return KernelPackage(kb, dict(options), {"fine": of_module(kb), **(modules or {})}, btf)


def with_a_module_of_another_vmlinux() -> KernelPackage:
    """Its names begin in the middle of strings of this kernel."""
    this, other = KernelBuilder("7.3"), KernelBuilder("7.3")
    this.btf.func("shifts_every_string_after_it", 0)
    good(other)
    return made(builder=this, modules={"ext4": of_module(other)})


def untagged(kb: KernelBuilder) -> None:
    kb.btf.func("bpf_rcu_read_lock", 0)


def cut(kb: KernelBuilder) -> None:
    good(kb)
    kb.btf.enum("large_flags", {"ONE": 1, "LARGE": 0}, size=8)


def options(*off: str) -> dict[str, str]:
    return {name: value for name, value in OPTIONS.items() if name not in off}


def nothing(kb: KernelBuilder) -> None:
    """Leave it out."""


FAULTS: dict[str, tuple[Callable[[], KernelPackage], str]] = {
    "no BTF": (lambda: made(btf=False), "the kernel has no BTF"),
    "implicit arguments": (lambda: made(make=with_implicit(3)), "the BTF still shows the implicit arguments of"),
    "tags missing": (lambda: made(make=untagged), "the BTF lacks the bpf_kfunc tag of bpf_rcu_read_lock"),
    "cut enumerators": (lambda: made(make=cut), "enumerators of 64 bits are cut to 32 (large_flags)"),
    "types of an option": (
        lambda: made(options={**OPTIONS, "SCHED_CLASS_EXT": "y"}),
        "CONFIG_SCHED_CLASS_EXT is set, but the BTF has no struct_ops type sched_ext_ops",
    ),
    "module of another vmlinux": (
        with_a_module_of_another_vmlinux,
        "module ext4: its BTF was built with another vmlinux",
    ),
    "module without BTF": (lambda: made(modules={"bare": None}), "module bare without BTF"),
    "no JIT": (lambda: made(options=options("BPF_JIT")), "CONFIG_BPF_JIT is not set"),
    "no bpf()": (lambda: made(options=options("BPF_SYSCALL")), "CONFIG_BPF_SYSCALL is not set"),
    "no BTF asked for": (lambda: made(options=options("DEBUG_INFO_BTF")), "CONFIG_DEBUG_INFO_BTF is not set"),
}  # fmt: skip

LOST: dict[str, tuple[Callable[[], KernelPackage], str]] = {
    "kfunc": (lambda: made(make=replaced("own", nothing)), "kfunc bpf_own of vmlinux is gone"),
    "helper": (
        lambda: made(builder=KernelBuilder("7.3").without("cgrp_storage_get")), "helper bpf_cgrp_storage_get is gone",
    ),
    "tracepoint": (lambda: made(make=replaced("tracepoint", nothing)), "tracepoint sched_switch is gone"),
    "LSM hook": (lambda: made(make=replaced("lsm", nothing)), "LSM hook file_open is gone"),
    "iterator": (lambda: made(make=replaced("iter", nothing)), "iterator task is gone"),
    "struct_ops": (
        lambda: made(make=replaced("ops", nothing)), "struct_ops type tcp_congestion_ops is gone",
    ),
    "map type": (
        lambda: made(builder=KernelBuilder("7.3").without("BPF_MAP_TYPE_ARENA")), "map type BPF_MAP_TYPE_ARENA is gone",
    ),
    "option": (
        lambda: made(options=options("BPF_STREAM_PARSER")), "CONFIG_BPF_STREAM_PARSER is switched off",
    ),
    "BTF of a module": (
        lambda: made(modules={"nf": None}), "module nf: the BTF that the old kernel has is missing",
    ),
}  # fmt: skip


def shipped() -> KernelPackage:
    """The kernel that the new ones are compared with: nothing is wrong with it."""
    kb = KernelBuilder("7.3")
    good(kb)
    return made(nothing, kb, {**OPTIONS, "BPF_STREAM_PARSER": "y"}, modules={"nf": of_module(kb)})


def write(folder: Path, name: str, package: KernelPackage, form: Callable[..., bytes] = deb) -> str:
    folder.mkdir(exist_ok=True)
    path = folder / f"{name}.{form.__name__}"
    path.write_bytes(form(package.files(), name=f"linux-image-{package.release}"))
    return str(path)


@pytest.mark.parametrize("form", [deb, rpm], ids=["deb", "rpm"])
def test_a_package_without_a_fault_is_clear(
    form: Callable[..., bytes], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    new, old = write(tmp_path, "new", shipped(), form), write(tmp_path, "old", shipped(), form)
    for words in ([new], [new, "--against", old]):
        assert main(["kernel", "--gate", *words]) == 0
        assert "Kernel clear" in capsys.readouterr().out


@pytest.mark.parametrize("fault", FAULTS)
def test_a_package_made_wrong_stops_with_its_reason(
    fault: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    package, reason = FAULTS[fault]
    assert main(["kernel", "--gate", write(tmp_path, "new", package())]) == 1
    assert reason in capsys.readouterr().out


def test_a_package_with_a_damaged_module_is_not_clear(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    damaged = struct.pack("<HBBIIIII", 0xEB9F, 1, 0, 24, 0, 64, 64, 64)
    assert main(["kernel", "--gate", write(tmp_path, "new", made(modules={"ext4": damaged}))]) == 3
    assert "kernel/ext4.ko at offset 0x18: truncated" in capsys.readouterr().out


@pytest.mark.parametrize("part", LOST)
def test_a_package_that_lost_something_stops_with_its_name(
    part: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    package, reason = LOST[part]
    new = package()
    if part != "option":
        new.options["BPF_STREAM_PARSER"] = "y"
    if part != "BTF of a module":
        new.modules["nf"] = of_module(new.builder)
    old = write(tmp_path, "old", shipped())
    assert main(["kernel", "--gate", write(tmp_path, "new", new), "--against", old, "--all"]) == 1
    assert reason in capsys.readouterr().out
