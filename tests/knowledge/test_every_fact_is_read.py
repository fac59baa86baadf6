# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""R-12.3: what the tables hold is read by the engine, or it is not collected."""

from __future__ import annotations

import re
from pathlib import Path

import kfuncscope
from kfuncscope.knowledge import facts

APP = Path(kfuncscope.__file__).parent
HOLDS = APP / "knowledge" / "facts.py"


def test_every_field_of_every_fact_is_read() -> None:
    """As an attribute, or by its name in a table of a check; the builder, which only writes them, does not count."""
    readers = [p for p in APP.rglob("*.py") if p != HOLDS and APP / "knowledge" / "build" not in p.parents]
    code = "\n".join(path.read_text() for path in readers)
    read = {*re.findall(r"\.([a-z_][a-z_0-9]*)", code), *re.findall(r'"([a-z_0-9]+)"', code)}
    fields = {
        f"{name}.{field}": field
        for name, kind in vars(facts).items() if isinstance(kind, type) and kind.__module__ == facts.__name__
        for field in getattr(kind, "__struct_fields__", ())
    }  # fmt: skip
    assert len(fields) > 60
    assert not [place for place, field in fields.items() if field not in read]
