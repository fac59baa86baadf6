# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What images list by their symbols, in the layouts of the releases (R-7.8, R-7.9, R-7.15)."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest

from kfuncscope.errors import ImageError
from kfuncscope.intake.kallsyms import name_table
from kfuncscope.kernel.binary.addresses import NOWHERE, symbol_addresses
from kfuncscope.kernel.binary.listed import NOTHING, Listed, listed
from kfuncscope.kernel.kernel import Kernel
from kfuncscope.model.verdict import Confidence, Tri
from kfuncscope.rules.judge import ProgramJudgement
from kfuncscope.storage.files import KernelFiles
from support.bpfwriter import ObjectBuilder, exit_, ld_sym, mov
from support.kernels import KernelBuilder, classes, only
from support.listedimage import BASE, LAYOUTS, STEP, TABLES, TRACED, image, patched, symbol_names, symbol_table

END = [mov(0, 0), exit_()]
TRACEABLE = frozenset(f"fn_{number}" for number in TRACED)


def read(data: bytes, arch: str = "x86_64") -> Listed:
    return listed(KernelFiles("k", image=lambda: data), arch)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_elf_images_in_the_layouts_of_their_releases(layout: str) -> None:
    found = read(image(layout, patched(4)))
    assert found.traceable == TRACEABLE
    assert found.map_types == {1, 2, 4} and found.prog_types == {*range(1, 20), *range(21, 33)}
    assert found.syscalls == {"read", "write"}  # one call has no description, one description no number
    assert found.events == {"sched_switch", "sys_enter"}


@pytest.mark.parametrize("layout", ["behind", "before", "from its place"])
def test_raw_images_by_the_place_they_run_at(layout: str) -> None:
    found = read(image(layout, patched(), raw=True), "arm64")
    assert found == read(image("behind", patched()))


@pytest.mark.parametrize(("distance", "raw"), [(0, False), (4, False), (0, True), (4, True), (-8, True)])
def test_calls_at_the_start_of_functions(distance: int, raw: bool) -> None:
    places = [place for place in patched(distance) if place >= 0]
    assert read(image("behind", places, raw=raw), "arm64" if raw else "x86_64").traceable == TRACEABLE


@pytest.mark.parametrize(("distance", "raw"), [(8, False), (-8, False), (8, True), (-4, True)])
def test_calls_elsewhere_are_no_list(distance: int, raw: bool) -> None:
    places = [place for place in patched(distance) if place >= 0]
    assert read(image("behind", places, raw=raw), "arm64" if raw else "x86_64").traceable is None


def test_too_few_places_are_no_list() -> None:
    assert read(image("behind", [STEP * n for n in TRACED[:4095]])).traceable is None
    assert read(image("behind", [STEP * n for n in TRACED[:4096]])).traceable is not None


def test_arrays_that_the_image_fills_when_it_starts_tell_nothing() -> None:
    found = read(image("behind", patched(), raw=True, relocated=False), "arm64")
    assert found == Listed(traceable=TRACEABLE)


def test_other_architectures_are_not_read() -> None:
    assert read(image("behind", patched()), "riscv64") == NOTHING
    assert listed(KernelFiles("k"), "x86_64") == NOTHING


def test_an_image_without_symbols() -> None:
    with pytest.raises(ImageError, match="no symbol table"):
        read(random.Random(5).randbytes(1 << 16))


def test_lists_are_read_once(own_cache: Path) -> None:
    data = image("behind", patched())
    files = KernelFiles("k", image=lambda: data, image_sha256="ab")
    first = listed(files, "x86_64")
    files.image = None.__class__  # must not be asked again
    assert listed(files, "x86_64") == first != NOTHING


