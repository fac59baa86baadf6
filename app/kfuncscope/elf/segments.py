# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What an ELF file loads into memory: the program headers, read by pyelftools.

For images, of which one is read at a time. Section tables of thousands of modules are read by ``elf.tables``.
"""

from __future__ import annotations

import io
from typing import NamedTuple

from elftools.common.exceptions import ELFParseError
from elftools.common.utils import struct_parse
from elftools.elf.structs import ELFStructs

from kfuncscope.errors import InputError

_MOST_SEGMENTS = 0x1000


class Segment(NamedTuple):
    """Bytes of the file that are loaded: where they are in it, at which address, and how many."""

    offset: int
    address: int
    size: int


def loaded_segments(image: bytes, source: str) -> list[Segment]:
    """The PT_LOAD segments that lie in the file, by offset. Raises InputError where it has no ELF header.

    Headers behind the end of the file, and segments that reach out of it, are left out.
    """
    if image[:4] != b"\x7fELF" or image[4:5] not in (b"\1", b"\2") or image[5:6] not in (b"\1", b"\2"):
        raise InputError(source, "not an ELF file", 0)
    structs = ELFStructs(little_endian=image[5] == 1, elfclass=32 * image[4])
    structs.create_basic_structs()
    file = io.BytesIO(image)
    found = []
    try:
        structs.create_advanced_structs()
        header = struct_parse(structs.Elf_Ehdr, file, 0)
        for row in range(min(header["e_phnum"], _MOST_SEGMENTS)):
            at = header["e_phoff"] + row * header["e_phentsize"]
            if header["e_phentsize"] < structs.Elf_Phdr.sizeof() or at + structs.Elf_Phdr.sizeof() > len(image):
                break
            part = struct_parse(structs.Elf_Phdr, file, at)
            segment = Segment(part["p_offset"], part["p_vaddr"], part["p_filesz"])
            if part["p_type"] == "PT_LOAD" and segment.size and segment.offset + segment.size <= len(image):
                found.append(segment)
    except ELFParseError as error:
        raise InputError(source, f"damaged ELF file: {error}") from error
    return sorted(found)
