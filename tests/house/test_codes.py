# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Nothing is decided by the words of a sentence: they are made once, for people, and read by no code."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

APP = Path(__file__).parents[2] / "app" / "kfuncscope"
ROOMS = ("rules", "remedy", "study", "decision", "model", "commits", "census", "prove", "promise", "upgrade")
SENTENCES = frozenset({"message", "reason"})
READERS = frozenset({"split", "partition", "rpartition", "startswith", "endswith", "find", "index", "removeprefix",
                     "removesuffix"})  # fmt: skip
PATTERNS = frozenset({"match", "search", "fullmatch", "findall", "finditer"})


def _sentence(node: ast.AST) -> bool:
    return isinstance(node, ast.Attribute) and node.attr in SENTENCES


def decides(node: ast.AST) -> bool:
    """Whether an expression looks into a sentence, as ``x in f.message`` and ``f.reason.split()`` do."""
    if isinstance(node, ast.Compare):
        pairs = zip(node.ops, node.comparators, strict=True)
        return any(isinstance(op, ast.In | ast.NotIn) and _sentence(other) for op, other in pairs)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        if node.func.attr in READERS:
            return _sentence(node.func.value)
        return node.func.attr in PATTERNS and any(map(_sentence, node.args))
    return False


@pytest.mark.parametrize("room", ROOMS)
def test_no_code_reads_a_sentence(room: str) -> None:
    found = [
        f"{path.relative_to(APP)}:{node.lineno}"
        for path in sorted((APP / room).rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.expr) and decides(node)
    ]
    assert found == []


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("name in finding.message", True), ("a not in b.reason", True), ("f.reason.endswith('1')", True),
        ("re.search('x', f.message)", True), ("f.message == other.message", False), ("name in finding.name", False),
        ("f.message.strip()", False),
    ],
)  # fmt: skip
def test_what_reads_a_sentence(text: str, told: bool) -> None:
    assert decides(ast.parse(text, mode="eval").body) is told
