# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Remedies over the cases, the samples and Debian's objects on real kernels: each finding has one of the right kind,
every snippet compiles, and applied it mends what the finding says.

Marked corpus: the objects and kernels are not in the repository. ``python -m support.remedytable`` makes the table of
all pairs.
"""

from __future__ import annotations

import pytest

from support.remedytable import Table, fill, text

PAIRS = (("6.1-amd64", "6.12-amd64"), ("6.12-amd64", "7.3-amd64"))


@pytest.mark.corpus
@pytest.mark.parametrize(("old", "new"), PAIRS)
def test_every_remedy_of_real_objects_is_of_the_right_kind_compiles_and_works(old: str, new: str) -> None:
    table = Table()
    fill(table, old, new)
    assert table.findings.total() > 10, text(table)
    assert table.errors == []
    assert table.strange == []
    assert table.failed == [], text(table)
    assert table.worked.total() > 10, text(table)
