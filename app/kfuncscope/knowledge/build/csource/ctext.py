# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""C source as text: comments away, brackets matched, #if conditions per line, definitions found by name.

No preprocessing and no compiler: the kernel's own style (definitions at the left margin) is relied on.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

_COMMENT = re.compile(r"""/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'""", re.S)
_CLOSE = {"(": ")", "{": "}", "[": "]"}
_BRACKET = re.compile(r"""[(){}\[\]]|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'""")
_IF = re.compile(r"^[ \t]*#[ \t]*(ifdef|ifndef|if|elif|else|endif)\b[ \t]*((?:[^\n\\]|\\.|\\\n)*)", re.M)
_DEFINED = re.compile(r"(!?)\s*(?:defined\s*\(\s*(\w+)\s*\)|defined\s+(\w+)|IS_ENABLED\s*\(\s*(\w+)\s*\)"
                      r"|IS_BUILTIN\s*\(\s*(\w+)\s*\)|IS_REACHABLE\s*\(\s*(\w+)\s*\))")  # fmt: skip

_MAX_UNCLOSED = 20

# (option, negated); an #if that was not understood has the option "".
Gate = tuple[str, bool]


def strip_comments(text: str) -> str:
    """Blank comments out, keep offsets, line breaks and string literals."""

    def blank(match: re.Match[str]) -> str:
        found = match[0]
        return "\n".join([" " * len(line) for line in found.split("\n")]) if found[0] == "/" else found

    return _COMMENT.sub(blank, text)


def match_bracket(text: str, start: int) -> int:
    """Offset of the bracket that closes the one at ``start``, or -1."""
    stack = []
    for found in _BRACKET.finditer(text, start):
        char = found[0]
        if char in _CLOSE:
            stack.append(_CLOSE[char])
        elif len(char) == 1 and char in ")}]":
            if not stack or stack.pop() != char:
                return -1
            if not stack:
                return found.start()
    return -1


def split_args(text: str, separator: str = ",") -> list[str]:
    """Split at separators outside brackets and literals; parts are stripped, an empty text gives no part."""
    parts, depth, last = [], 0, 0
    for found in re.finditer(r"""[(){}\[\]]|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|""" + re.escape(separator), text):
        char = found[0]
        if char in "({[":
            depth += 1
        elif char in ")}]":
            depth -= 1
        elif char == separator and depth == 0:
            parts.append(text[last : found.start()].strip())
            last = found.end()
    tail = text[last:].strip()
    return [*parts, tail] if parts or tail else []


def squeeze(text: str) -> str:
    """One space for any run of white space and line continuations."""
    return " ".join(text.replace("\\\n", " ").split())


@dataclass(frozen=True, slots=True)
class Call:
    """A macro or function use: offset, name, text of the arguments, end offset."""

    start: int
    name: str
    args: str
    end: int


def calls(text: str, names: str) -> Iterator[Call]:
    """Uses of the names (a regex alternation) with their arguments, in order; stops where brackets never match."""
    unclosed = 0
    for found in re.finditer(rf"\b({names})\s*\(", text):
        end = match_bracket(text, found.end() - 1)
        if end >= 0:
            yield Call(found.start(), found[1], text[found.end() : end], end + 1)
            continue
        unclosed += 1
        if unclosed > _MAX_UNCLOSED:
            return


def _gates_of(kind: str, condition: str) -> tuple[Gate, ...]:
    if kind in ("ifdef", "ifndef"):
        word = condition.split()
        return ((word[0] if word else "", kind == "ifndef"),)
    text = squeeze(condition)
    found = [(next(filter(None, m.groups()[1:])), m[1] == "!") for m in _DEFINED.finditer(text)]
    if not found or "||" in text or re.search(r"!\s*\(", text):
        return (("", False),)
    return tuple(found)


def _negate(gates: tuple[Gate, ...]) -> tuple[Gate, ...]:
    if len(gates) == 1 and gates[0][0]:
        return ((gates[0][0], not gates[0][1]),)
    return (("", False),)


