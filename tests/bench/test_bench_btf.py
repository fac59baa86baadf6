# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Budgets of the BTF reader, as ratios to bpftool in the same run: ``pytest tests/bench --benchmark-only``."""

from __future__ import annotations

import lzma
import resource
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from kfuncscope.btf.blob import Blob
from kfuncscope.btf.declare import members_flat, prototype
from kfuncscope.btf.layout import Kind

pytestmark = [pytest.mark.corpus, pytest.mark.benchmark(timer=time.process_time, warmup=False)]
ROUNDS = 7


@pytest.fixture(scope="module")
def vmlinux(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A raw BTF file of 5.5 MB."""
    path = tmp_path_factory.mktemp("bench") / "vmlinux.btf"
    path.write_bytes(lzma.decompress((corpus / "kernels" / "7.3-amd64" / "vmlinux.btf.xz").read_bytes()))
    return path


def bpftool_seconds(path: Path) -> float:
    """CPU seconds of one raw dump."""
    tool = shutil.which("bpftool") or shutil.which("bpftool", path="/usr/sbin:/sbin")
    assert tool is not None, "bpftool is not installed (Debian package bpftool): it is what this budget compares with"
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([tool, "btf", "dump", "file", str(path), "format", "raw"], stdout=subprocess.DEVNULL, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def open_and_index(data: bytes) -> list[int]:
    """What the budget is about: read the blob, index its names, ask for one."""
    return Blob(data).find("task_struct", Kind.STRUCT)


def test_open_and_index_against_bpftool(benchmark: Any, vmlinux: Path) -> None:
    data = vmlinux.read_bytes()
    ours, theirs = [], []
    for _ in range(ROUNDS):  # in turns, so that both meet the same machine
        start = time.process_time()
        assert open_and_index(data)
        ours.append(time.process_time() - start)
        theirs.append(bpftool_seconds(vmlinux))
    ratio = min(ours) / min(theirs)
    benchmark.extra_info |= {"ratio to bpftool": round(ratio, 3), "budget": 0.4}
    benchmark.pedantic(open_and_index, args=(data,), rounds=ROUNDS)
    assert ratio <= 0.4


def test_peak_memory(benchmark: Any, vmlinux: Path) -> None:
    """Of a process that does nothing else, Python and numpy included."""
    code = (
        "import re, sys\n"
        "from kfuncscope.btf.blob import Blob\n"
        "assert Blob(open(sys.argv[1], 'rb').read()).find('task_struct')\n"
        # not ru_maxrss, which begins with what the parent had
        "print(re.search(r'VmHWM:\\s+(\\d+)', open('/proc/self/status').read())[1])"
    )

    def run() -> int:
        done = subprocess.run([sys.executable, "-c", code, str(vmlinux)], capture_output=True, check=True, text=True)
        return int(done.stdout)

    peak = benchmark.pedantic(run, rounds=1)
    benchmark.extra_info |= {"peak MiB": peak // 1024, "budget": 80}
    assert peak < 80 * 1024


def test_all_prototypes(benchmark: Any, vmlinux: Path) -> None:
    """56,129 functions, as a difference of two kernels prints them."""
    blob = Blob(vmlinux.read_bytes())

    def run() -> int:
        blob.texts.clear()
        return sum(len(prototype(blob, i)) for i in blob.own_ids(Kind.FUNC))

    assert benchmark.pedantic(run, rounds=3) > 1_000_000


def test_all_members(benchmark: Any, vmlinux: Path) -> None:
    """All structs, seen through their anonymous parts."""
    data = vmlinux.read_bytes()

    def run() -> int:
        blob = Blob(data)
        return sum(len(members_flat(blob, i)) for i in blob.own_ids(Kind.STRUCT))

    assert benchmark.pedantic(run, rounds=3) > 50_000
