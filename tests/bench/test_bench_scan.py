# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Budgets of scanning an archive; the peer is the bare decompression of the same members by the same libraries.

The packages are those in the folder KFUNCSCOPE_PACKAGES (300 MB of any .deb files are enough).
"""

from __future__ import annotations

import io
import lzma
import multiprocessing
import os
import resource
import subprocess
import sys
import time
import zlib
from concurrent import futures
from pathlib import Path
from typing import Any

import pytest
import zstandard

from kfuncscope.resources import sample
from support import archivewriter as write

pytestmark = pytest.mark.benchmark(timer=time.perf_counter, warmup=False)
ENOUGH = 300 << 20
MANY = 10_000
_STEP = 1 << 20


def _cpu_of_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _scan(catalogue: Path, inputs: Path, cache: Path) -> tuple[float, float]:
    """Seconds and CPU seconds of the command with two processes."""
    command = [sys.executable, "-m", "kfuncscope.cli.main", "scan", str(inputs), "--catalogue", str(catalogue)]
    environment = {**os.environ, "XDG_CACHE_HOME": str(cache)}
    before, start = _cpu_of_children(), time.perf_counter()
    done = subprocess.run([*command, "--workers", "2"], env=environment, capture_output=True, check=False)
    assert done.returncode in (0, 3), done.stderr.decode()
    return time.perf_counter() - start, _cpu_of_children() - before


def bare(path: Path) -> None:
    """Decompress the members of a Debian package, a megabyte at a time."""
    with path.open("rb") as file:
        file.seek(8)
        while head := file.read(60):
            size = int(head[48:58])
            data = file.read(size + (size & 1))[:size]
            if head.startswith(b"data.tar.zst"):
                with zstandard.ZstdDecompressor().stream_reader(io.BytesIO(data)) as reader:
                    while reader.read(_STEP):
                        pass
            elif head.startswith((b"data.tar.xz", b"control.tar.xz")):
                decoder = lzma.LZMADecompressor()
                while not decoder.eof:
                    decoder.decompress(data, _STEP)
                    data = b""
            elif b".tar.gz" in head:
                zlib.decompressobj(31).decompress(data)


def _cpu_of_bare(files: list[Path]) -> float:
    """CPU seconds of bare decompression, in two processes as the scan has: two share a core's caches and units."""
    before = _cpu_of_children()
    with futures.ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("fork")) as pool:
        list(pool.map(bare, files))
    return _cpu_of_children() - before


def test_scanning_costs_little_more_than_decompressing(benchmark: Any, package_folder: Path, tmp_path: Path) -> None:
    """The first scan in CPU seconds against bare decompression, package by package; and once more."""
    pool, total = tmp_path / "pool", 0
    pool.mkdir()
    for path in sorted(package_folder.rglob("*.deb")):
        target = pool / path.name
        if total < ENOUGH and not target.exists():
            target.symlink_to(path.resolve())
            total += path.stat().st_size
    if not total:
        pytest.skip("KFUNCSCOPE_PACKAGES names no folder of packages")
    files = sorted(pool.iterdir())
    peers = [_cpu_of_bare(files) for _ in range(2)]
    wall, cpu = benchmark.pedantic(lambda: _scan(tmp_path / "c.kcat", pool, tmp_path / "cache"), rounds=1)
    again, _ = _scan(tmp_path / "c.kcat", pool, tmp_path / "cache")
    benchmark.extra_info |= {"MB": total >> 20, "packages": len(files), "s": round(wall, 2), "CPU s": round(cpu, 2)}
    benchmark.extra_info |= {
        "bare CPU s": round(min(peers), 2),
        "ratio": round(cpu / min(peers), 2),
        "budget ratio": 1.2,
    }
    benchmark.extra_info |= {"again s": round(again, 2), "budget again s": 1}


def test_ten_thousand_packages_after_one_change(benchmark: Any, tmp_path: Path) -> None:
    """A catalogue of many small packages, one in a hundred with an object, brought up to date."""
    pool = tmp_path / "pool"
    objects = [path.read_bytes() for path in sorted(sample("objects").glob("*.bpf.o"))]
    for number in range(MANY):
        name = f"p{number}"
        files = {f"usr/share/doc/{name}": name.encode()}
        if number % 100 == 0:
            files[f"usr/lib/{name}.bpf.o"] = objects[number // 100 % len(objects)]
        folder = pool / name[-2:]
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{name}_1.0-1_amd64.deb").write_bytes(write.deb(files, name=name, how="gz"))
    time.sleep(4)  # until their times would tell of a change
    _scan(tmp_path / "c.kcat", pool, tmp_path / "cache")
    (pool / "00" / "p100_1.0-1_amd64.deb").write_bytes(write.deb({"a": b"changed"}, name="p100", how="gz"))
    wall, cpu = benchmark.pedantic(lambda: _scan(tmp_path / "c.kcat", pool, tmp_path / "cache"), rounds=1)
    benchmark.extra_info |= {"packages": MANY, "s": round(wall, 2), "CPU s": round(cpu, 2), "budget s": 2}
