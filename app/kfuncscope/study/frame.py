# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Tables as pandas frames, for those who want to go on from a result by themselves. pandas loads when first used."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kfuncscope.extras import need
from kfuncscope.model.analysis import Analysis
from kfuncscope.model.rows import Row, rows
from kfuncscope.model.verdict import SEVERITY
from kfuncscope.study.tabular import Table

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = (
    "key", "verdict", "severity", "arch", "object", "package", "program", "section", "kind", "name", "class", "reach",
    "confidence", "rules", "message", "old", "new", "file", "line", "reachable", "guard", "remedy", "old_kernel",
    "new_kernel",
)  # fmt: skip


def record(row: Row) -> dict[str, str | int]:
    """One finding as flat values under the names of ``COLUMNS``; the first place that uses the need stands for all."""
    f = row.finding
    site = next((s for s in f.sites if s.reachable is not False), f.sites[0] if f.sites else None)
    reachable = "" if site is None or site.reachable is None else "yes" if site.reachable else "no"
    return {
        "key": row.key,
        "verdict": f.verdict.value,
        "severity": SEVERITY[f.verdict],
        "arch": row.arch,
        "object": row.object,
        "package": row.package,
        "program": row.program,
        "section": row.section,
        "kind": f.kind.value,
        "name": f.name,
        "class": f.failure,
        "reach": f.reach.value,
        "confidence": f.confidence.value,
        "rules": " ".join(f.rules),
        "message": f.message,
        "old": f.evidence.old,
        "new": f.evidence.new,
        "file": site.file if site else "",
        "line": site.line if site else 0,
        "reachable": reachable,
        "guard": site.guard if site else "",
        "remedy": f.remedy.text if f.remedy else "",
        "old_kernel": row.old,
        "new_kernel": row.new,
    }


def findings(analysis: Analysis) -> pd.DataFrame:
    """One row a finding, columns ``COLUMNS``, in the order of the analysis."""
    need("frames", "a table as a frame")
    import pandas as pd

    return pd.DataFrame([record(row) for row in rows(analysis)], columns=list(COLUMNS))


def matrix(analysis: Analysis) -> pd.DataFrame:
    """Programs × architectures: index (object, program), a column of verdict words an architecture, "" where absent."""
    need("frames", "a table as a frame")
    import pandas as pd

    cells: dict[tuple[str, str], dict[str, str]] = {}
    for result in analysis.arches:
        for obj in result.objects:
            for program in obj.programs:
                cells.setdefault((obj.object, program.program), {})[result.arch] = program.verdict.value
    index = pd.MultiIndex.from_tuples(list(cells), names=["object", "program"])
    columns = list(dict.fromkeys(a.arch for a in analysis.arches))
    table = [[line.get(arch, "") for arch in columns] for line in cells.values()]
    return pd.DataFrame(table, index=index, columns=columns, dtype="str")


def of_table(table: Table) -> pd.DataFrame:
    """A table of ``study.tabular`` (usage, comparison, path) with its head as columns."""
    need("frames", "a table as a frame")
    import pandas as pd

    return pd.DataFrame(list(table.body), columns=list(table.head))
