# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Find ``resources/`` and ``sample_data/`` in an installed wheel as in a checkout."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


def _folder(kind: str) -> Path:
    installed = _PACKAGE / kind
    return installed if installed.is_dir() else _PACKAGE.parents[1] / kind


def resource(*parts: str) -> Path:
    """Path of a file or folder below ``resources/``."""
    return _folder("resources").joinpath(*parts)


def sample(*parts: str) -> Path:
    """Path of a file or folder below ``sample_data/``."""
    return _folder("sample_data").joinpath(*parts)
