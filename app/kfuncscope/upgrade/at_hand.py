# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A result that is known already, of inputs that are light enough to be read beside other work of a process."""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from kfuncscope.errors import InputError
from kfuncscope.model.analysis import Analysis
from kfuncscope.session.session import Session
from kfuncscope.storage import lookup
from kfuncscope.storage.read import Progress
from kfuncscope.upgrade.analyse import analyse
from kfuncscope.upgrade.known import UnknownError

MOST_FILES = 200
MOST_BYTES = 4 << 20
_SMALL = 256  # bytes of a file that is no object; whatever it is compressed by, little comes out of so few
_MAGIC = b"\x7fELF"


def at_hand(session: Session, progress: Progress | None = None) -> Analysis | None:
    """The result of a session as ``analyse`` gives it, where all of it is kept; None where it takes work.

    Nothing is unpacked, opened or judged for it: objects are a few plain files, kernels compressed BTF that was opened
    before. None also for inputs that cannot be read: whoever analyses them says why. ``progress`` may raise to cancel.
    """
    if session.path or session.census or session.infer or not _light(session.objects):
        return None
    try:
        return analyse(session, progress, known_only=True)
    except (UnknownError, InputError):
        return None


def _light(paths: list[str]) -> bool:
    """Whether these are a few small files that need no unpacking and no compiler."""
    try:
        files = list(islice((file for path in paths for file in _files(Path(path))), MOST_FILES + 1))
        sizes = [file.stat().st_size for file in files]
        return len(files) <= MOST_FILES and sum(sizes) <= MOST_BYTES and all(map(_plain, files, sizes))
    except (OSError, ValueError):  # a file that is gone; a NUL byte in a name
        return False


def _files(path: Path) -> Iterator[Path]:
    if not lookup.is_dir(path):
        yield path
        return
    for folder, _, names in os.walk(path):
        yield from (Path(folder, name) for name in names)


def _plain(file: Path, size: int) -> bool:
    """Whether a file is an ELF file, or too small to be anything; scripts of bpftrace would have to be compiled."""
    if not lookup.is_file(file) or file.suffix == ".bt":
        return False
    with file.open("rb") as opened:
        return size <= _SMALL or opened.read(len(_MAGIC)) == _MAGIC