@pytest.mark.parametrize("layout", LAYOUTS)
def test_addresses_stand_beside_their_names(layout: str) -> None:
    data = image(layout, [])
    found = symbol_addresses(data, name_table(data, "k"), True)
    assert found is not None
    here = [n for n in found.tolist() if n != NOWHERE]
    assert [n - (BASE - (1 << 64)) for n in here] == symbol_names("__x64_sys_")[1]
    assert len(found) - len(here) == (2 if layout == "per CPU" else 0)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_numbers_that_do_not_rise_are_no_addresses(layout: str) -> None:
    data = bytearray(image(layout, []))
    body, percpu = symbol_table(layout, "__x64_sys_")
    count = len(symbol_names("__x64_sys_")[0]) + percpu
    behind = 0 if layout.startswith("from its place") else 8 + -4 * count % 8
    at = TABLES if layout == "before" else TABLES + len(body) - 4 * count - behind
    numbers = np.frombuffer(data, dtype="<i4", count=count, offset=at).copy()
    numbers[percpu:] = numbers[percpu:][::-1]
    data[at : at + 4 * count] = numbers.tobytes()
    assert symbol_addresses(bytes(data), name_table(bytes(data), "k"), True) is None
    assert read(bytes(data)) == NOTHING


# -- what the rules make of it


def kernel() -> Kernel:
    kb = KernelBuilder("7.3")
    for name in ("fn_1", "fn_7", "of_init"):
        kb.hook(name, [("a", kb.s32)])
    for event in ("sched_switch", "bare_point"):
        kb.tracepoint(event, [("a", kb.s32)])
    made = kb.kernel(symbols=[name[2:].decode() for name in symbol_names("__x64_sys_")[0]])
    data = image("behind", patched())
    made.files.image = lambda: data
    return made


def told(section: str) -> ProgramJudgement:
    return only(ObjectBuilder().program(section, "p", END), kernel())


@pytest.mark.parametrize(
    ("section", "attaches"),
    [("fentry/fn_1", Tri.YES), ("fentry/fn_7", Tri.NO), ("kprobe/fn_1", Tri.YES), ("kprobe/fn_7", Tri.NO),
     ("kprobe/of_init", Tri.NO)],
)  # fmt: skip
def test_functions_that_can_be_traced(section: str, attaches: Tri) -> None:
    found = told(section)
    assert (found.loads, found.attaches) == (Tri.YES, attaches)
    if attaches == Tri.NO:
        assert found.first is not None and found.first.confidence == Confidence.HIGH
        assert "the image of" in found.first.message


@pytest.mark.parametrize(
    ("section", "attaches"),
    [("tp/sched/sched_switch", Tri.YES), ("tp/sched/bare_point", Tri.NO), ("raw_tp/bare_point", Tri.YES),
     ("tp/syscalls/sys_enter_read", Tri.YES), ("tp/syscalls/sys_exit_write", Tri.YES),
     ("tp/syscalls/sys_enter_openat", Tri.NO)],
)  # fmt: skip
def test_events_and_system_calls(section: str, attaches: Tri) -> None:
    """A bare tracepoint has no event; openat() is in the tables of the release, and this build lacks it."""
    assert told(section).attaches == attaches


@pytest.mark.parametrize(("section", "loads"), [("xdp", Tri.YES), ("kprobe/fn_1", Tri.YES), ("lirc_mode2", Tri.NO)])
def test_program_types(section: str, loads: Tri) -> None:
    """This build has none for infrared receivers, whatever its config, which knows no such option, may say."""
    found = told(section)
    assert found.loads == loads
    assert classes(found) == (["type_unsupported"] if loads == Tri.NO else [])
    assert kernel().offers_program("NOT_KNOWN") is None


@pytest.mark.parametrize(("type_", "loads"), [(1, Tri.YES), (2, Tri.YES), (3, Tri.NO), (5, Tri.NO)])
def test_map_types(type_: int, loads: Tri) -> None:
    builder = ObjectBuilder()
    builder.map("m", type=type_, key=builder.u32, value=builder.u32, max_entries=1)
    found = only(builder.program("xdp", "p", [ld_sym(1, "m"), *END]), kernel())
    assert found.loads == loads
    assert classes(found) == (["map_not_created"] if loads == Tri.NO else [])
