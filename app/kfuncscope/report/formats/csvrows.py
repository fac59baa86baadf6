# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""CSV that spreadsheets can open without running anything: one row a finding, then what became of the inputs."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence

from kfuncscope.decision.gate import Decision
from kfuncscope.model.analysis import Analysis
from kfuncscope.model.rows import rows
from kfuncscope.model.verdict import Verdict
from kfuncscope.report import proof
from kfuncscope.report.safe import code
from kfuncscope.report.summary import Report
from kfuncscope.study.frame import COLUMNS, record

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "|", "%", "＝", "＋", "－", "＠")
_HEAD = (*COLUMNS, "decision", "proof")
_CELL = 32_000  # spreadsheets take at most 32,767 characters in a cell


NOT_CHECKED, ELSEWHERE, EQUAL, DECISION = "not checked", "other architecture", "equal object", "decision"
PROOF = "proof"
"""What stands in the column ``kind`` of rows that are not findings."""


def render(report: Report) -> bytes:
    """The whole report: findings, then rows whose ``kind`` is one of the five words above.

    A row "not checked" has the place in ``object`` and the reason in ``message``; "other architecture" in ``arch``
    where the object was not judged; "equal object" one place of an object that was found in several, in ``name``;
    "proof" is a program, or an object as a whole, without a finding with which a booted kernel does not agree;
    "decision" the headline in ``name``, the exit status in ``class`` and the reasons in ``message``.
    """
    return table(_HEAD, [*_findings(report.analysis, report.decision), *_inputs(report)])


def records(report: Report) -> Iterator[dict[str, str | int]]:
    """The findings of a report, each with its columns by name."""
    return (dict(zip(_HEAD, line, strict=True)) for line in _findings(report.analysis, report.decision))


def _inputs(report: Report) -> Iterator[list[str | int]]:
    for one in report.unchecked:
        given = "unread" if one.given else ""
        yield _row(kind=NOT_CHECKED, object=one.place, arch=" ".join(one.arches), message=one.why, decision=given)
    for other in report.elsewhere:
        yield _row(kind=ELSEWHERE, object=other.object, arch=" ".join(other.arches))
    for info in report.shared:
        for place in info.places:
            yield _row(kind=EQUAL, object=info.name, package=place.package, name=place.path)
    decision = report.decision
    said = "; ".join((*decision.reasons, f"by {decision.by}"))
    row = {"kind": DECISION, "name": decision.headline, "class": str(decision.exit.value), "message": said}
    yield _row(**row, decision=decision.state.value)


def _row(**given: str) -> list[str | int]:
    return [given.get(column, 0 if column in ("severity", "line") else "") for column in _HEAD]


def findings(analysis: Analysis, decision: Decision | None = None) -> bytes:
    """All findings, columns as in ``study.frame``, ``decision`` (blocks, review, tolerated or nothing) and ``proof``
    (what booted kernels did with the program)."""
    return table(_HEAD, _findings(analysis, decision))


def _findings(analysis: Analysis, decision: Decision | None) -> Iterator[list[str | int]]:
    stands: dict[str, str] = {}
    if decision is not None:
        stands |= {row.key: "review" for row in decision.review}
        stands |= {row.key: "blocks" for row in decision.blocking}
        stands |= {row.key: "tolerated" for row, _ in decision.tolerated}
    proved = proof.answers(analysis)
    listed = list(rows(analysis))
    for row in listed:
        told = proof.words(proved.get((row.arch, row.object, row.program), []))
        yield [*record(row).values(), stands.get(row.key, ""), told]
    alone, judged = proof.without_row(proved, listed), proof.verdicts(analysis) if proved else {}
    for (arch, name, program), given in alone.items():
        yield _row(
            kind=PROOF, verdict=judged.get((arch, name, program), Verdict.UNKNOWN).value, arch=arch, object=name,
            program=program, section=given[0][1].section, message=proof.disagreeing(given), proof=proof.words(given),
        )  # fmt: skip


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
