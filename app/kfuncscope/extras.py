# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Parts that are installed only where they are asked for: Qt, pandas, Dask, the samples. Each says what is missing."""

from __future__ import annotations

import importlib
import importlib.util

from kfuncscope.errors import UsageError

_PARTS = {
    "gui": ("Qt", "PySide6.QtWidgets", "kfuncscope[gui]", "kfuncscope-gui"),
    "frames": ("pandas", "pandas", "kfuncscope[frames]", "python3-pandas"),
    "cluster": ("Dask distributed", "distributed", "kfuncscope[cluster]", "python3-distributed"),
}


def installed(extra: str) -> bool:
    """Whether the library of an extra is there, without loading it."""
    module = _PARTS[extra][1].partition(".")[0]
    return importlib.util.find_spec(module) is not None


def need(extra: str, what: str) -> None:
    """Load the library of an extra; UsageError with what to install where it is missing or cannot be loaded."""
    library, module, wheel, package = _PARTS[extra]
    how = f"install it with pip install '{wheel}', or the package {package} of the distribution"
    if not installed(extra):
        raise UsageError(what, f"needs {library}, which is not installed: {how}")
    try:
        importlib.import_module(module)
    except ImportError as error:
        raise UsageError(what, f"needs {library}, which cannot be loaded: {error}") from error


def need_window(what: str) -> None:
    """As ``need`` for Qt, and the window's own modules: distributions may package them apart."""
    need("gui", what)
    if importlib.util.find_spec("kfuncscope.gui") is None:
        raise UsageError(what, "needs the window, which is not installed: install the package kfuncscope-gui")
