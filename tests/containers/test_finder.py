# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Rare words in large data are found where ``bytes.find`` finds them."""

from __future__ import annotations

import random

import pytest

from kfuncscope.containers.words import Find, finder

WINDOW = 1 << 18
WORDS = (b"\x7fELF", b"\xbf\xa1", b"\xbf\x1a")


def all_places(find: Find, word: bytes, start: int) -> list[int]:
    """Every place from ``start`` on, each looked for behind the one before."""
    places, at = [], find(word, start)
    while at >= 0:
        places.append(at)
        at = find(word, at + 1)
    return places


def with_words(size: int, places: list[int], word: bytes) -> bytes:
    """Data of random bytes without any word, but at these places."""
    data = bytearray(random.Random(5).randbytes(size).translate(bytes(b & 0x3F for b in range(256))))
    for at in places:
        data[at : at + len(word)] = word
    return bytes(data)


@pytest.mark.parametrize("word", WORDS)
@pytest.mark.parametrize("size", [WINDOW - 1, WINDOW, WINDOW + 1, 2 * WINDOW + 7])
def test_words_at_the_ends_of_windows_and_of_the_data(word: bytes, size: int) -> None:
    edges = {0, 1, WINDOW - 4, WINDOW - 3, WINDOW - 2, WINDOW - 1, WINDOW, 2 * WINDOW - 1, size - len(word)}
    for place in sorted(at for at in edges if at + len(word) <= size):
        data = with_words(size, [place], word)
        assert data.count(word) == 1
        find = finder(data, WORDS)
        assert all_places(find, word, 0) == [place]
        assert find(word, place) == place and find(word, place + 1) == -1
        assert all(find(other, 0) == -1 for other in WORDS if other != word)


@pytest.mark.parametrize("count", [1, 31, 33, 40_000])
def test_few_and_many_words_in_a_window(count: int) -> None:
    """Where they are many, the window is searched as a whole; what begins before it is found once."""
    chosen = random.Random(count)
    for word in WORDS:
        places = sorted(chosen.sample(range(0, 2 * WINDOW, 5), count)) if count < 99 else [*range(9, 2 * WINDOW, 13)]
        data = with_words(3 * WINDOW, [*places, 3 * WINDOW - 5], word)
        find = finder(data, WORDS)
        for start in (0, 1, WINDOW - 1, WINDOW, places[-1], places[-1] + 1, 3 * WINDOW - 5, 3 * WINDOW):
            assert all_places(find, word, start)[:500] == all_places(data.find, word, start)[:500]


def test_random_data_and_words_that_were_not_named() -> None:
    data = random.Random(1).randbytes(5 * WINDOW + 3)
    find = finder(data, WORDS)
    for word in (*WORDS, b"\xbf", b"\x7fE", b"\xbf\xa1\0", b"\0\0\0"):
        assert all_places(find, word, 0) == all_places(data.find, word, 0)


def test_small_data_is_searched_as_it_is() -> None:
    data = b"." * 9 + WORDS[0]
    assert finder(data, WORDS)(WORDS[0], 0) == 9
