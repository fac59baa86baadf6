# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""``python -m support.defects [NUMBER…]``, in ``tests/``: put back what was once wrong in the window, one fault at a
time, and see that the test named for it fails. Prints a line for each; 1 when a fault went unnoticed."""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path
from typing import NamedTuple

from support.mutation import running

ROOT = Path(__file__).parents[2]
APP = "app/kfuncscope"
TABLE = ROOT / "tests" / "gui" / "defects.toml"
SECONDS = 120.0


class Defect(NamedTuple):
    """A row of the table: in ``file`` of the program ``code`` was as ``wrong`` is, and ``test`` notices."""

    number: int
    what: str
    file: str
    code: str
    wrong: str
    test: str

    @property
    def nodes(self) -> str:
        """The test as pytest names it: a file, or one test of it with all its cases."""
        file, _, name = self.test.partition("::")
        return "::".join(filter(None, (str((TABLE.parent / file).resolve().relative_to(ROOT)), name)))


def defects() -> list[Defect]:
    """All rows, in the order of the table."""
    return [Defect(**row) for row in tomllib.loads(TABLE.read_text())["defect"]]


def put_back(one: Defect) -> str:
    """The file with the fault in it. Raises ValueError where the code is no longer there exactly once."""
    text = (ROOT / APP / one.file).read_text()
    if text.count(one.code) != 1:
        raise ValueError(f"{one.number}, {one.file}: {text.count(one.code)} times: {one.code}")
    return text.replace(one.code, one.wrong)


def main() -> int:
    """Try the rows of the given numbers, or all."""
    wanted, unnoticed = set(map(int, sys.argv[1:])), 0
    running.load_libraries()
    for one in defects():
        if wanted and one.number not in wanted:
            continue
        end, failed = running.run(ROOT, f"{APP}/{one.file}", put_back(one), [one.nodes], None, SECONDS)
        noticed = end is running.End.KILLED
        unnoticed += not noticed
        print(f"{one.number:2} {'noticed' if noticed else end}: {one.what} ({failed or one.nodes})", flush=True)
    return int(bool(unnoticed))


if __name__ == "__main__":
    sys.exit(main())
