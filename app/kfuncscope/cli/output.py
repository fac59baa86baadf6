# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Printing for people and machines: tables, colour on a terminal, CSV, a progress line."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TextIO

from kfuncscope.model.looks import LOOKS
from kfuncscope.model.verdict import Verdict
from kfuncscope.storage.writing import write_file


@dataclass(slots=True)
class Manners:
    """How a run speaks, as the common options ask for it."""

    quiet: bool = False
    verbose: bool = False
    color: str = "auto"


MANNERS = Manners()


class Painted(str):
    """A text of our own in a colour of the terminal, an SGR parameter; names from inputs are never of this class."""

    plain: str

    def __new__(cls, text: str, colour: str) -> Painted:
        made = super().__new__(cls, f"\033[{colour}m{text}\033[0m")
        made.plain = text
        return made


def clean(text: str) -> str:
    """A text on one line that cannot move the cursor or hide parts of itself: what is not printable made visible.

    A line break in a name would begin a line of its own, which CI systems may take for a command to them.
    """
    return clean_lines(text).replace("\n", "\\n")


def clean_lines(text: str) -> str:
    """As ``clean``, with its line breaks kept."""
    return "".join(c if c.isprintable() or c == "\n" else f"\\x{ord(c):02x}" for c in text)


# -- streams that nobody reads, or that cannot be written


def streams() -> None:
    """Make standard output and error fit to print on: closed ones lead nowhere, what they cannot encode is escaped."""
    sys.stdout, sys.stderr = (s or _nowhere() for s in (sys.stdout, sys.stderr))
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _nowhere() -> TextIO:
    return open(os.devnull, "w", encoding="utf-8")


def silence(stream: TextIO) -> None:
    """Let a stream lead nowhere from now on, with what it still holds."""
    with contextlib.suppress(io.UnsupportedOperation), open(os.devnull, "wb") as nowhere:
        os.dup2(nowhere.fileno(), stream.fileno())


@contextlib.contextmanager
def patient() -> Iterator[None]:
    """Print; where the reader stops reading (``| head``) go on without, for reports and the exit status are wanted."""
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError:
        silence(sys.stdout)


def say(line: str) -> None:
    """A line on standard error. That it cannot be written changes nothing of what a command does."""
    try:
        print(line, file=sys.stderr, flush=True)
    except OSError:
        silence(sys.stderr)


# -- forms


def coloured() -> bool:
    """Colour as ``--color`` says: by itself only on a terminal, and not where NO_COLOR asks for none."""
    if MANNERS.color != "auto":
        return MANNERS.color == "always"
    return sys.stdout.isatty() and "NO_COLOR" not in os.environ


def verdict_word(verdict: Verdict) -> str:
    """Glyph and word, coloured on a terminal."""
    text = f"{LOOKS[verdict].glyph} {verdict.value}"
    return Painted(text, LOOKS[verdict].ansi) if coloured() else text


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """A plain table with aligned columns; the last column is free to run on."""
    body = [[cell if isinstance(cell, Painted) else clean(cell) for cell in row] for row in rows]
    widths = [max((_width(r[i]) for r in [head, *body]), default=0) for i in range(len(head))]
    with patient():
        for row in [head, *body]:
            cells = [cell + " " * (widths[i] - _width(cell)) for i, cell in enumerate(row[:-1])]
            print("  ".join([*cells, row[-1]]).rstrip())


def _width(text: str) -> int:
    return len(text.plain if isinstance(text, Painted) else text)


def write_csv(head: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """CSV on standard output, with formulas defused."""
    writer = csv.writer(sys.stdout, lineterminator="\n")
    with patient():
        writer.writerow(head)
        for row in rows:
            writer.writerow([_defused(c) for c in row])


def _defused(cell: object) -> object:
    if not isinstance(cell, str):
        return cell
    text = "\t".join(clean_lines(part) for part in cell.split("\t"))
    return f"'{text}" if text[:1] in ("=", "@", "\t") else text


def write_json(value: Any) -> None:
    """JSON on standard output."""
    with patient():
        json.dump(value, sys.stdout, indent=2, ensure_ascii=True)
        print()


def out(data: bytes, path: str | None = None) -> None:
    """Bytes to a file, or to standard output whatever its encoding is. Raises InputError where it cannot be written."""
    if path and path != "-":
        write_file(path, data)
        return
    with patient():
        sys.stdout.flush()
        if hasattr(sys.stdout, "buffer"):
            sys.stdout.buffer.write(data)
            sys.stdout.buffer.flush()
        else:
            sys.stdout.write(data.decode("utf-8"))


class ProgressLine:
    """One line on standard error that is written over; where that is not a terminal, silent, or lines if verbose."""

    def __init__(self) -> None:
        self.on = sys.stderr.isatty() and not MANNERS.quiet
        self._told = ""

    def __call__(self, done: int, total: int, what: str) -> None:
        """As the engine's progress callbacks."""
        if not self.on:
            self._tell(done, total, what)
            return
        filled = 24 * done // max(total, 1)
        bar = "█" * filled + "░" * (24 - filled)
        self._write(f"{bar} {done}/{total} {clean(what)[:80]}")

    def _tell(self, done: int, total: int, what: str) -> None:
        """A line for each tenth of the work, and where something else begins."""
        if not MANNERS.verbose:
            return
        stage = f"{'' if total > 1 else what}{10 * done // max(total, 1)}"
        if stage != self._told:
            self._told = stage
            say(f"kfuncscope: {done}/{total} {clean(what)[:120]}")

    def end(self) -> None:
        """Clear the line."""
        if self.on:
            self._write("")

    def _write(self, text: str) -> None:
        try:
            print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)
        except OSError:
            self.on = False
            silence(sys.stderr)
