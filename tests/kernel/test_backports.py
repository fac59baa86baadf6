# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Kernels of distributions that are named after one release and carry the BPF of a later one (R-12.23)."""

from __future__ import annotations

import pytest

from kfuncscope.kernel.fingerprint import bpf_level
from kfuncscope.kernel.kernel import Kernel
from kfuncscope.knowledge.knowledge import for_backport
from kfuncscope.knowledge.names import dated_enumerators
from kfuncscope.model.verdict import Tri
from kfuncscope.upgrade.known import kernel_info
from support.bpfwriter import Insn, ObjectBuilder, exit_, mov
from support.kernels import KernelBuilder, only

END = [mov(0, 0), exit_()]


def kernel(named: str, of: str) -> Kernel:
    return KernelBuilder(named).backporting(of).kernel()


@pytest.mark.parametrize(
    ("named", "of", "as_of"),
    [("6.4", "6.9", "6.9"), ("6.4", "6.8", "6.7"), ("5.14", "6.4", "6.4"), ("5.14", "6.12", "6.10"),
     ("6.4", "6.4", ""), ("6.12", "6.12", ""), ("7.3", "7.3", "")],
)  # fmt: skip
def test_features_tell_the_level(named: str, of: str, as_of: str) -> None:
    """6.8 added no name: of such a kernel the level before is certain, and no more."""
    assert kernel(named, of).bpf_as_of == as_of


@pytest.mark.parametrize("of", ["5.10", "6.1", "6.12.117", "6.18", "6.19", "7.0", "7.3"])
def test_a_kernel_of_its_own_release_is_as_of_it(of: str) -> None:
    assert kernel(of, of).bpf_as_of == ""


def test_one_name_less_lowers_the_level() -> None:
    whole = {name for name, release in dated_enumerators().items()}
    assert bpf_level(whole) == ("6.19", "")
    assert bpf_level(whole - {"BPF_MAP_TYPE_INSN_ARRAY"}) == ("6.10", "6.19")
    assert bpf_level(whole - {"BPF_MAP_TYPE_INSN_ARRAY", "BPF_TRACE_KPROBE_SESSION"}) == ("6.9", "6.10")
    assert bpf_level(set()) == ("", "3.19")


def test_the_result_says_both() -> None:
    assert dict(kernel_info(kernel("6.4.0-150600", "6.9")).facts)["BPF"] == "6.4 by name, BPF as of 6.9"
    assert "BPF" not in dict(kernel_info(kernel("6.12", "6.12")).facts)


def test_tables_of_one_level_alone_are_never_certain() -> None:
    made = kernel("5.14", "6.19")
    assert made.knowledge.borrowed_for == made.linux and made.knowledge.others
    tables = for_backport("6.19", "5.14")
    assert tables.release == "6.19.11" and [one.release for one in tables.others] == ["6.18.15"]
    assert tables.agreed(lambda level: "map_lookup_elem" in level.helpers)
    assert not tables.agreed(lambda level: level.release)


def test_rules_follow_the_level_of_the_features() -> None:
    """``may_goto`` came with 6.9: a 6.4 that carries the BPF of 6.9 takes it."""
    goto = ObjectBuilder().program("xdp", "p", [Insn(0xE5, off=0), *END])
    assert only(goto, kernel("6.4", "6.4")).loads == Tri.NO
    assert only(goto, kernel("6.4", "6.9")).loads == Tri.YES


def test_the_version_that_programs_see_stays_the_name() -> None:
    made = kernel("5.14.21", "6.4")
    assert (made.linux, made.version) == ("5.14.21", (6, 4))
