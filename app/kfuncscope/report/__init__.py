# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Reports of an analysis: pure functions to bytes, one format a module; ``write`` chooses by the file's extension."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from kfuncscope.errors import SessionError
from kfuncscope.extras import need
from kfuncscope.report.summary import Report, make
from kfuncscope.storage.writing import write_file

__all__ = ["DRAWN_BY_QT", "FORMATS", "Report", "format_of", "make", "render", "stdout_format", "write"]


def _html(report: Report) -> bytes:
    from kfuncscope.report.formats import html

    return html.render(report)


def _pdf(report: Report) -> bytes:
    need("gui", "PDF")
    from kfuncscope.report.formats import pdf

    return pdf.render(report)


def _markdown(report: Report) -> bytes:
    from kfuncscope.report.formats import markdown

    return markdown.render(report)


def _csv(report: Report) -> bytes:
    from kfuncscope.report.formats import csvrows

    return csvrows.render(report)


def _json(report: Report) -> bytes:
    from kfuncscope.upgrade import jsonform

    return jsonform.dumps(report.whole, report.decision, report.shard)


def _sarif(report: Report) -> bytes:
    from kfuncscope.report.formats import sarif

    return sarif.render(report)


def _junit(report: Report) -> bytes:
    from kfuncscope.report.formats import junit

    return junit.render(report)


def _svg(report: Report) -> bytes:
    from kfuncscope.report.formats import svg

    return svg.document(report.analysis)


def _png(report: Report) -> bytes:
    need("gui", "PNG")
    from kfuncscope.report.formats import pdf, svg

    return pdf.png(svg.document(report.analysis))


def _dot(report: Report) -> bytes:
    from kfuncscope.report.formats import graphtext

    return graphtext.dot(report.analysis)


def _graphml(report: Report) -> bytes:
    from kfuncscope.report.formats import graphtext

    return graphtext.graphml(report.analysis)


FORMATS: dict[str, tuple[str, Callable[[Report], bytes]]] = {
    "html": (".html", _html),
    "pdf": (".pdf", _pdf),
    "md": (".md", _markdown),
    "csv": (".csv", _csv),
    "json": (".json", _json),
    "sarif": (".sarif", _sarif),
    "junit": (".xml", _junit),
    "svg": (".svg", _svg),
    "png": (".png", _png),
    "dot": (".dot", _dot),
    "graphml": (".graphml", _graphml),
}
DRAWN_BY_QT = ("pdf", "png")
_OTHER_NAMES = {".htm": "html", ".markdown": "md", ".junit": "junit", ".gv": "dot", ".sarif.json": "sarif"}


def stdout_format(path: str) -> str | None:
    """The format that ``-`` (Markdown) or ``FORMAT=-`` asks for on standard output; None for a file."""
    kind, _, rest = path.rpartition("=")
    if rest != "-":
        return None
    kind = _OTHER_NAMES.get(f".{kind}", "junit" if kind == "xml" else kind)
    if kind and kind not in FORMATS:
        raise SessionError(path, f"{kind!r} is not a format; known are {', '.join(FORMATS)}")
    return kind or "md"


def format_of(path: str | Path) -> str:
    """The format that a file name asks for. Raises SessionError where the extension is none that is written."""
    if (kind := stdout_format(str(path))) is not None:
        return kind
    name = os.path.basename(str(path)).lower()
    known = {extension: word for word, (extension, _) in FORMATS.items()} | _OTHER_NAMES
    fitting = [extension for extension in known if name.endswith(extension)]
    if not fitting:
        raise SessionError(str(path), f"no report has this extension; known are {', '.join(sorted(known))}")
    return known[max(fitting, key=len)]


def render(report: Report, kind: str) -> bytes:
    """A report in one of ``FORMATS``."""
    return FORMATS[kind][1](report)


def write(report: Report, path: str | Path) -> None:
    """Write a report to a file, in the format of its extension; the file is whole or not there."""
    write_file(path, render(report, format_of(path)))
