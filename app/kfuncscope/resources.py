# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Find ``resources/`` and the sample data in an installed wheel as in a checkout."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path

from kfuncscope.errors import UsageError

_PACKAGE = Path(__file__).resolve().parent


def _folder(kind: str) -> Path:
    installed = _PACKAGE / kind
    return installed if installed.is_dir() else _PACKAGE.parents[1] / kind


def resource(*parts: str) -> Path:
    """Path of a file or folder below ``resources/``."""
    return _folder("resources").joinpath(*parts)


def user_folder(variable: str, below_home: str) -> Path:
    """A folder of the user's by the XDG base directory specification: as the variable says, else below the home folder.

    A relative path in the variable is ignored. Without a home directory (an arbitrary user of a container) this returns
    a path that cannot be created.
    """
    given = os.environ.get(variable, "")
    if os.path.isabs(given):
        return Path(given)
    home = os.path.expanduser("~")
    return Path(home if os.path.isabs(home) else os.devnull, below_home)


def sample(*parts: str) -> Path:
    """Path of a file or folder of the sample data: of the checkout, else of the distribution kfuncscope-samples.

    UsageError where neither is there.
    """
    checkout = _PACKAGE.parents[1] / "sample_data"
    if checkout.is_dir() and _PACKAGE.parent.name == "app":
        return checkout.joinpath(*parts)
    spec = importlib.util.find_spec("kfuncscope_samples")
    if spec is None or not spec.submodule_search_locations:
        how = "pip install kfuncscope-samples, or the package kfuncscope-samples of the distribution"
        raise UsageError("demo", f"the sample data is not installed; install it with {how}")
    return Path(spec.submodule_search_locations[0], *parts)
