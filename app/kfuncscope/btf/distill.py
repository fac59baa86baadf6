# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Put split BTF with a distilled base on another vmlinux, as the kernel does when it loads such a module (R-1.13).

The distilled base (``.BTF.base``) names what the module needs of vmlinux: integers, floats, sized enums, and structs
and unions without members. Each must be found in vmlinux, and only once; else the kernel drops the module's BTF, and
with it all of its kfuncs and attach targets.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from kfuncscope.btf.blob import Blob
from kfuncscope.btf.layout import COMPOSITES, ENUMS, MODIFIERS_AND_TYPEDEF, NR_KINDS, Kind
from kfuncscope.btf.records import columns_of, entries, refers
from kfuncscope.btf.table import ENTRIES, MAX_DEPTH
from kfuncscope.errors import BtfError

DISTILLED = frozenset({Kind.INT, Kind.FLOAT, Kind.ENUM, Kind.STRUCT, Kind.UNION, Kind.FWD})
SAME_SIZE = frozenset({Kind.INT, Kind.FLOAT, Kind.ENUM, Kind.ENUM64})

Map = npt.NDArray[np.int64]


def relocate(split: bytes, distilled: bytes, vmlinux: Blob, source: str) -> Blob:
    """The module's BTF on ``vmlinux``; BtfError where a type of its distilled base has no or no single equal there."""
    base = Blob(distilled, f"{source} (.BTF.base)")
    module = Blob(split, source, base)
    if base.endian != vmlinux.endian:
        raise BtfError(source, "byte order differs from that of the vmlinux BTF", 0)
    _check_distilled(base)
    return Blob(_rewrite(module, *_maps(module, base, vmlinux)), source, vmlinux)


def _check_distilled(base: Blob) -> None:
    for type_id in base:
        kind = base.kind(type_id)
        if kind not in DISTILLED:
            raise BtfError(base.source, f"type {type_id} of kind {kind} is not allowed in a distilled base")
        if not base.name(type_id):
            raise BtfError(base.source, f"type {type_id} is anonymous, which is not allowed in a distilled base")


def _maps(module: Blob, base: Blob, vmlinux: Blob) -> tuple[Map, Map]:
    """From the module's type ids and string offsets to those on ``vmlinux``; -1 for a string that names no type."""
    embedded = _embedded(module, base)
    ids = np.arange(module.end_id, dtype=np.int64) + (vmlinux.end_id - base.end_id)
    ids[0] = 0
    strings = np.arange(module.str_end, dtype=np.int64) + (vmlinux.str_end - base.str_end)
    strings[1 : base.str_end] = -1
    strings[0] = 0
    for type_id in base:
        name = base.name(type_id)
        found = _equals(base, type_id, vmlinux, type_id in embedded)
        if len(found) != 1:
            what = "is not found" if not found else f"has {len(found)} equals"
            size = "" if base.kind(type_id) == Kind.FWD else f" of {base.ref(type_id)} bytes"
            keyword = Kind(base.kind(type_id)).name.lower()
            raise BtfError(module.source, f"{keyword} {name}{size}, which the module was built on, {what} in vmlinux")
        ids[type_id] = found[0]
        strings[base.name_offset(type_id)] = vmlinux.name_offset(found[0])
    return ids, strings


def _embedded(module: Blob, base: Blob) -> set[int]:
    """Structs and unions of the base that the module's own ones hold by value: their size must not differ."""
    found: set[int] = set()
    for kind in (Kind.STRUCT, Kind.UNION):
        members = entries(columns_of(module.table), kind)[1]
        for member_type in np.unique(columns_of(module.table).words[members + 1]).tolist():
            inner = member_type
            for _ in range(2 * MAX_DEPTH):
                if module.kind(inner) == Kind.ARRAY:
                    inner = module.array(inner).type
                elif module.kind(inner) in MODIFIERS_AND_TYPEDEF:
                    inner = module.ref(inner)
                else:
                    break
            if module.kind(inner) in COMPOSITES and inner < base.end_id:
                found.add(inner)
    return found


def _equals(base: Blob, type_id: int, vmlinux: Blob, embedded: bool) -> list[int]:
    """Ids of the types of vmlinux that the kernel would take for a type of the distilled base."""
    same_name = vmlinux.find(base.name(type_id))
    twins = sum(vmlinux.kind(i) in COMPOSITES for i in same_name) > 1
    size = base.ref(type_id)
    found = []
    for candidate in same_name:
        kind = vmlinux.kind(candidate)
        needs_size = kind in SAME_SIZE or (kind in COMPOSITES and twins)
        if needs_size and vmlinux.ref(candidate) != size:
            continue
        if _compatible(base, type_id, vmlinux, candidate) and (not embedded or vmlinux.ref(candidate) == size):
            found.append(candidate)
    return found


def _compatible(base: Blob, type_id: int, vmlinux: Blob, candidate: int) -> bool:
    """Whether the kinds go together."""
    kind, other = base.kind(type_id), vmlinux.kind(candidate)
    if kind == Kind.INT:
        return other == Kind.INT and base.int_(type_id).encoding == vmlinux.int_(candidate).encoding
    if kind == Kind.ENUM:  # distilled enums of 64 bits are sized ENUMs as well
        return other in ENUMS
    if kind == Kind.FLOAT:
        return other == Kind.FLOAT
    if kind == Kind.FWD:
        if other == Kind.FWD:
            return base.kind_flag(type_id) == vmlinux.kind_flag(candidate)
        # The kernel reads the kind_flag of the struct or union, which says that it has bitfields, as if it told
        # struct from union: up to 7.3 a FWD is equal to a struct without bitfields or a union with some.
        return other in COMPOSITES and vmlinux.kind_flag(candidate) == (other == Kind.UNION)
    return other in SAME_SIZE or other in COMPOSITES or other == Kind.FWD


def _rewrite(module: Blob, ids: Map, strings: Map) -> bytes:
    """The module's bytes with every type id and string offset of its types exchanged."""
    columns = columns_of(module.table)
    if (columns.kinds >= NR_KINDS).any():
        raise BtfError(module.source, "types of unknown kinds cannot be put on another base")
    words = columns.words.astype(np.uint32)  # a copy
    places_of_ids = [columns.starts[refers(columns)].astype(np.int64) + 2]
    places_of_names = [columns.starts.astype(np.int64)]
    for kind, (types, names) in ENTRIES.items():
        at = entries(columns, kind)[1]
        places_of_ids += [at + word for word in types]
        places_of_names += [at + word for word in names]
    for places in places_of_ids:
        words[places] = ids[words[places]]
    for places in places_of_names:
        moved = strings[words[places]]
        if len(moved) and int(moved.min()) < 0:
            offset = module.header.types[0] + 4 * int(places[int(np.argmin(moved))])
            raise BtfError(module.source, "a name in the distilled base belongs to no type there", offset)
        words[places] = moved
    start, end = module.header.types
    return module.data[:start] + words.astype(module.endian + "u4").tobytes() + module.data[end:]
