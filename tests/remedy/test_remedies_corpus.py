# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Remedies over the cases and Debian's objects on real kernels: each finding has one, and every snippet compiles.

Marked corpus: the objects and kernels are not in the repository.
"""

from __future__ import annotations

import os
import tarfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from kfuncscope.bpf.object import read_object
from kfuncscope.errors import InputError
from kfuncscope.intake.kernels import kernel_files
from kfuncscope.kernel.kernel import Kernel, open_kernel
from kfuncscope.model.verdict import Finding
from kfuncscope.remedy.remedies import ASKS, remedied
from kfuncscope.rules.changes.change import compare
from kfuncscope.rules.judge import judge
from support.snippets import Compiler, loader

PAIRS = (("6.1-amd64", "6.12-amd64"), ("6.12-amd64", "7.3-amd64"))


@cache
def kernel(name: str) -> Kernel:
    (files,) = kernel_files([Path(os.environ["KFUNCSCOPE_CORPUS"], "kernels", name)])
    return open_kernel(files)


@cache
def objects() -> tuple[tuple[str, bytes], ...]:
    root = Path(os.environ["KFUNCSCOPE_CORPUS"])
    found = [(p.name, p.read_bytes()) for p in sorted((root / "cases").rglob("*.o"))]
    with tarfile.open(root / "oracle" / "objects.tar.xz") as archive:
        for member in archive:
            data = archive.extractfile(member) if member.isfile() and member.name.startswith("./debian/") else None
            if data is not None:
                found.append((member.name, data.read()))
    return tuple(found)


def findings(old: str, new: str) -> Iterator[Finding]:
    for name, data in objects():
        try:
            obj = read_object(data, name)
        except InputError:
            continue
        if obj.endian != kernel(new).endian:
            continue
        before, after = judge(obj, kernel(old)), judge(obj, kernel(new))
        verdict = remedied(compare(before, after, "", ""), before, after)
        for listed in (verdict.findings, *(p.findings for p in verdict.programs)):
            yield from (f for f in listed if f.verdict in ASKS)


@pytest.mark.corpus
@pytest.mark.parametrize(("old", "new"), PAIRS)
def test_every_remedy_of_real_objects_compiles(old: str, new: str) -> None:
    listed = list(findings(old, new))
    assert listed
    assert all(f.remedy is not None for f in listed)
    remedies = {f.remedy for f in listed if f.remedy is not None}
    compilers = [Compiler(kernel(side)) for side in (old, new)]
    for code in {r.code for r in remedies if r.code}:
        for compiler in compilers:
            assert compiler.program(code) == "", code
    for code in {r.loader for r in remedies if r.loader}:
        assert loader(code) == "", code
