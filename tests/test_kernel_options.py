# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Without a config some options are told by functions that exist only where they are set."""

from __future__ import annotations

from pathlib import Path

import pytest

from kfuncscope.btf.layout import Kind
from kfuncscope.intake.kernels import kernel_files
from kfuncscope.kernel.config import TOLD_BY_FUNCTION
from kfuncscope.kernel.kernel import open_kernel


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
