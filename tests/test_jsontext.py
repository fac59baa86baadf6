# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Our JSON text is the text that the standard library makes of the same values."""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from kfuncscope.upgrade import jsontext

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=30,
)


class Colour(StrEnum):
    RED = "réd"


@dataclass(frozen=True)
class Part:
    name: str
    colour: Colour
    sizes: tuple[int, ...] = ()


@given(values)
def test_plain_values(value: Any) -> None:
    assert jsontext.text(value) == json.dumps(value, indent=1)


@given(values)
def test_tuples_are_lists(value: Any) -> None:
    assert jsontext.text((value, (value,), ())) == json.dumps([value, [value], []], indent=1)


def test_one_record_in_several_places_and_depths() -> None:
    part = Part("a\n\u2028", Colour.RED, (1, 2))
    plain = {"name": "a\n\u2028", "colour": "réd", "sizes": [1, 2]}
    made = jsontext.text({"one": part, "all": (part, part), "deep": [[{"p": part}]], "none": Part("", Colour.RED)})
    expected = {
        "one": plain,
        "all": [plain, plain],
        "deep": [[{"p": plain}]],
        "none": {"name": "", "colour": "réd", "sizes": []},
    }
    assert made == json.dumps(expected, indent=1)
