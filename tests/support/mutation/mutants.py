# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Mutants: every place that an operator of cosmic-ray can change, and a seeded sample of them."""

from __future__ import annotations

import ast
import difflib
import hashlib
import tomllib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.mutating import mutate_code
from cosmic_ray.plugins import get_operator, operator_names

LEFT_OUT = ("VariableReplacer", "VariableInserter", "RemoveDecorator")  # two need arguments; decorators see _unfelt
SAME_FOR_NONE = ("Operator_Is_Eq", "Operator_IsNot_NotEq")  # nothing in the engine is equal to None but None
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
    """The operators in use, by name, in a fixed order."""
    return {n: get_operator(n)() for n in sorted(operator_names()) if not n.endswith(LEFT_OUT)}


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
    unfelt, counts, lines = _unfelt(source), dict.fromkeys(every, 0), [f"{line} " for line in source.splitlines()]
    for node in ast_nodes(get_ast(source)):
        for name, operator in every.items():
            for start, end in operator.mutation_positions(node):
                number, counts[name] = counts[name], counts[name] + 1
                same = name.endswith(SAME_FOR_NONE) and lines[end[0] - 1][end[1] :].split()[:1] == ["None"]
                if not same and not any(first <= start and end <= last for first, last in unfelt):
                    yield Mutant(path, name, number, start, end)


def sample(root: Path, files: list[str], count: int, seed: int) -> list[Mutant]:
    """``count`` mutants at as many different places; of all that can happen at a place, one.

    A place counts once, however many operators apply there: else arithmetic, with eleven replacements for each sign,
    would crowd out the comparisons. Places are taken in the order of a hash of the seed and of their own line, so a
    change of the code exchanges only the mutants of the lines that changed: results of two commits can be compared.
    """
    every, ranked = operators(), list[tuple[bytes, Mutant]]()
    for path in sorted(files):
        lines, seen = (root / path).read_text().splitlines(), Counter[str]()
        numbers = list[int]()  # of each line, how many equal ones stand before it in the file
        for line in lines:
            numbers.append(seen[line])
            seen[line] += 1
        at = dict[tuple[Spot, Spot], list[Mutant]]()
        for one in places(root, path, every):
            at.setdefault((one.start, one.end), []).append(one)
        for (start, end), found in at.items():
            text, nth = lines[start[0] - 1], numbers[start[0] - 1]
            where = f"{seed}|{path}|{text.strip()}|{nth}|{start[1]}|{end[0] - start[0]}|{end[1]}"
            digest = hashlib.sha256(where.encode()).digest()
            ranked.append((digest, found[int.from_bytes(digest[-4:]) % len(found)]))
    return [mutant for _, mutant in sorted(ranked, key=lambda pair: pair[0])[:count]]


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


def equivalents(file: Path) -> set[tuple[str, str, str]]:
    """Changes that no test can notice, each with its reason in the file: path, line before, line after."""
    return {(m["file"], m["before"].strip(), m["after"].strip()) for m in tomllib.loads(file.read_text())["mutant"]}


def is_equivalent(mutant_path: str, diff: list[str], known: set[tuple[str, str, str]]) -> bool:
    """Whether the change, as ``difference`` gives it, is one of ``known``."""
    before = " ".join(line[1:].strip() for line in diff if line[0] == "-")
    after = " ".join(line[1:].strip() for line in diff if line[0] == "+")
    return (mutant_path, before, after) in known
