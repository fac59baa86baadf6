# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Of which release a kernel has the BPF, by the members, functions and kfuncs in its BTF (R-12.23).

    python -m kfuncscope.kernel.marks linux-image-6.1….deb linux-image-6.12….deb … > resources/knowledge/marks.json

The marks of a release are names that its kernel has, every later one too, and none of an earlier release. Of the types
that the verifier and bpf() go by they are the same on every architecture and with every config; distributions bring
them with a backport, stable releases of an older series do not.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from kfuncscope.btf.blob import Blob
from kfuncscope.btf.declare import members_flat
from kfuncscope.btf.layout import Kind
from kfuncscope.errors import BtfError
from kfuncscope.intake.kernels import kernel_files
from kfuncscope.knowledge import names
from kfuncscope.knowledge.common import common_table
from kfuncscope.knowledge.levels import Key, in_order, level_key, next_series

TYPES = (
    "bpf_attr", "bpf_prog", "bpf_prog_aux", "bpf_prog_info", "bpf_map", "bpf_map_info", "bpf_map_ops", "bpf_link",
    "bpf_link_info", "bpf_link_ops", "bpf_array", "bpf_func_proto", "bpf_func_state", "bpf_insn_aux_data",
    "bpf_iter_aux_info", "bpf_ksym", "bpf_prog_ops", "bpf_reg_state", "bpf_struct_ops", "bpf_subprog_info",
    "bpf_tramp_image", "bpf_tramp_link", "bpf_trampoline", "bpf_verifier_env", "bpf_verifier_ops",
    "bpf_verifier_state", "btf", "btf_field", "btf_func_model", "btf_kfunc_id_set", "btf_record",
)  # fmt: skip
KINDS = ("member", "function")
COMMON_SETS = frozenset({"generic_btf_ids", "common_btf_ids"})
"""kfunc sets that every kernel with BPF has, whatever else it is built with."""

MOST = 64  # marks of a kind and release that are kept
HALF, WHOLE = 0.5, 0.9
FEWEST_KFUNCS = 3
_EXACT = re.compile(r"\d+\.\d+")
Features = Mapping[str, frozenset[str]]


def features(blob: Blob) -> dict[str, frozenset[str]]:
    """Kind → what a BTF has of it; members as ``TYPE.MEMBER``."""
    functions = frozenset(name for name in blob.own_names(Kind.FUNC) if name.startswith(("bpf_", "btf_")))
    return {"member": _members(blob), "function": functions}


def _members(blob: Blob) -> frozenset[str]:
    found: set[str] = set()
    for name in TYPES:
        for type_id in (*blob.own(name, Kind.STRUCT), *blob.own(name, Kind.UNION))[:1]:
            try:
                found |= {f"{name}.{member.name}" for member in members_flat(blob, type_id)}
            except BtfError:
                continue
    return frozenset(found)


def level_by_marks(blob: Blob, above: Key = ()) -> tuple[str, str]:
    """(at least, below) of the releases later than ``above`` whose BPF a kernel has; '' where that is open.

    Where the release before the marked one is its neighbour, half of its members and functions are enough; where
    several releases lie between, a part may be of any of these, and only all tell. Of the kfuncs that came with a
    release, and are in every kernel, most have to be there.
    """
    table = common_table("marks")
    rows, kfuncs = table["marks"], table["kfuncs"]
    asked = [one for one in in_order({*rows, *kfuncs}) if (level_key(one) or ()) > above]
    members = cache(lambda: _members(blob))  # flattening thirty types takes longer than everything else here
    at_least = below = ""
    for release in asked:
        marked, dated = rows.get(release, {}), kfuncs.get(release, ())
        there = [bool(blob.own(name, Kind.FUNC)) for name in dated]
        had = len(there) >= FEWEST_KFUNCS and sum(there) > HALF * len(there)
        if marked and not had:
            had = _had(blob, members, marked)
        if had:
            at_least, below = release, ""
        elif not below and marked:
            below = release
    return at_least, below


def _had(blob: Blob, members: Callable[[], frozenset[str]], row: Mapping[str, Any]) -> bool:
    functions = row["function"]
    if sum(bool(blob.own(name, Kind.FUNC)) for name in functions) < HALF * len(functions):
        return False
    own = sum(mark in members() for mark in row["member"])
    return own >= len(row["member"]) * (HALF if row["next"] else WHOLE)


# -- making the table


def marks_of(kernels: Mapping[str, Features]) -> dict[str, dict[str, Any]]:
    """Release → its marks, by the features of kernels named after their version; none of the oldest series."""
    series: dict[Key, list[str]] = {}
    for version in in_order(kernels):
        series.setdefault((level_key(version) or ())[:2], []).append(version)
    made: dict[str, dict[str, Any]] = {}
    keys = list(series)
    for number, key in enumerate(keys[1:], 1):
        earlier = [v for one in keys[:number] for v in series[one]]
        later = [v for one in keys[number:] for v in series[one]]
        rows = {kind: _few(_fresh(kernels, kind, earlier, later)) for kind in KINDS}
        made[".".join(map(str, key))] = {"next": int(next_series(keys[number - 1]) == key), **rows}
    return made


def kfuncs_by_release() -> dict[str, list[str]]:
    """Release → kfuncs that came with it and that every kernel with its BPF has, by the tables of levels."""
    made: dict[str, list[str]] = {}
    for name in sorted(names.kfuncs_of_sets(COMMON_SETS)):
        release = names.first_release("kfunc", name) or ""
        if _EXACT.fullmatch(release):
            made.setdefault(release, []).append(name)
    return made


def _fresh(kernels: Mapping[str, Features], kind: str, earlier: Sequence[str], later: Sequence[str]) -> list[str]:
    stays = frozenset.intersection(*(kernels[version][kind] for version in later))
    return sorted(stays.difference(*(kernels[version][kind] for version in earlier)))


def _few(marks: Sequence[str]) -> list[str]:
    """At most MOST, from the whole of the list."""
    step = max(1, -(-len(marks) // MOST))
    return list(marks[::step])


def main(paths: Iterable[str]) -> None:
    """Print the table of the kernels in these files or folders as JSON."""
    kernels, sources = {}, []
    for path in paths:
        for files in kernel_files([Path(path)]):
            blob = Blob(files.btf or b"", files.label)
            kernels[files.version or files.release or files.label] = features(blob)
            sources.append(Path(path).name)
    source = f"BTF of {', '.join(sources)}; kfuncs of the histories beside this table"
    provenance = {"made": "python -m kfuncscope.kernel.marks", "source": source}
    made = {"marks": marks_of(kernels), "kfuncs": kfuncs_by_release(), "provenance": provenance}
    json.dump(made, sys.stdout, indent=0, sort_keys=True)


if __name__ == "__main__":
    main(sys.argv[1:])
