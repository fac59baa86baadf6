# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Kernel packages as distributions build them: image with BTF and symbols, configuration, modules with BTF."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from support.archivewriter import compress
from support.btfwriter import BtfWriter
from support.elfwriter import ElfWriter
from support.kallsymswriter import symbols, tables
from support.kernels import CONFIG, KernelBuilder

OPTIONS = {**CONFIG, "DEBUG_INFO_BTF": "y", "DEBUG_INFO_BTF_MODULES": "y", "MODULES": "y", "PAHOLE_VERSION": "124"}
LEVELS = {"7.3": "7.3.4", "6.12": "6.12.107", "6.1": "6.1.192"}
"""Releases that have tables of their own, by their first two numbers."""


@dataclass
class KernelPackage:
    """A kernel package in the making; tests change a part of it. ``modules`` have BTF (a writer, or bytes) or none."""

    builder: KernelBuilder = field(default_factory=lambda: KernelBuilder("7.3"))
    options: dict[str, str] = field(default_factory=lambda: dict(OPTIONS))
    modules: dict[str, BtfWriter | bytes | None] = field(default_factory=dict)
    btf: bool = True

    @property
    def version(self) -> str:
        """As 7.3.4."""
        return LEVELS[self.builder.release]

    @property
    def release(self) -> str:
        """What ``uname -r`` says on it."""
        return f"{self.version}+test-amd64"

    def config(self) -> bytes:
        """The configuration, which names its kernel in its head."""
        lines = [
            f"# Linux/x86 {self.version} Kernel Configuration",
            *(f"CONFIG_{n}={v}" for n, v in self.options.items()),
        ]
        return "\n".join(lines).encode() + b"\n"

    def vmlinux(self) -> bytes:
        """The image as the linker leaves it."""
        banner = f"Linux version {self.release} (builder@host) (gcc) #1 SMP\n\0".encode()
        elf = ElfWriter(machine=62, file_type=2)
        elf.section(".text", bytes(range(256)) * 300)
        elf.section(".rodata", tables(symbols(600), before=banner))
        elf.section("__ksymtab", b"x" * 12)
        if self.btf:
            elf.section(".BTF", self.builder.build())
        return elf.build()

    def image_files(self) -> dict[str, bytes]:
        """Image and configuration, by path."""
        return {
            f"boot/vmlinuz-{self.release}": compress(self.vmlinux(), "gz"),
            f"boot/config-{self.release}": self.config(),
        }

    def module_files(self) -> dict[str, bytes]:
        """Modules, by path."""
        return {f"lib/modules/{self.release}/kernel/{name}.ko": module(held) for name, held in self.modules.items()}

    def files(self) -> Mapping[str, bytes]:
        """All that one package has."""
        return self.image_files() | self.module_files()


def module(content: BtfWriter | bytes | None) -> bytes:
    """A .ko with this BTF, or with none."""
    elf = ElfWriter(machine=62, file_type=1)
    elf.section(".text", b"\xcc" * 64)
    if content is not None:
        elf.section(".BTF", content if isinstance(content, bytes) else content.build())
    return elf.build()
