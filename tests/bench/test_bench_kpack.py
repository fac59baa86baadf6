# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Budget of opening a packed kernel, the first time and later; the peer is a bare interpreter, started alike.

The kernel is one of the corpus, or the package in KFUNCSCOPE_KERNEL_PACKAGE (one with modules takes longest).
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from support.kpacks import pack_of

pytestmark = [pytest.mark.corpus, pytest.mark.benchmark(timer=time.perf_counter, warmup=False)]
ROUNDS = 5
BUDGET_MS = 50

OPENING = """
import json, sys, time
from kfuncscope.intake.kernels import kernel_files
from kfuncscope.kernel.kernel import open_kernel
wall, cpu = time.perf_counter(), time.process_time()
kernel = open_kernel(kernel_files([sys.argv[1]])[0])
print(json.dumps([1000 * (time.perf_counter() - wall), 1000 * (time.process_time() - cpu), "numpy" in sys.modules]))
"""


def _spent(*words: str, environment: dict[str, str]) -> tuple[str, float]:
    """What a process of Python says, and its CPU milliseconds."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    said = subprocess.run([sys.executable, *words], env=environment, stdout=subprocess.PIPE, check=True, text=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return said.stdout, 1000 * (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)


def test_opening_a_pack_first_and_later(benchmark: Any, corpus: Path, tmp_path: Path) -> None:
    whole = os.environ.get("KFUNCSCOPE_KERNEL_PACKAGE") or corpus / "kernels" / "7.3-amd64"
    pack = pack_of(whole, tmp_path / "k.kpack")
    # As an installed program runs: its modules are compiled already.
    environment = {
        **os.environ,
        "PYTHONPYCACHEPREFIX": str(tmp_path / "pyc"),
        "XDG_CACHE_HOME": str(tmp_path / "cache"),
    }
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    _spent("-c", OPENING, pack, environment=environment)
    time.sleep(4)  # until the file's times would tell of a change
    told: dict[str, list[list[float]]] = {"first": [], "later": []}
    processes: dict[str, list[float]] = {"first": [], "later": [], "bare": []}

    def run() -> None:
        for _ in range(ROUNDS):
            shutil.rmtree(tmp_path / "cache", ignore_errors=True)
            for which in ("first", "later"):
                said, spent = _spent("-c", OPENING, pack, environment=environment)
                told[which].append(json.loads(said))
                processes[which].append(spent)
            processes["bare"].append(_spent("-c", "pass", environment=environment)[1])

    benchmark.pedantic(run, rounds=1)
    assert not any(row[2] for rows in told.values() for row in rows), "numpy was loaded"
    for which, rows in told.items():
        wall, cpu = (round(statistics.median(row[i] for row in rows), 1) for i in (0, 1))
        benchmark.extra_info |= {f"{which} ms": wall, f"{which} CPU ms": cpu, "budget ms": BUDGET_MS}
    benchmark.extra_info |= {
        f"process {name} CPU ms": round(statistics.median(all_)) for name, all_ in processes.items()
    }
