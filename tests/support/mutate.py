# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Mutate sound inputs, and drive a reader with what comes out: reproducible from a number, bounded by count or time."""

from __future__ import annotations

import random
import resource
import time
from collections.abc import Callable, Sequence

from kfuncscope.errors import InputError

_WORDS = [b"\0", b"\xff", b"\x80", b"\0\0\0\0", b"\xff\xff\xff\xff", b"\xff\xff\xff\x7f", b"\0\0\0\x80", b"\x01\0\0\0"]
_WORDS += [b"\xff" * 8, b"\0" * 8, b"7" * 11, b"\0\0\0\0\0\0\x01\0", b"\x7fELF", b"../", b"/"]
_SLOWEST = 20.0
_MOST_MEMORY = 1 << 20  # kilobytes


def mutated(chance: random.Random, seeds: Sequence[bytes]) -> bytes:
    """One of ``seeds`` with a few changes: flips, telling words, cuts, doubled and swapped pieces."""
    data = bytearray(chance.choice(seeds))
    for _ in range(chance.choice((1, 1, 1, 2, 3, 8))):
        if not data:
            return b""
        at = chance.randrange(len(data))
        # Headers tell most, so half of the changes fall into the first bytes.
        if chance.random() < 0.5:
            at = chance.randrange(min(len(data), 200))
        way = chance.randrange(7)
        if way == 0:
            data[at] ^= 1 << chance.randrange(8)
        elif way == 1:
            data[at] = chance.randrange(256)
        elif way == 2:
            word = chance.choice(_WORDS)
            data[at : at + len(word)] = word
        elif way == 3:
            del data[at : at + chance.choice((1, 4, 64, len(data)))]
        elif way == 4:
            data[at:at] = data[at : at + chance.choice((1, 8, 512))]
        elif way == 5:
            other = chance.choice(seeds)
            start = chance.randrange(len(other)) if other else 0
            data[at : at + 64] = other[start : start + 64]
        else:
            data[at:at] = chance.choice(_WORDS)
    return bytes(data)


def drive(
    reader: Callable[[bytes], object], seeds: Sequence[bytes], *, count: int = 0, seconds: float = 0.0, seed: int = 0
) -> tuple[int, int]:
    """Feed mutated ``seeds`` to ``reader`` for a number of inputs or of processor seconds.

    Only InputError may come out, each input in bounded time and all in bounded memory. Returns how many inputs were
    tried and how many of them were refused.
    """
    tried = refused = 0
    begin = time.process_time()
    while tried < count or time.process_time() - begin < seconds:
        data = mutated(random.Random(f"{seed}:{tried}"), seeds)
        start = time.process_time()
        try:
            reader(data)
        except InputError:
            refused += 1
        except Exception as error:
            raise AssertionError(f"input {seed}:{tried} raised {error!r}") from error
        assert time.process_time() - start < _SLOWEST, f"input {seed}:{tried} takes too long"
        tried += 1
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss < _MOST_MEMORY + _base, "over 1 GB of memory"
    return tried, refused


_base = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
