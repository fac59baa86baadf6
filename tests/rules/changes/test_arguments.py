# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Arguments whose struct has another name on the new kernel: a rename, or another thing (R-7.9)."""

from __future__ import annotations

import pytest

from kfuncscope.kernel.kernel import Kernel
from kfuncscope.model.verdict import Verdict
from support.bpfwriter import ObjectBuilder, exit_, ldx, mov
from support.kernels import KernelBuilder, compared

SI = 8 * 13  # offset of pt_regs.si: the second argument on x86_64


def kernel(name: str, members: list[tuple[str, int]], *, union: bool = False) -> Kernel:
    """A kernel with ``connect(sock, struct NAME *)``; members of one and two bytes, ``union`` puts two in one place."""
    kb = KernelBuilder("7.3")
    types = {1: kb.btf.int_("char", 1), 2: kb.btf.int_("unsigned short", 2)}
    rows = [(n, types[size]) for n, size in members]
    if union and rows:
        rows = [rows[0], ("", kb.btf.union("", rows[1:]))]
    made = kb.btf.struct(name, rows)
    kb.hook("connect", [("sock", kb.u64), ("addr", kb.btf.ptr(made))])
    return kb.kernel(symbols=["connect"])


OLD = [("family", 2), ("data_min", 1), ("data", 1)]


@pytest.mark.parametrize(
    ("members", "verdict"),
    [
        ([("family", 2), ("data", 1)], Verdict.OK),  # data lies where it did, in a union with data_min
        ([("family", 2), ("data_min", 1), ("data", 1), ("more", 1)], Verdict.OK),
        ([("family", 2)], Verdict.RISK),
        ([], Verdict.RISK),
        ([("data", 1), ("family", 2)], Verdict.RISK),
        ([("family", 2), ("other", 1)], Verdict.RISK),
    ],
)
def test_r_7_9_a_struct_with_another_name(members: list[tuple[str, int]], verdict: Verdict) -> None:
    ob = ObjectBuilder().program("kprobe/connect", "prog", [ldx(8, 2, 1, SI), mov(0, 0), exit_()])
    old, new = kernel("addr", OLD, union=True), kernel("addr_unsized", members)
    assert compared(ob, old, new).programs[0].verdict is verdict
