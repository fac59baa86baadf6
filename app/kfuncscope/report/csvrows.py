# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""CSV that spreadsheets can open without running anything: one row a finding."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence

from kfuncscope.decision.policy import Decision
from kfuncscope.model.analysis import Analysis
from kfuncscope.model.rows import rows
from kfuncscope.report.safe import code
from kfuncscope.study.frame import COLUMNS, record

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "|", "%", "＝", "＋", "－", "＠")
_CELL = 32_000  # spreadsheets take at most 32,767 characters in a cell


def findings(analysis: Analysis, decision: Decision | None = None) -> bytes:
    """All findings, columns as in ``study.frame`` and ``decision`` (blocks, review, tolerated or nothing)."""
    stands: dict[str, str] = {}
    if decision is not None:
        stands |= {row.key: "review" for row in decision.review}
        stands |= {row.key: "blocks" for row in decision.blocking}
        stands |= {row.key: "tolerated" for row, _ in decision.tolerated}
    body = ([*record(row).values(), stands.get(row.key, "")] for row in rows(analysis))
    return table([*COLUMNS, "decision"], body)


def table(head: Sequence[str], body: Iterable[Sequence[str | int | float]]) -> bytes:
    """A table as UTF-8 with CRLF line ends (RFC 4180); text that a spreadsheet would run is made plain text."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(head)
    for line in body:
        writer.writerow([cell(v) if isinstance(v, str) else v for v in line])
    return out.getvalue().encode("utf-8")


def cell(text: str) -> str:
    """One cell: unseen characters made visible, and an apostrophe before what would start a formula."""
    shown = code(text, _CELL)
    return f"'{shown}" if shown.lstrip(" ").startswith(_FORMULA) else shown
