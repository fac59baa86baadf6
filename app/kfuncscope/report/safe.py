# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Names from inputs made harmless: what could reorder, hide or end a line of text becomes visible.

Escaping for a format (HTML, XML, CSV …) is that format's own business and comes on top.
"""

from __future__ import annotations

import re

LIMIT = 300
CODE_LIMIT = 6000

# Controls, soft hyphen, Arabic letter mark, zero-width and bidirectional marks, separators, surrogates, variation
# selectors' neighbours, byte order mark, interlinear marks, non-characters and tags.
_UNSEEN = (
    "\x00-\x1f\x7f-\x9f\xad\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164"
    "\ud800-\udfff\ufdd0-\ufdef\ufeff\uffa0\ufff0-\uffff\U000e0000-\U000e0fff"
)
_IN_NAMES = re.compile(f"[{_UNSEEN}]")
_IN_CODE = re.compile(f"(?![\n\t])[{_UNSEEN}]")
_SHORT = {"\n": "\\n", "\r": "\\r", "\t": "\\t", "\x00": "\\0"}


def _escape(found: re.Match[str]) -> str:
    char = found[0]
    if char in _SHORT:
        return _SHORT[char]
    number = ord(char)
    if number < 0x100:
        return f"\\x{number:02x}"
    return f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"


def shorten(text: str, limit: int) -> str:
    """The text, cut in the middle where it is longer than ``limit``, with how much is left out."""
    if len(text) <= limit:
        return text
    tail = limit // 4
    return f"{text[: limit - tail]}…[{len(text) - limit} more]…{text[len(text) - tail :]}"


def visible(text: str, limit: int = LIMIT) -> str:
    """A name or sentence on one line, without characters that cannot be seen, no longer than about ``limit``."""
    return _IN_NAMES.sub(_escape, shorten(text, limit))


def code(text: str, limit: int = CODE_LIMIT) -> str:
    """C text with its line breaks kept, everything else that cannot be seen made visible."""
    return _IN_CODE.sub(_escape, shorten(text.replace("\r\n", "\n"), limit))
