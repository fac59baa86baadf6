# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Levels: the x.y.z of the sources that tables were made from, their order, and spans of them (R-12.22).

A *span* says at which levels a row is true: ``""`` at every one, ``6.12.8-`` from that level on, ``-6.1.192`` up to it,
``6.12.107-6.12.113`` between two, several joined by commas. Spans are of levels that have tables; what a release
between two of them does is told only where both agree.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import cache
from typing import NamedTuple

Key = tuple[int, ...]

_LAST_MINOR = 19  # 5.19 and 6.19 were the last of their major release
_NUMBERS = re.compile(r"^(\d+)\.(\d+)(?:\.(\d+))?")
_ABI_NAME = re.compile(r"^\d+\.\d+\.0-(?:\d|0\.deb)[\w.]*(?:-|$)")


def level_key(name: str) -> Key | None:
    """``(6, 12, 107)`` of ``6.12.107+deb13-amd64``, ``(6, 12)`` of ``6.12-rc1``; None for what is not a release."""
    found = _NUMBERS.match(name)
    return tuple(int(part) for part in found.groups() if part is not None) if found else None


def next_series(key: Key) -> Key:
    """The mainline series that follows another: ``(7, 0)`` after ``(6, 19)``, the last of its major release."""
    major, minor = (*key, 0)[:2]
    return (major + 1, 0) if minor == _LAST_MINOR else (major, minor + 1)


def linux_version(release: str) -> str | None:
    """The x.y.z that a release tells; None for one that names an ABI, as Debian's ``5.10.0-32-amd64`` (R-12.21)."""
    found = None if _ABI_NAME.match(release) else _NUMBERS.match(release)
    return found[0] if found and found[3] else None


def in_order(names: Iterable[str]) -> list[str]:
    """Names of levels, oldest release first."""
    return sorted(names, key=lambda name: (level_key(name) or (), name))


class Neighbours(NamedTuple):
    """The level whose facts a kernel is judged by, and those whose word is needed too; none where it is the very one.

    ``beyond`` tells that the kernel is newer than every level that has tables.
    """

    level: str
    others: tuple[str, ...] = ()
    exact: bool = True
    beyond: bool = False


def neighbours(release: str, names: Sequence[str]) -> Neighbours:
    """Where a release stands among the levels ``names``, which are in order and at least one.

    A level of the release's own name comes first, then one of its x.y.z. Within a series the level below counts, as
    stable releases only add to it; between series the level above. A release that names no point (``6.12``) may be any
    of its series.
    """
    own = [name for name in names if release == name or release.startswith((f"{name}+", f"{name}-"))]
    if own:
        return Neighbours(max(own, key=len))
    wanted = level_key(release)
    if wanted is not None and linux_version(release) is None:
        wanted = wanted[:2]
    keys = [level_key(name) or () for name in names]
    if wanted is None:
        return Neighbours(names[-1], exact=False)
    if wanted in keys:
        return Neighbours(names[keys.index(wanted)])
    series = [name for name, key in zip(names, keys, strict=True) if key[:2] == wanted[:2]]
    if series and len(wanted) == 2:
        return Neighbours(series[-1], () if len(series) == 1 else (series[0],), exact=len(series) == 1)
    below = [name for name, key in zip(names, keys, strict=True) if key < wanted]
    above = [name for name, key in zip(names, keys, strict=True) if key > wanted]
    if not below or not above:
        return Neighbours((below[-1:] or above)[0], exact=False, beyond=not above)
    if below[-1] in series:
        return Neighbours(below[-1], (above[0],), exact=False)
    return Neighbours(above[0], (below[-1],), exact=False)


@cache
def _bounds(span: str) -> tuple[tuple[Key, Key], ...]:
    made = []
    for part in span.split(","):
        first, dash, last = part.partition("-")
        made.append((level_key(first) or (), (level_key(last if dash else first) or (1 << 30,))))
    return tuple(made)


def holds(span: str, level: Key) -> bool:
    """Whether a level lies in a span."""
    return not span or any(first <= level <= last for first, last in _bounds(span))


def span_of(true_at: Iterable[str], names: Sequence[str]) -> str:
    """The span of the levels ``true_at`` among all ``names``, which are in order."""
    wanted = set(true_at)
    parts, first = [], -1
    for at, name in enumerate([*names, ""]):
        if name in wanted and first < 0:
            first = at
        elif name not in wanted and first >= 0:
            last = at - 1
            low, high = names[first] if first else "", names[last] if last < len(names) - 1 else ""
            parts.append(low if low == high else f"{low}-{high}")
            first = -1
    return "" if parts == ["-"] or (parts == [""] and len(names) == 1) else ",".join(parts)
