# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Without a config some options are told by functions that exist only where they are set."""

from __future__ import annotations

from pathlib import Path

import pytest

from kfuncscope.btf.layout import Kind
from kfuncscope.intake.kernels import kernel_files
from kfuncscope.kernel.config import OF_TRACE, TOLD_BY_FUNCTION, WITNESS
from kfuncscope.kernel.kernel import open_kernel
from kfuncscope.model.verdict import Tri
from support.bpfwriter import ObjectBuilder, call, exit_, mov
from support.kernels import KernelBuilder, only

OVERRIDE_RETURN = 58


@pytest.mark.corpus
def test_functions_tell_what_the_configs_say(corpus: Path) -> None:
    """Every option of the table on every kernel that has its config beside it."""
    checked, wrong = 0, []
    for folder in sorted((corpus / "kernels").iterdir()):
        files = kernel_files([folder / "vmlinux.btf.xz"])[0]
        kernel = open_kernel(files)
        assert kernel.vmlinux is not None
        for option, function in TOLD_BY_FUNCTION.items():
            told = "y" if kernel.vmlinux.own(function, Kind.FUNC) else "n"
            checked += 1
            if told != kernel.option(option):
                wrong.append((folder.name, option, told))
    assert checked > 150
    assert not wrong


@pytest.mark.corpus
def test_without_a_config_the_btf_is_asked(corpus: Path) -> None:
    files = kernel_files([corpus / "kernels" / "6.12-s390x" / "vmlinux.btf.xz"])[0]
    files.config = None
    kernel = open_kernel(files)
    assert (kernel.option("BPF_JIT"), kernel.option("KPROBES"), kernel.option("HZ")) == ("n", "y", None)
    assert not kernel.jit


@pytest.mark.parametrize(
    ("section", "number", "function"),
    [("kprobe/f", OVERRIDE_RETURN, "bpf_override_return"), ("lirc_mode2", 0, "lirc_bpf_run")],
)
@pytest.mark.parametrize("whole", [False, True])
def test_what_a_missing_function_takes_from_programs(section: str, number: int, function: str, whole: bool) -> None:
    """A helper, a program type: only a whole kernel tells by what it lacks, and a config tells all."""
    for there in (False, True):
        kb = KernelBuilder("7.0")
        kb.hook("f")
        proto = kb.btf.proto(0)
        others = {*TOLD_BY_FUNCTION.values(), WITNESS} - {function}
        for name in (*sorted(others), *([function] if there else []), *(f"f{n}" for n in range(5001 if whole else 0))):
            kb.btf.func(name, proto=proto)
        code = [call(number)] if number else []
        ob = ObjectBuilder().program(section, "prog", [*code, mov(0, 0), exit_()])
        assert only(ob, kb.kernel(config=None)).loads == (Tri.NO if whole and not there else Tri.YES), there


@pytest.mark.parametrize("witness", [False, True])
def test_btf_that_leaves_out_what_cannot_be_traced(witness: bool) -> None:
    """As that of 5.10: functions of ftrace itself are not in it, set or not; the others tell what they always do."""
    kb = KernelBuilder("5.10")
    for name in (*([WITNESS] if witness else []), *(f"f{n}" for n in range(5001))):
        kb.btf.func(name, proto=kb.btf.proto(0))
    kernel = kb.kernel(config=None)
    assert {o for o in TOLD_BY_FUNCTION if kernel.option(o) is None} == (set() if witness else OF_TRACE)
