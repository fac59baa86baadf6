# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""C as HTML with its comments, strings, key words, numbers and calls in colours and weights of their own."""

from __future__ import annotations

import html
import re
from dataclasses import dataclass

_KEYWORDS = frozenset((
    "auto", "break", "case", "char", "const", "continue", "default", "do", "double", "else", "enum", "extern",
    "float", "for", "goto", "if", "inline", "int", "long", "register", "return", "short", "signed", "sizeof",
    "static", "struct", "switch", "typedef", "typeof", "union", "unsigned", "void", "volatile", "while", "_Bool",
    "bool", "true", "false", "NULL", "__u8", "__u16", "__u32", "__u64", "__s8", "__s16", "__s32", "__s64", "u8",
    "u16", "u32", "u64", "s8", "s16", "s32", "s64", "__ksym", "__weak", "__kconfig", "__attribute__", "SEC",
))  # fmt: skip
_TOKEN = re.compile(
    r"(?P<comment>/\*.*?(?:\*/|\Z)|//[^\n]*)"
    r"|(?P<text>\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*')"
    r"|(?P<before>^[ \t]*\#[^\n]*)"
    r"|(?P<number>\b(?:0[xX][0-9a-fA-F]+|\d+)[uUlL]*\b)"
    r"|(?P<word>\b[A-Za-z_]\w*\b)(?P<call>(?=\s*\())?",
    re.DOTALL | re.MULTILINE,
)


@dataclass(frozen=True, slots=True)
class Inks:
    """Colours for comments and lines of the preprocessor, for texts and numbers, and for key words."""

    quiet: str
    value: str
    key: str


def highlighted(code: str, inks: Inks) -> str:
    """The same text as HTML; without its tags it is the text that went in."""
    out, last = [], 0
    for found in _TOKEN.finditer(code):
        out.append(html.escape(code[last : found.start()]))
        out.append(_span(found, inks))
        last = found.end()
    return "".join([*out, html.escape(code[last:])])


def _span(found: re.Match[str], inks: Inks) -> str:
    text = html.escape(found[0])
    if found["comment"] is not None:
        return f'<span style="color:{inks.quiet}; font-style:italic">{text}</span>'
    if found["before"] is not None:
        return f'<span style="color:{inks.quiet}">{text}</span>'
    if found["text"] is not None or found["number"] is not None:
        return f'<span style="color:{inks.value}">{text}</span>'
    if found["word"] in _KEYWORDS:
        return f'<span style="color:{inks.key}">{text}</span>'
    return f"<b>{text}</b>" if found["call"] is not None else text
