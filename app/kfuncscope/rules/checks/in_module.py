# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Functions that vmlinux lacks because they live in a module whose BTF and symbols were not given (R-12.13)."""

from __future__ import annotations

from kfuncscope.kernel.kernel import Kernel
from kfuncscope.knowledge.names import module_of_prefix


def module_not_given(kernel: Kernel, function: str) -> str:
    """The module in which a function of this name lives, if this kernel builds it as one that was not given."""
    found = module_of_prefix(function.lstrip("_").partition("_")[0])
    if found is None:
        return ""
    option, module = found
    if kernel.option(option.removeprefix("CONFIG_")) != "m":
        return ""
    given = {name.replace("-", "_") for name in kernel.modules.names}
    return "" if module.replace("-", "_") in given else module
