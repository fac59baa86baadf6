# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Mutants: every place that an operator of cosmic-ray can change, and a seeded sample of them."""

from __future__ import annotations

import ast
import difflib
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.mutating import mutate_code
from cosmic_ray.plugins import get_operator, operator_names

NEEDS_ARGUMENTS = ("VariableReplacer", "VariableInserter")
Spot = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Mutant:
    """One change: the ``occurrence``-th place of ``operator`` in ``path`` (relative to the root), from ``start`` to
    ``end`` as (line, column)."""

    path: str
    operator: str
    occurrence: int
    start: Spot
    end: Spot

    @property
    def place(self) -> str:
        return f"{self.path}:{self.start[0]}:{self.start[1]}"

    @property
    def key(self) -> str:
        """Names the mutant in the session file."""
        return f"{self.place} {self.operator.rpartition('/')[2]} {self.occurrence}"


def operators() -> dict[str, Any]:
    """The operators that need no arguments, by name, in a fixed order."""
    return {n: get_operator(n)() for n in sorted(operator_names()) if not n.endswith(NEEDS_ARGUMENTS)}


def _unfelt(source: str) -> list[tuple[Spot, Spot]]:
    """Ranges whose change no run can feel: annotations, which are never evaluated; decorators, which make records
    immutable and answers remembered; code for type checkers."""
    found: list[ast.AST] = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.AnnAssign) or (isinstance(node, ast.arg) and node.annotation):
            found.append(node.annotation)
        elif isinstance(node, ast.FunctionDef | ast.ClassDef):
            found += node.decorator_list
            found += [node.returns] if isinstance(node, ast.FunctionDef) and node.returns else []
        elif isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            found.append(node)
    return [((n.lineno, n.col_offset - 1), (n.end_lineno, n.end_col_offset)) for n in found]  # type: ignore[attr-defined]


def places(root: Path, path: str, every: dict[str, Any]) -> Iterator[Mutant]:
    """All mutants of one file."""
    source = (root / path).read_text()
    unfelt, counts = _unfelt(source), dict.fromkeys(every, 0)
    for node in ast_nodes(get_ast(source)):
        for name, operator in every.items():
            for start, end in operator.mutation_positions(node):
                number, counts[name] = counts[name], counts[name] + 1
                if not any(first <= start and end <= last for first, last in unfelt):
                    yield Mutant(path, name, number, start, end)


def sample(root: Path, files: list[str], count: int, seed: int) -> list[Mutant]:
    """``count`` mutants at as many different places; of all that can happen at a place, one.

    A place counts once, however many operators apply there: else arithmetic, with eleven replacements for each sign,
    would crowd out the comparisons.
    """
    every, at = operators(), dict[tuple[str, Spot, Spot], list[Mutant]]()
    for path in sorted(files):
        for one in places(root, path, every):
            at.setdefault((one.path, one.start, one.end), []).append(one)
    chance = random.Random(seed)
    chosen = chance.sample(sorted(at), min(count, len(at)))
    return [chance.choice(at[place]) for place in chosen]


def mutated(root: Path, mutant: Mutant) -> str | None:
    """The file with the change; None where the result is not Python or is the same."""
    source = (root / mutant.path).read_text()
    text: str | None = mutate_code(source, get_operator(mutant.operator)(), mutant.occurrence)
    if text is None:
        return None
    try:
        same = ast.dump(ast.parse(text)) == ast.dump(ast.parse(source))
    except SyntaxError:
        return None
    return None if same else text


def difference(root: Path, mutant: Mutant, text: str) -> list[str]:
    """The changed lines, with ``-`` and ``+``."""
    lines = difflib.unified_diff((root / mutant.path).read_text().splitlines(), text.splitlines(), lineterm="", n=0)
    return [line for line in lines if line[:1] in "-+" and line[:3] not in ("---", "+++")]
