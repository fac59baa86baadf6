# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""``kernel --gate`` on kernel packages: one made wrong in each way that the manual names stops, with its reason.

A package is as Debian builds it: image with BTF and symbols, configuration, modules with BTF. The folders of
``test_kernel_gate.py`` have every case of each fault; here is that a package is read to that fault.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from test_kernel_gate import OPTIONS, good, of_module, replaced, with_implicit

from kfuncscope.cli.main import main
from support.archivewriter import compress, deb, rpm
from support.btfwriter import BtfWriter
from support.elfwriter import ElfWriter
from support.kallsymswriter import symbols, tables
from support.kernels import KernelBuilder

RELEASE = "7.3.4+test-amd64"


@dataclass
class Package:
    """A kernel package in the making; a fault changes a part of it."""

    builder: KernelBuilder = field(default_factory=lambda: KernelBuilder("7.3"))
    make: Callable[[KernelBuilder], None] = good
    options: dict[str, str] = field(default_factory=lambda: dict(OPTIONS))
    modules: dict[str, BtfWriter | bytes | None] = field(default_factory=dict)
    btf: bool = True

    def files(self) -> dict[str, bytes]:
        """What is in it, by path."""
        self.make(self.builder)
        config = "".join(f"CONFIG_{name}={value}\n" for name, value in self.options.items())
        modules = {"fine": of_module(self.builder), **self.modules}
        image = self._vmlinux(self.builder.build())
        return {
            f"boot/vmlinuz-{RELEASE}": compress(image, "gz"),
            f"boot/config-{RELEASE}": f"# Linux/x86 7.3.4 Kernel Configuration\n{config}".encode(),
            **{f"lib/modules/{RELEASE}/kernel/{n}.ko": module(m) for n, m in modules.items()},
        }

    def _vmlinux(self, btf: bytes) -> bytes:
        elf = ElfWriter(machine=62, file_type=2)
        elf.section(".text", bytes(range(256)) * 300)
        banner = f"Linux version {RELEASE} (builder@host) (gcc) #1 SMP\n\0".encode()
        elf.section(".rodata", tables(symbols(600), before=banner))
        elf.section("__ksymtab", b"x" * 12)
        if self.btf:
            elf.section(".BTF", btf)
        return elf.build()


def module(content: BtfWriter | bytes | None) -> bytes:
    """A .ko with this BTF, or with none."""
    elf = ElfWriter(machine=62, file_type=1)
    elf.section(".text", b"\xcc" * 64)
    if content is not None:
        elf.section(".BTF", content if isinstance(content, bytes) else content.build())
    return elf.build()


def of_another_vmlinux() -> BtfWriter:
    other = KernelBuilder("7.3")
    other.btf.func("shifts_every_string_after_it", 0)
    good(other)
    return of_module(other)


def untagged(kb: KernelBuilder) -> None:
    kb.btf.func("bpf_rcu_read_lock", 0)


def cut(kb: KernelBuilder) -> None:
    good(kb)
    kb.btf.enum("large_flags", {"ONE": 1, "LARGE": 0}, size=8)


def options(*off: str) -> dict[str, str]:
    return {name: value for name, value in OPTIONS.items() if name not in off}


def nothing(kb: KernelBuilder) -> None:
    """Leave it out."""


FAULTS: dict[str, tuple[Callable[[], Package], str]] = {
    "no BTF": (lambda: Package(btf=False), "the kernel has no BTF"),
    "implicit arguments": (lambda: Package(make=with_implicit(3)), "the BTF still shows the implicit arguments of"),
    "tags missing": (lambda: Package(make=untagged), "the BTF lacks the bpf_kfunc tag of bpf_rcu_read_lock"),
    "cut enumerators": (lambda: Package(make=cut), "enumerators of 64 bits are cut to 32 (large_flags)"),
    "types of an option": (
        lambda: Package(options={**OPTIONS, "SCHED_CLASS_EXT": "y"}),
        "CONFIG_SCHED_CLASS_EXT is set, but the BTF has no struct_ops type sched_ext_ops",
    ),
    "module of another vmlinux": (
        lambda: Package(modules={"ext4": of_another_vmlinux()}),
        "module ext4: its BTF was built with another vmlinux",
    ),
    "module without BTF": (lambda: Package(modules={"bare": None}), "module bare without BTF"),
    "no JIT": (lambda: Package(options=options("BPF_JIT")), "CONFIG_BPF_JIT is not set"),
    "no bpf()": (lambda: Package(options=options("BPF_SYSCALL")), "CONFIG_BPF_SYSCALL is not set"),
    "no BTF asked for": (lambda: Package(options=options("DEBUG_INFO_BTF")), "CONFIG_DEBUG_INFO_BTF is not set"),
}  # fmt: skip

LOST: dict[str, tuple[Callable[[], Package], str]] = {
    "kfunc": (lambda: Package(make=replaced("own", nothing)), "kfunc bpf_own of vmlinux is gone"),
    "helper": (
        lambda: Package(KernelBuilder("7.3").without("cgrp_storage_get")), "helper bpf_cgrp_storage_get is gone",
    ),
    "tracepoint": (lambda: Package(make=replaced("tracepoint", nothing)), "tracepoint sched_switch is gone"),
    "LSM hook": (lambda: Package(make=replaced("lsm", nothing)), "LSM hook file_open is gone"),
    "iterator": (lambda: Package(make=replaced("iter", nothing)), "iterator task is gone"),
    "struct_ops": (
        lambda: Package(make=replaced("ops", nothing)), "struct_ops type tcp_congestion_ops is gone",
    ),
    "map type": (
        lambda: Package(KernelBuilder("7.3").without("BPF_MAP_TYPE_ARENA")), "map type BPF_MAP_TYPE_ARENA is gone",
    ),
    "option": (
        lambda: Package(options=options("BPF_STREAM_PARSER")), "CONFIG_BPF_STREAM_PARSER is switched off",
    ),
    "BTF of a module": (
        lambda: Package(modules={"nf": None}), "module nf: the BTF that the old kernel has is missing",
    ),
}  # fmt: skip


def shipped() -> Package:
    """The kernel that the new ones are compared with: nothing is wrong with it."""
    kb = KernelBuilder("7.3")
    good(kb)
    return Package(options={**OPTIONS, "BPF_STREAM_PARSER": "y"}, modules={"nf": of_module(kb)})


def write(folder: Path, name: str, package: Package, form: Callable[..., bytes] = deb) -> str:
    folder.mkdir(exist_ok=True)
    path = folder / f"{name}.{form.__name__}"
    path.write_bytes(form(package.files(), name=f"linux-image-{RELEASE}"))
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
    assert main(["kernel", "--gate", write(tmp_path, "new", Package(modules={"ext4": damaged}))]) == 3
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
