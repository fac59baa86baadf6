# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Bodies: which new function, or tracepoint, has nearly the body of one that is gone, and is nearest both ways."""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from difflib import SequenceMatcher
from typing import NamedTuple

from kfuncscope.study.renames.chunks import Chunk
from kfuncscope.study.renames.uses import TOKEN

MOST_COMMON = 400  # bodies with a word that tells two of them apart
LOOKED_AT, KEPT = 25, 4
LEAST = 0.2
MOST_TOKENS = 1500
_NAME = re.compile(r"[A-Za-z_]\w+")
_COMMON = frozenset({
    "if", "else", "return", "for", "while", "do", "switch", "case", "break", "continue", "goto", "struct", "int",
    "unsigned", "long", "void", "static", "const", "char", "bool", "inline", "NULL", "true", "false", "u8", "u16",
    "u32", "u64", "size_t", "sizeof", "extern", "default", "enum", "union", "err", "ret", "out",
})  # fmt: skip


class Like(NamedTuple):
    """A new body like an old one: by words that are rare (0 to 1), by the order of tokens (0 to 1), tokens of the
    shorter, whether it is nearest both ways, and how much nearer than the second."""

    name: str
    words: float
    order: float
    tokens: int
    mutual: bool
    ahead: float


class _Body(NamedTuple):
    name: str
    words: Counter[str]
    tokens: list[str]


def alike_bodies(gone: Iterable[Chunk], fresh: Iterable[Chunk], renamed: Mapping[str, str]) -> dict[str, list[Like]]:
    """Name that is gone → new bodies like its own, nearest first. ``renamed`` is what other names are known to be."""
    old, new = [_body(c, renamed) for c in gone], [_body(c, {}) for c in fresh]
    seen = Counter(w for b in (*old, *new) for w in b.words)
    weight = {w: math.log((len(old) + len(new) + 1) / n) for w, n in seen.items()}
    by_word: dict[str, list[int]] = defaultdict(list)
    for at, body in enumerate(new):
        for word in body.words:
            if seen[word] <= MOST_COMMON:
                by_word[word].append(at)
    found: dict[str, dict[str, tuple[float, float, int]]] = defaultdict(dict)
    for body in old:
        for score, other in _nearest(body, new, by_word, weight):
            order = SequenceMatcher(None, body.tokens, other.tokens, autojunk=False).ratio()
            row = (score, order, min(len(body.tokens), len(other.tokens)))
            found[body.name][other.name] = max(row, found[body.name].get(other.name, row))
    back: dict[str, tuple[float, float, str]] = {}
    for name, others in found.items():
        for fresh_name, (score, order, _) in others.items():
            back[fresh_name] = max((score, order, name), back.get(fresh_name, (0.0, 0.0, "")))
    return {name: _ranked(name, others, back) for name, others in found.items()}


def _body(chunk: Chunk, renamed: Mapping[str, str]) -> _Body:
    start = chunk.text.find("\n{") if chunk.kind == "function" else 0
    tokens = [t for t in TOKEN.findall(chunk.text[max(start, 0) :]) if t != chunk.name]
    tokens = [renamed.get(t, t) for t in tokens][:MOST_TOKENS]
    return _Body(chunk.name, Counter(t for t in tokens if _NAME.fullmatch(t) and t not in _COMMON), tokens)


def _nearest(
    body: _Body, new: list[_Body], by_word: Mapping[str, list[int]], weight: Mapping[str, float]
) -> list[tuple[float, _Body]]:
    rough: Counter[int] = Counter()
    for word in body.words:
        for at in by_word.get(word, ()):
            rough[at] += int(1000 * weight[word])
    scored = [(_likeness(body.words, new[at].words, weight), new[at]) for at, _ in rough.most_common(LOOKED_AT)]
    return sorted((s for s in scored if s[0] > LEAST), key=lambda s: (-s[0], s[1].name))[:KEPT]


def _likeness(one: Counter[str], other: Counter[str], weight: Mapping[str, float]) -> float:
    shared = sum(min(n, other[w]) * weight[w] for w, n in one.items() if w in other)
    whole = max(sum(n * weight[w] for w, n in side.items()) for side in (one, other))
    return shared / whole if whole else 0.0


def _ranked(
    name: str, others: dict[str, tuple[float, float, int]], back: Mapping[str, tuple[float, float, str]]
) -> list[Like]:
    rows = sorted(others.items(), key=lambda o: (-o[1][0] - o[1][1], o[0]))
    made = []
    for at, (other, (score, order, tokens)) in enumerate(rows):
        rival = rows[1 if at == 0 else 0][1] if len(rows) > 1 else (0.0, 0.0, 0)
        made.append(Like(other, score, order, tokens, back[other][2] == name, score + order - rival[0] - rival[1]))
    return made
