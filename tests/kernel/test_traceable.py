# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Which functions ftrace can patch, read from images as the releases lay them out (R-7.9)."""

from __future__ import annotations

import random
import struct
from collections.abc import Sequence
from functools import cache

import numpy as np
import pytest

from kfuncscope.errors import ImageError
from kfuncscope.intake.kallsyms import name_table
from kfuncscope.kernel.binary.addresses import NOWHERE, symbol_addresses
from kfuncscope.kernel.binary.traceable import traceable_functions
from kfuncscope.model.verdict import Confidence, Tri
from kfuncscope.storage.files import KernelFiles
from support.bpfwriter import ObjectBuilder, exit_, mov
from support.kallsymswriter import tables
from support.kernels import KernelBuilder, only

COUNT, STEP = 5600, 256
BASE = 0xFFFFFFFF81000000
RAW_BASE = 0xFFFF800080000000
LAYOUTS = ("behind", "before", "per CPU", "from its place")
NAMES = [
    *(b"%c fn_%d" % (b"tT"[number % 2], number) for number in range(COUNT)), b"T _sinittext", b"t of_init",
    b"T _einittext", b"D some_data",
]  # fmt: skip
OFFSETS = [STEP * number for number in range(len(NAMES))]
TRACED = [number for number in range(COUNT) if number % 7]  # every seventh is notrace
INIT = COUNT + 1


@cache
def symbol_table(layout: str, at: int) -> tuple[bytes, int]:
    """The tables for an image in which they begin at ``at``, and how many of the names are variables of each CPU."""
    names, offsets, percpu = list(NAMES), list(OFFSETS), 0
    if layout == "per CPU":
        names, percpu = [b"A pcpu_hot", b"A pcpu_cold", *NAMES], 2
        numbers = struct.pack(f"<{percpu}i", 0, 64) + struct.pack(f"<{len(offsets)}i", *(-1 - n for n in offsets))
    elif layout == "from its place":
        plain = tables(names, behind=b"")
        first = at + (len(plain) + 7 & ~7)
        numbers = struct.pack(f"<{len(offsets)}i", *(n - first - 4 * row for row, n in enumerate(offsets)))
    else:
        numbers = struct.pack(f"<{len(offsets)}I", *offsets)
    block = numbers + bytes(-len(numbers) % 8) + (b"" if layout == "from its place" else struct.pack("<Q", BASE))
    return (tables(names, before=block) if layout == "before" else tables(names, behind=block)), percpu


def image(layout: str, places: Sequence[int], *, raw: bool) -> bytes:
    """An x86_64 ELF file of one segment at BASE, or a raw arm64 image, with the places of ftrace somewhere in it."""
    head = b"" if raw else struct.pack(
        "<16sHHIQQQIHHHHHH", b"\x7fELF\2\1\1", 2, 62, 1, BASE, 64, 0, 0, 64, 56, 1, 64, 0, 0
    )  # fmt: skip
    start = 4096
    body, _ = symbol_table(layout, start)
    noise = random.Random(3).randbytes(4096)
    digits = b"".join(b"%d\0" % n for n in range(10)).ljust(256, b"\0")
    base = RAW_BASE if raw else BASE
    pointers = b"".join(struct.pack("<Q", base + place) for place in places)
    rest = body + bytes(-len(body) % 8) + digits + noise + pointers + noise
    size = start + len(rest)
    phdr = b"" if raw else struct.pack("<IIQQQQQQ", 1, 5, 0, BASE, BASE, size, size, 4096)
    return (head + phdr).ljust(start, b"\0") + rest


def places(distance: int = 0) -> list[int]:
    """Calls in each traced function, in one of init's, and in 40 functions that have no symbol."""
    found = [OFFSETS[number] + distance for number in TRACED]
    lost = [OFFSETS[9] + 100 + number for number in range(40)]
    return sorted([*found[:3000], *lost, *found[3000:], OFFSETS[INIT] + distance])


