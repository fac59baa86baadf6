# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Skeletons that bpftool writes: C text with a whole object in it, and light ones, which have no object any more.

``bpftool gen skeleton`` puts the object's bytes into a string literal. With ``-L`` there is a *loader program* in its
place: BPF instructions, made by libbpf's gen_loader.c, that create the maps and load the programs in the kernel; what
they load lies in a blob beside them, without ELF file, section names and most of the relocations.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from kfuncscope.containers.words import Find

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

_LITTLE, _BIG = ((b"\xbf\x16\0\0\0\0\0\0", b"\xbf\xa1"), (b"\xbf\x61\0\0\0\0\0\0", b"\xbf\x1a"))
_FEW_HITS = 64  # and one more for each 16 kB: BPF code has them everywhere


def is_skeleton(data: bytes) -> bool:
    """Whether ``data`` looks like C text that bpftool wrote."""
    return b"\0" not in data[:4096] and any(word in data for word in _TEXT)


def has_literals(data: bytes) -> bool:
    """Whether there is anything for ``literals`` to begin with."""
    return b"\\" in data and (b'"\\\n' in data or b'"\\\r' in data)


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


def light_words(data: bytes) -> tuple[bytes, ...]:
    """The words that ``light_skeleton`` looks for in ``data``."""
    return tuple(second for _, second in _orders(data))


def _orders(data: bytes) -> tuple[tuple[bytes, bytes], ...]:
    """The first two instructions in the byte orders that are possible: a program has its own."""
    if data[:4] == b"\x7fELF" and data[5:6] in (b"\1", b"\2"):
        return (_LITTLE,) if data[5] == 1 else (_BIG,)
    return _LITTLE, _BIG


def light_skeleton(data: bytes, find: Find | None = None) -> int | None:
    """Where the first loader program of a light skeleton begins; None where there is none.

    It runs on the machine that loads it, so a program has one of its own byte order. ``find`` stands for
    ``data.find``.
    """
    find = find or data.find
    # The rare first bytes of the second instruction are looked for, as a search for words with NUL bytes takes three
    # times as long; where they are not rare, both instructions.
    for first, second in _orders(data):
        back = len(first)
        at, hits = find(second, back), -_FEW_HITS
        while at >= 0 and hits < len(data) >> 14:
            if data[at - back : at] == first and _LOADER.match(data, at - back):
                return at - back
            at, hits = find(second, at + 1), hits + 1
        at = data.find(first + second, at - back) if at >= 0 else -1
        while at >= 0:
            if _LOADER.match(data, at):
                return at
            at = data.find(first + second, at + 1)
    return None
