# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The formats that every command that prints a table has: table, json, jsonl, csv, md."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from kfuncscope.cli.output import out, patient, table, write_csv, write_json

if TYPE_CHECKING:
    from kfuncscope.report import Report

FORMATS = ("table", "json", "jsonl", "csv", "md")


def add_format(parser: argparse.ArgumentParser, default: str = "table") -> None:
    """``--format``."""
    parser.add_argument("--format", choices=FORMATS, default=default, help=f"output format (default: {default})")


def emit(kind: str, title: str, head: Sequence[str], rows: Iterable[Sequence[Any]], whole: Any = None) -> None:
    """Rows on standard output in one of ``FORMATS``.

    ``whole`` is what JSON holds where it is more than the rows: a list, of which JSON Lines has an entry in each line.
    """
    if kind in ("json", "jsonl"):
        listed = [dict(zip(head, row, strict=True)) for row in rows] if whole is None else whole
        if kind == "json":
            write_json(listed)
        else:
            lines(listed if isinstance(listed, list) else [listed])
    elif kind == "csv":
        write_csv(head, rows)
    elif kind == "md":
        from kfuncscope.report import tables

        out(tables.render("md", title, head, [list(row) for row in rows], frozenset()))
    else:
        table(head, [[str(cell) for cell in row] for row in rows])


def lines(values: Iterable[Any]) -> None:
    """JSON Lines on standard output."""
    with patient():
        for value in values:
            print(json.dumps(value, ensure_ascii=True))


def formatted(report: Report, kind: str) -> bytes:
    """An analysis in one of ``FORMATS`` but ``table``; JSON Lines has a finding in each line, as CSV has."""
    from kfuncscope.report import render
    from kfuncscope.report.formats import csvrows

    if kind == "jsonl":
        return "".join(json.dumps(one, ensure_ascii=True) + "\n" for one in csvrows.records(report)).encode("ascii")
    return render(report, kind)


def to_stdout(arguments: argparse.Namespace) -> bool:
    """Whether a report goes to standard output, which then holds nothing else."""
    from kfuncscope.report import stdout_format

    return any(stdout_format(path) is not None for path in arguments.report)