def read(data: bytes, arch: str = "x86_64") -> frozenset[str] | None:
    return traceable_functions(KernelFiles("k", image=lambda: data), arch)


WANTED = frozenset(NAMES[number][2:].decode() for number in TRACED)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("distance", [0, 4])
def test_elf_images_in_the_layouts_of_their_releases(layout: str, distance: int) -> None:
    assert read(image(layout, places(distance), raw=False)) == WANTED


@pytest.mark.parametrize("layout", ["behind", "before", "from its place"])
@pytest.mark.parametrize("distance", [0, 4, -8])
def test_raw_images_by_the_place_they_run_at(layout: str, distance: int) -> None:
    assert read(image(layout, [p for p in places(distance) if p >= 0], raw=True), "arm64") == WANTED


@pytest.mark.parametrize("distance", [8, -4])
def test_calls_elsewhere_are_no_list(distance: int) -> None:
    assert read(image("behind", places(distance), raw=False)) is None


def test_too_few_places_are_no_list() -> None:
    assert read(image("behind", [OFFSETS[n] for n in TRACED[:4000]], raw=False)) is None
    assert read(image("behind", [OFFSETS[n] for n in TRACED[:4096]], raw=False)) is not None


def test_other_architectures_are_not_read() -> None:
    assert read(image("behind", places(), raw=False), "riscv64") is None
    assert traceable_functions(KernelFiles("k"), "x86_64") is None


def test_an_image_without_symbols() -> None:
    with pytest.raises(ImageError, match="no symbol table"):
        read(random.Random(5).randbytes(1 << 16))


@pytest.mark.parametrize("layout", LAYOUTS)
def test_addresses_stand_beside_their_names(layout: str) -> None:
    data = image(layout, [], raw=False)
    found = symbol_addresses(data, name_table(data, "k"), True)
    assert found is not None
    here = [n for n in found.tolist() if n != NOWHERE]
    base = BASE - (1 << 64)
    assert [n - base for n in here] == OFFSETS
    assert len(found) - len(here) == (2 if layout == "per CPU" else 0)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_numbers_that_do_not_rise_are_no_addresses(layout: str) -> None:
    data = bytearray(image(layout, [], raw=False))
    body, percpu = symbol_table(layout, 4096)
    block = 4 * (len(NAMES) + percpu)
    at = (
        4096 if layout == "before" else 4096 + len(body) - block - (0 if layout == "from its place" else 8 + -block % 8)
    )
    numbers = np.frombuffer(data, dtype="<i4", count=block // 4, offset=at).copy()
    numbers[percpu:] = numbers[percpu:][::-1]
    data[at : at + block] = numbers.tobytes()
    assert symbol_addresses(bytes(data), name_table(bytes(data), "k"), True) is None


@pytest.mark.parametrize(
    ("section", "attaches"),
    [("fentry/fn_1", Tri.YES), ("fentry/fn_7", Tri.NO), ("kprobe/fn_1", Tri.YES), ("kprobe/fn_7", Tri.NO),
     ("kprobe/of_init", Tri.NO)],
)  # fmt: skip
def test_the_image_tells_what_can_be_attached_to(section: str, attaches: Tri) -> None:
    kb = KernelBuilder("7.3")
    for name in ("fn_1", "fn_7", "of_init"):
        kb.hook(name, [("a", kb.s32)])
    kernel = kb.kernel(symbols=[name[2:].decode() for name in NAMES])
    data = image("behind", places(), raw=False)
    kernel.files.image = lambda: data
    found = only(ObjectBuilder().program(section, "p", [mov(0, 0), exit_()]), kernel)
    assert (found.loads, found.attaches) == (Tri.YES, attaches)
    if attaches == Tri.NO:
        assert found.first is not None and found.first.confidence == Confidence.HIGH
        assert "the image of" in found.first.message
