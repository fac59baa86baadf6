# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What was once wrong in the window has a test each, and ``support.defects`` can put the fault back to prove it."""

from __future__ import annotations

import ast

import pytest

from support.defects import ROOT, Defect, defects, put_back


@pytest.mark.parametrize("one", defects(), ids=lambda one: f"{one.number}-{one.file.rpartition('/')[2]}")
def test_a_fault_can_be_put_back(one: Defect) -> None:
    broken = put_back(one)
    assert broken != (ROOT / "app" / "kfuncscope" / one.file).read_text()
    ast.parse(broken)
    file, _, name = one.nodes.partition("::")
    text = (ROOT / file).read_text()
    assert not name or f"\ndef {name}(" in text


def test_every_defect_has_a_fault() -> None:
    assert {one.number for one in defects()} == set(range(1, 31))
