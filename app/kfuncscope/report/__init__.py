# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Reports of an analysis: pure functions to bytes, one format a module; ``write`` chooses by the file's extension."""

from __future__ import annotations

import importlib
import os
from pathlib import Path

from kfuncscope.errors import SessionError
from kfuncscope.extras import need
from kfuncscope.model.formats import FORMATS
from kfuncscope.report.summary import Report, make
from kfuncscope.storage.writing import write_file

__all__ = ["FORMATS", "Report", "format_of", "make", "render", "stdout_format", "write"]


def _extensions() -> dict[str, str]:
    """Every extension of a report with the word of its format."""
    return {one: word for word, known in FORMATS.items() for one in (known.extension, *known.others)}


def stdout_format(path: str) -> str | None:
    """The format that ``-`` (Markdown) or ``FORMAT=-`` asks for on standard output; None for a file."""
    kind, _, rest = path.rpartition("=")
    if rest != "-":
        return None
    kind = kind if kind in FORMATS else _extensions().get(f".{kind}", kind)
    if kind and kind not in FORMATS:
        raise SessionError(path, f"{kind!r} is not a format; known are {', '.join(FORMATS)}")
    return kind or "md"


def format_of(path: str | Path) -> str:
    """The format that a file name asks for. Raises SessionError where the extension is none that is written."""
    if (kind := stdout_format(str(path))) is not None:
        return kind
    name = os.path.basename(str(path)).lower()
    known = _extensions()
    fitting = [extension for extension in known if name.endswith(extension)]
    if not fitting:
        raise SessionError(str(path), f"no report has this extension; known are {', '.join(sorted(known))}")
    return known[max(fitting, key=len)]


def render(report: Report, kind: str) -> bytes:
    """A report in one of ``FORMATS``. Raises MissingExtraError where Qt has to draw it and is not installed."""
    chosen = FORMATS[kind]
    if chosen.qt:
        need("gui", kind.upper())
    module, _, function = chosen.made_by.partition(".")
    made: bytes = getattr(importlib.import_module(f"kfuncscope.report.formats.{module}"), function)(report)
    return made


def write(report: Report, path: str | Path) -> None:
    """Write a report to a file, in the format of its extension; the file is whole or not there."""
    write_file(path, render(report, format_of(path)))
