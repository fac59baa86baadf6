# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Two C declarations compared word by word, as rich text. No widgets here."""

from __future__ import annotations

import difflib
import html
import re
from collections.abc import Callable

_CALL = re.compile(r"\w\((?!\))")
_TOKEN = re.compile(r"\w+|\s+|[^\w\s]")
_COMMON = re.compile(r"^(?:struct|union|enum) |(?:\.bpf)?\.o(?=  |$)")


def words(text: str) -> list[str]:
    """C text cut into names, blanks and single signs."""
    return _TOKEN.findall(text)


def marked(old: str, new: str, removed: str, added: str, width: int = 0) -> tuple[str, str]:
    """Both texts as HTML with the words that differ on the background colours ``removed`` and ``added``.

    ``width`` breaks long lines first (0: not at all). Only words count: a line broken elsewhere is not a difference.
    """
    left, right = ([w for w in words(text) if not w.isspace()] for text in (old, new))
    flags: tuple[list[bool], list[bool]] = ([], [])
    matcher = difflib.SequenceMatcher(None, left, right, autojunk=False)
    for what, i1, i2, j1, j2 in matcher.get_opcodes():
        for side, part in zip(flags, (left[i1:i2], right[j1:j2]), strict=True):
            side += [what != "equal"] * sum(len(w) for w in part)
    texts = (wrapped(old, width), wrapped(new, width)) if width else (old, new)
    return _spans(texts[0], flags[0], removed), _spans(texts[1], flags[1], added)


def _spans(text: str, flags: list[bool], colour: str) -> str:
    """Text as HTML; ``flags`` says of every letter that is not blank whether it is marked."""
    out: list[str] = []
    letters = iter(flags)
    on = False
    for place, letter in enumerate(text):
        if letter.isspace():
            # a blank between two marked words is marked, the start of a line is not
            keep = on and letter == " " and place + 1 < len(text) and not text[place + 1].isspace()
        else:
            keep = next(letters, False)
        if keep != on:
            out.append(f'<span style="background-color:{colour}">' if keep else "</span>")
            on = keep
        out.append(html.escape(letter))
    return "".join(out) + ("</span>" if on else "")


def wrapped(text: str, width: int = 54) -> str:
    """C with lines that are too long broken between parameters, so that it fits a panel of ``width`` letters."""
    return "\n".join(
        piece for line in text.replace("\t", "    ").split("\n") for piece in _broken(line, max(width, 16))
    )


def _broken(line: str, width: int) -> list[str]:
    indent = len(line) - len(line.lstrip()) + 4
    if indent > width // 2:
        line, indent = " " * 8 + line.lstrip(), 8
    lines = []
    while len(line) > width:
        cut = _cut(line, indent, width)
        if cut <= indent:
            cut = _later(line, max(indent, width))
        if not cut:
            break
        lines.append(line[:cut].rstrip())
        line = " " * indent + line[cut:].lstrip()
    return [_pulled(piece, width) for piece in (*lines, line)]


def _pulled(line: str, width: int) -> str:
    """A line that is too long with less of its indentation."""
    text = line.lstrip()
    return line if len(line) <= width else " " * min(len(line) - len(text), max(width - len(text), 0)) + text


def _cut(line: str, indent: int, width: int) -> int:
    """Where to break: after a comma, before a comment, after the bracket of a call, and at a blank if there is none.

    A type is never parted from its name where another place will do. 0 for nowhere.
    """
    comma, comment = line.rfind(", ", indent, width) + 1, line.rfind(" /*", indent, width)
    if comma > 0 or comment > indent:
        return max(comma, comment)
    call = None if line.lstrip().startswith(("/*", "*")) else _CALL.search(line, 0, width)
    if call is not None and call.end() > indent:
        return call.end()
    return max(line.rfind(" ", indent, width + 1), 0)


def _later(line: str, width: int) -> int:
    """Where to break a line whose first name alone is too long: as soon after it as may be, 0 for nowhere."""
    bracket, blank = _CALL.search(line, max(width - 1, 0)), line.find(" ", width)
    places = [bracket.end() if bracket is not None else 0, blank]
    return min((place for place in places if 0 < place < len(line)), default=0)


def prose_html(text: str, family: str = "") -> str:
    """Text in which words between backticks are code, in letters of ``family`` where that is given; others are kept."""
    parts = html.escape(text, quote=False).split("`")
    if not len(parts) % 2:
        return html.escape(text, quote=False)
    head, foot = (
        (f"<span style=\"font-family:'{html.escape(family)}'\">", "</span>") if family else ("<code>", "</code>")
    )
    return "".join(f"{head}{part}{foot}" if i % 2 else part for i, part in enumerate(parts))


def code_html(text: str) -> str:
    """Marked-up code as HTML that keeps its blanks and line breaks."""
    return f'<div style="white-space:pre-wrap">{text}</div>'


def without_common(name: str) -> str:
    """A name without what most of its kind have: the word of a type, the ending of a file; a number may follow it."""
    return _COMMON.sub("", name) or name


def filled(text: str, room: int, wide: Callable[[str], int]) -> list[str]:
    """Words in lines that are no wider than ``room``, as ``wide`` measures them."""
    lines: list[str] = []
    for word in text.split():
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and wide(longer) <= room:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines


def counted(number: int, one: str, many: str) -> str:
    """A number with its noun."""
    return f"{number:,} {one if number == 1 else many}"
