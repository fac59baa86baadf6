# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Is a given path (part of) a kernel, or a place of BPF objects? The one answer for window and command line."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

from kfuncscope.containers.detect import ARCHIVES, HEAD, IMAGES, Kind, detect

PARTS = re.compile(r"(btf|config|modules|symbols)=")
_FILE = re.compile(
    r"^(vmlinu[xz]|b?z?image(\.(gz|xz|zst|lz4|bz2|lzma))?$|system\.map|kallsyms|config-\d|btf[-_.](?!.*\.o$))|\.btf(\.\w+)?$|\.kpack$",
    re.I,
)
_PACKAGE = re.compile(
    r"^(linux-(image|modules|binary|buildinfo|signed|unsigned|base-\d)|linux(-lts|-zen|-hardened)?-\d"
    r"|kernel-(?!devel|doc|headers|tools|source|macros|srpm|abi))",
    re.I,
)
_PACKED = (".deb", ".ddeb", ".udeb", ".rpm", ".apk", ".zst", ".xz", ".gz", ".tar")
_MOST_NAMES = 10_000


def is_kernel(given: str) -> bool:
    """Whether a path is a kernel or a part of one, by the name of a package and the content of anything else.

    A wrong answer does no harm: the reader reports what it found instead.
    """
    if PARTS.match(given):
        return True
    path = Path(given)
    try:
        if os.path.isdir(path):
            return _is_kernel_folder(path)
        named = path.name.lower()
        if named.endswith(_PACKED) and _PACKAGE.match(named):
            return True
        if _FILE.search(named):
            return True
        if not os.path.isfile(path):  # opening a FIFO would wait for a writer
            return bool(_PACKAGE.match(named)) and not os.path.exists(path)
        with path.open("rb") as file:
            kind = detect(file.read(HEAD))
    except OSError:
        return False
    return kind == Kind.BTF or kind in IMAGES or (kind in ARCHIVES and bool(_PACKAGE.match(named)))


def sorted_apart(given: Sequence[str], objects: Sequence[str]) -> tuple[list[str], list[str]]:
    """Kernels and objects: as written where objects were given apart, else sorted by what each file is.

    ``--new A B C`` swallows the objects that follow it, as the shell's ``*.deb`` cannot be told apart by place.
    """
    if objects:
        return list(given), list(objects)
    kernels, rest = list(given[:1]), list[str]()
    for one in given[1:]:
        (kernels if is_kernel(one) else rest).append(one)
    return kernels, rest


def _is_kernel_folder(path: Path) -> bool:
    """A folder is a kernel when it holds a kernel's own files, or the modules of one; packages in it do not count."""
    with os.scandir(path) as found:
        names = [entry.name for entry in islice(found, _MOST_NAMES)]
    return (
        any(_FILE.search(name) and not name.lower().endswith(_PACKED[:5]) for name in names)
        or (path / "lib" / "modules").is_dir()
    )
