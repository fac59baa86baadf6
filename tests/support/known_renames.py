# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Which kernels have the names of ``known_renames.json``: what proves its rows.

    cd tests && python -m support.known_renames LEVEL=BTF...

writes ``tests/knowledge/known_renames.csv`` from the BTF of one kernel for each level: KIND, NAME, and the levels that
have the name. Names of fields are ``STRUCT.PATH`` with ``->`` where the path goes through a pointer.
"""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Iterator
from pathlib import Path

from kfuncscope.btf.blob import Blob
from kfuncscope.btf.layout import ENUMS, Kind
from kfuncscope.intake.kernels import kernel_files
from kfuncscope.kernel.kernel import open_kernel
from kfuncscope.knowledge.levels import level_key
from kfuncscope.knowledge.names import ELSEWHERE
from kfuncscope.remedy.replacements.elsewhere import reached
from kfuncscope.resources import resource

SEEN = Path(__file__).parents[1] / "knowledge" / "known_renames.csv"
Rows = dict[str, dict[str, dict[str, list[str]]]]


def rows() -> Rows:
    """Kind → old name → row, of the packaged list alone."""
    table: Rows = json.loads((resource("knowledge") / "known_renames.json").read_text())
    return {kind: found for kind, found in table.items() if kind != "provenance"}


def whole(kind: str, old: str, new: str) -> str:
    """The new name with its struct, or the struct or enum that the old one is in."""
    if new.startswith(ELSEWHERE):
        return new.removeprefix(ELSEWHERE)
    return f"{old.partition('.')[0]}.{new}" if kind in ("field", "enumerator") else new


def names() -> Iterator[tuple[str, str]]:
    """Every (kind, name) of the list, old and new."""
    for kind, found in rows().items():
        for old, row in found.items():
            yield kind, old
            yield from ((kind, whole(kind, old, new)) for new in row["new"])


def has(blob: Blob, kind: str, name: str) -> bool:
    """Whether the BTF has it."""
    if kind == "field":
        owner, _, path = name.partition(".")
        found = (i for k in (Kind.STRUCT, Kind.UNION) for i in blob.find(owner, k))
        return any(reached(blob, struct, path) is not None for struct in found)
    if kind == "enumerator":
        owner, _, one = name.partition(".")
        enums = (i for k in ENUMS for i in blob.find(owner, Kind(k)))
        return any(e.name == one for enum in enums for e in blob.enumerators(enum))
    if kind == "tracepoint":
        return bool(blob.first(f"btf_trace_{name}", Kind.TYPEDEF))
    return bool(blob.first(f"bpf_lsm_{name}" if kind == "lsm" else name, Kind.FUNC))


def seen() -> dict[tuple[str, str], tuple[str, ...]]:
    """(kind, name) → levels that have it, as committed; the levels that were asked under ``("levels", "")``."""
    lines = (line for line in SEEN.read_text().splitlines() if not line.startswith("#"))
    return {(kind, name): tuple(levels.split()) for kind, name, levels in csv.reader(lines)}


def main(arguments: list[str]) -> int:
    """Write the file."""
    blobs = {}
    for argument in arguments:
        level, _, path = argument.partition("=")
        vmlinux = open_kernel(kernel_files([path])[0]).vmlinux
        assert vmlinux is not None
        blobs[level] = vmlinux
    levels = sorted(blobs, key=lambda level: level_key(level) or ())
    lines = [
        "# Which levels have the names of known_renames.json, by the BTF of Debian's amd64 kernels: 5.10.262, 6.1.192,",
        "# 6.12.107, 6.16.12, 6.17.13, 6.18.15, 6.19.14, 7.0.13, 7.1.13, 7.2.13, 7.3.4. By support/known_renames.py.",
        f"levels,,{' '.join(levels)}",
    ]
    for kind, name in sorted(set(names())):
        lines.append(f"{kind},{name},{' '.join(level for level in levels if has(blobs[level], kind, name))}")
    SEEN.write_text("\n".join(lines) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
