# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Damaged objects, and the text files of a kernel and a user: an answer or one InputError, whatever the bytes.

An object that can still be read is also judged on both sample kernels and compared: the rules meet what no compiler
made.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import cache

import pytest

from kfuncscope.bpf.object import read_object
from kfuncscope.intake.kernels import kernel_files
from kfuncscope.kernel.config import parse_config
from kfuncscope.kernel.kernel import Kernel, open_kernel
from kfuncscope.kernel.symbols import Symbols
from kfuncscope.resources import sample
from kfuncscope.rules.change import compare
from kfuncscope.rules.judge import judge
from kfuncscope.upgrade import jsonform, policy
from kfuncscope.upgrade.analysis import Analysis
from support import kernelfiles as make
from support.mutate import drive


@cache
def kernels() -> tuple[Kernel, Kernel]:
    """The sample kernels of x86_64."""
    made = [open_kernel(kernel_files([sample("kernels", f"{r}-x86_64")])[0]) for r in ("6.12", "7.3")]
    return made[0], made[1]


def an_object(data: bytes) -> None:
    obj = read_object(data, "f")
    old, new = (judge(obj, kernel) for kernel in kernels())
    compare(old, new, "", "")


def symbol_list(data: bytes) -> None:
    symbols = Symbols(data)
    symbols.clones("tcp_v4_connect")
    symbols.is_function("tcp_v4_connect")


def json_report(data: bytes) -> None:
    jsonform.loads(data, "f")


OBJECTS = [path.read_bytes() for path in sorted(sample("objects").rglob("*.bpf.o"))]
POLICY = b"""
[block]
verdicts = ["BREAKS"]
[[waivers]]
owner = "me"
reason = "known"
expires = 2030-01-01
object = "a*"
"""
REPORT = jsonform.dumps(Analysis("0.1.0", (), ()))
TARGETS: dict[str, tuple[Callable[[bytes], object], list[bytes]]] = {
    "object": (an_object, OBJECTS),
    "config": (lambda data: parse_config(data), [make.config()]),
    "symbols": (symbol_list, [b"T tcp_v4_connect\nt tcp_v4_connect.isra.0\nd init_net\n" * 50]),
    "policy": (lambda data: policy.parse(data), [POLICY]),
    "report": (json_report, [REPORT]),
}


@pytest.mark.parametrize("name", TARGETS)
def test_mutated_inputs(name: str) -> None:
    reader, seeds = TARGETS[name]
    tried, _ = drive(reader, seeds, count=120)
    assert tried > 0


@pytest.mark.fuzz
@pytest.mark.parametrize("name", TARGETS)
def test_mutated_inputs_for_long(name: str) -> None:
    reader, seeds = TARGETS[name]
    seconds = float(os.environ.get("KFUNCSCOPE_FUZZ_SECONDS", "600"))
    tried, refused = drive(reader, seeds, seconds=seconds, seed=int(os.environ.get("KFUNCSCOPE_FUZZ_SEED", "1")))
    print(f"{name}: {tried} inputs, {refused} refused, in {seconds:.0f} s")
