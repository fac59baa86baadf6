# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""TOML and JSON that people give: bounded before a parser sees them, so that no 100 KB take more than a second.

The TOML parser walks a dotted key from its beginning at each part, so a key of 50,000 parts takes minutes; JSON of a
few bytes for each value becomes a hundred times as large in memory. Whatever is wrong is one SessionError.
"""

from __future__ import annotations

import json
import re
import tomllib
from itertools import accumulate
from typing import Any

from kfuncscope.errors import SessionError

MOST_PARTS = 32
"""Parts of one dotted key."""

MOST_DEPTH = 64
"""Lists and tables within each other."""

MOST_VALUES = 20_000_000
"""Values in one JSON text; each takes some fifty bytes of memory."""

_QUOTE = re.compile(r"\"\"\"|'''|[\"'#]")
# Possessive, so that nothing is kept for a way back. Not around a choice or a lookahead, which Python before 3.11.5
# (Debian 12 has 3.11.2) matches wrongly there: the end of a string of several lines is searched for instead.
_STRINGS = {
    '"': re.compile(r'"[^"\\\n]*+(?:\\.[^"\\\n]*+)*+"'),
    "'": re.compile(r"'[^'\n]*+'"),
    "#": re.compile(r"#[^\n]*+"),
}
_ENDS = {'"""': re.compile(r'\\.|"{3,5}', re.DOTALL), "'''": re.compile(r"'{3,5}")}
_DOTTED = re.compile(rf"(?:\.[ \t]*+[\w-]++[ \t]*+){{{MOST_PARTS}}}")
_JSON_STRING = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z)', re.DOTALL)  # without an end: all the rest
_OPEN = b"[{"
_NO_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))


def read_toml(data: bytes, source: str) -> dict[str, Any]:
    """The table that a TOML text makes. Raises SessionError."""
    try:
        text = data.decode()
        bare = _bare(text)
        if _DOTTED.search(bare):
            raise SessionError(source, f"not a TOML file that can be read: a key of more than {MOST_PARTS} parts")
        _check_depth(bare.encode(), source, "TOML")
        return tomllib.loads(text)
    except (ValueError, RecursionError) as bad:  # a number of 5,000 digits is a ValueError of its own
        raise SessionError(source, f"not a TOML file: {bad}") from bad


def read_json(data: bytes, source: str, what: str = "not JSON") -> Any:
    """What a JSON text holds. Raises SessionError, whose reason begins with ``what``."""
    values = data.count(b",") + data.count(b"[") + data.count(b"{")
    if values > MOST_VALUES:
        raise SessionError(source, f"{what}: more than {MOST_VALUES} values")
    try:
        _check_depth(_JSON_STRING.sub(b"", data), source, "JSON")
        return json.loads(data)
    except (ValueError, RecursionError) as bad:
        raise SessionError(source, f"{what}: {bad}") from bad


def _bare(text: str) -> str:
    """The text with an ``s`` for each string, and without comments. Raises ValueError for a string without end."""
    pieces, at = [], 0
    while (found := _QUOTE.search(text, at)) is not None:
        pieces.append(text[at : found.start()])
        whole = _string(text, found)
        if whole is None:
            raise ValueError(f"the string at character {found.start()} has no end")
        if found[0] != "#":
            pieces.append("s")
        at = whole.end()
    pieces.append(text[at:])
    return "".join(pieces)


def _string(text: str, opened: re.Match[str]) -> re.Match[str] | None:
    """What ends the string or comment that begins at ``opened``; None where nothing does."""
    if opened[0] not in _ENDS:
        return _STRINGS[opened[0]].match(text, opened.start())
    found = _ENDS[opened[0]].finditer(text, opened.end())
    return next((one for one in found if not one[0].startswith("\\")), None)


def _check_depth(bare: bytes, source: str, form: str) -> None:
    """Refuse brackets that are nested too deeply in a text without strings."""
    steps = (1 if mark in _OPEN else -1 for mark in bare.translate(None, _NO_BRACKETS))
    if max(accumulate(steps), default=0) > MOST_DEPTH:
        raise SessionError(source, f"not {form} that can be read: nested more than {MOST_DEPTH} deep")