def gate_regions(text: str) -> list[tuple[int, tuple[Gate, ...]]]:
    """(offset, conditions in force from there on), for each preprocessor conditional; starts with (0, ())."""
    stack: list[tuple[Gate, ...]] = []
    regions: list[tuple[int, tuple[Gate, ...]]] = [(0, ())]
    for found in _IF.finditer(text):
        kind, condition = found[1], found[2]
        if kind in ("if", "ifdef", "ifndef"):
            stack.append(_gates_of(kind, condition))
        elif not stack:
            continue
        elif kind == "endif":
            stack.pop()
        elif kind == "else":
            stack[-1] = _negate(stack[-1])
        else:
            stack[-1] = _gates_of("if", condition)
        regions.append((found.end(), tuple(gate for level in stack for gate in level)))
    return regions


def gates_at(regions: list[tuple[int, tuple[Gate, ...]]], offset: int) -> tuple[Gate, ...]:
    """Conditions in force at an offset."""
    low, high = 0, len(regions)
    while high - low > 1:
        middle = (low + high) // 2
        if regions[middle][0] <= offset:
            low = middle
        else:
            high = middle
    return regions[low][1]


def options(gates: tuple[Gate, ...]) -> list[str]:
    """The CONFIG_ options that must be set, without repetition."""
    return list(dict.fromkeys(name for name, negated in gates if name.startswith("CONFIG_") and not negated))


@dataclass(frozen=True, slots=True)
class Function:
    """A function definition: return type and name, text of parameters, offset and text of the body within braces."""

    head: str
    name: str
    params: str
    body_start: int
    body: str


def _uses(text: str, name: str) -> Iterator[re.Match[str]]:
    """Where a name stands before a bracket. By ``find``, as a pattern that begins with a boundary tries each letter."""
    use = re.compile(rf"\b{re.escape(name)}\s*\(")
    at = text.find(name)
    while at >= 0:
        if found := use.match(text, at):
            yield found
        at = text.find(name, at + 1)


def find_function(text: str, name: str) -> Function | None:
    """The definition of a function in comment-free text; prototypes and calls are passed over."""
    unclosed = 0
    for found in _uses(text, name):
        close = match_bracket(text, found.end() - 1)
        if close < 0:
            unclosed += 1
            if unclosed > _MAX_UNCLOSED:
                return None
            continue
        brace = re.compile(r"[\s\w]*\{").match(text, close + 1)
        if brace is None:
            continue
        start = max(text.rfind(c, 0, found.start()) for c in ";}")
        head = text[start + 1 : found.start()]
        head = re.sub(r"^[ \t]*#(?:[^\n\\]|\\\n|\\.)*", "", head, flags=re.M)
        if re.search(r"[=({,]\s*$|\breturn\s*$", head):
            continue
        end = match_bracket(text, brace.end() - 1)
        if end < 0:
            continue
        return Function(
            squeeze(head).rsplit(") ", 1)[-1] if "(" in head else squeeze(head),
            name, squeeze(text[found.end() : close]), brace.end(), text[brace.end() : end],
        )  # fmt: skip
    return None


def initializer(text: str, declaration: str) -> str | None:
    """What stands in the braces of ``declaration = { ... }`` (a regex for the left-hand side), or None."""
    found = re.search(rf"{declaration}\s*=\s*\{{", text)
    if found is None:
        return None
    end = match_bracket(text, found.end() - 1)
    return text[found.end() : end] if end >= 0 else None


def fields(braced: str) -> dict[str, str]:
    """``.name = value`` pairs of an initializer, in order; preprocessor lines are passed over."""
    plain = re.sub(r"^[ \t]*#[^\n]*$", "", braced, flags=re.M)
    found = {}
    for part in split_args(plain):
        match = re.match(r"\.(\w+)\s*=\s*(.*)", part, re.S)
        if match:
            found[match[1]] = squeeze(match[2])
    return found
