# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""C of remedies, compiled: beside a kernel's vmlinux.h for the program, beside libbpf's headers for the loader."""

from __future__ import annotations

import shutil
import subprocess
import weakref
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory, mkdtemp

from kfuncscope.arch import arch_record
from kfuncscope.kernel.kernel import Kernel

PRELUDE = """\
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_tracing.h>
#ifndef bpf_ksym_exists
#define bpf_ksym_exists(sym) (!!(sym)) /* libbpf has it from 1.2 on */
#endif
"""
TARGETS = {"x86_64": "x86", "arm64": "arm64", "s390x": "s390", "ppc64le": "powerpc", "riscv64": "riscv"}
STRICT = ("-Wall", "-Werror", "-Wno-unused-function")


class Compiler:
    """Compiles snippets beside the vmlinux.h of one kernel, which is dumped and compiled once; each text once too."""

    def __init__(self, kernel: Kernel) -> None:
        self._done: dict[tuple[str, tuple[str, ...]], tuple[str, bytes]] = {}
        self._last = b""
        self.folder = Path(mkdtemp())
        weakref.finalize(self, shutil.rmtree, self.folder)
        assert kernel.vmlinux is not None
        (self.folder / "btf").write_bytes(kernel.vmlinux.data)
        header = subprocess.run(["bpftool", "btf", "dump", "file", self.folder / "btf", "format", "c"],
                                capture_output=True, check=True).stdout  # fmt: skip
        (self.folder / "vmlinux.h").write_bytes(header)
        (self.folder / "prelude.h").write_text(PRELUDE)
        endian = "bpfeb" if arch_record(kernel.arch).endian == ">" else "bpfel"
        target = f"-D__TARGET_ARCH_{TARGETS[kernel.arch]}"
        self._flags = ["-target", endian, target, "-mcpu=v3", "-O2", "-g", f"-I{self.folder}"]
        self._run([*self._flags, "-w", "-x", "c-header", "prelude.h", "-o", "prelude.pch"])

    def _run(self, arguments: list[str]) -> str:
        done = subprocess.run(["clang", *arguments], cwd=self.folder, capture_output=True, text=True, check=False)
        return done.stderr if done.returncode else ""

    def program(self, text: str, *flags: str) -> str:
        """What clang complains of in C for a BPF program; empty where it compiles. The object is ``made``."""
        if (text, flags) not in self._done:
            (self.folder / "made.c").write_text(text)
            said = self._run(
                [*self._flags, *(flags or STRICT), "-include-pch", "prelude.pch", "-c", "made.c", "-o", "made.o"]
            )
            self._done[text, flags] = said, b"" if said else (self.folder / "made.o").read_bytes()
        said, self._last = self._done[text, flags]
        return said

    @property
    def made(self) -> bytes:
        """The object that was compiled last; empty where clang refused it."""
        return self._last


@cache
def compiler(kernel: Kernel) -> Compiler:
    """The compiler of a kernel, one for all who ask in this process."""
    return Compiler(kernel)


@cache
def loader(text: str) -> str:
    """What clang complains of in C for a loader; empty where it compiles."""
    with TemporaryDirectory() as folder:
        Path(folder, "made.c").write_text(text)
        done = subprocess.run(["clang", "-O2", *STRICT, "-c", "made.c", "-o", "made.o"], cwd=folder,
                              capture_output=True, text=True, check=False)  # fmt: skip
        return done.stderr if done.returncode else ""
