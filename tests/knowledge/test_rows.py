# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Rows of the tables that are searched where they lie."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from kfuncscope.knowledge.rows import NotTraced

_PATHS = st.text("ab/.", min_size=1, max_size=4)
_NAMES = st.text("ab_é", min_size=1, max_size=4)


@given(st.dictionaries(_PATHS, st.lists(_NAMES, max_size=6, unique=True), max_size=6), _NAMES)
def test_functions_that_ftrace_cannot_patch_are_found(files: dict[str, list[str]], other: str) -> None:
    """Each by its whole name, the first and the last too, and no other (R-7.9)."""
    rows = NotTraced(NotTraced.rows_of(files))
    for name in {*(name for names in files.values() for name in names), other, f"{other}a", other[:-1], ""}:
        assert rows.files(name) == [path for path, names in files.items() if name in names]


def test_a_level_without_the_table_has_none() -> None:
    assert NotTraced(b"").files("a") == []
