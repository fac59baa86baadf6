# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Capabilities of the JIT that program types and kfuncs ask for (R-12.3, R-5.1)."""

from __future__ import annotations

import pytest

from kfuncscope.kernel.kernel import Kernel
from kfuncscope.model.failure import Failure
from kfuncscope.model.verdict import Tri
from kfuncscope.rules.judge import ProgramJudgement
from support.bpfwriter import ObjectBuilder, exit_, jmp, kfunc, mov
from support.kernels import CONFIG, KernelBuilder, only

END = [mov(0, 0), exit_()]
BUILT = {**CONFIG, "UNWINDER_ORC": "y"}


def kernel(arch: str, release: str, config: dict[str, str] = BUILT) -> Kernel:
    kb = KernelBuilder(release, arch)
    kb.hook("f")
    kb.btf.kfunc("bpf_throw", 0, [("cookie", kb.u64)])
    return kb.kernel(config=config, symbols=["f", "bpf_throw"])


def lacking(found: ProgramJudgement) -> set[str]:
    """The capabilities that the program lacks."""
    return {p.name for p in found.problems if p.cls is Failure.JIT_CAPABILITY}


@pytest.mark.parametrize(
    ("arch", "config", "lacks"),
    [
        ("x86_64", BUILT, False),
        ("s390x", BUILT, False),
        ("arm", BUILT, True),
        ("x86_64", {k: v for k, v in BUILT.items() if k != "BPF_JIT"}, True),
    ],
)
def test_r_12_3_sessions(arch: str, config: dict[str, str], lacks: bool) -> None:
    """fsession programs need a JIT that knows them; fexit ones do not ask."""
    made = kernel(arch, "7.3", config)
    for section, expected in (("fsession/f", lacks), ("fexit/f", False)):
        ob = ObjectBuilder(made.endian).program(section, "prog", END)
        assert ("fsession" in lacking(only(ob, made))) == expected


@pytest.mark.parametrize(
    ("arch", "release", "config", "lacks"),
    [
        ("x86_64", "6.12", BUILT, False), ("x86_64", "6.12", CONFIG, True), ("arm64", "6.12", CONFIG, False),
        ("riscv64", "7.3", BUILT, True), ("ppc64le", "6.12", BUILT, True), ("ppc64le", "7.2", BUILT, False),
    ],
)  # fmt: skip
def test_r_12_3_exceptions(arch: str, release: str, config: dict[str, str], lacks: bool) -> None:
    """bpf_throw() counts where it is reached; x86_64 unwinds only with ORC."""
    made = kernel(arch, release, config)
    for guarded in (False, True):
        ob = ObjectBuilder()
        ob.extern_func("bpf_throw", ob.btf.proto(0, [("cookie", ob.u64)]))
        away = [mov(3, 0), jmp("==", 3, 0, "out")] if guarded else []
        found = only(ob.program("tc", "prog", [*away, kfunc("bpf_throw"), "out:", *END]), made)
        assert ("exceptions" in lacking(found)) == (lacks and not guarded)
        if lacks and not guarded:
            assert found.loads == Tri.NO
