# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Sentences that a user meets are plain technical English: turns of phrase that say it sideways do not come back."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SIDEWAYS = re.compile(
    r"""\b(?:(?:is|are|was)\ no\ (?:kernel|ELF|BTF|Debian|number|kind|part|form)\b  # is not a ...
    | anew | h[eo]ld\ against | held\ against | no\ more\b(?!\ than) | what\ went
    | refuses?\ the\ whole\ object | reach(?:es)?\ out\ of | names\ no | takes?\ no\ part | kept\ away
    | cannot\ be\ told | told\ by\ \w | do(?:es)?\ not\ tell | nobody\ knows
    | another\ kind\ of\ thing | let\ go\ of)""",
    re.VERBOSE,
)
PAGES = sorted([ROOT / "README.md", ROOT / ".github/CONTRIBUTING.md", *(ROOT / "resources/docs").glob("*.md")])


def sentences(source: str) -> Iterator[tuple[int, str]]:
    """The string literals of a module that have a blank in them, without its docstrings."""
    tree, docstrings = ast.parse(source), set()
    for node in ast.walk(tree):
        for statement in getattr(node, "body", []) if not isinstance(node, ast.Lambda | ast.IfExp) else []:
            if isinstance(statement, ast.Expr):
                docstrings.add(id(statement.value))
    for node in ast.walk(tree):
        text = node.value if isinstance(node, ast.Constant) and id(node) not in docstrings else None
        if isinstance(text, str) and " " in text:
            yield node.lineno, text


def test_sentences_of_the_program() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{line}: {text}"
        for path in sorted((ROOT / "app/kfuncscope").rglob("*.py"))
        for line, text in sentences(path.read_text())
        if SIDEWAYS.search(text)
    ]
    assert not found, "\n".join(found)


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_pages(page: Path) -> None:
    assert [line for line in page.read_text().splitlines() if SIDEWAYS.search(line)] == []


def test_the_patterns_find_what_they_are_for() -> None:
    code = '"""This is no kernel."""\nX = "x is no kernel"\nY = f"{X} breaks no more"\nZ = "no more than 2, no end"\n'
    assert [text for _, text in sentences(code) if SIDEWAYS.search(text)] == ["x is no kernel", " breaks no more"]
