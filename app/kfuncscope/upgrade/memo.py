# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Results kept from earlier runs: the same session over the same files, judged by the same code, is not judged again.

Files are told by path, size, inode and time of change, as build tools do; the code by the files of the package and its
knowledge tables. KFUNCSCOPE_NO_MEMO=1 turns it off.
"""

from __future__ import annotations

import hashlib
import io
import os
import pickle
from collections.abc import Iterator
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any

from kfuncscope.knowledge import probed, tables
from kfuncscope.model.analysis import Analysis
from kfuncscope.session.session import KernelRef, Session
from kfuncscope.storage.cache import default_cache
from kfuncscope.upgrade.jsonform import Shard

MAX_DEPTH = 64
MAX_FILES = 50_000  # below one path; a larger tree is not remembered


def key(session: Session, shard: Shard | None) -> str | None:
    """The name under which a result is kept; None where it cannot be kept."""
    if os.environ.get("KFUNCSCOPE_NO_MEMO"):
        return None
    digest = hashlib.sha256(_code().encode())
    words = {"types": session.section_types, "shard": asdict(shard) if shard else None, "infer": session.infer}
    digest.update(repr(sorted(words.items(), key=str)).encode())
    try:
        for side in (session.old, session.new, session.path):
            digest.update(b"side")
            for ref in side:
                digest.update(repr((ref.arch, ref.release, ref.label)).encode())
                for line in _kernel_stats(ref):
                    digest.update(line.encode("utf-8", "surrogateescape"))
        for given in session.objects:
            for line in _stats(Path(given)):
                digest.update(line.encode("utf-8", "surrogateescape"))
    except OSError:
        return None
    return f"analysis:{digest.hexdigest()}"


@cache
def _code() -> str:
    """What the verdicts depend on beside the inputs: this package, its knowledge tables and the user's own."""
    package = Path(__file__).resolve().parents[1]
    return "".join(line for root in (package, *tables.roots(), *probed.roots()) for line in _code_stats(root))


def _code_stats(root: Path) -> Iterator[str]:
    if root.is_dir():
        yield from (line for line in _stats(root) if "__pycache__" not in line)


def _kernel_stats(ref: KernelRef) -> Iterator[str]:
    """A kernel's files, and what stands beside them: config, modules and symbols are found there."""
    for given in ref.files:
        for piece in given.split(",") if "=" in given else [given]:
            path = Path(piece.partition("=")[2] if "=" in piece else piece)
            yield from _stats(path)
            if path.is_file():
                for beside in sorted(path.parent.iterdir()):
                    if beside.name.startswith(("config", "symbols", "modules", "System.map")):
                        yield from _stats(beside)


def _stats(path: Path, depth: int = MAX_DEPTH) -> Iterator[str]:
    """One line for each file at or below a path: what tells that it is still the same."""
    pending, seen = [(path, depth)], 0
    while pending:
        one, left = pending.pop()
        if one.is_dir() and left:
            pending += sorted(((p, left - 1) for p in one.iterdir()), reverse=True)
            continue
        seen += 1
        if seen > MAX_FILES:
            raise OSError(f"{path} holds too many files to look at each")
        facts = one.stat()
        yield f"{one}|{facts.st_size}|{facts.st_mtime_ns}|{facts.st_ino}\n"


class _Unpickler(pickle.Unpickler):
    """Reads back our own records and nothing else."""

    def find_class(self, module: str, name: str) -> Any:
        if module.startswith("kfuncscope.") or (module, name) == ("pathlib", "PosixPath"):
            return super().find_class(module, name)
        raise pickle.UnpicklingError(f"{module}.{name} has no place in a result")


def load(name: str | None) -> Analysis | None:
    """The result kept under a name; None where there is none, or it cannot be used."""
    data = default_cache().get(name) if name else None
    if data is None:
        return None
    try:
        found = _Unpickler(io.BytesIO(data)).load()
    except Exception:  # a damaged entry may fail in any way; the result is made anew
        return None
    return found if isinstance(found, Analysis) else None


def store(name: str | None, analysis: Analysis) -> None:
    """Keep a result."""
    if name:
        default_cache().put(name, pickle.dumps(analysis, protocol=5))
