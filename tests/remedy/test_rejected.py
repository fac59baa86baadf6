# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Targets that are there but refuse the program: the remedy says what the rule that refuses it leaves open."""

from __future__ import annotations

from functools import cache

import pytest

from kfuncscope.kernel.kernel import Kernel
from kfuncscope.model.failure import Failure
from kfuncscope.model.verdict import Remedy, Verdict
from kfuncscope.resources import sample
from support.bpfwriter import ObjectBuilder, exit_, mov
from support.corpus import opened
from support.kernels import CONFIG, KernelBuilder, compared
from support.snippets import STRICT, compiler

INJECTING = {**CONFIG, "FUNCTION_ERROR_INJECTION": "y"}


@cache
def kernel(release: str, injecting: bool = False, symbols: tuple[str, ...] | None = None) -> Kernel:
    kb = KernelBuilder(release)
    large = kb.btf.struct("large", [(f"m{i}", kb.u64) for i in range(3)])
    for name in ("file_alloc_security", "inode_removexattr"):
        kb.lsm(name)
    for name in ("should_fail_bio", "migrate_disable", "do_exit", "vfs_read"):
        kb.hook(name)
    kb.hook("takes", [("a", large if release == "7.3" else kb.u64)])
    kb.tracepoint("t")
    return kb.kernel(config=INJECTING if injecting else CONFIG, symbols=symbols)


def remedy(section: str, old: Kernel, new: Kernel, rule: str) -> Remedy:
    """The remedy of the one finding by a rule."""
    (program,) = compared(ObjectBuilder().program(section, "prog", [mov(0, 0), exit_()]), old, new).programs
    (finding,) = [f for f in program.findings if f.verdict == Verdict.BREAKS and rule in f.rules]
    assert finding.failure == Failure.ATTACH_TARGET_REJECTED and finding.remedy is not None
    return finding.remedy


@pytest.mark.parametrize(
    ("section", "sides", "rule", "said"),
    [
        ("lsm/file_alloc_security", ("6.12.107", "7.3"), "R-7.12", "choose another LSM hook"),
        ("lsm_cgroup/file_alloc_security", ("6.12.107", "7.3"), "R-7.12", "choose another LSM hook"),
        ("lsm.s/inode_removexattr", ("7.3", "6.12.107"), "R-7.12", 'Use SEC("lsm/...")'),
        ("fentry/takes", ("6.12.107", "7.3"), "R-7.10", 'Use SEC("kprobe/takes")'),
        ("fexit/takes", ("6.12.107", "7.3"), "R-7.10", 'Use SEC("kretprobe/takes")'),
        ("xdp.frags", ("6.12.107", "5.10"), "R-12.23", 'Use SEC("xdp") where the kernel knows no fragments'),
        ("uprobe.s", ("6.12.107", "5.10"), "R-12.23", 'Use SEC("uprobe/...")'),
        ("fexit/do_exit", ("6.12.8", "7.3"), "R-11.16", 'SEC("fentry/do_exit")'),
    ],
)
def test_what_is_left_open(section: str, sides: tuple[str, str], rule: str, said: str) -> None:
    made = remedy(section, kernel(sides[0]), kernel(sides[1]), rule)
    assert said in made.text and "left no symbol" not in made.text


@pytest.mark.parametrize(
    ("section", "said"),
    [("fentry.s/should_fail_bio", 'Use SEC("fentry/...")'), ("fexit.s/should_fail_bio", 'Use SEC("fexit/...")'),
     ("fmod_ret/should_fail_bio", 'SEC("fexit/should_fail_bio") to read'),
     ("fmod_ret.s/should_fail_bio", 'SEC("fexit/should_fail_bio") to read')],
)  # fmt: skip
def test_functions_that_were_open_to_error_injection(section: str, said: str) -> None:
    assert said in remedy(section, kernel("7.3", True), kernel("7.3"), "R-11.7").text


def test_only_a_function_without_a_symbol_is_said_to_have_none() -> None:
    made = remedy("fentry/vfs_read", kernel("7.3", symbols=("vfs_read",)), kernel("7.3", symbols=("other",)), "R-11.8")
    assert made.text.startswith("The compiler left no symbol of vfs_read")


def test_the_program_without_sleeping_compiles() -> None:
    beside = compiler(opened(sample("kernels", "7.3-x86_64")))
    for section, sides in (("lsm.s/inode_removexattr", (kernel("7.3"), kernel("6.12.107"))),
                           ("fentry.s/should_fail_bio", (kernel("7.3", True), kernel("7.3")))):  # fmt: skip
        made = remedy(section, *sides, "R-7.12" if section.startswith("lsm") else "R-11.7")
        assert made.code and beside.program(made.code, *STRICT) == ""
