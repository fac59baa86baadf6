# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Make the rows of two levels, and add them to a table.

    python -m kfuncscope.study.renames OLD_TREE OLD_BTF NEW_TREE NEW_BTF OLD_LEVEL NEW_LEVEL FOLDER

Trees are unpacked sources, BTF that of a kernel of each; FOLDER has ``renames.json.xz``, or will have.
"""

from __future__ import annotations

import sys
from pathlib import Path

from kfuncscope.btf.blob import Blob
from kfuncscope.knowledge import tables
from kfuncscope.study.renames.confirm import Side
from kfuncscope.study.renames.customs import with_customs
from kfuncscope.study.renames.elsewhere import moved
from kfuncscope.study.renames.evidence import Evidence, gathered, names_gone
from kfuncscope.study.renames.table import Rows, merged, rows, with_moved

TABLE = "renames"


def main(old_tree: str, old_btf: str, new_tree: str, new_btf: str, old_level: str, new_level: str, folder: str) -> None:
    """Write the table with the rows of two levels in the place of those that it had of them."""
    old, new = (Side(Blob(Path(path).read_bytes(), path)) for path in (old_btf, new_btf))
    found = gathered(Path(old_tree), Path(new_tree), old, new)
    made = made_rows(found, (old, new), old_level, new_level)
    there = dict(tables.read(Path(folder), TABLE)) if tables.exists(Path(folder), TABLE) else {}
    tables.write(Path(folder), TABLE, merged([_without(there, old_level, new_level), made]), compress=True)


def made_rows(found: Evidence, both: tuple[Side, Side], old_level: str, new_level: str) -> Rows:
    """The rows of what was seen of two levels."""
    gone = with_customs(list(names_gone(found, *both)), *both, found.pieces.before)
    there = moved(*both, found.pieces.old, found.pieces.new)
    return with_moved(rows(gone, old_level, new_level), there, old_level, new_level)


def _without(table: dict[str, dict[str, list[list[object]]]], old_level: str, new_level: str) -> dict[str, object]:
    """A table without the rows of two levels."""
    made: dict[str, object] = {}
    for kind, names in table.items():
        if kind in ("instead", "provenance"):
            made[kind] = names
            continue
        kept = {name: [r for r in found if r[1:3] != [old_level, new_level]] for name, found in names.items()}
        made[kind] = {name: found for name, found in kept.items() if found}
    return made


if __name__ == "__main__":
    main(*sys.argv[1:])
