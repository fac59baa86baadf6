# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The sample of mutants: the same for a seed, one at a place, none where no run could feel it."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

pytest.importorskip("cosmic_ray", reason="part of the extra [mutate]")

from support.mutation.mutants import difference, mutated, sample  # after the check above

TEXT = '''"""A module."""
from dataclasses import dataclass

@dataclass(frozen=True)
class A:
    x: int | None = 3

def f(a: int, b: int | str) -> int | None:
    if a < 4 and b:
        return a + 1
    return None
'''


def test_samples_are_seeded_and_leave_annotations_alone(tmp_path: Path) -> None:
    (tmp_path / "m.py").write_text(TEXT)
    found = sample(tmp_path, ["m.py"], 100, 7)
    assert found == sample(tmp_path, ["m.py"], 100, 7)
    assert found != sample(tmp_path, ["m.py"], 100, 8)
    assert len({(m.start, m.end) for m in found}) == len(found)
    lines = {m.start[0] for m in found}
    assert {6, 9, 10} <= lines and 8 not in lines  # the default, the test and the sum; not the signature


def test_each_mutant_is_python_and_differs_in_one_place(tmp_path: Path) -> None:
    (tmp_path / "m.py").write_text(TEXT)
    texts = [(m, mutated(tmp_path, m)) for m in sample(tmp_path, ["m.py"], 100, 7)]
    made = [(m, text) for m, text in texts if text is not None]
    assert made
    for mutant, text in made:
        assert ast.dump(ast.parse(text)) != ast.dump(ast.parse(TEXT))
        assert difference(tmp_path, mutant, text)
    assert (tmp_path / "m.py").read_text() == TEXT
