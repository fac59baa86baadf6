# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Two source trees of one file, and the BTF of two kernels, as the study of renames reads them."""

from __future__ import annotations

from pathlib import Path

from kfuncscope.btf.blob import Blob
from kfuncscope.study.renames.confirm import Side


def trees(folder: Path, old: str, new: str, file: str = "kernel/a.c") -> tuple[Path, Path]:
    """Two source trees with one file each."""
    for side, text in (("old", old), ("new", new)):
        (folder / side / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / side / file).write_text(text)
    return folder / "old", folder / "new"


def sides(old: bytes, new: bytes) -> tuple[Side, Side]:
    return Side(Blob(old, "old")), Side(Blob(new, "new"))
