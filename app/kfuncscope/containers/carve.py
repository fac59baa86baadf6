# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Find BPF objects inside other files: skeletons in C, Go and Rust programs, at any alignment and byte order.

The rule: an ELF magic, class 64, machine BPF in the byte order it claims, section headers of 64 bytes, and every
section with bytes inside the file; the object ends where its last section or its section table does.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from kfuncscope.containers.words import Find
from kfuncscope.elf.tables import EM_BPF, SHT_NOBITS, SHT_NULL

_MAGIC = b"\x7fELF\x02"
# Without the class, as a search for a word that ends in a common byte is half as fast.
ELF = _MAGIC[:4]
"""What is looked for."""

_HEADER = 64
_MOST_SECTIONS = 20_000


def carve(data: bytes, find: Find | None = None) -> Iterator[tuple[int, int]]:
    """(offset, end) of each BPF object in ``data``, in order; an object inside an object is not looked for.

    ``find`` stands for ``data.find``.
    """
    find = find or data.find
    at = find(ELF, 0)
    while at >= 0:
        end = bpf_end(data, at)
        if end is not None:
            yield at, end
        at = find(ELF, end if end is not None else at + 1)


def bpf_end(data: bytes, at: int) -> int | None:
    """Where the BPF object that begins at ``at`` ends, or None when there is none."""
    if data[at : at + 5] != _MAGIC or at + _HEADER > len(data) or data[at + 5] not in (1, 2):
        return None
    order = "<" if data[at + 5] == 1 else ">"
    machine = struct.unpack_from(order + "H", data, at + 18)[0]
    table: int = struct.unpack_from(order + "Q", data, at + 40)[0]
    size, count = struct.unpack_from(order + "HH", data, at + 58)
    if machine != EM_BPF or size != _HEADER or not 0 < count <= _MOST_SECTIONS:
        return None
    end: int = at + table + size * count
    if table < _HEADER or end > len(data):
        return None
    row = struct.Struct(order + "4xI16xQQ24x")
    for kind, offset, length in row.iter_unpack(data[at + table : end]):
        if kind not in (SHT_NULL, SHT_NOBITS):
            if at + offset + length > len(data):
                return None
            end = max(end, at + offset + length)
    return end
