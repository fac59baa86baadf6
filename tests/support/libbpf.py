# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""libbpf itself as the judge: what it makes of an object on a BTF file, without privileges (see libbpf_probe.c)."""

from __future__ import annotations

import functools
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from kfuncscope.bpf.instructions import Insn, decode


@dataclass
class Answer:
    """libbpf's answer: 0 or a negative errno, its log, and the instructions of each program after relocation."""

    code: int = -9999
    log: list[str] = field(default_factory=list)
    programs: dict[str, list[Insn]] = field(default_factory=dict)

    def says(self, text: str) -> bool:
        """Whether a line of the log holds the text."""
        return any(text in line for line in self.log)


@functools.cache
def _program() -> Path:
    """The probe, compiled once in a run; it needs a C compiler and libbpf-dev (`.ci/test` installs them)."""
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    assert compiler, "no C compiler: install clang (or run .ci/test)"
    out = Path(tempfile.mkdtemp(prefix="libbpf_probe")) / "probe"
    source = Path(__file__).with_name("libbpf_probe.c")
    made = subprocess.run(
        [compiler, "-O1", "-Wall", "-o", out, source, "-lbpf", "-ldl"], capture_output=True, text=True
    )
    assert made.returncode == 0, f"the libbpf probe was not built (is libbpf-dev installed?):\n{made.stderr}"
    return out


@functools.cache
def version() -> tuple[int, int]:
    """libbpf's version."""
    first = subprocess.run([_program()], capture_output=True, text=True, check=True).stdout.split()[1]
    major, minor = first.removeprefix("v").split(".")[:2]
    return int(major), int(minor)


def ask(pairs: Sequence[tuple[bytes, bytes]], endian: str = "<") -> list[Answer]:
    """libbpf's answers for (BTF of the kernel, object) pairs, in one process."""
    with tempfile.TemporaryDirectory() as folder:
        arguments: list[str] = []
        for number, (btf, obj) in enumerate(pairs):
            for name, data in (("btf", btf), ("bpf.o", obj)):
                path = Path(folder) / f"{number}.{name}"
                path.write_bytes(data)
                arguments.append(str(path))
        run = subprocess.run([_program(), *arguments], capture_output=True, timeout=120)
    answers: list[Answer] = []
    for raw in run.stdout.decode("utf-8", "replace").splitlines():
        word, _, rest = raw.partition(" ")
        if word == "begin":
            answers.append(Answer())
        elif word == "log":
            answers[-1].log.append(rest)
        elif word == "object":
            answers[-1].code = int(rest)
        elif word == "prog":
            current = answers[-1].programs.setdefault(rest, [])
        elif word == "insn":
            current += decode(bytes.fromhex(rest), endian)
    assert run.returncode == 0 and len(answers) == len(pairs), f"the libbpf probe died: {run.stderr.decode()[-2000:]}"
    return answers
