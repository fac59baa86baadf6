# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Formats that carry an analysis and nothing of its report's own: the JSON form, and the graph in its forms."""

from __future__ import annotations

from kfuncscope.report.formats import graphtext
from kfuncscope.report.formats.svg import document
from kfuncscope.report.summary import Report
from kfuncscope.upgrade import jsonform


def json(report: Report) -> bytes:
    """The JSON form, with decision and shard."""
    return jsonform.dumps(report.whole, report.decision, report.shard)


def svg(report: Report) -> bytes:
    """The graph of what is affected on the worst architecture."""
    return document(report.analysis)


def png(report: Report) -> bytes:
    """The same as a picture; Qt draws it."""
    from kfuncscope.report.formats import pdf

    return pdf.png(document(report.analysis))


def dot(report: Report) -> bytes:
    """The graph for Graphviz."""
    return graphtext.dot(report.analysis)


def graphml(report: Report) -> bytes:
    """The graph for networkx and Gephi."""
    return graphtext.graphml(report.analysis)
