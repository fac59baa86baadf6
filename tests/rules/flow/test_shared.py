# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What a walk for one kernel found is taken for another exactly where that answers alike (R-3.11)."""

from __future__ import annotations

import gc
import weakref
from typing import Any

import pytest

from kfuncscope.bpf.object import BpfObject, read_object
from kfuncscope.kernel.kernel import Kernel
from kfuncscope.rules.context import Context
from kfuncscope.rules.flow import shared
from kfuncscope.rules.flow.reachability import Reachable
from support.bpfwriter import ObjectBuilder, call, exit_, jmp, ld_sym, ldx, mov
from support.kernels import CONFIG, KernelBuilder

END = [mov(0, 0), exit_()]
Found = tuple[dict[Any, bytes], dict[Any, int], bool]


def kernel(hz: str, release: str = "7.3") -> Kernel:
    return KernelBuilder(release).kernel(config={**CONFIG, "HZ": hz})


def read() -> BpfObject:
    """A program that reads its own constant where CONFIG_HZ is 1000; and a global function that nothing calls."""
    builder = ObjectBuilder()
    builder.extern_kconfig("CONFIG_HZ", weak=True)
    builder.variable(".rodata", "limit", (5).to_bytes(4, "little"))
    code = [
        ld_sym(1, "CONFIG_HZ"), ldx(4, 2, 1, 0), jmp("==", 2, 1000, "fast"), call(7), *END,
        "fast:", ld_sym(1, "limit"), ldx(4, 2, 1, 0), jmp("==", 2, 5, "five"), call(8), "five:", *END,
    ]  # fmt: skip
    return read_object(builder.program("socket", "prog", code).build(), "t")


def found(obj: BpfObject, on: Kernel, use_rodata: bool) -> Found:
    """What can run, which branches fold, and whether that hangs on the object's read-only data."""
    flow = Context(obj, on, use_rodata).reachable(obj.programs[0])
    return {key: bytes(flags) for key, flags in flow.reached.items()}, flow.folded, flow.hangs_on_rodata


def test_a_shared_walk_finds_what_a_walk_alone_finds() -> None:
    kernels = [kernel(hz, release) for hz in ("1000", "250", "1000", "100") for release in ("7.3", "5.10")]
    once = read()
    shown = [found(once, on, use_rodata) for on in kernels for use_rodata in (True, False)]
    alone = [found(read(), on, use_rodata) for on in kernels for use_rodata in (True, False)]
    assert shown == alone
    assert len({str(one) for one in alone}) == 3  # constant trusted, not trusted, and not read
    assert {one[2] for one in alone} == {True, False}


@pytest.fixture
def walks(monkeypatch: pytest.MonkeyPatch) -> list[Reachable]:
    """The walks that were made."""
    made: list[Reachable] = []

    class Counted(Reachable):
        def __init__(self, *args: Any) -> None:
            super().__init__(*args)
            made.append(self)

    monkeypatch.setattr(shared, "Reachable", Counted)
    return made


def test_kernels_that_answer_alike_share_a_walk(walks: list[Reachable]) -> None:
    obj = read()
    for hz, count in (("250", 1), ("100", 2), ("250", 2), ("1000", 3), ("100", 3), ("1000", 3)):
        found(obj, kernel(hz), True)
        assert len(walks) == count, hz


def test_few_walks_are_kept(walks: list[Reachable], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared, "MOST_WALKS", 2)
    obj = read()
    for hz in ("1", "2", "3", "3", "1"):
        assert found(obj, kernel(hz), True) == found(read(), kernel(hz), True)
    assert len(obj.programs[0].function.walks) == 2
    assert len(walks) == 4 + 5


def test_what_is_kept_holds_no_kernel() -> None:
    obj, on = read(), kernel("250")
    gone = weakref.ref(on)
    found(obj, on, True)
    del on
    gc.collect()
    assert obj.programs[0].function.walks
    assert gone() is None
