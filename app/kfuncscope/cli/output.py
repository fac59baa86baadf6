# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Printing for people and machines: tables, colour on a terminal, CSV, a progress line."""

from __future__ import annotations

import csv
import json
import os
import sys
from collections.abc import Iterable, Sequence
from typing import Any

from kfuncscope.rules.verdict import Verdict

GLYPHS = {
    Verdict.BREAKS: "■", Verdict.SILENT: "✖", Verdict.RISK: "▲", Verdict.DEGRADES: "◆", Verdict.UNKNOWN: "?",
    Verdict.OK: "●", Verdict.ALREADY_BROKEN: "□", Verdict.FIXED: "✔",
}  # fmt: skip
_COLOURS = {
    Verdict.BREAKS: "31", Verdict.SILENT: "35", Verdict.RISK: "33", Verdict.DEGRADES: "34", Verdict.UNKNOWN: "90",
    Verdict.OK: "32", Verdict.ALREADY_BROKEN: "90", Verdict.FIXED: "32",
}  # fmt: skip


class Painted(str):
    """A text of our own with colours in it; names from inputs are never of this class."""

    __slots__ = ()


def clean(text: str) -> str:
    """A text that cannot move the cursor or hide parts of itself: control and direction characters made visible."""
    return "".join(c if c.isprintable() or c == "\n" else f"\\x{ord(c):02x}" for c in text)


def coloured() -> bool:
    """Colour only on a terminal, and not where NO_COLOR asks for none."""
    return sys.stdout.isatty() and "NO_COLOR" not in os.environ


def verdict_word(verdict: Verdict) -> str:
    """Glyph and word, coloured on a terminal."""
    text = f"{GLYPHS[verdict]} {verdict.value}"
    return Painted(f"\033[{_COLOURS[verdict]}m{text}\033[0m") if coloured() else text


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """A plain table with aligned columns; the last column is free to run on."""
    body = [[cell if isinstance(cell, Painted) else clean(cell).replace("\n", "\\n") for cell in row] for row in rows]
    widths = [max((_width(r[i]) for r in [head, *body]), default=0) for i in range(len(head))]
    for row in [head, *body]:
        cells = [cell + " " * (widths[i] - _width(cell)) for i, cell in enumerate(row[:-1])]
        print("  ".join([*cells, row[-1]]).rstrip())


def _width(text: str) -> int:
    return len(text) - (9 if isinstance(text, Painted) else 0)


def write_csv(head: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """CSV on standard output, with formulas defused."""
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(head)
    for row in rows:
        writer.writerow([_defused(c) for c in row])


def _defused(cell: object) -> object:
    if not isinstance(cell, str):
        return cell
    text = "\t".join(clean(part) for part in cell.split("\t"))
    return f"'{text}" if text[:1] in ("=", "@", "\t") else text


def write_json(value: Any) -> None:
    """JSON on standard output."""
    json.dump(value, sys.stdout, indent=2, ensure_ascii=True)
    print()


class ProgressLine:
    """One line on standard error that is written over; silent where that is no terminal."""

    def __init__(self) -> None:
        self.on = sys.stderr.isatty()

    def __call__(self, done: int, total: int, what: str) -> None:
        """As the engine's progress callbacks."""
        if not self.on:
            return
        filled = 24 * done // max(total, 1)
        bar = "█" * filled + "░" * (24 - filled)
        print(f"\r\033[K{bar} {done}/{total} {clean(what)[:80]}", end="", file=sys.stderr, flush=True)

    def end(self) -> None:
        """Clear the line."""
        if self.on:
            print("\r\033[K", end="", file=sys.stderr, flush=True)
