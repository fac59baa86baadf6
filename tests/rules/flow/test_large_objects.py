# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Objects with thousands of parts are judged and compared in seconds, and alternatives still found among them."""

from __future__ import annotations

import time

from kfuncscope.bpf.object import read_object
from kfuncscope.btf.layout import Kind
from kfuncscope.model.verdict import Verdict
from kfuncscope.rules.changes.change import compare
from kfuncscope.rules.flow.ctx_args import slots
from kfuncscope.rules.judge import judge
from support.bpfwriter import ObjectBuilder, exit_, kfunc, ld_sym, line, mov
from support.kernels import KernelBuilder

END = [mov(0, 0), exit_()]
SECONDS = 20  # each of these takes about one; without care, minutes


def upgraded(ob: ObjectBuilder, *hooks: str) -> tuple[Verdict, float]:
    """The verdict for an upgrade that loses every hook, and the seconds of CPU it took."""
    data = ob.build()
    old, new = KernelBuilder("7.3"), KernelBuilder("7.3")
    for kb in (old, new):
        kb.btf.kfunc("bpf_other", 0)
    for name in hooks:
        old.hook(name)
    kernels = old.kernel(), new.kernel()
    begin = time.process_time()
    obj = read_object(data, "t")
    verdict = compare(judge(obj, kernels[0]), judge(obj, kernels[1]), "", "")
    return verdict.verdict, time.process_time() - begin


def test_thousands_of_programs_that_break() -> None:
    names = [f"f{i}" for i in range(4000)]
    ob = ObjectBuilder()
    for name in names:
        ob.program(f"fentry/{name}", f"on_{name}", END)
    verdict, seconds = upgraded(ob, *names)
    assert verdict == Verdict.BREAKS
    assert seconds < SECONDS


def test_thousands_of_calls_of_hundreds_of_externs() -> None:
    ob = ObjectBuilder()
    for i in range(600):
        ob.extern_func(f"bpf_gone_{i}", ob.btf.proto(0), weak=True)
    for i in range(1500):
        ob.program("xdp", f"p{i}", [[kfunc(f"bpf_gone_{(7 * i + j) % 600}") for j in range(10)], *END])
    verdict, seconds = upgraded(ob)
    assert verdict == Verdict.ALREADY_BROKEN
    assert seconds < SECONDS


def test_thousands_of_maps_and_lines() -> None:
    ob = ObjectBuilder()
    for i in range(1500):
        ob.map(f"m{i}", type=1, max_entries=1)
    for i in range(1500):
        code = [line(ld_sym(1, f"m{(i + 3 * j) % 1500}"), j + 1, f"use({j});") for j in range(20)]
        ob.program("xdp", f"p{i}", [*code, *END])
    verdict, seconds = upgraded(ob)
    assert verdict == Verdict.OK
    assert seconds < SECONDS


def test_an_alternative_among_many() -> None:
    """Programs that are lost with their hooks, and that are off by default, are replaced one by one."""
    ob = ObjectBuilder()
    for i in range(300):
        ob.program(f"?fentry/f{i}", f"a{i}", END)
        ob.program(f"kprobe/__f{i}", f"b{i}", END)
    old, new = KernelBuilder("7.3"), KernelBuilder("7.3")
    for i in range(300):
        for kb in (old, new):
            kb.hook(f"__f{i}")
        old.hook(f"f{i}")
    obj = read_object(ob.build(), "t")
    verdict = compare(judge(obj, old.kernel()), judge(obj, new.kernel()), "", "")
    assert verdict.verdict == Verdict.DEGRADES
    assert verdict.reason.startswith("a0 no longer works, but b0 does the same job; a1 no longer works, but b1 does ")
    assert verdict.reason.endswith("; and 297 more")


def test_thousands_of_hidden_programs_and_old_maps() -> None:
    """What is asked of the symbols is asked of all of them once, not again for each program and section."""
    ob = ObjectBuilder(btf=False)
    for i in range(10_000):
        ob.program("xdp", f"p{i}", [exit_()], hidden=True)
    for i in range(2_000):
        ob.legacy_map(f"m{i}", type=1, key_size=4, value_size=4, max_entries=1, section=f"maps/m{i}")
    data = ob.build()
    begin = time.process_time()
    obj = read_object(data, "t")
    assert (len(obj.programs), len(obj.maps)) == (10_000, 2_000)
    assert time.process_time() - begin < SECONDS / 4


def test_an_argument_of_four_gigabytes() -> None:
    """A struct by value has a slot for each eight bytes: of an absurd one only those that a load can name."""
    kb = KernelBuilder("7.3")
    huge = kb.btf.struct("huge", [], size=0xFFFF_FFF8)
    kb.hook("f", [("a", huge), ("b", kb.s32)])
    blob = kb.kernel().vmlinux
    assert blob is not None
    proto = blob.ref(blob.first("f", Kind.FUNC))
    assert len(slots(blob, proto)) == 4097
