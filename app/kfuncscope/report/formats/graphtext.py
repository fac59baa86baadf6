# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The graph for other tools: DOT for graphviz, GraphML for networkx, yEd and Gephi."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from xml.sax.saxutils import escape, quoteattr

from kfuncscope.model.analysis import Analysis
from kfuncscope.model.looks import LOOKS
from kfuncscope.model.verdict import Verdict
from kfuncscope.report.safe import visible
from kfuncscope.study.graph import TAIL_CALL, build

_SHAPES = {"object": "folder", "program": "box"}
_NODE_KEYS = ("arch", "kind", "label", "detail", "verdict", "reach")
_EDGE_KEYS = ("kind", "label", "verdict", "rules", "messages")


def _parts(analysis: Analysis) -> Iterator[tuple[str, list[dict[str, str]], list[tuple[int, int, dict[str, str]]]]]:
    """Per architecture its nodes as flat text, and edges between their numbers; all in a fixed order."""
    for arch in dict.fromkeys(a.arch for a in analysis.arches):
        graph = build(analysis, arch)
        nodes = sorted(graph.nodes)
        numbers = {node: i for i, node in enumerate(nodes)}
        flat = [_node(arch, graph.nodes[node]) for node in nodes]
        edges = [(numbers[a], numbers[b], _edge(data)) for a, b, data in graph.edges(data=True)]
        yield arch, flat, sorted(edges, key=lambda e: e[:2])


def _node(arch: str, data: dict[str, Any]) -> dict[str, str]:
    flat = {key: visible(str(data.get(key, ""))) for key in _NODE_KEYS}
    flat["arch"] = visible(arch)
    return flat


def _edge(data: dict[str, Any]) -> dict[str, str]:
    findings = data["findings"]
    rules = dict.fromkeys(rule for ids, _ in findings for rule in ids)
    messages = " | ".join(message for _, message in findings)
    return {
        "kind": data["kind"],
        "label": visible(data["label"]),
        "verdict": str(data["verdict"]),
        "rules": visible(" ".join(rules)),
        "messages": visible(messages, 2000),
    }


def dot(analysis: Analysis) -> bytes:
    """One digraph with a cluster an architecture; colours, shapes and words tell the verdicts."""
    out = ["digraph kfuncscope {", '  rankdir=LR; node [style=filled fontname="monospace"];']
    for number, (arch, nodes, edges) in enumerate(_parts(analysis)):
        out.append(f"  subgraph cluster_{number} {{ label={_dot(visible(arch))};")
        for i, node in enumerate(nodes):
            look = LOOKS[Verdict(node["verdict"])]
            label = f"{look.glyph} {node['label']}"
            shape = _SHAPES.get(node["kind"], "ellipse")
            attributes = f'shape={shape} color="{look.light[0]}" fillcolor="{look.light[1]}"'
            plain = " ".join(f"{key}={_dot(node[key])}" for key in ("kind", "verdict", "detail"))
            out.append(f"    a{number}_{i} [label={_dot(label)} {attributes} {plain}];")
        for a, b, edge in edges:
            look = LOOKS[Verdict(edge["verdict"])]
            said = f'color="{look.light[0]}" kind={_dot(edge["kind"])} verdict={_dot(edge["verdict"])}'
            if edge["kind"] == TAIL_CALL:
                said += f" label={_dot(edge['label'])} style=dashed constraint=false"
            if edge["messages"]:
                said += f" rules={_dot(edge['rules'])} tooltip={_dot(edge['messages'])}"
            out.append(f"    a{number}_{a} -> a{number}_{b} [{said}];")
        out.append("  }")
    out.append("}")
    return ("\n".join(out) + "\n").encode()


def _dot(text: str) -> str:
    """A quoted DOT string; graphviz reads backslash escapes and HTML entities in it, so both are taken literally."""
    return '"' + text.replace("&", "&amp;").replace("\\", "\\\\").replace('"', '\\"') + '"'


def graphml(analysis: Analysis) -> bytes:
    """All architectures in one GraphML graph; the node data ``arch`` tells them apart."""
    out = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        '<graphml xmlns="http://graphml.graphdrawing.org/xmlns">',
        *(_graphml_key("node", key) for key in _NODE_KEYS),
        *(_graphml_key("edge", key) for key in _EDGE_KEYS),
        '<graph id="kfuncscope" edgedefault="directed">',
    ]
    for number, (_, nodes, edges) in enumerate(_parts(analysis)):
        for i, node in enumerate(nodes):
            out.append(f'<node id="a{number}_{i}">{_graphml_data("node", node)}</node>')
        for a, b, edge in edges:
            ends = f'source="a{number}_{a}" target="a{number}_{b}"'
            out.append(f"<edge {ends}>{_graphml_data('edge', edge)}</edge>")
    out.append("</graph></graphml>")
    return ("\n".join(out) + "\n").encode()


def _graphml_key(owner: str, key: str) -> str:
    return f'<key id="{owner}_{key}" for="{owner}" attr.name={quoteattr(key)} attr.type="string"/>'


def _graphml_data(owner: str, values: dict[str, str]) -> str:
    return "".join(f'<data key="{owner}_{key}">{escape(value)}</data>' for key, value in values.items() if value)
