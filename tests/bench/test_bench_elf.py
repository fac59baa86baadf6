# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Why section tables of ELF files are read by code of our own: pyelftools takes many times as long for the same."""

from __future__ import annotations

import io
import tarfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from elftools.elf.elffile import ELFFile

from kfuncscope.elf.tables import read_elf

pytestmark = pytest.mark.corpus
LEAST = 8  # times as long; less, and the library should take the place of elf.tables


def _cpu(work: Callable[[], object]) -> float:
    times = []
    for _ in range(3):
        start = time.process_time()
        work()
        times.append(time.process_time() - start)
    return min(times)


def test_sections_against_pyelftools(benchmark: Any, corpus: Path) -> None:
    """Section tables with names of 200 real objects."""
    with tarfile.open(corpus / "oracle" / "objects.tar.xz") as archive:
        files = [archive.extractfile(m) for m in archive if m.isfile()][:200]
        data = [file.read() for file in files if file is not None]
    data = [one for one in data if one[:4] == b"\x7fELF"]

    def by_library() -> list[list[str]]:
        return [[section.name for section in ELFFile(io.BytesIO(one)).iter_sections()] for one in data]

    def own() -> list[list[str]]:
        return [[section.name for section in read_elf(one, "f").sections] for one in data]

    assert own() == by_library()
    benchmark.pedantic(own, rounds=5)
    ratio = _cpu(by_library) / _cpu(own)
    benchmark.extra_info["pyelftools / own"] = round(ratio, 1)
    assert ratio > LEAST
