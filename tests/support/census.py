# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Census files for tests: heads, programs and ends as the collector writes them.

host = CensusFile(release="6.12", btf=kernel_btf)
host.program("watch", type=26, tag=tag, attach=[{"btf": "vmlinux", "target": "do_exit"}])
path.write_bytes(host.build())
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from kfuncscope.bpf.object import read_object
from kfuncscope.census.join import Objects, read_objects
from kfuncscope.kernel.kernel import Kernel
from kfuncscope.rules.context import Context
from kfuncscope.rules.core.tag import program_code
from kfuncscope.storage.files import ObjectFile, Place
from support.bpfwriter import ObjectBuilder


class CensusFile:
    """One host's census in the making; ``lines`` may be changed before it is built."""

    def __init__(self, *, host: str = "a", release: str = "7.3.4", machine: str = "x86_64", btf: bytes = b"") -> None:
        sha256 = hashlib.sha256(btf).hexdigest() if btf else ""
        self.head: dict[str, Any] = {
            "format": "kfuncscope-census", "version": 1, "privacy": "strict", "time": 1_700_000_000,
            "release": release, "machine": machine, "byteorder": "little", "btf_sha256": sha256,
            "distribution": "debian 13", "host_id": hashlib.sha256(host.encode()).hexdigest()[:16],
        }  # fmt: skip
        self.programs: list[dict[str, Any]] = []
        self.end: dict[str, Any] | None = {"line": "end"}

    def program(self, name: str, *, type: int = 6, tag: str = "0" * 16, **more: Any) -> CensusFile:
        """A program."""
        number = len(self.programs) + 1
        self.programs.append(
            {"line": "program", "id": number, "type": type, "name": name, "tag": tag, "gpl": True, "loaded": 0,
             "insns": 2, **more}
        )  # fmt: skip
        return self

    def build(self) -> bytes:
        """The file."""
        end = [] if self.end is None else [{"programs": len(self.programs), "links": 0, "gone": 0} | self.end]
        return b"".join(json.dumps(line).encode() + b"\n" for line in (self.head, *self.programs, *end))

    def write(self, path: Path) -> Path:
        """Write it there."""
        path.write_bytes(self.build())
        return path


def tag_of(builder: ObjectBuilder, program: str, kernel: Kernel | None = None, modern: bool = False) -> str:
    """The tag that a kernel gives to a program of an object; ``modern`` from 6.18 on."""
    obj = read_object(builder.build(), "test.bpf.o")
    found = next(p for p in obj.programs if p.name == program)
    return program_code(obj, found, Context(obj, kernel) if kernel else None).tags[modern]


def objects(**builders: ObjectBuilder) -> Objects:
    """Objects by name, each of a package of that name."""
    files = []
    for name, builder in builders.items():
        data = builder.build()
        files.append(ObjectFile(f"{name}.bpf.o", data, hashlib.sha256(data).hexdigest(), (Place(name, name),)))
    found, problems = read_objects(files)
    assert not problems
    return found
