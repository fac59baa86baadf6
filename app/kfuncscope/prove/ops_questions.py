# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What a kernel is asked about its struct_ops types: members, their arguments, and tables without a member."""

from __future__ import annotations

from typing import Any

from kfuncscope.btf.blob import Blob
from kfuncscope.btf.layout import Kind
from kfuncscope.kernel.kernel import Kernel

MOST_ARGUMENTS = 12  # MAX_BPF_FUNC_ARGS
# Texts that the kernel asks for in a table: the name under which it is known.
_NAMES = frozenset({"name", "id"})
_VALUE = "bpf_struct_ops_"


def callbacks(blob: Blob, struct: int) -> list[tuple[int, str, int]]:
    """(place, name, FUNC_PROTO) of the members of a struct_ops type that a program may be for."""
    found = []
    for place, member in enumerate(blob.members(struct)):
        pointer = blob.skip(member.type)
        proto = blob.skip(blob.ref(pointer)) if blob.kind(pointer) == Kind.PTR else 0
        if proto and blob.kind(proto) == Kind.FUNC_PROTO:
            found.append((place, member.name, proto))
    return found


def pointers_to_structs(blob: Blob, proto: int, first: int = 0) -> list[int]:
    """Places, from 0, of those arguments of a FUNC_PROTO after the ``first`` that point to a struct."""
    found = []
    for place, parameter in enumerate(blob.params(proto)[first : first + MOST_ARGUMENTS]):
        pointer = blob.skip(parameter.type)
        if blob.kind(pointer) == Kind.PTR and blob.kind(blob.skip(blob.ref(pointer))) == Kind.STRUCT:
            found.append(place)
    return found


def member_questions(kernel: Kernel, blob: Blob) -> list[list[Any]]:
    """[type, its BTF id, places of callbacks, {place: arguments that point to a struct}] for the guest."""
    found: list[list[Any]] = []
    for name in kernel.struct_ops:
        struct = blob.own(name, Kind.STRUCT)[0]
        rows = callbacks(blob, struct)
        arguments = {str(place): given for place, _, proto in rows if (given := pointers_to_structs(blob, proto))}
        found.append([name, struct, [place for place, _, _ in rows], arguments])
    return found


def table_questions(kernel: Kernel, blob: Blob) -> list[list[Any]]:
    """[type, its BTF id, id and bytes of its value, [place, byte] of each callback, bytes of names] for the guest."""
    found: list[list[Any]] = []
    for name in kernel.struct_ops:
        struct, value = blob.own(name, Kind.STRUCT)[0], blob.own(_VALUE + name, Kind.STRUCT)[0]
        start = next((m.bit_offset // 8 for m in blob.members(value) if blob.skip(m.type) == struct), None)
        members = blob.members(struct)
        rows = [[place, start + members[place].bit_offset // 8] for place, _, _ in callbacks(blob, struct) if start]
        texts = [
            start + m.bit_offset // 8
            for m in members
            if start and m.name in _NAMES and blob.kind(blob.skip(m.type)) == Kind.ARRAY
        ]
        if rows and start:
            found.append([name, struct, value, blob.size(value), rows, texts])
    return found
