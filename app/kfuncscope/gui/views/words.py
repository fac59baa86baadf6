# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Two C declarations held against each other word by word, as rich text. No widgets here."""

from __future__ import annotations

import difflib
import html
import re

_TOKEN = re.compile(r"\w+|\s+|[^\w\s]")


def words(text: str) -> list[str]:
    """C text cut into names, blanks and single signs."""
    return _TOKEN.findall(text)


def marked(old: str, new: str, removed: str, added: str) -> tuple[str, str]:
    """Both texts as HTML with the words that differ on the background colours ``removed`` and ``added``."""
    left, right = words(old), words(new)
    out_left, out_right = [], []
    matcher = difflib.SequenceMatcher(None, left, right, autojunk=False)
    for what, i1, i2, j1, j2 in matcher.get_opcodes():
        one, other = "".join(left[i1:i2]), "".join(right[j1:j2])
        if what == "equal":
            out_left.append(html.escape(one))
            out_right.append(html.escape(other))
            continue
        out_left.append(_mark(one, removed))
        out_right.append(_mark(other, added))
    return "".join(out_left), "".join(out_right)


def _mark(text: str, colour: str) -> str:
    return f'<span style="background-color:{colour}">{html.escape(text)}</span>' if text.strip() else html.escape(text)


def wrapped(text: str, width: int = 54) -> str:
    """C with lines that are too long broken after a comma or a blank, so that it fits a panel of ``width`` letters."""
    return "\n".join(
        piece for line in text.replace("\t", "    ").split("\n") for piece in _broken(line, max(width, 16))
    )


def _broken(line: str, width: int) -> list[str]:
    indent = len(line) - len(line.lstrip()) + 4
    if indent > width // 2:
        line, indent = " " * 8 + line.lstrip(), 8
    lines = []
    while len(line) > width:
        cut = max(line.rfind(", ", indent, width) + 1, 0) or max(line.rfind(" ", indent, width + 1), 0)
        if cut <= indent:
            break
        lines.append(line[:cut].rstrip())
        line = " " * indent + line[cut:].lstrip()
    return [*lines, line]


def code_html(text: str) -> str:
    """Marked-up code as HTML that keeps its blanks and line breaks."""
    return f'<div style="white-space:pre-wrap">{text}</div>'
