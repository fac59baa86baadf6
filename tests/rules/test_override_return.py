# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""bpf_override_return(): programs that call it attach to functions of the error injection list alone (R-11.7)."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from kfuncscope.kernel.kernel import Kernel
from kfuncscope.knowledge.knowledge import for_release
from kfuncscope.model.verdict import Tri
from kfuncscope.rules.judge import ProgramJudgement
from support.bpfwriter import ObjectBuilder, call, exit_, jmp, mov
from support.kernels import CONFIG, KernelBuilder, only

OVERRIDE_RETURN = 58
ON = {**CONFIG, "FUNCTION_ERROR_INJECTION": "y", "BPF_KPROBE_OVERRIDE": "y"}
LISTED = ["should_fail_bio", "vfs_read", "d _eil_addr_should_fail_bio"]
FUNCTIONS = ("should_fail_bio", "vfs_read", "__x64_sys_read")


def kernel(release: str = "7.3", symbols: Iterable[str] | None = LISTED) -> Kernel:
    kb = KernelBuilder(release)
    for name in FUNCTIONS:
        kb.hook(name, [("a", kb.u64)])
    return kb.kernel(config=ON, symbols=None if symbols is None else [*symbols, "__x64_sys_read"])


def told(section: str, k: Kernel, *, overrides: bool = True) -> ProgramJudgement:
    code = [mov(2, 0), call(OVERRIDE_RETURN)] if overrides else []
    return only(ObjectBuilder().program(section, "p", [*code, mov(0, 0), exit_()]), k)


@pytest.mark.parametrize(
    ("section", "attaches"),
    [
        ("kprobe/should_fail_bio", Tri.YES), ("kprobe/vfs_read", Tri.NO), ("kprobe/__x64_sys_read", Tri.YES),
        ("ksyscall/read", Tri.YES), ("kprobe/should_fail_bio+4", Tri.NO), ("kprobe.multi/vfs_read", Tri.NO),
        ("kprobe.multi/should_fail_bio", Tri.YES),
    ],
)  # fmt: skip
def test_where_it_attaches(section: str, attaches: Tri) -> None:
    found = told(section, kernel())
    assert (found.loads, found.attaches) == (Tri.YES, attaches)
    assert told(section.partition("+")[0], kernel(), overrides=False).attaches == Tri.YES


@pytest.mark.parametrize(
    ("release", "function", "attaches"),
    [("7.3", "should_fail_bio", Tri.YES), ("7.3", "vfs_read", Tri.NO), ("5.10", "should_fail_bio", Tri.YES)],
)
def test_the_list_of_the_sources_where_no_symbols_tell(release: str, function: str, attaches: Tri) -> None:
    assert told(f"kprobe/{function}", kernel(release, None)).attaches == attaches


def test_levels_that_do_not_agree() -> None:
    """A kernel between two levels may have what only one of them has."""
    listed = [for_release(level).injectable or frozenset() for level in ("6.12.118", "6.17.8")]
    only_later = min(listed[1] - listed[0])
    kb = KernelBuilder("6.14.3")
    kb.hook(only_later, [("a", kb.u64)])
    assert told(f"kprobe/{only_later}", kb.kernel(config=ON)).attaches == Tri.UNKNOWN


def test_a_call_that_is_never_reached_does_not_count() -> None:
    """The verifier has removed it when it sets ``kprobe_override``."""
    code = [mov(6, 0), jmp("==", 6, 0, "end"), mov(2, 0), call(OVERRIDE_RETURN), "end:", mov(0, 0), exit_()]
    found = only(ObjectBuilder().program("kprobe/vfs_read", "p", code), kernel())
    assert found.attaches == Tri.YES
