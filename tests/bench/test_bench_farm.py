# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A farm: 2,000 objects of distinct content on five architectures through Dask, with one worker and with two.

The figure is how many times as fast two are; it says something on a machine with two idle cores only.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import time
from pathlib import Path
from typing import Any

import pytest

from support import farms

pytestmark = [pytest.mark.corpus, pytest.mark.benchmark(timer=time.perf_counter, warmup=False)]
COUNT = int(os.environ.get("KFUNCSCOPE_FARM_OBJECTS", "2000"))
ARCHES = {"amd64": "7.3", "arm64": "7.3", "ppc64el": "7.2", "riscv64": "7.2", "s390x": "7.2"}


def _objects(corpus: Path, folder: Path, numbers: range) -> None:
    """Real objects, again and again with a number after them, so that no two are equal."""
    with tarfile.open(corpus / "oracle" / "objects.tar.xz") as archive:
        found = [archive.extractfile(m) for m in archive if m.isfile() and m.size < 200_000]
        real = [file.read() for file in found[:200] if file is not None]
    folder.mkdir()
    for number in numbers:
        (folder / f"{number:04}.bpf.o").write_bytes(real[number % len(real)] + number.to_bytes(4, "big"))


def test_two_workers_against_one(benchmark: Any, corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Equal bytes, and the ratio of the times; kernels are packed and open before."""
    _objects(corpus, tmp_path / "objects", range(COUNT))
    sides = []
    for option, releases in (("--old", dict.fromkeys(ARCHES, "6.12")), ("--new", ARCHES)):
        sides += [option, *(str(corpus / "kernels" / f"{r}-{a}" / "vmlinux.btf.xz") for a, r in releases.items())]
    base = [sys.executable, "-m", "kfuncscope", "check", "--format", "json", *sides]
    monkeypatch.setenv("PYTHONPATH", str(farms.APP))

    def run(words: list[str]) -> tuple[float, bytes]:
        begin = time.perf_counter()
        done = subprocess.run([*base, *words], capture_output=True, check=False)
        assert done.returncode in (0, 1, 3), done.stderr.decode()
        return time.perf_counter() - begin, done.stdout

    spent: dict[int, float] = {}
    made: dict[int, bytes] = {}
    for workers in (1, 2):
        folder = tmp_path / f"farm-{workers}"
        folder.mkdir()
        monkeypatch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
        with farms.dask_farm(folder, workers) as farm:
            few = folder / "few"
            _objects(corpus, few, range(COUNT, COUNT + 40))
            run(["--cluster", farm.address, "--", str(few)])  # kernels are known and packed, workers have started
            words = ["--cluster", farm.address, "--", str(tmp_path / "objects")]
            spent[workers], made[workers] = (
                benchmark.pedantic(run, args=(words,), rounds=1) if workers == 2 else run(words)
            )
    assert made[1] == made[2]
    ratio = round(spent[1] / spent[2], 2)
    benchmark.extra_info |= {"one s": round(spent[1], 1), "two s": round(spent[2], 1), "ratio": ratio, "wanted": 1.7}
