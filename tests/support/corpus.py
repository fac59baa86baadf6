# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Kernels of the corpus (KFUNCSCOPE_CORPUS), each opened once for all who ask in a process: what is worked out of one
stays with it.
"""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

from kfuncscope.intake.kernels import kernel_files
from kfuncscope.kernel.kernel import Kernel, open_kernel


@cache
def opened(folder: Path) -> Kernel:
    """The kernel of a folder."""
    (files,) = kernel_files([folder])
    return open_kernel(files)


def kernel(name: str) -> Kernel:
    """A kernel of the corpus by its name, such as ``6.12-amd64``."""
    return opened(Path(os.environ["KFUNCSCOPE_CORPUS"], "kernels", name))
