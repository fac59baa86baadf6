# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Why a name that no BTF given has may be in the kernel all the same (R-12.12, R-12.13)."""

from __future__ import annotations

from typing import NamedTuple

from kfuncscope.kernel.kernel import Kernel
from kfuncscope.knowledge.names import module_of_prefix


class Unseen(NamedTuple):
    """The rule, and the reason as the end of a sentence about the name."""

    rule: str
    reason: str


def unseen(kernel: Kernel, name: str) -> Unseen | None:
    """Why something absent from the files may still be in the kernel; None where the files are enough."""
    if kernel.partial:
        return Unseen("R-12.12", "this BTF is partial: it holds no functions")
    if refused := kernel.modules.refused(name):
        return Unseen("R-12.12", f"it may be in {refused}")
    module = module_not_given(kernel, name)
    if not module:
        return None
    if module.replace("-", "_") in _names(kernel):
        return Unseen("R-12.12", f"it may be in module {module}, whose BTF cannot be used")
    return Unseen("R-12.13", f"it may be in module {module}, whose BTF was not given")


def module_not_given(kernel: Kernel, function: str) -> str:
    """The module in which a function of this name lives, if this kernel builds it as one whose BTF is not at hand."""
    found = module_of_prefix(function.lstrip("_").partition("_")[0])
    if found is None:
        return ""
    option, module = found
    if kernel.option(option.removeprefix("CONFIG_")) != "m":
        return ""
    name = _names(kernel).get(module.replace("-", "_"))
    return "" if name is not None and kernel.modules.blob(name) is not None else module


def _names(kernel: Kernel) -> dict[str, str]:
    """The names of the modules given, by their names with underscores."""
    return {name.replace("-", "_"): name for name in kernel.modules.names}
