# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Skeletons that bpftool writes: C text with a whole object in it, and light ones, which have no object any more.

``bpftool gen skeleton`` puts the object's bytes into a string literal. With ``-L`` there is a *loader program* in its
place: BPF instructions, made by libbpf's gen_loader.c, that create the maps and load the programs in the kernel; what
they load lies in a blob beside them, without ELF file, section names and most of the relocations.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

_TEXT = (b"BPFTOOL", b"bpf_load_and_run", b"elf_bytes", b"bpf_object_skeleton")
_LITERAL = re.compile(rb'"\\\r?\n((?:[^"\\]|\\.|\\\r?\n)*)"', re.S)
_ESCAPE = re.compile(rb"\\(?:x([0-9a-fA-F]{1,2})|([0-7]{1,3})|(\r?\n)|(.))", re.S)
_NAMED = {b"n": b"\n", b"t": b"\t", b"r": b"\r", b"a": b"\a", b"b": b"\b", b"f": b"\f", b"v": b"\v"}
_LARGEST = 64 << 20

# bpf_gen__init(): r6 = r1; r1 = r10; r1 += -size; r2 = size; r3 = 0; call probe_read_kernel, to clear the stack.
_LOADER = re.compile(
    rb"\xbf\x16\0\0\0\0\0\0\xbf\xa1\0\0\0\0\0\0\x07\x01\0\0..\xff\xff\xb7\x02\0\0..\0\0\xb7\x03\0\0\0\0\0\0\x85\0\0\0\x71\0\0\0"
    rb"|\xbf\x61\0\0\0\0\0\0\xbf\x1a\0\0\0\0\0\0\x07\x10\0\0\xff\xff..\xb7\x20\0\0\0\0..\xb7\x30\0\0\0\0\0\0\x85\0\0\0\0\0\0\x71",
    re.S,
)

_BEGINS = (b"\xbf\x16\0\0\0\0\0\0\xbf\xa1\0", b"\xbf\x61\0\0\0\0\0\0\xbf\x1a\0")


def is_skeleton(data: bytes) -> bool:
    """Whether ``data`` looks like C text that bpftool wrote."""
    return b"\0" not in data[:4096] and any(word in data for word in _TEXT)


def literals(data: bytes) -> Iterator[tuple[int, bytes]]:
    """(offset, bytes) of each string literal of a skeleton that begins on a line of its own, as those of data do."""
    for found in _LITERAL.finditer(data):
        if len(found[1]) <= _LARGEST:
            yield found.start(), _ESCAPE.sub(_plain, found[1])


def _plain(escape: re.Match[bytes]) -> bytes:
    if escape[1] is not None:
        return bytes((int(escape[1], 16),))
    if escape[2] is not None:
        return bytes((int(escape[2], 8) & 255,))
    return b"" if escape[3] is not None else _NAMED.get(escape[4], escape[4])


def light_skeleton(data: bytes) -> int | None:
    """Where the first loader program of a light skeleton begins, in either byte order; None where there is none."""
    for begin in _BEGINS:  # looked for first, as a plain search is many times faster
        at = data.find(begin)
        while at >= 0:
            if _LOADER.match(data, at):
                return at
            at = data.find(begin, at + 1)
    return None
