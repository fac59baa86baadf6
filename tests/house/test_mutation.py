# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The sample of mutants: the same for a seed, one at a place, none where no run could feel it."""

from __future__ import annotations

import ast
import tomllib
from pathlib import Path

import pytest

pytest.importorskip("cosmic_ray", reason="part of the extra [mutate]")

from support.mutation.__main__ import EQUIVALENT, ROOT  # after the check above
from support.mutation.mutants import difference, is_equivalent, mutated, operators, places, sample

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


def test_a_changed_line_exchanges_only_its_own_mutants(tmp_path: Path) -> None:
    """Lines keep their place in the order of the sample when others come before them."""
    (tmp_path / "m.py").write_text(TEXT)
    before = {(m.operator, m.start[1]) for m in sample(tmp_path, ["m.py"], 6, 7)}
    (tmp_path / "m.py").write_text(TEXT.replace("@dataclass", "# a comment\n@dataclass"))
    assert {(m.operator, m.start[1]) for m in sample(tmp_path, ["m.py"], 6, 7)} == before


def test_is_none_and_equal_to_none_are_one(tmp_path: Path) -> None:
    """Nothing in the engine is equal to None but None: such a change is not made."""
    (tmp_path / "m.py").write_text("def f(a):\n    return a is None, a is not None, a == 4\n")
    names = {m.operator.rpartition("_")[0] for m in places(tmp_path, "m.py", operators())}
    assert not any(m.operator.endswith(("Is_Eq", "IsNot_NotEq")) for m in places(tmp_path, "m.py", operators()))
    assert any(name.endswith("Operator_Is") for name in names) and any(name.endswith("Operator_Eq") for name in names)


def test_equivalent_changes_are_of_lines_that_stand() -> None:
    """Each entry names a line of its file and gives a reason; an entry of a line that went is to be dropped."""
    entries = tomllib.loads(EQUIVALENT.read_text())["mutant"]
    for entry in entries:
        lines = " ".join(line.strip() for line in (ROOT / entry["file"]).read_text().splitlines())
        assert entry["before"] in lines, entry
        assert entry["before"] != entry["after"] and len(entry["why"]) > 20, entry
    first = ("f.py", "a  is b", "a == b")
    assert is_equivalent("f.py", ["-   a  is b", "+   a == b"], {first})
    assert not is_equivalent("f.py", ["-   a  is b", "+   a != b"], {first})
