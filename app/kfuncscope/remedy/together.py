# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Snippets of one object that can stand in one file: a name that two of them define gets a number in the second."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace

from kfuncscope.model.verdict import Finding, ObjectVerdict, Remedy

_COMMENT = re.compile(r"(/\*.*?\*/)", re.DOTALL)
_ENUM = re.compile(r"^enum (\w+) \{(.*?)\}", re.MULTILINE | re.DOTALL)
_ENUMERATOR = re.compile(r"^\s*(\w+)\s*(?:=[^,]*)?$")
_DEFINED = tuple(
    re.compile(pattern, re.MULTILINE)
    for pattern in (
        r"^(?:struct|union) (\w+) \{",
        r"^\} (?:__attribute__\(\(\w+\)\) )?(\w+)(?: SEC\(.*\))?;",  # a typedef of a struct, a map
        r"^\w+ BPF_K?(?:RET)?PRO(?:G|BE)\((\w+)",
        r"^[\w *]*?\b(?!BPF_|SEC\b)(\w+)\([^;\n]*\)\n\{",
        r"^extern [^;\n]*?\b(\w+___\w+)\(",
        r"^struct \w+ (\w+) = \{",
        r"^char (\w+)\[\]",
    )
)


def together(verdict: ObjectVerdict) -> ObjectVerdict:
    """The verdict with remedies whose C compiles when all of it is pasted into one file for the object's programs, and
    one for its loader. The same C is the same everywhere: it is to be pasted once."""
    paste = _Paste()
    programs = tuple(
        replace(p, findings=_each(p.findings, paste)) if _has_code(p.findings) else p for p in verdict.programs
    )
    own = _each(verdict.findings, paste) if _has_code(verdict.findings) else verdict.findings
    return replace(verdict, programs=programs, findings=own)


def _has_code(findings: Iterable[Finding]) -> bool:
    return any(f.remedy is not None and f.remedy.snippets for f in findings)


def _each(findings: Iterable[Finding], paste: _Paste) -> tuple[Finding, ...]:
    return tuple(replace(f, remedy=paste(f.remedy)) if f.remedy is not None else f for f in findings)


class _Paste:
    """What the snippets seen so far define."""

    def __init__(self) -> None:
        self._code: dict[str, dict[str, str]] = {}
        self._loader: dict[str, dict[str, str]] = {}
        self._taken: set[str] = set()
        self._taken_loader: set[str] = set()

    def __call__(self, remedy: Remedy) -> Remedy:
        code = _renames(remedy.code, self._code, self._taken)
        named = {f'"{old}"': f'"{new}"' for old, new in code.items()}
        called = remedy.loader
        for old, new in named.items():
            called = called.replace(old, new)
        loader = _renames(called, self._loader, self._taken_loader)
        if not code and not loader:
            return remedy
        return replace(remedy, code=_renamed(remedy.code, code), loader=_renamed(called, loader))


def _renames(text: str, seen: dict[str, dict[str, str]], taken: set[str]) -> dict[str, str]:
    """The new names of what a snippet defines and another one has defined before it."""
    if not text:
        return {}
    if text not in seen:
        mine = defined(text)
        made: dict[str, str] = {}
        for one in mine:
            number, free = 1, one
            while free in taken or (free != one and free in mine):
                number += 1
                free = f"{one}{number}"
            if free != one:
                made[one] = free
            taken.add(free)
        seen[text] = made
    return seen[text]


def defined(text: str) -> list[str]:
    """The names that a snippet defines and that no other may define beside it."""
    plain = _COMMENT.sub("", text)
    found = [name for pattern in _DEFINED for name in pattern.findall(plain)]
    for enum, body in _ENUM.findall(plain):
        found.append(enum)
        found += [m[1] for part in body.split(",") if (m := _ENUMERATOR.match(part.strip()))]
    return list(dict.fromkeys(found))


def _renamed(text: str, names: dict[str, str]) -> str:
    if not names:
        return text
    pattern = re.compile(r"\b(" + "|".join(map(re.escape, names)) + r")\b")
    parts = _COMMENT.split(text)
    return "".join(p if p.startswith("/*") else pattern.sub(lambda found: names[found[1]], p) for p in parts)
