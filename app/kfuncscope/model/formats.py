# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The formats of reports, a row each: ``--report``, its help, the window's export and the API go by them."""

from __future__ import annotations

from typing import NamedTuple


class Format(NamedTuple):
    """One format of a report.

    ``made_by`` is a module of ``report/formats`` and its function that takes a Report and gives bytes. ``qt`` says
    that Qt draws it, ``picture`` that the window has pictures of its own in its place, ``others`` more extensions.
    """

    extension: str
    title: str
    made_by: str
    qt: bool = False
    picture: bool = False
    others: tuple[str, ...] = ()


FORMATS: dict[str, Format] = {
    "html": Format(".html", "HTML report, one file", "html.render", others=(".htm",)),
    "pdf": Format(".pdf", "PDF report", "pdf.render", qt=True),
    "md": Format(".md", "Markdown", "markdown.render", others=(".markdown",)),
    "csv": Format(".csv", "CSV, one row a finding", "csvrows.render"),
    "json": Format(".json", "JSON", "of_analysis.json"),
    "sarif": Format(".sarif", "SARIF", "sarif.render", others=(".sarif.json",)),
    "junit": Format(".xml", "JUnit XML", "junit.render", others=(".junit",)),
    "svg": Format(".svg", "Graph as SVG", "of_analysis.svg", picture=True),
    "png": Format(".png", "Graph as PNG", "of_analysis.png", qt=True, picture=True),
    "dot": Format(".dot", "Graph as DOT", "of_analysis.dot", others=(".gv",)),
    "graphml": Format(".graphml", "Graph as GraphML", "of_analysis.graphml"),
}
