# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Count what a kernel's BTF holds, for the eye and for comparing builds."""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

from kfuncscope.btf.blob import Blob
from kfuncscope.btf.layout import NR_KINDS, Kind


class Summary(NamedTuple):
    """Counts of one blob, of own types alone where it is split; void is not counted."""

    size: int
    header: int
    big_endian: bool
    types: int
    string_bytes: int
    kinds: dict[str, int]
    kfunc_tags: int
    fastcall_tags: int
    tracepoints: int
    lsm_functions: int
    iter_functions: int
    iter_structs: int
    helper_max: int
    sorted: bool
    repeated_functions: int


def summarize(blob: Blob) -> Summary:
    """Count; ``helper_max`` is the highest number in ``enum bpf_func_id``, 0 where there is none."""
    functions = blob.own_names(Kind.FUNC)
    structs = set(blob.own_names(Kind.STRUCT))
    tags = Counter(blob.own_names(Kind.DECL_TAG))
    helpers = [
        enumerator.value
        for type_id in blob.own("bpf_func_id", Kind.ENUM)
        for enumerator in blob.enumerators(type_id)
        if not enumerator.name.startswith("__")
    ]
    return Summary(
        size=blob.header.end,
        header=blob.header.hdr_len,
        big_endian=blob.endian == ">",
        types=blob.own_count,
        string_bytes=len(blob.strings),
        kinds={Kind(k).name if k < NR_KINDS else f"kind {k}": n for k, n in blob.kind_counts().items()},
        kfunc_tags=tags["bpf_kfunc"],
        fastcall_tags=tags["bpf_fastcall"],
        tracepoints=sum(name.startswith("btf_trace_") for name in blob.own_names(Kind.TYPEDEF)),
        lsm_functions=sum(name.startswith("bpf_lsm_") for name in functions),
        iter_functions=sum(name.startswith("bpf_iter_") for name in functions),
        iter_structs=sum(name.startswith("bpf_iter__") for name in structs),
        helper_max=max(helpers, default=0),
        sorted=is_sorted(blob),
        repeated_functions=sum(n > 1 for n in Counter(functions).values()),
    )


def is_sorted(blob: Blob) -> bool:
    """Whether own types are in the order of 7.x: anonymous ones first, then by name as strcmp has it (R-1.10)."""
    before = b""
    for type_id in blob:
        name = blob.name(type_id).encode("utf-8", "surrogateescape")
        if name < before:
            return False
        before = name
    return True
