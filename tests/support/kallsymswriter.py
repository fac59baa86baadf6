# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Write the symbol table that a kernel carries for itself, as scripts/kallsyms.c lays it out in its releases."""

from __future__ import annotations

import random
import struct

TOKENS = [bytes([n]) if 33 <= n < 127 else b"" for n in range(256)]
PAIRS = [b"_function_", b"tracepoint", b"T_", b"__x64_sys_", b"read", b"net", b"bpf_"]
for _number, _pair in enumerate(PAIRS):
    TOKENS[_number + 1] = _pair
_PIECES = [(number, token) for number, token in enumerate(TOKENS) if len(token) > 1]


def symbols(count: int) -> list[bytes]:
    """Names with their types, some of them long."""
    chance = random.Random(count)
    names = []
    for number in range(count):
        long = b"_long" * chance.randrange(24, 40) if number % 97 == 5 else b""
        names.append(
            chance.choice(b"TtDdBbWA?".decode()).encode() + b" bpf_%s_%d" % (chance.choice(PAIRS), number) + long
        )
    return names


def packed(name: bytes) -> bytes:
    """A name (its type first) as length and tokens."""
    text, out = name[:1] + name[2:], b""
    while text:
        number = next((n for n, t in _PIECES if text.startswith(t)), text[0])
        out += bytes([number])
        text = text[len(TOKENS[number]) :]
    return (bytes([len(out)]) if len(out) < 128 else bytes([len(out) & 127 | 128, len(out) >> 7])) + out


def tables(
    names: list[bytes], order: str = "<", *, gap: int = 8, width: int = 4, between: bytes = b"", align: int = 8,
    before: bytes = b"", behind: bytes = b"", behind_at: int = 8,
) -> bytes:  # fmt: skip
    """The tables as the kernel's build lays them out: ``before`` everything else and ``behind`` it, aligned to 8 or
    ``behind_at`` bytes; ``between`` stands between the markers and the tokens."""

    def aligned(data: bytes) -> bytes:
        return data + bytes(-len(data) % align)

    body, markers = b"", []
    for number, name in enumerate(names):
        if number % 256 == 0:
            markers.append(len(body))
        body += packed(name)
    starts, tokens = [], b""
    for token in TOKENS:
        starts.append(len(tokens))
        tokens += token + b"\0"
    out = before + bytes(-len(before) % 8) + struct.pack(order + "I", len(names)).ljust(gap, b"\0") + body
    out = aligned(out) + struct.pack(f"{order}{len(markers)}{'I' if width == 4 else 'Q'}", *markers)
    out = aligned(aligned(out) + between) + tokens
    out = aligned(out) + struct.pack(f"{order}256H", *starts)
    return out + bytes(-len(out) % behind_at) + behind if behind else out
